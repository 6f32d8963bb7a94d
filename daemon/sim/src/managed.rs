//! A simplified, well-formed `metadata.managedFields`: one Update entry a manager and subresource,
//! listing the fields whose values it set last. Lists of named things are keyed by name, others are leaves.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::value::{list, put, stamp, text};

/// Who writes, and where.
#[derive(Debug, Clone)]
pub(crate) struct By {
    pub(crate) manager: String,
    /// `status` or `scale`.
    pub(crate) subresource: Option<&'static str>,
    pub(crate) dry_run: bool,
}

impl By {
    pub(crate) fn controller(manager: &str) -> Self {
        Self { manager: manager.into(), subresource: None, dry_run: false }
    }

    pub(crate) fn status(manager: &str) -> Self {
        Self { manager: manager.into(), subresource: Some("status"), dry_run: false }
    }
}

/// Metadata that no manager owns.
const SYSTEM: &[&str] = &[
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generateName",
];

/// Gives the changed fields to the writer and takes them from everybody else. What was removed is nobody's.
pub(crate) fn record(before: Option<&Value>, after: &mut Value, by: &By, now: Timestamp) {
    let empty = json!({});
    let (old, new) = (owned(before.unwrap_or(&empty)), owned(after));
    let (changed, removed) = (changes(&old, &new), removals(&old, &new));
    if changed.is_none() && removed.is_none() {
        return;
    }
    let mut entries: Vec<Value> = list(after, "/metadata/managedFields").to_vec();
    let mine = |entry: &Value| {
        text(entry, "/manager") == by.manager && text(entry, "/subresource") == by.subresource.unwrap_or("")
    };
    for entry in &mut entries {
        let others = !mine(entry);
        if let Some(fields) = entry.get_mut("fieldsV1") {
            changed.iter().filter(|_| others).chain(&removed).for_each(|tree| subtract(fields, tree));
        }
    }
    entries
        .retain(|entry| entry.get("fieldsV1").and_then(Value::as_object).is_some_and(|map| !map.is_empty()));
    if let (Some(entry), Some(changed)) = (entries.iter_mut().find(|entry| mine(entry)), &changed) {
        put(entry, &["time"], stamp(now));
        if let Some(fields) = entry.get_mut("fieldsV1") {
            merge(fields, changed.clone());
        }
    } else if let Some(changed) = changed {
        let mut entry = json!({"manager": by.manager, "operation": "Update", "time": stamp(now),
            "apiVersion": text(after, "/apiVersion"), "fieldsType": "FieldsV1", "fieldsV1": changed});
        if let Some(subresource) = by.subresource {
            put(&mut entry, &["subresource"], subresource);
        }
        entries.push(entry);
    }
    put(after, &["metadata", "managedFields"], entries);
}

/// The part of an object that managers own.
fn owned(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(map) = object.as_object_mut() {
        map.remove("apiVersion");
        map.remove("kind");
        if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.retain(|key, _| !SYSTEM.contains(&key.as_str()));
        }
    }
    object
}

/// The tree of fields that differ, `None` when there is none.
fn changes(before: &Value, after: &Value) -> Option<Value> {
    if before == after {
        return None;
    }
    if let Some(fields) = after.as_object() {
        let mut tree = Map::new();
        for (key, field) in fields {
            if let Some(changed) = changes(before.get(key).unwrap_or(&Value::Null), field) {
                tree.insert(format!("f:{key}"), changed);
            }
        }
        // An object that became empty is a leaf; one that only lost fields owns nothing new.
        return (!tree.is_empty() || (fields.is_empty() && before.is_null())).then_some(Value::Object(tree));
    }
    let named = |value: &Value| {
        value
            .as_array()
            .is_some_and(|items| !items.is_empty() && items.iter().all(|item| item.get("name").is_some()))
    };
    if named(after) && (before.is_null() || named(before)) {
        let mut tree = Map::new();
        for item in list(after, "") {
            let name = item.get("name");
            let old = list(before, "").iter().find(|old| old.get("name") == name).unwrap_or(&Value::Null);
            if let Some(changed) = changes(old, item) {
                tree.insert(format!("k:{}", json!({"name": name})), changed);
            }
        }
        return (!tree.is_empty()).then_some(Value::Object(tree));
    }
    Some(json!({}))
}

/// The tree of fields that are no longer there, `None` when there is none.
fn removals(before: &Value, after: &Value) -> Option<Value> {
    let mut tree = Map::new();
    let mut note = |key: String, old: &Value, new: Option<&Value>| {
        let gone = new.map_or_else(|| Some(json!({})), |new| removals(old, new));
        tree.extend(gone.map(|gone| (key, gone)));
    };
    if let (Some(old), Some(new)) = (before.as_object(), after.as_object()) {
        for (key, field) in old {
            note(format!("f:{key}"), field, new.get(key));
        }
    } else if let (Some(old), Some(new)) = (before.as_array(), after.as_array()) {
        for item in old.iter().filter(|item| item.get("name").is_some()) {
            let name = item.get("name");
            let now = new.iter().find(|other| other.get("name") == name);
            note(format!("k:{}", json!({"name": name})), item, now);
        }
    }
    (!tree.is_empty()).then_some(Value::Object(tree))
}

fn is_leaf(tree: &Value) -> bool {
    tree.as_object().is_none_or(Map::is_empty)
}

fn subtract(from: &mut Value, tree: &Value) {
    let (Some(from), Some(tree)) = (from.as_object_mut(), tree.as_object()) else { return };
    for (key, gone) in tree {
        let emptied = from.get_mut(key).is_some_and(|mine| {
            if !is_leaf(gone) && !is_leaf(mine) {
                subtract(mine, gone);
            }
            is_leaf(gone) || is_leaf(mine)
        });
        if emptied {
            from.remove(key);
        }
    }
}

fn merge(into: &mut Value, tree: Value) {
    let Value::Object(tree) = tree else { return };
    let Some(into) = into.as_object_mut() else { return };
    for (key, more) in tree {
        match into.get_mut(&key) {
            Some(mine) => merge(mine, more),
            None => {
                into.insert(key, more);
            }
        }
    }
}
