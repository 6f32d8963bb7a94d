//! Pods of a scope that have not been Ready for long, though nobody wants it so: what the reasons of whole workloads are
//! made of.

use crate::earliest;
use crate::facts::{PodFacts, Role, State, Truth};
use crate::look::Look;
use nightshift_model::{Cause, Seconds, Timestamp};

/// Unready pods, the longest unready first, and when the next one will have been for long enough.
#[derive(Debug, Default)]
pub(crate) struct Unready<'a> {
    /// Each with the time since when it has been unready.
    pub(crate) pods: Vec<(Timestamp, &'a PodFacts)>,
    /// When to look again.
    pub(crate) recheck_at: Option<Timestamp>,
}

/// Looks at these pods of the scope.
pub(crate) fn unready<'a>(at: &Look<'a>, pods: impl Iterator<Item = &'a PodFacts>) -> Unready<'a> {
    let mut all = Unready::default();
    for pod in pods.filter(|pod| !pod.is_ready() && is_expected(at, pod)) {
        let since = since(at, pod);
        let due = since + grace(at, pod);
        if at.now < due {
            all.recheck_at = earliest(all.recheck_at, Some(due));
        } else {
            all.pods.push((since, pod));
        }
    }
    all.pods.sort_by(|a, b| (a.0, &a.1.meta.name).cmp(&(b.0, &b.1.meta.name)));
    all
}

/// Since when a pod has not been Ready, on a node that works: until then the node was why.
pub(crate) fn since(at: &Look<'_>, pod: &PodFacts) -> Timestamp {
    let seen = || at.view.first_seen(&pod.meta.uid).unwrap_or(at.now);
    let own = pod.ready.since.or(pod.meta.created).unwrap_or_else(seen);
    node_works_since(at, pod).map_or(own, |works| works.max(own))
}

/// Since when the pod's node has been Ready.
pub(crate) fn node_works_since(at: &Look<'_>, pod: &PodFacts) -> Option<Timestamp> {
    at.node_of(pod).filter(|node| node.ready.status == Truth::True).and_then(|node| node.ready.since)
}

/// Why, as far as the pod itself tells.
pub(crate) fn cause(at: &Look<'_>, pod: &PodFacts) -> Cause {
    let probed = |c: &crate::facts::Container| {
        matches!(c.state, State::Running { .. }) && !c.ready && c.probes.readiness
    };
    if pod.containers.iter().any(|c| c.role != Role::Init && probed(c)) {
        Cause::ReadinessProbe
    } else if at.age_of(pod) == Some(0) && at.sets.len() > 1 {
        Cause::NewRevision
    } else {
        Cause::Unknown
    }
}

/// Whether the pod should be Ready: a node that does not work is its own incident, and a startup probe has its own
/// time.
pub(crate) fn is_expected(at: &Look<'_>, pod: &PodFacts) -> bool {
    let node_works = at.node_of(pod).is_none_or(|node| node.ready.status == Truth::True);
    let starts = pod.containers.iter().any(|c| {
        c.probes.startup && !c.started && c.restarts == 0 && matches!(c.state, State::Running { .. })
    });
    node_works && !starts
}

/// A pod that has not started yet may pull its image or wait for a node; one that runs has no such excuse.
fn grace(at: &Look<'_>, pod: &PodFacts) -> Seconds {
    let runs = pod
        .containers
        .iter()
        .filter(|c| c.role == Role::Main)
        .all(|c| matches!(c.state, State::Running { .. } | State::Terminated(_)) || c.restarts > 0);
    if runs { at.params.replicas_unready } else { at.params.replicas_pending }
}
