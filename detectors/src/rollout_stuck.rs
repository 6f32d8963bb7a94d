//! RolloutStuck: a StatefulSet or DaemonSet does not get past a pod.
//!
//! # Meaning
//! A StatefulSet replaces its pods from the last ordinal to the first, and makes new ones from the first to the last, each only when
//! the one before is Ready; a DaemonSet replaces as many at a time as may be unavailable. Here one pod has not been Ready for five
//! minutes (fifteen if it does not run yet), and pods are still missing or of the old revision behind it. It is a finding only where
//! nothing that is wrong with a pod explains it. What waits on purpose is none: OnDelete, ordinals below the partition,
//! parallel pod management, a scale of zero. It is over when the pod is Ready or the rest is through.
//!
//! # Impact
//! One replica or one node is without the service, and the set is stuck between two revisions or below its size. It does not
//! heal by itself: the controller waits for that very pod.
//!
//! # Diagnosis
//! `kubectl rollout status` names what it waits for. Look at the unready pod: its probe, its log, its volume. A set whose template
//! was already put back may still wait for the broken pod of the revision in between.
//!
//! # Mitigation
//! Roll back to the revision that was healthy. If the template is right and only the pod is of the bad revision, delete
//! that pod: with ordered pods the controller does not replace it. Check the volume first when the data may be the cause.

use crate::catalog::{Detector, Looked};
use crate::facts::{DaemonSetFacts, StatefulSetFacts};
use crate::look::Look;
use crate::params::Params;
use crate::unready::{cause, unready};
use nightshift_model::{Finding, Reason};

/// The detector.
#[derive(Debug)]
pub struct RolloutStuck;

impl Detector for RolloutStuck {
    fn reason(&self) -> Reason {
        Reason::RolloutStuck
    }

    fn source(&self) -> &'static str {
        include_str!("rollout_stuck.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![
            ("A pod that runs is unready for", params.replicas_unready.to_string()),
            ("A pod that does not run yet is unready for", params.replicas_pending.to_string()),
        ]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        if !waits(at) {
            return Looked::default();
        }
        let unready = unready(at, at.staying());
        let Some((since, pod)) = unready.pods.first() else {
            return Looked { recheck_at: unready.recheck_at, ..Looked::default() };
        };
        let finding = Finding {
            cause: cause(at, pod),
            affected: u32::try_from(unready.pods.len()).unwrap_or(u32::MAX),
            ..at.about_pod(Reason::RolloutStuck, pod, *since)
        };
        Looked { recheck_at: unready.recheck_at, ..Looked::found(finding) }
    }
}

/// Whether something stands behind an unready pod: pods to make, or to bring to the newest revision.
pub(crate) fn waits(at: &Look<'_>) -> bool {
    if let Some(set) = at.facts::<StatefulSetFacts>() {
        let observed = set.observed >= set.meta.generation && set.meta.deleting.is_none();
        let missing = !set.parallel && set.replicas < set.wanted;
        let updating = !set.on_delete && set.updated < set.replicas.saturating_sub(set.partition);
        return observed && set.wanted > 0 && (missing || updating);
    }
    at.facts::<DaemonSetFacts>().is_some_and(|set| {
        let observed = set.observed >= set.meta.generation && set.meta.deleting.is_none();
        observed && !set.on_delete && set.updated < set.desired
    })
}
