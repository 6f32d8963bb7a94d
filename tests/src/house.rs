//! A whole nightshift in this process, over the simulated cluster, with a scaled clock.
//!
//! The cluster lives in the test's own tokio runtime, nightshift in one of its own: [`House::kill`] drops that one with
//! everything in it, as SIGKILL would, and the cluster goes on. [`House::finish`] ends the test: it holds what the
//! cluster accepted against the history (see [`crate::checker`]).

mod look;
pub mod monitoring;
pub mod program;

pub use look::{settled, web};

use crate::checker::{self, Told};
use anyhow::{Context as _, ensure};
use nightshift::clock::Clock;
use nightshift::cluster::Access;
use nightshift::cluster::stream::Timing;
use nightshift::config::{self, Keys};
use nightshift::demo::door::Door;
use nightshift::demo::objects;
use nightshift::prometheus::Settings;
use nightshift::runtime::checkpoint::Signing;
use nightshift::runtime::doors::{self, Doors};
use nightshift::runtime::{self, Parts, Running, Setup, tell};
use nightshift::stages::digest::Daily;
use nightshift::store::{OpenMode, SqliteStore};
use nightshift::telemetry::Metrics;
use nightshift_detectors::Params;
use nightshift_engine::excess::Credential;
use nightshift_engine::rules::Mode;
use nightshift_model::{Registry, Timestamp};
use nightshift_playbooks::Catalog;
use nightshift_sim::{Program, Sim};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Times as fast as the wall.
pub const SPEED: u32 = 60;
/// Who writes.
pub const EXECUTOR: &str = "nightshift-executor";
/// Who reads.
pub const RESPONDER: &str = "nightshift-responder";

/// alice and bob decide for shop, carol only looks, root and ruth are admins, bot is a machine.
fn registry() -> Value {
    json!({
        "persons": [
            {"name": "alice", "roles": ["shop"]}, {"name": "bob", "roles": ["shop"]},
            {"name": "carol", "roles": ["looker"]}, {"name": "root", "roles": ["all"]},
            {"name": "ruth", "roles": ["all"]}, {"name": "bot", "kind": "service", "roles": ["shop"]},
        ],
        "roles": {
            "shop": {"owners": ["shop"]},
            "looker": {"owners": ["shop"], "may": ["view"]},
            "all": {"owners": ["*"], "may": ["view", "approve", "admin"]},
        },
        "owners": [{"name": "shop", "namespaces": ["shop"]}],
        "policy": {
            "healthy_after": "15s", "measure_every": "10s", "settle": "3m",
            "soak": {"low": "1m", "medium": "1m", "high": "1m"}, "soak_crash_loop": "1m",
            "symptom_within": "2h", "grant_valid": "2h",
            "open_for": {"low": "8h", "medium": "8h", "high": "8h"},
        },
    })
}

/// What a house is built with.
pub struct Plan {
    /// Persons, roles, policy, as a configuration would say it.
    pub registry: Value,
    /// Times as fast as the wall.
    pub speed: u32,
    /// When the night begins; a fixed one if absent.
    pub start: Option<Timestamp>,
    /// Whether Prometheus is configured.
    pub prometheus: bool,
    /// Patience of the watches.
    pub timing: Timing,
    /// Which Alertmanager is asked.
    pub alertmanager: Option<runtime::alertmanager::Asking>,
    /// What opens no incident.
    pub ignore: nightshift_model::Ignore,
    /// Whose credential the executor has; `None`: its rights are not asked for.
    pub credential: Option<Credential>,
    /// Where it may act.
    pub acts_in: Vec<String>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            registry: registry(),
            speed: SPEED,
            start: None,
            prometheus: true,
            timing: Timing::default(),
            alertmanager: None,
            ignore: nightshift_model::Ignore::default(),
            credential: None,
            acts_in: vec![objects::NAMESPACE.to_owned()],
        }
    }
}

impl Plan {
    /// The same with one number of the policy set.
    #[must_use]
    pub fn policy(mut self, name: &str, value: impl Into<Value>) -> Self {
        if let Some(policy) = self.registry.get_mut("policy").and_then(Value::as_object_mut) {
            policy.insert(name.to_owned(), value.into());
        }
        self
    }
}

/// The runtime of one nightshift, dropped without waiting: a runtime must not be waited for within another.
struct Tasks(Option<tokio::runtime::Runtime>);

impl Drop for Tasks {
    fn drop(&mut self) {
        if let Some(tasks) = self.0.take() {
            tasks.shutdown_background();
        }
    }
}

/// One nightshift that runs; its tasks go first.
struct Night {
    tasks: Tasks,
    running: Running,
    doors: Doors,
    health: SocketAddr,
}

async fn open(
    file: PathBuf,
    keys: &Path,
    setup: impl FnOnce(SqliteStore) -> Setup,
) -> anyhow::Result<(Running, Doors, SocketAddr)> {
    let store = SqliteStore::open(file, OpenMode::ReadWrite).await?;
    let running = runtime::start(setup(store)).await?;
    let listen = (Ipv4Addr::LOCALHOST, 0).into();
    let gate = config::Gate { listen, ..config::Gate::default() };
    let mut metrics = prometheus_client::registry::Registry::default();
    let keys = if keys.exists() { Keys::load(keys)? } else { Keys::random()? };
    let zone = jiff::tz::TimeZone::UTC;
    let daily = Daily { at: jiff::civil::time(8, 0, 0, 0), zone: zone.clone() };
    let digests = tell::digests(&running, daily);
    let (sheets, told) = (tell::sheets(&digests), tell::told(&digests));
    let doors = doors::open(&running, &gate, keys, zone, sheets, told, &mut metrics).await?;
    let health = doors::health(&running, listen, Vec::new(), metrics).await?;
    Ok((running, doors, health))
}

/// The cluster, the folder, and a nightshift while one runs.
pub struct House {
    /// The clock of everything.
    pub clock: Clock,
    /// The cluster.
    pub door: Door,
    /// Where the history is kept.
    pub folder: tempfile::TempDir,
    plan: Plan,
    keys: PathBuf,
    night: Option<Night>,
    history: Option<SqliteStore>,
}

impl House {
    /// A cluster, and a nightshift that watches it.
    pub async fn open() -> anyhow::Result<Self> {
        Self::build(Plan::default()).await
    }

    /// The same with a plan of one's own.
    pub async fn build(plan: Plan) -> anyhow::Result<Self> {
        let mut house = Self::dark(plan).await?;
        house.start().await?;
        Ok(house)
    }

    /// A cluster that nobody watches yet.
    pub async fn dark(plan: Plan) -> anyhow::Result<Self> {
        let start: Timestamp = match plan.start {
            Some(start) => start,
            None => "2026-03-01T02:00:00Z".parse().map_err(anyhow::Error::msg)?,
        };
        let clock = Clock::scaled(start, plan.speed);
        let mut sim = Sim::new(7, start.get());
        sim.program("web:2", Program::exits(2, 1).log("FATAL: cannot start\n"));
        let door = Door::open(sim, clock).await?;
        let folder = tempfile::tempdir()?;
        let keys = folder.path().join("keys");
        Ok(Self { clock, door, folder, plan, keys, night: None, history: None })
    }

    /// Where the history is kept.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("history.db")
    }

    /// From the next start on, this Alertmanager is asked.
    pub fn ask(&mut self, asking: runtime::alertmanager::Asking) {
        self.plan.alertmanager = Some(asking);
    }

    /// Persons, roles and policy from the next start on.
    pub fn register(&mut self, change: impl FnOnce(&mut Value)) {
        change(&mut self.plan.registry);
    }

    /// Starts a nightshift on the history as it is.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        ensure!(self.night.is_none(), "one nightshift a house");
        let tasks = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let (setup, keys, file) = (self.setup()?, self.keys.clone(), self.file());
        let opening = tokio::task::spawn_blocking(move || {
            let opened = tasks.block_on(open(file, &keys, setup));
            opened.map(|(running, doors, health)| Night { tasks: Tasks(Some(tasks)), running, doors, health })
        });
        self.night = Some(opening.await??);
        self.history = Some(SqliteStore::open(self.file(), OpenMode::ReadOnly).await?);
        Ok(())
    }

    fn setup(&self) -> anyhow::Result<impl FnOnce(SqliteStore) -> Setup + Send + 'static> {
        let registry: Registry = serde_json::from_value(self.plan.registry.clone()).context("registry")?;
        let (clock, url, timing) = (self.clock, self.door.url(), self.plan.timing);
        let (ignore, alertmanager) = (self.plan.ignore.clone(), self.plan.alertmanager.clone());
        let (credential, namespaces) = (self.plan.credential, self.plan.acts_in.clone());
        let signing = self.folder.path().join("executor-keys");
        let prometheus = self.plan.prometheus.then(|| Settings { url: url.clone(), ..Settings::default() });
        let access = move |user: &str| Access::Url { url: url.clone(), token: Some(user.to_owned()) };
        Ok(move |store| Setup {
            clock,
            store,
            parts: Parts::ALL,
            responder: access(RESPONDER),
            executor: access(EXECUTOR),
            credential,
            cluster_name: "test".to_owned(),
            namespaces: Vec::new(),
            mode: Mode::Approve { namespaces },
            registry,
            playbooks: Catalog::embedded(),
            prometheus,
            kill_switch: false,
            alertmanager,
            ignore,
            noise: nightshift_model::Noise::default(),
            home: String::new(),
            timing,
            signing: Some(Signing { folder: signing, say: Arc::new(|_| {}) }),
            lock: None,
            metrics: Metrics::default(),
            params: Params::default(),
            seed: u64::try_from(clock.now().micros()).unwrap_or_default(),
        })
    }

    /// Ends nightshift as SIGKILL would: nothing is finished, nothing is written any more.
    pub async fn kill(&mut self) {
        self.night = None;
        // Threads that were within a step end it; a killed process would have none.
        self.clock.sleep_real(Duration::from_millis(50)).await;
    }

    /// Ends nightshift as SIGTERM does.
    pub async fn stop(&mut self) {
        if let Some(Night { tasks, running, doors, .. }) = self.night.take() {
            doors.shutdown().await;
            running.shutdown().await;
            drop(tasks);
        }
    }

    /// Copies the history of a house in which nothing runs.
    pub async fn back_up(&mut self) -> anyhow::Result<tempfile::TempDir> {
        let folder = tempfile::tempdir()?;
        self.copy_history(self.folder.path().to_owned(), folder.path().to_owned()).await?;
        Ok(folder)
    }

    /// Puts a copy in place of the history; nothing runs.
    pub async fn restore(&mut self, backup: &tempfile::TempDir) -> anyhow::Result<()> {
        self.copy_history(backup.path().to_owned(), self.folder.path().to_owned()).await
    }

    async fn copy_history(&mut self, from: PathBuf, to: PathBuf) -> anyhow::Result<()> {
        ensure!(self.night.is_none(), "the history is in use");
        if let Some(history) = self.history.take() {
            history.close().await;
        }
        for name in ["history.db", "history.db-wal", "history.db-shm"] {
            let _ = std::fs::remove_file(to.join(name));
        }
        for name in ["history.db", "history.db-wal"].iter().filter(|name| from.join(name).exists()) {
            std::fs::copy(from.join(name), to.join(name))?;
        }
        Ok(())
    }

    /// Ends the test: what happened is told, after everything that must hold of any history was held against it.
    pub async fn finish(mut self) -> anyhow::Result<Told> {
        self.door.with(Sim::clear_faults);
        self.stop().await;
        let accepted = self.door.with(|sim| sim.accepted().to_vec());
        let told = checker::check(&self.file(), &accepted, self.clock.now()).await?;
        self.door.shutdown().await;
        Ok(told)
    }
}
