//! Lists for readers who see some namespaces only: the selection is made in the database, so that a page is full
//! whatever is hidden, and nothing hidden is counted.

use super::error::unavailable;
use super::load::{Cursor, read_snapshot};
use super::row::{column, number};
use super::{SqliteStore, StoreError};
use nightshift_model::{Incident, IncidentId, ObjectRef, ProposalId, Timestamp};
use sqlx::Row as _;

/// Which incidents, or whose proposals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Only of these namespaces; `None` is every one.
    pub namespaces: Option<Vec<String>>,
    /// Only in this phase, by its word.
    pub phase: Option<&'static str>,
    /// Only open ones, or only those that are over.
    pub open: Option<bool>,
    /// Only of this severity, by its word.
    pub severity: Option<&'static str>,
    /// Only with an event at this time or later.
    pub since: Option<Timestamp>,
    /// Only ids that begin so; empty for any.
    pub prefix: String,
    /// How many.
    pub limit: u32,
}

/// A proposal and the incident that it was made for, as that stands.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Row of its sealing: its place in the list.
    pub seq: u64,
    /// Its id.
    pub proposal: ProposalId,
    /// The incident.
    pub incident: Incident,
}

const INCIDENTS: &str = "SELECT snapshot FROM incident WHERE substr(id, 1, length(?1)) = ?1 \
     AND (?2 IS NULL OR (opened_at, id) < (?2, ?3)) \
     AND (?4 IS NULL OR namespace IN (SELECT value FROM json_each(?4))) \
     AND (?5 IS NULL OR phase = ?5) AND (?6 IS NULL OR open = ?6) \
     AND (?7 IS NULL OR json_extract(snapshot, '$.symptom.severity') = ?7) \
     AND (?8 IS NULL OR changed_at >= ?8) ORDER BY opened_at DESC, id DESC LIMIT ?9";

const OPEN_ABOUT: &str = "SELECT id FROM incident WHERE open = 1 AND kind = ?1 AND namespace = ?2 AND name = ?3 \
     ORDER BY opened_at, id LIMIT 50";

/// A proposal is in force while its incident is in one of four phases and no newer one was sealed for it.
const PROPOSALS: &str = "SELECT e.seq, e.proposal_id, i.snapshot FROM audit_event e JOIN incident i ON i.id = e.stream \
     WHERE e.kind = 'sealed' AND substr(e.proposal_id, 1, length(?1)) = ?1 AND (?2 IS NULL OR e.seq < ?2) \
     AND (?3 IS NULL OR i.namespace IN (SELECT value FROM json_each(?3))) \
     AND (?4 IS NULL OR ?4 = (i.phase IN ('Proposed', 'Granted', 'Executing', 'Verifying') AND e.seq = \
     (SELECT max(n.seq) FROM audit_event n WHERE n.stream = e.stream AND n.kind = 'sealed'))) \
     AND (?5 IS NULL OR i.changed_at >= ?5) ORDER BY e.seq DESC LIMIT ?6";

impl SqliteStore {
    /// Every namespace that an incident was ever in.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn namespaces(&self) -> Result<Vec<String>, StoreError> {
        sqlx::query("SELECT DISTINCT namespace FROM incident ORDER BY namespace")
            .fetch_all(self.readers())
            .await
            .and_then(|rows| rows.iter().map(|row| row.try_get("namespace")).collect())
            .map_err(unavailable("read the namespaces"))
    }

    /// Open incidents of an object, by its name: whoever asks for something names no uid.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn open_about(&self, object: &ObjectRef) -> Result<Vec<IncidentId>, StoreError> {
        let failed = || unavailable("list the open incidents of an object");
        let rows = sqlx::query(OPEN_ABOUT)
            .bind(object.kind.as_str())
            .bind(&object.namespace)
            .bind(&object.name)
            .fetch_all(self.readers())
            .await
            .map_err(failed())?;
        rows.iter().map(|row| row.try_get("id").map(IncidentId).map_err(failed())).collect()
    }

    /// How many incidents of some namespaces opened in each of these spans, end excluded.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn opened_within(
        &self,
        spans: &[(Timestamp, Timestamp)],
        namespaces: &[String],
    ) -> Result<Vec<u32>, StoreError> {
        let spans: Vec<[i64; 2]> = spans.iter().map(|(from, to)| [from.micros(), to.micros()]).collect();
        sqlx::query(
            "SELECT count(i.id) AS n FROM json_each(?1) s LEFT JOIN incident i \
             ON i.opened_at >= json_extract(s.value, '$[0]') AND i.opened_at < json_extract(s.value, '$[1]') \
             AND i.namespace IN (SELECT value FROM json_each(?2)) GROUP BY s.key ORDER BY s.key",
        )
        .bind(serde_json::json!(spans).to_string())
        .bind(serde_json::json!(namespaces).to_string())
        .fetch_all(self.readers())
        .await
        .and_then(|rows| rows.iter().map(|row| row.try_get("n")).collect())
        .map_err(unavailable("count the incidents"))
    }

    /// Incidents, newest first, behind a place in that list.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list_incidents(
        &self,
        which: &Listing,
        after: Option<&Cursor>,
    ) -> Result<Vec<Incident>, StoreError> {
        let rows = sqlx::query(INCIDENTS)
            .bind(&which.prefix)
            .bind(after.map(|c| c.opened_at.micros()))
            .bind(after.map(|c| c.id.as_str()))
            .bind(list(which))
            .bind(which.phase)
            .bind(which.open)
            .bind(which.severity)
            .bind(which.since.map(Timestamp::micros))
            .bind(i64::from(which.limit))
            .fetch_all(self.readers())
            .await
            .map_err(unavailable("list the incidents"))?;
        rows.iter().map(read_snapshot).collect()
    }

    /// Proposals, newest first, sealed before a row of the history.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list_proposals(
        &self,
        which: &Listing,
        before: Option<u64>,
    ) -> Result<Vec<Listed>, StoreError> {
        let failed = || unavailable("list the proposals");
        let rows = sqlx::query(PROPOSALS)
            .bind(&which.prefix)
            .bind(before.map(column))
            .bind(list(which))
            .bind(which.open)
            .bind(which.since.map(Timestamp::micros))
            .bind(i64::from(which.limit))
            .fetch_all(self.readers())
            .await
            .map_err(failed())?;
        rows.iter()
            .map(|row| {
                let seq = number(row.try_get("seq").map_err(failed())?);
                let proposal = ProposalId(row.try_get("proposal_id").map_err(failed())?);
                Ok(Listed { seq, proposal, incident: read_snapshot(row)? })
            })
            .collect()
    }
}

fn list(which: &Listing) -> Option<String> {
    which.namespaces.as_ref().map(|names| serde_json::json!(names).to_string())
}
