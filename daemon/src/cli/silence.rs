//! `nightshift silence`.

use super::output::{Format, OutputArg, Screen, json, table};
use super::source::{ConfigArg, SourceArg};
use super::{Answer, Exit, Failure};
use crate::clock::Clock;
use crate::config::Config;
use crate::runtime::offline::{self, OpenMode, SilenceError, SqliteStore};
use clap::Subcommand;
use nightshift_engine::digest::words;
use nightshift_model::{Actor, BadSilence, Foreign, Reason, Seconds, Selector, Silence, SilenceId};
use std::fmt::Write as _;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Tell nobody about some incidents for a while; they are worked on all the same
    Add(AddArgs),
    /// Silences in force
    List(ListArgs),
    /// End a silence now: what is still broken is told
    End(EndArgs),
}

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("of").required(true).args(["namespace", "workload", "reason"])))]
struct AddArgs {
    /// Everything in this namespace
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// One workload
    #[arg(long, value_name = "NAMESPACE/NAME")]
    workload: Option<String>,
    /// One kind of fault everywhere, as `CrashLoopBackOff`
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
    /// How long: `30m`, `2h`, `7d`; 30 days at most
    #[arg(long = "for", value_name = "TIME")]
    lasts: String,
    /// Why, for whoever finds it at night
    #[arg(long, value_name = "TEXT")]
    because: String,
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    out: OutputArg,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    #[command(flatten)]
    source: SourceArg,
    #[command(flatten)]
    out: OutputArg,
}

#[derive(Debug, clap::Args)]
struct EndArgs {
    /// The id, as `silence list` shows it
    id: String,
    #[command(flatten)]
    config: ConfigArg,
}

pub(super) async fn run(args: Args, screen: &Screen, clock: Clock) -> Answer {
    match args.what {
        What::Add(args) => add(args, screen, clock).await,
        What::List(args) => list(args, screen, clock).await,
        What::End(args) => end(args, clock).await,
    }
}

async fn add(args: AddArgs, screen: &Screen, clock: Clock) -> Answer {
    let of = selector(args.namespace, args.workload, args.reason.as_deref())?;
    let lasts: Seconds = args
        .lasts
        .parse()
        .map_err(|why| Failure::usage(format!("--for {}: {why}", args.lasts), "write it as 30m, 2h or 7d"))?;
    let now = clock.now();
    let because = words::visible(&args.because);
    let silence = Silence::new(of, now, now + lasts, &because, Actor::Operator).map_err(bad)?;
    let store = open(&args.config).await?;
    let added = offline::silence_add(&store, silence.clone(), now).await;
    store.close().await;
    added.map_err(|error| failed(&error))?;
    let text = match args.out.output {
        Format::Json => json(&silence),
        Format::Text => format!(
            "{} silences {} until {}.\nThere is still work on it; what is still broken then is told once.\n",
            silence.id,
            silence.of,
            screen.time(silence.until)
        ),
    };
    Ok((text, Exit::Done))
}

async fn list(args: ListArgs, screen: &Screen, clock: Clock) -> Answer {
    let source = args.source.open(clock).await?.file("the list of silences")?;
    let silences = offline::silences(&source.store, clock.now()).await?;
    let (foreign, gap) = offline::foreign(&source.store, clock.now()).await?;
    let text = match args.out.output {
        Format::Json => json(&silences),
        Format::Text => lines(screen, &silences) + &others(screen, &foreign, gap.as_deref()),
    };
    Ok((text, Exit::Done))
}

/// The list for people.
pub(super) fn lines(screen: &Screen, silences: &[Silence]) -> String {
    if silences.is_empty() {
        return "No silence is in force.\n".to_owned();
    }
    let row = |s: &Silence| {
        vec![
            s.id.to_string(),
            screen.time(s.until),
            s.of.to_string(),
            words::visible(&s.by.to_string()),
            words::visible(&s.because),
        ]
    };
    table(screen, &["ID", "UNTIL", "OF", "BY", "BECAUSE"], &silences.iter().map(row).collect::<Vec<_>>())
}

/// Those of Alertmanager, which are ended there.
pub(super) fn others(screen: &Screen, foreign: &[Foreign], gap: Option<&str>) -> String {
    let mut text = String::new();
    if !foreign.is_empty() {
        text.push_str("\nOf Alertmanager, as it said last:\n");
        let row = |s: &Foreign| {
            let all = [s.to_string(), s.by.clone(), s.because.clone()];
            let all = all.iter().map(|text| words::visible(text));
            std::iter::once(screen.time(s.until)).chain(all).collect()
        };
        let rows: Vec<Vec<String>> = foreign.iter().map(row).collect();
        text.push_str(&table(screen, &["UNTIL", "OF", "BY", "BECAUSE"], &rows));
    }
    if let Some(why) = gap {
        let _ = writeln!(text, "\nAlertmanager: {}.", words::visible(why));
    }
    text
}

async fn end(args: EndArgs, clock: Clock) -> Answer {
    let store = open(&args.config).await?;
    let ended = offline::silence_end(&store, &SilenceId(args.id), Actor::Operator, clock.now()).await;
    store.close().await;
    let silence = ended.map_err(|error| failed(&error))?;
    Ok((format!("The silence of {} is over. What is still broken is told now.\n", silence.of), Exit::Done))
}

async fn open(config: &ConfigArg) -> Result<SqliteStore, Failure> {
    let config = Config::load(&config.path())?;
    Ok(SqliteStore::open(&config.store.path, OpenMode::ReadWrite).await?)
}

/// What is silenced; clap has seen to it that it is one thing.
pub(super) fn selector(
    namespace: Option<String>,
    workload: Option<String>,
    reason: Option<&str>,
) -> Result<Selector, Failure> {
    if let Some(namespace) = namespace {
        return Ok(Selector::Namespace(namespace));
    }
    if let Some(workload) = workload {
        let (namespace, name) = workload.split_once('/').ok_or_else(|| {
            Failure::usage(format!("--workload {workload} has no namespace"), "write it as NAMESPACE/NAME")
        })?;
        return Ok(Selector::Workload { namespace: namespace.to_owned(), name: name.to_owned() });
    }
    let asked = reason.unwrap_or_default();
    let found: Result<Reason, serde_json::Error> = serde_json::from_value(asked.into());
    found.map(Selector::Reason).map_err(|error| {
        Failure::usage(
            format!("--reason {}: {error}", words::visible(asked)),
            "write it as `nightshift incidents` shows it",
        )
    })
}

fn bad(why: BadSilence) -> Failure {
    Failure::usage(why.to_string(), "see `nightshift silence add --help`")
}

fn failed(error: &SilenceError) -> Failure {
    match error {
        SilenceError::TooMany | SilenceError::NotFound(_) => {
            Failure::found(error.to_string(), "`nightshift silence list` shows them")
        }
        SilenceError::Store(_) => Failure::io(error.to_string()),
    }
}
