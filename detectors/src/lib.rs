//! "What is wrong?", in code: pure functions over small facts.
//!
//! A watch feeds [`View::apply`]; the scopes that it returns, and those whose `recheck_at` has come, go to [`detect`].
//! No I/O, no clock, no state beside the view: a pasted `kubectl get -o yaml` is a whole test.

pub mod api_service_unavailable;
pub mod backend_missing;
mod behind;
pub mod blame;
pub mod catalog;
pub mod claim_pending;
pub mod container_creating;
pub mod crash_loop_back_off;
pub mod create_container_config_error;
pub mod create_container_error;
mod creating;
mod cron;
pub mod cron_job_failing;
mod deletion;
pub mod disruption_blocked;
pub mod dns_unavailable;
pub mod doc;
pub mod err_image_never_pull;
pub mod evicted;
pub mod facts;
pub mod failed_create;
pub mod failed_get_metrics;
pub mod failed_mount;
pub mod failed_scheduling;
pub mod image_pull_back_off;
pub mod init_container_stuck;
pub mod invalid_image_name;
pub mod job_failed;
pub mod jobs_piling_up;
pub mod leaving;
pub mod look;
pub mod missed_schedule;
pub mod no_endpoints;
pub mod node_cordoned;
pub mod node_not_ready;
pub mod node_pressure;
pub mod oom_killed;
pub mod params;
pub mod plane;
pub mod pod_failed;
pub mod port_mismatch;
pub mod post_start_hook_error;
pub mod progress_deadline_exceeded;
pub mod quota_exhausted;
mod refusal;
pub mod replicas_unavailable;
pub mod rollout;
pub mod rollout_paused;
pub mod rollout_stuck;
pub mod run_container_error;
pub mod scaling_limited;
pub mod scheduling_gated;
pub mod terminating;
pub mod unhealthy;
mod unready;
pub mod view;
pub mod volume_nearly_full;
pub mod volumes;
mod waiting;
pub mod webhook_unavailable;

pub use catalog::{DETECTORS, Detector, Looked};
pub use facts::Fact;
pub use leaving::{Going, Leaving};
pub use look::Look;
pub use params::{Parameter, Params};
pub use rollout::{Health, Rollout, healthy, rollout_state};
pub use view::{Delta, View};

use nightshift_model::{Finding, Gap, Kind, ObjectRef, Reason, Timestamp};
use std::collections::BTreeSet;

/// Everything that is true of one scope now. Absence of a finding is its clearing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detection {
    /// At most one a reason, in the order of the catalogue.
    pub findings: Vec<Finding>,
    /// When to look again though nothing changes; `None`: not before the next delta.
    pub recheck_at: Option<Timestamp>,
    /// What could not be seen, so that silence about it means nothing.
    pub unchecked: Vec<Gap>,
    /// Whether the scope is on its way out: nothing new opens then.
    pub leaving: Option<Leaving>,
}

/// Runs every detector on one scope. [`nightshift_model::Origin`] is always `Seen`: who keeps the inventory of first sight
/// decides what was there before.
pub fn detect(view: &View, scope: &ObjectRef, now: Timestamp, params: &Params) -> Detection {
    let mut detection = Detection::default();
    let mut unchecked: BTreeSet<Gap> = gaps(view, scope).into_iter().collect();
    let at = Look::new(view, scope, now, params);
    for detector in DETECTORS.iter().filter(|detector| !params.is_off(detector.reason())) {
        let looked = detector.look(&at);
        detection.findings.extend(looked.finding);
        detection.recheck_at = earliest(detection.recheck_at, looked.recheck_at);
        unchecked.extend(looked.unchecked);
    }
    if detection.findings.iter().any(|finding| finding.reason <= Reason::FailedCreate) {
        detection.findings.retain(|finding| !OF_THE_WHOLE.contains(&finding.reason));
    }
    blame::attribute(&at, &mut detection.findings);
    detection.leaving = leaving::leaving(view, scope, now, params);
    let until = detection.leaving.and_then(|leaving| leaving.until);
    detection.recheck_at = earliest(detection.recheck_at, until);
    detection.unchecked = unchecked.into_iter().collect();
    detection
}

/// Reasons that say of a whole workload what a reason of its pods, up to FailedCreate, says better: they stand only where none
/// of those does.
const OF_THE_WHOLE: &[Reason] = &[
    Reason::ProgressDeadlineExceeded,
    Reason::ReplicasUnavailable,
    Reason::RolloutStuck,
    Reason::MissedSchedule,
    Reason::JobsPilingUp,
];

/// Holes that concern every detector.
fn gaps(view: &View, scope: &ObjectRef) -> Vec<Gap> {
    let unsynced = View::NEEDED.iter().filter(|kind| !view.synced_kind(kind));
    let mut gaps: Vec<Gap> = unsynced
        .map(|kind| Gap {
            what: format!("watch {}", kind.api().map_or_else(|| kind.as_str(), |(_, plural)| plural)),
            why: "the first list is not complete".to_owned(),
        })
        .collect();
    if scope.kind == Kind::ReplicaSet && view.get(scope).is_none() && !view.pods_of(scope).is_empty() {
        gaps.push(Gap { what: format!("owner of {scope}"), why: "the ReplicaSet was not seen".to_owned() });
    }
    gaps
}

/// The earlier of two times that may be missing.
pub(crate) fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    a.into_iter().chain(b).min()
}

#[cfg(test)]
mod tests;
