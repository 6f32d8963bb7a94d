//! What is open, in the order in which a person should look: ranked and cut in the database, so that a storm is one
//! page and nothing hidden is counted.

use super::error::unavailable;
use super::load::read_snapshot;
use super::{SqliteStore, StoreError};
use nightshift_model::{Incident, IncidentId, PersonId};
use sqlx::Row as _;

/// For whom, and how much.
#[derive(Clone, Debug)]
pub struct Inbox<'a> {
    /// Only of these namespaces; `None` is every one.
    pub sees: Option<Vec<String>>,
    /// Where the person may vote; `None` is everywhere.
    pub votes: Option<Vec<String>>,
    /// Whose votes were cast already.
    pub person: &'a PersonId,
    /// Whether a draft is as far as it goes, so that a person is needed.
    pub observe: bool,
    /// Behind this place.
    pub after: Option<Place>,
    /// How many.
    pub limit: u32,
}

/// A place in the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its rank, 0 first.
    pub rank: i64,
    /// Its order within the rank.
    pub key: i64,
    /// The incident.
    pub id: IncidentId,
}

/// Rank 0: waits for this person's vote, and the one that has waited longest first. 1: needs a person, and nobody has it.
/// 2: somebody has it. 3: goes on by itself. Within these the newest is first. An approval and its withdrawal cancel out.
/// A Namespace belongs to its own owner.
const INBOX: &str = "WITH mine AS (SELECT id, opened_at, snapshot, CASE \
     WHEN phase = 'Proposed' \
     AND (?2 IS NULL OR CASE kind WHEN 'Namespace' THEN name ELSE namespace END IN (SELECT value FROM json_each(?2))) \
     AND (SELECT coalesce(sum(CASE json_extract(v.value, '$.decision') WHEN 'withdraw' THEN -1 ELSE 1 END), 0) \
     FROM json_each(snapshot, '$.phase.proposed.votes') v WHERE json_extract(v.value, '$.person') = ?3) = 0 THEN 0 \
     WHEN phase IN ('Granted', 'Verifying') THEN 3 \
     WHEN phase = 'Executing' AND json_type(snapshot, '$.phase.executing.operation.state.unknown') IS NULL THEN 3 \
     WHEN json_type(snapshot, '$.held_by') IS NOT NULL THEN 2 \
     WHEN phase IN ('Escalated', 'Executing') OR (?4 AND phase = 'Drafted') THEN 1 \
     ELSE 3 END AS rank FROM incident WHERE open = 1 \
     AND (?1 IS NULL OR CASE kind WHEN 'Namespace' THEN name ELSE namespace END IN (SELECT value FROM json_each(?1)))), \
     ordered AS (SELECT id, rank, CASE rank WHEN 0 THEN opened_at ELSE -opened_at END AS key, snapshot FROM mine) \
     SELECT id, rank, key, snapshot FROM ordered WHERE ?5 IS NULL OR (rank, key, id) > (?5, ?6, ?7) \
     ORDER BY rank, key, id LIMIT ?8";

impl SqliteStore {
    /// One page of a person's inbox, each incident with its place.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn inbox(&self, which: &Inbox<'_>) -> Result<Vec<(Place, Incident)>, StoreError> {
        let failed = || unavailable("read an inbox");
        let names = |list: &Option<Vec<String>>| list.as_ref().map(|n| serde_json::json!(n).to_string());
        let after = which.after.as_ref();
        let rows = sqlx::query(INBOX)
            .bind(names(&which.sees))
            .bind(names(&which.votes))
            .bind(which.person.as_str())
            .bind(which.observe)
            .bind(after.map(|place| place.rank))
            .bind(after.map(|place| place.key))
            .bind(after.map(|place| place.id.as_str()))
            .bind(i64::from(which.limit))
            .fetch_all(self.readers())
            .await
            .map_err(failed())?;
        rows.iter()
            .map(|row| {
                let place = Place {
                    rank: row.try_get("rank").map_err(failed())?,
                    key: row.try_get("key").map_err(failed())?,
                    id: IncidentId(row.try_get("id").map_err(failed())?),
                };
                Ok((place, read_snapshot(row)?))
            })
            .collect()
    }

    /// Every namespace that an open incident belongs to.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn open_namespaces(&self) -> Result<Vec<String>, StoreError> {
        sqlx::query(
            "SELECT DISTINCT CASE kind WHEN 'Namespace' THEN name ELSE namespace END AS place FROM incident \
             WHERE open = 1 ORDER BY place",
        )
        .fetch_all(self.readers())
        .await
        .and_then(|rows| rows.iter().map(|row| row.try_get("place")).collect())
        .map_err(unavailable("read the namespaces"))
    }
}
