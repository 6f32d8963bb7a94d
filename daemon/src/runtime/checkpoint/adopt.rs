//! A person's act that opens a closed executor: the history is taken as it is, and that is part of it from then on.

use super::SignError;
use super::pass::pass;
use super::state::{KeptTree, State, StateError, StateFile};
use crate::clock::Clock;
use crate::config::{CheckpointKeys, KeyError};
use crate::store::{HistoryStore as _, SqliteStore, SystemAppend};
use nightshift_engine::checkpoint::Kept;
use nightshift_engine::merkle::Tree;
use nightshift_engine::note::origin;
use nightshift_engine::redact::redactor;
use nightshift_engine::text;
use nightshift_model::{Actor, Digest, SystemEvent};
use std::path::Path;

/// Characters of a reason.
const REASON_LENGTH: usize = 500;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adopted {
    /// The executor was not closed, and the history is the one that it signed.
    Nothing,
    /// The history extends what was signed after all: the executor opens and signs on.
    Same {
        /// Rows it has.
        rows: u64,
    },
    /// The history does not extend what was signed. The old key never signs again: one key signs one history.
    Other {
        /// What stood against it.
        why: String,
        /// Rows it has.
        rows: u64,
    },
}

/// Why nothing was adopted.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// Nothing was ever signed with these keys.
    #[error("there is no last note in {0}: nothing was signed with the keys there")]
    NeverSigned(std::path::PathBuf),
    /// No reason.
    #[error("a reason is needed: it is read by whoever finds the row")]
    NoReason,
    /// The history, the keys or the last note.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl From<StateError> for AdoptError {
    fn from(error: StateError) -> Self {
        Self::Sign(error.into())
    }
}

impl From<nightshift_engine::StoreError> for AdoptError {
    fn from(error: nightshift_engine::StoreError) -> Self {
        Self::Sign(error.into())
    }
}

/// Takes the history as it is. The row that says so is written first, and what is kept then covers it.
///
/// # Errors
/// [`AdoptError`]; the executor stays closed then.
pub async fn adopt(
    store: &SqliteStore,
    clock: &Clock,
    folder: &Path,
    because: &str,
) -> Result<Adopted, AdoptError> {
    let because = text::visible(&redactor().redact(because.trim()).text, REASON_LENGTH);
    if because.is_empty() {
        return Err(AdoptError::NoReason);
    }
    let file = StateFile::of(folder);
    let (state, damage) = match file.read() {
        Ok(Some(state)) => (state, None),
        Ok(None) => return Err(AdoptError::NeverSigned(folder.to_owned())),
        Err(error @ StateError::Damaged { .. }) => (State::default(), Some(error.to_string())),
        Err(error) => return Err(error.into()),
    };
    let kept = state.kept.as_ref().map(|kept| &kept.kept);
    let log_id = store.log_id().await?;
    let here = kept.map_or_else(|| origin("", &log_id), |kept| relabelled(&kept.origin, &log_id));
    let looked = pass(store, &here, kept).await?;
    let broken = looked.broken.map(|row| format!("the chain breaks at row {row}, behind what was signed"));
    let why = damage.or(looked.doubt.map(|doubt| doubt.to_string())).or(broken);
    if why.is_none() && state.closed.is_none() {
        return Ok(Adopted::Nothing);
    }
    let rows = store.rows().await?;
    let signed = kept.map_or_else(|| "unknown".to_owned(), |k| format!("{} rows, root {}", k.size, k.root));
    let event = SystemEvent::AuditAdopted { signed, found: format!("{rows} rows"), because };
    let append = SystemAppend {
        fence: None,
        actor: Actor::Operator,
        at: clock.now(),
        events: vec![event],
        outbox: Vec::new(),
    };
    store.append_system(append).await?;
    let Some(why) = why else {
        file.write(State { closed: None, ..state }).await?;
        return Ok(Adopted::Same { rows });
    };
    CheckpointKeys::retire(folder)?;
    // Without a last note nobody knows the cluster: the executor begins anew, under its new key.
    let tree = if kept.is_some() { Some(whole(store, here, clock).await?) } else { None };
    let rows = tree.as_ref().map_or(rows, |tree| tree.kept.size);
    file.write(State { kept: tree, closed: None }).await?;
    Ok(Adopted::Other { why, rows })
}

impl From<KeyError> for AdoptError {
    fn from(error: KeyError) -> Self {
        Self::Sign(error.into())
    }
}

/// The same cluster's name for another log.
fn relabelled(signed: &str, log_id: &str) -> String {
    let cluster = signed.split('/').nth(1).unwrap_or_default();
    origin(cluster, log_id)
}

async fn whole(store: &SqliteStore, origin: String, clock: &Clock) -> Result<KeptTree, AdoptError> {
    let rows = store.rows().await?;
    let (mut tree, mut tip) = (Tree::default(), Digest([0; 32]));
    store
        .links(0, rows, |link| {
            tree.row(&link.hash);
            tip = link.hash;
        })
        .await?;
    let kept = Kept { origin, size: tree.size(), root: tree.root(), tip };
    Ok(KeptTree { kept, peaks: tree.peaks().to_vec(), at: clock.now(), note: None })
}
