//! An earlier revision of a workload: where its template is kept, the patch that puts it back, and the way back.

use crate::evidence::text;
use crate::normal::template_digest;
use nightshift_model::evidence::RevisionLine;
use nightshift_model::plan::Inverse;
use nightshift_model::{Action, Kind, ObjectRef, RevisionRef};
use serde_json::{Value, json};

/// The one field that is written.
pub(super) const POINTERS: &[&str] = &["/spec/template"];

/// The pod template that a ReplicaSet or a ControllerRevision keeps, as the workload had it.
///
/// A ReplicaSet's bears one label more. A ControllerRevision keeps it as the strategic merge patch that kubectl would
/// send, with a directive that is no field. Source: `getPatch` in `pkg/controller/statefulset` and `daemon`.
pub(crate) fn kept(source: &Value) -> Option<Value> {
    let mut template = match source.pointer("/data/spec/template") {
        Some(patch) => patch.clone(),
        None => source.pointer("/spec/template")?.clone(),
    };
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove("pod-template-hash");
    }
    if let Some(fields) = template.as_object_mut() {
        fields.remove("$patch");
    }
    Some(template)
}

/// Test of uid and of the whole current template, then its replacement. Any change in between fails the tests at
/// the API server.
pub(super) fn body(
    target: &ObjectRef,
    to: &RevisionRef,
    live: &Value,
    source: Option<&Value>,
) -> Result<Vec<Value>, String> {
    let uid = text(live, "/metadata/uid");
    if uid != target.uid {
        return Err(format!("{target} was replaced: uid {uid}, approved was {}", target.uid));
    }
    let source = source.ok_or_else(|| format!("{} could not be read", to.replica_set))?;
    if text(source, "/metadata/uid") != to.replica_set.uid {
        return Err(format!("{} was replaced: it is no longer the revision that was chosen", to.replica_set));
    }
    let old = live.pointer("/spec/template").ok_or_else(|| format!("{target} has no pod template"))?;
    let new = kept(source).ok_or_else(|| format!("{} has no pod template", to.replica_set))?;
    if template_digest(&new) != to.template {
        return Err(format!("the template of {} is not the one that was chosen", to.replica_set));
    }
    Ok(vec![
        json!({"op": "test", "path": "/metadata/uid", "value": target.uid}),
        json!({"op": "test", "path": "/spec/template", "value": old}),
        json!({"op": "replace", "path": "/spec/template", "value": new}),
    ])
}

/// Whether the revision's template stands on the workload.
pub(super) fn stands(to: &RevisionRef, live: &Value) -> bool {
    live.pointer("/spec/template").is_some_and(|t| template_digest(t) == to.template)
}

/// The same action towards the revision that is current now, by reference to what holds it.
pub fn inverse(target: &ObjectRef, current: &RevisionLine) -> Inverse {
    let to = RevisionRef {
        replica_set: current.replica_set.clone(),
        number: current.number,
        template: current.template,
        images: Vec::new(),
        healthy_at: None,
    };
    Inverse {
        action: Action::rollback(target.clone(), to),
        sentence: format!(
            "Revision {n} can come back the same way, as a new proposal with its own votes. By hand: {undo}",
            n = current.number,
            undo = undo(target, current.number),
        ),
    }
}

/// What a person types to go back to a revision.
pub fn undo(target: &ObjectRef, revision: u64) -> String {
    let ObjectRef { namespace, name, .. } = target;
    format!("kubectl -n {namespace} rollout undo {}/{name} --to-revision={revision}", typed(&target.kind))
}

/// A workload's kind as kubectl takes it.
pub fn typed(kind: &Kind) -> String {
    kind.as_str().to_lowercase()
}

#[cfg(test)]
mod tests;
