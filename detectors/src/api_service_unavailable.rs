//! ApiServiceUnavailable: an aggregated API does not answer.
//!
//! # Meaning
//! An APIService has been not Available for a minute and a half: the Service behind it is not there, has no endpoints, or does not
//! answer.
//!
//! # Impact
//! What needs this API fails: without metrics.k8s.io no autoscaler by cpu and no `kubectl top`; with any API down, discovery is
//! incomplete, so deleted namespaces stay Terminating, and garbage collection and quota of these kinds stand still.
//!
//! # Diagnosis
//! `kubectl describe apiservice` names the reason: ServiceNotFound, MissingEndpoints, or FailedDiscoveryCheck with the error (time-out:
//! network policy, firewall between control plane and nodes; certificate; 503: the pods themselves).
//!
//! # Mitigation
//! Bring the pods of its Service back, or let the control plane reach them. If what it belonged to is uninstalled, delete the
//! APIService.

use crate::behind::{explained, selected};
use crate::catalog::{Detector, Looked};
use crate::facts::{ApiServiceFacts, PodFacts, ServiceFacts, Truth};
use crate::look::Look;
use crate::params::Params;
use nightshift_model::{Cause, Finding, Reason, Severity};

/// The detector.
#[derive(Debug)]
pub struct ApiServiceUnavailable;

impl Detector for ApiServiceUnavailable {
    fn reason(&self) -> Reason {
        Reason::ApiServiceUnavailable
    }

    fn source(&self) -> &'static str {
        include_str!("api_service_unavailable.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![("Time that it may not be Available", params.misrouted.to_string())]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let Some(api) = at.facts::<ApiServiceFacts>() else { return Looked::default() };
        if api.available.status != Truth::False || api.meta.deleting.is_some() {
            return Looked::default();
        }
        let seen = at.view.first_seen(&api.meta.uid);
        let since = api.available.since.or(api.meta.created).or(seen).unwrap_or(at.now);
        let due = since + at.params.misrouted;
        if at.now < due {
            return Looked::later(due);
        }
        let cause = match &*api.available.reason {
            "ServiceNotFound" => Cause::MissingService,
            "ServicePortError" => Cause::MissingPort,
            "EndpointsNotFound" | "MissingEndpoints" => Cause::PodsNotReady,
            "FailedDiscoveryCheck" => Cause::Dependency,
            _ => Cause::Unknown,
        };
        let behind = api.service.as_ref();
        let service = behind.and_then(|(place, name)| at.view.by_name::<ServiceFacts>(place, name));
        let pods = service.filter(|service| !service.selector.is_empty()).map(|s| selected(at.view, s));
        let pods: Vec<&PodFacts> =
            pods.unwrap_or_default().into_iter().filter(|pod| !pod.is_leaving() && !pod.is_ready()).collect();
        Looked::found(Finding {
            cause,
            detail: api.available.message.to_string(),
            blames: explained(at, &pods),
            ..at.finding(Reason::ApiServiceUnavailable, Severity::Warning, since)
        })
    }
}
