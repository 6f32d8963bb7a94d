//! `nightshift playbooks`.

use super::output::{Format, OutputArg, Screen, json, many, section, table, wrapped};
use super::source::{ConfigArg, DEFAULT, NOTHING, Source, SourceArg};
use super::{Answer, Exit, Failure};
use crate::api::playbook::{Explanation, PassedOver};
use crate::clock::Clock;
use crate::config::Config;
use crate::runtime::offline::{self, CatalogError, catalog, rules};
use clap::Subcommand;
use nightshift_engine::digest::words;
use nightshift_engine::text::visible;
use nightshift_playbooks::schema::{Plan, WantedCause, When};
use nightshift_playbooks::{Catalog, Playbook, doc};
use serde_json::json;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// All of them, in the order in which they are tried
    List(InForceArgs),
    /// One of them
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        in_force: InForceArgs,
    },
    /// Read files or folders, and say what is wrong with them
    Check {
        /// Files or folders
        #[arg(required = true)]
        places: Vec<PathBuf>,
        #[command(flatten)]
        out: OutputArg,
    },
    /// Which playbook an incident gets, and why not the others
    Explain {
        /// The incident's id, or its beginning
        incident: String,
        #[command(flatten)]
        source: SourceArg,
        #[command(flatten)]
        out: OutputArg,
    },
}

#[derive(Debug, clap::Args)]
struct InForceArgs {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    out: OutputArg,
}

impl From<CatalogError> for Failure {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Read { .. } => Self::io(super::failure::causes(&error)),
            CatalogError::Wrong(_) => Self::usage(error.to_string(), "mend the lines that are named"),
        }
    }
}

pub(super) async fn run(args: Args, screen: &Screen, clock: Clock) -> Answer {
    match args.what {
        What::List(args) => list(&args, screen),
        What::Show { name, in_force } => show(&name, &in_force, screen),
        What::Check { places, out } => check(&places, out, screen),
        What::Explain { incident, source, out } => explain(&incident, &source, out, screen, clock).await,
    }
}

/// The shipped playbooks, and those of the configuration when there is one.
fn in_force(args: &InForceArgs) -> Result<Catalog, Failure> {
    let config = match args.config.named() {
        Some(path) => Some(Config::load(&path)?),
        None if Path::new(DEFAULT).exists() => Some(Config::load(Path::new(DEFAULT))?),
        None => None,
    };
    Ok(catalog(config.as_ref().map_or(&[], |c| &c.playbooks))?)
}

fn list(args: &InForceArgs, screen: &Screen) -> Answer {
    let catalog = in_force(args)?;
    let text = match args.out.output {
        Format::Json => json(&catalog.iter().collect::<Vec<_>>()),
        Format::Text => {
            let row = |p: &Playbook| vec![p.name.clone(), proposes(&p.plan), when(&p.when)];
            let rows: Vec<Vec<String>> = catalog.iter().map(row).collect();
            table(screen, &["NAME", "PROPOSES", "WHEN"], &rows)
        }
    };
    Ok((text, Exit::Done))
}

fn when(when: &When) -> String {
    let cause = match when.cause {
        WantedCause::Any => None,
        WantedCause::Rollout => Some("by a rollout".to_owned()),
        WantedCause::MemoryLimit => Some("by its memory limit".to_owned()),
        WantedCause::OnePod => Some("one pod of several is broken by itself".to_owned()),
        WantedCause::Hang => Some("that hangs as a whole".to_owned()),
    };
    let kind = when.kind.as_ref().map(|kind| format!("of a {kind}"));
    let parts: Vec<String> =
        when.reason.map(|r| r.to_string()).into_iter().chain(kind).chain(cause).collect();
    if parts.is_empty() { "nothing else fits".to_owned() } else { parts.join(" ") }
}

fn proposes(plan: &Plan) -> String {
    match plan {
        Plan::Action(action) => action.to_string(),
        Plan::Escalate(_) => "nothing: a person".to_owned(),
    }
}

fn show(name: &str, args: &InForceArgs, screen: &Screen) -> Answer {
    let catalog = in_force(args)?;
    let playbook = catalog.get(name).ok_or_else(|| {
        let names: Vec<&str> = catalog.iter().map(|p| p.name.as_str()).collect();
        Failure::found(format!("no playbook is named `{name}`"), format!("there are: {}", names.join(", ")))
    })?;
    let text = match args.out.output {
        Format::Json => json(playbook),
        Format::Text => {
            let page = doc::pages().into_iter().find(|(file, _)| *file == format!("{name}.md"));
            let same = Catalog::embedded().get(name) == Some(playbook);
            match page.filter(|_| same) {
                Some((_, page)) => {
                    page.split_once("-->\n\n").map_or(page.clone(), |(_, text)| text.to_owned())
                }
                None => own(screen, playbook),
            }
        }
    };
    Ok((text, Exit::Done))
}

/// A playbook that is not shipped, which has no page.
fn own(screen: &Screen, playbook: &Playbook) -> String {
    let mut out = screen.style.title(&playbook.name);
    let _ = writeln!(out, " version {}\n{}", playbook.version, playbook.summary);
    section(screen, &mut out, "When", &wrapped(screen, 2, &when(&playbook.when)));
    section(screen, &mut out, "What it proposes", &wrapped(screen, 2, &proposes(&playbook.plan)));
    let measures = playbook.verify.iter().flat_map(|v| &v.measures);
    let lines: String = measures.map(|m| wrapped(screen, 2, m.name())).collect();
    section(screen, &mut out, "How it is proven", &lines);
    section(screen, &mut out, "Runbook", &wrapped(screen, 2, &playbook.runbook));
    out
}

fn check(places: &[PathBuf], out: OutputArg, screen: &Screen) -> Answer {
    match (catalog(places), out.output) {
        (Ok(catalog), Format::Text) => {
            let count = many(catalog.iter().count(), "playbook", "playbooks");
            let digest = catalog.digest().short();
            Ok((
                format!("{} {count} with the shipped ones, digest {digest}\n", screen.style.good("ok")),
                Exit::Done,
            ))
        }
        (Ok(_), Format::Json) => Ok((json(&json!({"problems": []})), Exit::Done)),
        (Err(CatalogError::Wrong(errors)), Format::Json) => {
            let problems: Vec<_> = errors
                .iter()
                .map(|e| json!({"file": e.file, "line": e.line, "field": e.path, "what": e.what, "next": e.hint}))
                .collect();
            Ok((json(&json!({ "problems": problems })), Exit::Usage))
        }
        (Err(error), _) => Err(error.into()),
    }
}

async fn explain(asked: &str, source: &SourceArg, out: OutputArg, screen: &Screen, clock: Clock) -> Answer {
    let source = source.open(clock).await?;
    let told: Explanation = match &source {
        Source::Server(remote) => {
            let id = source.incident_id(asked).await?;
            remote.get(&["incidents", id.as_str(), "playbook"], &NOTHING).await?
        }
        Source::File(file) => {
            let incident = source.course(asked).await?.incident;
            let places = file.config.as_ref().map(|c| c.playbooks.clone()).unwrap_or_default();
            let config = match &file.config {
                Some(config) => config.clone(),
                None => Config::parse(Path::new(DEFAULT), "")?,
            };
            let now = rules(&config, catalog(&places)?, file.store.clone(), clock).now().await;
            offline::explain(&incident, &now).ok_or_else(|| {
                Failure::found(
                    format!("nothing is known of the symptom of {} yet", incident.id),
                    format!("nightshift incidents show {}", incident.id),
                )
            })?
        }
    };
    let text = match out.output {
        Format::Json => json(&told),
        Format::Text => explained(screen, &told),
    };
    Ok((text, Exit::Done))
}

fn explained(screen: &Screen, told: &Explanation) -> String {
    let mut text = screen.style.title(&visible(&told.trouble, 400));
    let cause = match told.situation.cause {
        nightshift_playbooks::Cause::Rollout => "a rollout brought it",
        nightshift_playbooks::Cause::MemoryLimit => "its memory limit brought it",
        nightshift_playbooks::Cause::OnePod => "one pod of several is broken by itself",
        nightshift_playbooks::Cause::Hang => "every pod hangs",
        nightshift_playbooks::Cause::Unknown => "evidence names no cause",
    };
    let _ = writeln!(text, "\n{} of a {}: {cause}", told.situation.reason, told.situation.kind);
    let chosen = format!("{}: {}", told.selected, told.summary);
    section(screen, &mut text, "Selected", &wrapped(screen, 2, &chosen));
    let line = |passed: &PassedOver| wrapped(screen, 2, &format!("{}: {}", passed.playbook, passed.why));
    let lines: String = told.passed_over.iter().map(line).collect();
    section(screen, &mut text, "Passed over", &lines);
    let led = match (&told.plan, &told.escalation) {
        (Some(draft), _) => format!("{}. {}", words::action(&draft.action), draft.cause),
        (None, Some(why)) => format!("{}\nnext: {}", words::escalation(why), words::next_step(why)),
        (None, None) => "nothing".to_owned(),
    };
    section(screen, &mut text, "With today's evidence it leads to", &wrapped(screen, 2, &led));
    text
}
