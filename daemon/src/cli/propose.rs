//! `nightshift propose`: a person asks for an action, signed with their own key. Nothing is decided by it: the answer is
//! a proposal like any other, on which the asker does not vote.

use super::gate::Gate;
use super::key::{Key, default_path};
use super::output::{Format, OutputArg, Screen, json};
use super::source::{ConfigArg, environment};
use super::{Answer, Exit, Failure};
use crate::api::wish::{AskedFor, SignedWish};
use crate::clock::Clock;
use crate::config::Config;
use crate::runtime::offline::{self, AskError, Course, OpenMode, Reads, SignedBy, SqliteStore};
use clap::Subcommand;
use nightshift_engine::digest::words;
use nightshift_engine::proof::base64;
use nightshift_model::{Closure, Incident, IncidentId, Kind, Phase, Seconds, Timestamp};
use std::path::PathBuf;
use std::time::Duration;

/// Kinds as people write them before a slash, as kubectl takes them.
const KINDS: [(Kind, [&str; 4]); 3] = [
    (Kind::Deployment, ["deploy", "deployment", "deployments", "deployment.apps"]),
    (Kind::StatefulSet, ["sts", "statefulset", "statefulsets", "statefulset.apps"]),
    (Kind::DaemonSet, ["ds", "daemonset", "daemonsets", "daemonset.apps"]),
];
/// How often an answer is looked for.
const LOOK: Duration = Duration::from_millis(500);

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Ask to put an earlier revision of a workload back
    Rollback(RollbackArgs),
    /// Ask to delete one pod of a workload, so that its controller makes a new one
    DeletePod(DeletePodArgs),
    /// Ask to restart a workload: every pod is replaced by one of the same template
    Restart(RestartArgs),
}

#[derive(Debug, clap::Args)]
struct RollbackArgs {
    /// The workload, as `deploy/payments`, `sts/ledger` or `ds/agent`
    #[arg(value_name = "KIND/NAME")]
    workload: String,
    /// The revision that is to return, as `kubectl rollout history` counts them
    #[arg(long, value_name = "REVISION")]
    to: u64,
    #[command(flatten)]
    asks: Asks,
}

#[derive(Debug, clap::Args)]
struct DeletePodArgs {
    /// The workload that the pod belongs to, as `deploy/payments`, `sts/ledger` or `ds/agent`
    #[arg(value_name = "KIND/NAME")]
    workload: String,
    /// The pod, as `kubectl get pods` names it
    #[arg(long, value_name = "NAME")]
    pod: String,
    #[command(flatten)]
    asks: Asks,
}

#[derive(Debug, clap::Args)]
struct RestartArgs {
    /// The workload, as `deploy/payments`, `sts/ledger` or `ds/agent`
    #[arg(value_name = "KIND/NAME")]
    workload: String,
    #[command(flatten)]
    asks: Asks,
}

/// Who asks, why, and where.
#[derive(Debug, clap::Args)]
struct Asks {
    /// Its namespace
    #[arg(short, long, value_name = "NAME")]
    namespace: String,
    /// Why, for whoever approves it
    #[arg(long, value_name = "TEXT")]
    because: String,
    /// Your key [default: ~/.config/nightshift/key.pem, or what NIGHTSHIFT_KEY names]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// How long to wait for the answer
    #[arg(long, value_name = "TIME", default_value = "20s")]
    wait: String,
    #[command(flatten)]
    config: ConfigArg,
    /// A running nightshift instead of the history's file, as https://HOST [default: what NIGHTSHIFT_SERVER names]
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    server: Option<String>,
    /// A certificate authority that the gate's certificate comes from (PEM)
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    #[command(flatten)]
    out: OutputArg,
}

pub(super) async fn run(args: Args, screen: &Screen, clock: Clock) -> Answer {
    match args.what {
        What::Rollback(args) => {
            ask(&args.workload, AskedFor::RollbackTo(args.to), args.asks, screen, clock).await
        }
        What::DeletePod(args) => {
            ask(&args.workload, AskedFor::DeletePod(args.pod), args.asks, screen, clock).await
        }
        What::Restart(args) => ask(&args.workload, AskedFor::Restart, args.asks, screen, clock).await,
    }
}

async fn ask(workload: &str, wanted: AskedFor, args: Asks, screen: &Screen, clock: Clock) -> Answer {
    let (kind, name) = named(workload)?;
    if args.because.trim().is_empty() {
        let what = "--because is empty: whoever approves it must be able to read why";
        return Err(Failure::usage(what, "say why, in a sentence"));
    }
    let wait: Seconds = args.wait.parse().map_err(|why| {
        Failure::usage(format!("--wait {}: {why}", words::visible(&args.wait)), "write it as 20s or 2m")
    })?;
    let path = args.key.or_else(|| environment("NIGHTSHIFT_KEY")).unwrap_or_else(default_path);
    let key = Key::read(&path)?;
    let server = args.server.or_else(|| {
        let from = environment("NIGHTSHIFT_SERVER").filter(|_| args.config.named().is_none())?;
        from.into_os_string().into_string().ok()
    });
    let desk = match server {
        Some(server) => Desk::Server(Gate::new(&server, args.ca_file.as_deref())?),
        None if args.ca_file.is_some() => {
            let what = "--ca-file is for a server";
            return Err(Failure::usage(what, "name the server with --server URL"));
        }
        None => Desk::file(&args.config).await?,
    };
    let mut wish = SignedWish {
        person: key.person.clone(),
        namespace: args.namespace,
        kind,
        name: name.to_owned(),
        wanted,
        because: args.because,
        ts: clock.now(),
        key: key.id.clone(),
        signature: String::new(),
    };
    let uid = desk.cluster(&key, clock.now()).await?;
    wish.signature = base64(&key.sign(&wish.wish().statement(&uid)));
    let id = desk.ask(&wish, clock).await?;
    let until = clock.now() + wait;
    let mut incident = desk.incident(&id, &key, clock).await?;
    while is_pending(&incident.phase) && clock.now() < until {
        clock.sleep(LOOK).await;
        incident = desk.incident(&id, &key, clock).await?;
    }
    desk.close().await;
    told(&incident, args.out.output, screen)
}

/// Kind and name of `deploy/payments`.
fn named(workload: &str) -> Result<(Kind, &str), Failure> {
    let named = workload.split_once('/').and_then(|(word, name)| {
        let (kind, _) = KINDS.into_iter().find(|(_, words)| words.contains(&word))?;
        (!name.is_empty() && !name.contains('/')).then_some((kind, name))
    });
    named.ok_or_else(|| {
        let what = format!("`{}` names no Deployment, StatefulSet or DaemonSet", words::visible(workload));
        Failure::usage(what, "write it as deploy/NAME, sts/NAME or ds/NAME")
    })
}

/// Whether nobody can say yet what comes of it.
fn is_pending(phase: &Phase) -> bool {
    matches!(phase, Phase::Investigating { .. } | Phase::Drafted { .. })
}

/// What came of it.
fn told(incident: &Incident, format: Format, screen: &Screen) -> Answer {
    let id = &incident.id;
    let refused = match &incident.phase {
        Phase::Escalated { why } | Phase::Closed { why: Closure::NotDone { why } } => Some(why),
        Phase::Investigating { .. }
        | Phase::Drafted { .. }
        | Phase::Proposed { .. }
        | Phase::Granted { .. }
        | Phase::Executing { .. }
        | Phase::Verifying { .. }
        | Phase::Closed { .. } => None,
    };
    if let Some(why) = refused {
        let what = format!("nothing is proposed: {}", words::escalation(why));
        return Err(Failure::found(what, format!("`nightshift incidents show {id}` has what was looked at")));
    }
    let proposal = incident.phase.proposal();
    let text = match (format, proposal) {
        (Format::Json, _) => json(&serde_json::json!({
            "incident": id, "phase": incident.phase.word(), "proposal": proposal.map(nightshift_model::Proposal::id),
        })),
        (Format::Text, Some(proposal)) => format!(
            "Proposal {} waits until {}. You asked for it, so others decide on it.\n`nightshift proposals show {}` has \
             the change and who approves it.\n",
            proposal.id(),
            screen.time(proposal.plan().not_after),
            proposal.id()
        ),
        (Format::Text, None) => format!(
            "Incident {id} has it, and there is no answer yet.\n`nightshift incidents show {id}` says what comes of it.\n"
        ),
    };
    Ok((text, Exit::Done))
}

/// Where a person asks.
enum Desk {
    Server(Gate),
    File(Box<Config>, SqliteStore),
}

impl Desk {
    async fn file(config: &ConfigArg) -> Result<Self, Failure> {
        let config = Config::load(&config.path())?;
        if !config.store.path.exists() {
            let what = format!("there is no history at {}", config.store.path.display());
            return Err(Failure::io(what).then("start nightshift once: it makes the file"));
        }
        let store = SqliteStore::open(&config.store.path, OpenMode::ReadWrite).await?;
        Ok(Self::File(Box::new(config), store))
    }

    /// What a signature is bound to.
    async fn cluster(&self, key: &Key, now: Timestamp) -> Result<String, Failure> {
        match self {
            Self::Server(gate) => Ok(gate.status(key, now).await?.cluster_uid),
            Self::File(..) => Ok(String::new()),
        }
    }

    async fn ask(&self, wish: &SignedWish, clock: Clock) -> Result<IncidentId, Failure> {
        match self {
            Self::Server(gate) => gate.ask(wish).await,
            Self::File(config, store) => {
                let playbooks = offline::catalog(&config.playbooks)
                    .map_err(|e| Failure::usage(e.to_string(), "see `nightshift playbooks check`"))?;
                let by = SignedBy { key: wish.key.clone(), signature: wish.signature.clone() };
                let asked = offline::ask(config, playbooks, store.clone(), clock, wish.wish(), &by).await;
                asked.map_err(|why| match why {
                    AskError::Store(error) => Failure::from(error),
                    AskError::Unproven(_) => {
                        Failure::found(format!("{why}"), "put your key's line into the registry first")
                    }
                    AskError::Refused(_) | AskError::Moving => {
                        Failure::found(format!("{why}"), "nothing was asked; mend that and ask again")
                    }
                })
            }
        }
    }

    async fn incident(&self, id: &IncidentId, key: &Key, clock: Clock) -> Result<Incident, Failure> {
        match self {
            Self::Server(gate) => Ok(Course::from(gate.incident(id, key, clock.now()).await?).incident),
            Self::File(_, store) => {
                let course = Reads::new(store.clone(), clock).incident(id).await?;
                let lost = || Failure::io(format!("the events of incident {id} do not add up"));
                course.map(|course| course.incident).ok_or_else(lost)
            }
        }
    }

    async fn close(self) {
        if let Self::File(_, store) = self {
            store.close().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_is_named_as_kubectl_takes_it() {
        for good in ["deploy/web", "deployment/web", "deployments/web", "deployment.apps/web"] {
            assert_eq!(named(good).ok(), Some((Kind::Deployment, "web")), "{good}");
        }
        for (kind, words) in KINDS {
            for word in words {
                assert_eq!(named(&format!("{word}/web")).ok(), Some((kind.clone(), "web")), "{word}");
            }
        }
        for bad in ["web", "deploy/", "job/web", "deploy/web/x", "/web", "pod/web", "Sts/web", ""] {
            let failure = named(bad).err();
            assert!(failure.is_some_and(|f| f.what.contains("names no Deployment")), "{bad}");
        }
    }
}
