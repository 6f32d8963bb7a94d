//! What commands need besides a running nightshift: the history read-only, a look at the cluster and at Prometheus,
//! a sign-in link.

mod anchor;
pub mod digest;
pub mod kubectl;
pub mod lock;
pub mod probe;
pub mod rights;
pub mod votes;

pub use super::checkpoint::adopt::{AdoptError, Adopted, adopt};
pub use super::checkpoint::state::{State, StateError, StateFile};
pub use crate::stages::query::{Course, End, Found, MOST, QueryError, Reader, Reads, Story, explain};
pub use crate::stages::vote::ask::{AskError, SignedBy};
pub use crate::stages::vote::people::PeopleError;
pub use crate::stages::vote::silences::{
    SilenceError, add as silence_add, end as silence_end, in_force as silences,
};
pub use crate::store::audit::{
    Exit as AuditExit, ExportError, Held, Problem, ProofDocument, ProveError, Recount, Report, check_proof,
    export, prove, verify, verify_jsonl,
};
pub use crate::store::{Filter, HistoryStore, OpenError, OpenMode, SqliteStore, StoreError, Which};
pub use anchor::{Anchor, anchored, anchored_jsonl};

pub use super::run::access;
pub use super::tell::ChannelError;
pub use crate::cluster::Access;
pub use crate::notify::Handed;

use super::checkpoint::Integrity;
use super::rules::{Fixed, RuleBook};
use super::tell::{channels, heartbeat};
use crate::clock::Clock;
use crate::config::{Config, Mode as Wanted, Notify, yaml_files};
use crate::http::gate::Site;
use crate::http::tls::{Certificate, TlsError};
use crate::network::Network;
use crate::notify::{Kind, ListNotice, Outgoing};
use crate::stages::vote::Votes;
use crate::stages::vote::people::{People, secret};
use crate::store::doors::hashed;
use nightshift_engine::Mode;
use nightshift_engine::vote_object::Looks;
use nightshift_model::{
    Actor, Cluster, Digest, Foreign, HistoryEvent, IncidentId, PersonId, Seconds, SystemEvent, Timestamp,
    Wish,
};
use nightshift_playbooks::catalog::EMBEDDED;
use nightshift_playbooks::{Catalog, LoadError, Source};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

/// Where a Pod finds its own namespace.
const HOME: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// Which loops a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleArg {
    /// Both, one loop each.
    All,
    /// Watches, explains, serves the gate, proves, tells; reads only.
    Responder,
    /// Carries out what was granted, nothing else.
    Executor,
}

/// Why playbooks are not in force.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A file or folder cannot be read.
    #[error("the playbooks in {path} cannot be read")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Everything that is wrong with them.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Wrong(Vec<LoadError>),
}

/// What Alertmanager silences, as it said last, and why that is not known.
///
/// # Errors
/// Those of the store.
pub async fn foreign(
    store: &SqliteStore,
    now: Timestamp,
) -> Result<(Vec<Foreign>, Option<String>), StoreError> {
    let system = super::rules::system(store).await?;
    Ok((system.foreign.into_iter().filter(|silence| silence.until > now).collect(), system.alertmanager))
}

/// How many findings and alerts opened nothing within a day, because they are ignored.
///
/// # Errors
/// Those of the store.
pub async fn ignored(store: &SqliteStore, now: Timestamp) -> Result<u32, StoreError> {
    let rows = store.events(now - Seconds(86_400), now + Seconds(1), &["quiet"]).await?;
    let counts = rows.iter().filter_map(|row| match &row.event {
        HistoryEvent::System(SystemEvent::Quiet { seen }) => Some(seen.ignored),
        HistoryEvent::System(_) | HistoryEvent::Incident(_) => None,
    });
    Ok(counts.fold(0, u32::saturating_add))
}

/// Opens a history to look at it. Nothing is changed, also when it is damaged.
///
/// # Errors
/// [`OpenError`] says what a person can do.
pub async fn open(path: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(path, OpenMode::ReadOnly).await
}

/// The shipped playbooks and those of some folders or files, in the order of their names.
///
/// # Errors
/// [`CatalogError`] with file, line and what to do.
pub fn catalog(places: &[PathBuf]) -> Result<Catalog, CatalogError> {
    let mut texts: Vec<(String, String)> = Vec::new();
    for place in places {
        let read = |source| CatalogError::Read { path: place.clone(), source };
        for file in yaml_files(place).map_err(read)? {
            let read = |source| CatalogError::Read { path: file.clone(), source };
            texts.push((file.display().to_string(), std::fs::read_to_string(&file).map_err(read)?));
        }
    }
    let more = texts.iter().map(|(file, text)| Source { file, text });
    let all: Vec<Source<'_>> = EMBEDDED.iter().copied().chain(more).collect();
    nightshift_playbooks::load(&all).map_err(CatalogError::Wrong)
}

/// Whether this process runs in a Pod.
pub fn in_cluster() -> bool {
    std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

/// Our own namespace; empty outside a cluster.
pub fn home() -> String {
    std::fs::read_to_string(HOME).map(|text| text.trim().to_owned()).unwrap_or_default()
}

/// The configured mode as decisions take it.
pub fn mode(config: &Config) -> Mode {
    match config.mode {
        Wanted::Observe => Mode::Observe,
        Wanted::Approve => Mode::Approve { namespaces: config.actions.patterns() },
    }
}

/// Rules as the configuration and the history have them, without asking the cluster.
pub fn rules(config: &Config, playbooks: Catalog, store: SqliteStore, clock: Clock) -> RuleBook {
    RuleBook {
        fixed: Arc::new(Fixed {
            cluster: Cluster { uid: String::new(), name: config.cluster.name.clone() },
            mode: mode(config),
            registry: Arc::new(config.registry.clone()),
            playbooks: Arc::new(playbooks),
            prometheus: config.prometheus.is_some(),
            noise: config.noise,
            home: String::new(),
            kill_switch: config.kill_switch,
        }),
        store,
        clock,
        nodes_not_ready: Arc::new(AtomicU32::new(0)),
        integrity: tokio::sync::watch::channel(Integrity::Open).1,
        own: None,
        counters: Arc::default(),
        looks: tokio::sync::watch::channel(Looks::default()).1,
    }
}

/// Whether messages could go to a channel, each by its name: addresses, keys, certificates. Nothing is sent.
pub fn endpoints(notify: &Notify, network: &Network) -> Vec<(String, Result<(), ChannelError>)> {
    let one = |name: &str, notify: Notify| (name.to_owned(), channels(&notify, network).map(drop));
    let none = Notify::default;
    let hooks = notify.webhooks.iter().map(|c| one(&c.name, Notify { webhooks: vec![c.clone()], ..none() }));
    let slack = notify.slack.iter().map(|c| one(&c.name, Notify { slack: vec![c.clone()], ..none() }));
    let apps = notify.slack_apps.iter();
    let apps = apps.map(|c| one(&c.name, Notify { slack_apps: vec![c.clone()], ..none() }));
    let pagers =
        notify.pagerduty.iter().map(|c| one(&c.name, Notify { pagerduty: vec![c.clone()], ..none() }));
    let mail = notify.mail.iter().map(|c| one(&c.name, Notify { mail: vec![c.clone()], ..none() }));
    let beat = notify.heartbeat.iter().map(|b| ("heartbeat".to_owned(), heartbeat(b, network).map(drop)));
    hooks.chain(slack).chain(apps).chain(pagers).chain(mail).chain(beat).collect()
}

/// One clearly marked message to every channel; the heartbeat is not among them.
///
/// # Errors
/// [`ChannelError`] when a channel cannot even be made.
pub async fn send_test(
    notify: &Notify,
    network: &Network,
    cluster: &str,
    now: nightshift_model::Timestamp,
) -> Result<Vec<(String, Handed)>, ChannelError> {
    let message = Outgoing::List(Box::new(ListNotice {
        kind: Kind::Post,
        cluster: cluster.to_owned(),
        title: "TEST of nightshift: nothing is wrong".to_owned(),
        lines: vec!["Somebody ran `nightshift check --send-test`. Nobody needs to do anything.".to_owned()],
        count: 0,
        link: None,
        command: Some("nightshift check".to_owned()),
    }));
    let key = format!("test:{now}");
    let mut handed = Vec::new();
    for channel in channels(notify, network)? {
        handed.push((channel.name.clone(), channel.hand(&key, &message, None, now).await));
    }
    Ok(handed)
}

/// What links to the gate begin with, if links can be made.
pub fn gate_url(config: &Config) -> Option<String> {
    Site::of(&config.gate, config.gate.listen, jiff::tz::TimeZone::UTC).base
}

/// Whether the gate could serve TLS with these files.
///
/// # Errors
/// [`TlsError`] names the file.
pub fn certificate(files: &crate::config::Tls) -> Result<(), TlsError> {
    Certificate::read(files).map(drop)
}

/// A token for reading, and what the registry keeps of it.
pub struct MadeToken {
    /// The token itself.
    pub text: String,
    /// SHA-256 of its text.
    pub sha256: Digest,
}

/// Makes a token: 32 random bytes behind a prefix by which it is recognised where it does not belong.
///
/// # Errors
/// When the system gives no randomness.
pub fn token() -> Result<MadeToken, PeopleError> {
    let text = format!("nst_{}", secret()?);
    Ok(MadeToken { sha256: hashed(text.as_bytes()), text })
}

/// Takes what a person asked for and signed, beside a running nightshift: its next look finds it. Here the signature is
/// over no cluster, for the history is at hand.
///
/// # Errors
/// [`AskError`]: nothing was asked then.
pub async fn ask(
    config: &Config,
    playbooks: Catalog,
    store: SqliteStore,
    clock: Clock,
    wish: Wish,
    by: &SignedBy,
) -> Result<IncidentId, AskError> {
    let book = rules(config, playbooks, store.clone(), clock);
    Votes::new(store, super::rules_now(&book), clock, Arc::new(|_| ())).ask_signed(wish, by).await
}

/// Makes a sign-in link's secret for a person of the registry, beside a running nightshift or without one.
///
/// # Errors
/// [`PeopleError`]: there is no link then.
pub async fn invite(
    config: &Config,
    store: SqliteStore,
    clock: Clock,
    person: &PersonId,
) -> Result<String, PeopleError> {
    let book = rules(config, Catalog::embedded(), store.clone(), clock);
    let people = People::new(store, super::rules_now(&book), clock);
    people.invite(person, &Actor::Operator).await
}
