//! A Deployment that serves traffic, and what can be seen of it.

use super::{Cluster, within};
use anyhow::{Context as _, ensure};
use nightshift_model::{Kind, ObjectRef};
use serde_json::{Value, json};
use std::time::Duration;

/// How long a rollout, an image pull and a pod's start may take here.
const PATIENCE: Duration = Duration::from_mins(2);
/// The shop's replicas.
pub const REPLICAS: u64 = 3;

/// A Deployment with a Service in front of it.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The cluster.
    pub cluster: Cluster,
    /// The Deployment.
    pub object: ObjectRef,
}

/// What a version does.
#[derive(Clone, Debug)]
pub struct Version {
    /// The image.
    pub image: &'static str,
    /// Arguments, when they are not the image's own.
    pub args: &'static [&'static str],
}

impl Version {
    /// Serves.
    pub const GOOD: Self = Self { image: "localhost:5000/app:1", args: &["serve", "8080"] };
    /// Logs an error and exits with 1.
    pub const BAD: Self = Self { image: "localhost:5000/app:2", args: &["crash", "1"] };
    /// The same after eight seconds.
    pub const SLOWLY_BAD: Self = Self { image: "localhost:5000/app:2", args: &["crash", "1", "8"] };
    /// Serves too.
    pub const BETTER: Self = Self { image: "localhost:5000/app:3", args: &["serve", "8080"] };
}

impl Workload {
    /// Creates `shop` in a namespace and waits until it serves through its Service. `strategy` may be null.
    pub async fn serve(cluster: &Cluster, namespace: &str, strategy: &Value) -> anyhow::Result<Self> {
        Self::named(cluster, namespace, "shop", strategy).await
    }

    /// The same under another name.
    pub async fn named(
        cluster: &Cluster,
        namespace: &str,
        name: &str,
        strategy: &Value,
    ) -> anyhow::Result<Self> {
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
            "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]},
        });
        cluster.create(&format!("/api/v1/namespaces/{namespace}/services"), &service).await?;
        let made = cluster
            .create(
                &format!("/apis/apps/v1/namespaces/{namespace}/deployments"),
                &manifest(namespace, name, strategy),
            )
            .await?;
        let uid = made.pointer("/metadata/uid").and_then(Value::as_str).context("no uid")?;
        let object = ObjectRef::new(Kind::Deployment, namespace, name, uid);
        let workload = Self { cluster: cluster.clone(), object };
        workload.available().await?;
        within(PATIENCE, "the Service answers", async || Ok(workload.answers().await?.then_some(()))).await?;
        Ok(workload)
    }

    /// The Deployment's address.
    pub fn path(&self) -> String {
        self.object.path().unwrap_or_default()
    }

    /// Releases a version, as `kubectl set image` does.
    pub async fn release(&self, version: &Version) -> anyhow::Result<Value> {
        let container = json!({"name": "app", "image": version.image, "args": version.args});
        let patch = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
        self.cluster.patch(&self.path(), &patch, "kubectl-set").await
    }

    /// The Deployment as it is.
    pub async fn get(&self) -> anyhow::Result<Value> {
        self.cluster.get(&self.path()).await?.ok()
    }

    /// Its pod template.
    pub async fn template(&self) -> anyhow::Result<Value> {
        Ok(self.get().await?.pointer("/spec/template").cloned().unwrap_or_default())
    }

    /// Its pods.
    pub async fn pods(&self) -> anyhow::Result<Vec<Value>> {
        let (namespace, name) = (&self.object.namespace, &self.object.name);
        let target = format!("/api/v1/namespaces/{namespace}/pods?labelSelector=app%3D{name}");
        let list = self.cluster.get(&target).await?.ok()?;
        Ok(list.get("items").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    /// Waits until every replica is updated and available, and no old pod is left.
    pub async fn available(&self) -> anyhow::Result<()> {
        within(PATIENCE, "the rollout is complete", async || {
            let live = self.get().await?;
            let number = |pointer: &str| live.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
            let seen = number("/status/observedGeneration") == number("/metadata/generation");
            let all = ["/status/replicas", "/status/updatedReplicas", "/status/availableReplicas"];
            Ok((seen && all.iter().all(|p| number(p) == REPLICAS)).then_some(()))
        })
        .await
    }

    /// Waits until a pod says CrashLoopBackOff.
    pub async fn crash_loops(&self, pods: usize) -> anyhow::Result<()> {
        within(PATIENCE, "CrashLoopBackOff", async || {
            let looping = self.pods().await?.iter().filter(|pod| waits(pod) == "CrashLoopBackOff").count();
            Ok((looping >= pods).then_some(()))
        })
        .await
    }

    /// Waits until one of the pods' containers has ended.
    pub async fn first_exit(&self) -> anyhow::Result<()> {
        within(PATIENCE, "a container that ended", async || {
            let ended = |pod: &Value| {
                let status = pod.pointer("/status/containerStatuses/0");
                status.is_some_and(|s| {
                    s.pointer("/state/terminated").or(s.pointer("/lastState/terminated")).is_some()
                })
            };
            Ok(self.pods().await?.iter().any(ended).then_some(()))
        })
        .await
    }

    /// Waits until the container of a crash-looping pod happens to run.
    pub async fn happens_to_run(&self) -> anyhow::Result<()> {
        within(PATIENCE, "a crashing container that runs just now", async || {
            let runs = |pod: &Value| {
                let status = pod.pointer("/status/containerStatuses/0");
                status.is_some_and(|s| {
                    s.pointer("/state/running").is_some()
                        && s.get("restartCount").and_then(Value::as_u64) > Some(0)
                })
            };
            Ok(self.pods().await?.iter().any(runs).then_some(()))
        })
        .await
    }

    /// Whether the Service answers.
    pub async fn answers(&self) -> anyhow::Result<bool> {
        let (namespace, name) = (&self.object.namespace, &self.object.name);
        let target = format!("/api/v1/namespaces/{namespace}/services/{name}");
        let service = self.cluster.get(&target).await?.ok()?;
        let address = service.pointer("/spec/clusterIP").and_then(Value::as_str).context("no address")?;
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
        let answer = http.get(format!("http://{address}/")).send().await;
        Ok(answer.is_ok_and(|a| a.status().is_success()))
    }

    /// Holds the cluster itself to the claim that an earlier template is back and serves.
    pub async fn is_back(&self, earlier: &Value) -> anyhow::Result<()> {
        ensure!(self.template().await? == *earlier, "the template is not the earlier one");
        self.available().await?;
        ensure!(self.pods().await?.iter().all(|p| waits(p).is_empty()), "a container waits");
        ensure!(self.answers().await?, "the Service does not answer");
        Ok(())
    }
}

fn waits(pod: &Value) -> &str {
    pod.pointer("/status/containerStatuses/0/state/waiting/reason")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn manifest(namespace: &str, name: &str, strategy: &Value) -> Value {
    let version = Version::GOOD;
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {
            "replicas": REPLICAS, "strategy": strategy,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "terminationGracePeriodSeconds": 5,
                    "containers": [{
                        "name": "app", "image": version.image, "args": version.args,
                        "ports": [{"containerPort": 8080}],
                        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
                    }],
                },
            },
        },
    })
}
