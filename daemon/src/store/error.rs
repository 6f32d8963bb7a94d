//! Errors of opening; those of use are [`StoreError`].

use super::StoreError;
use std::path::PathBuf;

/// Why a store cannot be opened. Each says what a person can do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be made or its rights cannot be set.
    #[error("the store {path} cannot be opened: is its folder there, and is it ours?")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file may not be written.
    #[error("the store {path} is read-only: nothing can be recorded, so nothing may be decided")]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// A commit could be lost when the power fails.
    #[error(
        "the store runs with journal_mode={journal} synchronous={synchronous}; only wal and full (2) are durable"
    )]
    NotDurable {
        /// What `PRAGMA journal_mode` answers.
        journal: String,
        /// What `PRAGMA synchronous` answers.
        synchronous: i64,
    },
    /// SQLite's own check found damage.
    #[error(
        "the store {path} is damaged ({what}): put a copy back, or open it with `audit` to read what is left"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first line of `PRAGMA quick_check`.
        what: String,
    },
    /// A newer program wrote it.
    #[error(
        "the store has schema {found}, this program knows {known}: run the newer nightshift, or put the copy from before the upgrade back"
    )]
    Newer {
        /// The file's.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// An older program wrote it and it was opened for reading only.
    #[error(
        "the store has schema {found}, this program needs {known}: start nightshift once, it brings the store up to date"
    )]
    Older {
        /// The file's.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// A migration failed; it was rolled back.
    #[error("the store cannot be brought up to date")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// The history holds what this program does not know.
    #[error(transparent)]
    Unreadable(#[from] StoreError),
    /// Anything else that SQLite says.
    #[error("the store {path} cannot be opened: {operation}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What was tried.
        operation: &'static str,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
}

/// A failed read or write, by what was tried.
pub(super) fn unavailable(operation: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| StoreError::Unavailable { operation, source: Box::new(source) }
}

/// The queue is full or the writer is gone.
#[derive(Debug, thiserror::Error)]
pub(super) enum QueueError {
    #[error("more than {0} appends wait already")]
    Full(usize),
    #[error("the writer has stopped")]
    Stopped,
}

impl From<QueueError> for StoreError {
    fn from(error: QueueError) -> Self {
        Self::Unavailable { operation: "queue a write", source: Box::new(error) }
    }
}
