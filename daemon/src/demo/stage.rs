//! The demo's world: a cluster, simulated or the reader's own, and a real nightshift in front of it.

use super::cluster::Real;
use super::door::Door;
use super::objects::{self, Release};
use super::show::Show;
use crate::clock::Clock;
use crate::cluster::Access;
use crate::cluster::stream::Timing;
use crate::config::{self, Keys};
use crate::notify::{Channel, Print, Way};
use crate::prometheus::Settings;
use crate::runtime::checkpoint::Signing;
use crate::runtime::doors::{self, Doors};
use crate::runtime::{self, Parts, Running, Setup, tell};
use crate::stages::digest::{Daily, DigestStage};
use crate::store::{Filter, HistoryStore as _, OpenMode, SqliteStore};
use crate::telemetry::Metrics;
use anyhow::Context as _;
use nightshift_detectors::Params;
use nightshift_engine::excess::Credential;
use nightshift_engine::rules::Mode;
use nightshift_model::measure::Stage as Taken;
use nightshift_model::{
    Escalation, HistoryEvent, Incident, IncidentEvent, IncidentId, Kind, Measurement, ObjectRef, Stream,
    SystemEvent, Timestamp, Withdrawal,
};
use nightshift_playbooks::Catalog;
use nightshift_sim::Sim;
use prometheus_client::registry::Registry;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The demo's on-call person.
pub const PERSON: &str = "alice";
/// How long a step of the demo may take in real time before it is called stuck.
const STUCK: Duration = Duration::from_mins(6);
/// How long the reader is waited for.
const PATIENCE: Duration = Duration::from_hours(1);
/// How often the demo looks whether a step is done.
const LOOK: Duration = Duration::from_millis(50);

/// Who may decide in the demo, and its numbers.
const REGISTRY: &str = r#"{
    "persons": [{"name": "alice", "roles": ["on-call"]}],
    "roles": {"on-call": {"owners": ["*"], "may": ["view", "approve", "admin"]}},
    "policy": {"healthy_after": "15s", "soak": {"low": "5m", "medium": "5m", "high": "30m"},
               "soak_crash_loop": "5m", "measure_every": "30s", "open_for": {"low": "4h", "medium": "4h", "high": "1h"}}
}"#;

/// The same on a real cluster, where a minute is a minute.
const REGISTRY_REAL: &str = r#"{
    "persons": [{"name": "alice", "roles": ["on-call"]}],
    "roles": {"on-call": {"owners": ["*"], "may": ["view", "approve", "admin"]}},
    "policy": {"healthy_after": "15s", "soak": {"low": "1m", "medium": "1m", "high": "30m"},
               "soak_crash_loop": "1m", "measure_every": "5s"}
}"#;

/// Everything that runs.
pub struct Stage {
    /// The clock, in whose pace the night passes.
    pub clock: Clock,
    /// The cluster.
    pub ground: Ground,
    /// nightshift.
    pub running: Running,
    /// The gate.
    pub doors: Doors,
    /// The history.
    pub store: SqliteStore,
    /// Where it is kept; removed at the end.
    pub folder: tempfile::TempDir,
    /// Messages that went out.
    pub sent: Arc<Mutex<Vec<String>>>,
    /// When the night began.
    pub began: Timestamp,
    /// Tells the morning.
    pub digests: Arc<DigestStage>,
}

/// The cluster that the demo plays on.
pub enum Ground {
    /// Simulated, behind its door.
    Simulated(Door),
    /// The reader's own, in one namespace.
    Real(Arc<Real>),
}

/// What the history says about one write.
#[derive(Default)]
pub struct Story {
    /// When the write took effect.
    pub applied: Option<Timestamp>,
    /// The look before it.
    pub before: Option<Measurement>,
    /// The last look after it.
    pub after: Option<Measurement>,
    /// How many looks there were after it.
    pub looks: usize,
}

impl Ground {
    /// Where everything happens.
    pub fn namespace(&self) -> &str {
        match self {
            Self::Simulated(_) => objects::NAMESPACE,
            Self::Real(real) => &real.namespace,
        }
    }
}

impl Stage {
    /// Builds a simulated world at two in the morning.
    pub async fn simulated(speed: u32) -> anyhow::Result<Self> {
        let start: Timestamp = "2026-03-01T02:00:00Z".parse().map_err(anyhow::Error::msg)?;
        let clock = Clock::scaled(start, speed);
        let mut sim = Sim::new(20_260_301, start.get());
        objects::programs(&mut sim);
        let door = Door::open(sim, clock).await.context("cannot open the simulated cluster's door")?;
        let access = |user: &str| Access::Url { url: door.url(), token: Some(user.to_owned()) };
        let roles = (access("nightshift-responder"), access("nightshift-executor"));
        let prometheus = Some(Settings { url: door.url(), ..Settings::default() });
        Self::build(clock, Ground::Simulated(door), roles, prometheus, REGISTRY).await
    }

    /// Builds the demo on the reader's own cluster, in real time, without Prometheus.
    pub async fn real(real: Arc<Real>) -> anyhow::Result<Self> {
        real.ready().await?;
        let roles = (real.access.clone(), real.access.clone());
        Self::build(Clock::wall(), Ground::Real(real), roles, None, REGISTRY_REAL).await
    }

    async fn build(
        clock: Clock,
        ground: Ground,
        (responder, executor): (Access, Access),
        prometheus: Option<Settings>,
        registry: &str,
    ) -> anyhow::Result<Self> {
        let start = clock.now();
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let store = SqliteStore::open(folder.path().join("nightshift.db"), OpenMode::ReadWrite).await?;
        // A simulated cluster has no rights that could be asked for.
        let (watched, credential) = match &ground {
            Ground::Simulated(_) => (Vec::new(), None),
            Ground::Real(real) => (vec![real.namespace.clone()], Some(Credential::Persons)),
        };
        let setup = Setup {
            clock,
            store: store.clone(),
            responder,
            parts: Parts::ALL,
            executor,
            credential,
            cluster_name: "demo".to_owned(),
            namespaces: watched,
            mode: Mode::Approve { namespaces: vec![ground.namespace().to_owned()] },
            registry: serde_json::from_str(registry).context("the demo's registry")?,
            playbooks: Catalog::embedded(),
            prometheus,
            kill_switch: false,
            alertmanager: None,
            ignore: nightshift_model::Ignore::default(),
            noise: nightshift_model::Noise::default(),
            home: String::new(),
            timing: Timing::default(),
            params: Params::default(),
            seed: 20_260_301,
            signing: Some(Signing { folder: folder.path().join("executor-keys"), say: Arc::new(|_| {}) }),
            lock: None,
            metrics: Metrics::default(),
        };
        let running = runtime::start(setup).await?;
        let gate =
            config::Gate { listen: (std::net::Ipv4Addr::LOCALHOST, 0).into(), ..config::Gate::default() };
        let zone = jiff::tz::TimeZone::UTC;
        let digests =
            tell::digests(&running, Daily { at: jiff::civil::time(8, 0, 0, 0), zone: zone.clone() });
        let sheets = tell::sheets(&digests);
        let doors = doors::open(
            &running,
            &gate,
            Keys::random()?,
            zone,
            sheets,
            tell::told(&digests),
            &mut Registry::default(),
        )
        .await?;
        let sent: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&sent);
        let print: Print = Arc::new(move |message| {
            heard.lock().unwrap_or_else(PoisonError::into_inner).push(message.text());
        });
        let channel = Channel { name: "pager".to_owned(), way: Way::Print(print) };
        tell::start(&running, &doors, Arc::clone(&digests), vec![channel]);
        Ok(Self { clock, ground, running, doors, store, folder, sent, began: start, digests })
    }

    /// Releases a version of a workload, as a developer would.
    pub async fn release(&self, release: &Release<'_>) -> anyhow::Result<ObjectRef> {
        let made = match &self.ground {
            Ground::Simulated(door) => {
                let (object, now) = (objects::deployment(release), self.clock.now().get());
                door.with(|sim| sim.apply(object, now)).map_err(|status| anyhow::anyhow!("{status}"))?
            }
            Ground::Real(real) => real.apply(&real.deployment(release)).await?,
        };
        let text = |pointer: &str| made.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let object = ObjectRef::new(
            Kind::Deployment,
            text("/metadata/namespace"),
            text("/metadata/name"),
            text("/metadata/uid"),
        );
        if let Ground::Simulated(door) = &self.ground {
            door.with(|sim| objects::metrics(sim, &object));
        }
        Ok(object)
    }

    /// How often nightshift wrote the pod template of a workload.
    pub async fn writes(&self, name: &str) -> anyhow::Result<usize> {
        match &self.ground {
            Ground::Simulated(door) => Ok(door.with(|sim| {
                let ours = |w: &&nightshift_sim::Accepted| {
                    w.changed && w.user == "nightshift-executor" && w.path.ends_with(&format!("/{name}"))
                };
                sim.accepted().iter().filter(ours).count()
            })),
            Ground::Real(real) => real.written_by_nightshift(name).await,
        }
    }

    /// Says how long something takes where time passes as it does: nobody shall sit before a still terminal.
    pub fn takes(&self, show: &Show, what: &str) {
        match self.ground {
            Ground::Simulated(_) => {}
            Ground::Real(_) => show.below(&format!("({what})")),
        }
    }

    /// Waits until the newest incident of a scope is as wanted.
    pub async fn incident(
        &self,
        what: &str,
        scope: &ObjectRef,
        wanted: impl Fn(&Incident) -> bool,
    ) -> anyhow::Result<Incident> {
        self.within(STUCK, what, async || self.newest(scope, &wanted).await).await
    }

    /// The same, at a person's pace.
    pub async fn patiently(
        &self,
        what: &str,
        scope: &ObjectRef,
        wanted: impl Fn(&Incident) -> bool,
    ) -> anyhow::Result<Incident> {
        self.within(PATIENCE, what, async || self.newest(scope, &wanted).await).await
    }

    async fn newest(
        &self,
        scope: &ObjectRef,
        wanted: &impl Fn(&Incident) -> bool,
    ) -> anyhow::Result<Option<Incident>> {
        let all = self.store.snapshots(&Filter::newest(50)).await?;
        Ok(all.into_iter().find(|i| i.scope.same_name(scope)).filter(|i| wanted(i)))
    }

    /// What the history says about an incident's write.
    pub async fn story(&self, id: &IncidentId) -> anyhow::Result<Story> {
        let mut story = Story::default();
        for row in self.store.stream_events(&Stream::Incident(id.clone())).await? {
            match row.event {
                HistoryEvent::Incident(IncidentEvent::Sent { .. } | IncidentEvent::Recovered { .. }) => {
                    story.applied = Some(row.at);
                }
                HistoryEvent::Incident(IncidentEvent::Measured { measurement }) => {
                    if measurement.stage == Taken::Before {
                        story.before = Some(measurement);
                    } else {
                        (story.after, story.looks) = (Some(measurement), story.looks + 1);
                    }
                }
                HistoryEvent::Incident(_) | HistoryEvent::System(_) => {}
            }
        }
        Ok(story)
    }

    /// Why an incident needed a person.
    pub async fn reasons(&self, id: &IncidentId) -> anyhow::Result<String> {
        let rows = self.store.stream_events(&Stream::Incident(id.clone())).await?;
        let why = rows.iter().rev().find_map(|row| match &row.event {
            HistoryEvent::Incident(IncidentEvent::Escalated { why: Escalation::RecheckFailed { why } }) => {
                Some(format!("nothing was written: {why}"))
            }
            HistoryEvent::Incident(IncidentEvent::Withdrawn { why: Withdrawal::TargetChanged { what } }) => {
                Some(format!("nothing was written: {what}"))
            }
            HistoryEvent::Incident(_) | HistoryEvent::System(_) => None,
        });
        Ok(why.unwrap_or_default())
    }

    /// Waits until the digest was handed to the pager.
    pub async fn digest_sent(&self) -> anyhow::Result<()> {
        self.within(STUCK, "the digest", async || {
            Ok(self
                .store
                .system_events(&["digest-sent", "delivered"])
                .await?
                .iter()
                .any(|row| match &row.event {
                    HistoryEvent::System(SystemEvent::DigestSent { .. }) => true,
                    HistoryEvent::System(SystemEvent::Delivered { message, .. }) => {
                        message.starts_with("digest")
                    }
                    HistoryEvent::System(_) | HistoryEvent::Incident(_) => false,
                })
                .then_some(()))
        })
        .await
    }

    /// How many messages went out that name something.
    pub fn sent_about(&self, name: &str) -> usize {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.iter().filter(|text| text.contains(name)).count()
    }

    /// Waits until something is there.
    async fn within<T>(
        &self,
        patience: Duration,
        what: &str,
        look: impl AsyncFn() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let began = self.clock.monotonic();
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            anyhow::ensure!(
                self.clock.monotonic().saturating_sub(began) < patience,
                "the demo is stuck: {what} did not happen"
            );
            self.clock.sleep_real(LOOK).await;
        }
    }

    /// Waits until a revision of a Deployment was recorded healthy.
    pub async fn healthy(&self, workload: &ObjectRef, revisions: usize) -> anyhow::Result<()> {
        let seen = self.within(STUCK, "a healthy revision", async || {
            let seen = self.store.healthy_revisions(workload).await?;
            Ok((seen.len() >= revisions).then_some(()))
        });
        match &self.ground {
            Ground::Simulated(_) => seen.await,
            Ground::Real(real) => tokio::select! {
                seen = seen => seen,
                why = real.does_not_start(&workload.name) => {
                    anyhow::bail!("the pods of {} do not start: {why}", workload.name)
                }
            },
        }
    }

    /// Ends everything; the folder goes when it is dropped.
    pub async fn end(self) -> tempfile::TempDir {
        self.doors.shutdown().await;
        self.running.shutdown().await;
        match self.ground {
            Ground::Simulated(door) => door.shutdown().await,
            Ground::Real(_) => {} // whoever made the namespace removes it
        }
        self.folder
    }
}
