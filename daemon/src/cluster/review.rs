//! What this identity may do, asked of the API server itself (SelfSubjectAccessReview), and the rights that
//! nobody of us should have (reference/security.md, Excess rights).

use super::client::{Reader, Writer};
use super::exchange::{self, Trouble};
use super::uri;
use http::{Request, header};
use kube::client::Body;
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// A right, in RBAC's words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Right {
    /// Verb, or `*`.
    pub verb: String,
    /// API group; empty is the core.
    pub group: String,
    /// Plural resource, or `*`.
    pub resource: String,
    /// Subresource; empty is the object itself.
    pub subresource: String,
    /// Namespace; empty is all of them.
    pub namespace: String,
}

impl Right {
    /// A right in all namespaces. `resource` may carry a subresource: `pods/exec`.
    pub fn new(verb: &str, group: &str, resource: &str) -> Self {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        Self {
            verb: verb.into(),
            group: group.into(),
            resource: resource.into(),
            subresource: subresource.into(),
            namespace: String::new(),
        }
    }

    /// The same right in one namespace.
    #[must_use]
    pub fn within(self, namespace: &str) -> Self {
        Self { namespace: namespace.into(), ..self }
    }
}

impl std::fmt::Display for Right {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { verb, group, resource, subresource, namespace } = self;
        write!(f, "{verb} {resource}")?;
        for (sign, part) in [("/", subresource), (".", group)] {
            if !part.is_empty() {
                write!(f, "{sign}{part}")?;
            }
        }
        if namespace.is_empty() { Ok(()) } else { write!(f, " in {namespace}") }
    }
}

/// The API server's word on one right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is granted.
    Allowed,
    /// It is not.
    Denied,
    /// It could not be asked; never to be taken for either.
    Unknown(String),
}

/// Rights that close the executor, wherever they are granted.
const EXCESS: &[(&str, &str, &str)] = &[
    ("*", "*", "*"),
    ("get", "", "secrets"),
    ("list", "", "secrets"),
    ("watch", "", "secrets"),
    ("create", "", "pods/exec"),
    ("get", "", "pods/exec"),
    ("create", "", "pods/attach"),
    ("create", "", "pods/portforward"),
    ("get", "", "nodes/proxy"),
    ("create", "", "serviceaccounts/token"),
    ("impersonate", "", "users"),
    ("impersonate", "", "groups"),
    ("impersonate", "", "serviceaccounts"),
    ("escalate", "rbac.authorization.k8s.io", "clusterroles"),
    ("bind", "rbac.authorization.k8s.io", "clusterroles"),
    ("escalate", "rbac.authorization.k8s.io", "roles"),
    ("bind", "rbac.authorization.k8s.io", "roles"),
    ("create", "", "pods"),
    ("patch", "", "pods"),
    ("patch", "", "namespaces"),
    ("create", "apps", "deployments"),
    ("create", "apps", "statefulsets"),
    ("create", "apps", "daemonsets"),
    ("patch", "apps", "deployments/scale"),
    ("create", "batch", "jobs"),
    ("create", "batch", "cronjobs"),
];

/// Mutating rights that an enabled action may need; beyond those they are excess too.
const ACTING: &[(&str, &str, &str)] = &[
    ("delete", "", "pods"),
    ("create", "", "pods/eviction"),
    ("patch", "", "nodes"),
    ("patch", "apps", "deployments"),
    ("patch", "apps", "statefulsets"),
    ("patch", "apps", "daemonsets"),
    ("delete", "apps", "deployments"),
    ("delete", "batch", "jobs"),
];

/// The rights to probe that nobody needs, less those that enabled features do: a granted one is an excess.
/// `needed` is compared without its namespace.
pub fn excess(needed: &[Right]) -> Vec<Right> {
    let same = |one: &Right, other: &Right| {
        (&one.verb, &one.group, &one.resource, &one.subresource)
            == (&other.verb, &other.group, &other.resource, &other.subresource)
    };
    EXCESS
        .iter()
        .chain(ACTING)
        .map(|(verb, group, resource)| Right::new(verb, group, resource))
        .filter(|right| !needed.iter().any(|need| same(need, right)))
        .collect()
}

/// Whose rights are asked for. The question creates nothing, so a reader may ask it too.
#[derive(Clone, Copy, Debug)]
pub enum Identity<'a> {
    /// The responder's.
    Reader(&'a Reader),
    /// The executor's.
    Writer(&'a Writer),
}

/// Asks for each right in turn; the verdicts are in the order of the rights.
pub async fn review(who: Identity<'_>, rights: &[Right], deadline: Duration) -> Vec<Verdict> {
    let mut verdicts = Vec::with_capacity(rights.len());
    for right in rights {
        let asked = tokio::time::timeout(deadline, ask(who, right)).await;
        verdicts.push(asked.unwrap_or_else(|_| Verdict::Unknown(format!("no answer within {deadline:?}"))));
    }
    verdicts
}

async fn ask(who: Identity<'_>, right: &Right) -> Verdict {
    #[derive(Deserialize)]
    struct Answer {
        status: Status,
    }
    #[derive(Deserialize)]
    struct Status {
        #[serde(default)]
        allowed: bool,
        #[serde(rename = "evaluationError", default)]
        error: String,
    }
    let request = match request(right) {
        Ok(request) => request,
        Err(why) => return Verdict::Unknown(why),
    };
    let client = match who {
        Identity::Reader(reader) => reader.client(),
        Identity::Writer(writer) => writer.client(),
    };
    let response = match exchange::open(client, request).await {
        Ok(response) => response,
        Err(Trouble::NeverSent(why) | Trouble::Lost(why)) => return Verdict::Unknown(why),
    };
    let status = response.status();
    let taken = exchange::take(response.into_body(), 64 << 10).await;
    if !status.is_success() {
        return Verdict::Unknown(format!("the API server answered {}", status.as_u16()));
    }
    match serde_json::from_slice::<Answer>(&taken.bytes) {
        Ok(Answer { status: Status { allowed: true, .. } }) => Verdict::Allowed,
        // An authoriser that failed has not said no.
        Ok(Answer { status: Status { error, .. } }) if !error.is_empty() => Verdict::Unknown(error),
        Ok(_) => Verdict::Denied,
        Err(error) => Verdict::Unknown(format!("the answer could not be read: {error}")),
    }
}

fn request(right: &Right) -> Result<Request<Body>, String> {
    let attributes = json!({
        "verb": right.verb, "group": right.group, "resource": right.resource,
        "subresource": right.subresource, "namespace": right.namespace,
    });
    let body = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    });
    Request::post(uri::build("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", &[])?)
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string().into_bytes()))
        .map_err(|error| error.to_string())
}
