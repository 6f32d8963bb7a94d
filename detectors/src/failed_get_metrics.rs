//! FailedGetMetrics: an autoscaler cannot read what it scales by, or finds nothing to scale.
//!
//! # Meaning
//! The HorizontalPodAutoscaler's condition ScalingActive has been False for three minutes because a metric could not be read
//! (FailedGetResourceMetric and the like), or AbleToScale has been False for two because its target does not exist. Every new
//! autoscaler says so until its first metric, so its first two minutes do not count. A target at zero replicas (ScalingDisabled)
//! is parked on purpose, and a target none of whose pods is Ready has no metrics for a reason of its own. It is over when the
//! condition is True again.
//!
//! # Impact
//! The workload keeps the replicas that it has: it neither grows with the load nor shrinks. Nobody notices until the load comes.
//!
//! # Diagnosis
//! The message says which metric and who was asked. "Could not find the requested resource" is an API that is not installed:
//! `kubectl get apiservices` for metrics.k8s.io. "Missing request for cpu" is a container without requests, often a sidecar that was
//! injected. A target that is not found was renamed or is of another kind.
//!
//! # Mitigation
//! Bring the metrics server or adapter back, set the requests, or correct `scaleTargetRef`. Until then scale by hand.

use crate::catalog::{Detector, Looked};
use crate::facts::{ApiServiceFacts, AutoscalerFacts, Condition, Facts, Truth};
use crate::look::Look;
use crate::params::Params;
use nightshift_model::{Cause, Finding, ObjectRef, Reason, Seconds, Severity};

/// The detector.
#[derive(Debug)]
pub struct FailedGetMetrics;

/// How often a target without a Ready pod is looked at again: its pods do not touch this scope.
const AGAIN: Seconds = Seconds(60);

impl Detector for FailedGetMetrics {
    fn reason(&self) -> Reason {
        Reason::FailedGetMetrics
    }

    fn source(&self) -> &'static str {
        include_str!("failed_get_metrics.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![
            ("A metric has failed for", params.metrics_failed.to_string()),
            ("The target has been missing for", params.target_missing.to_string()),
            ("Age of the autoscaler, at least", params.autoscaler_new.to_string()),
        ]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let Some(of) = at.facts::<AutoscalerFacts>() else { return Looked::default() };
        if of.meta.deleting.is_some() {
            return Looked::default();
        }
        let Some(Fault { condition, grace, cause, blames }) = fault(at, of) else { return Looked::default() };
        let seen = at.view.first_seen(&of.meta.uid).unwrap_or(at.now);
        let since = condition.since.unwrap_or(seen);
        let due = (since + grace).max(of.meta.created.unwrap_or(seen) + at.params.autoscaler_new);
        if at.now < due {
            return Looked::later(due);
        }
        if cause != Cause::MissingTarget && is_down(at, &of.scales()) {
            return Looked::later(at.now + AGAIN);
        }
        let finding = at.finding(Reason::FailedGetMetrics, Severity::Warning, since);
        Looked::found(Finding { cause, blames, detail: condition.message.to_string(), ..finding })
    }
}

struct Fault<'a> {
    condition: &'a Condition,
    grace: Seconds,
    cause: Cause,
    blames: Option<ObjectRef>,
}

fn fault<'a>(at: &Look<'_>, of: &'a AutoscalerFacts) -> Option<Fault<'a>> {
    if of.able.status == Truth::False && &*of.able.reason == "FailedGetScale" {
        let missing = of.able.message.trim_end().ends_with("not found");
        let cause = if missing { Cause::MissingTarget } else { Cause::Unknown };
        let (condition, grace) = (&of.able, at.params.target_missing);
        return Some(Fault { condition, grace, cause, blames: None });
    }
    let failed = of.active.status == Truth::False && of.active.reason.starts_with("FailedGet");
    failed.then(|| Fault {
        condition: &of.active,
        grace: at.params.metrics_failed,
        cause: Cause::NoMetrics,
        blames: unavailable(at, &of.active.reason),
    })
}

/// The API that serves such metrics, if it is there and does not answer.
fn unavailable(at: &Look<'_>, reason: &str) -> Option<ObjectRef> {
    let api = match reason {
        "FailedGetResourceMetric" | "FailedGetContainerResourceMetric" => "v1beta1.metrics.k8s.io",
        "FailedGetPodsMetric" | "FailedGetObjectMetric" => "v1beta1.custom.metrics.k8s.io",
        "FailedGetExternalMetric" => "v1beta1.external.metrics.k8s.io",
        _ => return None,
    };
    let api = at.view.by_name::<ApiServiceFacts>("", api)?;
    (api.available.status == Truth::False).then(|| api.object())
}

/// Whether a workload has pods and none of them serves.
fn is_down(at: &Look<'_>, target: &ObjectRef) -> bool {
    let Some(target) = at.view.get(target) else { return false };
    let pods = at.view.pods_of(&target.object());
    !pods.is_empty() && !pods.iter().any(|pod| pod.is_ready() && !pod.is_leaving())
}
