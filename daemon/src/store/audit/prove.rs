//! One row, proven to somebody who has nothing but a key: the row, its path to a root, and the note that signs the root.

use crate::store::checkpoint::Stored;
use crate::store::row::RawRow;
use crate::store::{SqliteStore, StoreError};
use nightshift_engine::merkle::{self, Gather};
use nightshift_engine::note::{Checkpoint, Note, NoteError, Signed, Vkey};
use nightshift_model::Digest;
use serde::{Deserialize, Serialize};

/// Format of a proof.
pub const FORMAT: &str = "nightshift/proof/v1";

/// A proof as a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofDocument {
    /// [`FORMAT`].
    pub format: String,
    /// The row as it stands in the history.
    pub row: RawRow,
    /// The roots beside its way up (RFC 6962, 2.1.1).
    pub inclusion: Vec<Digest>,
    /// The signed note over the root.
    pub note: String,
    /// That this root extends an earlier note's, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends: Option<Extension>,
}

/// The way from an earlier root to the note's (RFC 6962, 2.1.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// The earlier note.
    pub note: String,
    /// The proof.
    pub consistency: Vec<Digest>,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The history has no such row.
    #[error("there is no row {0}")]
    NoRow(u64),
    /// Nobody signed it yet, or nobody signs here.
    #[error("no checkpoint covers row {0} yet")]
    NotCovered(u64),
    /// What stands in the store does not come out.
    #[error("{0}")]
    Broken(String),
}

/// Proves row `seq` by the smallest checkpoint that covers it; with an earlier note also that the checkpoint extends
/// that one. `since` must be no larger than the checkpoint: the one that covers both is taken.
///
/// # Errors
/// [`ProveError`]; a history whose rows and checkpoint do not fit gives no proof.
pub async fn prove(store: &SqliteStore, seq: u64, since: Option<&Note>) -> Result<ProofDocument, ProveError> {
    let row = store.raw_row(seq).await?.ok_or(ProveError::NoRow(seq))?;
    let earlier = since.map(|note| note.checkpoint().map(|c| (note, c))).transpose()?;
    let covered = earlier.as_ref().map_or(seq, |(_, c)| seq.max(c.size.saturating_sub(1)));
    let Stored { size, note, .. } =
        store.checkpoint_over(covered).await?.ok_or(ProveError::NotCovered(covered))?;
    let signed = Note::parse(&note).and_then(|n| n.checkpoint())?;
    let path = merkle::inclusion(seq, size).ok_or(ProveError::NotCovered(seq))?;
    let way = match &earlier {
        Some((_, c)) => Some(
            merkle::consistency(c.size, size)
                .ok_or_else(|| ProveError::Broken("the earlier note covers no row".to_owned()))?,
        ),
        None => None,
    };
    let (mut inclusion, mut consistency) = (Gather::new(path), Gather::new(way.unwrap_or_default()));
    store
        .links(0, size, |link| {
            inclusion.row(link.seq, &link.hash);
            consistency.row(link.seq, &link.hash);
        })
        .await?;
    let short = || ProveError::Broken("rows are missing: `nightshift audit verify` tells which".to_owned());
    let document = ProofDocument {
        format: FORMAT.to_owned(),
        row,
        inclusion: inclusion.proof().ok_or_else(short)?,
        note,
        extends: match earlier {
            Some((note, _)) => Some(Extension {
                note: note.to_string(),
                consistency: consistency.proof().ok_or_else(short)?,
            }),
            None => None,
        },
    };
    holds(&document, &signed).map_err(ProveError::Broken)?;
    Ok(document)
}

impl From<NoteError> for ProveError {
    fn from(error: NoteError) -> Self {
        Self::Broken(error.to_string())
    }
}

/// Checks a proof with nothing but keys. The answer is the checkpoint that the row is in.
///
/// # Errors
/// One sentence that says what does not hold.
pub fn check_proof(document: &ProofDocument, vkeys: &[Vkey]) -> Result<Checkpoint, String> {
    if document.format != FORMAT {
        return Err(format!("it is of format {}, not {FORMAT}", document.format));
    }
    let note = Note::parse(&document.note).map_err(|error| format!("its note cannot be read: {error}"))?;
    signed("its note", &note, vkeys)?;
    if let Some(extension) = &document.extends {
        let earlier = Note::parse(&extension.note)
            .map_err(|error| format!("the earlier note cannot be read: {error}"))?;
        signed("the earlier note", &earlier, vkeys)?;
    }
    let checkpoint = note.checkpoint().map_err(|error| format!("its note is no checkpoint: {error}"))?;
    holds(document, &checkpoint)?;
    Ok(checkpoint)
}

fn signed(what: &str, note: &Note, vkeys: &[Vkey]) -> Result<(), String> {
    let said: Vec<Signed> = vkeys.iter().map(|key| note.signed_by(key)).collect();
    if said.contains(&Signed::Bad) {
        Err(format!("{what} does not carry the signature that it claims"))
    } else if said.contains(&Signed::Good) {
        Ok(())
    } else {
        Err(format!("{what} is signed by none of the keys that were given"))
    }
}

/// The hashes alone; who signed is another question.
fn holds(document: &ProofDocument, signed: &Checkpoint) -> Result<(), String> {
    let row = &document.row;
    if row.expected_hash() != row.hash {
        return Err(format!("row {} was changed after it was recorded", row.seq));
    }
    let leaf = merkle::leaf(&row.hash.0);
    if !merkle::included(&leaf, row.seq, signed.size, &document.inclusion, &signed.root) {
        return Err(format!("row {} is not in the history of {} rows that was signed", row.seq, signed.size));
    }
    let Some(extension) = &document.extends else { return Ok(()) };
    let earlier = Note::parse(&extension.note)
        .and_then(|note| note.checkpoint())
        .map_err(|error| format!("the earlier note cannot be read: {error}"))?;
    let (old, new) = ((earlier.size, &earlier.root), (signed.size, &signed.root));
    if earlier.origin != signed.origin || !merkle::extends(old, new, &extension.consistency) {
        return Err(format!(
            "the history of {} rows does not extend the earlier one of {}",
            signed.size, earlier.size
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
