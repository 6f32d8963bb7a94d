//! Proposals and their votes over HTTP.

use nightshift_model::operation::OperationState;
use nightshift_model::{
    ActionKind, Digest, Grant, Incident, IncidentId, Measurement, Plan, ProposalId, Timestamp, Vote,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// One line of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProposalLine {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ProposalId,
    /// SHA-256 of the sealed bytes, 64 hex digits.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// What it does.
    #[schema(value_type = String)]
    pub action: ActionKind,
    /// The phase while it is in force, else how it ended.
    pub state: String,
    /// Whether it is in force.
    pub open: bool,
    /// What it was made for.
    #[schema(value_type = String)]
    pub incident: IncidentId,
    /// Kind of the incident's scope.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// When it was sealed.
    #[schema(value_type = String, format = DateTime)]
    pub sealed_at: Timestamp,
}

/// Which proposals. Filters are joined by *and*.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProposalQuery {
    /// Only those in force (`true`), or only those that are over (`false`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,
    /// Only those for this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(max_length = 253)]
    pub namespace: Option<String>,
    /// Only those whose incident had an event at this time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Only those whose id begins so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(max_length = 64)]
    pub prefix: Option<String>,
    /// How many at most: 1 to 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// Where the page before ended: its `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(max_length = 256)]
    pub cursor: Option<String>,
}

/// Proposals, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProposalPage {
    /// The lines.
    pub items: Vec<ProposalLine>,
    /// The cursor of the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One proposal from its sealing to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProposalDetail {
    /// Its line in a list.
    pub summary: ProposalLine,
    /// The sealed bytes as text: what the digest covers, domain tag aside. `/v1/proposals/{id}/sealed` has them bare.
    pub sealed: String,
    /// When it was sealed, to the microsecond; a line has the time at which that was recorded.
    #[schema(value_type = String, format = DateTime)]
    pub sealed_at: Timestamp,
    /// The plan, read from those bytes.
    #[schema(value_type = Object)]
    pub plan: Plan,
    /// The incident as it stood when the plan was sealed: evidence, coverage, symptom.
    #[schema(value_type = Object)]
    pub sealed_on: Incident,
    /// The incident as it stands.
    #[schema(value_type = Object)]
    pub incident: Incident,
    /// Votes in the order in which they came.
    #[schema(value_type = Vec<Object>)]
    pub votes: Vec<Vote>,
    /// The grant, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub grant: Option<Grant>,
    /// The operation's last known state, if it was claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub operation: Option<OperationState>,
    /// When the write was known to have taken effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub applied_at: Option<Timestamp>,
    /// Baseline first, then every look since.
    #[schema(value_type = Vec<Object>)]
    pub measured: Vec<Measurement>,
    /// How it ended, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub end: Option<ProposalEnd>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

/// How a proposal ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProposalEnd {
    /// Without being carried out.
    Withdrawn(nightshift_model::Withdrawal),
    /// Carried out and judged.
    Judged(nightshift_model::Outcome),
    /// A person is needed.
    Escalated(nightshift_model::Escalation),
    /// With its incident.
    Closed(nightshift_model::Closure),
}

/// The votes on a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VoteList {
    /// The proposal.
    #[schema(value_type = String)]
    pub proposal: ProposalId,
    /// What was voted on.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Votes in the order in which they came, each with its proof.
    #[schema(value_type = Vec<Object>)]
    pub items: Vec<Vote>,
    /// The grant, once a quorum approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub grant: Option<Grant>,
}
