//! Whether the executor may act on the history, and why not.

use crate::config::KeyError;
use crate::runtime::checkpoint::state::StateError;
use nightshift_engine::StoreError;
use nightshift_engine::note::NoteError;

/// Whether the executor may act on the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Integrity {
    /// It is the history that was signed last, or extends it.
    Open,
    /// It could not be compared; nothing is executed until it could.
    Unchecked {
        /// Why.
        why: String,
    },
    /// It is not; a person must look.
    Closed {
        /// What stands against it.
        why: String,
    },
}

impl Integrity {
    /// Why nothing is executed, if nothing is.
    pub fn why_not(&self) -> Option<String> {
        match self {
            Self::Open => None,
            Self::Unchecked { why } => {
                Some(format!("the history was not compared with its last note: {why}"))
            }
            Self::Closed { why } => {
                Some(format!("the executor is closed: {why}; `nightshift audit adopt` opens it"))
            }
        }
    }
}

/// Why the executor cannot sign. It does not start then.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// Its keys.
    #[error("the keys that sign the history")]
    Keys(#[from] KeyError),
    /// A key that is none.
    #[error("a key that signs the history cannot be used")]
    Key(#[from] NoteError),
    /// The history.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The history.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Where the last note is kept.
    #[error(transparent)]
    State(#[from] StateError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// A key that is none.
    #[error(transparent)]
    Key(#[from] NoteError),
}
