//! What changed around a workload before a fault, and what else is broken.

use crate::object::ObjectRef;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What changed lately around a workload, newest first, and what of it could not be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Newest first.
    pub lines: Vec<ChangeLine>,
    /// A clause each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeLine {
    /// When.
    pub at: Timestamp,
    /// Of what sort.
    pub sort: ChangeSort,
    /// What changed.
    pub object: ObjectRef,
    /// How, in a clause after its name; text of others is redacted and capped.
    pub what: String,
    /// Who, as far as the object says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// Sorts of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeSort {
    /// What the workload is configured from was written.
    Config,
    /// What bounds the namespace was written: a quota, a LimitRange.
    Bound,
    /// An autoscaler moved.
    Scaled,
    /// A node came, went, or said how it does.
    Node,
    /// A pod crash-looped, be it there still or not.
    Crashed,
    /// Another incident is open.
    Incident,
}

/// An incident as another one's investigation sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherIncident {
    /// What a person would fix.
    pub scope: ObjectRef,
    /// What is wrong there.
    pub reason: crate::finding::Reason,
    /// Why.
    pub cause: crate::cause::Cause,
    /// Since when.
    pub since: Timestamp,
}

impl OtherIncident {
    /// What others see of an incident: nothing once what opened it is gone.
    pub fn of(incident: &crate::incident::Incident) -> Option<Self> {
        let first = incident.findings.first()?;
        let over = matches!(incident.phase, crate::incident::Phase::Closed { .. });
        (!over).then(|| Self {
            scope: incident.scope.clone(),
            reason: first.reason,
            cause: first.cause,
            since: first.since,
        })
    }
}
