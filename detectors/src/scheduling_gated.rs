//! SchedulingGated: a pod waits for somebody to open its scheduling gate.
//!
//! # Meaning
//! A pod has been held by `spec.schedulingGates` for three minutes. Gates of queues (Kueue), where waiting is the purpose,
//! are given six hours. No Event is ever written about a closed gate.
//!
//! # Impact
//! The scheduler does not look at the pod at all. Nothing times out.
//!
//! # Diagnosis
//! The gate's name says who must open it: find the controller behind that prefix. Does it run, does it watch this
//! namespace, has it logged why it holds the pod?
//!
//! # Mitigation
//! Bring the controller back. When it is gone for good, remove the gate from the template and from the pods that wait:
//! `kubectl patch pod POD --type=json -p '[{"op":"remove","path":"/spec/schedulingGates"}]'`.

use crate::catalog::{Detector, Looked};
use crate::earliest;
use crate::look::Look;
use crate::params::Params;
use nightshift_model::{Finding, Reason};

/// The detector.
#[derive(Debug)]
pub struct SchedulingGated;

/// Gates of queues: their pods may wait for their turn.
const QUEUES: &[&str] = &["kueue.x-k8s.io/"];

impl Detector for SchedulingGated {
    fn reason(&self) -> Reason {
        Reason::SchedulingGated
    }

    fn source(&self) -> &'static str {
        include_str!("scheduling_gated.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![
            ("Time behind a gate", params.gate_after.to_string()),
            ("Time behind the gate of a queue", params.queue_after.to_string()),
        ]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let mut looked = Looked::default();
        for pod in at.staying() {
            let Some(asks) = pod.asks.as_ref().filter(|asks| !asks.gates.is_empty()) else { continue };
            let queued = asks.gates.iter().any(|gate| QUEUES.iter().any(|queue| gate.starts_with(queue)));
            let grace = if queued { at.params.queue_after } else { at.params.gate_after };
            let since = pod.meta.created.or_else(|| at.view.first_seen(&pod.meta.uid)).unwrap_or(at.now);
            if since + grace > at.now {
                looked.recheck_at = earliest(looked.recheck_at, Some(since + grace));
                continue;
            }
            let finding = looked.finding.get_or_insert_with(|| {
                let detail = format!("held by the scheduling gates {}", asks.gates.join(", "));
                Finding { affected: 0, detail, ..at.about_pod(Reason::SchedulingGated, pod, since) }
            });
            finding.affected += 1;
            finding.since = finding.since.min(since);
        }
        looked
    }
}
