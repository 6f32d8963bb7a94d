//! Fills the cluster: many requests at a time, all of them over few connections.

use super::objects::{self, Health, REPLICAS};
use crate::lab::Cluster;
use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Requests under way.
const AT_ONCE: usize = 48;

/// What was put into the cluster.
#[derive(Default)]
pub struct Loaded {
    /// Pods.
    pub pods: usize,
    /// Workloads.
    pub workloads: usize,
    nodes: usize,
    /// The uids of ReplicaSets, then of pods.
    sets: BTreeMap<usize, String>,
    uids: BTreeMap<usize, String>,
}

fn uid(object: &Value) -> anyhow::Result<String> {
    object
        .pointer("/metadata/uid")
        .and_then(Value::as_str)
        .map(str::to_owned)
        .context("an object without a uid")
}

/// Creates an object and gives it its status. Answers its uid.
async fn make(
    cluster: &Cluster,
    collection: &str,
    (object, status): (Value, Value),
) -> anyhow::Result<String> {
    let made = cluster.create(collection, &object).await?;
    let name = made.pointer("/metadata/name").and_then(Value::as_str).context("no name")?;
    say(cluster, &format!("{collection}/{name}"), &status).await?;
    uid(&made)
}

/// Changes a status as a controller or a kubelet does.
pub async fn say(cluster: &Cluster, object: &str, status: &Value) -> anyhow::Result<()> {
    let body = Some(("application/merge-patch+json", status.to_string()));
    let target = format!("{object}/status?fieldManager=kubelet");
    cluster.send(Method::PATCH, &target, body).await?.ok().map(drop)
}

/// Where a pod is found.
pub fn path(pod: usize) -> String {
    format!("/api/v1/namespaces/{}/pods/{}", objects::namespace(pod / REPLICAS), objects::pod_name(pod))
}

/// Runs a step for each number, many at a time.
async fn each<T>(
    numbers: impl Iterator<Item = usize>,
    step: impl AsyncFn(usize) -> anyhow::Result<T>,
) -> anyhow::Result<Vec<T>> {
    futures::stream::iter(numbers).map(|n| step(n)).buffer_unordered(AT_ONCE).try_collect().await
}

impl Loaded {
    /// Brings the cluster to so many pods, with their workloads, namespaces and nodes; all of them well.
    pub async fn fill(&mut self, clusters: &[Cluster], pods: usize) -> anyhow::Result<()> {
        ensure!(pods.is_multiple_of(REPLICAS) && pods >= self.pods, "{pods} pods after {}", self.pods);
        let of = |n: usize| clusters.get(n % clusters.len().max(1)).context("no cluster");
        let (nodes, workloads) = (objects::nodes(pods), pods / REPLICAS);
        each(self.nodes..nodes, async |n| make(of(n)?, "/api/v1/nodes", objects::node(n)).await).await?;
        let mut new: Vec<String> = (self.workloads..workloads).map(objects::namespace).collect();
        new.dedup();
        for name in new {
            let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            let made = of(0)?
                .send(Method::POST, "/api/v1/namespaces", Some(("application/json", object.to_string())))
                .await?;
            ensure!(made.status.is_success() || made.status.as_u16() == 409, "namespace: {}", made.body);
            if made.status.is_success() {
                let account =
                    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
                of(0)?.create(&format!("/api/v1/namespaces/{name}/serviceaccounts"), &account).await?;
            }
        }
        let sets = each(self.workloads..workloads, async |n| {
            let apps = format!("/apis/apps/v1/namespaces/{}", objects::namespace(n));
            let owner = make(of(n)?, &format!("{apps}/deployments"), objects::deployment(n)).await?;
            anyhow::Ok((n, make(of(n)?, &format!("{apps}/replicasets"), objects::set(n, &owner)).await?))
        });
        self.sets.extend(sets.await?);
        let owners = &self.sets;
        let made = each(self.pods..pods, async |pod| {
            let owner = owners.get(&(pod / REPLICAS)).context("a pod without its ReplicaSet")?;
            let collection = format!("/api/v1/namespaces/{}/pods", objects::namespace(pod / REPLICAS));
            let both = (objects::pod(pod, pods, owner), objects::status(pod, pods, &Health::Well(0)));
            anyhow::Ok((pod, make(of(pod)?, &collection, both).await?))
        });
        self.uids.extend(made.await?);
        (self.pods, self.workloads, self.nodes) = (pods, workloads, nodes);
        Ok(())
    }

    /// The uid of a pod.
    pub fn uid(&self, pod: usize) -> anyhow::Result<&str> {
        self.uids.get(&pod).map(String::as_str).context("a pod that was not made")
    }

    /// Writes Warnings: the first ones about the pods named, the others about all pods in turn.
    pub async fn warn(
        &self,
        clusters: &[Cluster],
        count: usize,
        failing: &[usize],
        at: &str,
    ) -> anyhow::Result<()> {
        let of = |n: usize| clusters.get(n % clusters.len().max(1)).context("no cluster");
        each(0..count, async |number| {
            // About those that fail both kinds of Warning; about the others what every start shows.
            let pod = failing.get(number / 2).copied();
            let (number, pod) = pod.map_or((number * 2, number * 7 % self.pods), |pod| (number, pod));
            let event = objects::event(number, pod, self.pods, self.uid(pod)?, at);
            let collection = format!("/api/v1/namespaces/{}/events", objects::namespace(pod / REPLICAS));
            of(number)?.create(&collection, &event).await
        })
        .await
        .map(drop)
    }

    /// Lets pods crash, or makes them well.
    pub async fn tell(
        &self,
        clusters: &[Cluster],
        pods: &[usize],
        health: impl Fn(usize) -> Health,
    ) -> anyhow::Result<()> {
        let of = |n: usize| clusters.get(n % clusters.len().max(1)).context("no cluster");
        each(pods.iter().copied(), async |pod| {
            say(of(pod)?, &path(pod), &objects::status(pod, self.pods, &health(pod))).await
        })
        .await
        .map(drop)
    }
}

/// Metadata of a whole collection.
async fn names(cluster: &Cluster, collection: &str) -> anyhow::Result<Vec<(String, String)>> {
    let (mut all, mut token) = (Vec::new(), String::new());
    loop {
        let page = cluster.metadata(&format!("{collection}?limit=1000&continue={token}")).await?;
        for item in page.get("items").and_then(Value::as_array).into_iter().flatten() {
            let name = item.pointer("/metadata/name").and_then(Value::as_str).context("no name")?;
            all.push((name.to_owned(), uid(item)?));
        }
        page.pointer("/metadata/continue").and_then(Value::as_str).unwrap_or_default().clone_into(&mut token);
        if token.is_empty() {
            return Ok(all);
        }
    }
}

impl Loaded {
    /// What an earlier run in the same lab put there.
    pub async fn found(cluster: &Cluster) -> anyhow::Result<Self> {
        let mut found = Self { nodes: names(cluster, "/api/v1/nodes").await?.len(), ..Self::default() };
        for (name, uid) in names(cluster, "/api/v1/pods").await? {
            let number =
                name.rsplit('-').next().and_then(|n| n.parse().ok()).context("a pod of somebody else")?;
            found.uids.insert(number, uid);
        }
        for (name, uid) in names(cluster, "/apis/apps/v1/replicasets").await? {
            let number =
                name.split('-').nth(2).and_then(|n| n.parse().ok()).context("a set of somebody else")?;
            found.sets.insert(number, uid);
        }
        (found.pods, found.workloads) = (found.uids.len(), found.sets.len());
        Ok(found)
    }
}
