//! How faults ended: one row a case that ended, written with its events.

use super::error::unavailable;
use super::{SqliteStore, StoreError};
use nightshift_engine::heals::{CASES, Case, KEPT, rate};
use nightshift_model::{BaseRate, IncidentId, ObjectRef, Reason, Revision, Seconds, Timestamp};
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

impl SqliteStore {
    /// How faults of this reason at this workload ended so far; `None` when no case is known.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn base_rate(
        &self,
        scope: &ObjectRef,
        reason: Reason,
        now: Timestamp,
    ) -> Result<Option<BaseRate>, StoreError> {
        let rows = sqlx::query(
            "SELECT alone, took FROM ending WHERE kind = ? AND namespace = ? AND name = ? AND reason = ? AND at >= ? \
             ORDER BY at DESC LIMIT ?",
        )
        .bind(scope.kind.as_str())
        .bind(&scope.namespace)
        .bind(&scope.name)
        .bind(reason.as_str())
        .bind((now - KEPT).micros())
        .bind(i64::from(CASES))
        .fetch_all(self.readers())
        .await
        .map_err(unavailable("read how such faults ended"))?;
        let case = |row: &sqlx::sqlite::SqliteRow| -> Result<(bool, Seconds), sqlx::Error> {
            let (alone, took): (bool, i64) = (row.try_get("alone")?, row.try_get("took")?);
            Ok((alone, Seconds(u64::try_from(took).unwrap_or_default())))
        };
        let cases: Result<Vec<_>, _> = rows.iter().map(case).collect();
        Ok(rate(&cases.map_err(unavailable("read how such faults ended"))?))
    }
}

/// Writes a case within the transaction of its events, and forgets what no rate rests on any more.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    incident: &IncidentId,
    revision: Revision,
    case: &Case,
) -> Result<(), sqlx::Error> {
    let (scope, reason) = (&case.scope, case.reason.as_str());
    sqlx::query(
        "INSERT INTO ending (incident, revision, kind, namespace, name, reason, at, took, alone) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (incident, revision) DO NOTHING",
    )
    .bind(incident.as_str())
    .bind(i64::try_from(revision.0).unwrap_or(i64::MAX))
    .bind(scope.kind.as_str())
    .bind(&scope.namespace)
    .bind(&scope.name)
    .bind(reason)
    .bind(case.at.micros())
    .bind(i64::try_from(case.took.0).unwrap_or(i64::MAX))
    .bind(case.alone)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "DELETE FROM ending WHERE rowid IN (SELECT rowid FROM ending WHERE kind = ? AND namespace = ? AND name = ? \
         AND reason = ? ORDER BY at DESC LIMIT -1 OFFSET ?)",
    )
    .bind(scope.kind.as_str())
    .bind(&scope.namespace)
    .bind(&scope.name)
    .bind(reason)
    .bind(i64::from(CASES))
    .execute(&mut *connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
