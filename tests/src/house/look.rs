//! What a test does to a house, and what it waits for.

use super::House;
use crate::person::Browser;
use anyhow::{Context as _, bail, ensure};
use nightshift::demo::objects;
use nightshift::runtime::Running;
use nightshift::runtime::doors::Doors;
use nightshift::runtime::tell::{self, Voices};
use nightshift::stages::digest::Daily;
use nightshift::store::{Filter, HistoryStore as _, SqliteStore};
use nightshift_model::history::Row;
use nightshift_model::{
    Actor, HistoryEvent, Incident, IncidentEvent, IncidentId, Kind, ObjectRef, Outcome, PersonId, Phase,
    Proposal, Stream, SystemEvent,
};
use serde_json::Value;
use std::time::Duration;

/// A step that takes longer in real time did not happen.
const STUCK: Duration = Duration::from_mins(1);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(25);

impl House {
    /// The history, for reading: also while nothing runs.
    pub fn history(&self) -> anyhow::Result<&SqliteStore> {
        self.history.as_ref().context("nothing ran yet")
    }

    /// What runs.
    pub fn running(&self) -> anyhow::Result<&Running> {
        self.night.as_ref().map(|night| &night.running).context("nothing runs")
    }

    /// Its doors for people.
    pub fn doors(&self) -> anyhow::Result<&Doors> {
        self.night.as_ref().map(|night| &night.doors).context("nothing runs")
    }

    /// Lets it speak to people, by tasks that die with it.
    pub fn speak(&self, voices: Voices) -> anyhow::Result<()> {
        let night = self.night.as_ref().context("nothing runs")?;
        let _within = night.tasks.0.as_ref().context("nothing runs")?.enter();
        let at = Daily { at: jiff::civil::time(8, 0, 0, 0), zone: jiff::tz::TimeZone::UTC };
        tell::start(&night.running, &night.doors, tell::digests(&night.running, at), voices);
        Ok(())
    }

    /// `/readyz`: the status and what it says.
    pub async fn ready(&self) -> anyhow::Result<(u16, Value)> {
        let (status, text) = self.machine("/readyz").await?;
        Ok((status, serde_json::from_str(&text)?))
    }

    /// A page for machines.
    pub async fn machine(&self, path: &str) -> anyhow::Result<(u16, String)> {
        let address = self.night.as_ref().context("nothing runs")?.health;
        let answer = reqwest::get(format!("http://{address}{path}")).await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    /// Applies an object as a developer would.
    pub fn apply(&self, object: Value) -> anyhow::Result<ObjectRef> {
        let now = self.clock.now().get();
        let made =
            self.door.with(|sim| sim.apply(object, now)).map_err(|status| anyhow::anyhow!("{status}"))?;
        let text = |at: &str| made.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        let kind = Kind::parse(&text("/kind"));
        let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
        let object = ObjectRef::new(kind, &namespace, &name, &text("/metadata/uid"));
        self.door.with(|sim| objects::metrics(sim, &object));
        Ok(object)
    }

    /// Deploys `web:<version>` with two replicas; version 2 crashes.
    pub fn deploy(&self, name: &str, version: u32) -> anyhow::Result<ObjectRef> {
        self.apply(web(name, version))
    }

    /// A Deployment that was seen healthy and then got the version that crashes.
    pub async fn crash(&self, name: &str) -> anyhow::Result<ObjectRef> {
        let scope = self.deploy(name, 1)?;
        self.healthy(&scope, 1).await?;
        self.deploy(name, 2)
    }

    /// The same, until the proposal waits.
    pub async fn proposed(&self, name: &str) -> anyhow::Result<(ObjectRef, Proposal)> {
        let scope = self.crash(name).await?;
        let proposal = self.proposal(&scope).await?;
        Ok((scope, proposal))
    }

    /// The proposal that waits for a scope.
    pub async fn proposal(&self, scope: &ObjectRef) -> anyhow::Result<Proposal> {
        let incident = self.incident("a proposal", scope, |i| settled(i) || proposed(i).is_some()).await?;
        proposed(&incident).cloned().with_context(|| format!("no proposal: {:?}", incident.phase))
    }

    /// The Deployment as it stands.
    pub fn live(&self, name: &str) -> Value {
        let path = format!("/apis/apps/v1/namespaces/{}/deployments/{name}", objects::NAMESPACE);
        self.door.with(|sim| sim.get(&path).map(|found| serde_json::json!(found))).unwrap_or_default()
    }

    /// The image that it wants.
    pub fn image(&self, name: &str) -> String {
        let image = self.live(name);
        let image = image.pointer("/spec/template/spec/containers/0/image");
        image.and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Effective writes of nightshift to a Deployment: those that carried an operation out.
    pub fn writes(&self, name: &str) -> usize {
        let ours = |w: &&nightshift_sim::Accepted| w.changed && w.user == super::EXECUTOR;
        let done = |w: &&nightshift_sim::Accepted| carries_out(&w.path, &w.body, name);
        self.door.with(|sim| sim.accepted().iter().filter(ours).filter(done).count())
    }

    /// Requests to carry an operation out that arrived at the API server, whatever it answered.
    pub fn arrivals(&self, name: &str) -> usize {
        self.door.arrivals().iter().filter(|r| carries_out(&r.path, &r.body, name)).count()
    }

    /// Everything that nightshift had accepted as a change of a Deployment, marks included.
    pub fn touches(&self, name: &str) -> usize {
        let path = format!("/deployments/{name}");
        let ours = |w: &&nightshift_sim::Accepted| w.user == super::EXECUTOR && w.path.ends_with(&path);
        self.door.with(|sim| sim.accepted().iter().filter(ours).count())
    }

    /// Waits until something is there.
    pub async fn within<T>(
        &self,
        what: &str,
        look: impl AsyncFn() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let began = self.clock.monotonic();
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            ensure!(self.clock.monotonic().saturating_sub(began) < STUCK, "{what} did not happen");
            self.clock.sleep_real(LOOK).await;
        }
    }

    /// Waits until the newest incident of a scope is as wanted.
    pub async fn incident(
        &self,
        what: &str,
        scope: &ObjectRef,
        wanted: impl Fn(&Incident) -> bool,
    ) -> anyhow::Result<Incident> {
        let found = self.within(what, async || Ok(self.newest(scope).await?.filter(|i| wanted(i)))).await;
        match found {
            Ok(found) => Ok(found),
            Err(error) => {
                let phase = self.newest(scope).await?.map(|i| i.phase.word());
                bail!("{error}; the incident is {}", phase.unwrap_or("not open"))
            }
        }
    }

    /// Waits until an incident of a scope is over or with a person.
    pub async fn over(&self, scope: &ObjectRef) -> anyhow::Result<Incident> {
        self.incident("an end", scope, settled).await
    }

    /// The newest incident of a scope.
    pub async fn newest(&self, scope: &ObjectRef) -> anyhow::Result<Option<Incident>> {
        let all = self.incidents().await?;
        Ok(all.into_iter().find(|i| i.scope.same_name(scope)))
    }

    /// All incidents, newest first.
    pub async fn incidents(&self) -> anyhow::Result<Vec<Incident>> {
        Ok(self.history()?.snapshots(&Filter::newest(1_000)).await?)
    }

    /// Waits until that many revisions of a Deployment were recorded healthy.
    pub async fn healthy(&self, workload: &ObjectRef, revisions: usize) -> anyhow::Result<()> {
        self.within("a healthy revision", async || {
            let seen = self.history()?.healthy_revisions(workload).await?;
            Ok((seen.len() >= revisions).then_some(()))
        })
        .await
    }

    /// What happened to an incident, in order.
    pub async fn events(&self, id: &IncidentId) -> anyhow::Result<Vec<IncidentEvent>> {
        let rows: Vec<Row> = self.history()?.stream_events(&Stream::Incident(id.clone())).await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| match row.event {
                HistoryEvent::Incident(event) => Some(event),
                HistoryEvent::System(_) => None,
            })
            .collect())
    }

    /// The verdict on a scope's write, once there is one.
    pub async fn verdict(&self, scope: &ObjectRef) -> anyhow::Result<Outcome> {
        self.within("a verdict", async || {
            let Some(incident) = self.newest(scope).await? else { return Ok(None) };
            Ok(self.events(&incident.id).await?.into_iter().find_map(|event| {
                if let IncidentEvent::Judged { outcome } = event { Some(outcome) } else { None }
            }))
        })
        .await
    }

    /// What happened to nightshift itself, of some kinds; no kinds means all.
    pub async fn system(&self, kinds: &[&str]) -> anyhow::Result<Vec<SystemEvent>> {
        let rows = self.history()?.system_events(kinds).await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| match row.event {
                HistoryEvent::System(event) => Some(event),
                HistoryEvent::Incident(_) => None,
            })
            .collect())
    }

    /// A browser in which a person has signed in with a one-time link.
    pub async fn person(&self, name: &str) -> anyhow::Result<Browser> {
        let doors = self.doors()?;
        let link = doors.gate.invite(&PersonId::from(name), &Actor::Operator).await?;
        let mut browser = Browser::new(&doors.origin())?;
        browser.sign_in(&link.context("no sign-in link")?).await?;
        Ok(browser)
    }

    /// A person opens the proposal, types the code and approves.
    pub async fn approve(&self, name: &str, proposal: &Proposal) -> anyhow::Result<()> {
        let mut browser = self.person(name).await?;
        let ballot = browser.ballot(&format!("/p/{}", proposal.id())).await?;
        let answer = browser.cast(&ballot.decide("approve")).await?;
        ensure!(answer.status < 400, "the vote was refused: {} {}", answer.status, answer.text);
        Ok(())
    }
}

/// `web:<version>` with two replicas; version 2 crashes.
pub fn web(name: &str, version: u32) -> Value {
    objects::workload(name, &format!("web:{version}"), 2, &format!("release {version}"))
}

/// Whether an incident is over, or a person has it.
pub fn settled(incident: &Incident) -> bool {
    matches!(incident.phase, Phase::Closed { .. } | Phase::Escalated { .. })
}

fn proposed(incident: &Incident) -> Option<&Proposal> {
    if let Phase::Proposed { proposal, .. } = &incident.phase { Some(proposal) } else { None }
}

fn carries_out(path: &str, body: &[u8], name: &str) -> bool {
    path.ends_with(&format!("/deployments/{name}")) && body.windows(6).any(|w| w == b"\"done:")
}
