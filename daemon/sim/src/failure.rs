//! Refusals as the API server words them: `kind: Status, status: Failure`.
//! Source: k8s.io/apimachinery `pkg/api/errors`.

use serde_json::{Value, json};

use crate::api::ApiResponse;
use crate::kind::Kind;
use crate::value::put;

/// One refusal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    pub(crate) code: u16,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) details: Value,
    pub(crate) retry_after: Option<u32>,
}

/// One field of an Invalid answer.
pub(crate) struct Cause {
    pub(crate) field: String,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

impl Cause {
    pub(crate) fn required(field: &str) -> Self {
        Self { field: field.into(), reason: "FieldValueRequired", message: "Required value".into() }
    }

    pub(crate) fn invalid(field: &str, value: &Value, why: &str) -> Self {
        let message = format!("Invalid value: {value}: {why}");
        Self { field: field.into(), reason: "FieldValueInvalid", message }
    }

    pub(crate) fn forbidden(field: &str, why: &str) -> Self {
        Self { field: field.into(), reason: "FieldValueForbidden", message: format!("Forbidden: {why}") }
    }
}

impl Failure {
    pub(crate) fn new(code: u16, reason: &str, message: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), message: message.into(), details: json!({}), retry_after: None }
    }

    fn about(self, kind: &Kind, name: &str) -> Self {
        let mut details = json!({"name": name, "kind": kind.plural});
        if !kind.group.is_empty() {
            put(&mut details, &["group"], kind.group);
        }
        Self { details, ..self }
    }

    pub(crate) fn not_found(kind: &Kind, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", kind.qualified())).about(kind, name)
    }

    pub(crate) fn already_exists(kind: &Kind, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} \"{name}\" already exists", kind.qualified()))
            .about(kind, name)
    }

    pub(crate) fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.qualified());
        Self::new(409, "Conflict", message).about(kind, name)
    }

    /// The object moved since the given resourceVersion.
    pub(crate) fn modified(kind: &Kind, name: &str) -> Self {
        let why =
            "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(kind, name, why)
    }

    /// A precondition of a DELETE, PUT or eviction does not hold. `what` is `UID` or `ResourceVersion`.
    pub(crate) fn precondition(kind: &Kind, name: &str, what: &str, given: &str, live: &str) -> Self {
        let why =
            format!("Precondition failed: {what} in precondition: {given}, {what} in object meta: {live}");
        Self::conflict(kind, name, &why)
    }

    pub(crate) fn invalid(kind: &Kind, name: &str, causes: &[Cause]) -> Self {
        let texts: Vec<_> =
            causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
        let joined = texts.join(", ");
        let joined = if texts.len() == 1 { joined } else { format!("[{joined}]") };
        let group = if kind.group.is_empty() { String::new() } else { format!(".{}", kind.group) };
        let message = format!("{}{group} \"{name}\" is invalid: {joined}", kind.kind);
        let causes: Vec<_> = causes
            .iter()
            .map(|c| json!({"reason": c.reason, "message": c.message, "field": c.field}))
            .collect();
        let mut failure = Self::new(422, "Invalid", message).about(kind, name);
        put(&mut failure.details, &["kind"], kind.kind);
        put(&mut failure.details, &["causes"], causes);
        failure
    }

    /// Invalid list or watch options.
    pub(crate) fn options(field: &str, why: &str) -> Self {
        let message = format!("ListOptions.meta.k8s.io \"\" is invalid: {field}: Forbidden: {why}");
        let mut failure = Self::new(422, "Invalid", message);
        failure.details = json!({"group": "meta.k8s.io", "kind": "ListOptions",
            "causes": [{"reason": "FieldValueForbidden", "message": format!("Forbidden: {why}"), "field": field}]});
        failure
    }

    /// A JSON Patch that does not apply: the message says nothing, as the real one.
    pub(crate) fn unprocessable() -> Self {
        Self::new(422, "Invalid", "the server rejected our request due to an error in our request")
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// Outside the simulator's world.
    pub(crate) fn not_simulated(feature: &str) -> Self {
        Self::new(501, "NotImplemented", format!("the simulated cluster has no {feature}"))
    }

    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    pub(crate) fn forbidden(
        kind: &Kind,
        name: &str,
        ns: &str,
        user: &str,
        verb: &str,
        resource: &str,
    ) -> Self {
        let object =
            if name.is_empty() { kind.qualified() } else { format!("{} \"{name}\"", kind.qualified()) };
        let scope =
            if ns.is_empty() { "at the cluster scope".into() } else { format!("in the namespace \"{ns}\"") };
        let message = format!(
            "{object} is forbidden: User \"{user}\" cannot {verb} resource \"{resource}\" in API group \"{}\" {scope}",
            kind.group
        );
        Self::new(403, "Forbidden", message).about(kind, name)
    }

    /// The Status object.
    pub(crate) fn status(&self) -> Value {
        let mut details = self.details.clone();
        if let Some(seconds) = self.retry_after {
            put(&mut details, &["retryAfterSeconds"], seconds);
        }
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message,
            "reason": self.reason, "details": details, "code": self.code})
    }

    pub(crate) fn response(&self) -> ApiResponse {
        ApiResponse { retry_after: self.retry_after, ..ApiResponse::json(self.code, &self.status()) }
    }
}
