//! ScalingLimited: an autoscaler stands at its maximum and wants more.
//!
//! # Meaning
//! The HorizontalPodAutoscaler runs as many replicas as it may, its condition ScalingLimited is True with reason
//! TooManyReplicas, and that for fifteen minutes: the metrics ask for more than `maxReplicas`. An autoscaler whose minimum is its
//! maximum is pinned on purpose. It is over when it wants no more than it may.
//!
//! # Impact
//! Nothing is down. There is no room for more load: latency and queues grow from here, and a pod that is lost is missed.
//!
//! # Diagnosis
//! `kubectl describe hpa`: current and target values. Is it more traffic, or did each request become dearer with the last
//! rollout? A metric that never falls below its target (memory of a program that frees none) stays at the maximum for ever.
//!
//! # Mitigation
//! Raise `maxReplicas` if the nodes and what stands behind the workload can bear it; a database's connections often
//! cannot. Else find what drives the metric.

use crate::catalog::{Detector, Looked};
use crate::facts::{AutoscalerFacts, Truth};
use crate::look::Look;
use crate::params::Params;
use nightshift_model::{Finding, Reason, Severity};

/// The detector.
#[derive(Debug)]
pub struct ScalingLimited;

impl Detector for ScalingLimited {
    fn reason(&self) -> Reason {
        Reason::ScalingLimited
    }

    fn source(&self) -> &'static str {
        include_str!("scaling_limited.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![("At the maximum and wants more for", params.scaling_limited.to_string())]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let Some(of) = at.facts::<AutoscalerFacts>() else { return Looked::default() };
        let wants_more = of.limited.status == Truth::True && &*of.limited.reason == "TooManyReplicas";
        let at_most = of.most > 0 && of.current >= of.most && of.least < of.most;
        if !wants_more || !at_most || of.active.status != Truth::True || of.meta.deleting.is_some() {
            return Looked::default();
        }
        let since = of.limited.since.or_else(|| at.view.first_seen(&of.meta.uid)).unwrap_or(at.now);
        let due = since + at.params.scaling_limited;
        if at.now < due {
            return Looked::later(due);
        }
        let finding = at.finding(Reason::ScalingLimited, Severity::Warning, since);
        Looked::found(Finding { detail: of.limited.message.to_string(), ..finding })
    }
}
