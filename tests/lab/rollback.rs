//! A rollout that crashes: seen, explained, proposed, approved by a person over HTTP, carried out, proven.

use anyhow::{Context as _, ensure};
use nightshift_model::measure::{Stage, Value as Said};
use nightshift_model::{IncidentEvent, Outcome, Phase, Timestamp};
use nightshift_tests::lab::night::{Night, Wanted, at, events, judged};
use nightshift_tests::lab::workload::{Version, Workload};
use nightshift_tests::lab::{Cluster, prometheus};
use serde_json::{Value, json};

/// What must stand in the history, in this order.
const STORY: &[&str] = &[
    "opened",
    "evidence-wanted",
    "evidence-got",
    "planned",
    "sealed",
    "voted",
    "granted",
    "claimed",
    "rechecked",
    "marked",
    "sending",
    "sent",
    "measured",
    "judged",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_crashing_rollout_is_rolled_back_and_proven() -> anyhow::Result<()> {
    let cluster = Cluster::connect()?;
    let long = std::env::var_os("NIGHTSHIFT_LONG").is_some();
    for round in 1..=if long { 5 } else { 1 } {
        let namespace = format!("rollback-{round}");
        let times = rolled_back(&cluster, &namespace, &Case::plain()).await.context(namespace)?;
        println!("rollback, round {round}: {times}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vote_counts_while_every_pod_crashes_and_one_happens_to_run() -> anyhow::Result<()> {
    let cluster = Cluster::connect()?;
    let times = rolled_back(&cluster, "rollback-all", &Case::everything()).await?;
    println!("rollback with every pod crashing, a budget, the vote while one runs: {times}");
    Ok(())
}

/// What is different between the cases.
struct Case {
    /// `strategy` of the Deployment.
    strategy: Value,
    /// The release.
    bad: Version,
    /// How many pods crash.
    crash: usize,
    /// A PodDisruptionBudget with `maxUnavailable: 1`.
    budget: bool,
    /// Vote only while a container of the crashing revision runs.
    vote_while_running: bool,
}

impl Case {
    fn plain() -> Self {
        Self { strategy: Value::Null, bad: Version::BAD, crash: 1, budget: false, vote_while_running: false }
    }

    fn everything() -> Self {
        Self {
            strategy: json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%"}}),
            bad: Version::SLOWLY_BAD,
            crash: 3,
            budget: true,
            vote_while_running: true,
        }
    }
}

async fn rolled_back(cluster: &Cluster, namespace: &str, case: &Case) -> anyhow::Result<String> {
    cluster.namespace(namespace).await?;
    let night = Night::start(Wanted::approve(cluster, namespace).await?).await?;
    if case.budget {
        let budget = json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "shop"},
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "shop"}}},
        });
        let budgets = format!("/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets");
        cluster.create(&budgets, &budget).await?;
    }
    let shop = Workload::serve(cluster, namespace, &case.strategy).await?;
    night.healthy(&shop.object, 1).await?;
    let earlier = shop.template().await?;

    let released = night.now();
    shop.release(&case.bad).await?;
    shop.first_exit().await?;
    let failed = night.now();
    shop.crash_loops(case.crash).await?;
    let looping = night.now();
    let proposal = night.proposal(&shop.object).await?;
    let paged = night.paged(&proposal).await?;
    ensure!(shop.template().await? != earlier, "somebody wrote before anybody voted");
    if case.vote_while_running {
        shop.happens_to_run().await?;
    }
    night.approve(&proposal).await?;
    let done = night
        .incident("the end", &shop.object, |i| {
            matches!(i.phase, Phase::Closed { .. } | Phase::Escalated { .. })
        })
        .await?;
    let rows = night.rows(&done).await?;
    let judged = judged(&rows);
    ensure!(judged == Some(Outcome::Successful), "{judged:?}; {:?}", done.phase);

    shop.is_back(&earlier).await?;
    let labels = format!("namespace=\"{namespace}\",deployment=\"shop\"");
    let gone = prometheus(&format!("kube_deployment_status_replicas_unavailable{{{labels}}}")).await?;
    let there = prometheus(&format!("kube_deployment_status_replicas_available{{{labels}}}")).await?;
    ensure!(
        (gone, there) == (Some(0.0), Some(3.0)),
        "Prometheus says {gone:?} unavailable, {there:?} available"
    );
    proven_by_prometheus(&rows)?;
    told(&rows)?;
    night.audit().await?;

    let since = |from: Timestamp, kind: &str| -> anyhow::Result<f64> {
        Ok(seconds(from, at(&rows, kind).with_context(|| format!("no event {kind}"))?))
    };
    let times = format!(
        "release to first exit {:.1} s, from there to CrashLoopBackOff {:.1} s, incident {:.1} s, message {:.1} s; \
         vote to write {:.1} s, proven {:.1} s; failure to proven recovery {:.1} s",
        seconds(released, failed),
        seconds(failed, looping),
        since(failed, "opened")?,
        seconds(failed, paged.at),
        since(at(&rows, "voted").unwrap_or(failed), "sent")?,
        since(at(&rows, "voted").unwrap_or(failed), "judged")?,
        since(failed, "judged")?,
    );
    night.end().await;
    cluster.remove_namespace(namespace).await?;
    Ok(times)
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.get().duration_since(from.get()).as_secs_f64()
}

/// The measures of Prometheus were red before the write and green after it.
fn proven_by_prometheus(rows: &[nightshift_model::history::Row]) -> anyhow::Result<()> {
    let looks: Vec<_> = events(rows)
        .filter_map(|event| {
            if let IncidentEvent::Measured { measurement } = event { Some(measurement) } else { None }
        })
        .collect();
    let said = |stage: Stage| {
        let mut of_stage = looks.iter().filter(move |look| look.stage == stage);
        let look = if stage == Stage::Before { of_stage.next() } else { of_stage.next_back() };
        look.and_then(|l| l.readings.iter().find(|r| r.name == "unavailable-replicas"))
            .map(|r| r.value.clone())
    };
    let (before, after) = (said(Stage::Before), said(Stage::After));
    ensure!(matches!(before, Some(Said::Fails(_))), "before the write: {before:?}");
    ensure!(after == Some(Said::Holds("0".to_owned())), "after it: {after:?}");
    Ok(())
}

/// The history tells the whole story, in order.
fn told(rows: &[nightshift_model::history::Row]) -> anyhow::Result<()> {
    let mut left = STORY.iter().peekable();
    for row in rows {
        left.next_if(|kind| **kind == row.event.kind());
    }
    ensure!(left.peek().is_none(), "the history lacks {:?}: {:?}", left.peek(), kinds(rows));
    Ok(())
}

fn kinds(rows: &[nightshift_model::history::Row]) -> Vec<&'static str> {
    rows.iter().map(|row| row.event.kind()).collect()
}
