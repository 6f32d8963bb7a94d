//! What outlives every process: the cluster, the history, the clock, and the transcript of all of it.

use crate::history::Log;
use crate::metrics::Metrics;
use crate::points::Points;
use crate::transcript::Transcript;
use nightshift_engine::{Store, StoreError};
use nightshift_model::{Append, Appended, HistoryEvent, Incident, IncidentId, Role, Timestamp};
use nightshift_sim::Sim;
use std::sync::{Arc, Mutex, MutexGuard};

/// The simulated cluster and what stands around it.
pub(crate) struct Cluster {
    pub(crate) sim: Sim,
    pub(crate) now: Timestamp,
    pub(crate) metrics: Metrics,
    /// Whether a connection can be made at all.
    pub(crate) reachable: bool,
    /// Accepted requests that the transcript has told.
    pub(crate) told: usize,
}

/// More loads than this at one instant are a driver that spins.
const SPIN: u32 = 3_000;

/// Shared by all processes. No lock is held across an await.
pub(crate) struct World {
    cluster: Mutex<Cluster>,
    log: Mutex<Log>,
    transcript: Mutex<Transcript>,
    pub(crate) points: Points,
}

impl World {
    pub(crate) fn new(cluster: Cluster) -> Arc<Self> {
        Arc::new(Self {
            cluster: Mutex::new(cluster),
            log: Mutex::new(Log::new()),
            transcript: Mutex::default(),
            points: Points::default(),
        })
    }

    pub(crate) fn cluster(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().expect("no holder of this lock panics")
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().expect("no holder of this lock panics")
    }

    pub(crate) fn transcript(&self) -> MutexGuard<'_, Transcript> {
        self.transcript.lock().expect("no holder of this lock panics")
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.cluster().now
    }

    /// One line of the story.
    pub(crate) fn tell(&self, line: &str) {
        let now = self.now();
        self.transcript().line(now, line);
    }

    /// One transaction without a place to die around it.
    pub(crate) fn commit(&self, append: Append) -> Result<Appended, StoreError> {
        let mut log = self.log();
        if log.down {
            let source = "injected: the store is down".into();
            return Err(StoreError::Unavailable { operation: "append", source });
        }
        let (rows, messages) = (log.rows.len(), log.outbox.len());
        let at = append.at;
        let appended = log.append(append);
        let mut transcript = self.transcript();
        for row in log.rows.iter().skip(rows) {
            let incident = match &row.stream {
                nightshift_model::Stream::Incident(id) => log.incidents.get(id).map(|p| &p.incident),
                nightshift_model::Stream::System => None,
            };
            transcript.row(row, incident);
        }
        for (_, message) in log.outbox.iter().skip(messages) {
            transcript.message(at, message);
        }
        match appended {
            Appended::Committed | Appended::Conflict => {}
            Appended::Fenced => transcript.line(at, "  (fenced: another epoch leads)"),
            Appended::Unknown => transcript.line(at, "  (the answer to this append is lost)"),
        }
        Ok(appended)
    }

    /// Tells requests that the API server has accepted since this was called last.
    pub(crate) fn tell_writes(&self) {
        let mut cluster = self.cluster();
        let mut transcript = self.transcript();
        for write in cluster.sim.accepted().iter().skip(cluster.told) {
            if write.user.starts_with("nightshift") {
                transcript.write(cluster.now, write);
            }
        }
        cluster.told = cluster.sim.accepted().len();
    }
}

/// The store as one role's process sees it.
pub(crate) struct Keeper {
    pub(crate) world: Arc<World>,
    pub(crate) role: Role,
}

/// The kinds of an append's events, for the names of places.
pub(crate) fn kinds(append: &Append) -> String {
    append.events.iter().map(HistoryEvent::kind).collect::<Vec<_>>().join(" ")
}

impl Store for Keeper {
    async fn load(&self, id: &IncidentId) -> Result<Incident, StoreError> {
        let now = self.world.now();
        let mut log = self.world.log();
        if log.down {
            let source = "injected: the store is down".into();
            return Err(StoreError::Unavailable { operation: "load", source });
        }
        let loads = if log.loads.0 == now { log.loads.1 + 1 } else { 1 };
        log.loads = (now, loads);
        assert!(loads < SPIN, "at {now} the driver spins over {id}");
        let found = log.incidents.get(id).map(|p| p.incident.clone());
        found.ok_or_else(|| StoreError::NotFound(id.clone()))
    }

    async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        let kinds = kinds(&append);
        self.world.points.pass(self.role, &format!("before append {kinds}")).await;
        let appended = self.world.commit(append);
        self.world.points.pass(self.role, &format!("after append {kinds}")).await;
        appended
    }
}
