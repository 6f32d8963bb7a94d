//! The history and what is kept beside it. SQL stands here and nowhere else.
//!
//! Everything that this module says outside speaks in words of the model, so a second database is a second
//! implementation of [`HistoryStore`] and of the few methods in [`outbox`], [`leader`], [`list`], [`inbox`], [`doors`],
//! [`bridges`] and [`alerts`]. What such
//! a store must keep:
//! - one [`Append`] is one transaction: events, snapshot, wake-up, outbox rows;
//! - the expected revision is the only compare-and-swap, checked together with the fence under the writer's lock;
//! - `Committed` is said after the commit is on the disk, `Unknown` when nobody can tell, an error when nothing was
//!   written;
//! - a caller that went away never takes a commit back;
//! - decisions fold the events; snapshots serve queries and pages only.
//!
//! SQLite: one writer task holds the one connection that writes (`BEGIN IMMEDIATE`, so several processes may share
//! the file), a few connections that cannot write read beside it.

pub mod alerts;
mod append;
pub mod audit;
pub mod bridges;
pub mod checkpoint;
pub mod doors;
mod endings;
mod error;
pub mod inbox;
pub mod leader;
pub mod list;
mod load;
pub mod outbox;
mod row;
mod schema;
mod sqlite;
mod writer;

pub use append::SystemAppend;
pub use error::OpenError;
pub use load::{Cursor, Filter, Which};
pub use nightshift_engine::{Store, StoreError};
pub use outbox::OutboxRow;
pub use row::RawRow;
pub use sqlite::OpenMode;

use nightshift_model::evidence::HealthyRevision;
use nightshift_model::history::Row;
use nightshift_model::{
    Append, Appended, Incident, IncidentId, ObjectRef, PersonId, ProposalId, Stream, Timestamp,
};
use sqlx::sqlite::SqlitePool;
use std::collections::HashMap;
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// Folds kept between two loads of one incident.
const FOLDS: usize = 16;

/// The history, as the daemon needs it beyond [`Store`].
pub trait HistoryStore: Store + Clone + Send + 'static {
    /// Appends to the system stream behind whatever is last there.
    fn append_system(
        &self,
        append: SystemAppend,
    ) -> impl Future<Output = Result<Appended, StoreError>> + Send;
    /// All events of one stream, in order.
    fn stream_events(&self, stream: &Stream) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;
    /// Events of all streams with `from <= at < to`, in the history's order; no kinds means every kind.
    fn events(
        &self,
        from: Timestamp,
        to: Timestamp,
        kinds: &[&str],
    ) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;
    /// Events of the system stream of some kinds, in order; no kinds means every kind.
    fn system_events(&self, kinds: &[&str]) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;
    /// Revisions of a workload that were seen healthy, newest first.
    fn healthy_revisions(
        &self,
        workload: &ObjectRef,
    ) -> impl Future<Output = Result<Vec<HealthyRevision>, StoreError>> + Send;
    /// What is made of each snapshot, newest first, with one in memory at a time: a snapshot carries all its evidence.
    fn each<T: Send>(
        &self,
        filter: &Filter,
        make: impl FnMut(Incident) -> Option<T> + Send,
    ) -> impl Future<Output = Result<Vec<T>, StoreError>> + Send;
    /// Snapshots, newest first: for pages and commands, never for decisions.
    fn snapshots(&self, filter: &Filter) -> impl Future<Output = Result<Vec<Incident>, StoreError>> + Send {
        self.each(filter, Some)
    }
    /// How many incidents are open, by the word of their phase.
    fn open_by_phase(&self) -> impl Future<Output = Result<Vec<(String, u64)>, StoreError>> + Send;
    /// One snapshot.
    fn snapshot(&self, id: &IncidentId) -> impl Future<Output = Result<Incident, StoreError>> + Send;
    /// The incident that a proposal was made for.
    fn incident_of(
        &self,
        proposal: &ProposalId,
    ) -> impl Future<Output = Result<Option<IncidentId>, StoreError>> + Send;
    /// Whether a person's view of a proposal's page was recorded at `since` or later.
    fn viewed_since(
        &self,
        person: &PersonId,
        proposal: &ProposalId,
        since: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
    /// The rows of votes at `seq` and behind it, in order.
    fn votes_since(&self, seq: u64) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;
    /// Incidents whose timer has run out, oldest timer first.
    fn due(&self, now: Timestamp) -> impl Future<Output = Result<Vec<IncidentId>, StoreError>> + Send;
    /// When the next timer runs out.
    fn next_due(&self) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send;
    /// Number of rows in the history: it moves with every append, also of another process.
    fn rows(&self) -> impl Future<Output = Result<u64, StoreError>> + Send;
}

/// The store in one SQLite file. Clones share it.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    readers: SqlitePool,
    /// `None` when opened for reading.
    writer: Option<writer::Writer>,
    /// Folds of incidents as of their revision. Events are only added, so a fold never gets wrong, only old.
    folds: Mutex<HashMap<IncidentId, Incident>>,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the file. Must be called within a tokio runtime: the writer is a task.
    ///
    /// # Errors
    /// [`OpenError`] says what a person can do.
    pub async fn open(path: impl AsRef<Path>, mode: OpenMode) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let (readers, writer) = match mode {
            OpenMode::ReadWrite => {
                let connection = sqlite::prepare(path).await?;
                let readers = sqlite::readers(path).await?;
                (readers, Some(writer::Writer::start(path.to_owned(), connection)))
            }
            OpenMode::ReadOnly => (sqlite::prepare_to_read(path).await?, None),
        };
        Ok(Self { inner: Arc::new(Inner { readers, writer, folds: Mutex::default() }) })
    }

    /// Moves after every commit of this process; another process is noticed by [`HistoryStore::rows`].
    /// `None` when opened for reading.
    pub fn commits(&self) -> Option<watch::Receiver<u64>> {
        self.inner.writer.as_ref().map(writer::Writer::commits)
    }

    /// Events of one stream behind a revision, in order.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn stream_after(&self, stream: &Stream, after: u64) -> Result<Vec<Row>, StoreError> {
        load::stream(self.readers(), stream.as_str(), after).await
    }

    /// Why the last write failed; `None` once one succeeded, and when opened for reading.
    pub fn trouble(&self) -> Option<String> {
        self.inner.writer.as_ref().and_then(writer::Writer::trouble)
    }

    /// Writes something that changes nothing, to see whether it can be written again.
    ///
    /// # Errors
    /// Those of the store: it cannot.
    pub async fn probe(&self) -> Result<(), StoreError> {
        let sql = "UPDATE meta SET value = value WHERE key = 'log_id'";
        self.writer()?.statement(sql, Vec::new()).await.map(drop)
    }

    /// Finishes what is queued and closes the file. Later writes are refused.
    pub async fn close(&self) {
        self.inner.readers.close().await;
        if let Some(writer) = &self.inner.writer {
            writer.stop().await; // last: only it can bring what it wrote from the log into the file
        }
    }

    fn readers(&self) -> &SqlitePool {
        &self.inner.readers
    }

    fn writer(&self) -> Result<&writer::Writer, StoreError> {
        self.inner.writer.as_ref().ok_or_else(|| error::QueueError::Stopped.into())
    }

    fn known_fold(&self, id: &IncidentId) -> Option<Incident> {
        self.inner.folds.lock().ok()?.get(id).cloned()
    }

    fn keep_fold(&self, fold: &Incident) {
        let Ok(mut folds) = self.inner.folds.lock() else { return };
        if folds.len() >= FOLDS && !folds.contains_key(&fold.id) {
            folds.clear();
        }
        folds.insert(fold.id.clone(), fold.clone());
    }
}

impl Store for SqliteStore {
    async fn load(&self, id: &IncidentId) -> Result<Incident, StoreError> {
        let fold = load::fold(self.readers(), id, self.known_fold(id)).await?;
        self.keep_fold(&fold);
        Ok(fold)
    }

    async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        self.writer()?.append(append::Prepared::new(append)?).await
    }
}

impl HistoryStore for SqliteStore {
    async fn append_system(&self, append: SystemAppend) -> Result<Appended, StoreError> {
        self.writer()?.append(append::Prepared::system(append)?).await
    }
    async fn stream_events(&self, stream: &Stream) -> Result<Vec<Row>, StoreError> {
        load::stream(self.readers(), stream.as_str(), 0).await
    }
    async fn events(&self, from: Timestamp, to: Timestamp, kinds: &[&str]) -> Result<Vec<Row>, StoreError> {
        load::between(self.readers(), from, to, kinds).await
    }
    async fn system_events(&self, kinds: &[&str]) -> Result<Vec<Row>, StoreError> {
        load::system(self.readers(), kinds).await
    }
    async fn healthy_revisions(&self, workload: &ObjectRef) -> Result<Vec<HealthyRevision>, StoreError> {
        load::healthy(self.readers(), workload).await
    }
    async fn each<T: Send>(
        &self,
        filter: &Filter,
        make: impl FnMut(Incident) -> Option<T> + Send,
    ) -> Result<Vec<T>, StoreError> {
        load::each(self.readers(), filter, make).await
    }
    async fn open_by_phase(&self) -> Result<Vec<(String, u64)>, StoreError> {
        load::open_by_phase(self.readers()).await
    }
    async fn snapshot(&self, id: &IncidentId) -> Result<Incident, StoreError> {
        load::snapshot(self.readers(), id).await
    }
    async fn incident_of(&self, proposal: &ProposalId) -> Result<Option<IncidentId>, StoreError> {
        load::incident_of(self.readers(), proposal).await
    }
    async fn viewed_since(
        &self,
        person: &PersonId,
        proposal: &ProposalId,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        load::viewed_since(self.readers(), person, proposal, since).await
    }
    async fn votes_since(&self, seq: u64) -> Result<Vec<Row>, StoreError> {
        load::votes_since(self.readers(), seq).await
    }
    async fn due(&self, now: Timestamp) -> Result<Vec<IncidentId>, StoreError> {
        load::due(self.readers(), now).await
    }
    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        load::next_due(self.readers()).await
    }
    async fn rows(&self) -> Result<u64, StoreError> {
        load::rows(self.readers()).await
    }
}

#[cfg(test)]
pub(crate) mod testing;
