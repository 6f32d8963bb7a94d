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
    /// The configuration file [default: nightshift.yaml, or what NIGHTSHIFT_CONFIG names]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// `--config` or `--db`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct SourceArg {
    /// The configuration file, which names the history [default: nightshift.yaml, or what NIGHTSHIFT_CONFIG names]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The history itself, read without a configuration [default: what NIGHTSHIFT_DB names]
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
}

/// A file that the environment names. Read here and not by clap, for which it would count as written: then
/// `incidents show` would be an option of the list and a subcommand at once.
fn environment(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

impl ConfigArg {
    /// The file to read.
    pub(super) fn path(&self) -> PathBuf {
        self.named().unwrap_or_else(|| PathBuf::from(DEFAULT))
    }

    /// The file, if anybody named one.
    pub(super) fn named(&self) -> Option<PathBuf> {
        self.config.clone().or_else(|| environment("NIGHTSHIFT_CONFIG"))
    }
}

/// What a command reads.
pub(super) struct Source {
    pub(super) config: Option<Config>,
    pub(super) store: SqliteStore,
}

impl SourceArg {
    /// Opens the history, read-only. What the command line names goes before what the environment names.
    pub(super) async fn open(&self) -> Result<Source, Failure> {
        let db =
            self.db.clone().or_else(|| self.config.is_none().then(|| environment("NIGHTSHIFT_DB")).flatten());
        let config = match (&self.config, &db) {
            (None, Some(_)) => None,
            (Some(path), _) => Some(Config::load(path)?),
            (None, None) => Some(Config::load(&ConfigArg { config: None }.path())?),
        };
        let path = db.or_else(|| config.as_ref().map(|c| c.store.path.clone()));
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
