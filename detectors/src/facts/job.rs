//! Jobs and CronJobs: work that ends.

use super::lenient::{lenient, read_through, take_object};
use super::meta::{Condition, ConditionWire, Meta};
use super::pool::Pool;
use nightshift_model::Timestamp;
use serde::Deserialize;
use std::sync::Arc;

/// What is kept of a Job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFacts {
    /// Name, owner.
    pub meta: Meta,
    /// `spec.suspend`.
    pub suspended: bool,
    /// Pods that should run at once: `spec.parallelism`, and no more than are still to succeed.
    pub wanted: u32,
    /// `status.active`.
    pub active: u32,
    /// `status.succeeded`.
    pub succeeded: u32,
    /// `status.failed`.
    pub failed: u32,
    /// `status.startTime`.
    pub started: Option<Timestamp>,
    /// Condition Failed, with the message: BackoffLimitExceeded, DeadlineExceeded, PodFailurePolicy ...
    pub failure: Condition,
    /// Condition Complete.
    pub complete: Condition,
}

impl JobFacts {
    /// The uid of the failed Job that this one says it was made of.
    pub fn rerun_of(&self) -> Option<&str> {
        self.meta.labels.all.get(nightshift_model::rerun::RERUN_OF).map(|uid| &**uid)
    }

    pub(crate) fn share(&mut self, pool: &mut Pool) {
        self.meta.share(pool);
        self.failure.share(pool);
        self.complete.share(pool);
    }
}

/// What is kept of a CronJob.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CronJobFacts {
    /// Name.
    pub meta: Meta,
    /// `spec.schedule`.
    pub schedule: Arc<str>,
    /// `spec.timeZone`; empty is the controller manager's own, mostly UTC.
    pub zone: Arc<str>,
    /// `spec.suspend`.
    pub suspended: bool,
    /// `spec.concurrencyPolicy`; empty is Allow.
    pub concurrency: Arc<str>,
    /// Jobs in `status.active`.
    pub active: u32,
    /// `status.lastScheduleTime`.
    pub last_schedule: Option<Timestamp>,
    /// `status.lastSuccessfulTime`.
    pub last_success: Option<Timestamp>,
}

impl CronJobFacts {
    pub(crate) fn share(&mut self, pool: &mut Pool) {
        self.meta.share(pool);
        pool.share(&mut self.schedule);
        pool.share(&mut self.zone);
        pool.share(&mut self.concurrency);
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct JobWire {
    #[serde(deserialize_with = "lenient")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient")]
    spec: JobSpecWire,
    #[serde(deserialize_with = "lenient")]
    status: JobStatusWire,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct JobSpecWire {
    #[serde(deserialize_with = "lenient")]
    suspend: bool,
    #[serde(deserialize_with = "lenient")]
    parallelism: Option<u32>,
    #[serde(deserialize_with = "lenient")]
    completions: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct JobStatusWire {
    #[serde(deserialize_with = "lenient")]
    active: u32,
    #[serde(deserialize_with = "lenient")]
    succeeded: u32,
    #[serde(deserialize_with = "lenient")]
    failed: u32,
    #[serde(deserialize_with = "lenient")]
    start_time: Option<Timestamp>,
    #[serde(deserialize_with = "lenient")]
    conditions: Vec<ConditionWire>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CronJobWire {
    #[serde(deserialize_with = "lenient")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient")]
    spec: CronJobSpecWire,
    #[serde(deserialize_with = "lenient")]
    status: CronJobStatusWire,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct CronJobSpecWire {
    #[serde(deserialize_with = "lenient")]
    schedule: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    time_zone: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    suspend: bool,
    #[serde(deserialize_with = "lenient")]
    concurrency_policy: Arc<str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct CronJobStatusWire {
    #[serde(deserialize_with = "lenient")]
    active: Vec<Any>,
    #[serde(deserialize_with = "lenient")]
    last_schedule_time: Option<Timestamp>,
    #[serde(deserialize_with = "lenient")]
    last_successful_time: Option<Timestamp>,
}

/// An entry that is only counted.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Any {}

take_object!(JobWire, JobSpecWire, JobStatusWire, CronJobWire, CronJobSpecWire, CronJobStatusWire, Any);
read_through!(JobFacts, JobWire);
read_through!(CronJobFacts, CronJobWire);

impl From<JobWire> for JobFacts {
    fn from(wire: JobWire) -> Self {
        let status = wire.status;
        let left = wire.spec.completions.map(|all| all.saturating_sub(status.succeeded));
        Self {
            meta: wire.metadata,
            suspended: wire.spec.suspend,
            wanted: wire.spec.parallelism.unwrap_or(1).min(left.unwrap_or(u32::MAX)),
            active: status.active,
            succeeded: status.succeeded,
            failed: status.failed,
            started: status.start_time,
            failure: Condition::with_message(&status.conditions, "Failed"),
            complete: Condition::find(&status.conditions, "Complete"),
        }
    }
}

impl From<CronJobWire> for CronJobFacts {
    fn from(wire: CronJobWire) -> Self {
        let (spec, status) = (wire.spec, wire.status);
        Self {
            meta: wire.metadata,
            schedule: spec.schedule,
            zone: spec.time_zone,
            suspended: spec.suspend,
            concurrency: spec.concurrency_policy,
            active: u32::try_from(status.active.len()).unwrap_or(u32::MAX),
            last_schedule: status.last_schedule_time,
            last_success: status.last_successful_time,
        }
    }
}
