//! What differs between two objects: field by field for people, exactly for the digest.

use crate::normal::normal;
use crate::redact::redactor;
use crate::text::visible;
use nightshift_model::{Digest, FieldChange, Shown, digest_of};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// At most so many fields are shown.
const FIELDS: usize = 100;
/// At most so many characters of a value are shown.
const VALUE: usize = 200;
/// At most so many characters of a path are shown.
const PATH: usize = 300;

/// Fields by which list entries are known, in order of preference.
const KEYS: [&str; 3] = ["name", "mountPath", "containerPort"];

/// One field that differs, with its values as they are. Never stored, never shown: [`shown`] makes what may be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RawChange {
    /// JSON pointer; entries of keyed lists are addressed by their key, others by index.
    pub pointer: String,
    /// Before.
    pub before: Option<Value>,
    /// After.
    pub after: Option<Value>,
}

/// Every leaf that differs, in the order of field names.
///
/// A list of plain values is one leaf. A list whose entries all have a `name` (else `mountPath`, else
/// `containerPort`) of their own is compared by it, and a change of their order is a change of the list: its
/// values are then the keys in order. Any other list is compared by index.
pub fn difference(before: &Value, after: &Value) -> Vec<RawChange> {
    let mut changes = Vec::new();
    walk("", Some(before), Some(after), &mut changes);
    changes
}

/// SHA-256 of what differs between two objects' normal forms. Stricter than [`difference`]: lists that differ
/// count whole, so a place within a list counts too.
pub fn difference_digest(before_object: &Value, after_object: &Value) -> Digest {
    let mut changes = Vec::new();
    exact("", Some(&normal(before_object)), Some(&normal(after_object)), &mut changes);
    digest_of("nightshift/difference/v1", &changes)
}

fn exact(pointer: &str, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<RawChange>) {
    if before == after {
        return;
    }
    if let (Some(Value::Object(b)), Some(Value::Object(a))) = (before, after) {
        for name in names(b, a) {
            exact(&join(pointer, name), b.get(name), a.get(name), changes);
        }
    } else {
        changes.push(leaf(pointer, before, after));
    }
}

fn walk(pointer: &str, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<RawChange>) {
    if before == after {
        return;
    }
    let (empty_map, empty_list) = (Map::new(), Vec::new());
    match (before, after) {
        (Some(Value::Object(b)), Some(Value::Object(a))) => maps(pointer, b, a, changes),
        (Some(Value::Object(b)), None) if !b.is_empty() => maps(pointer, b, &empty_map, changes),
        (None, Some(Value::Object(a))) if !a.is_empty() => maps(pointer, &empty_map, a, changes),
        (Some(Value::Array(b)), Some(Value::Array(a))) => lists(pointer, b, a, changes, (before, after)),
        (Some(Value::Array(b)), None) => lists(pointer, b, &empty_list, changes, (before, after)),
        (None, Some(Value::Array(a))) => lists(pointer, &empty_list, a, changes, (before, after)),
        _ => changes.push(leaf(pointer, before, after)),
    }
}

fn maps(
    pointer: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    changes: &mut Vec<RawChange>,
) {
    for name in names(before, after) {
        walk(&join(pointer, name), before.get(name), after.get(name), changes);
    }
}

fn lists(
    pointer: &str,
    before: &[Value],
    after: &[Value],
    changes: &mut Vec<RawChange>,
    whole: (Option<&Value>, Option<&Value>),
) {
    let all = || before.iter().chain(after);
    if all().all(|v| !v.is_object() && !v.is_array()) {
        changes.push(leaf(pointer, whole.0, whole.1));
    } else if let Some(key) = KEYS.iter().find(|key| keyed(before, key) && keyed(after, key)) {
        entries(pointer, key, before, after, changes);
    } else {
        for i in 0..before.len().max(after.len()) {
            walk(&join(pointer, &i.to_string()), before.get(i), after.get(i), changes);
        }
    }
}

/// Compares two lists by a key of their entries.
fn entries(pointer: &str, key: &str, before: &[Value], after: &[Value], changes: &mut Vec<RawChange>) {
    let find = |list: &'_ [Value], wanted: &str| -> Option<Value> {
        list.iter().find(|entry| key_of(entry, key).as_deref() == Some(wanted)).cloned()
    };
    let order = |list: &[Value], other: &[Value]| -> Vec<String> {
        let others: BTreeSet<String> = other.iter().filter_map(|e| key_of(e, key)).collect();
        list.iter().filter_map(|e| key_of(e, key)).filter(|k| others.contains(k)).collect()
    };
    let (kept_before, kept_after) = (order(before, after), order(after, before));
    if kept_before != kept_after {
        changes.push(RawChange {
            pointer: pointer.to_owned(),
            before: Some(kept_before.into()),
            after: Some(kept_after.into()),
        });
    }
    let keys: BTreeSet<String> = before.iter().chain(after).filter_map(|e| key_of(e, key)).collect();
    for wanted in keys {
        let (mut b, mut a) = (find(before, &wanted), find(after, &wanted));
        if b.is_some() != a.is_some() {
            // The key stands in the pointer; it is said again only when there is nothing else.
            for entry in [&mut b, &mut a].into_iter().flatten() {
                if let Some(fields) = entry.as_object_mut().filter(|fields| fields.len() > 1) {
                    fields.remove(key);
                }
            }
        }
        walk(&join(pointer, &wanted), b.as_ref(), a.as_ref(), changes);
    }
}

/// Whether every entry has that key, each another.
fn keyed(list: &[Value], key: &str) -> bool {
    let mut seen = BTreeSet::new();
    list.iter().all(|entry| key_of(entry, key).is_some_and(|k| seen.insert(k)))
}

fn key_of(entry: &Value, key: &str) -> Option<String> {
    match entry.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn names<'a>(before: &'a Map<String, Value>, after: &'a Map<String, Value>) -> BTreeSet<&'a str> {
    before.keys().chain(after.keys()).map(String::as_str).collect()
}

fn leaf(pointer: &str, before: Option<&Value>, after: Option<&Value>) -> RawChange {
    RawChange { pointer: pointer.to_owned(), before: before.cloned(), after: after.cloned() }
}

fn join(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// The form that may be stored and shown: at most 100 fields, then one entry that says how many more.
///
/// Values of `env`, `args`, `command`, annotations (but for that of a restart), probe headers and volume attributes are never shown, nor
/// anything in which the redactor finds a secret.
pub fn shown(changes: &[RawChange]) -> Vec<FieldChange> {
    let mut fields: Vec<FieldChange> = changes.iter().take(FIELDS).map(field).collect();
    let more = changes.len().saturating_sub(FIELDS);
    if more > 0 {
        fields.push(FieldChange {
            path: "…".to_owned(),
            before: Shown::Absent,
            after: Shown::Value(format!("{more} more fields differ")),
        });
    }
    fields
}

fn field(change: &RawChange) -> FieldChange {
    let hide = never_shown(&change.pointer)
        || [&change.before, &change.after].into_iter().flatten().any(|v| secret(&change.pointer, v));
    let show = |value: &Option<Value>| match value {
        None => Shown::Absent,
        Some(_) if hide => Shown::Hidden,
        Some(value) => Shown::Value(visible(&compact(value), VALUE)),
    };
    let (mut before, mut after) = (show(&change.before), show(&change.after));
    if before == after {
        // They differ beyond what is shown; two equal texts would say that they do not.
        (before, after) = (Shown::Hidden, Shown::Hidden);
    }
    FieldChange { path: visible(&redactor().redact(&change.pointer).text, PATH), before, after }
}

/// Whether a field may hold a secret by what it is. When a workload was restarted is none.
fn never_shown(pointer: &str) -> bool {
    if pointer == crate::actions::restart::POINTER {
        return false;
    }
    let parts: Vec<&str> = pointer.split('/').collect();
    let within = |name: &str| parts.contains(&name);
    let under = |parent: &str, child: &str| parts.windows(2).any(|pair| pair == [parent, child]);
    within("args")
        || within("command")
        || within("annotations")
        || within("httpHeaders")
        || within("volumeAttributes")
        || under("flexVolume", "options")
        || (within("env") && parts.last() == Some(&"value"))
}

/// Whether the redactor finds a secret in a value, alone or with its field's name before it.
fn secret(pointer: &str, value: &Value) -> bool {
    let text = compact(value);
    let name = pointer.rsplit('/').next().unwrap_or_default();
    redactor().has_secret(&text) || redactor().has_secret(&format!("{name}: {text}"))
}

/// A value on one line. Text stands bare unless that could be taken for something else.
fn compact(value: &Value) -> String {
    match value {
        Value::String(text) if plain(text) => text.clone(),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => value.to_string(),
    }
}

fn plain(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.starts_with(['(', '"', '{', '['])
}

#[cfg(test)]
mod tests;
