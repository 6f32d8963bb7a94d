//! What this identity may do, asked of the API server itself (SelfSubjectAccessReview).

use super::client::{Reader, Writer};
use super::exchange::{self, Trouble};
use super::uri;
use futures::StreamExt as _;
use http::{Request, header};
use kube::client::Body;
pub use nightshift_engine::excess::{Right, Verdict};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// Questions that are under way at a time.
const AT_ONCE: usize = 4;

/// Whose rights are asked for. The question creates nothing, so a reader may ask it too.
#[derive(Clone, Copy, Debug)]
pub enum Identity<'a> {
    /// The responder's.
    Reader(&'a Reader),
    /// The executor's.
    Writer(&'a Writer),
}

/// Asks for each right, a few at a time; the verdicts are in the order of the rights.
pub async fn review(who: Identity<'_>, rights: &[Right], deadline: Duration) -> Vec<Verdict> {
    let each: Vec<_> = rights.iter().map(|right| asked(who, right, deadline)).collect();
    futures::stream::iter(each).buffered(AT_ONCE).collect().await
}

async fn asked(who: Identity<'_>, right: &Right, deadline: Duration) -> Verdict {
    let answer = tokio::time::timeout(deadline, ask(who, right)).await;
    answer.unwrap_or_else(|_| Verdict::Unknown(format!("no answer within {deadline:?}")))
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
