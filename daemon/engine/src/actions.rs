//! How each action is done. One file an action; executor, responder and countersign call the same functions.

pub mod delete_pod;
pub mod doc;
pub mod raise_memory_limit;
pub mod re_run_job;
pub mod restart;
pub mod revision;
pub mod rollback_daemon_set;
pub mod rollback_deployment;
pub mod rollback_stateful_set;

use crate::redact::redactor;
use nightshift_model::effect::{RawPart, Read};
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

/// To change the template of whatever kind of workload, and to see who else sets it and what it runs.
const OF_ANY_WORKLOAD: &[Right] = &[
    Right { group: "apps", resource: "deployments", verbs: &["get", "list", "patch"] },
    Right { group: "apps", resource: "statefulsets", verbs: &["get", "list", "patch"] },
    Right { group: "apps", resource: "daemonsets", verbs: &["get", "list", "patch"] },
    Right { group: "", resource: "pods", verbs: &["list"] },
    Right { group: "autoscaling", resource: "horizontalpodautoscalers", verbs: &["list"] },
];

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
    /// Whether the rights stand in a role of their own, so that a cluster can do without the action.
    pub apart: bool,
    /// What it does, what it leaves, how it is undone: Markdown.
    pub doc: &'static str,
}

/// Every action.
pub static ACTIONS: &[&ActionFile] = &[
    &raise_memory_limit::FILE,
    &rollback_daemon_set::FILE,
    &rollback_deployment::FILE,
    &rollback_stateful_set::FILE,
    &delete_pod::FILE,
    &restart::FILE,
    &re_run_job::FILE,
];

/// The file of an action.
pub fn file(kind: ActionKind) -> &'static ActionFile {
    match kind {
        ActionKind::RollbackDaemonSet => &rollback_daemon_set::FILE,
        ActionKind::RollbackDeployment => &rollback_deployment::FILE,
        ActionKind::RaiseMemoryLimit => &raise_memory_limit::FILE,
        ActionKind::RollbackStatefulSet => &rollback_stateful_set::FILE,
        ActionKind::DeletePod => &delete_pod::FILE,
        ActionKind::Restart => &restart::FILE,
        ActionKind::ReRunJob => &re_run_job::FILE,
    }
}

/// The object whose content the body is built from, for bodies sealed by reference.
pub fn source(action: &Action) -> Option<&ObjectRef> {
    match action {
        Action::RollbackDaemonSet { to, .. }
        | Action::RollbackDeployment { to, .. }
        | Action::RollbackStatefulSet { to, .. } => Some(&to.replica_set),
        Action::RaiseMemoryLimit { .. }
        | Action::DeletePod { .. }
        | Action::Restart { .. }
        | Action::ReRunJob { .. } => None,
    }
}

/// What else the executor reads before it judges a target.
pub fn around(action: &Action, selector: &str) -> Vec<Read> {
    match action {
        Action::DeletePod { target, .. } => delete_pod::around(target, selector),
        Action::ReRunJob { target, .. } => re_run_job::around(target),
        Action::RollbackDaemonSet { .. }
        | Action::RollbackDeployment { .. }
        | Action::RollbackStatefulSet { .. }
        | Action::RaiseMemoryLimit { .. }
        | Action::Restart { .. } => Vec::new(),
    }
}

/// Whether the live object, and what is around it, is what the action was made for.
///
/// # Errors
/// One sentence.
pub fn fits(action: &Action, live: &Value, source: Option<&Value>, around: &[RawPart]) -> Result<(), String> {
    match action {
        Action::DeletePod { target, workload, alone } => {
            delete_pod::fits((target, workload, *alone), live, around)
        }
        Action::ReRunJob { target, version, body } => {
            re_run_job::fits(&re_run_job::Approved { target, version, body: *body }, live, around)
        }
        Action::RollbackDaemonSet { .. }
        | Action::RollbackDeployment { .. }
        | Action::RollbackStatefulSet { .. }
        | Action::RaiseMemoryLimit { .. }
        | Action::Restart { .. } => body(action, live, source).map(drop),
    }
}

/// Whether a dry run answered with what was asked for.
pub fn answers(action: &Action, after: &Value) -> bool {
    match action {
        Action::DeletePod { target, .. } => delete_pod::answers(target, after),
        Action::ReRunJob { target, body, .. } => re_run_job::answers(target, *body, after),
        Action::RollbackDaemonSet { .. }
        | Action::RollbackDeployment { .. }
        | Action::RollbackStatefulSet { .. }
        | Action::RaiseMemoryLimit { .. }
        | Action::Restart { .. } => stands(action, after),
    }
}

/// The two states whose difference is sealed: the object before and after, or what of them does not move by itself.
pub fn change(action: &Action, live: Value, after: Value) -> (Value, Value) {
    match action {
        Action::DeletePod { target, .. } => delete_pod::change(target),
        Action::ReRunJob { target, .. } => re_run_job::change(target),
        Action::RollbackDaemonSet { .. }
        | Action::RollbackDeployment { .. }
        | Action::RollbackStatefulSet { .. }
        | Action::RaiseMemoryLimit { .. }
        | Action::Restart { .. } => (live, after),
    }
}

/// Whether an autoscaler's say over the replicas is a matter of the action.
pub fn scaled(action: &Action) -> bool {
    match action {
        Action::DeletePod { .. } | Action::ReRunJob { .. } => false,
        Action::RollbackDaemonSet { .. }
        | Action::RollbackDeployment { .. }
        | Action::RollbackStatefulSet { .. }
        | Action::RaiseMemoryLimit { .. }
        | Action::Restart { .. } => true,
    }
}

/// The JSON Patch of an action, without the mark: tests of what must not have moved, then the change.
///
/// # Errors
/// Why the live object or the source does not fit the action, or that the action is no patch.
pub fn body(action: &Action, live: &Value, source: Option<&Value>) -> Result<Vec<Value>, String> {
    match action {
        Action::RollbackDaemonSet { target, to }
        | Action::RollbackDeployment { target, to }
        | Action::RollbackStatefulSet { target, to } => revision::body(target, to, live, source),
        Action::RaiseMemoryLimit { target, memory } => raise_memory_limit::body(target, memory, live),
        Action::DeletePod { .. } => Err("a pod is deleted by no patch".to_owned()),
        Action::ReRunJob { .. } => Err("a Job is made by no patch".to_owned()),
        Action::Restart { target, at, template } => restart::body(target, *at, *template, live),
    }
}

/// Whether the sealed new value stands on a live object already.
pub fn stands(action: &Action, live: &Value) -> bool {
    match action {
        Action::RollbackDaemonSet { to, .. }
        | Action::RollbackDeployment { to, .. }
        | Action::RollbackStatefulSet { to, .. } => revision::stands(to, live),
        Action::RaiseMemoryLimit { memory, .. } => raise_memory_limit::stands(memory, live),
        Action::DeletePod { .. } => live.pointer("/metadata/deletionTimestamp").is_some(),
        // It stands beside the failed one, never on it.
        Action::ReRunJob { .. } => false,
        Action::Restart { at, template, .. } => restart::stands(*at, *template, live),
    }
}

/// JSON pointers of the fields within which the action writes: their old values are tested.
pub fn pointers(action: &Action) -> &'static [&'static str] {
    fields(action.kind())
}

/// The same, of whatever action of a kind: nothing else of its target ever differs.
pub fn fields(kind: ActionKind) -> &'static [&'static str] {
    match kind {
        ActionKind::RollbackDaemonSet | ActionKind::RollbackDeployment | ActionKind::RollbackStatefulSet => {
            revision::POINTERS
        }
        ActionKind::RaiseMemoryLimit => raise_memory_limit::POINTERS,
        ActionKind::DeletePod | ActionKind::ReRunJob => &[],
        ActionKind::Restart => restart::POINTERS,
    }
}

/// JSON pointers of the values that the action sets on its target.
pub fn writes(action: &Action) -> Vec<String> {
    match action {
        Action::RollbackDaemonSet { .. }
        | Action::RollbackDeployment { .. }
        | Action::RollbackStatefulSet { .. } => revision::POINTERS.iter().map(|p| (*p).to_owned()).collect(),
        Action::RaiseMemoryLimit { memory, .. } => raise_memory_limit::writes(memory),
        Action::DeletePod { .. } | Action::ReRunJob { .. } => Vec::new(),
        Action::Restart { .. } => vec![restart::POINTER.to_owned()],
    }
}

/// Where managedFields name the writer of what the action writes, from the top.
pub fn managed(action: &Action) -> Vec<String> {
    match action {
        Action::RollbackDaemonSet { .. }
        | Action::RollbackDeployment { .. }
        | Action::RollbackStatefulSet { .. } => ["f:spec", "f:template"].map(str::to_owned).to_vec(),
        Action::RaiseMemoryLimit { memory, .. } => raise_memory_limit::managed(memory),
        Action::DeletePod { .. } | Action::ReRunJob { .. } => Vec::new(),
        Action::Restart { .. } => restart::managed(),
    }
}

/// What the write leaves on the target: the condition that says so.
pub fn written(action: &Action) -> ClusterCondition {
    match action {
        Action::RollbackDaemonSet { to, .. }
        | Action::RollbackDeployment { to, .. }
        | Action::RollbackStatefulSet { to, .. } => ClusterCondition::TemplateIs { template: to.template },
        Action::RaiseMemoryLimit { memory, .. } => raise_memory_limit::written(memory),
        Action::DeletePod { target, .. } => ClusterCondition::PodReplaced { pod: target.clone() },
        Action::Restart { at, template, .. } => restart::written(*at, *template),
        Action::ReRunJob { target, .. } => re_run_job::written(target),
    }
}

/// What returns, comes or goes, to begin a sentence with.
pub fn subject(action: &Action) -> &'static str {
    match action {
        Action::RollbackDaemonSet { .. }
        | Action::RollbackDeployment { .. }
        | Action::RollbackStatefulSet { .. } => "the earlier revision",
        Action::RaiseMemoryLimit { .. } => "the new memory limit",
        Action::DeletePod { .. } => "the end of the pod",
        Action::Restart { .. } => "the restart",
        Action::ReRunJob { .. } => "the new Job",
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
            plain(&raise_memory_limit::operations(target, memory)?.into())
        }
        Action::DeletePod { target, .. } => plain(&delete_pod::options(target)),
        Action::Restart { target, template, .. } => Ok(Sealed::Reference {
            source: target.clone(),
            value: *template,
            pointers: vec![restart::POINTER.to_owned()],
        }),
        Action::ReRunJob { target, body, .. } => {
            Ok(Sealed::Reference { source: target.clone(), value: *body, pointers: Vec::new() })
        }
    }
}

/// A body whose bytes are sealed as they are: it is stored and shown, so no secret may stand in it.
fn plain(body: &Value) -> Result<Sealed, String> {
    let text = body.to_string();
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
