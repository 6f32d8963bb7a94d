//! Symptoms of other scopes that have the same cause: listed below the incident of what a person would fix.

use crate::finding::{Finding, Reason, Severity};
use crate::object::ObjectRef;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// As many scopes an incident lists; of the rest it knows the number.
pub const SHOWN: usize = 100;

/// What else shows an incident's fault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Below {
    /// At most [`SHOWN`], by scope.
    pub shown: Vec<Listed>,
    /// Scopes, shown or not.
    pub total: u32,
}

/// One scope and what tells most there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// The scope.
    pub scope: ObjectRef,
    /// What is wrong there.
    pub reason: Reason,
    /// How much it hurts.
    pub severity: Severity,
    /// Since when.
    pub since: Timestamp,
}

impl Below {
    /// The list of these scopes, each with its findings: the first of them is listed.
    pub fn of<'a>(scopes: impl IntoIterator<Item = (&'a ObjectRef, &'a [Finding])>) -> Self {
        let listed = |(scope, findings): (&ObjectRef, &[Finding])| {
            let first = findings.iter().min_by_key(|f| f.reason)?;
            let severity = findings.iter().map(|f| f.severity).max().unwrap_or(first.severity);
            Some(Listed { scope: scope.clone(), reason: first.reason, severity, since: first.since })
        };
        let mut shown: Vec<Listed> = scopes.into_iter().filter_map(listed).collect();
        shown.sort_by(|a, b| a.scope.cmp(&b.scope));
        let total = u32::try_from(shown.len()).unwrap_or(u32::MAX);
        shown.truncate(SHOWN);
        Self { shown, total }
    }

    /// Whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Scopes that are not shown.
    pub fn more(&self) -> u32 {
        self.total.saturating_sub(u32::try_from(self.shown.len()).unwrap_or(u32::MAX))
    }

    /// Whether two lists name the same scopes for the same reasons. A full list stays as it is until what it shows
    /// changes, or its number doubles or halves: a storm writes few events.
    pub fn same(&self, other: &Self) -> bool {
        let key = |list: &Self| -> Vec<(ObjectRef, Reason, Severity)> {
            list.shown.iter().map(|l| (l.scope.clone(), l.reason, l.severity)).collect()
        };
        let full = self.shown.len() >= SHOWN && other.shown.len() >= SHOWN;
        let near = self.total < other.total.saturating_mul(2) && other.total < self.total.saturating_mul(2);
        if full { near } else { key(self) == key(other) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Kind;

    fn scopes(count: u32) -> Vec<ObjectRef> {
        (0..count).map(|n| ObjectRef::new(Kind::Deployment, "shop", &format!("d{n:04}"), "")).collect()
    }

    fn list(count: u32) -> Below {
        let finding = crate::apply::samples::finding();
        let scopes = scopes(count);
        Below::of(scopes.iter().map(|scope| (scope, std::slice::from_ref(&finding))))
    }

    #[test]
    fn a_long_list_is_cut_and_counts_on() {
        assert!(list(0).is_empty());
        assert_eq!((list(7).shown.len(), list(7).more()), (7, 0));
        assert_eq!((list(130).shown.len(), list(130).more()), (SHOWN, 30));
    }

    #[test]
    fn a_list_changes_with_its_scopes_and_a_full_one_rarely() {
        assert!(list(3).same(&list(3)) && !list(3).same(&list(4)));
        assert!(list(130).same(&list(140)) && !list(130).same(&list(300)) && !list(130).same(&list(3)));
        let (mut later, mut worse) = (list(3), list(3));
        later.shown[0].since = Timestamp::EPOCH;
        worse.shown[0].reason = Reason::NoEndpoints;
        assert!(list(3).same(&later), "a time alone is no change");
        assert!(!list(3).same(&worse));
    }
}
