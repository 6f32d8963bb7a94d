//! The only place that builds clients: a reader and a writer, neither of which ever retries.
//!
//! kube 5 re-sends any request up to 15 times on 429, 503 and 504 unless told otherwise
//! (reference/execution.md 5.2). Here every client has `default_retry = false`, time-outs for connecting,
//! reading and writing, and every request a deadline.

use super::exchange::{self, Trouble, failed};
use super::uri;
use http::{Request, header};
use kube::client::Body;
use kube::config::{AuthInfo, Config, KubeConfigOptions, Kubeconfig};
use nightshift_model::effect::{Accept, RawPart};
use nightshift_model::evidence::NotChecked;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

#[cfg(test)]
mod tests;

/// A connection that is not made by then counts as unreachable.
const CONNECT: Duration = Duration::from_secs(5);
/// Longer than the watches' own patience (90 s), so theirs decides.
const READ: Duration = Duration::from_mins(2);
/// A write of a request's bytes.
const WRITE: Duration = Duration::from_secs(30);

/// How to reach the API server.
#[derive(Clone, Debug)]
pub enum Access {
    /// A kubeconfig: the given file, else `$KUBECONFIG`, else `~/.kube/config`.
    Kubeconfig {
        /// The file.
        path: Option<PathBuf>,
        /// The context; the current one when `None`.
        context: Option<String>,
    },
    /// The ServiceAccount of the Pod.
    InCluster,
    /// A plain URL: the demo's door.
    Url {
        /// Such as `http://127.0.0.1:8001`.
        url: String,
        /// Bearer token; the door takes it for the user's name.
        token: Option<String>,
    },
}

/// Why no client could be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The kubeconfig cannot be read or used.
    #[error("cannot use the kubeconfig")]
    Kubeconfig(#[source] kube::config::KubeconfigError),
    /// The Pod's ServiceAccount cannot be used.
    #[error("cannot use the ServiceAccount of this Pod")]
    InCluster(#[source] kube::config::InClusterError),
    /// The URL is none.
    #[error("`{0}` is not a URL of an API server")]
    Url(String),
    /// TLS or credentials cannot be set up.
    #[error("cannot set up the client for the API server")]
    Build(#[source] Box<kube::Error>),
}

/// GETs under way at a time. In a storm each open incident has questions; a connection for each of them would be held
/// by both sides long after, and the API server's own limits meet everybody. Watches have connections of their own.
const AT_ONCE: usize = 8;

/// The identity that reads. Whoever has it can send GETs and nothing else; the files that take its client
/// ([`Reader::client`]) are few and listed by tidy: watches and the clock, `review`, whose question stores nothing, and `webhook_ca`,
/// which patches the one object that this account may write.
#[derive(Clone)]
pub struct Reader {
    client: kube::Client,
    turn: Arc<Semaphore>,
}

/// Writes: used by `actuate`, `events`, `review` and the leases.
#[derive(Clone)]
pub struct Writer(kube::Client);

impl Reader {
    /// Builds a reader. Nothing is sent yet.
    pub async fn connect(access: &Access) -> Result<Self, ClientError> {
        Ok(Self { client: build(access).await?, turn: Arc::new(Semaphore::new(AT_ONCE)) })
    }

    /// One GET. The answer is a status and at most `cap` bytes, or why there is none; it is never read here.
    /// It may have to wait for its turn, within its deadline. Secrets, the data of ConfigMaps and subresources that act are refused before anything is sent.
    pub async fn get(
        &self,
        path: &str,
        query: &[(String, String)],
        accept: Accept,
        cap: usize,
        deadline: Duration,
    ) -> RawPart {
        if let Err(why) = uri::readable(path, accept) {
            return failed(NotChecked::Forbidden, why);
        }
        let request = match request(path, query, accept_header(path, accept)) {
            Ok(request) => request,
            Err(why) => return failed(NotChecked::Unreadable, why),
        };
        let exchange = async {
            let _turn = self.turn.acquire().await;
            let response = match exchange::open(&self.client, request).await {
                Ok(response) => response,
                Err(Trouble::NeverSent(why) | Trouble::Lost(why)) => {
                    return failed(NotChecked::Unreachable, why);
                }
            };
            let status = response.status().as_u16();
            let taken = exchange::take(response.into_body(), cap).await;
            match taken.broken {
                None => RawPart::Body { status, body: taken.bytes, cut: taken.cut },
                Some(why) => failed(NotChecked::Unreachable, format!("the answer broke off: {why}")),
            }
        };
        tokio::time::timeout(deadline, exchange)
            .await
            .unwrap_or_else(|_| failed(NotChecked::TimedOut, format!("no answer within {deadline:?}")))
    }

    /// For requests that [`Reader::get`] does not make.
    pub(super) fn client(&self) -> &kube::Client {
        &self.client
    }
}

impl Writer {
    /// Builds a writer. Nothing is sent yet.
    pub async fn connect(access: &Access) -> Result<Self, ClientError> {
        build(access).await.map(Self)
    }

    pub(super) fn client(&self) -> &kube::Client {
        &self.0
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reader")
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Writer")
    }
}

/// A GET without a body.
pub(super) fn request(
    path: &str,
    query: &[(String, String)],
    accept: &'static str,
) -> Result<Request<Body>, String> {
    let uri = uri::build(path, query)?;
    Request::get(uri)
        .header(header::ACCEPT, accept)
        .body(Body::empty())
        .map_err(|error| format!("{path:?} makes no request: {error}"))
}

/// Metadata is asked for without an alternative, so that no server can send more than that.
fn accept_header(path: &str, accept: Accept) -> &'static str {
    match accept {
        Accept::Json => "application/json",
        Accept::Metadata if uri::one_object(path) => {
            "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
        }
        Accept::Metadata => "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
        Accept::Text => "text/plain, application/json, */*",
    }
}

async fn build(access: &Access) -> Result<kube::Client, ClientError> {
    let mut config = match access {
        Access::InCluster => Config::incluster().map_err(ClientError::InCluster)?,
        Access::Kubeconfig { path, context } => {
            let options = KubeConfigOptions { context: context.clone(), ..KubeConfigOptions::default() };
            let read = match path {
                None => Config::from_kubeconfig(&options).await,
                Some(path) => {
                    let file = Kubeconfig::read_from(path).map_err(ClientError::Kubeconfig)?;
                    Config::from_custom_kubeconfig(file, &options).await
                }
            };
            read.map_err(ClientError::Kubeconfig)?
        }
        Access::Url { url, token } => {
            let uri = url.parse().map_err(|_| ClientError::Url(url.clone()))?;
            let token = token.clone().map(Into::into);
            let mut config = Config::new(uri);
            config.auth_info = AuthInfo { token, ..AuthInfo::default() };
            config
        }
    };
    if config.accept_invalid_certs {
        tracing::warn!(server = %config.cluster_url, "the kubeconfig turns the check of the server's certificate off");
    }
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = Some(READ);
    config.reset_reader_on_write = true;
    config.write_timeout = Some(WRITE);
    kube::Client::try_from(config).map_err(|error| ClientError::Build(Box::new(error)))
}
