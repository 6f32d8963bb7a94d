//! NodeNotReady: a node does not work, and what runs there serves nobody.
//!
//! # Meaning
//! The node's condition Ready is False (the kubelet says that it cannot work) or Unknown (the kubelet has said nothing
//! for 40 seconds and more). Left alone for longer: a node that is new, that was cordoned before, that shuts down in
//! order, or that the kubelet restarts on. Not looked at: nodes that are being deleted, or that an autoscaler takes
//! away.
//!
//! # Impact
//! Its pods leave their Services at once, though their containers may still be shown as running and ready. Five minutes
//! later they are evicted and made anew elsewhere; pods of a StatefulSet, and volumes that are attached there, stay until
//! somebody says that the node is off. Critical when a workload there has nobody else that is ready.
//!
//! # Diagnosis
//! The condition's reason and message: NodeStatusUnknown is a machine that is off, cut off or stuck (look at the cloud's
//! console, at the kubelet's unit and at the network to the API server); KubeletNotReady names what the kubelet misses:
//! the container runtime, the network plugin, PLEG. Whether several nodes went at once tells a network or a zone from a
//! machine.
//!
//! # Mitigation
//! Restart what the message names, or replace the machine. If it is off for good, delete the Node, or give it the taint
//! node.kubernetes.io/out-of-service, so that volumes and StatefulSets can move. Restarting the pods that stand on it
//! helps nobody.

use crate::catalog::{Detector, Looked};
use crate::facts::{Facts as _, NodeFacts, PodFacts, Truth};
use crate::look::Look;
use crate::params::Params;
use nightshift_model::{Cause, Finding, Kind, ObjectRef, Reason, Seconds, Severity, Timestamp};
use std::collections::BTreeSet;

/// The detector.
#[derive(Debug)]
pub struct NodeNotReady;

/// Taints of autoscalers on a node that they are about to take away.
const LEAVING: &[&str] = &[
    "ToBeDeletedByClusterAutoscaler",
    "karpenter.sh/disrupted",
    "karpenter.sh/disruption",
    "node.cloudprovider.kubernetes.io/shutdown",
];

/// While it stands: how soon the pods there are looked at again.
const AGAIN: Seconds = Seconds(60);

impl Detector for NodeNotReady {
    fn reason(&self) -> Reason {
        Reason::NodeNotReady
    }

    fn source(&self) -> &'static str {
        include_str!("node_not_ready.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![
            ("Time that it may not be Ready", params.node_down.to_string()),
            ("The same for a new node", params.node_start.to_string()),
            ("The same for one that was cordoned before, or shuts down", params.node_maintenance.to_string()),
        ]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let Some(node) = at.facts::<NodeFacts>() else { return Looked::default() };
        if node.ready.status == Truth::True || is_going(node) {
            return Looked::default();
        }
        let created = node.meta.created;
        let seen = at.view.first_seen(&node.meta.uid);
        let since = node.ready.since.or(created).or(seen).unwrap_or(at.now);
        let due = since + grace(node, since, at.params);
        if at.now < due {
            return Looked::later(due);
        }
        let pods: Vec<&PodFacts> =
            at.view.pods().filter(|pod| pod.node == node.meta.name && !pod.is_leaving()).collect();
        let (severity, affected) = (impact(at, &pods), u32::try_from(pods.len()).unwrap_or(u32::MAX));
        let finding = Finding {
            cause: cause(node),
            detail: node.ready.message.to_string(),
            affected: affected.max(1),
            ..at.finding(Reason::NodeNotReady, severity, since)
        };
        Looked { recheck_at: Some(at.now + AGAIN), ..Looked::found(finding) }
    }
}

/// Whether somebody takes it away on purpose.
pub(crate) fn is_going(node: &NodeFacts) -> bool {
    node.meta.deleting.is_some() || node.taints.iter().any(|taint| LEAVING.contains(&&*taint.key))
}

fn grace(node: &NodeFacts, since: Timestamp, params: &Params) -> Seconds {
    let is_new = node.meta.created.is_some_and(|created| since.since(created) < params.node_down);
    if node.cordoned || node.ready.message.contains("node is shutting down") {
        params.node_maintenance
    } else if is_new {
        params.node_start
    } else {
        params.node_down
    }
}

fn cause(node: &NodeFacts) -> Cause {
    let message = &node.ready.message;
    match node.ready.status {
        _ if node.network_down.status == Truth::True => Cause::NodeNetwork,
        Truth::Unknown | Truth::True => Cause::KubeletSilent,
        Truth::False if message.contains("NetworkPluginNotReady") || message.contains("cni plugin") => {
            Cause::NodeNetwork
        }
        Truth::False => Cause::RuntimeDown,
    }
}

/// Critical when a workload there has nobody who is ready. Not counted: what the kubelet itself runs, and what has one pod
/// for each node or ends by itself.
fn impact(at: &Look<'_>, pods: &[&PodFacts]) -> Severity {
    let moves = |pod: &&&PodFacts| pod.meta.owner.as_ref().is_none_or(|owner| owner.kind != Kind::Node);
    let held = pods.iter().filter(moves).filter_map(|pod| at.view.get(&pod.object()));
    let scopes: BTreeSet<ObjectRef> = held.map(|pod| at.view.scope_of(pod)).collect();
    let serves = |kind: &Kind| !matches!(kind, Kind::DaemonSet | Kind::Job | Kind::CronJob);
    let ready = |pod: &PodFacts| pod.is_ready() && !pod.is_leaving();
    let lost = |scope: &ObjectRef| !at.view.pods_of(scope).into_iter().any(ready);
    let any_lost = scopes.iter().any(|scope| serves(&scope.kind) && lost(scope));
    if any_lost { Severity::Critical } else { Severity::Warning }
}
