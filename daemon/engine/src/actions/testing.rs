//! What the tests of all actions need: their cases are files, and a live object is a merge patch on what was approved.

use nightshift_model::{Kind, ObjectRef};
use serde_json::Value;
use std::path::{Path, PathBuf};

pub(super) fn folder(action: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/actions").join(action)
}

pub(super) fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The cases of a folder: every file but `approved.json` and what is expected.
pub(super) fn cases(folder: &Path) -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|p| !p.ends_with("approved.json") && !p.to_string_lossy().ends_with(".out.json"));
    cases.sort();
    assert!(!cases.is_empty());
    cases
}

/// RFC 7396.
pub(super) fn merge(on: &Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut out = on.as_object().cloned().unwrap_or_default();
    for (name, value) in patch {
        if value.is_null() {
            out.remove(name);
        } else {
            let merged = merge(out.get(name).unwrap_or(&Value::Null), value);
            out.insert(name.clone(), merged);
        }
    }
    Value::Object(out)
}

pub(super) fn object(kind: Kind, value: &Value) -> ObjectRef {
    let metadata = |field: &str| {
        value.pointer(&format!("/metadata/{field}")).and_then(Value::as_str).unwrap_or_default()
    };
    ObjectRef::new(kind, metadata("namespace"), metadata("name"), metadata("uid"))
}
