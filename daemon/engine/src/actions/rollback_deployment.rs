//! Rolls a Deployment back: the pod template of an earlier ReplicaSet returns, and nothing else.

use super::{ActionFile, Right};
use crate::normal::template_digest;
use nightshift_model::evidence::RevisionLine;
use nightshift_model::plan::Inverse;
use nightshift_model::{Action, ActionKind, ObjectRef, RevisionRef};
use serde_json::{Value, json};

/// What it is.
pub static FILE: ActionFile = ActionFile {
    kind: ActionKind::RollbackDeployment,
    version: 1,
    event: "RolledBack",
    rights: &[
        Right { group: "apps", resource: "deployments", verbs: &["get", "list", "patch"] },
        Right { group: "apps", resource: "replicasets", verbs: &["get"] },
        Right { group: "", resource: "pods", verbs: &["list"] },
        Right { group: "autoscaling", resource: "horizontalpodautoscalers", verbs: &["list"] },
    ],
    doc: "Puts the pod template of the last revision that nightshift saw healthy back, or of one that a person asked for, with one JSON Patch that \
          tests the uid, the mark and the whole current template first. Sealed by reference to the ReplicaSet's uid \
          and the SHA-256 of its template: the template is never stored, because it may hold secrets.\n\n\
          **What returns:** the pod template. **What does not:** replicas, strategy, ConfigMaps, Secrets, volumes, \
          anything that the broken revision wrote.\n\n\
          **Refused:** a paused Deployment, a Deployment that Argo CD (self-heal) or a Flux Kustomization owns, an \
          operator's Deployment, another service account, new Secret references or privileges, a revision below \
          `nightshift.dev/rollback-floor`, a current revision marked `nightshift.dev/migrates: \"true\"`.\n\n\
          **Undone by:** the same action towards the revision that was current, as a new proposal with its own votes.",
};

/// The one field that is written.
pub const POINTERS: &[&str] = &["/spec/template"];

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
    let kept =
        source.pointer("/spec/template").ok_or_else(|| format!("{} has no pod template", to.replica_set))?;
    if template_digest(kept) != to.template {
        return Err(format!("the template of {} is not the one that was chosen", to.replica_set));
    }
    let mut new = kept.clone();
    if let Some(labels) = new.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove("pod-template-hash");
    }
    Ok(vec![
        json!({"op": "test", "path": "/metadata/uid", "value": target.uid}),
        json!({"op": "test", "path": "/spec/template", "value": old}),
        json!({"op": "replace", "path": "/spec/template", "value": new}),
    ])
}

/// Whether the revision's template stands on the Deployment.
pub(super) fn stands(to: &RevisionRef, live: &Value) -> bool {
    live.pointer("/spec/template").is_some_and(|t| template_digest(t) == to.template)
}

/// The same action towards the revision that is current now, by reference to its ReplicaSet.
pub fn inverse(target: &ObjectRef, current: &RevisionLine) -> Inverse {
    let to = RevisionRef {
        replica_set: current.replica_set.clone(),
        number: current.number,
        template: current.template,
        images: Vec::new(),
        healthy_at: None,
    };
    Inverse {
        action: Action::RollbackDeployment { target: target.clone(), to },
        sentence: format!(
            "Revision {n} can come back the same way, as a new proposal with its own votes. By hand: \
             kubectl -n {ns} rollout undo deployment/{name} --to-revision={n}",
            n = current.number,
            ns = target.namespace,
            name = target.name,
        ),
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests;
