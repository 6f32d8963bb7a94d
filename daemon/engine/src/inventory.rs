//! What was broken before nightshift first looked: listed once, never paged, never proposed for, until it changes.

use nightshift_model::history::InventoryEntry;
use nightshift_model::{Finding, ObjectRef, SystemEvent};
use std::collections::BTreeSet;

/// The fold of the inventory events of the system stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    entries: BTreeSet<InventoryEntry>,
    taken: bool,
}

/// Findings of a scope, told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// What began while nightshift watched, or changed since the inventory.
    pub fresh: Vec<Finding>,
    /// Entries that no longer describe the scope: to be recorded as cleared.
    pub cleared: Vec<InventoryEntry>,
}

impl Inventory {
    /// Folds one event of the system stream.
    #[expect(clippy::wildcard_enum_match_arm)] // a fold of two kinds out of a growing list
    pub fn fold(&mut self, event: &SystemEvent) {
        match event {
            SystemEvent::Inventory { entries } => {
                self.taken = true;
                self.entries.extend(entries.iter().cloned());
            }
            SystemEvent::InventoryCleared { entries } => {
                for entry in entries {
                    self.entries.remove(entry);
                }
            }
            _ => {}
        }
    }

    /// Whether an inventory was ever taken: only the very first sight takes one. What is broken at a later start
    /// and stands in neither inventory nor an open incident broke while nightshift was down.
    pub fn taken(&self) -> bool {
        self.taken
    }

    /// How many things are listed.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries for what a first sight found.
    pub fn entries(scope: &ObjectRef, findings: &[Finding]) -> Vec<InventoryEntry> {
        findings.iter().map(|f| entry(scope, f)).collect()
    }

    /// Tells fresh findings of a scope from listed ones, and finds entries that no longer hold.
    pub fn split(&self, scope: &ObjectRef, findings: Vec<Finding>) -> Split {
        let now: BTreeSet<InventoryEntry> = findings.iter().map(|f| entry(scope, f)).collect();
        let cleared =
            self.entries.iter().filter(|e| e.scope == *scope && !now.contains(*e)).cloned().collect();
        let fresh = findings.into_iter().filter(|f| !self.entries.contains(&entry(scope, f))).collect();
        Split { fresh, cleared }
    }
}

fn entry(scope: &ObjectRef, finding: &Finding) -> InventoryEntry {
    InventoryEntry {
        scope: scope.clone(),
        reason: finding.reason,
        template_hash: finding.template_hash.clone(),
        container: finding.container.clone(),
    }
}
