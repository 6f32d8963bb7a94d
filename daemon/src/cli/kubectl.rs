//! `kubectl nightshift`: this program under another name. It reaches the gate with the person's own kubeconfig, reads with a
//! key that lasts for this one call, and votes by creating an object as the person. No credential of the cluster's leaves
//! this machine but to the API server, and nightshift gives none.

use super::failure::causes;
use super::gate::Gate;
use super::key::Key;
use super::output::{Screen, section, table};
use super::vote::{Reading, show};
use super::{Answer, Exit, Failure};
use crate::clock::Clock;
use crate::runtime::offline::Access;
use crate::runtime::offline::kubectl::{Own, Way};
use clap::{Parser, Subcommand};
use nightshift_engine::proof::base64;
use nightshift_engine::text::visible;
use nightshift_engine::vote_object::{LABEL, visit};
use nightshift_model::{Proof, Proposal, ProposalId, Vote, VoteDecision};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// How long nightshift is given to take a vote that was created.
const TAKEN_WITHIN: Duration = Duration::from_secs(20);
/// How often it is asked.
const LOOK: Duration = Duration::from_secs(1);

/// Decide on nightshift's proposals as the user that you are in the cluster.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-nightshift",
    bin_name = "kubectl nightshift",
    version,
    max_term_width = 100,
    propagate_version = true
)]
pub(super) struct Plugin {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Proposals, newest first
    Proposals,
    /// One proposal: what would be done, and who voted
    Show {
        /// The proposal's whole id
        id: String,
    },
    /// Approve a proposal
    Approve(Decide),
    /// Deny a proposal
    Deny(Decide),
    /// Take your vote back
    Withdraw(Decide),
}

#[derive(Debug, clap::Args)]
struct Decide {
    /// The proposal's whole id
    id: String,
    /// Why, shown to everybody
    #[arg(long)]
    reason: Option<String>,
    /// The whole digest that you read elsewhere; needed where nobody sits at a terminal
    #[arg(long, value_name = "HEX")]
    digest: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Reach {
    /// The namespace that nightshift runs in
    #[arg(
        short,
        long,
        global = true,
        value_name = "NAMESPACE",
        default_value = "nightshift",
        env = "NIGHTSHIFT_NAMESPACE"
    )]
    namespace: String,
    /// The kubeconfig [default: $KUBECONFIG, or ~/.kube/config]
    #[arg(long, global = true, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig [default: the current one]
    #[arg(long, global = true, value_name = "NAME")]
    context: Option<String>,
    /// Where the gate is, as https://nightshift.example.com, instead of a port that is forwarded. Needed where the Pod
    /// itself serves TLS
    #[arg(long, global = true, value_name = "URL", env = "NIGHTSHIFT_SERVER")]
    server: Option<String>,
    /// A certificate authority that the gate's certificate comes from (PEM)
    #[arg(long, global = true, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// The gate, reached, and the key that reads there.
struct There {
    own: Own,
    user: String,
    gate: Gate,
    key: Key,
    _way: Option<Way>,
}

pub(super) async fn run(plugin: Plugin, screen: &Screen, clock: Clock) -> Answer {
    let Plugin { what, reach } = plugin;
    match what {
        What::Proposals => proposals(&reach.open().await?, screen, clock).await,
        What::Show { id } => shown(&reach.open().await?, ProposalId(id), screen, clock).await,
        What::Approve(args) => decide(reach, args, VoteDecision::Approve, screen, clock).await,
        What::Deny(args) => decide(reach, args, VoteDecision::Deny, screen, clock).await,
        What::Withdraw(args) => decide(reach, args, VoteDecision::Withdraw, screen, clock).await,
    }
}

impl Reach {
    /// Goes to the gate and opens a visit there.
    async fn open(&self) -> Result<There, Failure> {
        let access = Access::Kubeconfig { path: self.kubeconfig.clone(), context: self.context.clone() };
        let own = Own::connect(&access).await.map_err(|e| {
            Failure::usage(causes(&e), "name it with --kubeconfig, its context with --context")
        })?;
        let user = own.user().await.map_err(Failure::io)?;
        let (server, way) = if let Some(server) = &self.server {
            (server.clone(), None)
        } else {
            let way = own.forward(&self.namespace).await.map_err(|what| {
                Failure::io(what).then(
                    "name nightshift's namespace with --namespace; the chart's role ...-visitor lets you forward its port",
                )
            })?;
            (format!("http://{}", way.address), Some(way))
        };
        let gate = Gate::new(&server, self.ca_file.as_deref())?;
        let key = Key::fleeting()?;
        let object = json!({
            "apiVersion": "nightshift.dev/v1", "kind": "Visit", "metadata": {"generateName": "visit-"},
            "spec": {"user": user, "key": base64(key.public())},
        });
        let made = own.create(&self.namespace, "visits", &object).await.map_err(|what| {
            let next =
                format!("the chart's role ...-visitor in namespace {} lets you create it", self.namespace);
            Failure::found(format!("no visit can be opened: {}", visible(&what, 500)), next)
        })?;
        let name = made.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let key = key.named(visit::id(&self.namespace, name));
        Ok(There { own, user, gate, key, _way: way })
    }
}

async fn proposals(there: &There, screen: &Screen, clock: Clock) -> Answer {
    let page = there.gate.proposals(&there.key, clock.now()).await?;
    if page.items.is_empty() {
        return Ok(("No proposal yet, or none that you may see.\n".to_owned(), Exit::Done));
    }
    let rows: Vec<Vec<String>> = page
        .items
        .iter()
        .map(|p| {
            let scope = visible(&format!("{}/{}", p.namespace, p.name), 400);
            let (id, state) = (visible(p.id.as_str(), 80), visible(&p.state, 40));
            vec![id, screen.time(p.sealed_at), state, scope, p.action.to_string()]
        })
        .collect();
    Ok((table(screen, &["ID", "SEALED", "STATE", "SCOPE", "ACTION"], &rows), Exit::Done))
}

async fn shown(there: &There, id: ProposalId, screen: &Screen, clock: Clock) -> Answer {
    let proposal = there.gate.sealed(&id, &there.key, clock.now()).await?;
    let votes = there.gate.votes(&id, &there.key, clock.now()).await?;
    let mut text = show::page(screen, &proposal);
    let line = |v: &Vote| {
        let why = if v.reason.is_empty() { String::new() } else { format!(": {}", visible(&v.reason, 500)) };
        format!("  {} · {} · {}{why}\n", visible(v.person.as_str(), 80), v.decision.as_str(), v.proof.told())
    };
    let lines: String = votes.iter().map(line).collect();
    section(screen, &mut text, "Votes", &lines);
    section(screen, &mut text, "Digest", &format!("  {}\n", proposal.digest()));
    Ok((text, Exit::Done))
}

async fn decide(reach: Reach, args: Decide, decision: VoteDecision, screen: &Screen, clock: Clock) -> Answer {
    let reading = Reading::of(args.digest.as_deref())?;
    let there = reach.open().await?;
    let id = ProposalId(args.id.clone());
    let proposal = there.gate.sealed(&id, &there.key, clock.now()).await?;
    let votes = there.gate.votes(&id, &there.key, clock.now()).await?;
    reading.confirm(screen, &proposal, decision)?;
    let no = next_no(&there, &proposal, &votes).await;
    let object =
        vote(&there.user, &proposal, decision, no, reading.terminal, &args.reason.unwrap_or_default());
    let namespace = &proposal.plan().action.target().namespace;
    let made = there.own.create(namespace, "votes", &object).await.map_err(|what| {
        let next =
            format!("the role nightshift-approver, bound in namespace {namespace}, lets you create votes");
        Failure::found(format!("the vote was not created: {}", visible(&what, 500)), next)
    })?;
    let field = |pointer: &str| made.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (name, uid) = (field("/metadata/name"), field("/metadata/uid"));
    let said =
        format!("You created the Vote {namespace}/{name} as {}: {} {id}.\n", there.user, decision.as_str());
    if taken(&there, &id, &uid, clock).await {
        return Ok((format!("{said}nightshift has taken it.\n"), Exit::Done));
    }
    let what = format!("{said}nightshift has not taken it within {} s", TAKEN_WITHIN.as_secs());
    Err(Failure::found(
        what,
        "look at the proposal's page, and whether `persons` names your user as `kubernetes`",
    ))
}

/// Higher than every number on this proposal that this person may have used, on the page or here.
async fn next_no(there: &There, proposal: &Proposal, votes: &[Vote]) -> u32 {
    let namespace = &proposal.plan().action.target().namespace;
    let path = format!("/apis/nightshift.dev/v1/namespaces/{namespace}/votes");
    let objects = there.own.list(&path, &format!("{LABEL}={}", proposal.id())).await.unwrap_or_default();
    let created = objects.iter().filter_map(|o| o.pointer("/spec/voteNo")?.as_u64()?.try_into().ok());
    votes.iter().map(|v| v.no).chain(created).max().unwrap_or(0).saturating_add(1)
}

fn vote(
    user: &str,
    proposal: &Proposal,
    decision: VoteDecision,
    no: u32,
    interactive: bool,
    reason: &str,
) -> Value {
    let id = proposal.id();
    json!({
        "apiVersion": "nightshift.dev/v1", "kind": "Vote",
        "metadata": {"generateName": format!("{id}-"), "labels": {LABEL: id}},
        "spec": {
            "user": user, "clusterUid": proposal.plan().cluster.uid, "proposal": id, "digest": proposal.digest(),
            "decision": decision.as_str(), "voteNo": no, "interactive": interactive,
            "reason": reason.chars().take(500).collect::<String>(),
        },
    })
}

/// Whether the object stands in nightshift's own list of votes.
async fn taken(there: &There, id: &ProposalId, uid: &str, clock: Clock) -> bool {
    let began = clock.monotonic();
    while clock.monotonic().saturating_sub(began) < TAKEN_WITHIN {
        clock.sleep_real(LOOK).await;
        let Ok(votes) = there.gate.votes(id, &there.key, clock.now()).await else { continue };
        if votes.iter().any(|v| matches!(&v.proof, Proof::Kubernetes { uid: known, .. } if known == uid)) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_plugins_arguments_are_consistent() {
        Plugin::command().debug_assert();
        for good in ["approve pro-a", "deny pro-a --reason no -n ops", "proposals", "show pro-a --context x"]
        {
            let words = std::iter::once("kubectl-nightshift").chain(good.split(' '));
            assert!(Plugin::try_parse_from(words).is_ok(), "{good}");
        }
        for bad in ["", "approve", "run", "approve pro-a --token x", "approve pro-a --yes"] {
            let words = std::iter::once("kubectl-nightshift").chain(bad.split(' ').filter(|w| !w.is_empty()));
            assert!(Plugin::try_parse_from(words).is_err(), "{bad}");
        }
    }
}
