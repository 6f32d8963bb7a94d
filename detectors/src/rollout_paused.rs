//! RolloutPaused: a rollout is paused half-way and stays so.
//!
//! # Meaning
//! The Deployment has `spec.paused`, pods of two revisions are wanted at once, and that has stood for half an hour. A pause
//! before the first new pod changes nothing that runs, and a short one is how a canary is watched. It is over when the rollout is
//! resumed or only one revision is wanted.
//!
//! # Impact
//! Two versions serve side by side. No later change of the template is rolled out, `kubectl rollout undo` is refused, and a
//! crash of the new pods looks like a paused rollout (Progressing is Unknown).
//!
//! # Diagnosis
//! Who paused it, and for what? managedFields name who wrote `paused`. Are the pods of the newest ReplicaSet Ready?
//!
//! # Mitigation
//! `kubectl rollout resume` when the new revision is well; else resume and undo at once: an undo needs the resume.

use crate::catalog::{Detector, Looked};
use crate::facts::{DeploymentFacts, Facts};
use crate::look::Look;
use crate::params::Params;
use nightshift_model::{Finding, Reason, Severity};

/// The detector.
#[derive(Debug)]
pub struct RolloutPaused;

impl Detector for RolloutPaused {
    fn reason(&self) -> Reason {
        Reason::RolloutPaused
    }

    fn source(&self) -> &'static str {
        include_str!("rollout_paused.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![("Paused half-way for", params.paused.to_string())]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let Some(of) = at.facts::<DeploymentFacts>() else { return Looked::default() };
        let half_way = at.sets.iter().filter(|set| set.wanted > 0).count() > 1;
        if !of.paused || !half_way || of.meta.deleting.is_some() {
            return Looked::default();
        }
        let paused = of.progressing.since.filter(|_| &*of.progressing.reason == "DeploymentPaused");
        let since = paused.or_else(|| at.view.first_seen(&of.meta.uid)).unwrap_or(at.now);
        let due = since + at.params.paused;
        if at.now < due {
            return Looked::later(due);
        }
        let Some(newest) = at.sets.first() else { return Looked::default() };
        let severity = if newest.ready < newest.wanted { at.impact() } else { Severity::Info };
        Looked::found(Finding {
            object: newest.object(),
            template_hash: newest.meta.labels.template_hash.to_string(),
            detail: of.progressing.message.to_string(),
            affected: newest.wanted.max(1),
            ..at.finding(Reason::RolloutPaused, severity, since)
        })
    }
}
