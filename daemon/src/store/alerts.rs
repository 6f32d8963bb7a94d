//! Alerts on their way to an incident. An occurrence is stored once, ends once, and waits until its incident has heard
//! of it; whatever is done with it may be done twice.

use super::error::unavailable;
use super::row::number;
use super::writer::Parameter::{Int, Text};
use super::{SqliteStore, StoreError};
use nightshift_engine::alert::{Effect, Found, Told};
use nightshift_model::alert::{Alert, Flag, SHOWN};
use nightshift_model::{IncidentId, ObjectRef, Seconds, Timestamp};
use serde_json::json;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

/// An occurrence whose incident has not heard of its last change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// What was told, with its end and flags as they are known now.
    pub told: Told,
    /// What was found for it; `None` while nobody looked.
    pub found: Option<Found>,
    /// Its incident, if one was chosen before.
    pub incident: Option<IncidentId>,
    /// When it changed last: what is heard of is this change and no later one.
    pub changed_at: Timestamp,
}

/// What a message brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// Occurrences that are new or ended now.
    pub changed: u64,
    /// Occurrences that were known so.
    pub repeated: u64,
}

impl SqliteStore {
    /// Stores what was told, all of it or nothing, in one statement.
    ///
    /// # Errors
    /// Those of the store: then nothing is stored.
    pub async fn alerts_tell(&self, told: &[Told], now: Timestamp) -> Result<Brought, StoreError> {
        let mut rows = Vec::with_capacity(told.len());
        for one in told {
            let text = to_json(one)?;
            let alert = &one.alert;
            let waits = u8::from(one.effect != Effect::Watchdog);
            rows.push(json!({"f": alert.fingerprint, "s": alert.started.micros(), "e": alert.ended.map(Timestamp::micros),
                "n": alert.name, "t": text, "w": waits}));
        }
        let sql = "INSERT INTO alert (fingerprint, started, name, ended, told, waiting, first_seen, last_seen, changed_at) \
                   SELECT value->>'f', value->>'s', value->>'n', value->>'e', value->>'t', value->>'w', ?2, ?2, ?2 \
                   FROM json_each(?1) WHERE true \
                   ON CONFLICT (fingerprint, started) DO UPDATE SET last_seen = max(last_seen, excluded.last_seen), \
                   changed_at = CASE WHEN ended IS NULL AND excluded.ended IS NOT NULL \
                                THEN excluded.changed_at ELSE changed_at END, \
                   waiting = CASE WHEN ended IS NULL AND excluded.ended IS NOT NULL \
                             THEN excluded.waiting ELSE waiting END, \
                   ended = coalesce(ended, excluded.ended) \
                   RETURNING changed_at = ?2 AS changed";
        let parameters = vec![Text(serde_json::Value::from(rows).to_string()), Int(now.micros())];
        let rows = self.writer()?.statement(sql, parameters).await?;
        let changed = rows.iter().filter(|row| row.try_get("changed").unwrap_or(0_i64) == 1).count() as u64;
        Ok(Brought { changed, repeated: (rows.len() as u64).saturating_sub(changed) })
    }

    /// Up to `limit` occurrences that wait, the oldest change first: those that an object was looked for, or the others.
    ///
    /// # Errors
    /// Those of the store; [`StoreError::Unreadable`] names an occurrence that this program does not know.
    pub async fn alerts_waiting(&self, placed: bool, limit: u32) -> Result<Vec<Waiting>, StoreError> {
        let rows = sqlx::query(
            "SELECT fingerprint, ended, told, scope, flag, placed, incident_id, changed_at FROM alert \
             WHERE waiting = 1 AND placed = ? ORDER BY changed_at LIMIT ?",
        )
        .bind(i64::from(placed))
        .bind(i64::from(limit))
        .fetch_all(self.readers())
        .await
        .map_err(unavailable("read the alerts that wait"))?;
        rows.iter().map(read).collect()
    }

    /// How many occurrences wait, counted up to `cap`.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn alerts_backlog(&self, cap: u32) -> Result<u64, StoreError> {
        sqlx::query("SELECT count(*) AS n FROM (SELECT 1 FROM alert WHERE waiting = 1 LIMIT ?)")
            .bind(i64::from(cap))
            .fetch_one(self.readers())
            .await
            .and_then(|row| row.try_get("n"))
            .map(number)
            .map_err(unavailable("count the alerts that wait"))
    }

    /// Notes what was found for occurrences.
    ///
    /// # Errors
    /// Those of the store; then they are looked up again.
    pub async fn alerts_found(&self, found: &[(&Alert, &Found)]) -> Result<(), StoreError> {
        let mut rows = Vec::with_capacity(found.len());
        for (alert, found) in found {
            let scope = found.scope.as_ref().map(to_json).transpose()?;
            let flag = found.flag.map(|flag| to_json(&flag)).transpose()?;
            rows.push(json!({"f": alert.fingerprint, "s": alert.started.micros(), "o": scope, "g": flag}));
        }
        let sql = "UPDATE alert SET placed = 1, scope = it.o, flag = it.g FROM \
                   (SELECT value->>'f' AS f, value->>'s' AS s, value->>'o' AS o, value->>'g' AS g FROM json_each(?1)) AS it \
                   WHERE fingerprint = it.f AND started = it.s";
        self.write_rows(sql, rows).await
    }

    /// Chooses an incident for occurrences that have none.
    ///
    /// # Errors
    /// Those of the store; then it is chosen again.
    pub async fn alerts_assign(&self, of: &[&Waiting], incident: &IncidentId) -> Result<(), StoreError> {
        let rows = of.iter().map(|w| {
            let alert = &w.told.alert;
            json!({"f": alert.fingerprint, "s": alert.started.micros(), "i": incident.as_str()})
        });
        let sql = "UPDATE alert SET incident_id = it.i FROM \
                   (SELECT value->>'f' AS f, value->>'s' AS s, value->>'i' AS i FROM json_each(?1)) AS it \
                   WHERE fingerprint = it.f AND started = it.s";
        self.write_rows(sql, rows.collect()).await
    }

    /// Their incident has heard of them, or they need none. One that changed meanwhile goes on waiting.
    ///
    /// # Errors
    /// Those of the store; then they are dealt with once more.
    pub async fn alerts_heard(&self, of: &[&Waiting]) -> Result<(), StoreError> {
        let rows = of.iter().map(|w| {
            let alert = &w.told.alert;
            json!({"f": alert.fingerprint, "s": alert.started.micros(), "c": w.changed_at.micros()})
        });
        let sql = "UPDATE alert SET waiting = 0 FROM \
                   (SELECT value->>'f' AS f, value->>'s' AS s, value->>'c' AS c FROM json_each(?1)) AS it \
                   WHERE fingerprint = it.f AND started = it.s AND changed_at = it.c";
        self.write_rows(sql, rows.collect()).await
    }

    /// The alerts of an incident: the first few, those that fire first; how many fire; how many there are.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn alerts_of(&self, incident: &IncidentId) -> Result<(Vec<Alert>, u32, u32), StoreError> {
        let counts = sqlx::query(
            "SELECT count(*) AS total, count(*) - count(ended) AS firing FROM alert WHERE incident_id = ?",
        )
        .bind(incident.as_str())
        .fetch_one(self.readers())
        .await
        .and_then(|row| Ok((row.try_get::<u32, _>("firing")?, row.try_get::<u32, _>("total")?)));
        let (firing, total) = counts.map_err(unavailable("count an incident's alerts"))?;
        let rows = sqlx::query(
            "SELECT fingerprint, ended, told, scope, flag, placed, incident_id, changed_at FROM alert \
             WHERE incident_id = ? ORDER BY ended IS NOT NULL, started, fingerprint LIMIT ?",
        )
        .bind(incident.as_str())
        .bind(i64::try_from(SHOWN).unwrap_or(i64::MAX))
        .fetch_all(self.readers())
        .await
        .map_err(unavailable("read an incident's alerts"))?;
        let read = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok((read.into_iter().map(|w| w.told.alert).collect(), firing, total))
    }

    /// When an alert of this name was heard of last while it fired.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn alert_last_heard(&self, name: &str) -> Result<Option<Timestamp>, StoreError> {
        sqlx::query("SELECT max(last_seen) AS last FROM alert WHERE name = ? AND ended IS NULL")
            .bind(name)
            .fetch_one(self.readers())
            .await
            .and_then(|row| row.try_get::<Option<i64>, _>("last"))
            .map(|last| last.map(Timestamp::from_micros))
            .map_err(unavailable("read when an alert was heard of last"))
    }

    /// Occurrences of a fingerprint that fire.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn alerts_open(&self, fingerprint: &str) -> Result<Vec<Alert>, StoreError> {
        let rows = sqlx::query(
            "SELECT fingerprint, ended, told, scope, flag, placed, incident_id, changed_at FROM alert \
             WHERE fingerprint = ? AND ended IS NULL",
        )
        .bind(fingerprint)
        .fetch_all(self.readers())
        .await
        .map_err(unavailable("read an alert"))?;
        rows.iter().map(|row| read(row).map(|waiting| waiting.told.alert)).collect()
    }

    /// What fires, was told by this receiver of Alertmanager, and is not among these occurrences.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn alerts_not_among(
        &self,
        there: &[(String, Timestamp)],
        receiver: &str,
    ) -> Result<Vec<Told>, StoreError> {
        let there: Vec<_> = there.iter().map(|(print, started)| json!([print, started.micros()])).collect();
        let rows = sqlx::query(
            "SELECT fingerprint, ended, told, scope, flag, placed, incident_id, changed_at FROM alert \
             WHERE ended IS NULL AND length(fingerprint) = 16 AND json_extract(told, '$.alert.receiver') = ?2 \
             AND json_extract(told, '$.effect') <> 'watchdog' AND (fingerprint, started) NOT IN \
             (SELECT value->>0, value->>1 FROM json_each(?1)) ORDER BY started, fingerprint LIMIT 1000",
        )
        .bind(serde_json::Value::from(there).to_string())
        .bind(receiver)
        .fetch_all(self.readers())
        .await
        .map_err(unavailable("compare alerts with Alertmanager's list"))?;
        rows.iter().map(|row| read(row).map(|waiting| waiting.told)).collect()
    }

    /// Ends what nobody has told of for `silence`, and forgets what ended and was heard of before `keep`. A resolution may get lost:
    /// Alertmanager repeats what fires, so silence is an end.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn alerts_age(
        &self,
        now: Timestamp,
        silence: Seconds,
        keep: Seconds,
    ) -> Result<usize, StoreError> {
        let ends = "UPDATE alert SET ended = ?2, changed_at = ?2, waiting = 1, flag = '\"silent\"' WHERE ended IS NULL AND last_seen < ?1 \
                    AND json_extract(told, '$.effect') <> 'watchdog' AND length(fingerprint) = 16 RETURNING 1";
        let silent = self
            .writer()?
            .statement(ends, vec![Int((now - silence).micros()), Int(now.micros())])
            .await?
            .len();
        let forget = "DELETE FROM alert WHERE ended IS NOT NULL AND waiting = 0 AND last_seen < ?1";
        self.writer()?.statement(forget, vec![Int((now - keep).micros())]).await?;
        Ok(silent)
    }

    async fn write_rows(&self, sql: &'static str, rows: Vec<serde_json::Value>) -> Result<(), StoreError> {
        let text = serde_json::Value::from(rows).to_string();
        self.writer()?.statement(sql, vec![Text(text)]).await.map(drop)
    }
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|e| StoreError::Unavailable { operation: "write as JSON", source: e.into() })
}

fn read(row: &SqliteRow) -> Result<Waiting, StoreError> {
    let failed = unavailable("read an alert");
    let columns = || -> Result<_, sqlx::Error> {
        Ok((
            row.try_get::<Option<i64>, _>("ended")?,
            row.try_get::<String, _>("told")?,
            row.try_get::<Option<String>, _>("scope")?,
            row.try_get::<Option<String>, _>("flag")?,
            row.try_get::<i64, _>("placed")? == 1,
            row.try_get::<Option<String>, _>("incident_id")?,
            row.try_get::<i64, _>("changed_at")?,
        ))
    };
    let (ended, told, scope, flag, placed, incident, changed_at) = columns().map_err(failed)?;
    let unreadable = |e: serde_json::Error| StoreError::Unreadable(format!("an alert: {e}"));
    let mut told: Told = serde_json::from_str(&told).map_err(unreadable)?;
    let scope: Option<ObjectRef> = scope.map(|s| serde_json::from_str(&s)).transpose().map_err(unreadable)?;
    let flag: Option<Flag> = flag.map(|s| serde_json::from_str(&s)).transpose().map_err(unreadable)?;
    let ended = ended.map(Timestamp::from_micros);
    let alert = &mut told.alert;
    alert.flags.extend(flag);
    alert.ended = ended.map(|at| at.max(alert.since));
    alert.flags.sort_unstable();
    alert.flags.dedup();
    Ok(Waiting {
        told,
        found: placed.then_some(Found { scope, flag }),
        incident: incident.map(IncidentId),
        changed_at: Timestamp::from_micros(changed_at),
    })
}

#[cfg(test)]
mod tests;
