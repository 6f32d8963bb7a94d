//! `nightshift proposals`.

use super::evidence;
use super::history::{outcome_text, persons, withdrawal};
use super::output::{Format, OutputArg, Screen, json, section, span, table, wrapped};
use super::source::SourceArg;
use super::watch::{self, WatchArgs};
use super::{Answer, Exit};
use crate::api::proposal::{ProposalLine, ProposalQuery};
use crate::clock::Clock;
use crate::runtime::offline::{End, Story};
use clap::Subcommand;
use nightshift_engine::digest::words;
use nightshift_engine::text::visible;
use nightshift_model::Phase;
use nightshift_model::measure::{Check, ClusterCondition, Measure, Stage};
use nightshift_model::operation::OperationState;
use std::fmt::Write as _;

/// Proposals of a list.
const LISTED: u32 = 1_000;

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
    /// Proposals, newest first
    List(ListArgs),
    /// One proposal: change, reasons, proof, votes, what became of it
    Show(ShowArgs),
    /// Each change as it comes, until Ctrl-C; `-o json` is one object a line
    Watch(WatchArgs),
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Those that are over too
    #[arg(short, long)]
    all: bool,
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
        Some(What::Watch(args)) => watch::proposals(args, screen, clock).await,
    }
}

async fn list(args: ListArgs, screen: &Screen, clock: Clock) -> Answer {
    let source = args.source.open(clock).await?;
    let query = ProposalQuery { open: (!args.all).then_some(true), ..ProposalQuery::default() };
    let mut found = source.proposals(&query, LISTED).await?;
    found.sort_by_key(|line| std::cmp::Reverse(line.sealed_at));
    let text = match args.out.output {
        Format::Json => json(&found),
        Format::Text if found.is_empty() => if args.all {
            "No proposal yet.\n"
        } else {
            "No proposal is open. (--all shows those that are over)\n"
        }
        .to_owned(),
        Format::Text => {
            let row = |p: &ProposalLine| {
                let scope = visible(&format!("{}/{}", p.namespace, p.name), 400);
                let (id, state) = (visible(p.id.as_str(), 80), visible(&p.state, 40));
                vec![id, screen.time(p.sealed_at), state, scope, p.action.to_string()]
            };
            let rows: Vec<Vec<String>> = found.iter().map(row).collect();
            table(screen, &["ID", "SEALED", "STATE", "SCOPE", "ACTION"], &rows)
        }
    };
    Ok((text, Exit::Done))
}

async fn show(args: ShowArgs, screen: &Screen, clock: Clock) -> Answer {
    let story = args.source.open(clock).await?.story(&args.id).await?;
    let id = story.proposal.id();
    let text = match args.out.output {
        Format::Json => json(&serde_json::json!({
            "id": id, "digest": story.proposal.digest(), "sealed_at": story.proposal.sealed_at,
            "plan": story.proposal.plan(), "sealed": story.proposal.bytes(),
            "evidence": story.sealed_on.evidence, "coverage": story.sealed_on.gaps().collect::<Vec<_>>(),
            "votes": story.votes, "grant": story.grant, "operation": story.operation,
            "applied_at": story.applied_at, "measured": story.measured,
            "phase": story.incident.phase.word(), "end": story.end.as_ref().map(end), "ended_at": story.ended_at,
        })),
        Format::Text => page(screen, &story),
    };
    Ok((text, Exit::Done))
}

/// One proposal for people.
pub(super) fn page(screen: &Screen, story: &Story) -> String {
    let (proposal, plan) = (&story.proposal, story.proposal.plan());
    let mut out = screen.style.title(&words::action(&plan.action));
    let _ = writeln!(out, "\n{} · {} risk · incident {}", proposal.id(), plan.risk, plan.incident);
    let _ =
        writeln!(out, "digest {} · sealed {}", proposal.digest().short(), screen.time(proposal.sealed_at));
    out.push_str(&wrapped(screen, 0, &format!("proposed by {}", words::proposer(plan))));
    out.push('\n');
    out.push_str(&wrapped(screen, 0, &standing(screen, story)));
    section(screen, &mut out, "Why", &wrapped(screen, 2, &plan.cause));
    section(screen, &mut out, "What will change", &evidence::difference(&plan.shown));
    let blast = format!(
        "{} with {} wanted replicas, {} available",
        plan.action.workload(),
        plan.blast.replicas,
        plan.blast.available
    );
    let hazards: String = plan.hazards.iter().map(|hazard| wrapped(screen, 2, hazard)).collect();
    section(screen, &mut out, "What could go wrong", &(wrapped(screen, 2, &blast) + &hazards));
    section(screen, &mut out, "How it is proven", &proof(screen, story));
    section(screen, &mut out, "How it is undone", &wrapped(screen, 2, &plan.inverse.sentence));
    let seen: Vec<_> =
        story.sealed_on.evidence.iter().filter(|e| plan.evidence.contains(&e.id)).cloned().collect();
    section(screen, &mut out, "Evidence", &evidence::answered(screen, &seen));
    section(screen, &mut out, "Not checked", &evidence::not_checked(screen, &story.sealed_on.evidence));
    section(screen, &mut out, "Votes", &votes(screen, story));
    out
}

fn standing(screen: &Screen, story: &Story) -> String {
    let plan = story.proposal.plan();
    if let Some(end) = &story.end {
        let at = story.ended_at.map(|at| format!(" at {}", screen.time(at))).unwrap_or_default();
        return format!("Over{at}: {}.", self::end(end));
    }
    if story.is_open(screen.now) {
        let left = span(plan.not_after.since(screen.now));
        return format!("Open for another {left}, until {}; then it is void.", screen.clock(plan.not_after));
    }
    match &story.operation {
        Some(OperationState::Applied(applied)) => {
            format!("Written at {}; being proven.", screen.time(applied.at))
        }
        Some(OperationState::Unknown { why, .. }) => format!(
            "Nobody can tell whether it was written: {why}\nnext: look at the target, then end it on its page"
        ),
        Some(OperationState::NotApplied { why }) => format!("Nothing was written: {why}"),
        Some(OperationState::Claimed { .. } | OperationState::Sending) => "Being carried out.".to_owned(),
        None if matches!(story.incident.phase, Phase::Granted { .. }) => {
            "Granted; about to be carried out.".to_owned()
        }
        None => "Its time is over.".to_owned(),
    }
}

fn end(end: &End) -> String {
    match end {
        End::Withdrawn(why) => withdrawal(why),
        End::Judged(outcome) => outcome_text(outcome),
        End::Escalated(why) => words::escalation(why),
        End::Closed(why) => words::closure(why),
    }
}

fn proof(screen: &Screen, story: &Story) -> String {
    let spec = &story.proposal.plan().verification;
    let only = spec.cluster_only.as_ref().map(|why| format!(" Cluster only: {why}.")).unwrap_or_default();
    let head = format!("Every measure holds for {}; given up after {}.{only}", spec.soak, spec.deadline);
    let mut out = wrapped(screen, 2, &head);
    for measure in &spec.measures {
        let red = if measure.red_first { " (red before)" } else { "" };
        out.push_str(&wrapped(screen, 2, &format!("{}: {}{red}", measure.name, asks(measure))));
        let last = |stage: Stage| {
            let looks = story.measured.iter().rev().filter(|look| look.stage == stage);
            looks
                .flat_map(|look| &look.readings)
                .find(|r| r.name == measure.name)
                .map(|r| words::value(&r.value))
        };
        let (before, after) = (last(Stage::Before), last(Stage::After));
        if before.is_some() || after.is_some() {
            let read = |value: Option<String>| value.unwrap_or_else(|| "not measured".to_owned());
            out.push_str(&wrapped(screen, 4, &format!("{} -> {}", read(before), read(after))));
        }
    }
    out
}

fn asks(measure: &Measure) -> String {
    match &measure.check {
        Check::Query { promql, holds, threshold, .. } => format!("{promql} {} {threshold}", holds.sign()),
        Check::Cluster { condition, .. } => match condition {
            ClusterCondition::RolledOut => "every replica is updated and available".to_owned(),
            ClusterCondition::NoRestarts => "no container restarts or waits in a crash loop".to_owned(),
            ClusterCondition::TemplateIs { .. } => "the approved template is still in place".to_owned(),
            ClusterCondition::MemoryLimitIs { container, limit } => {
                format!("container {container} still has the memory limit {limit}")
            }
            ClusterCondition::PodReplaced { pod } => format!("pod {} of that uid is gone", pod.name),
            ClusterCondition::JobComplete { job, .. } => format!("{job} is Complete"),
            ClusterCondition::RestartIs { at, .. } => {
                format!("it still says that it was restarted at {at}, and has the approved template")
            }
        },
    }
}

fn votes(screen: &Screen, story: &Story) -> String {
    let mut out = String::new();
    for vote in &story.votes {
        let reason = if vote.reason.is_empty() { String::new() } else { format!(": {}", vote.reason) };
        let line = format!(
            "{} {} {} ({}){reason}",
            screen.time(vote.at),
            vote.person,
            vote.decision.as_str(),
            vote.proof.told()
        );
        out.push_str(&wrapped(screen, 2, &line));
    }
    if let Some(grant) = &story.grant {
        let line = format!("granted {} by {}", screen.time(grant.at), persons(&grant.persons));
        out.push_str(&wrapped(screen, 2, &line));
    }
    out
}
