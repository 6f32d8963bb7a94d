//! The registry's own file: persons, roles, owners, policy.

use super::read::{Document, Problem};
use nightshift_model::Registry;
use std::collections::BTreeSet;
use std::path::Path;

const SECTIONS: &[&str] = &["persons", "roles", "owners", "policy", "tokens"];

/// Reads and checks the file.
pub(super) fn load(path: &Path, problems: &mut Vec<Problem>) -> Registry {
    match Document::open(path) {
        Ok(file) => read(&file, problems),
        Err(problem) => {
            problems.push(problem);
            Registry::default()
        }
    }
}

pub(super) fn read(file: &Document, problems: &mut Vec<Problem>) -> Registry {
    if !file.is_mapping(SECTIONS, problems) {
        return Registry::default();
    }
    let registry = Registry {
        persons: file.section("persons", problems).unwrap_or_default(),
        roles: file.section("roles", problems).unwrap_or_default(),
        owners: file.section("owners", problems).unwrap_or_default(),
        policy: file.section("policy", problems).unwrap_or_default(),
        tokens: file.section("tokens", problems).unwrap_or_default(),
    };
    check(&registry, file, problems);
    registry
}

fn check(registry: &Registry, file: &Document, problems: &mut Vec<Problem>) {
    let mut seen = BTreeSet::new();
    for person in &registry.persons {
        if person.name.as_str().is_empty() || !seen.insert(&person.name) {
            let what = format!("`{}` must be a name of its own: it is written into every vote", person.name);
            problems.push(file.problem("persons", what));
        }
        for role in person.roles.iter().filter(|r| !registry.roles.contains_key(*r)) {
            let what = format!("{} has the role `{role}`, which `roles` does not define", person.name);
            problems.push(file.problem("persons", what));
        }
    }
    let (mut seen, mut hashes) = (BTreeSet::new(), BTreeSet::new());
    for token in &registry.tokens {
        if token.name.is_empty() || !seen.insert(&token.name) || !hashes.insert(token.sha256) {
            let what = format!("`{}` must be a name and a hash of its own", token.name);
            problems.push(file.problem("tokens", what));
        }
        for role in token.roles.iter().filter(|r| !registry.roles.contains_key(*r)) {
            let what =
                format!("the token {} has the role `{role}`, which `roles` does not define", token.name);
            problems.push(file.problem("tokens", what));
        }
    }
    let mut seen = BTreeSet::new();
    for owner in &registry.owners {
        if owner.name.is_empty() || owner.name == "*" || !seen.insert(&owner.name) {
            problems.push(file.problem("owners", format!("`{}` must be a name of its own", owner.name)));
        }
    }
    for (name, role) in &registry.roles {
        let known = |o: &String| o == "*" || registry.owners.iter().any(|owner| owner.name == *o);
        for owner in role.owners.iter().filter(|o| !known(o)) {
            let what =
                format!("the role `{name}` covers the owner `{owner}`, which `owners` does not define");
            problems.push(file.problem("roles", what));
        }
    }
}
