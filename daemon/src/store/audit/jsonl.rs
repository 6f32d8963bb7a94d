//! The history as lines of JSON: a copy that proves itself, without the store.

use super::check::Check;
use super::streams::Keep;
use super::{Held, Report, log_id, page};
use crate::store::checkpoint::{self, Stored};
use crate::store::error::unavailable;
use crate::store::row::RawRow;
use crate::store::{SqliteStore, StoreError};
use nightshift_model::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::Acquire as _;
use std::io::{BufRead, Write};

/// Format of an export.
const FORMAT: &str = "nightshift/audit/v1";

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    log_id: String,
    from: u64,
}

/// A checkpoint among the rows: it stands before the last row that it covers.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointLine {
    checkpoint: CheckpointFields,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointFields {
    size: u64,
    root: Digest,
    tip: Digest,
    at: Timestamp,
    note: String,
}

/// Why an export stopped.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file could not be written.
    #[error("the export cannot be written")]
    File(#[from] std::io::Error),
}

/// Writes a header and one line a row from `from` on; the answer is how many rows.
///
/// # Errors
/// [`ExportError`]; what was written until then stands.
pub async fn export<W: Write + Send>(store: &SqliteStore, from: u64, to: &mut W) -> Result<u64, ExportError> {
    let mut connection = store.readers().acquire().await.map_err(unavailable("export the history"))?;
    let mut view = connection.begin().await.map_err(unavailable("export the history"))?;
    let header = Header { format: FORMAT.to_owned(), log_id: log_id(&mut view).await?, from };
    line(to, &header)?;
    let (mut next, mut written) = (from, 0);
    loop {
        let page = page(&mut view, next).await?;
        let Some(last) = page.last() else { break };
        let behind = next;
        next = last.seq + 1;
        // Before the rows that they cover, so that whoever reads knows what must come out.
        for stored in checkpoint::between(&mut view, behind, next).await? {
            let Stored { size, root, tip, at, note } = stored;
            line(to, &CheckpointLine { checkpoint: CheckpointFields { size, root, tip, at, note } })?;
        }
        for row in &page {
            line(to, row)?;
            written += 1;
        }
    }
    to.flush()?;
    Ok(written)
}

/// A part of an export that fits into memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// A whole export from its first row on.
    pub text: Vec<u8>,
    /// With which row the next one begins; `None` at the history's end.
    pub next: Option<u64>,
}

/// Exports from `from` on until `bytes` are passed or the history ends. One page of rows is the least.
///
/// # Errors
/// As [`export`].
pub async fn piece(store: &SqliteStore, from: u64, bytes: usize) -> Result<Piece, ExportError> {
    let mut connection = store.readers().acquire().await.map_err(unavailable("export the history"))?;
    let mut view = connection.begin().await.map_err(unavailable("export the history"))?;
    let mut piece = Piece { text: Vec::new(), next: Some(from) };
    let header = Header { format: FORMAT.to_owned(), log_id: log_id(&mut view).await?, from };
    line(&mut piece.text, &header)?;
    while let Some(next) = piece.next.filter(|_| piece.text.len() < bytes) {
        let page = page(&mut view, next).await?;
        for row in &page {
            line(&mut piece.text, row)?;
        }
        piece.next = page.last().map(|last| last.seq + 1);
    }
    Ok(piece)
}

fn line<W: Write, T: Serialize>(to: &mut W, value: &T) -> Result<(), std::io::Error> {
    serde_json::to_writer(&mut *to, value)?;
    to.write_all(b"\n")
}

/// Verifies an export. Snapshots are no part of it.
///
/// # Errors
/// When it cannot be read, or is no export.
pub fn verify_jsonl<R: BufRead>(reader: R, held: &Held) -> Result<Report, std::io::Error> {
    let mut lines = reader.lines();
    let header: Header = serde_json::from_str(&lines.next().transpose()?.unwrap_or_default())?;
    if header.format != FORMAT {
        return Err(std::io::Error::other(format!("an export of format {}, not {FORMAT}", header.format)));
    }
    // Roots cover the rows from 0 on: of a part they cannot come out.
    let nothing = Held::default();
    let whole = header.from == 0;
    let mut check = Check::new(&header.log_id, header.from, if whole { held } else { &nothing }, Keep::All);
    for line in lines {
        let line = line?;
        match serde_json::from_str::<RawRow>(&line) {
            Ok(row) => check.row(&row),
            Err(error) => match serde_json::from_str::<CheckpointLine>(&line) {
                Ok(CheckpointLine { checkpoint: CheckpointFields { size, root, tip, at, note } })
                    if whole =>
                {
                    check.checkpoint(&Stored { size, root, tip, at, note });
                }
                Ok(_) => {}
                Err(_) => check.no_row(format!("a line is no row: {error}")),
            },
        }
    }
    Ok(check.report())
}
