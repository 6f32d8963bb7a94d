//! The registry's own file: persons, roles, owners, policy.

use super::read::{Document, Problem};
use nightshift_engine::proof::bridge::{self, MOST};
use nightshift_engine::proof::{PublicKey, unbase64};
use nightshift_engine::vote_object;
use nightshift_model::registry::Person;
use nightshift_model::{KeyKind, PasskeySite, PersonKey, Registry};
use std::collections::BTreeSet;
use std::path::Path;

const SECTIONS: &[&str] = &["persons", "roles", "owners", "policy", "tokens", "passkeys", "bridges"];

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
        passkeys: file.section("passkeys", problems),
        bridges: file.section("bridges", problems).unwrap_or_default(),
        tokens: file.section("tokens", problems).unwrap_or_default(),
    };
    check(&registry, file, problems);
    keys(&registry, file, problems);
    problems.extend(bridges(&registry).map(|what| file.problem("bridges", what)));
    if let Some(site) = &registry.passkeys {
        problems.extend(passkeys(site).map(|what| file.problem("passkeys", what)));
    }
    registry
}

fn check(registry: &Registry, file: &Document, problems: &mut Vec<Problem>) {
    let (mut seen, mut users, mut known) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for person in &registry.persons {
        if person.name.as_str().is_empty() || !seen.insert(&person.name) {
            let what = format!("`{}` must be a name of its own: it is written into every vote", person.name);
            problems.push(file.problem("persons", what));
        }
        if let Some(user) = &person.slack {
            let plain = user.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
            if !plain || !(5..=32).contains(&user.len()) || !user.starts_with(['U', 'W']) {
                let what = format!("`{user}` of {} is no member id of Slack, such as U0123ABCD", person.name);
                problems.push(file.problem("persons", what));
            } else if !users.insert(user) {
                let what = format!("{} and somebody else are both `{user}` in Slack", person.name);
                problems.push(file.problem("persons", what));
            }
        }
        if let Some(user) = &person.kubernetes {
            if let Err(why) = vote_object::is_user(user) {
                problems.push(file.problem("persons", format!("`{user}` of {} {why}", person.name)));
            } else if !known.insert(user) {
                let what = format!("{} and somebody else are both `{user}` in the cluster", person.name);
                problems.push(file.problem("persons", what));
            }
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

/// Every key can verify, has an id of its own, and names a kind that is used here.
fn keys(registry: &Registry, file: &Document, problems: &mut Vec<Problem>) {
    let mut ids = BTreeSet::new();
    let mut publics = BTreeSet::new();
    let all = registry.persons.iter().flat_map(|person| person.keys.iter().map(move |key| (person, key)));
    for (person, key) in all {
        let told = |what: String| file.problem("persons", format!("{}: {what}", named(person, key)));
        if let Err(bad) = PublicKey::of(key) {
            problems.push(told(bad.to_string()));
        }
        if !ids.insert(&key.id) {
            problems.push(told("another key has this id; give each its own".to_owned()));
        }
        if !publics.insert(&key.public) {
            problems.push(told("another entry has this key; a key speaks for one person".to_owned()));
        }
        if key.kind == KeyKind::Passkey && registry.passkeys.is_none() {
            problems
                .push(told("a passkey needs the section `passkeys` with `rp_id` and `origins`".to_owned()));
        }
    }
}

/// Every bridge has a name, roles that exist, and keys that nobody else has: a key speaks for one.
fn bridges(registry: &Registry) -> Option<String> {
    let persons = registry.persons.iter().flat_map(|person| &person.keys);
    let mut raws: BTreeSet<Vec<u8>> = persons.filter_map(|key| unbase64(&key.public, 32)).collect();
    let mut names = BTreeSet::new();
    if registry.bridges.len() > MOST.0 {
        return Some(format!("there may be {} bridges, these are {}", MOST.0, registry.bridges.len()));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    for one in &registry.bridges {
        let name = one.name.as_str();
        if name.is_empty() || name.len() > 63 || !name.chars().all(plain) || !names.insert(name) {
            return Some(format!("`{name}` must be a name of its own, of letters, digits, `-` and `_`"));
        }
        if let Some(role) = one.roles.iter().find(|role| !registry.roles.contains_key(*role)) {
            return Some(format!("{name} has the role `{role}`, which `roles` does not define"));
        }
        if one.keys.is_empty() || one.keys.len() > MOST.1 {
            return Some(format!("{name} needs one key, or {} while it changes over", MOST.1));
        }
        for key in &one.keys {
            match (bridge::public(key), bridge::raw(key)) {
                (Ok(_), Some(raw)) if raws.insert(raw.clone()) => {}
                (Ok(_), _) => return Some(format!("a key of {name} stands in the registry twice")),
                (Err(bad), _) => return Some(format!("a key of {name}: {bad}")),
            }
        }
    }
    None
}

fn named(person: &Person, key: &PersonKey) -> String {
    format!("{}'s {} key `{}`", person.name, key.kind.as_str(), key.id)
}

/// A domain, and origins of pages on it. Browsers give passkeys to no others.
fn passkeys(site: &PasskeySite) -> Option<String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let rp_id = &site.rp_id;
    if rp_id.is_empty() || !rp_id.chars().all(plain) || rp_id.parse::<std::net::IpAddr>().is_ok() {
        return Some(format!("`rp_id` must be a host name in small letters, `{rp_id}` is none"));
    }
    if site.origins.is_empty() {
        return Some("`origins` must name at least one, such as https://nightshift.example.com".to_owned());
    }
    site.origins.iter().find_map(|origin| {
        let fits = url::Url::parse(origin).is_ok_and(|url| {
            let host = url.host_str().unwrap_or_default();
            let below = host == rp_id || host.ends_with(&format!(".{rp_id}"));
            let secure = url.scheme() == "https" || (url.scheme() == "http" && host == "localhost");
            below && secure && url.origin().ascii_serialization() == *origin
        });
        (!fits).then(|| {
            format!("`{origin}` must be an origin on {rp_id}: https://HOST or https://HOST:PORT, no path (http only for localhost)")
        })
    })
}
