//! ReplicasUnavailable: a workload has fewer replicas than it must have.
//!
//! # Meaning
//! A Deployment, ReplicaSet, StatefulSet or DaemonSet has fewer available pods than it wants, and pods of it that run have not
//! been Ready for five minutes; those that do not run yet get fifteen. It is a finding only where nothing else explains it: no
//! crash, no image, no probe, no refusal, no node that is down. Pods within the time of their startup probe, pods that are
//! being deleted, and surplus pods of a rollout while enough others serve are not counted. It is over when as many are
//! available as are wanted.
//!
//! # Impact
//! The others carry the load. Critical when nobody is left to.
//!
//! # Diagnosis
//! Which pods, since when, and do they share a node, a zone or a dependency? `kubectl describe` of one of them, its log, and
//! what changed at that time. Readiness gates of other controllers keep a pod unready that is healthy in itself.
//!
//! # Mitigation
//! One pod of many that hangs is deleted; its replacement starts fresh. When all of them hang since the same moment, look at
//! what they depend on before you restart them, and restart them if it is back.

use crate::catalog::{Detector, Looked};
use crate::facts::{DaemonSetFacts, DeploymentFacts, Meta, PodFacts, ReplicaSetFacts, StatefulSetFacts};
use crate::look::Look;
use crate::params::Params;
use crate::rollout_stuck::waits;
use crate::unready::{cause, unready};
use nightshift_model::{Finding, Reason};

/// The detector.
#[derive(Debug)]
pub struct ReplicasUnavailable;

impl Detector for ReplicasUnavailable {
    fn reason(&self) -> Reason {
        Reason::ReplicasUnavailable
    }

    fn source(&self) -> &'static str {
        include_str!("replicas_unavailable.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![
            ("A pod that runs is unready for", params.replicas_unready.to_string()),
            ("A pod that does not run yet is unready for", params.replicas_pending.to_string()),
        ]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let Some((meta, wanted, available)) = counts(at) else { return Looked::default() };
        if available >= wanted || meta.deleting.is_some() || waits(at) {
            return Looked::default();
        }
        let unready = unready(at, at.staying());
        let Some((since, pod)) = unready.pods.first() else {
            return Looked { recheck_at: unready.recheck_at, ..Looked::default() };
        };
        let finding = Finding {
            cause: cause(at, pod),
            detail: said(pod),
            affected: u32::try_from(unready.pods.len()).unwrap_or(u32::MAX),
            ..at.about_pod(Reason::ReplicasUnavailable, pod, *since)
        };
        Looked { recheck_at: unready.recheck_at, ..Looked::found(finding) }
    }
}

/// The pod's own words, or which readiness gate nobody opens.
fn said(pod: &PodFacts) -> String {
    let said = if pod.message.is_empty() { &pod.ready.message } else { &pod.message };
    said.to_string()
}

/// What a workload wants, and what it says to have.
fn counts<'a>(at: &Look<'a>) -> Option<(&'a Meta, u32, u32)> {
    if let Some(of) = at.facts::<DeploymentFacts>() {
        return of.is_observed().then_some((&of.meta, of.wanted, of.available));
    }
    if let Some(of) = at.facts::<StatefulSetFacts>() {
        return (of.observed >= of.meta.generation).then_some((&of.meta, of.wanted, of.available));
    }
    if let Some(of) = at.facts::<DaemonSetFacts>() {
        return (of.observed >= of.meta.generation).then_some((&of.meta, of.desired, of.available));
    }
    let of = at.facts::<ReplicaSetFacts>()?;
    (of.observed >= of.meta.generation).then_some((&of.meta, of.wanted, of.available))
}
