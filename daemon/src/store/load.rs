//! Reading: folds for decisions, snapshots for pages, events for everything else.

use super::StoreError;
use super::error::unavailable;
use super::row::{self, SYSTEM, column, number, ts_text};
use futures::TryStreamExt as _;
use nightshift_model::apply::Place;
use nightshift_model::evidence::HealthyRevision;
use nightshift_model::history::Row;
use nightshift_model::{
    HistoryEvent, Incident, IncidentId, ObjectRef, PersonId, ProposalId, SystemEvent, Timestamp,
};
use sqlx::Row as _;
use sqlx::sqlite::{SqlitePool, SqliteRow};

/// Which incidents a page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Open ones, or all.
    pub which: Which,
    /// Only ids that start so; empty for any.
    pub prefix: String,
    /// How many.
    pub limit: u32,
    /// Only those that are older in the list: where the page before ended.
    pub after: Option<Cursor>,
}

/// Open or all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Not closed.
    Open,
    /// Closed ones too.
    All,
}

/// A place in the list of incidents, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When the incident at that place opened.
    pub opened_at: Timestamp,
    /// Its id.
    pub id: IncidentId,
}

impl Filter {
    /// Every open incident.
    pub fn open() -> Self {
        Self { which: Which::Open, ..Self::newest(u32::MAX) }
    }

    /// The newest incidents, open or not.
    pub fn newest(limit: u32) -> Self {
        Self { which: Which::All, prefix: String::new(), limit, after: None }
    }
}

impl Cursor {
    /// The place of an incident: the next page starts behind it.
    pub fn of(incident: &Incident) -> Self {
        Self { opened_at: incident.opened_at, id: incident.id.clone() }
    }
}

/// Folds a stream onto what is known of it.
pub(super) async fn fold(
    readers: &SqlitePool,
    id: &IncidentId,
    known: Option<Incident>,
) -> Result<Incident, StoreError> {
    let from = known.as_ref().map_or(0, |fold| fold.revision.0);
    let mut fold = known;
    for recorded in stream(readers, id.as_str(), from).await? {
        fold = Some(step(fold.as_ref(), id, &recorded)?);
    }
    fold.ok_or_else(|| StoreError::NotFound(id.clone()))
}

/// Folds one recorded event.
pub(super) fn step(
    before: Option<&Incident>,
    id: &IncidentId,
    recorded: &Row,
) -> Result<Incident, StoreError> {
    let HistoryEvent::Incident(event) = &recorded.event else {
        let what = format!("row {}: a system event in the stream of incident {id}", recorded.seq);
        return Err(StoreError::Unreadable(what));
    };
    let place = Place { id: id.clone(), revision: recorded.revision, at: recorded.at };
    Incident::apply(before, &place, event)
        .map_err(|e| StoreError::Unreadable(format!("row {}: {e}", recorded.seq)))
}

/// Events of one stream behind a revision.
pub(super) async fn stream(readers: &SqlitePool, name: &str, after: u64) -> Result<Vec<Row>, StoreError> {
    let rows = sqlx::query(
        "SELECT seq, ts_utc, body FROM audit_event WHERE stream = ? AND revision > ? ORDER BY revision",
    )
    .bind(name)
    .bind(column(after))
    .fetch_all(readers)
    .await;
    recorded(&rows.map_err(unavailable("read a stream"))?)
}

pub(super) async fn between(
    readers: &SqlitePool,
    from: Timestamp,
    to: Timestamp,
    kinds: &[&str],
) -> Result<Vec<Row>, StoreError> {
    let rows = sqlx::query(
        "SELECT seq, ts_utc, body FROM audit_event WHERE ts_utc >= ?1 AND ts_utc < ?2 \
         AND (?3 = '[]' OR kind IN (SELECT value FROM json_each(?3))) ORDER BY seq",
    )
    .bind(ts_text(from))
    .bind(ts_text(to))
    .bind(list(kinds))
    .fetch_all(readers)
    .await;
    recorded(&rows.map_err(unavailable("read a span of the history"))?)
}

/// Votes from a place in the history on.
pub(super) async fn votes_since(readers: &SqlitePool, seq: u64) -> Result<Vec<Row>, StoreError> {
    let rows = sqlx::query(
        "SELECT seq, ts_utc, body FROM audit_event WHERE kind = 'voted' AND seq >= ? ORDER BY seq",
    )
    .bind(column(seq))
    .fetch_all(readers)
    .await;
    recorded(&rows.map_err(unavailable("read the votes"))?)
}

pub(super) async fn system(readers: &SqlitePool, kinds: &[&str]) -> Result<Vec<Row>, StoreError> {
    if kinds.is_empty() {
        return stream(readers, SYSTEM, 0).await;
    }
    let rows = sqlx::query(
        "SELECT seq, ts_utc, body FROM audit_event WHERE kind IN (SELECT value FROM json_each(?)) \
         AND stream = ? ORDER BY seq",
    )
    .bind(list(kinds))
    .bind(SYSTEM)
    .fetch_all(readers)
    .await;
    recorded(&rows.map_err(unavailable("read the system stream"))?)
}

/// The name is looked for in the bytes first, so that only rows about this name are parsed.
pub(super) async fn healthy(
    readers: &SqlitePool,
    workload: &ObjectRef,
) -> Result<Vec<HealthyRevision>, StoreError> {
    let name = nightshift_model::canonical(&workload.name);
    let rows = sqlx::query(
        "SELECT seq, ts_utc, body FROM audit_event WHERE kind = 'healthy-seen' AND stream = ? \
         AND instr(body, ?) > 0 ORDER BY seq DESC",
    )
    .bind(SYSTEM)
    .bind(name)
    .fetch_all(readers)
    .await;
    let rows = recorded(&rows.map_err(unavailable("read the healthy revisions"))?)?;
    let seen = rows.into_iter().filter_map(|recorded| match recorded.event {
        HistoryEvent::System(SystemEvent::HealthySeen { revision }) => Some(revision),
        HistoryEvent::System(_) | HistoryEvent::Incident(_) => None,
    });
    Ok(seen.filter(|revision| same_object(&revision.workload, workload)).collect())
}

/// A workload that was deleted and made again under its old name is another one.
fn same_object(a: &ObjectRef, b: &ObjectRef) -> bool {
    a.same_name(b) && (a.uid == b.uid || a.uid.is_empty() || b.uid.is_empty())
}

pub(super) async fn each<T: Send>(
    readers: &SqlitePool,
    filter: &Filter,
    mut make: impl FnMut(Incident) -> Option<T> + Send,
) -> Result<Vec<T>, StoreError> {
    let sql = match filter.which {
        Which::Open => {
            "SELECT snapshot FROM incident WHERE open = 1 AND substr(id, 1, length(?1)) = ?1 \
             AND (?2 IS NULL OR (opened_at, id) < (?2, ?3)) ORDER BY opened_at DESC, id DESC LIMIT ?4"
        }
        Which::All => {
            "SELECT snapshot FROM incident WHERE substr(id, 1, length(?1)) = ?1 \
             AND (?2 IS NULL OR (opened_at, id) < (?2, ?3)) ORDER BY opened_at DESC, id DESC LIMIT ?4"
        }
    };
    let mut rows = sqlx::query(sql)
        .bind(&filter.prefix)
        .bind(filter.after.as_ref().map(|c| c.opened_at.micros()))
        .bind(filter.after.as_ref().map(|c| c.id.as_str()))
        .bind(i64::from(filter.limit))
        .fetch(readers);
    let mut made = Vec::new();
    while let Some(row) = rows.try_next().await.map_err(unavailable("list the incidents"))? {
        made.extend(make(read_snapshot(&row)?));
    }
    Ok(made)
}

pub(super) async fn open_by_phase(readers: &SqlitePool) -> Result<Vec<(String, u64)>, StoreError> {
    let rows = sqlx::query("SELECT phase, count(*) AS many FROM incident WHERE open = 1 GROUP BY phase");
    let rows = rows.fetch_all(readers).await.map_err(unavailable("count the incidents"))?;
    rows.iter()
        .map(|row| Ok((row.try_get("phase")?, row.try_get::<i64, _>("many")?.unsigned_abs())))
        .collect::<Result<_, sqlx::Error>>()
        .map_err(unavailable("count the incidents"))
}

pub(super) async fn snapshot(readers: &SqlitePool, id: &IncidentId) -> Result<Incident, StoreError> {
    sqlx::query("SELECT snapshot FROM incident WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(readers)
        .await
        .map_err(unavailable("read an incident"))?
        .map_or_else(|| Err(StoreError::NotFound(id.clone())), |row| read_snapshot(&row))
}

pub(super) async fn incident_of(
    readers: &SqlitePool,
    proposal: &ProposalId,
) -> Result<Option<IncidentId>, StoreError> {
    sqlx::query(
        "SELECT incident_id FROM audit_event WHERE proposal_id = ? AND incident_id IS NOT NULL ORDER BY seq LIMIT 1",
    )
    .bind(proposal.as_str())
    .fetch_optional(readers)
    .await
    .and_then(|row| row.map(|row| row.try_get("incident_id").map(IncidentId)).transpose())
    .map_err(unavailable("find a proposal"))
}

pub(super) async fn viewed_since(
    readers: &SqlitePool,
    person: &PersonId,
    proposal: &ProposalId,
    since: Timestamp,
) -> Result<bool, StoreError> {
    let rows = sqlx::query(
        "SELECT seq, ts_utc, body FROM audit_event WHERE proposal_id = ? AND kind = 'page-viewed' AND ts_utc >= ?",
    )
    .bind(proposal.as_str())
    .bind(ts_text(since))
    .fetch_all(readers)
    .await;
    let views = recorded(&rows.map_err(unavailable("read the views of a page"))?)?;
    Ok(views.iter().any(|view| {
        matches!(&view.event, HistoryEvent::System(SystemEvent::PageViewed { person: who, .. }) if who == person)
    }))
}

pub(super) async fn due(readers: &SqlitePool, now: Timestamp) -> Result<Vec<IncidentId>, StoreError> {
    sqlx::query("SELECT id FROM incident WHERE wake_at <= ? ORDER BY wake_at, id")
        .bind(now.micros())
        .fetch_all(readers)
        .await
        .and_then(|rows| rows.iter().map(|row| row.try_get("id").map(IncidentId)).collect())
        .map_err(unavailable("read the timers"))
}

pub(super) async fn next_due(readers: &SqlitePool) -> Result<Option<Timestamp>, StoreError> {
    sqlx::query("SELECT min(wake_at) AS next FROM incident WHERE wake_at IS NOT NULL")
        .fetch_one(readers)
        .await
        .and_then(|row| row.try_get::<Option<i64>, _>("next"))
        .map(|next| next.map(Timestamp::from_micros))
        .map_err(unavailable("read the next timer"))
}

pub(super) async fn rows(readers: &SqlitePool) -> Result<u64, StoreError> {
    sqlx::query("SELECT coalesce(max(seq) + 1, 0) AS n FROM audit_event")
        .fetch_one(readers)
        .await
        .and_then(|row| row.try_get("n"))
        .map(number)
        .map_err(unavailable("read the end of the history"))
}

fn recorded(rows: &[SqliteRow]) -> Result<Vec<Row>, StoreError> {
    rows.iter().map(row::recorded).collect()
}

pub(super) fn read_snapshot(row: &SqliteRow) -> Result<Incident, StoreError> {
    let json: String = row.try_get("snapshot").map_err(unavailable("read an incident"))?;
    serde_json::from_str(&json).map_err(|e| StoreError::Unreadable(format!("a snapshot: {e}")))
}

/// A JSON list for `json_each`: the statement's text stays fixed.
fn list(kinds: &[&str]) -> String {
    serde_json::json!(kinds).to_string()
}

#[cfg(test)]
mod tests;
