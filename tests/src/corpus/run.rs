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
use nightshift_model::{Incident, ObjectRef, Seconds, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// Namespaces that are over may take this long to go before the cases that want to be alone.
const GOING: Duration = Duration::from_mins(5);
/// As many wrong cases are played once more: where more are wrong, the machine is not to blame.
const AGAIN: usize = 10;
/// What is played again has another number.
const SECOND: usize = 500;
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
    soak: Seconds,
}

/// Runs them. `at_once` bounds how many play side by side. `soak` repeats the rounds of those that have such.
pub async fn run(cases: Vec<Case>, at_once: usize, soak: Seconds) -> anyhow::Result<Report> {
    let cluster = Cluster::connect()?;
    let there = nodes::names(&cluster).await?.len();
    let most = cases.iter().map(|case| usize::from(case.told.nodes.0)).max().unwrap_or(1);
    ensure!(most <= there, "these cases need {most} nodes, the lab has {there}: tests/lab/up --nodes {most}");
    let keep = PathBuf::from(std::env::var_os("LAB").context("not inside the lab")?).join("corpus");
    std::fs::create_dir_all(&keep)?;

    let reader = identity::responder(&cluster).await?;
    let whole = |_, _: &mut Value| Ok(json!({"cluster": {"name": "lab", "kubeconfig": "kubeconfig.yaml"}}));
    let program = Program::start_with(&reader, "corpus", "observe", whole).await?;
    let stage = Stage { cluster, kinds: Kinds::default(), store: program.store().await?, keep, soak };

    let (alone, beside): (Vec<_>, Vec<_>) =
        cases.into_iter().zip(1_usize..).partition(|(case, _)| case.told.alone);
    let mut rows = stage.beside(beside, at_once).await?;
    for (case, number) in alone {
        rows.push(stage.alone(case, number).await?);
    }
    let wrong = rows.iter_mut().filter(|row| !row.verdict.wrong.is_empty() && soak == Seconds(0));
    let wrong: Vec<&mut Row> = wrong.collect();
    if wrong.len() <= AGAIN {
        for row in wrong {
            let again = stage.alone(row.case.clone(), row.number + SECOND).await?;
            let first = std::mem::replace(row, again);
            row.first = Some((first.played, first.verdict));
        }
    }
    let strays = stage.strays(&rows).await?;
    program.audit().await?;
    println!("corpus: {}", program.memory()?);
    program.end().await?;
    Ok(Report { rows, strays })
}

fn key(told: &Told) -> (String, String, Timestamp) {
    (told.namespace.clone(), told.scope.clone(), told.at)
}

impl Stage {
    /// Plays many at once, and waits until all of them are gone.
    async fn beside(&self, cases: Vec<(Case, usize)>, at_once: usize) -> anyhow::Result<Vec<Row>> {
        // They wait far more than they compute: one thread is enough.
        let plays = cases.into_iter().map(|(case, number)| self.one(case, number));
        let mut playing = futures::stream::iter(plays).buffer_unordered(at_once);
        let mut rows = Vec::new();
        while let Some(row) = playing.next().await {
            rows.push(row?);
        }
        self.empty().await?;
        for row in &mut rows {
            self.late(row).await?;
        }
        Ok(rows)
    }

    /// Plays one while nothing else does, and waits until it is gone.
    async fn alone(&self, case: Case, number: usize) -> anyhow::Result<Row> {
        let mut row = self.one(case, number).await?;
        if row.case.told.alone {
            nodes::mend(&self.cluster).await?;
        }
        self.empty().await?;
        self.late(&mut row).await?;
        Ok(row)
    }

    /// Plays a case, watches it, judges it, and takes it away.
    async fn one(&self, case: Case, number: usize) -> anyhow::Result<Row> {
        let name = case.name.rsplit('/').next().unwrap_or_default();
        let namespace = format!("c{number:03}-{name}");
        let from = Clock::wall().now();
        let mut play = Play::new(&self.cluster, &self.kinds, &case, &namespace);
        let mut broken = play.steps().await.err();
        if broken.is_none() && self.soak > Seconds(0) {
            match play.rounds(from + self.soak).await {
                Ok(count) => println!("corpus: {}: {count} rounds", case.name),
                Err(error) => broken = Some(error),
            }
        }
        if broken.is_none() {
            Clock::wall().sleep_real(case.told.watch.0.duration() + SETTLE).await;
        }
        let mut mine: Vec<Incident> = self.incidents().await?;
        mine.retain(|incident| belongs(incident, &case, number, from));
        mine.sort_by_key(|incident| incident.opened_at);
        let played = Played {
            namespace: namespace.clone(),
            acts: play.acts.clone(),
            broken: broken.map(|error| format!("{error:#}")),
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
        let row = Row { case, number, from, played, verdict, first: None };
        print!("{}", line(&row));
        Ok(row)
    }

    /// Adds what opened while the case was taken away: deleting a namespace is no fault either.
    async fn late(&self, row: &mut Row) -> anyhow::Result<()> {
        Clock::wall().sleep_real(SETTLE).await;
        let known: BTreeSet<_> = row.played.incidents.iter().map(key).collect();
        let all = self.incidents().await?;
        let mine = all.iter().filter(|incident| belongs(incident, &row.case, row.number, row.from));
        let late: Vec<Told> = mine.map(Told::of).filter(|told| !known.contains(&key(told))).collect();
        if !late.is_empty() {
            row.played.incidents.extend(late);
            row.verdict = judge(&row.case, &row.played);
            print!("{}", line(row));
        }
        Ok(())
    }

    /// Incidents of no case.
    async fn strays(&self, rows: &[Row]) -> anyhow::Result<Vec<String>> {
        let played = |row: &Row| {
            let first = row.first.iter().flat_map(|(first, _)| first.incidents.iter());
            row.played.incidents.iter().chain(first).map(key).collect::<Vec<_>>()
        };
        let known: BTreeSet<_> = rows.iter().flat_map(played).collect();
        let all = self.incidents().await?;
        let strays = all.iter().map(Told::of).filter(|told| !known.contains(&key(told)));
        Ok(strays.map(|told| format!("{} in {} at {}", told, told.namespace, told.at)).collect())
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
            let left = items.iter().filter_map(name).any(|name| nodes::is_a_cases(&name));
            if left {
                Clock::wall().sleep_real(Duration::from_secs(1)).await;
            }
            Ok((!left).then_some(()))
        })
        .await
    }
}

fn belongs(incident: &Incident, case: &Case, number: usize, from: Timestamp) -> bool {
    let lists = incident.below.shown.first().map(|listed| &listed.scope);
    is_own(number, &incident.scope, lists, case.told.alone, incident.opened_at >= from)
}

/// An incident in the case's namespaces, or of an object that carries their name; of what is in no namespace, the one that
/// lists an object of the case first; and while nothing else plays, whatever is of no other case.
fn is_own(number: usize, scope: &ObjectRef, lists: Option<&ObjectRef>, alone: bool, since: bool) -> bool {
    let own = format!("c{number:03}-");
    let named = |object: &ObjectRef| object.namespace.starts_with(&own) || object.name.contains(&own);
    if alone {
        return named(scope) || since && !nodes::is_a_cases(&scope.namespace);
    }
    named(scope) || since && scope.namespace.is_empty() && lists.is_some_and(named)
}

/// What the namespace looked like, for whoever asks why.
async fn keep(namespace: &str, file: &Path) -> anyhow::Result<()> {
    let got = Command::new("kubectl").args(["-n", namespace, "get", KEPT, "-o", "yaml"]).output().await?;
    Ok(std::fs::write(file, got.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nightshift_model::Kind;

    #[test]
    fn an_incident_is_one_cases_own() {
        let object =
            |kind: &str, namespace: &str, name: &str| ObjectRef::new(Kind::parse(kind), namespace, name, "");
        let mine = object("Deployment", "c007-outage", "api");
        let others = object("Deployment", "c008-other", "api");
        let registry = object("Registry", "", "localhost:5999");
        let dns = object("Service", "kube-system", "kube-dns");
        let hook = object("ValidatingWebhookConfiguration", "", "c007-outage-policy");
        // Scope, what it lists first, alone, opened since the case began; whether it is the case's.
        let table = [
            (&mine, None, false, true, true),
            (&hook, None, false, true, true),
            (&registry, Some(&mine), false, true, true),
            (&registry, Some(&mine), false, false, false),
            (&registry, Some(&others), false, true, false),
            (&registry, None, false, true, false),
            (&others, None, false, true, false),
            (&others, Some(&mine), false, true, false),
            (&dns, None, false, true, false),
            (&dns, None, true, true, true),
            (&dns, None, true, false, false),
            (&registry, None, true, true, true),
            (&others, None, true, true, false),
        ];
        for (scope, lists, alone, since, expected) in table {
            assert_eq!(is_own(7, scope, lists, alone, since), expected, "{scope} {lists:?} {alone} {since}");
        }
    }
}
