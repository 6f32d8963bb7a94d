//! The first start in a cluster in which much is broken already: one inventory, and nobody is woken. What breaks afterwards pages.
//!
//! One kubelet is too slow for fifty crash loops. A few really loop, some are refused by registry, name or a missing
//! ConfigMap, and the rest break without a container: no node for them, and a quota that lets none in.

use super::observer::Observer;
use anyhow::{Context as _, ensure};
use nightshift::clock::Clock;
use nightshift_tests::lab::{Cluster, within};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const HOME: &str = "broken-home";
const SHOP: &str = "broken-shop";
/// A quota lets no Pod in here.
const FULL: &str = "broken-full";
const PATIENCE: Duration = Duration::from_mins(3);
/// From the last creation until every detector's time is over: `schedule_after` and `refused_for_good` 30 s, `refused` 60 s.
const RIPE: Duration = Duration::from_secs(75);
/// How long nothing may be said: a crash loop restarts within it, and every look that was put off is taken.
const SILENCE: Duration = Duration::from_secs(75);
const WORKLOADS: usize = 50;

/// How a workload is broken, and how many are.
const WAYS: [(&str, usize); 6] =
    [("unplaced", 15), ("refused", 15), ("unpulled", 8), ("unnamed", 4), ("unset", 4), ("crashing", 4)];

fn deployment(way: &str, name: &str) -> Value {
    let image = match way {
        "unpulled" => "localhost:5000/none:1",
        "unnamed" => "no such NAME",
        "crashing" => "localhost:5000/app:2",
        _ => "localhost:5000/app:1",
    };
    let mut container = json!({"name": "app", "image": image});
    if way == "unset" {
        container =
            json!({"name": "app", "image": image, "envFrom": [{"configMapRef": {"name": "never-made"}}]});
    }
    let place = if way == "unplaced" { json!({"nightshift.dev/none": "here"}) } else { json!({}) };
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"nodeSelector": place, "terminationGracePeriodSeconds": 0, "containers": [container]},
            },
        },
    })
}

async fn make(cluster: &Cluster, way: &str, name: &str) -> anyhow::Result<()> {
    let namespace = if way == "refused" { FULL } else { SHOP };
    let target = format!("/apis/apps/v1/namespaces/{namespace}/deployments");
    cluster.create(&target, &deployment(way, name)).await.map(drop)
}

/// Breaks fifty workloads, and waits until each has been broken for longer than its detector waits.
async fn break_all(cluster: &Cluster) -> anyhow::Result<()> {
    for namespace in [SHOP, FULL] {
        cluster.namespace(namespace).await?;
    }
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "full"}, "spec": {"hard": {"pods": "0"}}});
    cluster.create(&format!("/api/v1/namespaces/{FULL}/resourcequotas"), &quota).await?;
    for (way, count) in WAYS {
        for n in 0..count {
            make(cluster, way, &format!("{way}-{n}")).await?;
        }
    }
    ensure!(WAYS.iter().map(|(_, count)| count).sum::<usize>() == WORKLOADS);
    let made = Clock::wall().monotonic();
    within(PATIENCE, "all of them are broken", async || {
        let sets = cluster.get(&format!("/apis/apps/v1/namespaces/{FULL}/replicasets")).await?.ok()?;
        let refused = sets.to_string().matches("\"ReplicaFailure\"").count();
        let pods = cluster.get(&format!("/api/v1/namespaces/{SHOP}/pods")).await?.ok()?.to_string();
        // What only the crash loops do.
        let loops = pods.matches("\"restartCount\":3").count() + pods.matches("\"restartCount\":4").count();
        let seen = |words: &[&str]| words.iter().map(|word| pods.matches(word).count()).sum::<usize>();
        let waits = [
            seen(&["\"reason\":\"Unschedulable\""]) >= 15,
            seen(&["\"reason\":\"ErrImagePull\"", "\"reason\":\"ImagePullBackOff\""]) >= 8,
            seen(&["\"reason\":\"InvalidImageName\""]) >= 4,
            seen(&["\"reason\":\"CreateContainerConfigError\""]) >= 4,
        ];
        Ok((refused >= 15 && loops >= 4 && waits.iter().all(|waits| *waits)).then_some(()))
    })
    .await?;
    let rest = RIPE.saturating_sub(Clock::wall().monotonic().saturating_sub(made));
    Clock::wall().sleep_real(rest).await;
    Ok(())
}

/// The entries of each inventory that the history holds.
async fn inventories(night: &Observer) -> anyhow::Result<Vec<Vec<Value>>> {
    let export = night.says(&["audit", "export"]).await?;
    let mut found = Vec::new();
    for line in export.lines() {
        let row: Value = serde_json::from_str(line)?;
        if row.get("kind").is_some_and(|kind| kind == "inventory") {
            let body: Value =
                serde_json::from_str(row.get("body").and_then(Value::as_str).context("no body")?)?;
            let entries = body.pointer("/event/system/entries").and_then(Value::as_array);
            found.push(entries.cloned().with_context(|| format!("no entries: {body}"))?);
        }
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_among_fifty_broken_workloads_is_one_inventory_and_no_page() -> anyhow::Result<()> {
    let (clock, cluster) = (Clock::wall(), Cluster::connect()?);
    break_all(&cluster).await?;
    let began = clock.monotonic();
    // Webhooks are the whole cluster's, and tests beside this one break theirs.
    let more =
        json!({"detectors": {"parameters": {"schedule_after": "30s"}, "disabled": ["WebhookUnavailable"]}});
    let night = Observer::install(HOME, &[SHOP, FULL], &more).await?;
    println!(
        "chart: in a cluster with {WORKLOADS} broken workloads Ready after {:?}",
        clock.monotonic().saturating_sub(began)
    );
    clock.sleep_real(SILENCE).await;

    let all = inventories(&night).await?;
    let [inventory] = all.as_slice() else { anyhow::bail!("{} inventories", all.len()) };
    let listed: BTreeSet<String> = inventory
        .iter()
        .filter(|entry| entry.pointer("/scope/kind").is_some_and(|kind| kind == "Deployment"))
        .filter_map(|entry| entry.pointer("/scope/name").and_then(Value::as_str).map(str::to_owned))
        .collect();
    let made = || WAYS.iter().flat_map(|(way, count)| (0..*count).map(move |n| format!("{way}-{n}")));
    let missed: Vec<String> = made().filter(|name| !listed.contains(name)).collect();
    ensure!(missed.is_empty() && listed.len() == WORKLOADS, "not in the inventory: {missed:?}");
    let incidents: Value = serde_json::from_str(&night.says(&["incidents", "--all", "-o", "json"]).await?)?;
    let opened = incidents.as_array().context("no list")?;
    ensure!(opened.is_empty(), "{} incidents: {incidents}", opened.len());
    ensure!(night.away.heard().is_empty(), "somebody was told: {:?}", night.away.heard());
    let digest = night.says(&["digest"]).await?;
    ensure!(digest.contains(&format!("{} broken before first sight", inventory.len())), "{digest}");
    println!(
        "chart: one inventory of {} entries about {} workloads, 0 incidents, 0 pages within {SILENCE:?}; {}",
        inventory.len(),
        listed.len(),
        night.measure().await?
    );

    // Who is quiet about fifty is not deaf: the fifty-first is a page.
    make(&cluster, "unnamed", "new").await?;
    let heard = within(PATIENCE, "a message about what broke now", async || {
        Ok(night.away.heard().into_iter().next())
    })
    .await?;
    ensure!(heard.contains("incident.page") && heard.contains(&format!("{SHOP}/new")), "{heard}");
    ensure!(inventories(&night).await?.len() == 1);
    for name in [HOME, SHOP, FULL] {
        cluster.remove_namespace(name).await?;
    }
    Ok(())
}
