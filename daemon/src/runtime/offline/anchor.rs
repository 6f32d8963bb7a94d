//! A row's hash that was kept elsewhere: with it a cut tail or a wholly rewritten history is seen.

use super::{ExportError, SqliteStore, export};
use nightshift_model::Digest;
use serde::Deserialize;
use std::io::BufRead;

/// A row and its hash, as an earlier verification printed them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The row.
    pub seq: u64,
    /// Its hash then.
    pub hash: Digest,
}

#[derive(Deserialize)]
struct Line {
    seq: u64,
    hash: Digest,
}

impl std::str::FromStr for Anchor {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a tip: write ROW:HASH as `audit verify` prints it");
        let (seq, hash) = text.split_once(':').ok_or_else(wrong)?;
        let hash = serde_json::from_value(serde_json::json!(hash)).map_err(|_| wrong())?;
        Ok(Self { seq: seq.parse().map_err(|_| wrong())?, hash })
    }
}

/// What stands at the anchor's row of a store: `None` when the row is as it was.
///
/// # Errors
/// Those of the store.
pub async fn anchored(store: &SqliteStore, anchor: Anchor) -> Result<Option<String>, ExportError> {
    let mut rows = Vec::new();
    export(store, anchor.seq, &mut rows).await?;
    Ok(anchored_jsonl(rows.as_slice(), anchor)?)
}

/// The same for an export.
///
/// # Errors
/// When it cannot be read.
pub fn anchored_jsonl<R: BufRead>(rows: R, anchor: Anchor) -> std::io::Result<Option<String>> {
    for line in rows.lines().skip(1) {
        let Ok(row) = serde_json::from_str::<Line>(&line?) else { continue };
        if row.seq == anchor.seq {
            let other = (row.hash != anchor.hash).then(|| "it is not the row that was kept".to_owned());
            return Ok(other);
        }
    }
    Ok(Some("it is missing: the history's end was cut off".to_owned()))
}
