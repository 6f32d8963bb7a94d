//! The history over HTTP, row by row. Only for who may view everything: rows are about every namespace.

use nightshift_model::Digest;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// One row as it stands in the table, and one line of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditRow {
    /// Its place in the whole history, from 0.
    pub seq: u64,
    /// When, as the text that was hashed.
    pub ts: String,
    /// Kind of the event.
    pub kind: String,
    /// Who.
    pub actor: String,
    /// An incident's id, or `system`.
    pub stream: String,
    /// Number within the stream, from 1.
    pub revision: u64,
    /// Epoch of the role that wrote it.
    pub epoch: Option<u64>,
    /// The incident it is about.
    pub incident: Option<String>,
    /// The proposal it is about.
    pub proposal: Option<String>,
    /// Canonical JSON: the exact bytes that were hashed.
    pub body: String,
    /// The hash of the row before.
    #[schema(value_type = String)]
    pub prev: Digest,
    /// The hash of this row.
    #[schema(value_type = String)]
    pub hash: Digest,
}

/// Which rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// How many at most: 1 to 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// Where the page before ended: its `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(max_length = 256)]
    pub cursor: Option<String>,
}

/// Rows, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The rows.
    pub items: Vec<AuditRow>,
    /// The cursor of the next page. It is there as long as there were rows: newer ones may follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The end of the history: keep it elsewhere, and a cut or rewritten history is noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditTip {
    /// The last row.
    pub seq: u64,
    /// Its hash, which covers every row before.
    #[schema(value_type = String)]
    pub hash: Digest,
}

/// Where an export begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// The first row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    pub from: Option<u64>,
}

/// Header of an export's piece that says with which row the next one begins; absent at the history's end.
pub const NEXT_ROW: &str = "nightshift-next-row";
