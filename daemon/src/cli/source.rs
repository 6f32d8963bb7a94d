//! Which history and which configuration a command reads.

use super::Failure;
use crate::clock::Clock;
use crate::config::Config;
use crate::runtime::offline::{self, Found, Reads, SqliteStore};
use std::path::{Path, PathBuf};

/// The configuration that is read when none is named.
pub(super) const DEFAULT: &str = "nightshift.yaml";

/// `--config`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ConfigArg {
    /// The configuration file
    #[arg(short, long, value_name = "FILE", env = "NIGHTSHIFT_CONFIG", hide_env_values = true, default_value = DEFAULT)]
    pub(super) config: PathBuf,
}

/// `--config` or `--db`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct SourceArg {
    /// The configuration file, which names the history [default: nightshift.yaml]
    #[arg(short, long, value_name = "FILE", env = "NIGHTSHIFT_CONFIG", hide_env_values = true)]
    pub(super) config: Option<PathBuf>,
    /// The history itself, read without a configuration
    #[arg(long, value_name = "FILE", env = "NIGHTSHIFT_DB", hide_env_values = true)]
    pub(super) db: Option<PathBuf>,
}

/// What a command reads.
pub(super) struct Source {
    pub(super) config: Option<Config>,
    pub(super) store: SqliteStore,
}

impl SourceArg {
    /// The configuration, when one is named or no history is.
    pub(super) fn configured(&self) -> Result<Option<Config>, Failure> {
        match (&self.config, &self.db) {
            (None, Some(_)) => Ok(None),
            (Some(path), _) => Config::load(path).map(Some).map_err(Failure::from),
            (None, None) => Config::load(Path::new(DEFAULT)).map(Some).map_err(Failure::from),
        }
    }

    /// Opens the history, read-only.
    pub(super) async fn open(&self) -> Result<Source, Failure> {
        let config = self.configured()?;
        let path = self.db.clone().or_else(|| config.as_ref().map(|c| c.store.path.clone()));
        let path = path.unwrap_or_else(|| PathBuf::from(DEFAULT));
        Ok(Source { config, store: history(&path).await? })
    }
}

impl Source {
    pub(super) fn reads(&self, clock: Clock) -> Reads {
        Reads::new(self.store.clone(), clock)
    }
}

/// Opens a history, read-only.
pub(super) async fn history(path: &Path) -> Result<SqliteStore, Failure> {
    if !path.exists() {
        return Err(Failure::io(format!("there is no history at {}", path.display()))
            .then("name another file with --db, or start nightshift once: it makes the file"));
    }
    offline::open(path).await.map_err(Failure::from)
}

/// The one thing that an id or its beginning leads to.
pub(super) fn one<T: std::fmt::Display>(found: Found<T>, what: &str, asked: &str) -> Result<T, Failure> {
    match found {
        Found::One(id) => Ok(id),
        Found::None => Err(Failure::found(
            format!("no {what} begins with `{asked}`"),
            format!("`nightshift {what}s list` shows the ids"),
        )),
        Found::Several(ids) => {
            let shown: Vec<String> = ids.iter().take(5).map(ToString::to_string).collect();
            let more = if ids.len() > 5 { ", and more" } else { "" };
            Err(Failure::found(
                format!("{} {what}s begin with `{asked}`: {}{more}", ids.len(), shown.join(", ")),
                "write more of the id",
            ))
        }
    }
}
