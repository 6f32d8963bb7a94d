//! How nightshift itself is, over HTTP.

use nightshift_model::{Gap, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How nightshift itself is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// `cluster.name`.
    pub cluster: String,
    /// uid of the cluster's namespace kube-system: what a person signs names it.
    pub cluster_uid: String,
    /// `observe` or `approve`.
    pub mode: String,
    /// The time by nightshift's clock.
    #[schema(value_type = String, format = DateTime)]
    pub now: Timestamp,
    /// Whether the work can be done at all.
    pub ready: bool,
    /// What cannot be watched or reached, as far as your roles reach.
    #[schema(value_type = Vec<Object>)]
    pub gaps: Vec<Gap>,
    /// Whether the kill switch is set.
    pub kill_switch: SwitchStatus,
    /// The roles that run in this process.
    pub roles: Vec<RoleStatus>,
    /// Where the history is kept.
    pub storage: StorageStatus,
}

/// The kill switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SwitchStatus {
    /// While true, nothing new is executed.
    pub set: bool,
    /// Why it is set; empty while it is not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// A role of this process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoleStatus {
    /// `responder` or `executor`.
    pub role: String,
    /// Its epoch: one a start.
    pub epoch: u64,
}

/// Where the history is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StorageStatus {
    /// `sqlite`.
    pub backend: String,
    /// Rows of the history; absent for who may not view everything, and while it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Whether it can be read.
    pub readable: bool,
}
