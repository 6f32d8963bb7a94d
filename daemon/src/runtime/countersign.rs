//! The countersign of a running responder: its listener, its certificate, and what it knows when the API server asks.

pub mod certificate;

use super::Running;
use super::doors::DoorError;
use super::rules::RuleBook;
use super::world::{Outside, RoleWorld};
use crate::clock::Clock;
use crate::cluster::{Reader, webhook_ca};
use crate::config;
use crate::http::countersign::{Countersign, CountersignMetrics, Judge};
use crate::http::listen;
use crate::http::metrics::Anonymous;
use crate::http::tls::OwnCertificate;
use crate::store::{Filter, HistoryStore as _, SqliteStore, SystemAppend};
use certificate::{Due, Kept, Pair};
use nightshift_engine::lock::Refusal;
use nightshift_engine::lock::asked::Asked;
use nightshift_engine::lock::countersign::{Known, Under, concerns, judge, key};
use nightshift_engine::lock::policy::{Names, conditions};
use nightshift_engine::lock::webhook::{Step, step};
use nightshift_engine::vote_object::wanted;
use nightshift_engine::{Rules, Store as _, StoreError, World as _};
use nightshift_model::effect::Me;
use nightshift_model::{Actor, Epoch, HistoryEvent, IncidentEvent, Role, Stream, SystemEvent};
use prometheus_client::registry::Registry;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often the certificate and the stored configuration are looked at, and refusals are written down.
const LOOK: Duration = Duration::from_secs(60);
/// The same until the API server trusts the certificate.
const SOON: Duration = Duration::from_secs(5);
/// A request that takes longer counts as not answered.
const DEADLINE: Duration = Duration::from_secs(10);
/// Incidents that may stand behind one write: a uid is one object's, an operation one incident's.
const BEHIND: usize = 8;

/// Opens the listener, and keeps its certificate known at the API server.
///
/// # Errors
/// A listener or a certificate that cannot be had.
pub async fn open(
    running: &Running,
    countersign: &config::Countersign,
    reader: Reader,
    keys_dir: &Path,
    registry: &mut Registry,
) -> anyhow::Result<SocketAddr> {
    let clock = running.clock();
    let path = certificate::file(keys_dir);
    let kept = certificate::open(&path, &countersign.names, clock.now())?;
    let served = OwnCertificate::new(&path, &kept.current.cert, &kept.current.key)?;
    let failed = |source| DoorError::Listen { address: countersign.listen, source };
    let listener = listen::bind(countersign.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let metrics = CountersignMetrics::default();
    metrics.register(registry);
    let refused = Arc::new(Anonymous::default());
    let judge = judging(running.store(), running.rules.clone(), clock, running.outside.clone());
    let door = Countersign::new(judge, &countersign.executor, metrics, Arc::clone(&refused)).router();
    let stop = running.stop.clone();
    running.tasks.spawn(listen::serve_kept(listener, served.acceptor()?, door, clock, stop.clone()));
    let epoch = running.epoch(Role::Responder).map_or(Epoch(0), |(_, epoch)| epoch);
    let me = Me { role: Role::Responder, epoch, actor: Actor::Nightshift(Role::Responder) };
    let keeping = Keeping {
        reader,
        clock,
        store: running.store(),
        me,
        lock: countersign.lock.clone(),
        executor: countersign.executor.clone(),
        names: countersign.names.clone(),
        path,
        kept,
        served,
        refused,
    };
    running.tasks.spawn(keeping.run(stop));
    Ok(address)
}

/// Looks up what stands behind a write, and judges it. A history that cannot be read countersigns nothing.
fn judging(store: SqliteStore, rules: RuleBook, clock: Clock, outside: Option<Outside>) -> Judge {
    Arc::new(move |asked: Asked| {
        let (store, rules, outside) = (store.clone(), rules.clone(), outside.clone());
        Box::pin(async move {
            let looked = look(&store, &asked).await;
            let (incidents, epoch) = looked.map_err(|error| {
                tracing::error!(%error, "nothing is countersigned: the history cannot be read");
                Refusal::Unreadable
            })?;
            let mut rules = rules.now().await;
            if let Some(outside) = outside {
                votes_now(&mut rules, &incidents, &outside).await;
            }
            let known = Known { incidents: &incidents, rules: &rules, epoch, now: clock.now() };
            judge(&asked, &known)
        })
    })
}

/// Votes that are objects of the cluster are read anew: what was seen of them before proves nothing.
async fn votes_now(rules: &mut Rules, incidents: &[Under], outside: &Outside) {
    for under in incidents {
        let Some(proposal) = wanted(&under.incident, &rules.registry) else { continue };
        let look = RoleWorld::new(outside.clone()).look(proposal).await;
        rules.standing.looks = std::mem::take(&mut rules.standing.looks).with(proposal.id().clone(), look);
    }
}

/// The incidents that may stand behind a write, folded from their events, and the executor's epoch. Snapshots only point there.
async fn look(store: &SqliteStore, asked: &Asked) -> Result<(Vec<Under>, Epoch), StoreError> {
    let mut incidents = Vec::new();
    if let Some(key) = key(asked) {
        let open = Filter::open();
        let behind = store.each(&open, |incident| concerns(&key, &incident).then_some(incident.id)).await?;
        for id in behind.into_iter().take(BEHIND) {
            let incident = store.load(&id).await?;
            let rows = store.stream_events(&Stream::Incident(id)).await?;
            let rechecked = rows.into_iter().rev().find_map(|row| match row.event {
                HistoryEvent::Incident(IncidentEvent::Rechecked { live }) => Some(live),
                HistoryEvent::Incident(_) | HistoryEvent::System(_) => None,
            });
            incidents.push(Under { incident, rechecked });
        }
    }
    let leader = store.leader(Role::Executor).await?;
    Ok((incidents, leader.map_or(Epoch(0), |leader| leader.epoch)))
}

/// Keeps the certificate young, and known to the API server.
struct Keeping {
    reader: Reader,
    clock: Clock,
    store: SqliteStore,
    me: Me,
    lock: String,
    executor: String,
    names: Vec<String>,
    path: PathBuf,
    kept: Kept,
    served: OwnCertificate,
    refused: Arc<Anonymous>,
}

impl Keeping {
    async fn run(mut self, stop: CancellationToken) {
        let mut told = None;
        loop {
            let trusted = self.trusted().await;
            if told.as_ref() != Some(&trusted) {
                match &trusted {
                    Ok(()) => tracing::info!(
                        lock = self.lock,
                        "the API server trusts the countersign's certificate"
                    ),
                    Err(why) => tracing::error!(
                        lock = self.lock,
                        why,
                        "the API server does not trust the countersign: it refuses the executor everything"
                    ),
                }
                told = Some(trusted.clone());
            }
            if let Err(error) = self.turn(trusted.is_ok()) {
                let error: &dyn std::error::Error = error.as_ref();
                tracing::error!(
                    error,
                    "the countersign's certificate could not be exchanged; it is tried again"
                );
            }
            self.write_down().await;
            let rest = if trusted.is_ok() { LOOK } else { SOON };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep_real(rest) => {}
            }
        }
    }

    /// Reads the stored configuration back, and puts our certificates into it where they are not.
    async fn trusted(&self) -> Result<(), String> {
        let stored = webhook_ca::read(&self.reader, &self.lock, DEADLINE).await?;
        // Its conditions name the executor alone.
        let names =
            Names { executor: self.executor.clone(), home: String::new(), service: String::new(), port: 0 };
        match step(&stored, &conditions(&names), &self.kept.bundle())? {
            Step::Leave => Ok(()),
            Step::Trust(patch) => webhook_ca::patch(&self.reader, &self.lock, &patch, DEADLINE).await,
            Step::Disarm(patch) => {
                webhook_ca::patch(&self.reader, &self.lock, &patch, DEADLINE).await?;
                Err("this API server keeps no match conditions (it is older than 1.30), so the webhook would have met \
                     everybody's writes: it was taken out of the configuration"
                    .to_owned())
            }
        }
    }

    /// Makes the next certificate, or serves it.
    fn turn(&mut self, trusted: bool) -> anyhow::Result<()> {
        let now = self.clock.now();
        let kept = match (self.kept.due(&self.names, now, trusted), self.kept.next.clone()) {
            (Due::Make, _) => {
                Kept { current: self.kept.current.clone(), next: Some(Pair::make(&self.names, now)?) }
            }
            (Due::Serve, Some(next)) => {
                self.served.serve(&self.path, &next.cert, &next.key)?;
                tracing::info!("the countersign serves its next certificate");
                Kept { current: next, next: None }
            }
            (Due::Nothing, _) | (Due::Serve, None) => return Ok(()),
        };
        certificate::write(&self.path, &kept)?;
        self.kept = kept;
        Ok(())
    }

    /// One row a minute and reason: whoever reaches the port may ask, and no question may write.
    async fn write_down(&self) {
        for (reason, count) in self.refused.take() {
            let event = SystemEvent::CountersignRefused { reason: reason.to_owned(), count };
            let append = SystemAppend::by(&self.me, self.clock.now(), event);
            if let Err(error) = self.store.append_system(append).await {
                tracing::warn!(%error, reason, count, "what was not countersigned could not be written down");
            }
        }
    }
}
