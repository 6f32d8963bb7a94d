//! Proof that the history is whole: the chain, the copies beside it, the checkpoints over it, and that what it says
//! could have happened.
//!
//! A chain alone shows every edit before its tip; it cannot show that the tail was cut off or that everything was
//! written anew. That needs a note or a tip kept somewhere else, so a clean report without one is *incomplete*.

mod check;
mod jsonl;
mod notes;
mod prove;
mod streams;
mod votes;

pub use jsonl::{ExportError, Piece, export, piece, verify_jsonl};
pub use prove::{Extension, FORMAT as PROOF_FORMAT, ProofDocument, ProveError, check_proof, prove};
pub use votes::{Recount, VoteProofs};

use super::checkpoint;
use super::error::unavailable;
use super::row::{RawRow, column};
use super::{SqliteStore, StoreError};
use check::Check;
use nightshift_engine::merkle::Tree;
use nightshift_engine::note::{Note, Vkey};
use nightshift_model::{Digest, Revision, Timestamp};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Acquire as _, Row as _};
use std::collections::BTreeSet;
use streams::Keep;

/// Rows read at a time.
const PAGE: i64 = 500;

/// What a verification is held against.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// Keys whose signatures count.
    pub vkeys: Vec<Vkey>,
    /// Notes that were kept elsewhere, with where.
    pub notes: Vec<(String, Note)>,
    /// Who may decide, to count the votes again.
    pub recount: Option<Recount>,
}

/// What verification found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Rows that were looked at.
    pub rows: u64,
    /// The last of them: keep it elsewhere, and a shorter or other history is noticed.
    pub tip: Option<Tip>,
    /// Incidents that were folded from their first event.
    pub incidents: usize,
    /// The last revision of the system stream.
    pub system: Revision,
    /// Over all of them: what comes later goes on from it.
    pub tree: Tree,
    /// The checkpoints beside the rows.
    pub checkpoints: Checkpoints,
    /// The votes of what was carried out.
    pub votes: VoteProofs,
    /// What cannot be in a history that was only added to.
    pub problems: Vec<Problem>,
    /// What is odd but happens: clocks that were set back.
    pub warnings: Vec<Problem>,
    /// What could not be checked, and why.
    pub missing: Vec<String>,
    /// No signed note from elsewhere was compared: a cut tail or a wholly rewritten history stays unseen.
    pub chain_only: bool,
    /// The look began behind row 0: folds and votes were not checked.
    pub partial: bool,
}

/// What the checkpoints say.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Checkpoints {
    /// Those that stand beside the history and whose root comes out again.
    pub stored: u64,
    /// Of them those signed by a key that was given.
    pub signed: u64,
    /// Notes from elsewhere that are signed and agree.
    pub external: u64,
    /// The last stored one.
    pub last: Option<Last>,
    /// Rows behind it.
    pub tail: u64,
    /// When the first of them was recorded.
    pub tail_since: Option<Timestamp>,
}

/// The last checkpoint that stands beside the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    /// Rows that it covers.
    pub size: u64,
    /// Its root.
    pub root: Digest,
    /// Ids of the keys that signed it.
    pub keys: Vec<String>,
    /// When it was signed.
    pub at: Timestamp,
}

/// The end of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The last row's number.
    pub seq: u64,
    /// Its hash, which covers every row before.
    pub hash: Digest,
}

/// One finding of the verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The row.
    pub seq: u64,
    /// One sentence.
    pub what: String,
}

/// How `audit verify` exits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything was checked and holds.
    Whole = 0,
    /// Something was changed.
    Tampered = 1,
    /// What was checked holds, but not everything could be.
    Incomplete = 2,
    /// It could not be read.
    Unreadable = 3,
}

impl Report {
    /// How to exit with this report.
    pub fn exit(&self) -> Exit {
        if !self.problems.is_empty() {
            Exit::Tampered
        } else if self.chain_only || self.partial || !self.missing.is_empty() {
            Exit::Incomplete
        } else {
            Exit::Whole
        }
    }
}

/// Verifies the store from row `from`; folds, votes and snapshots only when that is 0. Of the rows before, the hashes
/// alone are read: every checkpoint covers them.
///
/// # Errors
/// Those of the store: [`Exit::Unreadable`].
pub async fn verify(store: &SqliteStore, from: u64, held: &Held) -> Result<Report, StoreError> {
    let failed = || unavailable("verify the history");
    let mut connection = store.readers().acquire().await.map_err(failed())?;
    // One reading transaction: rows, checkpoints and snapshots of one moment.
    let mut view = connection.begin().await.map_err(failed())?;
    let mut check = Check::new(&log_id(&mut view).await?, from, held, Keep::Lively);
    for stored in checkpoint::between(&mut view, 0, from).await? {
        check.checkpoint(&stored);
    }
    checkpoint::links(&mut view, 0, from, &mut |link| check.before(&link.hash)).await?;
    let (mut next, mut covered) = (from, from);
    loop {
        let page = page(&mut view, next).await?;
        let Some(last) = page.last() else { break };
        next = last.seq + 1;
        for stored in checkpoint::between(&mut view, covered, next).await? {
            check.checkpoint(&stored);
        }
        covered = next;
        for row in &page {
            check.row(row);
        }
    }
    for stored in checkpoint::between(&mut view, covered, u64::MAX).await? {
        check.checkpoint(&stored);
    }
    if from == 0 {
        for id in check.returned() {
            check.begin_again(&id);
            for row in &whole_stream(&mut view, id.as_str()).await? {
                check.of_stream(row);
            }
        }
        for row in snapshots(&mut view).await? {
            check.snapshot(&row);
        }
        check.snapshots_end();
    }
    Ok(check.report())
}

/// Verifies what came after a clean report of the whole history: the chain from its tip on, and every stream that
/// grew, whole, with its snapshot. Older rows of streams that did not grow are taken as they were found then.
///
/// # Errors
/// Those of the store: [`Exit::Unreadable`].
pub async fn verify_on(store: &SqliteStore, known: &Report) -> Result<Report, StoreError> {
    let Some(tip) = known.tip.filter(|_| known.problems.is_empty() && !known.partial) else {
        return verify(store, 0, &Held::default()).await;
    };
    let failed = || unavailable("verify the history");
    let mut connection = store.readers().acquire().await.map_err(failed())?;
    let mut view = connection.begin().await.map_err(failed())?;
    let mut check = Check::behind(&log_id(&mut view).await?, known, &tip);
    let (mut next, mut covered) = (tip.seq, tip.seq + 1);
    let mut grown = BTreeSet::new();
    loop {
        let page = page(&mut view, next).await?;
        let Some(last) = page.last() else { break };
        next = last.seq + 1;
        for stored in checkpoint::between(&mut view, covered, next).await? {
            check.checkpoint(&stored);
        }
        covered = next;
        for row in &page {
            if row.seq > tip.seq {
                grown.insert(row.stream.clone());
            }
            check.on(row, &tip);
        }
    }
    if next == tip.seq {
        check.cut_off(&tip);
    }
    for stored in checkpoint::between(&mut view, next, u64::MAX).await? {
        check.checkpoint(&stored);
    }
    for stream in grown {
        check.count_behind(&stream, &tip);
        for row in &whole_stream(&mut view, &stream).await? {
            check.of_stream(row);
        }
        if let Some(row) = snapshot(&mut view, &stream).await? {
            check.snapshot(&row);
        }
    }
    check.snapshots_end();
    Ok(check.report())
}

/// Rows from `from` on, at most 500 and at most `limit`.
///
/// # Errors
/// Those of the store.
pub async fn rows(store: &SqliteStore, from: u64, limit: u32) -> Result<Vec<RawRow>, StoreError> {
    let mut connection = store.readers().acquire().await.map_err(unavailable("read the history"))?;
    let mut rows = page(&mut connection, from).await?;
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(rows)
}

/// The end of the history; `None` while it is empty.
///
/// # Errors
/// Those of the store.
pub async fn tip(store: &SqliteStore) -> Result<Option<Tip>, StoreError> {
    let Some(last) = super::load::rows(store.readers()).await?.checked_sub(1) else { return Ok(None) };
    Ok(rows(store, last, 1).await?.first().map(|row| Tip { seq: row.seq, hash: row.hash }))
}

/// A row of the projection, unread.
struct SnapshotRow {
    id: String,
    revision: i64,
    phase: String,
    open: bool,
    json: String,
}

pub(super) async fn log_id(view: &mut SqliteConnection) -> Result<String, StoreError> {
    sqlx::query("SELECT value FROM meta WHERE key = 'log_id'")
        .fetch_one(view)
        .await
        .and_then(|row| row.try_get("value"))
        .map_err(unavailable("read the history's name"))
}

async fn page(view: &mut SqliteConnection, from: u64) -> Result<Vec<RawRow>, StoreError> {
    sqlx::query(
        "SELECT seq, ts_utc, kind, actor, stream, revision, epoch, incident_id, proposal_id, body, prev_hash, hash \
         FROM audit_event WHERE seq >= ? ORDER BY seq LIMIT ?",
    )
    .bind(column(from))
    .bind(PAGE)
    .fetch_all(view)
    .await
    .and_then(|rows| rows.iter().map(RawRow::read).collect())
    .map_err(unavailable("read the history"))
}

async fn whole_stream(view: &mut SqliteConnection, stream: &str) -> Result<Vec<RawRow>, StoreError> {
    sqlx::query(
        "SELECT seq, ts_utc, kind, actor, stream, revision, epoch, incident_id, proposal_id, body, prev_hash, hash \
         FROM audit_event WHERE stream = ? AND stream <> 'system' ORDER BY seq",
    )
    .bind(stream)
    .fetch_all(view)
    .await
    .and_then(|rows| rows.iter().map(RawRow::read).collect())
    .map_err(unavailable("read the history"))
}

fn read_snapshot(row: &sqlx::sqlite::SqliteRow) -> Result<SnapshotRow, sqlx::Error> {
    Ok(SnapshotRow {
        id: row.try_get("id")?,
        revision: row.try_get("revision")?,
        phase: row.try_get("phase")?,
        open: row.try_get("open")?,
        json: row.try_get("snapshot")?,
    })
}

async fn snapshot(view: &mut SqliteConnection, id: &str) -> Result<Option<SnapshotRow>, StoreError> {
    sqlx::query("SELECT id, revision, phase, open, snapshot FROM incident WHERE id = ?")
        .bind(id)
        .fetch_optional(view)
        .await
        .and_then(|row| row.as_ref().map(read_snapshot).transpose())
        .map_err(unavailable("read a snapshot"))
}

async fn snapshots(view: &mut SqliteConnection) -> Result<Vec<SnapshotRow>, StoreError> {
    sqlx::query("SELECT id, revision, phase, open, snapshot FROM incident ORDER BY id")
        .fetch_all(view)
        .await
        .and_then(|rows| rows.iter().map(read_snapshot).collect())
        .map_err(unavailable("read the snapshots"))
}

#[cfg(test)]
mod speed;
#[cfg(test)]
mod tests;
