//! Which history and which configuration a command reads.

use super::Failure;
use super::remote::Remote;
use crate::api::incident::{IncidentDetail, IncidentLine, IncidentPage, IncidentQuery};
use crate::api::proposal::{ProposalDetail, ProposalLine, ProposalPage, ProposalQuery};
use crate::clock::Clock;
use crate::config::Config;
use crate::runtime::offline::{self, Course, Found, MOST, Reader, Reads, SqliteStore, Story};
use nightshift_model::IncidentId;
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

/// `--config`, `--db` or `--server`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct SourceArg {
    /// The configuration file, which names the history [default: nightshift.yaml, or what NIGHTSHIFT_CONFIG names]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The history itself, read without a configuration [default: what NIGHTSHIFT_DB names]
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// A running nightshift instead of a file, as https://HOST [default: what NIGHTSHIFT_SERVER names]
    #[arg(long, value_name = "URL", conflicts_with_all = ["config", "db"])]
    server: Option<String>,
    /// The file with the token for it [default: what NIGHTSHIFT_TOKEN_FILE names]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Certificates that the server's own is signed by, besides the system's (PEM)
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// A file that the environment names. Read here and not by clap, for which it would count as written: then
/// `incidents show` would be an option of the list and a subcommand at once.
pub(super) fn environment(name: &str) -> Option<PathBuf> {
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

/// What a command reads: a file, or a running nightshift. Both answer in the same words, so that a command shows
/// them in one way.
pub(super) enum Source {
    /// The history itself.
    File(Box<File>),
    /// Over `/v1`.
    Server(Remote),
}

/// A history and, where one is named, its configuration.
pub(super) struct File {
    pub(super) config: Option<Config>,
    pub(super) store: SqliteStore,
    clock: Clock,
}

impl SourceArg {
    /// Opens what is named. What the command line names goes before what the environment names.
    pub(super) async fn open(&self, clock: Clock) -> Result<Source, Failure> {
        let named = self.config.is_some() || self.db.is_some();
        let server = self.server.clone().or_else(|| {
            let from = environment("NIGHTSHIFT_SERVER").filter(|_| !named)?;
            from.into_os_string().into_string().ok()
        });
        let Some(server) = server else {
            if self.token_file.is_some() || self.ca_file.is_some() {
                let what = "--token-file and --ca-file are for a server";
                return Err(Failure::usage(what, "name the server with --server URL"));
            }
            return Ok(Source::File(Box::new(self.file(clock).await?)));
        };
        let token = self.token_file.clone().or_else(|| environment("NIGHTSHIFT_TOKEN_FILE"));
        Remote::new(&server, token.as_deref(), self.ca_file.as_deref()).map(Source::Server)
    }

    async fn file(&self, clock: Clock) -> Result<File, Failure> {
        let db =
            self.db.clone().or_else(|| self.config.is_none().then(|| environment("NIGHTSHIFT_DB")).flatten());
        let config = match (&self.config, &db) {
            (None, Some(_)) => None,
            (Some(path), _) => Some(Config::load(path)?),
            (None, None) => Some(Config::load(&ConfigArg { config: None }.path())?),
        };
        let path = db.or_else(|| config.as_ref().map(|c| c.store.path.clone()));
        let path = path.unwrap_or_else(|| PathBuf::from(DEFAULT));
        Ok(File { config, store: history(&path).await?, clock })
    }
}

impl File {
    pub(super) fn reads(&self) -> Reads {
        Reads::new(self.store.clone(), self.clock)
    }
}

/// A page of some list.
trait Page {
    type Line;
    fn parts(self) -> (Vec<Self::Line>, Option<String>);
}

impl Page for IncidentPage {
    type Line = IncidentLine;
    fn parts(self) -> (Vec<IncidentLine>, Option<String>) {
        (self.items, self.next)
    }
}

impl Page for ProposalPage {
    type Line = ProposalLine;
    fn parts(self) -> (Vec<ProposalLine>, Option<String>) {
        (self.items, self.next)
    }
}

/// Pages until there are `most` lines, or no more.
async fn pages<P: Page>(
    most: u32,
    page: impl AsyncFn(u32, Option<String>) -> Result<P, Failure>,
) -> Result<Vec<P::Line>, Failure> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let (mut all, mut cursor) = (Vec::new(), None);
    while all.len() < most {
        let left = u32::try_from(most - all.len()).unwrap_or(MOST).min(MOST);
        let (lines, next) = page(left, cursor).await?.parts();
        let empty = lines.is_empty();
        all.extend(lines);
        cursor = next;
        if cursor.is_none() || empty {
            break;
        }
    }
    Ok(all)
}

impl Source {
    /// The history itself, for what no server gives out.
    pub(super) fn file(self, what: &str) -> Result<File, Failure> {
        match self {
            Self::File(file) => Ok(*file),
            Self::Server(_) => Err(Failure::usage(
                format!("{what} is made from the history itself"),
                "run it where the history lies, with --config or --db",
            )),
        }
    }

    /// Incidents, newest first.
    pub(super) async fn incidents(
        &self,
        which: &IncidentQuery,
        most: u32,
    ) -> Result<Vec<IncidentLine>, Failure> {
        pages(most, async |limit, cursor| {
            let query = IncidentQuery { limit: Some(limit), cursor, ..which.clone() };
            match self {
                Self::File(file) => {
                    Ok::<IncidentPage, _>(file.reads().incidents(&Reader::operator(), &query).await?)
                }
                Self::Server(remote) => remote.get(&["incidents"], &query).await,
            }
        })
        .await
    }

    /// Proposals, newest first.
    pub(super) async fn proposals(
        &self,
        which: &ProposalQuery,
        most: u32,
    ) -> Result<Vec<ProposalLine>, Failure> {
        pages(most, async |limit, cursor| {
            let query = ProposalQuery { limit: Some(limit), cursor, ..which.clone() };
            match self {
                Self::File(file) => {
                    Ok::<ProposalPage, _>(file.reads().proposals(&Reader::operator(), &query).await?)
                }
                Self::Server(remote) => remote.get(&["proposals"], &query).await,
            }
        })
        .await
    }

    /// One incident by the beginning of its id.
    pub(super) async fn course(&self, asked: &str) -> Result<Course, Failure> {
        let id = self.incident_id(asked).await?;
        match self {
            Self::File(file) => {
                file.reads().incident(&id).await?.ok_or_else(|| unfolded(&format!("incident {id}")))
            }
            Self::Server(remote) => {
                let detail: IncidentDetail = remote.get(&["incidents", id.as_str()], &NOTHING).await?;
                Ok(Course::from(detail))
            }
        }
    }

    /// One proposal by the beginning of its id. Of a server only the sealed bytes are believed.
    pub(super) async fn story(&self, asked: &str) -> Result<Story, Failure> {
        let query = ProposalQuery { prefix: Some(asked.to_owned()), ..ProposalQuery::default() };
        let ids = self.proposals(&query, SEVERAL).await?.into_iter().map(|line| line.id).collect();
        let id = one(found(ids, asked), "proposal", asked)?;
        match self {
            Self::File(file) => {
                file.reads().proposal(&id).await?.ok_or_else(|| unfolded(&format!("proposal {id}")))
            }
            Self::Server(remote) => {
                let detail: ProposalDetail = remote.get(&["proposals", id.as_str()], &NOTHING).await?;
                Story::read(detail).map_err(|what| {
                    Failure::found(
                        format!("what the server sent is not the sealed plan of {id}: {what}"),
                        "believe nothing of it, and tell whoever runs nightshift",
                    )
                })
            }
        }
    }

    /// The whole id of an incident.
    pub(super) async fn incident_id(&self, asked: &str) -> Result<IncidentId, Failure> {
        let query = IncidentQuery { prefix: Some(asked.to_owned()), ..IncidentQuery::default() };
        let ids = self.incidents(&query, SEVERAL).await?.into_iter().map(|line| line.id).collect();
        one(found(ids, asked), "incident", asked)
    }
}

/// No parameters.
pub(super) const NOTHING: [(&str, &str); 0] = [];
/// Ids that are looked at for one beginning.
const SEVERAL: u32 = 200;

fn unfolded(what: &str) -> Failure {
    Failure::io(format!("the events of {what} do not add up"))
        .then("look at the file with `nightshift audit verify`")
}

fn found<T: std::fmt::Display>(mut ids: Vec<T>, asked: &str) -> Found<T> {
    if let Some(at) = ids.iter().position(|id| id.to_string() == asked) {
        return Found::One(ids.swap_remove(at));
    }
    match (ids.len(), ids.pop()) {
        (_, None) => Found::None,
        (1, Some(id)) => Found::One(id),
        (_, Some(id)) => {
            ids.push(id);
            Found::Several(ids)
        }
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
