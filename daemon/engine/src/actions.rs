//! How each action is done. One file an action; executor, responder and countersign call the same functions.

pub mod doc;
pub mod rollback_deployment;

use nightshift_model::effect::Read;
use nightshift_model::{Action, ActionKind, ObjectRef};
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
pub static ACTIONS: &[&ActionFile] = &[&rollback_deployment::FILE];

/// The file of an action.
pub fn file(kind: ActionKind) -> &'static ActionFile {
    match kind {
        ActionKind::RollbackDeployment => &rollback_deployment::FILE,
    }
}

/// The object whose content the body is built from, for bodies sealed by reference.
pub fn source(action: &Action) -> Option<&ObjectRef> {
    match action {
        Action::RollbackDeployment { to, .. } => Some(&to.replica_set),
    }
}

/// The JSON Patch of an action, without the mark: tests of what must not have moved, then the change.
///
/// # Errors
/// Why the live object or the source does not fit the action.
pub fn body(action: &Action, live: &Value, source: Option<&Value>) -> Result<Vec<Value>, String> {
    match action {
        Action::RollbackDeployment { target, to } => rollback_deployment::body(target, to, live, source),
    }
}

/// Whether the sealed new value stands on a live object already.
pub fn stands(action: &Action, live: &Value) -> bool {
    match action {
        Action::RollbackDeployment { to, .. } => rollback_deployment::stands(to, live),
    }
}

/// JSON pointers of the fields that the action writes.
pub fn pointers(action: &Action) -> &'static [&'static str] {
    match action {
        Action::RollbackDeployment { .. } => rollback_deployment::POINTERS,
    }
}

/// GET of an object, as a read.
pub(crate) fn get(object: &ObjectRef) -> Option<Read> {
    Some(Read::Get {
        path: object.path()?,
        query: Vec::new(),
        accept: nightshift_model::effect::Accept::Json,
    })
}
