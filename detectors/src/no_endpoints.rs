//! NoEndpoints: a Service has nobody who answers.
//!
//! # Meaning
//! The Service has a selector, and none of its endpoints has been ready for minutes: because no pod of the namespace
//! carries the labels and no workload there would make one that does, or because all pods that carry them are unready
//! though nothing else is wrong with them. On purpose, and so not reported: workloads that are scaled to zero, pods that
//! have ended, headless Services, those that publish unready addresses, those without a selector, and those that an
//! operator's own resource controls (a replica Service of a database with one instance selects nobody). Pods that crash,
//! wait or cannot be scheduled are reported themselves.
//!
//! # Impact
//! Every connection to the Service is refused or times out, while its pods may look healthy. Nothing in the cluster says so: there is
//! no Event.
//!
//! # Diagnosis
//! Compare `spec.selector` with the labels of the pods (`kubectl get pods --show-labels`): a changed label, a typing error, a
//! release name that differs, another namespace. `kubectl get endpointslices -l kubernetes.io/service-name=NAME` shows who is
//! there and not ready.
//!
//! # Mitigation
//! Correct the selector or the labels of the pod template, whichever was changed last. For pods that do not get ready,
//! look at the readiness probe and at what it needs. A Service that nobody needs any more can go.

use crate::behind::{endpoints, explained, is_made, selected, unseen};
use crate::catalog::{Detector, Looked};
use crate::dns_unavailable::is_dns;
use crate::facts::{LabelSet, PodFacts, ServiceFacts};
use crate::look::Look;
use crate::params::Params;
use crate::unready::since as unready_since;
use nightshift_model::{Cause, Finding, Kind, Reason, Seconds, Severity, Timestamp};

/// The detector.
#[derive(Debug)]
pub struct NoEndpoints;

/// How soon a Service without endpoints is looked at again: pods and workloads change without touching it.
const AGAIN: Seconds = Seconds(30);

impl Detector for NoEndpoints {
    fn reason(&self) -> Reason {
        Reason::NoEndpoints
    }

    fn source(&self) -> &'static str {
        include_str!("no_endpoints.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![
            ("Time that the selector may match nothing", params.no_endpoints.to_string()),
            ("Time that all its pods may be unready, for no reason of their own", params.unready.to_string()),
        ]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let Some(service) = at.facts::<ServiceFacts>() else { return Looked::default() };
        if !promises(service) || is_dns(service) {
            return Looked::default();
        }
        let unchecked = unseen(at.view, &[Kind::EndpointSlice]);
        if !unchecked.is_empty() {
            return Looked { unchecked, ..Looked::default() };
        }
        let ends = endpoints(at.view, &service.meta.namespace, &service.meta.name);
        if ends.ready > 0 {
            return Looked::default();
        }
        let own = at.view.changed(&service.meta.uid).or(service.meta.created);
        let since = own.max(ends.since).or(at.view.first_seen(&service.meta.uid)).unwrap_or(at.now);
        let pods = selected(at.view, service);
        let looked = if pods.is_empty() { nobody(at, service, since) } else { unready(at, &pods) };
        Looked { recheck_at: looked.recheck_at.or(Some(at.now + AGAIN)), ..looked }
    }
}

/// Whether somebody is meant to answer at the Service's own address.
pub(crate) fn promises(service: &ServiceFacts) -> bool {
    let meant = !service.selector.is_empty() && !service.headless && !service.publishes_unready;
    meant && &*service.kind != "ExternalName" && service.meta.deleting.is_none()
}

/// No pod carries the labels.
fn nobody(at: &Look<'_>, service: &ServiceFacts, since: Timestamp) -> Looked {
    let owned = service.meta.owner.as_ref().is_some_and(|owner| matches!(owner.kind, Kind::Other(_)));
    let unchecked = unseen(at.view, &[Kind::Pod, Kind::ReplicaSet, Kind::StatefulSet, Kind::DaemonSet]);
    if owned || !unchecked.is_empty() || is_made(at.view, &service.meta.namespace, &service.selector) {
        return Looked { unchecked, ..Looked::default() };
    }
    // Where a workload has just gone, its Service may follow in a moment: until then it explained why nobody is there.
    let makers = [Kind::Deployment, Kind::ReplicaSet, Kind::StatefulSet, Kind::DaemonSet];
    let since = at.view.last_gone(&makers, &service.meta.namespace).map_or(since, |gone| gone.max(since));
    let due = since + at.params.no_endpoints;
    if at.now < due {
        return Looked::later(due);
    }
    Looked::found(Finding {
        cause: Cause::SelectorMatchesNothing,
        detail: format!("no pod of the namespace carries {}", written(&service.selector)),
        ..at.finding(Reason::NoEndpoints, Severity::Critical, since)
    })
}

/// Pods carry the labels, and none of them is ready.
fn unready(at: &Look<'_>, pods: &[&PodFacts]) -> Looked {
    let staying: Vec<&PodFacts> = pods.iter().copied().filter(|pod| !pod.is_leaving()).collect();
    if staying.is_empty() || staying.iter().any(|pod| pod.is_ready()) {
        return Looked::default();
    }
    let since = staying.iter().map(|pod| unready_since(at, pod)).max().unwrap_or(at.now);
    let due = since + at.params.unready;
    if at.now < due {
        return Looked::later(due);
    }
    if explained(at, &staying).is_some() {
        return Looked::default();
    }
    Looked::found(Finding {
        cause: Cause::PodsNotReady,
        affected: u32::try_from(staying.len()).unwrap_or(u32::MAX),
        ..at.finding(Reason::NoEndpoints, Severity::Critical, since)
    })
}

/// A selector as a person types it.
fn written(selector: &LabelSet) -> String {
    selector.pairs().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}
