//! `kill -9` at the worst moments, a lost answer, and a human in between: every operation has one effect, or none.

use anyhow::{Context as _, ensure};
use nightshift_model::history::Row;
use nightshift_model::operation::OperationState;
use nightshift_model::{Incident, IncidentEvent, Outcome, Phase, Recovered, Sent};
use nightshift_tests::lab::Cluster;
use nightshift_tests::lab::night::{events, judged};
use nightshift_tests::lab::program::Program;
use nightshift_tests::lab::proxy::{Seen, Then};
use nightshift_tests::lab::workload::{Version, Workload};
use serde_json::Value;
use std::time::Duration;
use tokio::process::Command;

/// A proposal that waits in a program of its own.
struct Scene {
    shop: Workload,
    earlier: Value,
    program: Program,
}

impl Scene {
    async fn set(cluster: &Cluster, namespace: &str) -> anyhow::Result<Self> {
        cluster.namespace(namespace).await?;
        let program = Program::start(cluster, namespace, "approve").await?;
        let shop = Workload::serve(cluster, namespace, &Value::Null).await?;
        program.healthy(&shop.object).await?;
        let earlier = shop.template().await?;
        shop.release(&Version::BAD).await?;
        Ok(Self { shop, earlier, program })
    }

    /// Sets a trap, votes, and kills the program when the trap has sprung. Answers what was recorded until then.
    async fn kill_at(&mut self, on: fn(&Seen) -> bool, then: Then) -> anyhow::Result<Vec<&'static str>> {
        let proposal = self.program.proposal().await?;
        let mut trap = self.program.proxy.trap(on, then);
        self.program.approve(&proposal).await?;
        trap.caught().await.context("the moment did not come")?;
        self.program.kill().await?;
        let incident = self.program.incident("the incident", |_| true).await?;
        Ok(self.program.rows(&incident).await?.iter().map(|row| row.event.kind()).collect())
    }

    /// Starts again: the rollback must be proven, and the cluster must have seen exactly one change of the template.
    async fn one_write(mut self, arrived: usize) -> anyhow::Result<()> {
        self.program.again()?;
        self.proven(arrived).await?;
        self.finish().await
    }

    async fn proven(&self, arrived: usize) -> anyhow::Result<Incident> {
        let done = self.program.incident("the end", is_over).await?;
        let rows = self.program.rows(&done).await?;
        let judged = judged(&rows);
        ensure!(judged == Some(Outcome::Successful), "{judged:?}; {:?}", done.phase);
        self.shop.is_back(&self.earlier).await?;
        ensure!(self.revision().await? == "3", "not one change of the template: {}", self.revision().await?);
        let acts = self.program.proxy.count(Seen::is_act);
        ensure!(acts == arrived, "{acts} requests arrived that change the template, not {arrived}");
        Ok(done)
    }

    /// The Deployment controller counts every new template: 1 at first, 2 the bad one, 3 the rollback.
    async fn revision(&self) -> anyhow::Result<String> {
        let live = self.shop.get().await?;
        let revision = live.pointer("/metadata/annotations/deployment.kubernetes.io~1revision");
        Ok(revision.and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    async fn finish(self) -> anyhow::Result<()> {
        self.program.audit().await?;
        println!("{}: {}", self.shop.object.namespace, self.program.memory()?);
        let (cluster, namespace) = (self.shop.cluster.clone(), self.shop.object.namespace.clone());
        self.program.end().await?;
        cluster.remove_namespace(&namespace).await
    }
}

fn is_over(incident: &Incident) -> bool {
    matches!(incident.phase, Phase::Closed { .. } | Phase::Escalated { .. })
}

fn last_is(kinds: &[&str], wanted: &str, never: &[&str]) -> anyhow::Result<()> {
    ensure!(kinds.contains(&wanted), "killed before {wanted}: {kinds:?}");
    ensure!(!never.iter().any(|kind| kinds.contains(kind)), "killed too late: {kinds:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_intent_it_writes_once() -> anyhow::Result<()> {
    let mut scene = Scene::set(&Cluster::connect()?, "kill-before-intent").await?;
    // With the grant comes the look at the Deployment that is the baseline of the proof.
    let kinds = scene.kill_at(Seen::is_look, Then::Hold).await?;
    last_is(&kinds, "granted", &["claimed"])?;
    scene.one_write(1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_intent_it_writes_once() -> anyhow::Result<()> {
    let mut scene = Scene::set(&Cluster::connect()?, "kill-after-intent").await?;
    let kinds = scene.kill_at(Seen::is_preview, Then::Hold).await?;
    last_is(&kinds, "claimed", &["marked", "sending"])?;
    scene.one_write(1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_request_is_on_its_way_it_writes_once() -> anyhow::Result<()> {
    let mut scene = Scene::set(&Cluster::connect()?, "kill-under-way").await?;
    // The proxy swallows the first request: the second is the only one that the API server sees.
    let kinds = scene.kill_at(Seen::is_act, Then::Hold).await?;
    last_is(&kinds, "sending", &["sent"])?;
    scene.one_write(2).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_request_it_writes_no_second_time() -> anyhow::Result<()> {
    let mut scene = Scene::set(&Cluster::connect()?, "kill-after-request").await?;
    let kinds = scene.kill_at(Seen::is_act, Then::HoldAnswer).await?;
    last_is(&kinds, "sending", &["sent"])?;
    scene.one_write(1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_outcome_is_recorded_it_writes_no_second_time() -> anyhow::Result<()> {
    let mut scene = Scene::set(&Cluster::connect()?, "kill-before-outcome").await?;
    let kinds = scene.kill_at(Seen::is_act, Then::HoldBody).await?;
    last_is(&kinds, "sending", &["sent"])?;
    scene.one_write(1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_timeout_after_the_write_is_one_arrival() -> anyhow::Result<()> {
    let scene = Scene::set(&Cluster::connect()?, "gateway-timeout").await?;
    let proposal = scene.program.proposal().await?;
    let mut trap = scene.program.proxy.trap(Seen::is_act, Then::GatewayTimeout);
    scene.program.approve(&proposal).await?;
    trap.caught().await?;
    // The same epoch looks, and finds it done. Whoever sends again instead is counted.
    let done = scene.proven(1).await?;
    let rows = scene.program.rows(&done).await?;
    let sent = events(&rows)
        .find_map(|event| if let IncidentEvent::Sent { sent } = event { Some(sent.clone()) } else { None });
    ensure!(matches!(sent, Some(Sent::Unknown { .. })), "{sent:?}");
    let found = recovered(&rows);
    ensure!(matches!(found, Some(Recovered::Applied { .. })), "{found:?}");
    scene.finish().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_humans_undo_between_crash_and_restart_stays_unknown() -> anyhow::Result<()> {
    let mut scene = Scene::set(&Cluster::connect()?, "human-undo").await?;
    let kinds = scene.kill_at(Seen::is_act, Then::Hold).await?;
    last_is(&kinds, "sending", &["sent"])?;
    let undone = Command::new("kubectl")
        .args(["--namespace", &scene.shop.object.namespace, "rollout", "undo", "deployment/shop"])
        .output()
        .await?;
    ensure!(undone.status.success(), "{}", String::from_utf8_lossy(&undone.stderr));
    scene.shop.available().await?;
    let generation = scene.shop.get().await?.pointer("/metadata/generation").cloned();
    scene.program.again()?;
    let stands = scene.program.incident("recovery has looked", is_unknown).await?;
    let rows = scene.program.rows(&stands).await?;
    let found = recovered(&rows);
    ensure!(matches!(found, Some(Recovered::Unknown { .. })), "{found:?}");
    // Time enough for another drive of the executor.
    nightshift::clock::Clock::wall().sleep_real(Duration::from_secs(10)).await;
    ensure!(scene.program.proxy.count(Seen::is_act) == 1, "a second write was sent");
    let now = scene.shop.get().await?.pointer("/metadata/generation").cloned();
    ensure!(now == generation, "the Deployment was written after the undo");
    scene.shop.is_back(&scene.earlier).await?;
    scene.finish().await
}

fn recovered(rows: &[Row]) -> Option<Recovered> {
    events(rows).find_map(|event| {
        if let IncidentEvent::Recovered { found, .. } = event { Some(found.clone()) } else { None }
    })
}

fn is_unknown(incident: &Incident) -> bool {
    matches!(&incident.phase, Phase::Executing { operation, .. } if matches!(operation.state, OperationState::Unknown { .. }))
}
