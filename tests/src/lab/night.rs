//! A nightshift on the lab's cluster, in this process, with a person at its gate.

use super::identity::{self, Identities};
use super::pager::{Heard, Pager};
use super::{Cluster, within};
use anyhow::{Context as _, ensure};
use nightshift::clock::Clock;
use nightshift::cluster::Access;
use nightshift::cluster::stream::Timing;
use nightshift::config::{self, Keys};
use nightshift::demo::person::Person;
use nightshift::prometheus::Settings;
use nightshift::runtime::checkpoint::Signing;
use nightshift::runtime::doors::{self, Doors};
use nightshift::runtime::{self, Parts, Running, Setup, tell};
use nightshift::stages::digest::Daily;
use nightshift::store::{Filter, HistoryStore as _, OpenMode, SqliteStore, audit};
use nightshift_detectors::Params;
use nightshift_engine::rules::Mode;
use nightshift_model::history::Row;
use nightshift_model::{
    Actor, HistoryEvent, Incident, IncidentEvent, ObjectRef, Outcome, PersonId, Phase, Proposal, Registry,
    Stream, Timestamp,
};
use nightshift_playbooks::Catalog;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// Who decides.
pub const PERSON: &str = "alice";
/// The longest that a step of nightshift may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// Where a nightshift of the lab works, and as whom.
pub struct Wanted {
    /// The namespace that it watches and may write in.
    pub namespace: String,
    /// As whom.
    pub identities: Identities,
    /// Another way of the executor to the API server.
    pub executor: Option<Access>,
    /// Other persons than the lab's one.
    pub registry: Option<Registry>,
    /// What the executor wants of the lock at the API server.
    pub lock: Option<runtime::closings::lock::Wanted>,
}

impl Wanted {
    /// Approval in one namespace, which exists, with the rights of docs/rbac.
    pub async fn approve(admin: &Cluster, namespace: &str) -> anyhow::Result<Self> {
        let identities = Identities::make(admin, namespace).await?;
        Ok(Self { namespace: namespace.to_owned(), identities, executor: None, registry: None, lock: None })
    }
}

/// A running nightshift with its gate.
pub struct Night {
    /// What runs.
    pub running: Running,
    /// The gate.
    pub doors: Doors,
    /// The history.
    pub store: SqliteStore,
    /// What the person on call is sent.
    pub pager: Pager,
    clock: Clock,
    _folder: tempfile::TempDir,
}

/// Who may decide, and the lab's short times.
pub fn registry() -> anyhow::Result<Registry> {
    let registry = json!({
        "persons": [{"name": PERSON, "roles": ["on-call"]}],
        "roles": {"on-call": {"owners": ["*"], "may": ["view", "approve", "admin"]}},
        "policy": {
            "healthy_after": "15s", "soak": {"low": "60s", "medium": "60s", "high": "60s"},
            "soak_crash_loop": "60s", "measure_every": "5s",
        },
    });
    serde_json::from_value(registry).context("the registry of the lab")
}

impl Night {
    /// Starts one.
    pub async fn start(wanted: Wanted) -> anyhow::Result<Self> {
        let clock = Clock::wall();
        let folder = tempfile::tempdir()?;
        let pager = Pager::open().await?;
        let store = SqliteStore::open(folder.path().join("nightshift.db"), OpenMode::ReadWrite).await?;
        let Identities { responder, executor } = &wanted.identities;
        let own = identity::access(executor, folder.path(), "executor")?;
        let url = std::env::var("LAB_PROMETHEUS").context("the lab was started without Prometheus")?;
        let setup = Setup {
            clock,
            store: store.clone(),
            parts: Parts::ALL,
            executor: wanted.executor.unwrap_or(own),
            credential: None,
            responder: identity::access(responder, folder.path(), "responder")?,
            cluster_name: "lab".to_owned(),
            namespaces: vec![wanted.namespace.clone()],
            mode: Mode::Approve { namespaces: vec![wanted.namespace] },
            registry: wanted.registry.map_or_else(registry, Ok)?,
            playbooks: Catalog::embedded(),
            prometheus: Some(Settings { url, ..Settings::default() }),
            kill_switch: false,
            alertmanager: None,
            ignore: nightshift_model::Ignore::default(),
            noise: nightshift_model::Noise::default(),
            home: String::new(),
            timing: Timing::default(),
            params: Params::default(),
            seed: 1,
            signing: Some(Signing { folder: folder.path().join("executor-keys"), say: Arc::new(|_| {}) }),
            lock: wanted.lock,
            metrics: nightshift::telemetry::Metrics::default(),
        };
        let running = runtime::start(setup).await?;
        // A port of its own beforehand: messages link to what the configuration names, and to nothing else.
        let free = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let public = config::PublicUrl::parse(&format!("http://{free}")).map_err(anyhow::Error::msg)?;
        let gate = config::Gate { listen: free, public_url: Some(public), ..config::Gate::default() };
        let notify =
            config::Notify { webhooks: vec![pager.webhook(folder.path())?], ..config::Notify::default() };
        let zone = notify.digest.time_zone();
        let digests = tell::digests(&running, Daily { at: notify.digest.at.0, zone: zone.clone() });
        let sheets = tell::sheets(&digests);
        let mut metrics = prometheus_client::registry::Registry::default();
        let doors =
            doors::open(&running, &gate, Keys::random()?, zone, sheets, tell::told(&digests), &mut metrics)
                .await?;
        tell::start(&running, &doors, digests, tell::voices(&notify, &config::Network::default())?);
        Ok(Self { running, doors, store, pager, clock, _folder: folder })
    }

    /// The wall's time, as history rows have it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Waits until a number of revisions of a workload was recorded healthy.
    pub async fn healthy(&self, workload: &ObjectRef, revisions: usize) -> anyhow::Result<()> {
        within(PATIENCE, "nightshift records a healthy revision", async || {
            let seen = self.store.healthy_revisions(workload).await?;
            Ok((seen.len() >= revisions).then_some(()))
        })
        .await
    }

    /// Incidents, newest first.
    pub async fn incidents(&self) -> anyhow::Result<Vec<Incident>> {
        Ok(self.store.snapshots(&Filter::newest(50)).await?)
    }

    /// Waits until the newest incident of a workload is as wanted.
    pub async fn incident(
        &self,
        what: &str,
        scope: &ObjectRef,
        wanted: impl Fn(&Incident) -> bool,
    ) -> anyhow::Result<Incident> {
        let found = within(PATIENCE, what, async || {
            let newest = self.incidents().await?.into_iter().find(|i| i.scope.same_name(scope));
            Ok(newest.filter(|i| wanted(i)))
        })
        .await;
        match found {
            Ok(incident) => Ok(incident),
            Err(error) => {
                let stands: Vec<String> =
                    self.incidents().await?.iter().map(|i| format!("{} {:?}", i.scope, i.phase)).collect();
                Err(error.context(format!("incidents: {}", stands.join("; "))))
            }
        }
    }

    /// Waits until a proposal is sealed; anything that ends without one is a failure.
    pub async fn proposal(&self, scope: &ObjectRef) -> anyhow::Result<Proposal> {
        let over = |i: &Incident| matches!(i.phase, Phase::Proposed { .. } | Phase::Escalated { .. });
        let incident = self.incident("a proposal", scope, over).await?;
        let Phase::Proposed { proposal, .. } = incident.phase else {
            anyhow::bail!("no proposal was made: {:?}", incident.phase);
        };
        Ok(proposal)
    }

    /// Waits until the pager was sent the proposal.
    pub async fn paged(&self, proposal: &Proposal) -> anyhow::Result<Heard> {
        within(PATIENCE, "a page about the proposal", async || {
            let about = |heard: &Heard| heard.said("proposal") == Some(proposal.id().as_str());
            Ok(self.pager.heard().into_iter().find(about))
        })
        .await
        .with_context(|| format!("heard: {:?}", self.pager.heard()))
    }

    /// alice signs in with a one-time link, opens the link that the pager was sent, types the code and approves: all
    /// over HTTP.
    pub async fn approve(&self, proposal: &Proposal) -> anyhow::Result<()> {
        let page = self.paged(proposal).await?;
        let link = page.said("link").context("the page carries no link")?;
        let invite = self.doors.gate.invite(&PersonId::from(PERSON), &Actor::Operator).await?;
        let mut person = Person::new(&self.doors.origin())?;
        person.sign_in(&invite.context("the gate makes no sign-in links")?).await?;
        let page = person.approve(link).await?;
        ensure!(page.status < 400, "the vote was refused with status {}", page.status);
        Ok(())
    }

    /// Everything that was recorded of an incident.
    pub async fn rows(&self, incident: &Incident) -> anyhow::Result<Vec<Row>> {
        Ok(self.store.stream_events(&Stream::Incident(incident.id.clone())).await?)
    }

    /// Holds the history to its chain and its folds.
    pub async fn audit(&self) -> anyhow::Result<()> {
        let report = audit::verify(&self.store, 0, &audit::Held::default()).await?;
        ensure!(report.problems.is_empty() && report.warnings.is_empty(), "{report:?}");
        ensure!(!report.partial && report.incidents == self.incidents().await?.len(), "{report:?}");
        Ok(())
    }

    /// Stops at a safe point.
    pub async fn end(self) {
        self.doors.shutdown().await;
        self.running.shutdown().await;
    }
}

/// When the first event of a kind was recorded.
pub fn at(rows: &[Row], kind: &str) -> Option<Timestamp> {
    rows.iter().find(|row| row.event.kind() == kind).map(|row| row.at)
}

/// The events of an incident.
pub fn events(rows: &[Row]) -> impl Iterator<Item = &IncidentEvent> {
    rows.iter().filter_map(|row| match &row.event {
        HistoryEvent::Incident(event) => Some(event),
        HistoryEvent::System(_) => None,
    })
}

/// The verdict of the verification.
pub fn judged(rows: &[Row]) -> Option<Outcome> {
    events(rows).find_map(|event| {
        if let IncidentEvent::Judged { outcome } = event { Some(outcome.clone()) } else { None }
    })
}
