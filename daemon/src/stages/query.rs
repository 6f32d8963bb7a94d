//! What pages, the API and the command line show: folds and rows of the history, decided about by nobody.

mod cursor;
mod detail;
mod explain;
mod inbox;
mod listing;
mod reader;
mod silences;
mod story;
mod trail;

pub use explain::{explain, playbooks};
pub use inbox::{InboxPage, Need};
pub use listing::{MOST, QueryError};
pub use reader::Reader;
pub use silences::{Over, Silences};
pub use story::{End, Story};

use crate::clock::Clock;
use crate::store::{Filter, HistoryStore as _, SqliteStore};
use nightshift_engine::drive::StoreError;
use nightshift_model::history::Row;
use nightshift_model::{Incident, IncidentId, ProposalId, Stream, Timestamp};
use tokio::sync::watch;

/// Reads for people.
#[derive(Clone)]
pub struct Reads {
    store: SqliteStore,
    clock: Clock,
}

/// An incident and everything that happened to it.
#[derive(Clone, Debug)]
pub struct Course {
    /// Where it stands.
    pub incident: Incident,
    /// What happened, oldest first.
    pub rows: Vec<Row>,
}

/// What an id or the beginning of one leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// Exactly one.
    One(T),
    /// Nothing.
    None,
    /// These begin so.
    Several(Vec<T>),
}

impl Reads {
    /// Reads from a store.
    pub fn new(store: SqliteStore, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Now, for ages and deadlines on pages.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// One incident with its course; `None` when there is none of that id.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn incident(&self, id: &IncidentId) -> Result<Option<Course>, StoreError> {
        let rows = self.rows(id).await?;
        Ok(story::fold(id, &rows).map(|incident| Course { incident, rows }))
    }

    /// One proposal, from its sealing to its end; `None` when there is none of that id.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn proposal(&self, id: &ProposalId) -> Result<Option<Story>, StoreError> {
        match self.store.incident_of(id).await? {
            Some(incident) => Ok(Story::of(&incident, &self.rows(&incident).await?, id)),
            None => Ok(None),
        }
    }

    /// The proposal whose id begins so, among the newest incidents.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn proposal_by_prefix(&self, prefix: &str) -> Result<Found<ProposalId>, StoreError> {
        let exact = ProposalId::from(prefix);
        if self.store.incident_of(&exact).await?.is_some() {
            return Ok(Found::One(exact));
        }
        let made = |incident: Incident| {
            let ids = incident.proposals.into_iter().map(|p| p.id);
            Some(ids.filter(|id| id.as_str().starts_with(prefix)).collect::<Vec<_>>())
        };
        Ok(Found::of(self.store.each(&Filter::newest(u32::MAX), made).await?.concat()))
    }

    /// The incident whose id begins so.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn incident_by_prefix(&self, prefix: &str) -> Result<Found<IncidentId>, StoreError> {
        let filter = Filter { prefix: prefix.to_owned(), ..Filter::newest(u32::MAX) };
        let ids: Vec<IncidentId> = self.store.each(&filter, |i| Some(i.id)).await?;
        let exact = ids.iter().find(|id| id.as_str() == prefix).cloned();
        Ok(exact.map_or_else(|| Found::of(ids), Found::One))
    }

    /// What happened to an incident behind a revision, in order; nothing when there is none of that id.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn rows_after(&self, id: &IncidentId, after: u64) -> Result<Vec<Row>, StoreError> {
        self.store.stream_after(&Stream::Incident(id.clone()), after).await
    }

    /// Moves after every commit of this process; `None` when the history is only read here.
    pub fn commits(&self) -> Option<watch::Receiver<u64>> {
        self.store.commits()
    }

    async fn rows(&self, id: &IncidentId) -> Result<Vec<Row>, StoreError> {
        self.store.stream_events(&Stream::Incident(id.clone())).await
    }
}

impl<T> Found<T> {
    fn of(mut ids: Vec<T>) -> Self {
        match (ids.len(), ids.pop()) {
            (1, Some(id)) => Self::One(id),
            (_, None) => Self::None,
            (_, Some(last)) => {
                ids.push(last);
                Self::Several(ids)
            }
        }
    }
}
