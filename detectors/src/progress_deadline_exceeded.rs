//! ProgressDeadlineExceeded: a rollout does not get on.
//!
//! # Meaning
//! The Deployment's condition Progressing is False with this reason: no new replica became available for
//! `progressDeadlineSeconds`, ten minutes unless it says otherwise. It is a finding a minute later, and only where nothing that is
//! wrong with a pod or refuses one explains it: that is the better name for the same fault. A paused rollout makes no
//! progress on purpose, and new pods within the time of their startup probe are only slow. It is over when the rollout
//! completes or goes on.
//!
//! # Impact
//! Two revisions stand side by side. With the default strategy the old pods go on serving, so `readyReplicas` looks
//! complete and nobody is paged; what was to be deployed is not.
//!
//! # Diagnosis
//! Look at the pods of the newest ReplicaSet, not at the Deployment: are they there, do they run, what does their readiness
//! probe answer? `kubectl rollout history` and the images say what changed. A deadline that is shorter than the program
//! takes to start is exceeded by every rollout.
//!
//! # Mitigation
//! `kubectl rollout undo` when the revision before was healthy. Nothing rolls back by itself: the condition is a
//! message, not an action.

use crate::catalog::{Detector, Looked};
use crate::facts::{DeploymentFacts, PodFacts, Truth};
use crate::look::Look;
use crate::params::Params;
use crate::unready::{cause, is_expected};
use nightshift_model::{Cause, Finding, Reason};

/// The detector.
#[derive(Debug)]
pub struct ProgressDeadlineExceeded;

impl Detector for ProgressDeadlineExceeded {
    fn reason(&self) -> Reason {
        Reason::ProgressDeadlineExceeded
    }

    fn source(&self) -> &'static str {
        include_str!("progress_deadline_exceeded.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![("After the deadline", params.stalled.to_string())]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let Some(of) = at.facts::<DeploymentFacts>() else { return Looked::default() };
        let stalled = of.progressing.status == Truth::False
            && &*of.progressing.reason == "ProgressDeadlineExceeded"
            && of.is_observed();
        if !stalled || of.paused || of.is_complete() || of.wanted == 0 || of.meta.deleting.is_some() {
            return Looked::default();
        }
        let since = of.progressing.since.or_else(|| at.view.first_seen(&of.meta.uid)).unwrap_or(at.now);
        let due = since + at.params.stalled;
        if at.now < due {
            return Looked::later(due);
        }
        let newest: Vec<&PodFacts> =
            at.staying().filter(|pod| at.age_of(pod) == Some(0) && !pod.is_ready()).collect();
        if !newest.is_empty() && !newest.iter().any(|pod| is_expected(at, pod)) {
            return Looked::default();
        }
        let finding = at.finding(Reason::ProgressDeadlineExceeded, at.impact(), since);
        let template_hash = at.sets.first().map(|set| set.meta.labels.template_hash.to_string());
        let rolled = if at.sets.len() > 1 { Cause::NewRevision } else { Cause::Unknown };
        Looked::found(Finding {
            object: at.sets.first().map_or(finding.object, |set| crate::facts::Facts::object(*set)),
            template_hash: template_hash.unwrap_or_default(),
            cause: newest.first().map_or(rolled, |pod| cause(at, pod)),
            detail: of.progressing.message.to_string(),
            affected: u32::try_from(newest.len()).unwrap_or(u32::MAX).max(1),
            ..finding
        })
    }
}
