//! Verification as data: what is measured, what was read, what it means.

use crate::canonical::Digest;
use crate::object::ObjectRef;
use crate::time::{Seconds, Timestamp};
use serde::{Deserialize, Serialize};

/// The health contract of a plan: it must be failing before the write, then hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerificationSpec {
    /// How long every measure must hold without a break.
    pub soak: Seconds,
    /// Time between two looks.
    pub every: Seconds,
    /// How many looks in a row must hold, at least.
    pub samples: u32,
    /// When patience ends, counted from the write.
    pub deadline: Seconds,
    /// Newest sample may be this old, and must be newer than the write.
    pub max_age: Seconds,
    /// What is measured.
    pub measures: Vec<Measure>,
    /// Why Prometheus has no part in it, when it has none: shown on the page as *cluster only*.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_only: Option<String>,
}

/// One measure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// Its name, unique within the plan.
    pub name: String,
    /// What it asks.
    pub check: Check,
    /// Whether it must fail before the write. One such measure at least must have been red.
    pub red_first: bool,
}

/// What a measure asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// A Prometheus instant query whose every sample must meet a threshold.
    Query {
        /// The query, parameters bound.
        promql: String,
        /// How the value is compared.
        holds: Comparison,
        /// A decimal string.
        threshold: String,
        /// A query that yields the Unix time of the newest underlying sample.
        fresh: String,
    },
    /// A condition read from the cluster.
    Cluster {
        /// Which.
        condition: ClusterCondition,
        /// The workload.
        target: ObjectRef,
    },
}

/// Comparison of a sample with a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// Value equals the threshold.
    #[serde(rename = "==")]
    Equal,
    /// Value is at most the threshold.
    #[serde(rename = "<=")]
    AtMost,
    /// Value is at least the threshold.
    #[serde(rename = ">=")]
    AtLeast,
    /// Value is below the threshold.
    #[serde(rename = "<")]
    Below,
    /// Value is above the threshold.
    #[serde(rename = ">")]
    Above,
}

impl Comparison {
    /// The sign as people write it.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::AtMost => "<=",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::Above => ">",
        }
    }
}

/// Conditions that the cluster itself can prove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "condition", rename_all = "kebab-case")]
pub enum ClusterCondition {
    /// The controller has seen the newest spec; every replica is updated and available.
    RolledOut,
    /// No container of the workload's current pods waits in a crash loop or restarted since the write.
    NoRestarts,
    /// The live template is still the one that was sealed.
    TemplateIs {
        /// SHA-256 of its normal form.
        template: Digest,
    },
    /// The container's memory limit in the live template is still the one that was sealed.
    MemoryLimitIs {
        /// The container.
        container: String,
        /// The quantity, as it was written.
        limit: String,
    },
    /// The pod of that uid is gone. Whether another one serves, [`Self::RolledOut`] says.
    PodReplaced {
        /// The pod that was deleted.
        pod: ObjectRef,
    },
    /// The live template still says that it was restarted then, and is otherwise the one that was sealed.
    RestartIs {
        /// What the annotation says.
        at: Timestamp,
        /// SHA-256 of the template's normal form without the annotation.
        template: Digest,
    },
    /// The Job that was made is Complete.
    JobComplete {
        /// By name: its uid is not known before it is made.
        job: ObjectRef,
        /// The uid of the failed Job, which it names.
        of: String,
    },
}

/// One look at all measures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measurement {
    /// When.
    pub at: Timestamp,
    /// Whether it was taken before or after the write.
    pub stage: Stage,
    /// One reading a measure, in the plan's order.
    pub readings: Vec<Reading>,
}

/// When a look was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Before the write: the baseline.
    Before,
    /// After the write.
    After,
}

/// One measure at one look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The measure's name.
    pub name: String,
    /// What it said.
    pub value: Value,
}

/// What one measure said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// It holds; the measured value for people.
    Holds(String),
    /// It does not hold; the measured value for people.
    Fails(String),
    /// Another writer put the object back; its field manager.
    Reverted(String),
    /// Nothing can be said: never success.
    NoData {
        /// The class of the reason.
        why: NoData,
        /// One clause of detail.
        detail: String,
    },
}

/// Why a measure says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoData {
    /// No series.
    Empty,
    /// NaN or infinite.
    NotFinite,
    /// Older than allowed, or not newer than the write.
    Stale,
    /// No answer, a time-out or a 5xx.
    Unreachable,
    /// The query was refused (4xx).
    Refused,
    /// Prometheus added warnings to the answer: partial data.
    Warned,
    /// No Prometheus is configured.
    NotConfigured,
    /// The answer could not be read.
    Unreadable,
}

/// The verdict of verification. Anything but `Successful` wakes a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// Every measure held for the soak, and a red one turned.
    Successful,
    /// A measure failed to hold in time, or another writer put the object back.
    Failed {
        /// Which and how.
        why: String,
        /// The manager that reverted the write, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reverted_by: Option<String>,
    },
    /// No data, stale data, or nothing was red before.
    Inconclusive {
        /// What was missing.
        why: String,
    },
    /// The verification itself could not run.
    Error {
        /// Why.
        why: String,
    },
}

impl Outcome {
    /// The outcome's word, as architecture fixes it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Successful => "Successful",
            Self::Failed { .. } => "Failed",
            Self::Inconclusive { .. } => "Inconclusive",
            Self::Error { .. } => "Error",
        }
    }

    /// The reason, empty for success.
    pub fn why(&self) -> &str {
        match self {
            Self::Successful => "",
            Self::Failed { why, .. } | Self::Inconclusive { why } | Self::Error { why } => why,
        }
    }
}
