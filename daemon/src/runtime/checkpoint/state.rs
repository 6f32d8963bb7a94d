//! What the executor keeps outside the history: its last note, and whether it is closed.

use nightshift_engine::checkpoint::Kept;
use nightshift_engine::merkle::Tree;
use nightshift_model::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Name of the file, beside the keys.
const FILE: &str = "last-note.json";

/// The file's content.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// What was signed last; after an adoption, what the person took as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<KeptTree>,
    /// Why the executor is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
}

/// A signed tree, whole enough to grow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptTree {
    /// Log, size, root, tip.
    pub kept: Kept,
    /// The roots of its whole subtrees, the largest first.
    pub peaks: Vec<Digest>,
    /// When.
    pub at: Timestamp,
    /// The note; none right after an adoption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It cannot be read or written.
    #[error("the last note {path} cannot be {operation}")]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        operation: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It is not what was written there.
    #[error("the last note {path} is damaged: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How.
        what: String,
    },
}

impl State {
    /// After a note was signed.
    pub fn signed(kept: Kept, tree: &Tree, note: String, at: Timestamp) -> Self {
        Self {
            kept: Some(KeptTree { kept, peaks: tree.peaks().to_vec(), at, note: Some(note) }),
            closed: None,
        }
    }
}

/// The file.
#[derive(Clone, Debug)]
pub struct StateFile {
    folder: PathBuf,
}

impl StateFile {
    /// In the folder of the keys.
    pub fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The folder of the keys.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// What it says; `None` when there is none yet.
    ///
    /// # Errors
    /// [`StateError`]: then nobody knows what was signed.
    pub fn read(&self) -> Result<Option<State>, StateError> {
        let path = self.path();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StateError::File { path, operation: "read", source }),
        };
        let damaged = |what: String| StateError::Damaged { path: path.clone(), what };
        let state: State = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if let Some(KeptTree { kept, peaks, .. }) = &state.kept {
            let root = Tree::of_parts(kept.size, peaks.clone()).map(|tree| tree.root());
            if root != Some(kept.root) {
                return Err(damaged("size and root do not fit".to_owned()));
            }
        }
        Ok(Some(state))
    }

    /// Writes it whole or not at all, and onto the disk.
    ///
    /// # Errors
    /// [`StateError::File`]: then the old one stands.
    pub async fn write(&self, state: State) -> Result<(), StateError> {
        let file = self.clone();
        let written = tokio::task::spawn_blocking(move || file.put(&state)).await;
        let written = written.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        written.map_err(|source| StateError::File { path: self.path(), operation: "written", source })
    }

    /// Remembers that the executor is closed, whatever else stands there.
    ///
    /// # Errors
    /// As [`StateFile::write`]. A damaged file is left as it is: it closes by itself.
    pub async fn close(&self, why: String) -> Result<(), StateError> {
        let state = self.read()?.unwrap_or_default();
        self.write(State { closed: Some(why), ..state }).await
    }

    fn put(&self, state: &State) -> std::io::Result<()> {
        let fresh = self.folder.join(format!("{FILE}.new"));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        serde_json::to_writer(&mut file, state)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        std::fs::rename(&fresh, self.path())?;
        File::open(&self.folder)?.sync_all()
    }
}
