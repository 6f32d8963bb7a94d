//! The gate: links show, a POST by an identified person decides.
//!
//! Every page is rendered from the sealed bytes and the history; every error path means "not approved".

mod before;
mod chart;
mod course;
mod digests;
mod end;
mod evidence;
pub mod forms;
mod frame;
mod hold;
mod inbox;
mod inverse;
pub mod link;
mod live;
mod page;
mod passkey;
mod people;
mod post;
mod proof;
mod render;
mod show;
mod signin;
mod silences;
mod since;
mod trend;
mod vote;

pub use page::{Desk, proposal_page};
pub use render::{BannerView, Frame, Here, SwitchView, VisitorView};
pub use since::NoLook;
pub(in crate::http) use vote::status as vote_status;

use super::headers;
use super::limits::{Buckets, Verdict, household};
use super::listen::{Peer, bounded};
use super::metrics::{Anonymous, GateMetrics};
use super::session::Cookies;
use super::stream::Streams;
use crate::api::digest::{DigestSheet, DigestShelf};
use crate::api::ready::Readiness;
use crate::clock::Clock;
use crate::config::{self, Keys, PublicUrl};
use crate::stages::query::Reads;
use crate::stages::vote::Votes;
use crate::stages::vote::people::{People, PeopleError, Visitor};
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::future::BoxFuture;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use link::{BadLink, LinkToken};
use nightshift_engine::drive::StoreError;
use nightshift_model::{Digest, PersonId, Plan, Proposal, Seconds};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;

/// Requests of one address at once, and a minute.
const ADDRESS: (u64, u64) = (120, 240);
/// Posts of one session at once, and a minute.
const SESSION: (u64, u64) = (20, 40);
/// How often refusals of anonymous requests are written down.
const WRITTEN_EVERY: Seconds = Seconds(60);

/// Which namespaces a visitor may see.
pub type Visible = Arc<dyn Fn(&str) -> bool + Send + Sync>;
/// The digest of a day, `2026-03-01`, as far as the visitor may see it; `None` when there is none.
pub type DigestOf =
    Arc<dyn Fn(jiff::civil::Date, Visible) -> BoxFuture<'static, Option<DigestSheet>> + Send + Sync>;

/// The days before one, or up to the last, that have a digest; counted is what the visitor may see.
pub type DigestsOf = Arc<
    dyn Fn(Option<jiff::civil::Date>, Visible) -> BoxFuture<'static, Result<DigestShelf, StoreError>>
        + Send
        + Sync,
>;
/// Where digests come from.
#[derive(Clone)]
pub struct Digests {
    /// One of them.
    pub of: DigestOf,
    /// Which there are.
    pub days: DigestsOf,
}

/// Whether the work can be done at all, and what is missing.
pub type Ready = Arc<dyn Fn() -> Readiness + Send + Sync>;

/// A look at the cluster for a sealed plan: reads only.
pub type LiveOf = Arc<dyn Fn(Box<Plan>) -> BoxFuture<'static, nightshift_engine::since::Look> + Send + Sync>;

/// What the gate is built from.
pub struct Parts {
    /// Takes decisions.
    pub votes: Votes,
    /// Reads for pages.
    pub reads: Reads,
    /// Sessions and links.
    pub people: People,
    /// Keys of links and forms.
    pub keys: Arc<Keys>,
    /// The clock.
    pub clock: Clock,
    /// How browsers reach it.
    pub site: Site,
    /// What it counts.
    pub metrics: GateMetrics,
    /// Where digests come from.
    pub digests: Digests,
    /// Whether it is ready.
    pub ready: Ready,
    /// How the cluster is looked at for a proposal that waits.
    pub live: Option<LiveOf>,
    /// The places for live pages.
    pub streams: Streams,
}

/// How browsers reach the gate.
#[derive(Clone, Debug)]
pub struct Site {
    /// What links begin with, if links can be made.
    pub base: Option<String>,
    /// Whether that is the configured one: only then a message carries a link, for a loopback address leads whoever reads it
    /// elsewhere to their own machine.
    pub public: bool,
    /// Values of `Origin` that are our own.
    pub origins: Vec<String>,
    /// Whether they come over TLS.
    pub encrypted: bool,
    /// Whether a proxy in front says who calls.
    pub proxied: bool,
    /// The zone in which pages tell the time.
    pub zone: jiff::tz::TimeZone,
}

/// The gate.
pub struct Gate {
    votes: Votes,
    reads: Reads,
    people: People,
    keys: Arc<Keys>,
    clock: Clock,
    site: Site,
    cookies: Cookies,
    metrics: GateMetrics,
    digests: Digests,
    ready: Ready,
    looks: since::Looks,
    streams: Streams,
    addresses: Buckets<IpAddr>,
    sessions: Buckets<Digest>,
    anonymous: Anonymous,
}

impl Site {
    /// From the configuration and the address that was bound.
    pub fn of(gate: &config::Gate, bound: SocketAddr, zone: jiff::tz::TimeZone) -> Self {
        let encrypted = gate.tls.is_some() || gate.public_url.as_ref().is_some_and(PublicUrl::is_encrypted);
        let scheme = if encrypted { "https" } else { "http" };
        let public = gate.public_url.as_ref().map(PublicUrl::origin);
        let port = bound.port();
        let loopback = [
            format!("{scheme}://127.0.0.1:{port}"),
            format!("{scheme}://localhost:{port}"),
            format!("{scheme}://[::1]:{port}"),
        ];
        let local = bound.ip().is_loopback() && !gate.trusted_proxy;
        let origins = public.iter().cloned().chain(loopback.into_iter().filter(|_| local)).collect();
        let told = public.is_some();
        let base = public.or_else(|| local.then(|| format!("{scheme}://{bound}")));
        Self { base, public: told, origins, encrypted, proxied: gate.trusted_proxy, zone }
    }

    /// The caller's address: what the proxy saw if there is one, else the other end of the connection.
    pub fn address(&self, request: &Request) -> IpAddr {
        let behind = || {
            let line = request.headers().get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
            line.rsplit(',').next()?.trim().parse().ok()
        };
        let seen = if self.proxied { behind() } else { None };
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
        household(seen.or(peer).unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED)))
    }
}

impl Gate {
    /// A gate.
    pub fn new(parts: Parts) -> Arc<Self> {
        let Parts { votes, reads, people, keys, clock, site, metrics, digests, ready, live, streams } = parts;
        Arc::new(Self {
            votes,
            reads,
            people,
            keys,
            clock,
            cookies: Cookies::new(site.encrypted),
            site,
            metrics,
            digests,
            ready,
            looks: since::Looks::new(live),
            streams,
            addresses: Buckets::new(ADDRESS.0, ADDRESS.1),
            sessions: Buckets::new(SESSION.0, SESSION.1),
            anonymous: Anonymous::default(),
        })
    }

    /// The routes, with the same headers on every answer.
    pub fn router(self: &Arc<Self>) -> Router {
        let routes = Router::new()
            .route("/", get(inbox::list))
            .route("/i/{incident}", get(show::incident))
            .route("/i/{incident}/events", get(live::events))
            .route("/p/{proposal}", get(show::proposal))
            .route("/p/{proposal}/{token}", get(show::link))
            .route("/digest", get(digests::last))
            .route("/digest/{date}", get(digests::digest))
            .route("/digests", get(digests::shelf))
            .route("/p/{proposal}/statement", get(passkey::statement))
            .route("/passkey", get(passkey::offer).post(passkey::made))
            .route("/assets/passkey.js", get(|| async { script(include_str!("../../../assets/passkey.js")) }))
            .route("/assets/live.js", get(|| async { script(include_str!("../../../assets/live.js")) }))
            .route("/signin/{token}", get(signin::ask))
            .route("/assets/nightshift.css", get(style))
            .route("/p/{proposal}/votes", post(vote::cast))
            .route("/i/{incident}/end", post(end::post))
            .route("/p/{proposal}/again", post(vote::again))
            .route("/p/{proposal}/inverse", post(inverse::post))
            .route("/i/{incident}/have", post(hold::have))
            .route("/i/{incident}/silence", post(hold::silence))
            .route("/silences", get(silences::list).post(silences::add))
            .route("/silences/{id}/end", post(silences::end))
            .route("/people", get(people::list))
            .route("/people/sessions/{id}/end", post(people::end))
            .route("/killswitch", post(vote::switch))
            .route("/signin", post(signin::open))
            .route("/signout", post(signin::close))
            .fallback(nothing)
            .method_not_allowed_fallback(nothing)
            .with_state(Arc::clone(self))
            .layer(middleware::from_fn_with_state(Arc::clone(self), paced));
        let encrypted = self.site.encrypted;
        bounded(routes)
            .layer(CatchPanicLayer::new())
            .layer(middleware::map_response(move |answer| async move { headers::guard(answer, encrypted) }))
    }

    /// What links in messages begin with: the configured URL and no other.
    pub fn public(&self) -> Option<String> {
        self.site.base.clone().filter(|_| self.site.public)
    }

    /// A link to a proposal for one recipient, and makes it valid; `None` without a URL to begin it with.
    ///
    /// # Errors
    /// [`PeopleError`]: there is no link then.
    pub async fn link(&self, recipient: &str, proposal: &Proposal) -> Result<Option<String>, PeopleError> {
        let Some(base) = &self.site.base else { return Ok(None) };
        let plan = proposal.plan();
        let mut nonce = [0_u8; 16];
        getrandom::fill(&mut nonce).map_err(|_| PeopleError::NoChance)?;
        let expires = link::expiry(plan.risk, self.clock.now(), plan.not_after);
        let token = LinkToken {
            recipient: recipient.to_owned(),
            proposal: proposal.id().clone(),
            digest: LinkToken::head(proposal.digest()),
            expires,
            nonce,
        };
        self.people.link_make(&nonce, recipient, proposal.id(), expires).await?;
        Ok(Some(format!("{base}/p/{}/{}", proposal.id(), token.mint(&self.keys.links.active))))
    }

    /// A sign-in link for a person of the registry; `None` without a URL to begin it with.
    ///
    /// # Errors
    /// [`PeopleError`]: there is no link then.
    pub async fn invite(
        &self,
        person: &PersonId,
        by: &nightshift_model::Actor,
    ) -> Result<Option<String>, PeopleError> {
        let Some(base) = &self.site.base else { return Ok(None) };
        Ok(Some(format!("{base}/signin/{}", self.people.invite(person, by).await?)))
    }

    /// Writes down once a minute how many anonymous requests were refused. Never ends; dropping it is safe.
    pub async fn keep_counts(&self) {
        loop {
            self.clock.sleep(WRITTEN_EVERY.duration()).await;
            self.write_counts().await;
        }
    }

    /// Writes down what was counted since the last time.
    pub async fn write_counts(&self) {
        for (reason, count) in self.anonymous.take() {
            self.votes.anonymous(reason, count).await;
        }
    }

    /// Who sent a request, if anybody known.
    async fn visitor(&self, headers: &HeaderMap) -> Option<Visitor> {
        let secret = self.cookies.session(headers)?;
        match self.people.visitor(&secret).await {
            Ok(visitor) => visitor,
            Err(error) => {
                tracing::error!(%error, "sessions cannot be read, so nobody is signed in");
                None
            }
        }
    }

    /// An anonymous request was refused: counted, never written down by itself.
    fn refuse_anonymous(&self, reason: &'static str) {
        self.metrics.anonymous(reason);
        self.anonymous.count(reason);
    }

    /// A link showed nothing: one page for every reason.
    fn bad_link(&self, why: BadLink) -> Response {
        self.refuse_anonymous(why.as_str());
        Self::nothing_here()
    }

    /// The one page for what is not there, or not for this visitor.
    fn nothing_here() -> Response {
        render::message(
            StatusCode::NOT_FOUND,
            &Frame::anonymous("Nothing here"),
            "This link is wrong, has run out or was taken back. Nothing was done.",
            &["Open the newest message about this, or ask for a new link."],
            None,
        )
    }
}

/// Who calls, as far as the network says, among a request's extensions.
#[derive(Clone, Copy, Debug)]
struct Caller(IpAddr);

impl std::fmt::Display for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(network) => write!(f, "{network}/64"),
        }
    }
}

async fn paced(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    let address = gate.site.address(&request);
    request.extensions_mut().insert(Caller(address));
    match gate.addresses.take(&address, gate.clock.now()) {
        Verdict::Go => next.run(request).await,
        Verdict::Wait => {
            gate.metrics.anonymous("rate-limited");
            render::message(
                StatusCode::TOO_MANY_REQUESTS,
                &Frame::anonymous("Too many requests"),
                "Too many requests came from your address.",
                &["Wait a minute and try again."],
                None,
            )
        }
    }
}

async fn nothing() -> Response {
    Gate::nothing_here()
}

fn script(text: &'static str) -> Response {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], text).into_response()
}

async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../../../assets/nightshift.css"))
        .into_response()
}
