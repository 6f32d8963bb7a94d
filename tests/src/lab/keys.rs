//! A nightshift of the lab at whose gate only signatures count: two persons with keys, one who asks and one who decides.

use super::Cluster;
use super::night::{Night, Wanted, events, judged, registry};
use crate::person::Browser;
use crate::signer::{Signer, posted};
use anyhow::{Context as _, ensure};
use nightshift_model::history::Row;
use nightshift_model::{
    ActionKind, Actor, Incident, IncidentEvent, ObjectRef, Outcome, PersonId, Phase, Proposal, Sent,
    VoteDecision,
};
use serde_json::{Value, json};

/// A running nightshift, and two who hold keys.
pub struct Keyed {
    /// What runs.
    pub night: Night,
    /// Asks.
    pub alice: Signer,
    /// Decides.
    pub bob: Signer,
}

impl Keyed {
    /// Starts one in a namespace that it makes. A second write may follow the first at once.
    pub async fn start(cluster: &Cluster, namespace: &str) -> anyhow::Result<Self> {
        cluster.namespace(namespace).await?;
        let (alice, bob) = (Signer::new("alice", 1)?, Signer::new("bob", 2)?);
        let mut persons = serde_json::to_value(registry()?)?;
        let list = persons.get_mut("persons").and_then(Value::as_array_mut).context("no persons")?;
        list.push(json!({"name": "bob", "roles": ["on-call"]}));
        let policy = persons.get_mut("policy").and_then(Value::as_object_mut).context("no policy")?;
        policy.insert("cool_down".to_owned(), json!("1s"));
        // What is broken on purpose must be found out while somebody waits for it.
        let soak = json!({"low": "20s", "medium": "20s", "high": "20s"});
        for (field, value) in [("soak", soak), ("soak_crash_loop", json!("20s")), ("settle", json!("60s"))] {
            policy.insert(field.to_owned(), value);
        }
        let registry = serde_json::from_value(Signer::registry(persons, &[&alice, &bob], 1))?;
        let wanted = Wanted { registry: Some(registry), ..Wanted::approve(cluster, namespace).await? };
        Ok(Self { night: Night::start(wanted).await?, alice, bob })
    }

    /// Waits for the proposal of an action that is not `after`.
    pub async fn proposal(
        &self,
        scope: &ObjectRef,
        action: ActionKind,
        after: Option<&Proposal>,
    ) -> anyhow::Result<Proposal> {
        let other =
            |i: &Incident| i.phase.proposal().is_some_and(|p| Some(p.id()) != after.map(Proposal::id));
        let stuck = |i: &Incident| after.is_none() && matches!(i.phase, Phase::Escalated { .. });
        let incident = self.night.incident("a proposal", scope, |i| other(i) || stuck(i)).await?;
        let proposal = incident.phase.proposal().with_context(|| format!("{:?}", incident.phase))?;
        ensure!(proposal.plan().action.kind() == action, "another action: {:?}", proposal.plan().action);
        Ok(proposal.clone())
    }

    /// bob signs the proposal's digest and posts his vote; then everything is carried out, measured and judged.
    pub async fn decided(&self, proposal: &Proposal) -> anyhow::Result<Vec<Row>> {
        let vote = self.bob.vote(proposal, VoteDecision::Approve, 1, self.night.now());
        let url = format!("{}/v1/proposals/{}/votes", self.night.doors.origin(), proposal.id());
        let http = reqwest::Client::builder().no_proxy().build()?;
        let answer = http.post(url).json(&posted(&vote)).send().await?;
        ensure!(answer.status().is_success(), "the vote was refused: {}", answer.text().await?);
        let id = &proposal.plan().incident;
        let over =
            |i: &Incident| i.id == *id && matches!(i.phase, Phase::Closed { .. } | Phase::Escalated { .. });
        let done = self.night.incident("the end", proposal.plan().action.workload(), over).await?;
        self.night.rows(&done).await
    }

    /// alice presses *propose the inverse* on the page of a finished write; `None` where the page offers none.
    pub async fn take_back(&self, done: &Proposal) -> anyhow::Result<Option<()>> {
        let link = self.night.doors.gate.invite(&PersonId::from("alice"), &Actor::Operator).await?;
        let mut alice = Browser::new(&self.night.doors.origin())?;
        alice.sign_in(&link.context("no sign-in link")?).await?;
        let page = alice.get(&format!("/p/{}", done.id())).await?.text;
        let Some(form) = alice.form(&page, "/inverse") else { return Ok(None) };
        let asked = alice.cast(&form.with("because", "the lab puts it back")).await?;
        ensure!(asked.status == 200, "{}", asked.text);
        Ok(Some(()))
    }

    /// The last write of an incident's history was accepted; how it was judged.
    pub fn written(rows: &[Row]) -> anyhow::Result<Outcome> {
        let sent: Vec<&IncidentEvent> =
            events(rows).filter(|e| matches!(e, IncidentEvent::Sent { .. })).collect();
        let applied = matches!(sent.as_slice(), [IncidentEvent::Sent { sent: Sent::Applied { .. } }]);
        ensure!(applied, "not one write that was accepted: {sent:?}");
        judged(rows).context("it was not judged")
    }
}

/// The pod template of a workload.
pub async fn template(cluster: &Cluster, object: &ObjectRef) -> anyhow::Result<Value> {
    let live = cluster.get(&object.path().context("no path")?).await?.ok()?;
    live.pointer("/spec/template").cloned().context("no template")
}
