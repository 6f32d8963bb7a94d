//! FailedScheduling: a pod waits for a node and none takes it.
//!
//! # Meaning
//! A pod has had condition PodScheduled=False with reason Unschedulable for 90 seconds, or six minutes once an autoscaler has
//! said that it adds a node, or when a drain moves the pod and others of its workload serve. The constraint is read from the scheduler's message and checked against the nodes. A pod that
//! no scheduler has said anything about for that long asks for a scheduler that does not run.
//!
//! # Impact
//! The replica does not exist. In a rolling update the old pods go on; after a node is lost its pods have no place to go.
//!
//! # Diagnosis
//! `kubectl describe pod` has the message: how many nodes fail for which reason. A node is counted for its first reason
//! only, so the one that tells is that of the nodes that would fit otherwise. Insufficient cpu or memory is about requests,
//! not usage: `kubectl describe node` shows what is allocated. Compare nodeSelector and affinity with
//! `kubectl get nodes --show-labels`, tolerations with the taints. A volume binds its pod to the node or zone of the volume.
//!
//! # Mitigation
//! Add nodes, or lower requests that nobody needs. Correct a selector, a toleration or an anti-affinity that asks for more
//! nodes than there are (`preferred` instead of `required`). Uncordon nodes after maintenance. A claim that is not bound is
//! mended at the claim. When a rollout brought the constraint, go back to the revision before.

use crate::catalog::{Detector, Looked};
use crate::earliest;
use crate::facts::{ClaimFacts, NodeFacts, Phase, PodFacts, Truth};
use crate::look::Look;
use crate::params::Params;
use crate::waiting::events;
use nightshift_model::{Cause, Finding, Kind, ObjectRef, Reason, Seconds, Timestamp};

mod message;

/// The detector.
#[derive(Debug)]
pub struct FailedScheduling;

impl Detector for FailedScheduling {
    fn reason(&self) -> Reason {
        Reason::FailedScheduling
    }

    fn source(&self) -> &'static str {
        include_str!("failed_scheduling.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![
            ("Time without a node", params.schedule_after.to_string()),
            (
                "The same once an autoscaler adds a node, and for pods that a drain moves",
                params.autoscaler_after.to_string(),
            ),
        ]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let mut pods: Vec<&PodFacts> = at.staying().filter(|pod| is_waiting(pod)).collect();
        pods.sort_by_key(|pod| at.age_of(pod).unwrap_or(at.sets.len()));
        let mut looked = Looked::default();
        for pod in pods {
            let since = waits_since(at, pod);
            let due = since + grace(at, pod);
            if due > at.now {
                looked.recheck_at = earliest(looked.recheck_at, Some(due));
                continue;
            }
            let (cause, blames) = why(at, pod);
            if cause == Cause::UnboundClaim && blames.is_some() {
                continue; // the claim speaks for itself, see `claim_pending`
            }
            let finding = looked.finding.get_or_insert_with(|| {
                let finding = at.about_pod(Reason::FailedScheduling, pod, since);
                Finding { affected: 0, cause, blames, detail: detail(pod), ..finding }
            });
            finding.affected += 1;
            finding.since = finding.since.min(since);
        }
        looked
    }
}

/// Has no node, and no gate holds it.
fn is_waiting(pod: &PodFacts) -> bool {
    pod.node.is_empty()
        && pod.phase == Phase::Pending
        && pod.scheduled.status != Truth::True
        && &*pod.scheduled.reason != "SchedulingGated"
        && pod.asks.as_ref().is_none_or(|asks| asks.gates.is_empty())
}

fn waits_since(at: &Look<'_>, pod: &PodFacts) -> Timestamp {
    let said = pod.scheduled.since.filter(|_| &*pod.scheduled.reason == "Unschedulable");
    said.max(pod.meta.created).or_else(|| at.view.first_seen(&pod.meta.uid)).unwrap_or(at.now)
}

/// How long it may wait: a node that is on its way takes minutes.
fn grace(at: &Look<'_>, pod: &PodFacts) -> Seconds {
    let scaling = events(at, pod, &["TriggeredScaleUp", "Nominated"]).next().is_some();
    if scaling || is_moved(at, pod) { at.params.autoscaler_after } else { at.params.schedule_after }
}

/// Was made after a node was cordoned that it has no place on now, as by a drain: while others of its workload serve, the
/// node or another one may take it in a while.
fn is_moved(at: &Look<'_>, pod: &PodFacts) -> bool {
    let cordoned = |node: &NodeFacts| {
        let since = node.cordoned_since().filter(|_| node.cordoned);
        let lately = |since: &Timestamp| at.now.since(*since) < at.params.node_maintenance;
        since.filter(lately).is_some_and(|since| pod.meta.created.is_some_and(|made| made >= since))
    };
    message::names_a_cordon(&pod.scheduled.message)
        && at.serves()
        && at.view.all::<NodeFacts>("").any(cordoned)
}

fn detail(pod: &PodFacts) -> String {
    let asked = pod.asks.as_ref().map_or("", |asks| &asks.scheduler);
    match (&*pod.scheduled.message, asked) {
        ("", "" | "default-scheduler") => "no scheduler has looked at the pod".to_owned(),
        ("", name) => format!("scheduler {name} has not looked at the pod"),
        (message, _) => message.to_owned(),
    }
}

/// The constraint that blocks, and the claim that a person would mend instead.
fn why(at: &Look<'_>, pod: &PodFacts) -> (Cause, Option<ObjectRef>) {
    if pod.scheduled.message.is_empty() {
        return (Cause::NoScheduler, None);
    }
    let mut cause = message::constraint(&pod.scheduled.message, at.scope.kind == Kind::DaemonSet);
    if matches!(cause, Cause::NodeSelector | Cause::Taint) {
        cause = barred(at, pod, cause);
    }
    let blames = if cause == Cause::UnboundClaim {
        claims(at, pod).find(|(_, claim)| claim.is_some_and(|claim| &*claim.phase != "Bound"))
    } else if cause == Cause::MissingClaim && at.view.synced_kind(&Kind::PersistentVolumeClaim) {
        claims(at, pod).find(|(_, claim)| claim.is_none())
    } else {
        None
    };
    (cause, blames.map(|(object, _)| object))
}

/// The pod's claims, by name.
fn claims<'a>(
    at: &Look<'a>,
    pod: &'a PodFacts,
) -> impl Iterator<Item = (ObjectRef, Option<&'a ClaimFacts>)> + use<'a> {
    let view = at.view;
    pod.claims.iter().map(move |name| {
        let claim = view.by_name::<ClaimFacts>(&pod.meta.namespace, name);
        let named = ObjectRef::new(Kind::PersistentVolumeClaim, &pod.meta.namespace, name, "");
        (claim.map_or(named, |claim| claim.meta.object(Kind::PersistentVolumeClaim)), claim)
    })
}

/// Between selector, taint and cordon the nodes decide: those that the pod's own selector allows tell what bars it.
fn barred(at: &Look<'_>, pod: &PodFacts, said: Cause) -> Cause {
    let message = &pod.scheduled.message;
    let Some(asks) = pod.asks.as_ref().filter(|asks| !asks.selector.is_empty()) else {
        // By affinity, which is not kept: a taint that somebody has put there tells more than the nodes left out.
        return if message::has_own_taint(message) { Cause::Taint } else { said };
    };
    let mut fitting = at.view.all::<NodeFacts>("").filter(|n| asks.selector.selects(&n.meta.labels.all));
    let Some(first) = fitting.next() else { return Cause::NodeSelector };
    if first.cordoned && fitting.all(|node| node.cordoned) {
        return Cause::Cordoned;
    }
    if message::has_taint(message) { Cause::Taint } else { said }
}

#[cfg(test)]
mod tests;
