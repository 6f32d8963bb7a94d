//! Checkpoints as they are kept beside the history, and the hashes of rows that they are made of.

use super::error::unavailable;
use super::row::{RawRow, column, number};
use super::writer::Parameter::{Bytes, Int, Text};
use super::{SqliteStore, StoreError};
use nightshift_model::{Digest, Epoch, Role, Timestamp};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

/// Hashes read at a time.
const PAGE: i64 = 10_000;

/// One signed size and root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Rows that the root covers.
    pub size: u64,
    /// The root over their hashes.
    pub root: Digest,
    /// The hash of the last of them.
    pub tip: Digest,
    /// When it was signed.
    pub at: Timestamp,
    /// The whole note, unread.
    pub note: String,
}

/// A row's place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Which row.
    pub seq: u64,
    /// The hash that it follows.
    pub prev: Digest,
    /// Its own.
    pub hash: Digest,
}

/// Whether a checkpoint was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// It stands in the store.
    Kept,
    /// Another executor took over: its checkpoints count.
    Fenced,
}

impl SqliteStore {
    /// The name of this history.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn log_id(&self) -> Result<String, StoreError> {
        let mut connection =
            self.readers().acquire().await.map_err(unavailable("read the history's name"))?;
        super::audit::log_id(&mut connection).await
    }

    /// Keeps a checkpoint, if the epoch of the executor that signed it is in force.
    ///
    /// # Errors
    /// Those of the store; then it is not kept.
    pub async fn keep_checkpoint(&self, stored: &Stored, epoch: Epoch) -> Result<Keeping, StoreError> {
        let kept = self
            .writer()?
            .statement(
                "INSERT INTO audit_checkpoint (size, root, tip_hash, at, note) SELECT ?1, ?2, ?3, ?4, ?5 \
                 WHERE EXISTS (SELECT 1 FROM leader WHERE role = ?6 AND epoch = ?7) RETURNING id",
                vec![
                    Int(column(stored.size)),
                    Bytes(stored.root.0.to_vec()),
                    Bytes(stored.tip.0.to_vec()),
                    Int(stored.at.micros()),
                    Text(stored.note.clone()),
                    Text(Role::Executor.as_str().to_owned()),
                    Int(column(epoch.0)),
                ],
            )
            .await?;
        Ok(if kept.is_empty() { Keeping::Fenced } else { Keeping::Kept })
    }

    /// The checkpoint that was kept last.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn last_checkpoint(&self) -> Result<Option<Stored>, StoreError> {
        sqlx::query("SELECT size, root, tip_hash, at, note FROM audit_checkpoint ORDER BY id DESC LIMIT 1")
            .fetch_optional(self.readers())
            .await
            .and_then(|row| row.as_ref().map(stored).transpose())
            .map_err(unavailable("read the last checkpoint"))
    }

    /// The smallest checkpoint that covers a row.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn checkpoint_over(&self, seq: u64) -> Result<Option<Stored>, StoreError> {
        sqlx::query(
            "SELECT size, root, tip_hash, at, note FROM audit_checkpoint WHERE size > ? ORDER BY size, id DESC LIMIT 1",
        )
        .bind(column(seq))
        .fetch_optional(self.readers())
        .await
        .and_then(|row| row.as_ref().map(stored).transpose())
        .map_err(unavailable("find a checkpoint"))
    }

    /// One row, unread.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn raw_row(&self, seq: u64) -> Result<Option<RawRow>, StoreError> {
        sqlx::query(
            "SELECT seq, ts_utc, kind, actor, stream, revision, epoch, incident_id, proposal_id, body, prev_hash, \
             hash FROM audit_event WHERE seq = ?",
        )
        .bind(column(seq))
        .fetch_optional(self.readers())
        .await
        .and_then(|row| row.as_ref().map(RawRow::read).transpose())
        .map_err(unavailable("read a row"))
    }

    /// Tells the hashes of the rows `from..until` in order, without holding them.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn links(
        &self,
        from: u64,
        until: u64,
        mut hear: impl FnMut(&Link) + Send,
    ) -> Result<(), StoreError> {
        let mut connection = self.readers().acquire().await.map_err(unavailable("read the hashes"))?;
        links(&mut connection, from, until, &mut hear).await
    }
}

/// The same within a transaction.
pub(super) async fn links(
    view: &mut SqliteConnection,
    from: u64,
    until: u64,
    hear: &mut (impl FnMut(&Link) + Send),
) -> Result<(), StoreError> {
    let mut next = from;
    while next < until {
        let rows = sqlx::query(
            "SELECT seq, prev_hash, hash FROM audit_event WHERE seq >= ? AND seq < ? ORDER BY seq LIMIT ?",
        )
        .bind(column(next))
        .bind(column(until))
        .bind(PAGE)
        .fetch_all(&mut *view)
        .await
        .map_err(unavailable("read the hashes"))?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            let read = || {
                let seq = number(row.try_get("seq")?);
                Ok(Link { seq, prev: digest(row, "prev_hash")?, hash: digest(row, "hash")? })
            };
            let link = read().map_err(unavailable("read the hashes"))?;
            next = link.seq + 1;
            hear(&link);
        }
    }
    Ok(())
}

/// Checkpoints of `after < size <= until`, by size.
pub(super) async fn between(
    view: &mut SqliteConnection,
    after: u64,
    until: u64,
) -> Result<Vec<Stored>, StoreError> {
    sqlx::query(
        "SELECT size, root, tip_hash, at, note FROM audit_checkpoint WHERE size > ? AND size <= ? ORDER BY size, id",
    )
    .bind(column(after))
    .bind(column(until))
    .fetch_all(view)
    .await
    .and_then(|rows| rows.iter().map(stored).collect())
    .map_err(unavailable("read the checkpoints"))
}

fn stored(row: &SqliteRow) -> Result<Stored, sqlx::Error> {
    Ok(Stored {
        size: number(row.try_get("size")?),
        root: digest(row, "root")?,
        tip: digest(row, "tip_hash")?,
        at: Timestamp::from_micros(row.try_get("at")?),
        note: row.try_get("note")?,
    })
}

/// Bytes of another length fail their comparison instead of ending the look.
fn digest(row: &SqliteRow, column: &str) -> Result<Digest, sqlx::Error> {
    row.try_get::<&[u8], _>(column).map(|bytes| Digest(bytes.try_into().unwrap_or_default()))
}
