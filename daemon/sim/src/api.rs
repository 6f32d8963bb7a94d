//! The wire between a door and the simulator: one request in, one reply out.

use jiff::Timestamp;
use serde_json::Value;

use crate::value::list;

/// HTTP method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// GET: get, list, watch, logs.
    Get,
    /// POST: create, eviction, access review.
    Post,
    /// PUT: replace.
    Put,
    /// PATCH: JSON Patch, merge patch, strategic merge patch.
    Patch,
    /// DELETE: one object.
    Delete,
}

/// One request to the simulated API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiRequest {
    /// HTTP method.
    pub method: Method,
    /// Path without the query, such as `/api/v1/namespaces/shop/pods`.
    pub path: String,
    /// Query parameters, percent-decoded, in order.
    pub query: Vec<(String, String)>,
    /// `Content-Type` of the body; a PATCH is read by it.
    pub content_type: Option<String>,
    /// Name of the authenticated user; also the field manager when the request names none.
    pub user: String,
    /// Body bytes as they came.
    pub body: Vec<u8>,
}

impl ApiRequest {
    /// A request without a body. `target` may carry a query: `/api/v1/pods?limit=2`.
    pub fn new(method: Method, target: &str, user: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = query
            .split('&')
            .filter(|part| !part.is_empty())
            .map(|part| part.split_once('=').unwrap_or((part, "")))
            .map(|(name, value)| (decode(name), decode(value)))
            .collect();
        Self { method, path: decode(path), query, content_type: None, user: user.into(), body: Vec::new() }
    }

    /// The same request with a JSON body of that content type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: &Value) -> Self {
        self.content_type = Some(content_type.into());
        self.body = body.to_string().into_bytes();
        self
    }

    /// First value of a query parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// True for `name=true`, `name=1` and a bare `name`.
    pub fn flag(&self, name: &str) -> bool {
        self.param(name).is_some_and(|value| matches!(value, "true" | "1" | ""))
    }

    /// True when the request asks for `dryRun=All`, in the query or in the options of a DELETE or an eviction. A DELETE with
    /// a body is read by it alone.
    pub fn dry_run(&self) -> bool {
        let options = self.method == Method::Delete || self.path.ends_with("/eviction");
        let body: Value =
            if options { serde_json::from_slice(&self.body).unwrap_or_default() } else { Value::Null };
        let asks = |pointer: &str| list(&body, pointer).iter().any(|one| one == "All");
        let by_query = self.method != Method::Delete || self.body.is_empty();
        (by_query && self.query.iter().any(|(key, value)| key == "dryRun" && value == "All"))
            || asks("/dryRun")
            || asks("/deleteOptions/dryRun")
    }
}

/// Percent-decoding of a query or path part; `+` is a space, as in a form.
fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let pair: Vec<u8> = bytes.by_ref().take(2).collect();
                match std::str::from_utf8(&pair).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                    Some(decoded) => out.push(decoded),
                    None => out.extend(std::iter::once(b'%').chain(pair)),
                }
            }
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A complete answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiResponse {
    /// HTTP status. **0 means: drop the connection without a byte** (`Fault::AppliedThenLost`).
    pub status: u16,
    /// `application/json` or `text/plain`.
    pub content_type: &'static str,
    /// Body bytes.
    pub body: Vec<u8>,
    /// `Retry-After` header in seconds.
    pub retry_after: Option<u32>,
}

impl ApiResponse {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            content_type: "application/json",
            body: body.to_string().into_bytes(),
            retry_after: None,
        }
    }

    pub(crate) fn text(status: u16, body: String) -> Self {
        Self { status, content_type: "text/plain", body: body.into_bytes(), retry_after: None }
    }

    pub(crate) fn lost() -> Self {
        Self { status: 0, content_type: "text/plain", body: Vec::new(), retry_after: None }
    }

    /// The body as JSON; `Null` when it is none.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// Names one open watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WatchId(pub(crate) u64);

/// What `Sim::handle` answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A complete answer.
    Once(ApiResponse),
    /// A stream has begun with status 200: ask `Sim::poll_watch` for its lines.
    Watch(WatchId),
}

/// What a watch has to say since the last poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchPoll {
    /// JSON lines, each ending in a newline; empty when nothing happened.
    Lines(Vec<Vec<u8>>),
    /// The server has ended the stream.
    Closed,
}

/// One mutating request that was accepted and was no dry run, in order of acceptance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub user: String,
    /// HTTP method.
    pub method: Method,
    /// Path without the query.
    pub path: String,
    /// Body as sent.
    pub body: Vec<u8>,
    /// True when the object's resourceVersion moved; false for a no-op.
    pub changed: bool,
    /// The status that was, or would have been, answered: a lost reply is accepted all the same.
    pub status: u16,
}
