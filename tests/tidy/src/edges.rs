//! Which package of ours may use which. Purity is a Cargo.toml fact, not a habit.

use crate::{Tree, Violation};

const RULE: &str = "edges";

/// The pure crates: no I/O, no clock, no randomness.
pub const PURE: &[&str] = &[
    "nightshift-model",
    "nightshift-engine",
    "nightshift-sim",
    "nightshift-detectors",
    "nightshift-playbooks",
];

/// The daemon and everything below it.
pub const BELOW: &[&str] = &[
    "nightshift",
    "nightshift-model",
    "nightshift-engine",
    "nightshift-sim",
    "nightshift-detectors",
    "nightshift-playbooks",
];

/// Package, and the packages of ours that it may name as a normal dependency.
pub const ALLOWED: &[(&str, &[&str])] = &[
    ("nightshift-model", &[]),
    ("nightshift-sim", &[]),
    ("nightshift-detectors", &["nightshift-model"]),
    ("nightshift-playbooks", &["nightshift-model"]),
    ("nightshift-engine", &["nightshift-model", "nightshift-playbooks"]),
    ("nightshift", PURE),
    ("nightshift-scenarios", PURE),
    ("nightshift-tidy", &[]),
    ("nightshift-tests", BELOW),
    ("nightshift-fuzz", BELOW),
];

/// Every internal normal dependency is one of [`ALLOWED`], and every member has its line there.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for member in &tree.members {
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == member.name) else {
            let instead = "add its line to tests/tidy/src/edges.rs with a reason, and to ARCHITECTURE.md";
            found.push(Violation::new(
                RULE,
                &member.manifest,
                0,
                format!("{} is a new package", member.name),
                instead,
            ));
            continue;
        };
        let ours = member.normal.iter().filter(|d| tree.members.iter().any(|m| m.name == **d));
        for dependency in ours.filter(|d| !allowed.contains(&d.as_str())) {
            found.push(Violation::new(
                RULE,
                &member.manifest,
                0,
                format!("{} must not depend on {dependency}", member.name),
                format!("it may use {allowed:?}; pass the value in, or move the type down"),
            ));
        }
    }
    found
}
