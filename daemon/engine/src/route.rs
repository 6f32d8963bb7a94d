//! Who hears of an incident, and how loudly: the table of `notify.routes`, the first row that matches.
//!
//! Nothing here sends. The choice and its reason are recorded before anything goes out.

pub mod budget;
mod table;

pub use table::{Covered, Default, Hours, Route, Table};

use nightshift_model::{Incident, Manner, Phase, Severity, Timestamp};

/// What a row of the table looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Situation {
    /// How much it hurts. An incident without a finding counts as a warning: not knowing is no reason for silence.
    pub severity: Severity,
    /// Where; empty for nodes and other cluster-scoped objects.
    pub namespace: String,
    /// Whether a proposal waits for people.
    pub proposal: Waiting,
    /// When it is told.
    pub at: Timestamp,
}

/// Whether a proposal waits for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// One does.
    Proposal,
    /// None does.
    Nothing,
}

impl Situation {
    /// The situation of an incident at an instant.
    pub fn of(incident: &Incident, at: Timestamp) -> Self {
        Self {
            severity: match &incident.symptom {
                Some(symptom) => symptom.severity,
                None => crate::alert::known::severity(&incident.alerts),
            },
            namespace: incident.scope.owned_in().to_owned(),
            proposal: match &incident.phase {
                Phase::Proposed { .. } => Waiting::Proposal,
                Phase::Investigating { .. }
                | Phase::Drafted { .. }
                | Phase::Granted { .. }
                | Phase::Executing { .. }
                | Phase::Verifying { .. }
                | Phase::Escalated { .. }
                | Phase::Closed { .. } => Waiting::Nothing,
            },
            at,
        }
    }
}

/// Where a message goes. A channel stands in it once: a page says all that a post would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Channel and manner, pages first.
    pub to: Vec<(String, Manner)>,
    /// Why.
    pub because: Because,
}

impl Choice {
    /// The same without waking anybody, where a pager has it already. A choice that nobody could post stays as it is.
    #[must_use]
    pub fn posted(self, posts: impl Fn(&str) -> bool) -> Self {
        let pages = self.to.iter().any(|(_, manner)| *manner == Manner::Page);
        let able = self.to.iter().filter(|(channel, _)| posts(channel));
        let to: Vec<(String, Manner)> = able.map(|(channel, _)| (channel.clone(), Manner::Post)).collect();
        if !pages || to.is_empty() { self } else { Self { to, because: Because::Paged } }
    }
}

/// Why a message goes where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// This row of `notify.routes`, counted from 1, is the first that matches.
    Row(usize),
    /// There are no routes and only endpoints that hear everything.
    Everyone,
    /// No row matches; it is critical.
    Critical,
    /// No row matches; a proposal waits in a namespace marked production.
    Production,
    /// No row matches, and neither of the two holds.
    Quiet,
    /// The channel that should have paged did not take it.
    Instead,
    /// An alert of the incident reached a pager by way of Alertmanager.
    Paged,
}

impl std::fmt::Display for Because {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Row(number) => write!(f, "row {number} of notify.routes is the first that matches"),
            Self::Everyone => f.write_str("no routes are configured: every endpoint hears everything"),
            Self::Critical => f.write_str("no row matches; critical pages by default"),
            Self::Production => {
                f.write_str("no row matches; a proposal that waits in production pages by default")
            }
            Self::Instead => f.write_str("the channel that should have paged did not take it"),
            Self::Paged => f.write_str(
                "an alert of it reached a pager through Alertmanager already: it is posted, and nobody is woken twice",
            ),
            Self::Quiet => f.write_str(
                "no row matches; neither critical nor a proposal that waits in production, so it is posted",
            ),
        }
    }
}

#[cfg(test)]
mod tests;
