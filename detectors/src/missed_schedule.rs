//! MissedSchedule: a CronJob does not run when it should.
//!
//! # Meaning
//! A time of the schedule has passed and no run was started for five minutes. Where `concurrencyPolicy: Forbid` meets a run that
//! still goes on, three times must have passed: one long run skips the next by design. A suspended CronJob misses
//! nothing. Only schedules in UTC are judged; one with another `timeZone` is said to be unchecked. It is over with the next
//! run.
//!
//! # Impact
//! What the CronJob does is late and gets later: backups, clean-ups, certificates. There is no Event when `Forbid` keeps the next
//! run away.
//!
//! # Diagnosis
//! Is a run active (`status.active`), and what does its pod wait for? Without one: does the Job get refused, is
//! `startingDeadlineSeconds` shorter than the controller is late, does kube-controller-manager run? Other CronJobs that are late
//! at the same time point to the controller.
//!
//! # Mitigation
//! End the run that hangs: delete its Job, the next one starts by itself. Give the Job an `activeDeadlineSeconds`, so that it cannot
//! hang for ever again.

use crate::catalog::{Detector, Looked};
use crate::cron::{Cron, is_utc};
use crate::facts::{CronJobFacts, Facts};
use crate::look::Look;
use crate::params::Params;
use nightshift_model::{Cause, Finding, Gap, Reason, Seconds, Severity, Timestamp};

/// The detector.
#[derive(Debug)]
pub struct MissedSchedule;

/// Missed times that are counted.
const COUNTED: usize = 1000;

impl Detector for MissedSchedule {
    fn reason(&self) -> Reason {
        Reason::MissedSchedule
    }

    fn source(&self) -> &'static str {
        include_str!("missed_schedule.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![
            ("Late by", params.missed_after.to_string()),
            ("Times missed while a run goes on that forbids others", params.missed_runs.to_string()),
        ]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let Some(of) = at.facts::<CronJobFacts>() else { return Looked::default() };
        if of.suspended || of.meta.deleting.is_some() {
            return Looked::default();
        }
        let Some(schedule) = Cron::parse(&of.schedule).filter(|_| is_utc(&of.zone)) else {
            return unchecked(of);
        };
        let seen = at.view.first_seen(&of.meta.uid).unwrap_or(at.now);
        let from = of.last_schedule.or(of.meta.created).unwrap_or(seen);
        let Some(first) = schedule.after(from) else { return Looked::default() };
        let held = of.active > 0 && &*of.concurrency == "Forbid";
        let enough = if held { at.params.missed_runs.max(1) } else { 1 };
        let Some(last) = nth(&schedule, first, enough - 1) else { return Looked::default() };
        // Who edits a schedule or resumes a CronJob makes old times due at once: the controller gets a minute.
        let edited = at.view.changed(&of.meta.uid).map_or(first, |changed| changed + Seconds(60));
        let due = (first + at.params.missed_after).max(last).max(edited);
        if at.now < due {
            return Looked::later(due);
        }
        let mut missed = 0;
        let mut time = Some(first);
        while let Some(slot) = time.filter(|slot| *slot <= at.now && missed < COUNTED) {
            missed += 1;
            time = schedule.after(slot);
        }
        Looked::found(Finding {
            cause: if held { Cause::StillRunning } else { Cause::Unknown },
            affected: u32::try_from(missed).unwrap_or(u32::MAX),
            ..at.finding(Reason::MissedSchedule, Severity::Warning, first)
        })
    }
}

/// The time so many runs after this one.
fn nth(schedule: &Cron, first: Timestamp, more: u32) -> Option<Timestamp> {
    (0..more).try_fold(first, |at, _| schedule.after(at))
}

fn unchecked(of: &CronJobFacts) -> Looked {
    let why = if is_utc(&of.zone) {
        "it is none of the forms that are understood"
    } else {
        "its time zone is not UTC"
    };
    let gap = Gap { what: format!("schedule of {}", of.object()), why: why.to_owned() };
    Looked { unchecked: vec![gap], ..Looked::default() }
}
