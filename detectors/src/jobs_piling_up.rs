//! JobsPilingUp: a CronJob's runs do not end before the next ones begin.
//!
//! # Meaning
//! The CronJob lets runs overlap (`concurrencyPolicy: Allow`, the default), and either four are active and none has ended since
//! the oldest of them began, or three are active that a later run has overtaken. Runs that overlap and end one after the
//! other are none. It is over when fewer are active.
//!
//! # Impact
//! Every interval adds a pod, until the nodes, a quota or what the runs work on gives in: locks, connections, a disk. There
//! is no Event, and nothing fails.
//!
//! # Diagnosis
//! What do the pods of the oldest runs wait for: a lock, a host that does not answer, a node? Do they need longer than the interval
//! by now because the work grew?
//!
//! # Mitigation
//! Set `concurrencyPolicy: Forbid` or `Replace` and an `activeDeadlineSeconds`; suspend the CronJob while you clear the old
//! Jobs, the oldest first.

use crate::catalog::{Detector, Looked};
use crate::facts::{CronJobFacts, Facts, JobFacts, Truth};
use crate::look::Look;
use crate::params::Params;
use nightshift_model::{Finding, Reason, Severity};

/// The detector.
#[derive(Debug)]
pub struct JobsPilingUp;

impl Detector for JobsPilingUp {
    fn reason(&self) -> Reason {
        Reason::JobsPilingUp
    }

    fn source(&self) -> &'static str {
        include_str!("jobs_piling_up.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![
            ("Active runs, none of which ends", params.piling.to_string()),
            ("Active runs that a later one has overtaken", params.overtaken.to_string()),
        ]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let Some(of) = at.facts::<CronJobFacts>() else { return Looked::default() };
        let overlaps = matches!(&*of.concurrency, "" | "Allow");
        if !overlaps || of.active < at.params.overtaken || of.meta.deleting.is_some() {
            return Looked::default();
        }
        let jobs = || at.view.owned_by(&of.meta.uid).filter_map(JobFacts::of);
        let ended = |job: &&JobFacts| [&job.failure, &job.complete].iter().any(|c| c.status == Truth::True);
        let mut active: Vec<&JobFacts> =
            jobs().filter(|job| !ended(job) && !job.suspended && job.meta.deleting.is_none()).collect();
        active.sort_by(|a, b| (a.meta.created, &a.meta.name).cmp(&(b.meta.created, &b.meta.name)));
        let Some((oldest, began)) = active.first().and_then(|job| Some((*job, job.meta.created?))) else {
            return Looked::default();
        };
        let newest_ended = jobs().filter(ended).filter_map(|job| job.meta.created).max();
        let overtaken = active.iter().filter(|job| job.meta.created < newest_ended).count();
        let none_ended = newest_ended.is_none_or(|ended| ended < began)
            && of.last_success.is_none_or(|success| success < began);
        let at_least = |count: usize, least: u32| u32::try_from(count).is_ok_and(|count| count >= least);
        let piles = none_ended && at_least(active.len(), at.params.piling);
        if !piles && !at_least(overtaken, at.params.overtaken) {
            return Looked::default();
        }
        Looked::found(Finding {
            object: oldest.object(),
            affected: u32::try_from(active.len()).unwrap_or(u32::MAX),
            ..at.finding(Reason::JobsPilingUp, Severity::Warning, began)
        })
    }
}
