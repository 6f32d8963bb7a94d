//! How each action is done. One file an action; executor, responder and countersign call the same functions.

pub mod doc;
pub mod raise_memory_limit;
pub mod revision;
pub mod rollback_daemon_set;
pub mod rollback_deployment;
pub mod rollback_stateful_set;

use crate::redact::redactor;
use nightshift_model::effect::Read;
use nightshift_model::measure::ClusterCondition;
use nightshift_model::{Action, ActionKind, ObjectRef, Sealed};
use serde_json::Value;

/// The annotation that carries the mark.
pub const CLAIM: &str = "nightshift.dev/claim";
/// JSON pointer of that annotation.
pub const CLAIM_POINTER: &str = "/metadata/annotations/nightshift.dev~1claim";
/// `fieldManager` of every write.
pub const FIELD_MANAGER: &str = "nightshift";

/// One right that an action needs, as a row of docs/permissions.md and of the chart's roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// API group; empty for core.
    pub group: &'static str,
    /// Resource, plural.
    pub resource: &'static str,
    /// Verbs.
    pub verbs: &'static [&'static str],
}

/// What an action's file provides besides its functions.
pub struct ActionFile {
    /// The action.
    pub kind: ActionKind,
    /// Version of its code: sealed into plans.
    pub version: u32,
    /// What was done, as the reason of the target's Kubernetes Event: CamelCase, in the past tense.
    pub event: &'static str,
    /// What the executor must be allowed to do.
    pub rights: &'static [Right],
    /// What it does, what it leaves, how it is undone: Markdown.
    pub doc: &'static str,
}

/// Every action.
pub static ACTIONS: &[&ActionFile] = &[
    &raise_memory_limit::FILE,
    &rollback_daemon_set::FILE,
    &rollback_deployment::FILE,
    &rollback_stateful_set::FILE,
];

/// The file of an action.
pub fn file(kind: ActionKind) -> &'static ActionFile {
    match kind {
        ActionKind::RollbackDaemonSet => &rollback_daemon_set::FILE,
        ActionKind::RollbackDeployment => &rollback_deployment::FILE,
        ActionKind::RaiseMemoryLimit => &raise_memory_limit::FILE,
        ActionKind::RollbackStatefulSet => &rollback_stateful_set::FILE,
    }
}

/// The object whose content the body is built from, for bodies sealed by reference.
pub fn source(action: &Action) -> Option<&ObjectRef> {
    match action {
        Action::RollbackDaemonSet { to, .. }
        | Action::RollbackDeployment { to, .. }
        | Action::RollbackStatefulSet { to, .. } => Some(&to.replica_set),
        Action::RaiseMemoryLimit { .. } => None,
    }
}

/// The JSON Patch of an action, without the mark: tests of what must not have moved, then the change.
///
/// # Errors
/// Why the live object or the source does not fit the action.
pub fn body(action: &Action, live: &Value, source: Option<&Value>) -> Result<Vec<Value>, String> {
    match action {
        Action::RollbackDaemonSet { target, to }
        | Action::RollbackDeployment { target, to }
        | Action::RollbackStatefulSet { target, to } => revision::body(target, to, live, source),
        Action::RaiseMemoryLimit { target, memory } => raise_memory_limit::body(target, memory, live),
    }
}

/// Whether the sealed new value stands on a live object already.
pub fn stands(action: &Action, live: &Value) -> bool {
    match action {
        Action::RollbackDaemonSet { to, .. }
        | Action::RollbackDeployment { to, .. }
        | Action::RollbackStatefulSet { to, .. } => revision::stands(to, live),
        Action::RaiseMemoryLimit { memory, .. } => raise_memory_limit::stands(memory, live),
    }
}

/// JSON pointers of the fields that the action writes.
pub fn pointers(action: &Action) -> &'static [&'static str] {
    match action {
        Action::RollbackDaemonSet { .. }
        | Action::RollbackDeployment { .. }
        | Action::RollbackStatefulSet { .. } => revision::POINTERS,
        Action::RaiseMemoryLimit { .. } => raise_memory_limit::POINTERS,
    }
}

/// Where managedFields name the writer of what the action writes, from the top.
pub fn managed(action: &Action) -> Vec<String> {
    match action {
        Action::RollbackDaemonSet { .. }
        | Action::RollbackDeployment { .. }
        | Action::RollbackStatefulSet { .. } => ["f:spec", "f:template"].map(str::to_owned).to_vec(),
        Action::RaiseMemoryLimit { memory, .. } => raise_memory_limit::managed(memory),
    }
}

/// What the write leaves on the target: the condition that says so.
pub fn written(action: &Action) -> ClusterCondition {
    match action {
        Action::RollbackDaemonSet { to, .. }
        | Action::RollbackDeployment { to, .. }
        | Action::RollbackStatefulSet { to, .. } => ClusterCondition::TemplateIs { template: to.template },
        Action::RaiseMemoryLimit { memory, .. } => raise_memory_limit::written(memory),
    }
}

/// What returns or comes, to begin a sentence with.
pub fn subject(action: &Action) -> &'static str {
    match action {
        Action::RollbackDaemonSet { .. }
        | Action::RollbackDeployment { .. }
        | Action::RollbackStatefulSet { .. } => "the earlier revision",
        Action::RaiseMemoryLimit { .. } => "the new memory limit",
    }
}

/// The body of the request as it is sealed.
///
/// # Errors
/// Why the action may not be carried out as it stands.
pub fn sealed(action: &Action) -> Result<Sealed, String> {
    match action {
        Action::RollbackDaemonSet { to, .. }
        | Action::RollbackDeployment { to, .. }
        | Action::RollbackStatefulSet { to, .. } => Ok(Sealed::Reference {
            source: to.replica_set.clone(),
            value: to.template,
            pointers: pointers(action).iter().map(|p| (*p).to_owned()).collect(),
        }),
        Action::RaiseMemoryLimit { target, memory } => {
            raise_memory_limit::operations(target, memory).and_then(plain)
        }
    }
}

/// A body whose bytes are sealed as they are: it is stored and shown, so no secret may stand in it.
fn plain(operations: Vec<Value>) -> Result<Sealed, String> {
    let text = Value::from(operations).to_string();
    if redactor().has_secret(&text) {
        return Err(
            "SecretInRequest: the request holds what looks like a secret, so it is not stored".to_owned()
        );
    }
    Ok(Sealed::Bytes(text))
}

#[cfg(test)]
mod testing;

/// GET of an object, as a read.
pub(crate) fn get(object: &ObjectRef) -> Option<Read> {
    Some(Read::Get {
        path: object.path()?,
        query: Vec::new(),
        accept: nightshift_model::effect::Accept::Json,
    })
}
