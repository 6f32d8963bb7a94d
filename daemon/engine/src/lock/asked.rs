//! A write as the API server asks about it: an AdmissionReview, read and answered.

use super::Refusal;
use crate::text::visible;
use nightshift_model::OpId;
use serde::Deserialize;
use serde_json::{Value, json};

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// It is made.
    Create,
    /// It is changed, by whatever kind of patch.
    Update,
    /// It is removed, or an eviction asks for that.
    Delete,
    /// Something is opened to it, such as a shell.
    Connect,
}

impl Operation {
    /// As an AdmissionReview says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }

    /// What RBAC's verb asks admission for; `None` for verbs that change nothing.
    pub fn of_verb(verb: &str) -> Option<Self> {
        match verb {
            "create" => Some(Self::Create),
            "patch" | "update" => Some(Self::Update),
            "delete" | "deletecollection" => Some(Self::Delete),
            _ => None,
        }
    }
}

/// A write that wants to be admitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// What is done.
    pub operation: Operation,
    /// Whether nothing will be stored.
    pub dry_run: bool,
    /// API group; empty for core.
    pub group: String,
    /// Resource, plural.
    pub resource: String,
    /// Subresource; empty is the object itself.
    pub subresource: String,
    /// Namespace; empty for what has none.
    pub namespace: String,
    /// Name; empty for a whole collection, and for what is made.
    pub name: String,
    /// Who asks.
    pub user: String,
    /// As it would be; null for a delete.
    pub object: Value,
    /// As it is; null for a create.
    pub old: Value,
    /// The options of the request, such as a delete's preconditions.
    pub options: Value,
}

/// By what the history is searched for whatever stands behind a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// The mark names an operation.
    Operation(OpId),
    /// uid of the object that is deleted: it bears no mark.
    Target(String),
    /// uid of the object that an Event is about.
    About(String),
}

/// An AdmissionReview with a request.
#[derive(Deserialize)]
struct Review {
    #[serde(rename = "apiVersion")]
    api_version: String,
    kind: String,
    request: Request,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    uid: String,
    operation: Operation,
    resource: Resource,
    #[serde(default)]
    sub_resource: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
    user_info: User,
    #[serde(default)]
    dry_run: Option<bool>,
    #[serde(default)]
    object: Value,
    #[serde(default)]
    old_object: Value,
    #[serde(default)]
    options: Value,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(default)]
    group: String,
    resource: String,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

/// The only version that is spoken.
const VERSION: &str = "admission.k8s.io/v1";
/// A review's own id is a UUID; nothing longer is sent back.
const UID: usize = 64;

/// Reads a review: its own id, and what is asked.
///
/// # Errors
/// One sentence that repeats nothing of the body.
pub fn read(body: &[u8]) -> Result<(String, Asked), String> {
    let review: Review = serde_json::from_slice(body).map_err(|error| {
        format!("this is no AdmissionReview (line {}, column {})", error.line(), error.column())
    })?;
    if review.api_version != VERSION || review.kind != "AdmissionReview" {
        return Err(format!("this is no AdmissionReview of {VERSION}"));
    }
    let asked = review.request;
    if asked.uid.is_empty() || asked.uid.len() > UID {
        return Err("the review has no id that can be answered".to_owned());
    }
    let asked_of_options =
        |options: &Value| options.get("dryRun").and_then(Value::as_array).is_some_and(|d| !d.is_empty());
    Ok((
        asked.uid,
        Asked {
            operation: asked.operation,
            // What says neither is taken for the real thing.
            dry_run: asked.dry_run.unwrap_or_else(|| asked_of_options(&asked.options)),
            group: asked.resource.group,
            resource: asked.resource.resource,
            subresource: asked.sub_resource,
            namespace: asked.namespace,
            name: asked.name,
            user: asked.user_info.username,
            object: asked.object,
            old: asked.old_object,
            options: asked.options,
        },
    ))
}

/// The answer to a review.
pub fn answer(uid: &str, refused: Option<&Refusal>) -> Value {
    let mut response = json!({"uid": uid, "allowed": refused.is_none()});
    if let (Some(refusal), Some(fields)) = (refused, response.as_object_mut()) {
        let message = visible(&refusal.to_string(), 400);
        fields.insert("status".to_owned(), json!({"code": 403, "reason": "Forbidden", "message": message}));
    }
    json!({"apiVersion": VERSION, "kind": "AdmissionReview", "response": response})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn review() -> Value {
        json!({
            "apiVersion": VERSION, "kind": "AdmissionReview",
            "request": {
                "uid": "0b0c", "operation": "UPDATE", "dryRun": true, "namespace": "shop", "name": "cart",
                "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
                "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
                "userInfo": {"username": "system:serviceaccount:nightshift:nightshift-executor", "groups": ["a"]},
                "object": {"metadata": {"name": "cart"}}, "oldObject": {"metadata": {}}, "options": {"kind": "PatchOptions"},
            },
        })
    }

    #[test]
    fn a_review_is_read_and_answered_under_its_own_id() {
        let (uid, asked) = read(review().to_string().as_bytes()).unwrap();
        assert_eq!((uid.as_str(), asked.operation, asked.dry_run), ("0b0c", Operation::Update, true));
        assert_eq!((asked.group.as_str(), asked.subresource.as_str()), ("apps", ""));
        let said = answer(&uid, Some(&Refusal::NoMark));
        assert_eq!(said["response"]["allowed"], false);
        assert_eq!(said["response"]["uid"], "0b0c");
        assert!(said["response"]["status"]["message"].as_str().unwrap().contains("no mark"));
        assert_eq!(answer(&uid, None)["response"], json!({"uid": "0b0c", "allowed": true}));
    }

    #[test]
    fn what_does_not_say_that_it_is_a_dry_run_is_the_real_thing() {
        let mut one = review();
        one["request"].as_object_mut().unwrap().remove("dryRun");
        assert!(!read(one.to_string().as_bytes()).unwrap().1.dry_run);
        one["request"]["options"] = json!({"dryRun": ["All"]});
        assert!(read(one.to_string().as_bytes()).unwrap().1.dry_run);
        one["request"]["dryRun"] = json!(false);
        assert!(!read(one.to_string().as_bytes()).unwrap().1.dry_run);
    }

    #[test]
    fn what_is_no_review_is_told_apart_without_repeating_it() {
        let with = |pointer: &str, value: Value| {
            let mut one = review();
            *one.pointer_mut(pointer).unwrap() = value;
            one.to_string()
        };
        for bad in [
            String::new(),
            "hunter2".to_owned(),
            "[]".to_owned(),
            with("/apiVersion", json!("admission.k8s.io/v1beta1")),
            with("/kind", json!("hunter2")),
            with("/request", Value::Null),
            with("/request/operation", json!("hunter2")),
            with("/request/uid", json!("")),
            with("/request/uid", json!("x".repeat(65))),
            with("/request/userInfo", json!("hunter2")),
        ] {
            let why = read(bad.as_bytes()).unwrap_err();
            assert!(!why.contains("hunter2"), "{bad}: {why}");
        }
    }
}
