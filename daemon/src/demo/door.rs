//! HTTP over the simulated cluster: the API server and its Prometheus at one address of this machine.
//!
//! The user is the bearer token's text. A reply that the simulator loses closes the connection without a byte;
//! a hung watch and a silent Prometheus stay open; [`Door::slow`] delays every answer.

use crate::clock::Clock;
use axum::body::Body;
use bytes::Bytes;
use futures::stream::{self, Stream};
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper_util::rt::{TokioIo, TokioTimer};
use nightshift_model::Timestamp;
use nightshift_sim::{ApiRequest, ApiResponse, Method, QueryError, Reply, Sim, WatchId, WatchPoll};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod hold;
#[cfg(test)]
mod tests;

pub use hold::{Hold, Keep};
use hold::{Holds, Place};

/// Bytes of a request's body.
const BODY_CAP: usize = 4 << 20;
/// How often an idle watch looks for its bookmark and its end, by the door's clock.
const LOOK: Duration = Duration::from_secs(10);
/// Writes that are remembered as they arrived.
const ARRIVALS: usize = 4_096;

/// An open door.
pub struct Door {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

struct Shared {
    sim: Mutex<Sim>,
    clock: Clock,
    /// Counts what may have changed something; watches and the ticker wait for it.
    touched: watch::Sender<u64>,
    slow_ms: AtomicU64,
    before: Mutex<Vec<(String, Ambush)>>,
    holds: Holds,
    /// Writes as they arrived, refused ones too, dry runs not.
    arrivals: Mutex<Vec<ApiRequest>>,
}

/// What happens right before a user's next request.
type Ambush = Box<dyn FnOnce(&mut Sim) + Send>;

impl Shared {
    fn with<R>(&self, act: impl FnOnce(&mut Sim) -> R) -> R {
        act(&mut self.sim.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What waits for this user's next request.
    fn ambushes(&self, user: &str) -> Vec<Ambush> {
        let mut waiting = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extract_if(.., |(whose, _)| whose == user).map(|(_, act)| act).collect()
    }

    /// The cluster's answer, with everything that comes before and after it.
    fn reply(&self, request: &ApiRequest) -> Reply {
        for act in self.ambushes(&request.user) {
            self.with(act);
        }
        if request.method != Method::Get && !request.dry_run() {
            let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
            if arrivals.len() < ARRIVALS {
                arrivals.push(request.clone());
            }
        }
        let now = self.clock.now().get();
        let reply = self.with(|sim| sim.handle(request, now));
        if request.method != Method::Get {
            self.touch();
        }
        reply
    }

    fn touch(&self) {
        self.touched.send_modify(|count| *count += 1);
    }
}

impl Door {
    /// Opens a door on a free port of 127.0.0.1 and starts the simulator's clock.
    pub async fn open(sim: Sim, clock: Clock) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (touched, _) = watch::channel(0);
        let shared = Arc::new(Shared {
            sim: Mutex::new(sim),
            clock,
            touched,
            slow_ms: AtomicU64::new(0),
            before: Mutex::default(),
            holds: Holds::default(),
            arrivals: Mutex::default(),
        });
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(stop.clone().run_until_cancelled_owned(tick(Arc::clone(&shared))));
        let accept = accept(listener, Arc::clone(&shared), stop.clone(), tasks.clone());
        tasks.spawn(stop.clone().run_until_cancelled_owned(accept));
        Ok(Self { address, shared, stop, tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Base URL of the API server and of Prometheus.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Looks at the simulator or changes it; watches notice.
    pub fn with<R>(&self, act: impl FnOnce(&mut Sim) -> R) -> R {
        let result = self.shared.with(act);
        self.shared.touch();
        result
    }

    /// Does something to the simulator right before it answers this user's next request: somebody else was faster.
    pub fn before(&self, user: &str, act: impl FnOnce(&mut Sim) + Send + 'static) {
        let mut waiting = self.shared.before.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push((user.to_owned(), Box::new(act)));
    }

    /// Keeps the next request that matches, or its answer, waiting until it is released.
    pub fn hold(&self, keep: Keep, matches: impl Fn(&ApiRequest) -> bool + Send + 'static) -> Hold {
        self.shared.holds.add(keep, Box::new(matches))
    }

    /// Every write that arrived, oldest first, whatever it was answered; dry runs are no writes.
    pub fn arrivals(&self) -> Vec<ApiRequest> {
        self.shared.arrivals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Delays every answer from now on by that much real time.
    pub fn slow(&self, delay: Duration) {
        self.shared.slow_ms.store(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Closes the door and every connection.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Runs controllers and kubelet when they are due.
async fn tick(shared: Arc<Shared>) {
    let mut touched = shared.touched.subscribe();
    loop {
        touched.mark_unchanged();
        let now = shared.clock.now();
        let (busy, due) = shared.with(|sim| {
            let busy = sim.next_due().is_some_and(|due| due <= now.get());
            if busy {
                sim.tick(now.get());
            }
            (busy, sim.next_due())
        });
        if busy {
            shared.touch();
            continue;
        }
        let sleep = async {
            match due {
                Some(at) => shared.clock.sleep_until(Timestamp::new(at)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = sleep => {}
            changed = touched.changed() => if changed.is_err() { return },
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken, tasks: TaskTracker) {
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                let serve = serve(socket, Arc::clone(&shared));
                tasks.spawn(stop.clone().run_until_cancelled_owned(serve));
            }
            Err(error) => {
                tracing::warn!(%error, "the door cannot accept a connection");
                shared.clock.sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn serve(socket: TcpStream, shared: Arc<Shared>) {
    let service = hyper::service::service_fn(move |request| answer(request, Arc::clone(&shared)));
    let mut server = hyper::server::conn::http1::Builder::new();
    server.timer(TokioTimer::new());
    if let Err(error) = server.serve_connection(TokioIo::new(socket), service).await {
        tracing::debug!(%error, "a connection to the door ended");
    }
}

/// Ends a connection without a byte.
#[derive(Debug, thiserror::Error)]
#[error("the reply is lost")]
struct Lost;

async fn held(mut place: Place, shared: &Shared, request: &ApiRequest) -> Result<Reply, Lost> {
    if !place.pass(Keep::Request).await {
        return Err(Lost);
    }
    let reply = shared.reply(request);
    if place.pass(Keep::Answer).await { Ok(reply) } else { Err(Lost) }
}

async fn answer(
    request: Request<hyper::body::Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Body>, Lost> {
    let slow = shared.slow_ms.load(Ordering::Relaxed);
    if slow > 0 {
        // Network delay is real time, whatever the clock says.
        let _ = tokio::time::timeout(Duration::from_millis(slow), std::future::pending::<()>()).await;
    }
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_CAP).collect().await.map(http_body_util::Collected::to_bytes)
    else {
        return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large or broke off"));
    };
    if head.uri.path() == "/api/v1/query" {
        let form = if head.method == http::Method::POST {
            body.as_ref()
        } else {
            head.uri.query().unwrap_or("").as_bytes()
        };
        return Ok(query(&shared, form).await);
    }
    let method = match head.method {
        http::Method::GET => Method::Get,
        http::Method::POST => Method::Post,
        http::Method::PUT => Method::Put,
        http::Method::PATCH => Method::Patch,
        http::Method::DELETE => Method::Delete,
        _ => return Ok(plain(StatusCode::METHOD_NOT_ALLOWED, "the simulated API server has no such method")),
    };
    let target = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let mut request = ApiRequest::new(method, target, user(&head.headers));
    request.content_type = text(&head.headers, &header::CONTENT_TYPE).map(str::to_owned);
    request.body = body.to_vec();
    let reply = match shared.holds.of(&request) {
        None => shared.reply(&request),
        // A request that waits is on its way whatever becomes of its sender.
        Some(place) => {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move { held(place, &shared, &request).await }).await.map_err(|_| Lost)??
        }
    };
    match reply {
        Reply::Once(ApiResponse { status: 0, .. }) => Err(Lost),
        Reply::Once(mut once) => {
            if text(&head.headers, &header::ACCEPT)
                .is_some_and(|accept| accept.contains("as=PartialObjectMetadata"))
            {
                once.body = metadata_only(&once);
            }
            let mut response = Response::new(Body::from(once.body));
            *response.status_mut() =
                StatusCode::from_u16(once.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(once.content_type));
            if let Some(seconds) = once.retry_after {
                headers.insert(header::RETRY_AFTER, seconds.into());
            }
            Ok(response)
        }
        Reply::Watch(id) => {
            let mut response = Response::new(Body::from_stream(lines(Watching { id, shared })));
            let json = header::HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
            Ok(response)
        }
    }
}

/// What `as=PartialObjectMetadata(List)` asks for; the simulator itself answers whole objects.
fn metadata_only(once: &ApiResponse) -> Vec<u8> {
    let mut body = once.value();
    if once.status != 200 || !body.is_object() {
        return once.body.clone();
    }
    let partial = |object: &Value| json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object.get("metadata")});
    body = match body.get("items").and_then(Value::as_array) {
        None => partial(&body),
        Some(items) => json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
            "metadata": body.get("metadata"), "items": items.iter().map(partial).collect::<Vec<_>>()}),
    };
    body.to_string().into_bytes()
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn user(headers: &HeaderMap) -> &str {
    text(headers, &header::AUTHORIZATION)
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or("system:anonymous")
}

/// A watch that is open; the simulator forgets it when the client goes.
struct Watching {
    id: WatchId,
    shared: Arc<Shared>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.shared.with(|sim| sim.close_watch(self.id));
    }
}

/// The lines of a watch as they come.
fn lines(watching: Watching) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> {
    let touched = watching.shared.touched.subscribe();
    stream::unfold((watching, touched), |(watching, mut touched)| async move {
        loop {
            touched.mark_unchanged();
            let now = watching.shared.clock.now().get();
            match watching.shared.with(|sim| sim.poll_watch(watching.id, now)) {
                WatchPoll::Closed => return None,
                WatchPoll::Lines(lines) if !lines.is_empty() => {
                    return Some((Ok(Bytes::from(lines.concat())), (watching, touched)));
                }
                WatchPoll::Lines(_) => {}
            }
            tokio::select! {
                () = watching.shared.clock.sleep(LOOK) => {}
                changed = touched.changed() => if changed.is_err() { return None },
            }
        }
    })
}

/// Prometheus' instant query.
async fn query(shared: &Shared, form: &[u8]) -> Response<Body> {
    let find = |name: &str| {
        url::form_urlencoded::parse(form).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let at = find("time").and_then(|time| {
        let seconds = Duration::try_from_secs_f64(time.parse().ok()?).ok()?;
        jiff::Timestamp::UNIX_EPOCH.checked_add(seconds).ok()
    });
    let at = at.unwrap_or_else(|| shared.clock.now().get());
    let promql = find("query").unwrap_or_default();
    let (status, body) = match shared.with(|sim| sim.prometheus(&promql, at)) {
        Ok(body) => (200, body),
        // Whoever asked gives up and closes the connection: this answer ends with it.
        Err(QueryError::Silent) => std::future::pending().await,
        Err(error) => (error.status(), error.body()),
    };
    let mut response =
        plain(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), &body.to_string());
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(text.to_owned()));
    *response.status_mut() = status;
    response
}
