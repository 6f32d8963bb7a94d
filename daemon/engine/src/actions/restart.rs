//! Restarts a workload: every pod is replaced by one of the same template, and nothing else changes.

use super::{ActionFile, OF_ANY_WORKLOAD};
use crate::normal::template_digest;
use nightshift_model::measure::ClusterCondition;
use nightshift_model::plan::Inverse;
use nightshift_model::{ActionKind, Digest, ObjectRef, Timestamp};
use serde_json::{Value, json};

/// What it is.
pub static FILE: ActionFile = ActionFile {
    kind: ActionKind::Restart,
    version: 1,
    event: "Restarted",
    rights: OF_ANY_WORKLOAD,
    apart: false,
    doc: "Sets the annotation `kubectl.kubernetes.io/restartedAt` of the pod template, as `kubectl rollout restart` does, with \
          one JSON Patch that tests the uid, the mark and the whole current template first. The controller then replaces every \
          pod as its strategy says. The instant is fixed when it is planned and sealed with the SHA-256 of the template \
          without that annotation, so a repeat changes nothing and another template is refused.\n\n\
          **Proposed only** where every pod hangs: each runs, was Ready in the same run and is not any more; the revision was \
          seen healthy and is the newest; no container restarted; and the probe is not answered. A program that answers its \
          probe with a 5xx runs and says that something else is not well, and a crash loop restarts by itself: both go to a \
          person. Anybody who may approve may ask for it, whatever is seen.\n\n\
          **A hidden change:** new pods read ConfigMaps and Secrets as they are now, and an image whose tag moved. The proposal \
          names those that the template refers to.\n\n\
          **Refused:** a paused Deployment; a rollout that is under way; the update strategy `OnDelete` or a partition; a \
          StatefulSet of policy `OrderedReady` with a pod that is not Ready, for which its controller waits; a workload that an \
          operator controls. Also one of a single replica, or whose strategy lets every pod be missing at once, unless the \
          annotation `nightshift.dev/restart-downtime: accepted` stands on it. Argo CD and Flux are no obstacle: the annotation is \
          not in Git, and they leave it.\n\n\
          **Undone by:** nothing. There is nothing to take back: the template says the same as before.",
};

/// The annotation of the pod template that a restart sets: kubectl's own, which Argo CD writes too.
const ANNOTATION: &str = "kubectl.kubernetes.io/restartedAt";
/// JSON pointer of that annotation.
pub const POINTER: &str = "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt";
/// The annotation of a workload of which nobody minds that for a while no pod serves.
pub const DOWNTIME: &str = "nightshift.dev/restart-downtime";
/// The field whose old value a write of ours tests.
pub(super) const POINTERS: &[&str] = &["/spec/template"];

const TEMPLATE: &str = "/spec/template";

/// SHA-256 of a pod template's normal form without the annotation.
pub fn bare_digest(template: &Value) -> Digest {
    let mut bare = template.clone();
    if let Some(annotations) = bare.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove(ANNOTATION);
    }
    template_digest(&bare)
}

/// What the annotation of a pod template says.
pub fn last(template: &Value) -> Option<&str> {
    template.pointer("/metadata/annotations")?.get(ANNOTATION)?.as_str()
}

/// Test of uid and of the whole current template, then the annotation. Any change in between, of the annotation too,
/// fails the tests at the API server.
pub(super) fn body(
    target: &ObjectRef,
    at: Timestamp,
    template: Digest,
    live: &Value,
) -> Result<Vec<Value>, String> {
    let uid = live.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
    if uid != target.uid {
        return Err(format!("{target} was replaced: uid {uid}, approved was {}", target.uid));
    }
    let old = live.pointer(TEMPLATE).ok_or_else(|| format!("{target} has no pod template"))?;
    if bare_digest(old) != template {
        return Err(format!("the pod template of {target} is not the one that was approved"));
    }
    let mut patch = vec![
        json!({"op": "test", "path": "/metadata/uid", "value": target.uid}),
        json!({"op": "test", "path": TEMPLATE, "value": old}),
    ];
    for parent in ["/metadata", "/metadata/annotations"] {
        if !old.pointer(parent).is_some_and(Value::is_object) {
            patch.push(json!({"op": "add", "path": format!("{TEMPLATE}{parent}"), "value": {}}));
        }
    }
    patch.push(json!({"op": "add", "path": POINTER, "value": at.to_string()}));
    Ok(patch)
}

/// Whether this restart stands on the workload, on the template that was approved.
pub(crate) fn stands(at: Timestamp, template: Digest, live: &Value) -> bool {
    let now = live.pointer(TEMPLATE);
    now.is_some_and(|t| last(t) == Some(at.to_string().as_str()) && bare_digest(t) == template)
}

/// Whether a patch is the one that was sealed: it tests that template as a whole, and but for the mark it adds nothing
/// except the annotation, into maps that may have been missing.
pub fn is_sealed(patch: &[Value], at: Timestamp, template: Digest) -> bool {
    let field = |op: &Value, name: &str| op.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let tested = |op: &Value| {
        (field(op, "op"), field(op, "path")) == ("test".to_owned(), TEMPLATE.to_owned())
            && op.get("value").is_some_and(|t| bare_digest(t) == template)
    };
    let writes = |op: &&Value| field(op, "op") != "test" && field(op, "path") != super::CLAIM_POINTER;
    let allowed = |op: &Value| match field(op, "path") {
        path if path == POINTER => op.get("value").and_then(Value::as_str) == Some(&at.to_string()),
        path => {
            POINTER.starts_with(&format!("{path}/"))
                && path.starts_with(&format!("{TEMPLATE}/"))
                && op.get("value") == Some(&json!({}))
        }
    };
    let mut changes = patch.iter().filter(writes).peekable();
    changes.peek().is_some()
        && changes.all(|op| field(op, "op") == "add" && allowed(op))
        && patch.iter().any(tested)
        && patch.iter().any(|op| field(op, "op") == "add" && field(op, "path") == POINTER)
}

/// Where managedFields name the writer of the annotation.
pub(super) fn managed() -> Vec<String> {
    let annotation = format!("f:{ANNOTATION}");
    ["f:spec", "f:template", "f:metadata", "f:annotations", &annotation].map(str::to_owned).to_vec()
}

/// What its write leaves.
pub(super) fn written(at: Timestamp, template: Digest) -> ClusterCondition {
    ClusterCondition::RestartIs { at, template }
}

/// What a person types for the same.
pub fn by_hand(target: &ObjectRef) -> String {
    let ObjectRef { namespace, name, .. } = target;
    format!("kubectl -n {namespace} rollout restart {}/{name}", super::revision::typed(&target.kind))
}

/// There is none, and none is needed.
pub fn inverse() -> Inverse {
    Inverse {
        action: None,
        sentence: "There is nothing to take back: the template says the same as before, and the pods that were replaced do \
                   not return."
            .to_owned(),
    }
}

#[cfg(test)]
mod tests;
