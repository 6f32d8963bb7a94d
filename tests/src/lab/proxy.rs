//! A reverse proxy in front of the API server: it writes down what passes, and one request may be held, or its
//! answer withheld, at the moment that a test wants.

use super::Cluster;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{Method, StatusCode};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// A request's body is at most one object.
const CAP: usize = 8 << 20;

/// What passed.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// The body.
    pub body: String,
    /// What the API server answered; none when the request was held, or no answer has come yet.
    pub status: Option<StatusCode>,
}

impl Seen {
    /// Neither GET nor a dry run: something that may change the cluster.
    pub fn is_write(&self) -> bool {
        self.method != Method::GET && !self.target.contains("dryRun=All")
    }

    /// A dry run of a change of a Deployment.
    pub fn is_preview(&self) -> bool {
        self.method == Method::PATCH && self.target.contains("dryRun=All")
    }

    /// The one request of an operation: the mark becomes `done`.
    pub fn is_act(&self) -> bool {
        self.is_write() && self.method == Method::PATCH && self.body.contains("\"done:")
    }

    /// A GET of one Deployment.
    pub fn is_look(&self) -> bool {
        self.method == Method::GET && self.target.contains("/deployments/")
    }
}

/// What happens to the request that a trap catches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It goes no further until the trap is opened.
    Hold,
    /// It is carried out; no byte of the answer comes back.
    HoldAnswer,
    /// It is carried out; the answer's head comes back, its body does not.
    HoldBody,
    /// It is carried out; the answer is 504.
    GatewayTimeout,
}

/// Waits for one request.
pub struct Trap {
    caught: oneshot::Receiver<()>,
    open: oneshot::Sender<()>,
}

impl Trap {
    /// Waits until the request is in the trap: for the ways that carry it out, until that was done.
    pub async fn caught(&mut self) -> anyhow::Result<()> {
        let patience = std::time::Duration::from_mins(2);
        tokio::time::timeout(patience, &mut self.caught).await??;
        Ok(())
    }

    /// Lets a held request go on.
    pub fn open(self) {
        let _ = self.open.send(());
    }
}

struct Set {
    on: fn(&Seen) -> bool,
    then: Then,
    caught: oneshot::Sender<()>,
    open: oneshot::Receiver<()>,
}

struct Shared {
    http: reqwest::Client,
    server: String,
    seen: Mutex<Vec<Seen>>,
    trap: Mutex<Option<Set>>,
}

/// An open proxy.
pub struct Proxy {
    /// Where it listens, plain HTTP.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// Opens one in front of a cluster; credentials are the clients' own.
    pub async fn open(cluster: &Cluster) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&std::fs::read(&cluster.ca_file)?)?])
            .no_proxy()
            .build()?;
        let shared = Arc::new(Shared {
            http,
            server: cluster.server.clone(),
            seen: Mutex::default(),
            trap: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let app = Router::new().fallback(pass).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { address, shared, task })
    }

    /// The URL for clients.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Catches the next request of a kind. There is one trap at a time.
    pub fn trap(&self, on: fn(&Seen) -> bool, then: Then) -> Trap {
        let ((caught_tx, caught), (open, open_rx)) = (oneshot::channel(), oneshot::channel());
        let set = Set { on, then, caught: caught_tx, open: open_rx };
        *self.shared.trap.lock().unwrap_or_else(PoisonError::into_inner) = Some(set);
        Trap { caught, open }
    }

    /// Everything that passed so far, in order of arrival.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many requests of a kind arrived.
    pub fn count(&self, of: fn(&Seen) -> bool) -> usize {
        self.seen().iter().filter(|seen| of(seen)).count()
    }
}

impl Shared {
    fn note(&self, seen: Seen) -> usize {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(seen);
        all.len() - 1
    }

    fn answered(&self, at: usize, status: StatusCode) {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = all.get_mut(at) {
            seen.status = Some(status);
        }
    }

    fn spring(&self, seen: &Seen) -> Option<Set> {
        let mut trap = self.trap.lock().unwrap_or_else(PoisonError::into_inner);
        if trap.as_ref().is_some_and(|set| (set.on)(seen)) { trap.take() } else { None }
    }
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, CAP).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let target = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let seen = Seen { method: head.method.clone(), target: target.clone(), body: text, status: None };
    let sprung = shared.spring(&seen);
    let at = shared.note(seen);
    let mut trap = None;
    if let Some(set) = sprung {
        if set.then == Then::Hold {
            let _ = set.caught.send(());
            if set.open.await.is_err() {
                return std::future::pending().await;
            }
        } else {
            trap = Some(set);
        }
    }
    let mut forward = shared.http.request(head.method, format!("{}{target}", shared.server)).body(bytes);
    for name in [ACCEPT, AUTHORIZATION, CONTENT_TYPE] {
        if let Some(value) = head.headers.get(&name) {
            forward = forward.header(name, value);
        }
    }
    let answer = match forward.send().await {
        Ok(answer) => answer,
        Err(error) => return (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    };
    let status = answer.status();
    shared.answered(at, status);
    let mut reply = Response::builder().status(status);
    for name in [CONTENT_TYPE, http::header::RETRY_AFTER] {
        if let Some(value) = answer.headers().get(&name) {
            reply = reply.header(name, value);
        }
    }
    let body = match trap {
        None => Body::from_stream(answer.bytes_stream()),
        Some(Set { then, caught, open, .. }) => {
            let _ = answer.bytes().await; // carried out
            let _ = caught.send(());
            match then {
                Then::GatewayTimeout => return StatusCode::GATEWAY_TIMEOUT.into_response(),
                Then::HoldBody => {
                    Body::from_stream(futures::stream::pending::<Result<String, std::io::Error>>())
                }
                Then::Hold | Then::HoldAnswer => {
                    let _ = open.await;
                    return std::future::pending().await;
                }
            }
        }
    };
    reply.body(body).unwrap_or_else(|_| StatusCode::BAD_GATEWAY.into_response())
}
