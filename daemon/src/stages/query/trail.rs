//! The history row by row, its end, and its export in pieces. For readers who may see everything: `None` for others.

use super::listing::{QueryError, lines};
use super::{Reader, Reads, cursor};
use crate::api::audit::{AuditPage, AuditQuery, AuditRow, AuditTip};
use crate::store::audit::{self, ExportError, Piece};
use crate::store::{HistoryStore as _, RawRow, StoreError};

/// Bytes of a piece of an export, a page of rows more or less.
const PIECE: usize = 1024 * 1024;

impl Reads {
    /// One page of rows, oldest first.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn audit_rows(&self, by: &Reader, query: &AuditQuery) -> Result<Option<AuditPage>, QueryError> {
        let limit = lines(query.limit)?;
        let from = query.cursor.as_deref().map(|c| cursor::at_row(c, "a")).transpose()?.unwrap_or(0);
        if !by.sees_all() {
            return Ok(None);
        }
        let rows = audit::rows(&self.store, from, limit).await?;
        let next = rows.last().map(|last| cursor::row("a", last.seq + 1));
        Ok(Some(AuditPage { items: rows.into_iter().map(row).collect(), next }))
    }

    /// The end of the history, which is never empty once nightshift has started.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn audit_tip(&self, by: &Reader) -> Result<Option<AuditTip>, StoreError> {
        if !by.sees_all() {
            return Ok(None);
        }
        let tip = audit::tip(&self.store).await?;
        Ok(tip.map(|tip| AuditTip { seq: tip.seq, hash: tip.hash }))
    }

    /// A piece of an export from a row on.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn audit_export(&self, by: &Reader, from: u64) -> Result<Option<Piece>, ExportError> {
        if !by.sees_all() {
            return Ok(None);
        }
        audit::piece(&self.store, from, PIECE).await.map(Some)
    }

    /// How many rows the history has.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn rows_kept(&self) -> Result<u64, StoreError> {
        self.store.rows().await
    }
}

fn row(raw: RawRow) -> AuditRow {
    AuditRow {
        seq: raw.seq,
        ts: raw.ts,
        kind: raw.kind,
        actor: raw.actor,
        stream: raw.stream,
        revision: raw.revision,
        epoch: raw.epoch,
        incident: raw.incident,
        proposal: raw.proposal,
        body: raw.body,
        prev: raw.prev,
        hash: raw.hash,
    }
}
