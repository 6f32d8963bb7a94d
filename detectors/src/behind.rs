//! Who stands behind a Service: its endpoints, the pods that it selects, and what is wrong with those.

use crate::catalog::DETECTORS;
use crate::facts::{
    DaemonSetFacts, DeploymentFacts, EndpointsFacts, Facts, LabelSet, PodFacts, ServiceFacts,
};
use crate::facts::{StatefulSetFacts, Truth};
use crate::look::Look;
use crate::view::View;
use nightshift_model::{Gap, Kind, ObjectRef, Reason, Timestamp};
use std::collections::BTreeSet;

/// Endpoints of one Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Endpoints {
    /// How many are ready.
    pub ready: u32,
    /// Since when it has been so, at the latest: the slices' last change, else their creation.
    pub since: Option<Timestamp>,
}

/// The endpoints of a Service, over all its slices.
pub(crate) fn endpoints(view: &View, namespace: &str, service: &str) -> Endpoints {
    let mut sum = Endpoints { ready: 0, since: None };
    for slice in view.all::<EndpointsFacts>(namespace).filter(|slice| &*slice.service == service) {
        sum.ready = sum.ready.saturating_add(slice.ready);
        sum.since = sum.since.max(view.changed(&slice.meta.uid).or(slice.meta.created));
    }
    sum
}

/// Pods of the Service's namespace that carry the labels it asks for.
pub(crate) fn selected<'a>(view: &'a View, service: &ServiceFacts) -> Vec<&'a PodFacts> {
    view.pods_in(&service.meta.namespace)
        .filter(|pod| service.selector.selects(&pod.meta.labels.all))
        .collect()
}

/// Whether a workload of the namespace makes pods with these labels, now or when it is scaled up again.
pub(crate) fn is_made(view: &View, namespace: &str, selector: &LabelSet) -> bool {
    let current = |set: &crate::facts::ReplicaSetFacts| {
        let owner = set.meta.owner.as_ref().filter(|owner| owner.kind == Kind::Deployment);
        let deployment = owner.and_then(|owner| view.by_name::<DeploymentFacts>(namespace, &owner.name));
        deployment.is_none_or(|d| d.meta.annotations.revision <= set.meta.annotations.revision)
    };
    let sets = || view.replica_sets(namespace).filter(|set| selector.selects(&set.meta.labels.all));
    view.all::<StatefulSetFacts>(namespace).any(|set| selector.selects(&set.template))
        || view.all::<DaemonSetFacts>(namespace).any(|set| selector.selects(&set.template))
        || sets().any(current)
}

/// The scope whose own finding tells why these pods do not serve: their workload's, or that of a node which does not work.
pub(crate) fn explained(at: &Look<'_>, pods: &[&PodFacts]) -> Option<ObjectRef> {
    let down = |pod: &&PodFacts| at.node_of(pod).filter(|node| node.ready.status != Truth::True);
    if let Some(node) = pods.iter().find_map(down) {
        return Some(node.object());
    }
    let scopes: BTreeSet<ObjectRef> =
        pods.iter().filter_map(|pod| at.view.get(&pod.object())).map(|pod| at.view.scope_of(pod)).collect();
    scopes.into_iter().find(|scope| is_reported(at, scope))
}

/// Whether a pod or a workload is reported for a reason of its own.
fn is_reported(at: &Look<'_>, scope: &ObjectRef) -> bool {
    let there = Look::new(at.view, scope, at.now, at.params);
    let mut own = DETECTORS.iter().filter(|detector| detector.reason() < Reason::ClaimPending);
    own.any(|detector| detector.look(&there).finding.is_some())
}

/// A gap for each of these kinds that was not listed yet: silence about them means nothing.
pub(crate) fn unseen(view: &View, kinds: &[Kind]) -> Vec<Gap> {
    let unsynced = kinds.iter().filter(|kind| !view.synced_kind(kind));
    unsynced
        .map(|kind| Gap {
            what: format!("watch {}", kind.api().map_or_else(|| kind.as_str(), |(_, plural)| plural)),
            why: "it may not be read, or its first list is not complete".to_owned(),
        })
        .collect()
}
