//! What is told when persons, roles, owners, policy, playbooks or mode are not those of the last start.

use crate::digest::words::visible;
use crate::rules::Mode;
use nightshift_model::registry::{Person, PersonKind};
use nightshift_model::{
    Digest, Epoch, Message, MessageBody, PersonKey, PolicyFacts, Registry, SystemEvent, Timestamp, Topic,
    canonical, digest, digest_of,
};
use nightshift_playbooks::Catalog;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Names that are kept of one topic; the rest is one entry with a fingerprint.
const NAMES: usize = 1_000;
/// Texts that are kept of one name.
const PARTS: usize = 200;

type Entries = BTreeMap<String, Vec<String>>;

/// What the configuration says, as it will be compared with the next start's.
pub fn facts(registry: &Registry, playbooks: &Catalog, mode: &Mode) -> PolicyFacts {
    let mode = match mode {
        Mode::Observe => vec!["observe".to_owned()],
        Mode::Approve { namespaces } => namespaces.iter().map(|n| format!("approve in {n}")).collect(),
    };
    let one = |parts: Vec<String>| Entries::from([(String::new(), parts)]);
    let persons = registry.persons.iter().map(|p| (p.name.to_string(), person(p)));
    let bridges = registry.bridges.iter().map(|bridge| {
        let keys = bridge.keys.iter().map(|key| {
            let name = format!("key {}", fingerprint(&key.public));
            dated(&name, key.since, key.revoked)
        });
        (bridge.name.to_string(), roles(&bridge.roles).chain(keys).collect())
    });
    let role = registry.roles.iter().map(|(name, role)| {
        let owners = role.owners.iter().map(|owner| format!("owner {owner}"));
        let may = role.may.iter().map(|power| format!("may {}", text(power)));
        (name.clone(), owners.chain(may).collect())
    });
    let owners = registry.owners.iter().map(|owner| {
        (
            owner.name.clone(),
            owner.namespaces.iter().map(|namespace| format!("namespace {namespace}")).collect(),
        )
    });
    let site = registry.passkeys.iter().map(|site| {
        let origins = site.origins.iter().map(|origin| format!("origin {origin}"));
        (String::new(), [format!("domain {}", site.rp_id)].into_iter().chain(origins).collect())
    });
    let mut policy = Entries::new();
    flatten("", &serde_json::to_value(&registry.policy).unwrap_or_default(), &mut policy);
    let playbooks = playbooks
        .iter()
        .map(|playbook| (playbook.name.clone(), vec![digest_of("nightshift/playbook/v1", playbook).short()]));
    let topics = [
        (Topic::Mode, one(mode)),
        (Topic::Person, persons.collect()),
        (Topic::Bridge, bridges.collect()),
        (Topic::Role, role.collect()),
        (Topic::Owner, owners.collect()),
        (Topic::OwnerOrder, one(registry.owners.iter().map(|owner| owner.name.clone()).collect())),
        (Topic::Passkeys, site.collect()),
        (Topic::Policy, policy),
        (Topic::Playbook, playbooks.collect()),
    ];
    PolicyFacts(topics.into_iter().map(|(topic, entries)| (topic, bounded(entries))).collect())
}

fn person(person: &Person) -> Vec<String> {
    let service = (person.kind == PersonKind::Service).then(|| "a service, which never votes".to_owned());
    let since = person.since.map(|since| format!("since {since}"));
    let slack = person.slack.as_ref().map(|id| format!("Slack member {id}"));
    let user = person.kubernetes.as_ref().map(|user| format!("Kubernetes user {user}"));
    service
        .into_iter()
        .chain(roles(&person.roles))
        .chain(person.keys.iter().map(key))
        .chain(slack)
        .chain(user)
        .chain(since)
        .collect()
}

fn roles(roles: &[String]) -> impl Iterator<Item = String> {
    roles.iter().map(|role| format!("role {role}"))
}

fn key(key: &PersonKey) -> String {
    let name = format!("{} key {}", key.kind.as_str(), fingerprint(&format!("{} {}", key.id, key.public)));
    dated(&name, key.since, key.revoked)
}

fn dated(name: &str, since: Option<Timestamp>, revoked: Option<Timestamp>) -> String {
    let since = since.map(|at| format!(" since {at}")).unwrap_or_default();
    let revoked = revoked.map(|at| format!(" revoked {at}")).unwrap_or_default();
    format!("{name}{since}{revoked}")
}

/// The first digits of a hash: enough to compare, nothing to use.
fn fingerprint(public: &str) -> String {
    digest("nightshift/key/v1", public.as_bytes()).short()
}

/// A word of an enum, as the configuration writes it.
fn text(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

/// Every number and rule by its path.
fn flatten(path: &str, value: &Value, into: &mut Entries) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                flatten(&format!("{path}{dot}{name}"), value, into);
            }
        }
        Value::Array(items) => {
            into.insert(path.to_owned(), items.iter().map(text).collect());
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            into.insert(path.to_owned(), vec![text(value)]);
        }
    }
}

fn bounded(mut entries: Entries) -> Entries {
    for parts in entries.values_mut().filter(|parts| parts.len() > PARTS) {
        let rest = parts.split_off(PARTS);
        parts.push(remainder(rest.len(), &rest));
    }
    let Some(first) = entries.keys().nth(NAMES).cloned() else { return entries };
    let rest = entries.split_off(&first);
    entries.insert("(more of them)".to_owned(), vec![remainder(rest.len(), &rest)]);
    entries
}

fn remainder<T: serde::Serialize>(count: usize, rest: &T) -> String {
    format!("{count} more, {}", digest("nightshift/rest/v1", &canonical(rest)).short())
}

/// What the history knows of the start before this one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known {
    /// The policy digest recorded last.
    pub policy: Option<Digest>,
    /// That for which facts were noted last.
    pub facts: Option<Digest>,
}

/// What a start in this epoch writes down, and the message that goes out because of it: one a change, none at the
/// first start of all.
pub fn noted(
    before: &Known,
    after: Digest,
    facts: PolicyFacts,
    epoch: Epoch,
) -> (Vec<SystemEvent>, Vec<Message>) {
    let changed =
        (before.policy != Some(after)).then_some(SystemEvent::PolicyChanged { before: before.policy, after });
    let fresh = (changed.is_some() || before.facts != Some(after))
        .then_some(SystemEvent::PolicyNoted { policy: after, facts });
    let told = changed.is_some() && before.policy.is_some();
    let message = told.then(|| Message {
        key: format!("policy-changed:epoch-{}", epoch.0),
        body: MessageBody::PolicyChanged { epoch },
    });
    (changed.into_iter().chain(fresh).collect(), message.into_iter().collect())
}

/// What differs between two starts, a sentence each.
pub fn changes(before: Option<&PolicyFacts>, after: Option<&PolicyFacts>) -> Vec<String> {
    let (Some(before), Some(after)) = (before, after) else {
        return vec!["what differs cannot be told: the earlier run noted no more than a digest".to_owned()];
    };
    let none = Entries::new();
    let topics: BTreeSet<Topic> = before.0.keys().chain(after.0.keys()).copied().collect();
    let mut said = Vec::new();
    for topic in topics {
        let (old, new) = (before.0.get(&topic).unwrap_or(&none), after.0.get(&topic).unwrap_or(&none));
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            let what = format!("{} {name}", topic.as_str());
            said.extend(change(topic, what.trim_end(), old.get(name), new.get(name)));
        }
    }
    said.iter().map(|line| visible(line)).collect()
}

fn change(topic: Topic, what: &str, old: Option<&Vec<String>>, new: Option<&Vec<String>>) -> Option<String> {
    let (old, new) = match (old, new) {
        (None, None) => return None,
        (None, Some(new)) => return Some(format!("{what} added{}", with(": ", new))),
        (Some(old), None) => return Some(format!("{what} removed{}", with("; it was: ", old))),
        (Some(old), Some(new)) => (old, new),
    };
    if topic == Topic::Playbook {
        return (old != new).then(|| format!("{what} changed"));
    }
    if topic == Topic::OwnerOrder {
        let sorted = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
        let moved = old != new && sorted(old) == sorted(new); // who came and went is said already
        return moved.then(|| {
            format!("{what} stand in another order, and the first that matches counts: {}", new.join(", "))
        });
    }
    let only = |here: &[String], there: &[String]| -> Vec<String> {
        here.iter().filter(|part| !there.contains(part)).cloned().collect()
    };
    let (gone, come) = (only(old, new), only(new, old));
    match (gone.is_empty(), come.is_empty()) {
        (true, true) => None,
        (false, false) if old.len() == 1 && new.len() == 1 => {
            Some(format!("{what}: {} -> {}", gone.join(""), come.join("")))
        }
        (false, false) => Some(format!("{what}: now {}; no longer {}", come.join(", "), gone.join(", "))),
        (true, false) => Some(format!("{what}: now {}", come.join(", "))),
        (false, true) => Some(format!("{what}: no longer {}", gone.join(", "))),
    }
}

fn with(before: &str, parts: &[String]) -> String {
    if parts.is_empty() { String::new() } else { format!("{before}{}", parts.join(", ")) }
}

#[cfg(test)]
mod tests;
