//! No runtime and no I/O library under the pure crates, however deep. Read from Cargo.lock, so that no download
//! is needed; the lock joins build and target-specific dependencies, which errs on the strict side.

use crate::edges::PURE;
use crate::{Tree, Violation};
use std::collections::{BTreeMap, BTreeSet};

const RULE: &str = "purity";

/// Libraries that do I/O or run tasks.
pub const IMPURE: &[&str] = &["tokio", "sqlx", "kube", "reqwest", "hyper", "axum", "lapin"];

/// None of [`IMPURE`] is reached from a pure crate's normal dependencies.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let lock = tree.file("Cargo.lock").map(|f| dependencies(&f.text)).unwrap_or_default();
    let mut found = Vec::new();
    for member in tree.members.iter().filter(|m| PURE.contains(&m.name.as_str())) {
        let mut todo: Vec<(String, String)> =
            member.normal.iter().map(|d| (d.clone(), format!("{} -> {d}", member.name))).collect();
        let mut seen = BTreeSet::new();
        while let Some((name, path)) = todo.pop() {
            if !seen.insert(name.clone()) {
                continue;
            }
            if IMPURE.contains(&name.as_str()) {
                let instead = "keep the pure crates free of I/O; put it into an adapter of daemon/src";
                found.push(Violation::new(
                    RULE,
                    &member.manifest,
                    0,
                    format!("reaches {name}: {path}"),
                    instead,
                ));
                continue;
            }
            // A member's lock entry mixes in its dev-dependencies: take its normal ones instead.
            let below =
                tree.members.iter().find(|m| m.name == name).map(|m| &m.normal).or_else(|| lock.get(&name));
            todo.extend(below.into_iter().flatten().map(|d| (d.clone(), format!("{path} -> {d}"))));
        }
    }
    found
}

/// Package name -> names of its dependencies, all versions joined.
fn dependencies(lock: &str) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut name = "";
    for line in lock.lines() {
        if let Some(quoted) = line.strip_prefix("name = ") {
            name = quoted.trim_matches('"');
        } else if let Some(dependency) = line.strip_prefix(" \"") {
            let first = dependency.split([' ', '"']).next().unwrap_or_default();
            all.entry(name.to_owned()).or_default().push(first.to_owned());
        }
    }
    all
}
