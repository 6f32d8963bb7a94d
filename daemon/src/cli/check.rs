//! `nightshift check`: what is missing before the work can be done, one line each.

mod alertmanager;
mod cluster;
mod files;
mod lock;
mod prometheus;
mod votes;

use super::output::{Format, OutputArg, Screen, json, wrapped};
use super::source::ConfigArg;
use super::{Answer, Exit, Failure};
use crate::clock::Clock;
use crate::config::Config;
use crate::runtime::offline::in_cluster;
use serde::Serialize;
use std::fmt::Write as _;

/// Where `--in-cluster` belongs.
const IN_A_POD: &str = "helm test, or kubectl exec in nightshift's Pod, in the container of each role";

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Whose rights are asked about; in a cluster each account is asked about by itself
    #[arg(long, value_enum, default_value = "all")]
    role: super::run::Role,
    /// Ask with the account of the Pod that this runs in, whatever kubeconfig is configured; elsewhere nothing is asked
    #[arg(long)]
    in_cluster: bool,
    /// Send one marked test message to every channel; a pager wakes somebody
    #[arg(long)]
    send_test: bool,
    #[command(flatten)]
    out: OutputArg,
}

/// How one thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// As it must be.
    Ok,
    /// Not there, or not as it must be.
    Missing,
    /// Nobody can tell; never success.
    NotChecked,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    state: State,
    what: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    next: String,
}

impl Finding {
    fn ok(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { state: State::Ok, what: what.into(), detail: detail.into(), next: String::new() }
    }

    fn missing(what: impl Into<String>, detail: impl Into<String>, next: impl Into<String>) -> Self {
        Self { state: State::Missing, what: what.into(), detail: detail.into(), next: next.into() }
    }

    fn not_checked(what: impl Into<String>, why: impl Into<String>, next: impl Into<String>) -> Self {
        Self { state: State::NotChecked, what: what.into(), detail: why.into(), next: next.into() }
    }

    /// Adds what a person may want to do although it is well.
    fn hint(self, next: impl Into<String>) -> Self {
        Self { next: next.into(), ..self }
    }
}

pub(super) async fn run(args: Args, screen: &Screen, clock: Clock) -> Answer {
    let path = args.config.path();
    let mut config = Config::load(&path)?;
    if args.in_cluster {
        (config.cluster.kubeconfig, config.cluster.context) = (None, None);
    }
    let mut found = vec![Finding::ok("configuration", path.display().to_string())];
    let (network, connections) = files::network(&config);
    found.push(connections);
    found.extend(files::look(&config, &network, args.role.into(), clock.now()).await);
    if args.send_test {
        found.extend(files::send_test(&config, &network, clock.now()).await);
    }
    let (catalog, playbooks) = files::playbooks(&config);
    found.extend([playbooks, files::detectors(&config)]);
    if args.in_cluster && !in_cluster() {
        found.push(Finding::missing("API server", "this is no Pod: it has no account to ask with", IN_A_POD));
    } else {
        found.extend(cluster::look(&config, args.role.into(), clock).await);
        found.extend(lock::look(&config, clock).await);
        found.extend(votes::look(&config).await);
    }
    found.extend(alertmanager::look(&config, &network, clock.now()).await);
    found.extend(prometheus::look(&config, &network, catalog.as_ref()).await);
    let missing = found.iter().any(|f| f.state == State::Missing);
    let exit = if missing { Exit::Found } else { Exit::Done };
    let text = match args.out.output {
        Format::Json => json(&found),
        Format::Text => people(screen, &found),
    };
    Ok((text, exit))
}

fn people(screen: &Screen, found: &[Finding]) -> String {
    let mut out = String::new();
    for finding in found {
        let word = match finding.state {
            State::Ok => screen.style.good("ok          "),
            State::Missing => screen.style.bad("missing     "),
            State::NotChecked => screen.style.unsure("not checked "),
        };
        let detail = if finding.detail.is_empty() { String::new() } else { format!(": {}", finding.detail) };
        let lines = wrapped(screen, 12, &format!("{}{detail}", finding.what));
        let _ = write!(out, "{word}{}", lines.trim_start());
        if !finding.next.is_empty() {
            out.push_str(&wrapped(screen, 12, &format!("next: {}", finding.next)));
        }
    }
    let count = |state: State| found.iter().filter(|f| f.state == state).count();
    let (missing, unknown) = (count(State::Missing), count(State::NotChecked));
    let _ = writeln!(out, "\n{} ok, {missing} missing, {unknown} not checked", count(State::Ok));
    out
}
