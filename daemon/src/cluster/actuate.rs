//! Targets are written here and nowhere else: the given bytes, one request, no retry at any layer.

use super::client::Writer;
use super::exchange::{self, Trouble, failed};
use super::uri;
use http::{Request, header};
use kube::client::Body;
use nightshift_engine::wire::HttpWrite;
use nightshift_model::effect::RawPart;
use nightshift_model::evidence::NotChecked;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// The server's answer to a write is one object.
const CAP: usize = 4 << 20;

/// Sends a write exactly once and says what can be known.
///
/// - `Body`: the server answered with this status, also when the rest of the answer was lost (`cut`).
/// - `Failed` with `Unreachable`: no byte of the request left this process.
/// - any other `Failed`: nobody can tell whether the server carried it out.
pub async fn send(writer: &Writer, write: &HttpWrite, deadline: Duration) -> RawPart {
    let request = match request(write) {
        Ok(request) => request,
        Err(why) => return failed(NotChecked::Unreachable, format!("not sent: {why}")),
    };
    let opened = async {
        match exchange::open(writer.client(), request).await {
            Ok(response) => Ok(response),
            Err(Trouble::NeverSent(why)) => Err(failed(NotChecked::Unreachable, why)),
            Err(Trouble::Lost(why)) => {
                Err(failed(NotChecked::Unreadable, format!("the answer was lost: {why}")))
            }
        }
    };
    let response = match tokio::time::timeout(deadline, opened).await {
        Ok(Ok(response)) => response,
        Ok(Err(part)) => return part,
        Err(_) => return failed(NotChecked::TimedOut, format!("no answer within {deadline:?}")),
    };
    let status = response.status().as_u16();
    // The status is the answer; what follows it may take its own time, and may be lost.
    match tokio::time::timeout(deadline, exchange::take(response.into_body(), CAP)).await {
        Ok(taken) => RawPart::Body { status, body: taken.bytes, cut: taken.cut || taken.broken.is_some() },
        Err(_) => RawPart::Body { status, body: Vec::new(), cut: true },
    }
}

fn request(write: &HttpWrite) -> Result<Request<Body>, String> {
    let uri = uri::build(&write.path, &write.query)?;
    Request::builder()
        .method(write.method.as_str())
        .uri(uri)
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, &write.content_type)
        .body(Body::from(write.body.clone()))
        .map_err(|error| error.to_string())
}
