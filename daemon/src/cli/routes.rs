//! `nightshift routes`: who would hear of an incident, and why.

use super::output::{Format, OutputArg, Screen, json};
use super::source::{SourceArg, one};
use super::{Answer, Exit, Failure};
use crate::clock::Clock;
use crate::runtime::offline::HistoryStore as _;
use clap::Subcommand;
use nightshift_engine::route::{Because, Choice, Situation, Table, Waiting};
use nightshift_model::history::Row;
use nightshift_model::{HistoryEvent, IncidentId, Manner, SystemEvent, Timestamp, Told, Turn};
use serde_json::json;
use std::fmt::Write as _;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Row by row, where a message about an incident would go now; nothing is sent
    Test(TestArgs),
}

#[derive(Debug, clap::Args)]
struct TestArgs {
    /// The incident's id, or its beginning
    incident: String,
    /// At another time, as in 2026-03-01T02:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,
    #[command(flatten)]
    source: SourceArg,
    #[command(flatten)]
    out: OutputArg,
}

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| format!("`{text}` is not a time such as 2026-03-01T02:00:00Z"))
}

pub(super) async fn run(args: Args, screen: &Screen, clock: Clock) -> Answer {
    match args.what {
        What::Test(args) => test(args, screen, clock).await,
    }
}

async fn test(args: TestArgs, screen: &Screen, clock: Clock) -> Answer {
    let source = args.source.open(clock).await?.file("the test of routes")?;
    let Some(config) = &source.config else {
        return Err(Failure::found(
            "routes stand in the configuration, and none was named",
            "name it with --config",
        ));
    };
    let table = config.notify.table();
    let id = one(source.reads().incident_by_prefix(&args.incident).await?, "incident", &args.incident)?;
    let incident = source.store.snapshot(&id).await?;
    let about = Situation::of(&incident, args.at.unwrap_or_else(|| clock.now()));
    let choice = table.choose(&about);
    let routed = source.store.system_events(&["routed"]).await?;
    let told: Vec<&Row> = routed.iter().filter(|row| is_about(row, &id)).collect();
    let text = match args.out.output {
        Format::Text => {
            people(screen, &Shown { id: id.as_str(), table: &table, about: &about, choice: &choice, told })
        }
        Format::Json => json(&json!({
            "incident": id,
            "severity": about.severity,
            "namespace": about.namespace,
            "has_proposal": about.proposal == Waiting::Proposal,
            "at": about.at,
            "rows": table.routes.iter().map(|route| route.misses(&about)).collect::<Vec<_>>(),
            "page": named(&choice, Manner::Page),
            "post": named(&choice, Manner::Post),
            "why": choice.because.to_string(),
            "told": told.iter().map(|row| json!({"at": row.at, "event": row.event})).collect::<Vec<_>>(),
        })),
    };
    Ok((text, Exit::Done))
}

fn named(choice: &Choice, manner: Manner) -> Vec<&str> {
    choice.to.iter().filter(|(_, m)| *m == manner).map(|(channel, _)| channel.as_str()).collect()
}

fn is_about(row: &Row, id: &IncidentId) -> bool {
    matches!(&row.event, HistoryEvent::System(SystemEvent::Routed { incident, .. }) if incident == id)
}

/// What is shown.
struct Shown<'a> {
    id: &'a str,
    table: &'a Table,
    about: &'a Situation,
    choice: &'a Choice,
    told: Vec<&'a Row>,
}

/// Every row until the one that matches, with what keeps it from matching; then what was told before.
fn people(screen: &Screen, shown: &Shown<'_>) -> String {
    let Shown { id, table, about, choice, told } = shown;
    let mut out = String::new();
    let proposal = match about.proposal {
        Waiting::Proposal => "a proposal waits",
        Waiting::Nothing => "no proposal waits",
    };
    let namespace = if about.namespace.is_empty() { "no namespace" } else { &about.namespace };
    let at = screen.time(about.at);
    let _ = writeln!(out, "{id}: {} in {namespace}, {proposal}, at {at}", about.severity);
    for (number, route) in (1..).zip(&table.routes) {
        let misses = route.misses(about);
        if misses.is_empty() {
            let _ = writeln!(out, "  row {number}  {}", screen.style.good("matches"));
            break;
        }
        let _ = writeln!(out, "  row {number}  no: {}", misses.join("; "));
    }
    match choice.because {
        Because::Row(_) => {}
        Because::Everyone
        | Because::Critical
        | Because::Production
        | Because::Quiet
        | Because::Instead
        | Because::Paged => {
            let _ = writeln!(out, "  default  {}", choice.because);
        }
    }
    for (word, manner) in [("page", Manner::Page), ("post", Manner::Post)] {
        let names = named(choice, manner);
        let names = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
        let _ = writeln!(out, "{word}  {names}");
    }
    for row in told {
        if let HistoryEvent::System(SystemEvent::Routed { to, why, .. }) = &row.event {
            let to = if to.is_empty() { "nobody".to_owned() } else { listed(to) };
            let _ = writeln!(out, "told {}: {to}, because {why}", screen.time(row.at));
        }
    }
    out.push_str("The digest tells it in any case. What is over a channel's hour goes out in one list.\n");
    out
}

fn listed(to: &[Told]) -> String {
    let one = |told: &Told| {
        let manner = match told.manner {
            Manner::Page => "page",
            Manner::Post => "post",
        };
        let turn = match told.turn {
            Turn::Single => "",
            Turn::Listed => " in a list",
        };
        format!("{manner} {}{turn}", told.channel)
    };
    to.iter().map(one).collect::<Vec<_>>().join(", ")
}
