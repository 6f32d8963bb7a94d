//! CronJobFailing: every one of a CronJob's last runs has failed.
//!
//! # Meaning
//! The newest finished run of a CronJob has failed, and so had the one before it; nothing has succeeded in between. The cluster
//! keeps a single failed Job by default, so the run before is read from the schedule: a time that it should have run at lies
//! between the last success (or the CronJob's creation) and the run that is known to have failed. A single failed run is no
//! finding, a suspended CronJob neither. It is over with the next run that succeeds.
//!
//! # Impact
//! What the CronJob does has not been done since the last success: backups, clean-ups, certificates, reports. Nobody
//! notices, for nothing is down.
//!
//! # Diagnosis
//! `kubectl get cronjob` shows `lastSuccessfulTime` with `-o yaml`: since when does it fail, and what was changed then? The
//! failed Job's pod has the log; with `restartPolicy: OnFailure` the pod is gone. Compare the image and the Secrets of the
//! last run that succeeded.
//!
//! # Mitigation
//! Repair the cause, then start one run by hand (`kubectl create job --from=cronjob/NAME NAME-by-hand`) instead of waiting
//! for the next. Catch up on what was missed if the work does not do that itself.

use crate::catalog::{Detector, Looked};
use crate::cron::{Cron, is_utc};
use crate::facts::{CronJobFacts, Facts, JobFacts, PodFacts, Truth};
use crate::job_failed::because;
use crate::look::Look;
use crate::params::Params;
use nightshift_model::{Finding, Gap, Reason, Seconds, Severity, Timestamp};

/// The detector.
#[derive(Debug)]
pub struct CronJobFailing;

/// Failed runs in a row that make it one.
const ROW: usize = 2;

impl Detector for CronJobFailing {
    fn reason(&self) -> Reason {
        Reason::CronJobFailing
    }

    fn source(&self) -> &'static str {
        include_str!("cron_job_failing.rs")
    }

    fn thresholds(&self, _: &Params) -> Vec<(&'static str, String)> {
        vec![("Failed runs in a row", ROW.to_string())]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let Some(cron) = at.facts::<CronJobFacts>() else { return Looked::default() };
        if cron.suspended || cron.meta.deleting.is_some() {
            return Looked::default();
        }
        let jobs: Vec<&JobFacts> = at.view.owned_by(&cron.meta.uid).filter_map(JobFacts::of).collect();
        let Some(run) = Run::newest_failed(cron, &jobs) else { return Looked::default() };
        let Some(schedule) = Cron::parse(&cron.schedule) else {
            return if run.failed >= ROW { run.finding(at, run.began) } else { unread(cron) };
        };
        let before =
            if is_utc(&cron.zone) { run.one_before(&schedule) } else { run.one_long_before(&schedule) };
        if run.failed < ROW && !before {
            return Looked::default();
        }
        let first = run.good.filter(|_| is_utc(&cron.zone)).and_then(|good| schedule.after(good));
        run.finding(at, first.unwrap_or(run.began).min(run.began))
    }
}

/// A schedule that is not understood hides the run before.
fn unread(cron: &CronJobFacts) -> Looked {
    let gap = Gap {
        what: format!("schedule of {}", cron.object()),
        why: "it is none of the forms that are understood".to_owned(),
    };
    Looked { unchecked: vec![gap], ..Looked::default() }
}

/// The newest run that has failed, with none that succeeded since it began.
struct Run<'a> {
    job: &'a JobFacts,
    began: Timestamp,
    /// Until when all was well: the last success, or the creation of the CronJob.
    good: Option<Timestamp>,
    /// Failed Jobs since then that are still there.
    failed: usize,
}

impl<'a> Run<'a> {
    fn newest_failed(cron: &CronJobFacts, jobs: &[&'a JobFacts]) -> Option<Self> {
        let since_success = |job: &&&JobFacts| cron.last_success.is_none_or(|at| job.meta.created > Some(at));
        let failed = jobs.iter().filter(|job| job.failure.status == Truth::True).filter(since_success);
        let failed: Vec<&&JobFacts> = failed.collect();
        let job = **failed.iter().max_by_key(|job| (job.meta.created, job.meta.name.clone()))?;
        let began = job.meta.created?;
        let better =
            |other: &&JobFacts| other.complete.status == Truth::True && other.meta.created >= Some(began);
        let good = cron.last_success.into_iter().chain(cron.meta.created).max();
        (!jobs.iter().any(better)).then_some(Self { job, began, good, failed: failed.len() })
    }

    /// Whether another run was due between the last success and this one: it cannot have succeeded.
    fn one_before(&self, schedule: &Cron) -> bool {
        let due = schedule.before(self.began + Seconds(1));
        let before = due.and_then(|due| schedule.before(due));
        before.zip(self.good).is_some_and(|(before, good)| before > good)
    }

    /// The same where only the distances of the schedule are known: its longest of the last ones must fit in between.
    fn one_long_before(&self, schedule: &Cron) -> bool {
        let (mut at, mut longest) = (self.began, Seconds(0));
        for _ in 0..8 {
            let Some(before) = schedule.before(at) else { return false };
            longest = longest.max(at.since(before));
            at = before;
        }
        self.good.is_some_and(|good| self.began.since(good) > Seconds(longest.0 + 60))
    }

    fn finding(&self, at: &Look<'_>, since: Timestamp) -> Looked {
        let finding = Finding {
            object: self.job.object(),
            ..at.finding(Reason::CronJobFailing, Severity::Warning, since)
        };
        let pods = at.view.owned_by(&self.job.meta.uid).filter_map(PodFacts::of);
        let affected = u32::try_from(self.failed).unwrap_or(u32::MAX);
        Looked::found(Finding { affected, ..because(finding, self.job, pods) })
    }
}
