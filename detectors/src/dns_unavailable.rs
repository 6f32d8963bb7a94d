//! DnsUnavailable: the cluster's DNS has nobody who answers.
//!
//! # Meaning
//! The Service of the cluster's DNS (kube-dns in kube-system, or what carries `k8s-app: kube-dns` there) has not had one
//! ready endpoint for a minute.
//!
//! # Impact
//! No pod finds anything by name: connections fail with "no such host" or time out, probes fail, workloads restart. What looks like
//! many faults is one.
//!
//! # Diagnosis
//! `kubectl -n kube-system get pods -l k8s-app=kube-dns`: are there pods, are they scheduled, do they crash (a broken Corefile, a
//! forwarding loop, memory)? Their log names the line of the Corefile, or the loop. Were they scaled to zero?
//!
//! # Mitigation
//! Bring the pods back: undo the last change of the Corefile's ConfigMap, free a node for them, raise the limit that kills
//! them. Let the other incidents of the same minutes wait until names resolve again.

use crate::behind::{endpoints, explained, selected, unseen};
use crate::catalog::{Detector, Looked};
use crate::facts::{PodFacts, ServiceFacts};
use crate::look::Look;
use crate::params::Params;
use nightshift_model::{Cause, Finding, Kind, Reason, Severity};

/// The detector.
#[derive(Debug)]
pub struct DnsUnavailable;

impl Detector for DnsUnavailable {
    fn reason(&self) -> Reason {
        Reason::DnsUnavailable
    }

    fn source(&self) -> &'static str {
        include_str!("dns_unavailable.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![("Time without a ready endpoint", params.no_answer.to_string())]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let Some(service) = at.facts::<ServiceFacts>() else { return Looked::default() };
        let meant = service.meta.deleting.is_none() && !service.selector.is_empty() && !service.headless;
        if !is_dns(service) || !meant {
            return Looked::default();
        }
        let unchecked = unseen(at.view, &[Kind::EndpointSlice, Kind::Pod]);
        if !unchecked.is_empty() {
            return Looked { unchecked, ..Looked::default() };
        }
        let ends = endpoints(at.view, &service.meta.namespace, &service.meta.name);
        if ends.ready > 0 {
            return Looked::default();
        }
        let since = ends.since.or(service.meta.created).unwrap_or(at.now);
        let due = since + at.params.no_answer;
        if at.now < due {
            return Looked::later(due);
        }
        let pods: Vec<&PodFacts> =
            selected(at.view, service).into_iter().filter(|pod| !pod.is_leaving()).collect();
        let cause = if pods.is_empty() { Cause::SelectorMatchesNothing } else { Cause::PodsNotReady };
        Looked::found(Finding {
            cause,
            blames: explained(at, &pods),
            affected: u32::try_from(pods.len()).unwrap_or(u32::MAX).max(1),
            ..at.finding(Reason::DnsUnavailable, Severity::Critical, since)
        })
    }
}

/// Whether this is the Service of the cluster's DNS.
pub(crate) fn is_dns(service: &ServiceFacts) -> bool {
    let labelled = || service.meta.labels.all.get("k8s-app").is_some_and(|app| &**app == "kube-dns");
    &*service.meta.namespace == "kube-system" && (&*service.meta.name == "kube-dns" || labelled())
}
