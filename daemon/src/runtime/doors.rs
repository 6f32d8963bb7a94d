//! The doors of a running nightshift: the gate for people, and health and metrics for machines.

use super::Running;
use super::incidents::Waker;
use super::status;
use super::world::{Outside, RoleWorld};
use crate::api::ready::Readiness;
use crate::cluster::WatchState;
use crate::config::{self, Keys};
use crate::http::gate::{Digests, Gate, LiveOf, Parts, Site};
use crate::http::health::{self, Health};
use crate::http::listen;
use crate::http::metrics::GateMetrics;
use crate::http::rest::{self, Rest, Tell, VisitOf};
use crate::http::stream::Streams;
use crate::http::tls::{Certificate, TlsError};
use crate::stages::query::Reads;
use crate::stages::vote::object::Objects;
use crate::stages::vote::people::People;
use crate::stages::vote::{Votes, Wake};
use crate::store::{Filter, HistoryStore as _, SqliteStore};
use nightshift_model::{Gap, IncidentId, Plan, Role, Within};
use prometheus_client::registry::Registry;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The open doors.
pub struct Doors {
    /// The gate: makes links.
    pub gate: Arc<Gate>,
    /// Takes decisions.
    pub votes: Votes,
    /// Where it listens.
    pub address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Why a door could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The address is taken, or is none of ours.
    #[error("cannot listen on {address}: free the port, or set another one")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Alerts would be taken from anybody.
    #[error("{address} is reachable from other machines, and no secret is configured for alerts")]
    Unlocked {
        /// The address.
        address: SocketAddr,
    },
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Opens the gate. Readiness and metrics have a listener of their own: [`health`].
///
/// # Errors
/// [`DoorError`] names the address or the file.
pub async fn open(
    running: &Running,
    gate: &config::Gate,
    keys: Keys,
    zone: jiff::tz::TimeZone,
    digests: Digests,
    tell: Tell,
    registry: &mut Registry,
) -> Result<Doors, DoorError> {
    let failed = |source| DoorError::Listen { address: gate.listen, source };
    let listener = listen::bind(gate.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let certificate = gate.tls.as_ref().map(Certificate::read).transpose()?;
    let tls = certificate.as_ref().map(Certificate::acceptor).transpose()?;
    let metrics = GateMetrics::default();
    metrics.register(registry);
    let (store, clock, rules) = (running.store(), running.clock(), running.rules_now());
    let votes = Votes::new(store.clone(), Arc::clone(&rules), clock, wake(running));
    let (reads, people) = (Reads::new(store.clone(), clock), People::new(store, rules, clock));
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let streams = Streams::new(reads.clone(), clock, stop.clone());
    let site = Site::of(gate, address, zone);
    let rest = Rest::new(rest::Parts {
        votes: votes.clone(),
        reads: reads.clone(),
        people: people.clone(),
        registry: Arc::clone(&running.rules.fixed.registry),
        clock,
        site: site.clone(),
        metrics: metrics.clone(),
        tell,
        status: status::of(running),
        streams: streams.clone(),
        visit: running.outside.clone().filter(|_| running.rules.fixed.registry.takes_objects()).map(visit),
    });
    if running.rules.fixed.registry.takes_objects()
        && let Some(outside) = running.outside.clone()
    {
        let objects = Objects::new(votes.clone(), running.looks.clone());
        tasks.spawn(super::objects::run(objects, outside, stop.clone()));
    }
    let gate = Gate::new(Parts {
        votes: votes.clone(),
        reads,
        people,
        keys: Arc::new(keys),
        clock,
        site,
        metrics: metrics.clone(),
        digests,
        ready: ready(running),
        live: running.outside.clone().map(live),
        streams,
    });
    if let Some(certificate) = certificate {
        tasks.spawn(
            stop.clone().run_until_cancelled_owned(
                certificate.follow(clock, move |result| metrics.certificate(result)),
            ),
        );
    }
    let app = rest::mount(gate.router(), rest.router());
    tasks.spawn(listen::serve(listener, tls, app, clock, stop.clone()));
    let counting = Arc::clone(&gate);
    let until = stop.clone();
    tasks.spawn(async move {
        tokio::select! { () = until.cancelled() => {}, () = counting.keep_counts() => {} }
        counting.write_counts().await;
    });
    Ok(Doors { gate, votes, address, stop, tasks })
}

/// Looks at the cluster with the responder's identity, which only reads.
fn live(outside: Outside) -> LiveOf {
    Arc::new(move |plan: Box<Plan>| {
        let world = RoleWorld::new(outside.clone());
        Box::pin(async move { world.since(&plan).await })
    })
}

/// Reads visits with the responder's identity.
fn visit(outside: Outside) -> VisitOf {
    Arc::new(move |namespace: String, name: String| {
        let world = RoleWorld::new(outside.clone());
        Box::pin(async move {
            let found = world.visit(&namespace, &name).await;
            found.inspect_err(|why| tracing::info!(namespace, name, why, "a visit is not taken")).ok()
        })
    })
}

/// That messages carry no link, where the configuration says so.
pub fn unlinked(gate: &config::Gate) -> Option<Gap> {
    let why = "gate.public_url is not set, so messages carry the command to type".to_owned();
    gate.public_url.is_none().then(|| Gap { what: "links".to_owned(), why })
}

/// Opens the listener of health and metrics. `standing`: what is missing by configuration, and keeps nothing from being done.
///
/// # Errors
/// [`DoorError`] names the address.
pub async fn health(
    running: &Running,
    listen: SocketAddr,
    standing: Vec<Gap>,
    registry: Registry,
) -> Result<SocketAddr, DoorError> {
    let failed = |source| DoorError::Listen { address: listen, source };
    let listener = listen::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let seen = ready(running);
    let ready = move || {
        let Readiness { ready, mut gaps } = seen();
        gaps.extend(standing.iter().cloned());
        Readiness { ready, gaps }
    };
    let app = health::router(Health { ready: Arc::new(ready), metrics: Arc::new(registry) });
    running.tasks.spawn(listen::serve(listener, None, app, running.clock(), running.stop.clone()));
    Ok(address)
}

/// What is not done while the executor is closed.
pub(super) const EXECUTION: &str = "execution";

/// Ready means: every kind that detection needs was listed, no watch is down, and the history can be written.
pub(super) fn ready(running: &Running) -> Arc<dyn Fn() -> Readiness + Send + Sync> {
    let (coverage, seen, store) = (running.coverage.clone(), running.seen.clone(), running.store());
    let unanswered = running.unanswered.clone();
    let closings = running.closings.clone();
    let (integrity, alone) = (running.integrity.clone(), running.epoch(Role::Responder).is_none());
    Arc::new(move || {
        let mut gaps: Vec<Gap> = coverage.borrow().iter().filter_map(gap).collect();
        let synced = seen.synced.load(Ordering::Relaxed);
        if !synced {
            gaps.push(Gap { what: "first look".to_owned(), why: "lists are still being read".to_owned() });
        }
        gaps.extend(unanswered.borrow().clone()); // nothing is silenced on its word; the work goes on
        let trouble = store.trouble().map(|why| Gap { what: "history".to_owned(), why });
        let mute = trouble.is_some();
        gaps.extend(trouble);
        let blind = coverage.borrow().iter().any(|w| matches!(w.state, WatchState::Down { .. }));
        let held = integrity.borrow().why_not();
        // The gate stays reachable where it is in the same process: people must be able to read why.
        let closings = closings.borrow();
        let closed = (held.is_some() || closings.everywhere().is_some()) && alone;
        gaps.extend(held.map(|why| Gap { what: EXECUTION.to_owned(), why }));
        gaps.extend(closings.places().map(|(_, place)| match place.namespace.as_str() {
            "" => Gap { what: EXECUTION.to_owned(), why: format!("the executor is closed: {}", place.why) },
            namespace => Gap { what: format!("{EXECUTION} in {namespace}"), why: place.why.clone() },
        }));
        Readiness { ready: synced && !blind && !mute && !closed, gaps }
    })
}

/// What a watch does not see, if anything.
pub fn gap(watch: &crate::cluster::Watch) -> Option<Gap> {
    let what = format!("watch {}{}", watch.kind.name(), Within(&watch.namespace));
    let why = match &watch.state {
        WatchState::Live { .. } => return None,
        WatchState::Fallback { .. } => "this API server has no streaming lists, pages are read".to_owned(),
        WatchState::Syncing => "the list is still being read".to_owned(),
        WatchState::Forbidden => "403 Forbidden: permission to list and watch is missing".to_owned(),
        WatchState::Down { since, why } => format!("{why}, since {since}"),
    };
    Some(Gap { what, why })
}

/// A decision wakes its incident; the kill switch wakes every open one.
fn wake(running: &Running) -> Wake {
    let (wakers, store, tasks) = (running.wakers.clone(), running.store(), running.tasks.clone());
    Arc::new(move |id| {
        if let Some(id) = id {
            wake_one(&wakers, &id);
        } else {
            let (wakers, store) = (wakers.clone(), store.clone());
            tasks.spawn(async move { wake_open(&store, &wakers).await });
        }
    })
}

fn wake_one(wakers: &[Waker], id: &IncidentId) {
    for waker in wakers {
        waker.wake(id.clone());
    }
}

/// Wakes every open incident: after a start, and when something changed that concerns them all.
pub async fn wake_open(store: &SqliteStore, wakers: &[Waker]) {
    match store.each(&Filter::open(), |incident| Some(incident.id)).await {
        Ok(open) => open.iter().for_each(|id| wake_one(wakers, id)),
        Err(error) => tracing::error!(%error, "open incidents cannot be read"),
    }
}

impl Doors {
    /// What links begin with when nothing else is configured.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Closes the gate; open requests finish first.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
