//! What the steps need of the outside: one read, one write, the time. The daemon answers from the cluster,
//! Prometheus and the history; scenarios answer from the simulated cluster.

use nightshift_model::Timestamp;
use nightshift_model::effect::{RawPart, Read};
use std::future::Future;

/// One mutating request, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpWrite {
    /// HTTP method.
    pub method: String,
    /// Path without query.
    pub path: String,
    /// Query parameters, unescaped.
    pub query: Vec<(String, String)>,
    /// `Content-Type`.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// The adapter of a role: it returns statuses and bytes, and never reads them.
pub trait Wire: Sync {
    /// One read-only request, with a deadline and a cap.
    fn read(&self, read: &Read) -> impl Future<Output = RawPart> + Send;
    /// Exactly one mutating request: no retry at any layer. `Failed` with `Unreachable` means that no byte left
    /// this process; any other `Failed` means that nobody can tell.
    fn write(&self, write: &HttpWrite) -> impl Future<Output = RawPart> + Send;
    /// Now.
    fn now(&self) -> Timestamp;
}
