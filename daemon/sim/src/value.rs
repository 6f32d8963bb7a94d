//! Small tools over JSON objects.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// String at a JSON pointer, "" when there is none.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

/// Integer at a JSON pointer.
pub(crate) fn int(value: &Value, pointer: &str) -> Option<i64> {
    value.pointer(pointer).and_then(Value::as_i64)
}

/// Array at a JSON pointer, empty when there is none.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Sets a field, making the objects on the way.
pub(crate) fn put(value: &mut Value, path: &[&str], new: impl Into<Value>) {
    let mut here = value;
    for step in path {
        if !here.is_object() {
            *here = Value::Object(Map::new());
        }
        let Value::Object(map) = here else { return };
        here = map.entry(*step).or_insert(Value::Null);
    }
    *here = new.into();
}

/// Sets a field when there is none.
pub(crate) fn default(value: &mut Value, path: &[&str], new: impl Into<Value>) {
    let pointer = path.iter().fold(String::new(), |sum, step| sum + "/" + step);
    if value.pointer(&pointer).is_none() {
        put(value, path, new);
    }
}

/// Removes `key` of the object at `pointer`.
pub(crate) fn remove(value: &mut Value, pointer: &str, key: &str) {
    if let Some(map) = value.pointer_mut(pointer).and_then(Value::as_object_mut) {
        map.remove(key);
    }
}

/// Copies `key` under `pointer` from one object to another; removes it where the source has none.
pub(crate) fn copy(from: &Value, to: &mut Value, path: &[&str]) {
    let pointer = path.iter().fold(String::new(), |sum, step| sum + "/" + step);
    match (from.pointer(&pointer), path.split_last()) {
        (Some(found), _) => put(to, path, found.clone()),
        (None, Some((key, parents))) => {
            let parent = parents.iter().fold(String::new(), |sum, step| sum + "/" + step);
            remove(to, &parent, key);
        }
        (None, None) => {}
    }
}

/// Drops every null of every object, as decoding into a Go struct does.
pub(crate) fn strip_nulls(value: &mut Value) {
    if let Value::Object(map) = value {
        map.retain(|_, field| !field.is_null());
        map.values_mut().for_each(strip_nulls);
    } else if let Value::Array(items) = value {
        items.iter_mut().for_each(strip_nulls);
    }
}

/// A number or a percentage of `total` (`IntOrString`).
pub(crate) fn share(value: Option<&Value>, total: i64, round_up: bool) -> Option<i64> {
    let value = value?;
    if let Some(number) = value.as_i64() {
        return Some(number);
    }
    let percent: i64 = value.as_str()?.strip_suffix('%')?.parse().ok()?;
    Some((total * percent + if round_up { 99 } else { 0 }) / 100)
}

/// RFC 3339 in seconds, the form of `metav1.Time`.
pub(crate) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Reads a time field.
pub(crate) fn time(value: &Value, pointer: &str) -> Option<Timestamp> {
    text(value, pointer).parse().ok()
}

/// `at` plus seconds; stays where it is at the end of time.
pub(crate) fn after(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(at)
}

/// SHA-256 over the parts, in hexadecimal.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().fold(String::new(), |sum, byte| sum + &format!("{byte:02x}"))
}

/// A name suffix in the alphabet of Kubernetes' generated names (no vowels, no look-alikes).
pub(crate) fn suffix(parts: &[&str], length: usize) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let hex = digest(parts);
    hex.as_bytes()
        .chunks(4)
        .take(length)
        .filter_map(|chunk| {
            let number = usize::from_str_radix(std::str::from_utf8(chunk).ok()?, 16).ok()?;
            ALPHABET.get(number % ALPHABET.len()).copied().map(char::from)
        })
        .collect()
}

/// JSON with sorted keys, for hashes that must not depend on map order.
pub(crate) fn canonical(value: &Value) -> String {
    if let Value::Object(map) = value {
        let mut fields: Vec<_> = map.iter().collect();
        fields.sort_by_key(|(key, _)| *key);
        let fields: Vec<_> = fields
            .into_iter()
            .map(|(key, field)| format!("{}:{}", Value::from(key.as_str()), canonical(field)))
            .collect();
        format!("{{{}}}", fields.join(","))
    } else if let Value::Array(items) = value {
        format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(","))
    } else {
        value.to_string()
    }
}
