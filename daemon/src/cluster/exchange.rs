//! One HTTP exchange: send once, take at most so many bytes, and say what can be known when it fails.

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Error as HyperError;
use kube::client::Body;
use nightshift_model::effect::RawPart;
use nightshift_model::evidence::NotChecked;
use std::time::Duration;

/// How this program names itself to the API server.
const AGENT: &str = concat!("nightshift/", env!("CARGO_PKG_VERSION"));

/// Why there is no status.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No byte of the request left this process.
    NeverSent(String),
    /// The connection stood, and then failed: nobody can tell what the server saw.
    Lost(String),
}

/// Sends a request exactly once.
pub(super) async fn open(
    client: &kube::Client,
    mut request: Request<Body>,
) -> Result<Response<Body>, Trouble> {
    request.headers_mut().insert(header::USER_AGENT, header::HeaderValue::from_static(AGENT));
    client.send(request).await.map_err(|error| {
        let detail = root_cause(&error);
        // Credentials are made before the request is.
        let before = matches!(error, kube::Error::Auth(_)) || sources(&error).any(never_connected);
        if before { Trouble::NeverSent(detail) } else { Trouble::Lost(detail) }
    })
}

fn never_connected(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<HyperError>().is_some_and(HyperError::is_connect)
}

fn sources<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source()).take(16)
}

/// The innermost error's text: the outer ones only repeat it.
pub(super) fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    sources(error).last().map(ToString::to_string).unwrap_or_default()
}

/// What was taken of a body.
pub(super) struct Taken {
    /// At most the cap.
    pub(super) bytes: Vec<u8>,
    /// Whether the cap cut them.
    pub(super) cut: bool,
    /// Why the rest did not come.
    pub(super) broken: Option<String>,
}

/// Takes a body up to the cap.
pub(super) async fn take(mut body: Body, cap: usize) -> Taken {
    let mut bytes = Vec::new();
    loop {
        match next_chunk(&mut body).await {
            None => return Taken { bytes, cut: false, broken: None },
            Some(Err(why)) => return Taken { bytes, cut: false, broken: Some(why) },
            Some(Ok(chunk)) => {
                let room = cap - bytes.len();
                bytes.extend_from_slice(chunk.get(..chunk.len().min(room)).unwrap_or_default());
                if chunk.len() > room {
                    return Taken { bytes, cut: true, broken: None };
                }
            }
        }
    }
}

/// The next bytes of a body.
pub(super) async fn next_chunk(body: &mut Body) -> Option<Result<Bytes, String>> {
    loop {
        match body.frame().await? {
            Err(error) => return Some(Err(root_cause(&error))),
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Some(Ok(data));
                }
            }
        }
    }
}

/// `Retry-After` in seconds, at most five minutes.
pub(super) fn retry_after(response: &Response<Body>) -> Option<Duration> {
    let text = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(|seconds: u64| Duration::from_secs(seconds.min(300)))
}

/// A failed part.
pub(super) fn failed(why: NotChecked, detail: impl Into<String>) -> RawPart {
    RawPart::Failed { why, detail: detail.into() }
}
