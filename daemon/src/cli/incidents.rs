//! `nightshift incidents`.

use super::evidence;
use super::follow;
use super::history::{self, withdrawal};
use super::output::{Format, OutputArg, Screen, json, many, section, table, wrapped};
use super::source::SourceArg;
use super::watch::{self, WatchArgs};
use super::{Answer, Exit};
use crate::api::incident::{IncidentLine, IncidentQuery};
use crate::clock::Clock;
use crate::runtime::offline::Course;
use clap::Subcommand;
use nightshift_engine::digest::words;
use nightshift_engine::text::visible;
use nightshift_model::{Draft, Gap, Incident, Operation, OperationState, Phase};
use std::fmt::Write as _;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Open incidents, newest first
    List(ListArgs),
    /// One incident: cause, evidence, proposals, history
    Show(ShowArgs),
    /// Each change as it comes, until Ctrl-C; `-o json` is one object a line
    Watch(WatchOne),
}

#[derive(Debug, clap::Args)]
struct WatchOne {
    /// Every event of this one incident, by its id or the beginning; a server streams them
    id: Option<String>,
    #[command(flatten)]
    args: WatchArgs,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Closed ones too
    #[arg(short, long)]
    all: bool,
    /// How many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    limit: u32,
    #[command(flatten)]
    source: SourceArg,
    #[command(flatten)]
    out: OutputArg,
}

#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// The id, or its beginning
    id: String,
    #[command(flatten)]
    source: SourceArg,
    #[command(flatten)]
    out: OutputArg,
}

pub(super) async fn run(args: Args, screen: &Screen, clock: Clock) -> Answer {
    match args.what {
        None => list(args.list, screen, clock).await,
        Some(What::List(args)) => list(args, screen, clock).await,
        Some(What::Show(args)) => show(args, screen, clock).await,
        Some(What::Watch(WatchOne { id: None, args })) => watch::incidents(args, screen, clock).await,
        Some(What::Watch(WatchOne { id: Some(id), args })) => {
            follow::incident(&id, &args, screen, clock).await
        }
    }
}

async fn list(args: ListArgs, screen: &Screen, clock: Clock) -> Answer {
    let source = args.source.open(clock).await?;
    let query = IncidentQuery { open: (!args.all).then_some(true), ..IncidentQuery::default() };
    let incidents = source.incidents(&query, args.limit).await?;
    let text = match args.out.output {
        Format::Json => json(&incidents),
        Format::Text => lines(screen, &incidents, args.all),
    };
    Ok((text, Exit::Done))
}

/// The list for people.
pub(super) fn lines(screen: &Screen, incidents: &[IncidentLine], all: bool) -> String {
    if incidents.is_empty() {
        return if all { "No incident yet.\n".to_owned() } else { "No incident is open.\n".to_owned() };
    }
    let row = |i: &IncidentLine| {
        vec![
            visible(i.id.as_str(), 80),
            screen.time(i.opened_at),
            i.phase.as_str().to_owned(),
            visible(
                &if i.namespace.is_empty() {
                    if i.name.is_empty() { i.kind.clone() } else { format!("{} {}", i.kind, i.name) }
                } else {
                    format!("{}/{}", i.namespace, i.name)
                },
                400,
            ),
            visible(i.reason.as_deref().unwrap_or_default(), 100),
        ]
    };
    let rows: Vec<Vec<String>> = incidents.iter().map(row).collect();
    table(screen, &["ID", "OPENED", "PHASE", "SCOPE", "REASON"], &rows)
}

async fn show(args: ShowArgs, screen: &Screen, clock: Clock) -> Answer {
    let course = args.source.open(clock).await?.course(&args.id).await?;
    let text = match args.out.output {
        Format::Json => {
            let rows: Vec<_> = course.rows.iter().map(history::row).collect();
            json(&serde_json::json!({"incident": course.incident, "history": rows}))
        }
        Format::Text => page(screen, &course),
    };
    Ok((text, Exit::Done))
}

/// One incident for people.
pub(super) fn page(screen: &Screen, course: &Course) -> String {
    let i = &course.incident;
    let mut out = screen.style.title(&words::trouble_of(i));
    let severity = i.symptom.as_ref().map(|f| format!(" · {}", f.severity)).unwrap_or_default();
    let _ = writeln!(out, "\n{} · {}{severity} · opened {}", i.id, i.phase.word(), screen.time(i.opened_at));
    if let Some(holder) = &i.held_by {
        let _ = writeln!(
            out,
            "{} has it since {}",
            words::visible(holder.person.as_str()),
            screen.time(holder.at)
        );
    }
    if let Some(hush) = &i.hush {
        let _ = writeln!(out, "silenced until {}: nobody is told before", screen.time(hush.until));
    }
    out.push('\n');
    out.push_str(&wrapped(screen, 0, &state(screen, i)));
    let findings: String = i.findings.iter().map(|f| wrapped(screen, 2, &finding(screen, f))).collect();
    section(screen, &mut out, "Wrong now", &findings);
    let below: String = below(i).iter().map(|line| wrapped(screen, 2, line)).collect();
    section(screen, &mut out, "Below it, for the same cause", &below);
    let mut alerts: Vec<String> =
        i.alerts.shown.iter().map(|a| words::alert(a, |at| screen.time(at))).collect();
    let more = usize::try_from(i.alerts.total).unwrap_or(usize::MAX).saturating_sub(alerts.len());
    alerts.extend((more > 0).then(|| format!("and {more} more")));
    let alerts: String = alerts.iter().map(|line| wrapped(screen, 2, line)).collect();
    section(screen, &mut out, "What Alertmanager says", &alerts);
    let ranked = i.diagnosis.as_ref().map(words::ranked).unwrap_or_default();
    let ranked: String = ranked.iter().map(|(depth, line)| wrapped(screen, 2 + 3 * depth, line)).collect();
    section(screen, &mut out, "Why, the likeliest cause first", &ranked);
    if let Some(draft) = plan(course) {
        section(screen, &mut out, "What the plan says", &wrapped(screen, 2, &draft.cause));
    }
    if let Phase::Drafted { draft } = &i.phase {
        let action = wrapped(screen, 2, &words::action(&draft.action));
        let whole = format!("{action}{}", evidence::difference(&draft.shown));
        section(screen, &mut out, "Would have been proposed", &whole);
    }
    section(screen, &mut out, "Evidence", &evidence::answered(screen, &i.evidence));
    let told = |gap: &&Gap| i.evidence.iter().any(|piece| piece.source == gap.what);
    let gaps: String =
        i.gaps().filter(|gap| !told(gap)).map(|gap| wrapped(screen, 2, &gap.to_string())).collect();
    section(screen, &mut out, "Not checked", &(evidence::not_checked(screen, &i.evidence) + &gaps));
    let proposals: String = i
        .proposals
        .iter()
        .map(|p| {
            let end = p.withdrawn.as_ref().map(|why| format!(", {}", withdrawal(why))).unwrap_or_default();
            wrapped(screen, 2, &format!("{} {}, sealed {}{end}", p.id, p.action, screen.clock(p.at)))
        })
        .collect();
    section(screen, &mut out, "Proposals", &proposals);
    section(screen, &mut out, "History", &history::told(screen, &course.rows));
    out
}

/// The scopes that show the same fault, one a line.
fn below(i: &Incident) -> Vec<String> {
    let more = i.below.more();
    let all = i.below.shown.iter().map(words::listed);
    all.chain((more > 0).then(|| format!("and {more} more"))).collect()
}

/// The last draft of an incident's course, which names the cause.
fn plan(course: &Course) -> Option<&Draft> {
    use nightshift_model::{HistoryEvent, IncidentEvent};
    course.rows.iter().rev().find_map(|row| match &row.event {
        HistoryEvent::Incident(IncidentEvent::Planned { draft }) => Some(draft),
        HistoryEvent::Incident(_) | HistoryEvent::System(_) => None,
    })
}

fn finding(screen: &Screen, f: &nightshift_model::Finding) -> String {
    let container =
        if f.container.is_empty() { String::new() } else { format!(", container {}", f.container) };
    let exit = f.exit.as_ref().map(|e| format!(", exit code {}: {}", e.code, e.class.meaning()));
    let affected = many(usize::try_from(f.affected).unwrap_or(usize::MAX), "object", "objects");
    format!(
        "{} ({}) on {}{container}{}, {affected}, since {}",
        f.reason,
        f.severity,
        f.object,
        exit.unwrap_or_default(),
        screen.time(f.since)
    )
}

/// Where it stands and what comes next.
fn state(screen: &Screen, i: &Incident) -> String {
    match &i.phase {
        Phase::Investigating { .. } => "Evidence is being gathered.".to_owned(),
        Phase::Drafted { .. } => {
            "This is what would have been proposed; in mode observe nothing more happens.".to_owned()
        }
        Phase::Proposed { proposal, votes } => format!(
            "Proposal {} waits for a person until {}; {}.\nnext: nightshift proposals show {}",
            proposal.id(),
            screen.time(proposal.plan().not_after),
            many(votes.len(), "vote", "votes"),
            proposal.id()
        ),
        Phase::Granted { grant, .. } => {
            format!("Granted by {}; it is about to be carried out.", history::persons(&grant.persons))
        }
        Phase::Executing {
            operation: Operation { state: OperationState::Unknown { why, .. }, .. }, ..
        } => {
            format!(
                "Nobody can tell whether the write took effect: {why}\nnext: look at the target, then end the \
                 incident on its page, /i/{}",
                i.id
            )
        }
        Phase::Executing { proposal, .. } => format!("Proposal {} is being carried out.", proposal.id()),
        Phase::Verifying { proposal, applied, .. } => format!(
            "Written at {}; until it has held for {} it counts as unproven.",
            screen.time(applied.at),
            proposal.plan().verification.soak
        ),
        Phase::Escalated { why } => {
            format!("A person is needed: {}\nnext: {}", words::escalation(why), words::next_step(why))
        }
        Phase::Closed { why } => {
            let notes = words::left_behind(i).into_iter().map(|left| format!("note: {left}"));
            let over = format!("Over: {}.", words::closure(why));
            std::iter::once(over).chain(notes).collect::<Vec<_>>().join("\n")
        }
    }
}
