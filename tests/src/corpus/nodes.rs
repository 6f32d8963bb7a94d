//! What a case does to a node, and how the node becomes as it was.

use crate::lab::{Cluster, within};
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use tokio::process::Command;

const PATIENCE: Duration = Duration::from_mins(2);

/// The nodes of the lab, by name.
pub async fn names(cluster: &Cluster) -> anyhow::Result<Vec<String>> {
    let list = cluster.get("/api/v1/nodes").await?.ok()?;
    let items = list.get("items").and_then(Value::as_array).context("no nodes")?;
    let name = |node: &Value| node.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned);
    Ok(items.iter().filter_map(name).collect())
}

/// Whether a namespace is that of a case: `c`, three digits, and its name.
pub fn is_a_cases(namespace: &str) -> bool {
    let number = namespace.strip_prefix('c').and_then(|rest| rest.split_once('-'));
    number.is_some_and(|(n, _)| n.len() == 3 && n.bytes().all(|b| b.is_ascii_digit()))
}

/// Makes a node schedulable or not.
pub async fn cordon(cluster: &Cluster, node: &str, cordoned: bool) -> anyhow::Result<()> {
    let patch = json!({"spec": {"unschedulable": cordoned}});
    cluster.patch(&path(node), &patch, "kubectl-cordon").await.map(|_| ())
}

/// Sets the taints of a node that are not Kubernetes' own. None are left when the list is empty.
pub async fn taint(cluster: &Cluster, node: &str, taint: Option<Value>) -> anyhow::Result<()> {
    let live = cluster.get(&path(node)).await?.ok()?;
    let has = live.pointer("/spec/taints").and_then(Value::as_array).into_iter().flatten();
    let own = |taint: &&Value| {
        let key = taint.get("key").and_then(Value::as_str).unwrap_or_default();
        key.starts_with("node.kubernetes.io/")
    };
    let taints: Vec<Value> = has.filter(own).cloned().chain(taint).collect();
    let body = Some(("application/merge-patch+json", json!({"spec": {"taints": taints}}).to_string()));
    let target = format!("{}?fieldManager=kubectl-taint", path(node));
    cluster.send(http::Method::PATCH, &target, body).await?.ok().map(|_| ())
}

/// Stops a node's kubelet, or lets it go on.
pub async fn freeze(node: &str, frozen: bool) -> anyhow::Result<()> {
    let lab = std::env::var_os("LAB").context("not inside the lab")?;
    let file = PathBuf::from(lab).join("data/pids").join(format!("kubelet-{node}"));
    let id = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let signal = if frozen { "-STOP" } else { "-CONT" };
    let status = Command::new("kill").args([signal, id.trim()]).status().await?;
    ensure!(status.success(), "kill {signal} {}", id.trim());
    Ok(())
}

/// Every kubelet runs, no node is cordoned or tainted, all are Ready.
pub async fn mend(cluster: &Cluster) -> anyhow::Result<()> {
    for node in names(cluster).await? {
        freeze(&node, false).await?;
        cordon(cluster, &node, false).await?;
        taint(cluster, &node, None).await?;
        within(PATIENCE, &format!("{node} is Ready again"), async || {
            let live = cluster.get(&path(&node)).await?.ok()?;
            let conditions = live.pointer("/status/conditions").and_then(Value::as_array);
            let ready = conditions.into_iter().flatten().any(|c| {
                c.get("type").and_then(Value::as_str) == Some("Ready")
                    && c.get("status").and_then(Value::as_str) == Some("True")
            });
            let tainted =
                live.pointer("/spec/taints").and_then(Value::as_array).is_some_and(|t| !t.is_empty());
            Ok((ready && !tainted).then_some(()))
        })
        .await?;
    }
    Ok(())
}

fn path(node: &str) -> String {
    format!("/api/v1/nodes/{node}")
}
