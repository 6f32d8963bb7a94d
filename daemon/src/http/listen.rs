//! The accept loop: a deadline for headers, a cap on connections, a cap on bodies, an end that waits.

use crate::clock::Clock;
use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

/// How long a peer may take for a request's head, from the first byte or between two requests.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// The same between two requests of the API server.
const KEPT_WITHIN: Duration = Duration::from_secs(120);
/// How long a peer may take for the rest, answer included.
const REQUEST_WITHIN: Duration = Duration::from_secs(30);
/// How long TLS may take to agree.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Bytes of a request's head.
const HEAD_BYTES: usize = 16 * 1024;
/// Headers of a request.
const HEADERS: usize = 64;
/// Bytes of a request's body: the largest form has a reason of 500 characters.
const BODY_BYTES: usize = 16 * 1024;
/// Connections at a time; more are closed at once.
const CONNECTIONS: usize = 512;
/// How long open requests may take when the program stops.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// How long the loop rests when the system has no socket to give.
const REST: Duration = Duration::from_millis(100);

/// The other end of a connection, among a request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Bounds what a request may send and how long it may take.
pub fn bounded(app: Router) -> Router {
    app.layer(RequestBodyLimitLayer::new(BODY_BYTES))
        .layer(TimeoutLayer::with_status_code(http::StatusCode::REQUEST_TIMEOUT, REQUEST_WITHIN))
}

/// Serves until `stop`, then lets open requests finish. Bodies are bounded by [`bounded`], inside of what puts
/// headers on answers.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    app: Router,
    clock: Clock,
    stop: CancellationToken,
) {
    serve_within(Patience::SHIPPED, listener, tls, app, clock, stop).await;
}

/// The same for a caller that keeps its connections: the API server drops those that were idle for 90 s, and a request
/// that meets an end of ours is lost.
pub async fn serve_kept(
    listener: TcpListener,
    tls: TlsAcceptor,
    app: Router,
    clock: Clock,
    stop: CancellationToken,
) {
    let patience = Patience { head: KEPT_WITHIN, ..Patience::SHIPPED };
    serve_within(patience, listener, Some(tls), app, clock, stop).await;
}

/// How long a peer may be silent.
#[derive(Clone, Copy, Debug)]
struct Patience {
    handshake: Duration,
    head: Duration,
}

impl Patience {
    const SHIPPED: Self = Self { handshake: HANDSHAKE_WITHIN, head: HEAD_WITHIN };
}

async fn serve_within(
    Patience { handshake, head }: Patience,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    app: Router,
    clock: Clock,
    stop: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let open = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                clock.sleep(REST).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            tracing::warn!(%peer, "too many connections, this one is closed");
            continue;
        };
        let (app, tls, stop) = (app.clone(), tls.clone(), stop.clone());
        open.spawn(async move {
            let _permit = permit;
            match tls {
                None => connection(stream, peer, head, app, stop).await,
                Some(tls) => match tokio::time::timeout(handshake, tls.accept(stream)).await {
                    Ok(Ok(stream)) => connection(stream, peer, head, app, stop).await,
                    Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS"),
                    Err(_) => tracing::debug!(%peer, "TLS took too long"),
                },
            }
        });
    }
    open.close();
    if tokio::time::timeout(STOP_WITHIN, open.wait()).await.is_err() {
        tracing::warn!(connections = open.len(), "requests were still open at the end");
    }
}

async fn connection<S>(stream: S, peer: SocketAddr, head: Duration, app: Router, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = app.map_request(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.as_mut().await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}

/// A listener on an address.
///
/// # Errors
/// What the system said.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

#[cfg(test)]
mod tests;
