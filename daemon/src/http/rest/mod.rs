//! `/v1`: what the pages show, for programs. One file a resource; `openapi.json` is generated from them.
//!
//! Everything here is read, but for votes and wishes with proofs of their own ([`votes`], [`wishes`]) or a bridge's. A
//! bearer token never reaches another method than GET and HEAD. An incident's events come as a stream from
//! `/v1/incidents/{id}/events`; everything else is asked again with `since` and `If-None-Match`.

mod answer;
mod audit;
mod auth;
mod bridge;
mod digest;
mod events;
mod incidents;
mod openapi;
mod playbooks;
mod proposals;
mod status;
mod votes;
mod wishes;

pub use openapi::document;

use super::gate::Site;
use super::limits::{Buckets, Verdict};
use super::listen::bounded;
use super::metrics::GateMetrics;
use super::session::Cookies;
use super::stream::Streams;
use super::{headers, problem};
use crate::api::problem::Refusal;
use crate::api::status::Status;
use crate::clock::Clock;
use crate::stages::query::{Reader, Reads};
use crate::stages::vote::Votes;
use crate::stages::vote::people::People;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use futures::future::BoxFuture;
use http::Method;
use http::header::AUTHORIZATION;
use nightshift_engine::drive::StoreError;
use nightshift_engine::vote_object::visit::Visit;
use nightshift_model::{BridgeId, Digest, PersonId, Registry, Timestamp};
use std::net::IpAddr;
use std::sync::Arc;
use tower::ServiceExt as _;
use tower_http::catch_panic::CatchPanicLayer;

/// Requests of one address at once, and a minute.
const ADDRESS: (u64, u64) = (600, 2_400);
/// Requests of one token or session at once, and a minute.
const CALLER: (u64, u64) = (300, 1_200);
/// Signed votes and wishes of one person at once, and a minute.
const VOTER: (u64, u64) = (20, 40);

/// The largest number that every JSON reader keeps.
const LAST: u64 = (1 << 53) - 1;
/// Visits that are looked up at once, and a minute: each is three questions to the API server.
const VISITS: (u64, u64) = (30, 120);
/// Messages of one bridge at once, and a minute.
const CARRIER: (u64, u64) = (60, 120);

/// Which digest is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The last that is out.
    Last,
    /// Of the window that ended on a date.
    Of(jiff::civil::Date),
    /// Of any window.
    Between(Timestamp, Timestamp),
}

/// A digest as far as a reader may see it; `None` when there is none yet.
pub type Tell = Arc<
    dyn Fn(
            Wanted,
            Reader,
        ) -> BoxFuture<'static, Result<Option<nightshift_engine::digest::Digest>, StoreError>>
        + Send
        + Sync,
>;

/// How nightshift is, as far as a reader may see it.
pub type StatusOf = Arc<dyn Fn(Reader) -> BoxFuture<'static, Status> + Send + Sync>;

/// Reads a visit, by namespace and name; `None` when it is none.
pub type VisitOf = Arc<dyn Fn(String, String) -> BoxFuture<'static, Option<Visit>> + Send + Sync>;

/// What it is built from.
pub struct Parts {
    /// Takes signed votes.
    pub votes: Votes,
    /// Reads.
    pub reads: Reads,
    /// Sessions.
    pub people: People,
    /// Roles, owners, tokens.
    pub registry: Arc<Registry>,
    /// The clock.
    pub clock: Clock,
    /// How callers reach it.
    pub site: Site,
    /// What it counts.
    pub metrics: GateMetrics,
    /// Where digests come from.
    pub tell: Tell,
    /// Where the status comes from.
    pub status: StatusOf,
    /// The places for streams.
    pub streams: Streams,
    /// Where visits are read; none where the registry names no user of the cluster.
    pub visit: Option<VisitOf>,
}

/// The resources.
pub struct Rest {
    votes: Votes,
    reads: Reads,
    people: People,
    registry: Arc<Registry>,
    clock: Clock,
    site: Site,
    cookies: Cookies,
    metrics: GateMetrics,
    tell: Tell,
    status: StatusOf,
    streams: Streams,
    visit: Option<VisitOf>,
    looks: Buckets<()>,
    addresses: Buckets<IpAddr>,
    callers: Buckets<Digest>,
    voters: Buckets<PersonId>,
    carriers: Buckets<BridgeId>,
}

impl Rest {
    /// The resources of a gate.
    pub fn new(parts: Parts) -> Arc<Self> {
        let Parts { votes, reads, people, registry, clock, site, metrics, tell, status, streams, visit } =
            parts;
        Arc::new(Self {
            votes,
            reads,
            people,
            registry,
            clock,
            cookies: Cookies::new(site.encrypted),
            site,
            metrics,
            tell,
            status,
            streams,
            visit,
            looks: Buckets::new(VISITS.0, VISITS.1),
            addresses: Buckets::new(ADDRESS.0, ADDRESS.1),
            callers: Buckets::new(CALLER.0, CALLER.1),
            voters: Buckets::new(VOTER.0, VOTER.1),
            carriers: Buckets::new(CARRIER.0, CARRIER.1),
        })
    }

    /// The routes. Every path and method under `/v1` is answered here; a refusal is always a problem.
    pub fn router(self: &Arc<Self>) -> Router {
        let routes = Router::new()
            .route("/v1/incidents", get(incidents::list))
            .route("/v1/incidents/{id}", get(incidents::one))
            .route("/v1/incidents/{id}/events", get(events::follow))
            .route("/v1/incidents/{id}/playbook", get(playbooks::explain))
            .route("/v1/proposals", get(proposals::list).post(wishes::ask))
            .route("/v1/proposals/{id}", get(proposals::one))
            .route("/v1/proposals/{id}/sealed", get(proposals::sealed))
            .route("/v1/proposals/{id}/votes", get(proposals::votes).post(votes::cast))
            .route("/v1/digest", get(digest::window))
            .route("/v1/digest/{date}", get(digest::of))
            .route("/v1/audit/rows", get(audit::rows))
            .route("/v1/audit/tip", get(audit::tip))
            .route("/v1/audit/export", get(audit::export))
            .route("/v1/playbooks", get(playbooks::list))
            .route("/v1/status", get(status::status))
            .route("/v1/openapi.json", get(openapi::serve))
            .fallback(|| async { Refusal::NotFound })
            .method_not_allowed_fallback(|| async { Refusal::BadMethod })
            .with_state(Arc::clone(self))
            .layer(middleware::from_fn_with_state(Arc::clone(self), paced));
        let encrypted = self.site.encrypted;
        bounded(routes)
            .layer(CatchPanicLayer::new())
            .layer(middleware::map_response_with_state(Arc::clone(self), told))
            .layer(middleware::map_response(move |answer| async move { headers::guard(answer, encrypted) }))
    }
}

/// The gate's pages, with the resources beside them. Told apart by the raw path, before any route is looked for.
pub fn mount(pages: Router, rest: Router) -> Router {
    Router::new().fallback(move |request: Request| {
        let path = request.uri().path();
        let ours = path == "/v1" || path.starts_with("/v1/");
        let app = if ours { rest.clone() } else { pages.clone() };
        async move { app.oneshot(request).await.into_response() }
    })
}

/// Before anything else: how often, and that a token only reads.
async fn paced(State(rest): State<Arc<Rest>>, request: Request, next: Next) -> Response {
    let address = rest.site.address(&request);
    if rest.addresses.take(&address, rest.clock.now()) == Verdict::Wait {
        return Refusal::RateLimited.into_response();
    }
    // Methods that no path has are a 405 for everybody, further on.
    let decides = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(request.method());
    if decides && request.headers().contains_key(AUTHORIZATION) {
        return Refusal::TokenNeverVotes.into_response();
    }
    next.run(request).await
}

/// Counts the answer, and makes every refusal a problem.
async fn told(State(rest): State<Arc<Rest>>, answer: Response) -> Response {
    let answer = problem::always(answer);
    let status = answer.status().as_u16();
    let refused = Refusal::ALL.into_iter().find(|why| why.status() == status).map(Refusal::as_str);
    rest.metrics.api(refused.unwrap_or("answered"));
    answer
}
