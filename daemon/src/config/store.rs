//! `store:`.

use serde::Deserialize;
use std::path::PathBuf;

/// Where the history is kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// The SQLite file, on a local file system.
    pub path: PathBuf,
}

impl Default for Store {
    fn default() -> Self {
        Self { path: PathBuf::from("/var/lib/nightshift/nightshift.db") }
    }
}
