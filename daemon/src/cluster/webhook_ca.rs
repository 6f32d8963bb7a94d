//! The countersign's own `ValidatingWebhookConfiguration`: read back as it was stored, and told which certificate to trust.
//! The responder may get and patch this one object, and writes nothing else anywhere.

use super::client::Reader;
use super::exchange::{self, Trouble};
use super::uri;
use http::{Request, header};
use kube::client::Body;
use nightshift_model::effect::{Accept, RawPart};
use serde_json::Value;
use std::time::Duration;

/// One webhook and its certificates.
const CAP: usize = 256 << 10;

fn path(name: &str) -> String {
    format!("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{name}")
}

/// The configuration as the API server stored it.
///
/// # Errors
/// One sentence.
pub async fn read(reader: &Reader, name: &str, deadline: Duration) -> Result<Value, String> {
    match reader.get(&path(name), &[], Accept::Json, CAP, deadline).await {
        RawPart::Body { status: 200, body, cut: false } => {
            serde_json::from_slice(&body).map_err(|_| "the answer is not JSON".to_owned())
        }
        RawPart::Body { status: 404, .. } => Err("it is not installed".to_owned()),
        RawPart::Body { status: 403, .. } => {
            Err("permission to get it is missing: the responder needs get and patch of this one object"
                .to_owned())
        }
        RawPart::Body { status, .. } => Err(format!("the API server answered {status}")),
        RawPart::Failed { why, detail } => Err(format!("{}: {detail}", why.clause())),
    }
}

/// Sends one JSON Patch, whose first operation holds it to the version that was read.
///
/// # Errors
/// One sentence.
pub async fn patch(
    reader: &Reader,
    name: &str,
    operations: &[Value],
    deadline: Duration,
) -> Result<(), String> {
    let body = serde_json::to_vec(operations).map_err(|error| error.to_string())?;
    let request = Request::builder()
        .method("PATCH")
        .uri(uri::build(&path(name), &[("fieldManager".to_owned(), "nightshift".to_owned())])?)
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/json-patch+json")
        .body(Body::from(body))
        .map_err(|error| error.to_string())?;
    let sent = tokio::time::timeout(deadline, exchange::open(reader.client(), request));
    let response = match sent.await {
        Ok(Ok(response)) => response,
        Ok(Err(Trouble::NeverSent(why) | Trouble::Lost(why))) => return Err(why),
        Err(_) => return Err(format!("no answer within {deadline:?}")),
    };
    if response.status().is_success() {
        return Ok(());
    }
    Err(format!("the API server answered {} to the patch", response.status().as_u16()))
}
