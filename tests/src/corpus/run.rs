//! Runs cases beside one nightshift: many at once, then those that want to be alone.

use super::case::Case;
use super::judge::{Played, Told, judge};
use super::kinds::Kinds;
use super::nodes;
use super::play::Play;
use super::report::{Report, Row, line};
use crate::lab::program::Program;
use crate::lab::{Cluster, identity, within};
use anyhow::{Context as _, ensure};
use futures::StreamExt as _;
use nightshift::clock::Clock;
use nightshift::store::{Filter, HistoryStore as _, SqliteStore};
use nightshift_model::{Incident, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// Namespaces that are over may take this long to go before the cases that want to be alone.
const GOING: Duration = Duration::from_mins(5);
/// What was going on when a case's time was over is read a moment later.
const SETTLE: Duration = Duration::from_secs(3);
/// What is kept of a case that went wrong.
const KEPT: &str = "deployments,replicasets,statefulsets,daemonsets,jobs,cronjobs,pods,services,endpointslices,configmaps,\
                    persistentvolumeclaims,resourcequotas,horizontalpodautoscalers,poddisruptionbudgets,events";

/// What all cases share.
struct Stage {
    cluster: Cluster,
    kinds: Kinds,
    store: SqliteStore,
    keep: PathBuf,
}

/// Runs them. `at_once` bounds how many play side by side.
pub async fn run(cases: Vec<Case>, at_once: usize) -> anyhow::Result<Report> {
    let cluster = Cluster::connect()?;
    let there = nodes::names(&cluster).await?.len();
    let most = cases.iter().map(|case| usize::from(case.told.nodes.0)).max().unwrap_or(1);
    ensure!(most <= there, "these cases need {most} nodes, the lab has {there}: tests/lab/up --nodes {most}");
    let keep = PathBuf::from(std::env::var_os("LAB").context("not inside the lab")?).join("corpus");
    std::fs::create_dir_all(&keep)?;

    let reader = identity::responder(&cluster).await?;
    let whole = |_, _: &mut Value| Ok(json!({"cluster": {"name": "lab", "kubeconfig": "kubeconfig.yaml"}}));
    let program = Program::start_with(&reader, "corpus", "observe", whole).await?;
    let stage = Stage { cluster, kinds: Kinds::default(), store: program.store().await?, keep };

    let (alone, beside): (Vec<_>, Vec<_>) =
        cases.into_iter().zip(1_usize..).partition(|(case, _)| case.told.alone);
    let mut report = Report::default();
    // They wait far more than they compute: one thread is enough.
    let mut playing = futures::stream::iter(beside.into_iter().map(|(case, number)| stage.one(case, number)))
        .buffer_unordered(at_once);
    while let Some(row) = playing.next().await {
        report.rows.push(row?);
    }
    if !alone.is_empty() {
        stage.empty().await?;
    }
    for (case, number) in alone {
        report.rows.push(stage.one(case, number).await?);
        nodes::mend(&stage.cluster).await?;
        stage.empty().await?;
    }
    // Deleting a namespace is no fault either.
    Clock::wall().sleep_real(SETTLE).await;
    let known: BTreeSet<(String, String, Timestamp)> =
        report.rows.iter().flat_map(|row| &row.played.incidents).map(key).collect();
    let all = stage.incidents().await?;
    let late = all.iter().map(Told::of).filter(|told| !known.contains(&key(told)));
    report.strays = late.map(|told| format!("{} in {} at {}", told, told.namespace, told.at)).collect();
    program.audit().await?;
    println!("corpus: {}", program.memory()?);
    program.end().await?;
    Ok(report)
}

fn key(told: &Told) -> (String, String, Timestamp) {
    (told.namespace.clone(), told.scope.clone(), told.at)
}

impl Stage {
    /// Plays a case, watches it, judges it, and takes it away.
    async fn one(&self, case: Case, number: usize) -> anyhow::Result<Row> {
        let name = case.name.rsplit('/').next().unwrap_or_default();
        let namespace = format!("c{number:03}-{name}");
        let from = Clock::wall().now();
        let mut play = Play::new(&self.cluster, &self.kinds, &case, &namespace);
        let broken = play.steps().await.err().map(|error| format!("{error:#}"));
        if broken.is_none() {
            Clock::wall().sleep_real(case.told.watch.0.duration() + SETTLE).await;
        }
        let mut mine: Vec<Incident> = self.incidents().await?;
        mine.retain(|incident| belongs(incident, &case, number, from));
        mine.sort_by_key(|incident| incident.opened_at);
        let played = Played {
            namespace: namespace.clone(),
            acts: play.acts.clone(),
            broken,
            incidents: mine.iter().map(Told::of).collect(),
        };
        let verdict = judge(&case, &played);
        let file = self.keep.join(case.name.replace('/', "-"));
        std::fs::write(file.with_extension("json"), serde_json::to_string_pretty(&mine)?)?;
        if !verdict.wrong.is_empty() {
            keep(&namespace, &file.with_extension("yaml")).await?;
        }
        if let Err(error) = play.clean().await {
            println!("corpus: {}: left behind: {error:#}", case.name);
        }
        let row = Row { case, played, verdict };
        print!("{}", line(&row));
        Ok(row)
    }

    async fn incidents(&self) -> anyhow::Result<Vec<Incident>> {
        Ok(self.store.snapshots(&Filter::newest(10_000)).await?)
    }

    /// Waits until no namespace of a case is left.
    async fn empty(&self) -> anyhow::Result<()> {
        within(GOING, "the other cases' namespaces are gone", async || {
            let list = self.cluster.get("/api/v1/namespaces").await?.ok()?;
            let items = list.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
            let name =
                |item: &Value| item.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned);
            let left = items.iter().filter_map(name).any(|name| {
                let number = name.strip_prefix('c').and_then(|rest| rest.get(..3));
                number.is_some_and(|n| n.chars().all(|c| c.is_ascii_digit()))
            });
            if left {
                Clock::wall().sleep_real(Duration::from_secs(1)).await;
            }
            Ok((!left).then_some(()))
        })
        .await
    }
}

/// An incident in the case's namespaces, of an object that carries their name, or, while nothing else plays, of
/// any object of the whole cluster.
fn belongs(incident: &Incident, case: &Case, number: usize, from: Timestamp) -> bool {
    let own = format!("c{number:03}-");
    let scope = &incident.scope;
    scope.namespace.starts_with(&own)
        || scope.name.contains(&own)
        || (case.told.alone && scope.namespace.is_empty() && incident.opened_at >= from)
}

/// What the namespace looked like, for whoever asks why.
async fn keep(namespace: &str, file: &Path) -> anyhow::Result<()> {
    let got = Command::new("kubectl").args(["-n", namespace, "get", KEPT, "-o", "yaml"]).output().await?;
    Ok(std::fs::write(file, got.stdout)?)
}
