//! The three patch formats. Source: k8s.io/apiserver `endpoints/handlers/patch.go`.

use serde_json::{Map, Value};

use crate::api::{ApiRequest, Method};
use crate::failure::Failure;
use crate::value::text;

/// The API server's own limit on one JSON Patch.
const MAX_OPERATIONS: usize = 10_000;

/// Whether the request is a server-side apply, which makes objects too.
pub(crate) fn is_apply(request: &ApiRequest) -> bool {
    request.method == Method::Patch
        && request.content_type.as_deref().is_some_and(|t| t.starts_with("application/apply-patch"))
}

/// Applies the request's patch to an object.
pub(crate) fn apply(request: &ApiRequest, live: &Value) -> Result<Value, Failure> {
    let format = request.content_type.as_deref().unwrap_or("").split(';').next().unwrap_or("").trim();
    match format {
        "application/json-patch+json" => json_patch(&request.body, live),
        "application/merge-patch+json" => {
            let patch = object(&request.body)?;
            let mut merged = live.clone();
            json_patch::merge(&mut merged, &patch);
            Ok(merged)
        }
        "application/strategic-merge-patch+json" => {
            let patch = object(&request.body)?;
            let mut merged = live.clone();
            strategic(&mut merged, &patch);
            Ok(merged)
        }
        "application/apply-patch+yaml" => Err(Failure::not_simulated("server-side apply")),
        other => Err(Failure::new(
            415,
            "UnsupportedMediaType",
            format!(
                "the body of the request was in an unknown format - accepted media types include: \
                 application/json-patch+json, application/merge-patch+json, \
                 application/strategic-merge-patch+json (was {other})"
            ),
        )),
    }
}

fn object(body: &[u8]) -> Result<Value, Failure> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| Failure::bad_request(format!("error decoding patch: {error}")))?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(Failure::bad_request("error decoding patch: not an object"))
    }
}

fn json_patch(body: &[u8], live: &Value) -> Result<Value, Failure> {
    // A list of anything with names decodes; an operation that does not exist is found out when it is applied.
    let operations: Vec<Map<String, Value>> = serde_json::from_slice(body)
        .map_err(|error| Failure::bad_request(format!("error decoding patch: {error}")))?;
    let patch: json_patch::Patch = serde_json::to_value(operations)
        .and_then(serde_json::from_value)
        .map_err(|_| Failure::unprocessable())?;
    if patch.0.len() > MAX_OPERATIONS {
        let message = format!(
            "Request entity is too large: The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {}",
            patch.0.len()
        );
        return Err(Failure::new(413, "RequestEntityTooLarge", message));
    }
    let mut patched = live.clone();
    for operation in &patch.0 {
        if !missing_is_null(operation, &patched) {
            json_patch::patch(&mut patched, std::slice::from_ref(operation))
                .map_err(|_| Failure::unprocessable())?;
        }
    }
    Ok(patched)
}

/// The API server's library lets `test` against null pass where the last step of the path is missing.
fn missing_is_null(operation: &json_patch::PatchOperation, document: &Value) -> bool {
    let json_patch::PatchOperation::Test(test) = operation else { return false };
    let path = test.path.to_string();
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    test.value.is_null()
        && document.pointer(&path).is_none()
        && document.pointer(parent).is_some_and(Value::is_object)
}

/// The merge key of a list field, `None` for lists that are replaced whole.
fn merge_key(field: &str, items: &[Value]) -> Option<&'static str> {
    match field {
        "containers" | "initContainers" | "ephemeralContainers" | "env" | "volumes" | "imagePullSecrets" => {
            Some("name")
        }
        "ports" if items.iter().any(|item| item.get("containerPort").is_some()) => Some("containerPort"),
        "ports" => Some("port"),
        "volumeMounts" => Some("mountPath"),
        "conditions" => Some("type"),
        "ownerReferences" => Some("uid"),
        _ => None,
    }
}

fn strategic(live: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *live = patch.clone();
        return;
    };
    if text(patch, "/$patch") == "replace" || !live.is_object() {
        *live = Value::Object(Map::new());
    }
    for (name, new) in fields.iter().filter(|(name, _)| !name.starts_with('$')) {
        let Some(map) = live.as_object_mut() else { return };
        let key = new.as_array().and_then(|items| merge_key(name, items));
        if new.is_null() || text(new, "/$patch") == "delete" {
            map.remove(name);
        } else if let (Some(key), Some(items)) = (key, new.as_array()) {
            let old = map.entry(name.clone()).or_insert_with(|| Value::Array(Vec::new()));
            if let Some(old) = old.as_array_mut() {
                merge_list(old, items, key);
            }
        } else if new.is_object() {
            strategic(map.entry(name.clone()).or_insert(Value::Null), new);
        } else {
            map.insert(name.clone(), new.clone());
        }
    }
}

fn merge_list(old: &mut Vec<Value>, items: &[Value], key: &str) {
    let mut made = Vec::new();
    if items.iter().any(|item| text(item, "/$patch") == "replace") {
        old.clear();
    }
    for item in items.iter().filter(|item| text(item, "/$patch") != "replace") {
        let place = old.iter().position(|one| one.get(key).is_some() && one.get(key) == item.get(key));
        if text(item, "/$patch") == "delete" {
            old.retain(|one| one.get(key) != item.get(key));
        } else if let Some(one) = place.and_then(|at| old.get_mut(at)) {
            strategic(one, item);
        } else {
            let mut fresh = Value::Null;
            strategic(&mut fresh, item);
            made.push(fresh);
        }
    }
    // New ones stand in front. Source: `mergeSortedSlice` of k8s.io/apimachinery `pkg/util/strategicpatch`.
    old.splice(..0, made);
}
