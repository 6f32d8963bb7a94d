//! Incidents over HTTP.

use super::diagnosis::CauseLine;
use nightshift_model::history::HistoryEvent;
use nightshift_model::{Actor, Incident, IncidentId, ProposalId, Severity, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// One line of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentLine {
    /// Its id.
    #[schema(value_type = String)]
    pub id: IncidentId,
    /// Number of its last event: it moves with every change.
    pub revision: u64,
    /// Where it stands.
    pub phase: PhaseWord,
    /// Kind of the object that a person would fix.
    pub kind: String,
    /// Its namespace; empty for nodes and the like.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What is wrong, or was when it opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The likeliest cause as one word, once the answers were judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// How much it hurts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<SeverityWord>)]
    pub severity: Option<Severity>,
    /// When it opened.
    #[schema(value_type = String, format = DateTime)]
    pub opened_at: Timestamp,
    /// When its last event was recorded.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
    /// The proposal in force, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub proposal: Option<ProposalId>,
}

/// The phases of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum PhaseWord {
    /// Evidence is being gathered.
    Investigating,
    /// A plan is ready; in mode observe it stays so.
    Drafted,
    /// A sealed proposal waits for people.
    Proposed,
    /// A quorum approved.
    Granted,
    /// The write is under way.
    Executing,
    /// It is being proven.
    Verifying,
    /// A person is needed.
    Escalated,
    /// Over.
    Closed,
}

impl PhaseWord {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Investigating => "Investigating",
            Self::Drafted => "Drafted",
            Self::Proposed => "Proposed",
            Self::Granted => "Granted",
            Self::Executing => "Executing",
            Self::Verifying => "Verifying",
            Self::Escalated => "Escalated",
            Self::Closed => "Closed",
        }
    }
}

/// How much a finding hurts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SeverityWord {
    /// Worth a line in the digest.
    Info,
    /// Part of the workload is down.
    Warning,
    /// Nothing of the workload serves.
    Critical,
}

impl SeverityWord {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Which incidents. Filters are joined by *and*.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct IncidentQuery {
    /// Only those in this phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<PhaseWord>,
    /// Only those that are not closed (`true`), or only those that are (`false`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,
    /// Only those of this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(max_length = 253)]
    pub namespace: Option<String>,
    /// Only those of this severity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<SeverityWord>,
    /// Only those with an event at this time or later, such as `2026-03-01T02:00:00Z`.
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

/// Incidents, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentPage {
    /// The lines.
    pub items: Vec<IncidentLine>,
    /// The cursor of the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One incident with everything that happened to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentDetail {
    /// Its line in a list.
    pub summary: IncidentLine,
    /// The whole of it: findings, evidence with sources, what could not be checked, proposals so far, phase.
    #[schema(value_type = Object)]
    pub incident: Incident,
    /// Why, the likeliest first; empty until the answers were judged, and where nothing names a cause.
    #[serde(default)]
    pub causes: Vec<CauseLine>,
    /// What happened, oldest first.
    pub history: Vec<HistoryLine>,
}

/// One event of an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryLine {
    /// Number in the whole history.
    pub seq: u64,
    /// Number among the incident's events, from 1.
    pub revision: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who, as in `person:alice` or `nightshift:responder`.
    #[schema(value_type = String)]
    pub actor: Actor,
    /// What, by its `kind`.
    #[schema(value_type = Object)]
    pub event: HistoryEvent,
}

/// The type of a stream of events.
pub const EVENT_STREAM: &str = "text/event-stream";

/// From where a stream begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// Revision up to which the caller knows; without it everything is told from the first event on. The header
    /// `Last-Event-ID` of a reader that comes again counts more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    pub after: Option<u64>,
}

/// One event of a stream.
#[derive(ToSchema)]
#[allow(dead_code)] // read by the generator only
pub struct StreamedEvent {
    /// The revision.
    id: String,
    /// The kind, as in a line of the history; `reset` asks to read the incident anew.
    event: String,
    /// A line of the incident's history as JSON; of `reset` the revision as it stands.
    data: String,
}
