//! JobFailed: a Job has failed for good.
//!
//! # Meaning
//! The Job's condition Failed is True: its retries are used up (BackoffLimitExceeded), its time is over
//! (DeadlineExceeded), or its own policy gave up (PodFailurePolicy, FailedIndexes). Nothing starts it again, so it is a finding at
//! once. A pod of the Job that fails while retries are left is none, and neither is a run of a CronJob: the next run may well
//! succeed, and CronJobFailing tells when none does. It is over when the Job is deleted, or when the Job that nightshift made
//! anew from it is complete; while both have failed, the first one speaks for both.
//!
//! # Impact
//! The work that it was made for was not done: a migration, an import, a report. What waits for it waits on; a rollout
//! behind a migration that failed should not go on.
//!
//! # Diagnosis
//! `kubectl describe job` says which limit it hit. With `restartPolicy: Never` the failed pods are kept, and the log of the last
//! one tells why; with `OnFailure` the pod is deleted at the end and its log with it: look into the log store. For a
//! deadline, ask whether the work grew or hung.
//!
//! # Mitigation
//! Find out whether the work may be done twice before it is run again: part of it may have happened. Then repair the
//! cause, delete the Job and create it anew; a Job's template cannot be changed.

use crate::catalog::{Detector, Looked};
use crate::facts::{JobFacts, PodFacts, Role, State, Truth};
use crate::look::Look;
use crate::params::Params;
use nightshift_model::{Cause, Exit, ExitClass, Finding, Kind, ObjectRef, Reason, Severity, rerun};

/// The detector.
#[derive(Debug)]
pub struct JobFailed;

impl Detector for JobFailed {
    fn reason(&self) -> Reason {
        Reason::JobFailed
    }

    fn source(&self) -> &'static str {
        include_str!("job_failed.rs")
    }

    fn thresholds(&self, _: &Params) -> Vec<(&'static str, String)> {
        vec![("Condition Failed", "True".to_owned())]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let Some(job) = at.facts::<JobFacts>() else { return Looked::default() };
        if job.failure.status != Truth::True || job.meta.deleting.is_some() {
            return Looked::default();
        }
        if is_made_good(at, job) || is_spoken_for(at, job) {
            return Looked::default();
        }
        let seen = at.view.first_seen(&job.meta.uid).unwrap_or(at.now);
        let finding = at.finding(Reason::JobFailed, Severity::Warning, job.failure.since.unwrap_or(seen));
        Looked::found(because(finding, job, at.pods.iter().copied()))
    }
}

/// Whether the Job that was made anew from this one is complete. A label is anybody's text: the name must follow from the uid
/// too, and whoever can make such a Job here could also delete this one.
fn is_made_good(at: &Look<'_>, job: &JobFacts) -> bool {
    let name = rerun::name(&job.meta.name, &job.meta.uid);
    let again = at.view.by_name::<JobFacts>(&job.meta.namespace, &name);
    again
        .is_some_and(|again| again.rerun_of() == Some(&*job.meta.uid) && again.complete.status == Truth::True)
}

/// Whether this Job was made anew from one that is still there and has failed.
fn is_spoken_for(at: &Look<'_>, job: &JobFacts) -> bool {
    let first = job
        .rerun_of()
        .and_then(|uid| at.view.facts::<JobFacts>(&ObjectRef::new(Kind::Job, &job.meta.namespace, "", uid)));
    first.is_some_and(|first| {
        first.meta.namespace == job.meta.namespace
            && first.failure.status == Truth::True
            && first.meta.deleting.is_none()
            && *job.meta.name == rerun::name(&first.meta.name, &first.meta.uid)
    })
}

/// Says why a Job failed, and how its last pod ended as far as it is still there.
pub(crate) fn because<'a>(
    finding: Finding,
    job: &JobFacts,
    pods: impl Iterator<Item = &'a PodFacts>,
) -> Finding {
    let last = pods.filter_map(ended).max_by_key(|(_, exit)| exit.at);
    let (container, exit) = last.map(|(name, exit)| (name, Some(exit))).unwrap_or_default();
    Finding {
        container,
        exit,
        cause: cause(&job.failure.reason),
        detail: job.failure.message.to_string(),
        affected: job.failed.max(1),
        ..finding
    }
}

/// The condition's word.
pub(crate) fn cause(reason: &str) -> Cause {
    match reason {
        "BackoffLimitExceeded" | "FailedIndexes" | "MaxFailedIndexesExceeded" => Cause::BackoffLimit,
        "DeadlineExceeded" => Cause::Deadline,
        "PodFailurePolicy" => Cause::FailurePolicy,
        _ => Cause::Unknown,
    }
}

/// The main container that ended with an error, and how.
fn ended(pod: &PodFacts) -> Option<(String, Exit)> {
    pod.containers.iter().filter(|c| c.role != Role::Sidecar).find_map(|c| {
        let end = match &c.state {
            State::Terminated(end) => Some(end),
            State::Waiting(_) | State::Running { .. } | State::Unknown => c.last.as_ref(),
        };
        let end = end.filter(|end| end.code != 0)?;
        let exit = Exit { code: end.code, class: ExitClass::of(end.code, &end.reason), at: end.finished };
        Some((c.name.to_string(), exit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_conditions_words_are_known() {
        let words = [
            ("BackoffLimitExceeded", Cause::BackoffLimit),
            ("DeadlineExceeded", Cause::Deadline),
            ("PodFailurePolicy", Cause::FailurePolicy),
            ("FailedIndexes", Cause::BackoffLimit),
            ("SomethingNew", Cause::Unknown),
            ("", Cause::Unknown),
        ];
        for (word, wanted) in words {
            assert_eq!(cause(word), wanted, "{word}");
        }
    }
}
