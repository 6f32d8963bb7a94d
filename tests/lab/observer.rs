//! A release in mode observe that tells what it sees through a proxy, as a company's network wants it.

use super::chart::{IMAGE, helmed, image, restricted, run};
use anyhow::Context as _;
use nightshift_model::Timestamp;
use nightshift_tests::chart::CHART;
use nightshift_tests::house::program::add;
use nightshift_tests::lab::Cluster;
use nightshift_tests::lab::away::Away;
use serde_json::{Value, json};

/// This machine, as Pods reach it.
const MACHINE: &str = "10.99.0.1";

/// The release, with what it needs beside the chart.
pub(super) struct Observer {
    pub(super) cluster: Cluster,
    /// Where its messages go.
    pub(super) away: Away,
    home: &'static str,
    _folder: tempfile::TempDir,
}

impl Observer {
    /// Installs it in a namespace that it makes, to watch some that are there.
    pub(super) async fn install(home: &'static str, watched: &[&str], more: &Value) -> anyhow::Result<Self> {
        let cluster = Cluster::connect()?;
        image().await?;
        restricted(&cluster, home).await?;
        let away = Away::open("hooks.example.test").await?;
        let key = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "channels"},
            "stringData": {"hook.key": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz\n"},
        });
        cluster.create(&format!("/api/v1/namespaces/{home}/secrets"), &key).await?;
        let authority = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "company-ca"},
            "data": {"ca.crt": away.authority},
        });
        cluster.create(&format!("/api/v1/namespaces/{home}/configmaps"), &authority).await?;
        let (repository, tag) = IMAGE.rsplit_once(':').context("an image without a tag")?;
        let mut values = json!({
            "cluster": {"name": "lab", "namespaces": watched},
            "image": {"repository": repository, "tag": tag},
            "persistence": {"enabled": false}, // the lab has no storage class
            "proxy": {"https": format!("http://{MACHINE}:{}", away.proxy)},
            "extraCA": {"configMap": "company-ca"},
            "notify": {
                "existingSecret": "channels",
                "webhooks": [{"name": "hook", "url": "https://hooks.example.test/page", "secret_file": "hook.key"}],
                "digest": {"at": "08:00", "zone": "Europe/Berlin"},
            },
        });
        add(&mut values, more);
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("values.yaml");
        std::fs::write(&file, values.to_string())?;
        let file = file.to_string_lossy().into_owned();
        let start = ["install", "nightshift", CHART, "--namespace", home, "--values", &file];
        if let Err(error) = helmed(&[&start[..], &["--wait", "--timeout", "3m"]].concat()).await {
            let log = run("kubectl", &["--namespace", home, "describe", "pods"]).await.unwrap_or_default();
            let own =
                run("kubectl", &["--namespace", home, "logs", "nightshift-0"]).await.unwrap_or_default();
            anyhow::bail!("{error:#}\n{log}\n{own}");
        }
        Ok(Self { cluster, away, home, _folder: folder })
    }

    /// What a command of the program inside its Pod says.
    pub(super) async fn says(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let start = ["--namespace", self.home, "exec", "nightshift-0", "--", "/nightshift"];
        run("kubectl", &[&start, arguments, &["--config", "/etc/nightshift/nightshift.yaml"]].concat()).await
    }

    /// From the container's start to Ready, and what the kubelet says it holds.
    pub(super) async fn measure(&self) -> anyhow::Result<String> {
        let path = format!("/api/v1/namespaces/{}/pods/nightshift-0", self.home);
        let pod = self.cluster.get(&path).await?.ok()?;
        let at = |value: Option<&Value>| -> anyhow::Result<Timestamp> {
            value.and_then(Value::as_str).context("no time")?.parse().map_err(anyhow::Error::msg)
        };
        let conditions =
            pod.pointer("/status/conditions").and_then(Value::as_array).context("no conditions")?;
        let ready =
            conditions.iter().find(|c| c.get("type").is_some_and(|t| t == "Ready")).context("not Ready")?;
        let started = at(pod.pointer("/status/containerStatuses/0/state/running/startedAt"))?;
        let took = at(ready.get("lastTransitionTime"))?.since(started);
        let stats = self.cluster.get("/api/v1/nodes/lab/proxy/stats/summary").await?.ok()?;
        let pods = stats.get("pods").and_then(Value::as_array).context("no statistics")?;
        let own = pods.iter().find(|p| p.pointer("/podRef/namespace").is_some_and(|n| n == self.home));
        let bytes =
            own.and_then(|p| p.pointer("/containers/0/memory/workingSetBytes")).and_then(Value::as_u64);
        Ok(format!("from start to Ready {took}, working set {} KiB", bytes.unwrap_or_default() / 1024))
    }

    /// The API server as the account that the Pod has.
    pub(super) async fn account(&self) -> anyhow::Result<Cluster> {
        let wish = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
        let path = format!("/api/v1/namespaces/{}/serviceaccounts/nightshift/token", self.home);
        let token = self.cluster.create(&path, &wish).await?;
        self.cluster.with_token(token.pointer("/status/token").and_then(Value::as_str).context("no token")?)
    }
}
