//! Playbooks over HTTP.

use nightshift_model::{Draft, Escalation, IncidentId};
use nightshift_playbooks::Situation;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One playbook in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlaybookLine {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// What it is for.
    pub summary: String,
    /// The reason it asks for; absent for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The action it proposes; absent when it calls a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
}

/// The playbooks in force, in the order in which they are tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlaybookList {
    /// SHA-256 over all of them: part of what is approved.
    pub digest: String,
    /// The playbooks.
    pub items: Vec<PlaybookLine>,
}

/// Which playbook an incident gets, and why not the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// The incident.
    #[schema(value_type = String)]
    pub incident: IncidentId,
    /// What is wrong with what, in one line.
    pub trouble: String,
    /// What the playbook is chosen by.
    #[schema(value_type = Object)]
    pub situation: Situation,
    /// The chosen playbook.
    pub selected: String,
    /// What that is for.
    pub summary: String,
    /// The others.
    pub passed_over: Vec<PassedOver>,
    /// The plan it leads to with today's evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub plan: Option<Draft>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub escalation: Option<Escalation>,
}

/// A playbook that was not chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PassedOver {
    /// Its name.
    pub playbook: String,
    /// Why not.
    pub why: String,
}
