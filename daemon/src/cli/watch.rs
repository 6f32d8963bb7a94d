//! `incidents watch` and `proposals watch`: each change as it comes, by asking for what changed since the last look.
//! A server that does not answer is asked again, ever more slowly; nothing is kept but where each line stood.

use super::output::{Format, OutputArg, Screen};
use super::source::SourceArg;
use super::{Answer, Exit, Failure};
use crate::api::incident::{IncidentLine, IncidentQuery};
use crate::api::proposal::{ProposalLine, ProposalQuery};
use crate::clock::Clock;
use nightshift_engine::text::visible;
use nightshift_model::{Seconds, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write as _;

/// Lines of one look.
const LOOK: u32 = 1_000;
/// Lines whose standing is kept; beyond, the oldest are forgotten and may be told again.
const KEPT: usize = 4_000;
/// The longest rest between two tries to reach a server.
const SLOWEST: Seconds = Seconds(30);

/// As far back as a look reaches behind the newest change that was seen: pages are not read in one moment.
const OVERLAP: Seconds = Seconds(10);

/// Arguments of both.
#[derive(Debug, clap::Args)]
pub(super) struct WatchArgs {
    /// Between two looks
    #[arg(long, value_name = "TIME", default_value = "2s")]
    pub(super) every: Seconds,
    /// End by itself after this long
    #[arg(long = "for", value_name = "TIME")]
    pub(super) lasts: Option<Seconds>,
    #[command(flatten)]
    pub(super) source: SourceArg,
    #[command(flatten)]
    pub(super) out: OutputArg,
}

/// A line that may have changed.
trait Watched: Serialize {
    /// Its id.
    fn id(&self) -> String;
    /// What makes it worth telling again.
    fn standing(&self) -> String;
    /// For people.
    fn told(&self, screen: &Screen) -> String;
}

impl Watched for IncidentLine {
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn standing(&self) -> String {
        format!("{} {:?}", self.phase.as_str(), self.severity)
    }
    fn told(&self, screen: &Screen) -> String {
        let reason = self.reason.as_deref().unwrap_or_default();
        let cause = self.cause.as_deref().map(|word| format!(" ({word})")).unwrap_or_default();
        let text = format!(
            "{} {:<13} {}/{} {reason}{cause}",
            self.id,
            self.phase.as_str(),
            self.namespace,
            self.name
        );
        format!("{} {}", screen.clock(self.changed_at), visible(&text, 600))
    }
}

impl Watched for ProposalLine {
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn standing(&self) -> String {
        self.state.clone()
    }
    fn told(&self, screen: &Screen) -> String {
        let text = format!("{} {:<13} {}/{} {}", self.id, self.state, self.namespace, self.name, self.action);
        format!("{} {}", screen.clock(self.sealed_at), visible(&text, 600))
    }
}

/// `incidents watch`.
pub(super) async fn incidents(args: WatchArgs, screen: &Screen, clock: Clock) -> Answer {
    let source = args.source.open(clock).await?;
    until_told(&args, screen, clock, async |since: Option<Timestamp>| {
        let open = since.is_none().then_some(true);
        let query = IncidentQuery { open, since, ..IncidentQuery::default() };
        let lines = source.incidents(&query, LOOK).await?;
        let newest = lines.iter().map(|line| line.changed_at).max();
        Ok((lines, newest))
    })
    .await
}

/// `proposals watch`. A proposal's line does not say when its incident changed, so the newest incident is asked for
/// before: the list is at least as new.
pub(super) async fn proposals(args: WatchArgs, screen: &Screen, clock: Clock) -> Answer {
    let source = args.source.open(clock).await?;
    until_told(&args, screen, clock, async |since: Option<Timestamp>| {
        let newest = source.incidents(&IncidentQuery::default(), 1).await?.first().map(|line| line.opened_at);
        let open = since.is_none().then_some(true);
        let query = ProposalQuery { open, since, ..ProposalQuery::default() };
        Ok((source.proposals(&query, LOOK).await?, newest))
    })
    .await
}

async fn until_told<T: Watched>(
    args: &WatchArgs,
    screen: &Screen,
    clock: Clock,
    look: impl AsyncFn(Option<Timestamp>) -> Result<(Vec<T>, Option<Timestamp>), Failure>,
) -> Answer {
    let every = Seconds(args.every.0.max(1));
    let end = args.lasts.map(|lasts| clock.now() + lasts);
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    let (mut known, mut since, mut rest) = (BTreeMap::new(), None, every);
    loop {
        let seen =
            tokio::select! { _ = interrupted.as_mut() => return Ok(done()), seen = look(since) => seen };
        match seen {
            Ok((mut lines, newest)) => {
                lines.reverse();
                if tell(&lines, &mut known, args.out.output, screen).is_err() {
                    return Ok(done()); // the reader went away and has what it wanted
                }
                since = newest.map(|at| at - OVERLAP).max(since);
                rest = every;
            }
            Err(failure) if failure.exit == Exit::Io => {
                if rest == every {
                    let _ = std::io::stderr().lock().write_all(failure.told(screen.style).as_bytes());
                }
                rest = Seconds((rest.0 * 2).min(SLOWEST.0.max(every.0)));
            }
            Err(failure) => return Err(failure),
        }
        if end.is_some_and(|end| clock.now() + rest > end) {
            return Ok(done());
        }
        tokio::select! { _ = interrupted.as_mut() => return Ok(done()), () = clock.sleep(rest.duration()) => {} }
    }
}

pub(super) fn done() -> (String, Exit) {
    (String::new(), Exit::Done)
}

/// Writes what stands otherwise than before.
fn tell<T: Watched>(
    lines: &[T],
    known: &mut BTreeMap<String, String>,
    format: Format,
    screen: &Screen,
) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in lines {
        if known.get(&line.id()) == Some(&line.standing()) {
            continue;
        }
        let text = match format {
            Format::Text => line.told(screen),
            Format::Json => serde_json::to_string(line).unwrap_or_default(),
        };
        writeln!(out, "{text}")?;
        known.insert(line.id(), line.standing());
        if known.len() > KEPT {
            known.pop_first();
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_told_again_only_when_it_stands_otherwise() {
        let line = |state: &str| ProposalLine {
            id: "pro-1".into(),
            digest: nightshift_model::Digest([0; 32]),
            action: nightshift_model::ActionKind::RollbackDeployment,
            state: state.to_owned(),
            open: true,
            incident: "inc-1".into(),
            kind: "Deployment".to_owned(),
            namespace: "shop".to_owned(),
            name: "cart\u{1b}[31m".to_owned(),
            sealed_at: Timestamp::from_second(1_800_000_000),
        };
        let screen = Screen::of_terminal(Timestamp::from_second(1_800_000_000));
        let mut known = BTreeMap::new();
        for (state, kept) in [("Proposed", "Proposed"), ("Proposed", "Proposed"), ("denied", "denied")] {
            tell(&[line(state)], &mut known, Format::Json, &screen).unwrap();
            assert_eq!(known.get("pro-1").map(String::as_str), Some(kept));
        }
        assert!(!line("denied").told(&screen).contains('\u{1b}'), "a name must not steer the terminal");
    }
}
