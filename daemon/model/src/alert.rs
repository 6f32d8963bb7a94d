//! What somebody else's rules say about the cluster. An alert is a claim: it starts an investigation and never more.

use crate::canonical::digest;
use crate::ids::Fingerprint;
use crate::object::ObjectRef;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Alerts of one incident that are kept in its fold; the others are counted.
pub const SHOWN: usize = 10;

/// One occurrence of an alert: `fingerprint` and `started` together. Every text in it was redacted, made visible and
/// capped before it came here; it is for people to read and chooses nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Alertmanager's hash of the labels, the same in every occurrence.
    pub fingerprint: String,
    /// `startsAt` as it was told: part of the occurrence's name, and wrong when a clock is.
    pub started: Timestamp,
    /// Since when, never in the future of the clock that received it.
    pub since: Timestamp,
    /// When it was resolved. Set once, never taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// `alertname`.
    pub name: String,
    /// The rule's own word for how much it hurts; empty when it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub severity: String,
    /// Annotation `summary`, else `description`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// Alertmanager's receiver that told it: whoever else that receiver reaches has heard of it too.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub receiver: String,
    /// The other labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What is odd about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<Flag>,
}

/// What is odd about an alert, or about the way from its labels to an object. Flags are only ever added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flag {
    /// Its name is in no table of ours, so its labels may mean something else.
    Unknown,
    /// It came in a message from which Alertmanager had cut other alerts (`max_alerts`).
    Truncated,
    /// Its `startsAt` lies in the future: a clock is wrong.
    Skewed,
    /// It has no usable `startsAt`.
    NoStart,
    /// It has no `alertname`.
    NoName,
    /// It has no labels at all.
    NoLabels,
    /// Labels or texts were left out or cut.
    Cut,
    /// The object that its labels name does not exist.
    NotFound,
    /// The object could not be read.
    NotRead,
    /// The object's owner does not agree that it owns it, so the object stands for itself.
    NotOwned,
    /// Its labels name the exporter that measured, not what was measured.
    Exporter,
    /// Too many alerts came at once to look each one up.
    Storm,
    /// Nothing was heard of it any more, so it counts as over.
    Silent,
}

impl Flag {
    /// The flag as metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Truncated => "truncated",
            Self::Skewed => "skewed",
            Self::NoStart => "no-start",
            Self::NoName => "no-name",
            Self::NoLabels => "no-labels",
            Self::Cut => "cut",
            Self::NotFound => "not-found",
            Self::NotRead => "not-read",
            Self::NotOwned => "not-owned",
            Self::Exporter => "exporter",
            Self::Storm => "storm",
            Self::Silent => "silent",
        }
    }

    /// One clause for a person.
    pub fn clause(self) -> &'static str {
        match self {
            Self::Unknown => "nightshift does not know this alert",
            Self::Truncated => "its message was cut by Alertmanager, so more alerts may stand behind it",
            Self::Skewed => "it says that it starts in the future: a clock is wrong",
            Self::NoStart => "it does not say since when",
            Self::NoName => "it has no name",
            Self::NoLabels => "it has no labels",
            Self::Cut => "some of its labels or texts are too long and were cut",
            Self::NotFound => "the object that its labels name does not exist",
            Self::NotRead => "the object that its labels name could not be read",
            Self::NotOwned => "the owner of the object that its labels name does not agree that it owns it",
            Self::Exporter => "its labels name the exporter that measured, not what was measured",
            Self::Storm => "too many alerts came at once to look each one up",
            Self::Silent => "nothing was heard of it any more, so it counts as over",
        }
    }
}

/// The alerts of one incident: the first few, firing and oldest first, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alerts {
    /// At most [`SHOWN`].
    pub shown: Vec<Alert>,
    /// Occurrences that fire, shown or not.
    pub firing: u32,
    /// All occurrences, shown or not.
    pub total: u32,
}

impl Alerts {
    /// Whether there never was one.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Whether there were some and all of them are resolved.
    pub fn resolved(&self) -> bool {
        self.total > 0 && self.firing == 0
    }

    /// Names of the alerts that are shown, each once, in order.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for alert in &self.shown {
            if !names.contains(&alert.name.as_str()) {
                names.push(&alert.name);
            }
        }
        names
    }
}

impl Alert {
    /// Whether it fires, as far as was told.
    pub fn fires(&self) -> bool {
        self.ended.is_none()
    }
}

/// What makes alerts of a scope one incident. Of a single object all alerts are one incident, so `name` is empty; of
/// a namespace or a whole cluster only alerts of one name are.
pub fn cause(scope: &ObjectRef, name: &str) -> Fingerprint {
    let text = format!("{}\0{}\0{}\0alert\0{name}", scope.kind, scope.namespace, scope.name);
    Fingerprint(digest("nightshift/fingerprint/v1", text.as_bytes()).to_string().chars().take(16).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Finding, Reason};
    use crate::object::Kind;

    #[test]
    fn an_alert_and_a_finding_never_share_a_cause() {
        let scope = ObjectRef::new(Kind::Deployment, "shop", "cart", "u");
        let odd = Reason::CrashLoopBackOff.as_str();
        assert_ne!(cause(&scope, ""), Finding::fingerprint(&scope, Reason::CrashLoopBackOff));
        assert_ne!(cause(&scope, odd), Finding::fingerprint(&scope, Reason::CrashLoopBackOff));
        assert_ne!(cause(&scope, "a"), cause(&scope, "b"));
    }
}
