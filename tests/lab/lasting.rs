//! A release of the chart in a namespace of its own, with a volume that outlives it, and alice with her key.

use super::chart::{IMAGE, Said, helmed, image, restricted, run};
use anyhow::{Context as _, ensure};
use nightshift_tests::lab::program::binary;
use nightshift_tests::lab::{Cluster, within};
use serde_json::{Value, json};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// A rollout, a proof, a Pod that is replaced: nothing here takes longer.
pub(super) const PATIENCE: Duration = Duration::from_mins(4);
/// The group in which a volume is given to the Pod.
const GROUP: u32 = 65532;
/// Where the chart puts its volume claim.
pub(super) const CLAIM: &str = "data-nightshift-0";

pub(super) struct Release {
    pub(super) cluster: Cluster,
    home: String,
    folder: tempfile::TempDir,
}

impl Release {
    /// The namespace, and a folder of this machine as the volume that its claim will get: the lab has no storage class.
    pub(super) async fn prepare(home: &str) -> anyhow::Result<Self> {
        let cluster = Cluster::connect()?;
        image().await?;
        restricted(&cluster, home).await?;
        let release = Self { cluster, home: home.to_owned(), folder: tempfile::tempdir()? };
        let path = release.file("volume");
        std::fs::create_dir(&path)?;
        // As the kubelet makes an emptyDir for the chart's fsGroup; on a hostPath it changes nothing.
        chown(&path, None, Some(GROUP))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o2777))?;
        let volume = json!({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": release.volume()},
            "spec": {
                "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": path},
                "claimRef": {"namespace": home, "name": CLAIM},
            },
        });
        release.cluster.create("/api/v1/persistentvolumes", &volume).await?;
        Ok(release)
    }

    fn volume(&self) -> String {
        format!("volume-of-{}", self.home)
    }

    pub(super) fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    /// Values of every mode: alice, a policy that is quick, the image.
    pub(super) async fn values(&self, watched: &[&str]) -> anyhow::Result<Value> {
        let key = self.local(&["person", "key", "new", "alice", "--out", &self.file("alice.pem")]).await?;
        let line =
            key.lines().find_map(|line| line.trim().strip_prefix("- { kind: ed25519")).context("no key")?;
        let key: Value = serde_saphyr::from_str(&format!("{{ kind: ed25519{line}"))?;
        let signed = json!({"approve": 1, "min_proof": "signed"});
        let (repository, tag) = IMAGE.rsplit_once(':').context("an image without a tag")?;
        Ok(json!({
            "cluster": {"name": "lab", "namespaces": watched},
            "image": {"repository": repository, "tag": tag},
            "persons": [{"name": "alice", "roles": ["on-call"], "keys": [key]}],
            "roles": {"on-call": {"owners": ["*"], "may": ["view", "approve", "admin"]}},
            "policy": {
                "approvals": {"low": signed, "medium": signed}, "accept_non_interactive": true,
                "healthy_after": "15s", "soak": {"low": "20s", "medium": "20s", "high": "20s"},
                "soak_crash_loop": "20s", "measure_every": "5s",
            },
        }))
    }

    /// `helm install` or `helm upgrade`, until the Pod is Ready; what stands in its way is said.
    pub(super) async fn helm(&self, verb: &str, chart: &str, more: &[&str]) -> anyhow::Result<()> {
        let start = [verb, "nightshift", chart, "--namespace", &self.home, "--wait", "--timeout", "4m"];
        let Err(error) = helmed(&[&start[..], more].concat()).await else { return Ok(()) };
        let here = ["--namespace", &self.home];
        let pods = run("kubectl", &[&here[..], &["describe", "pods,pvc"]].concat()).await;
        let logs = ["logs", "nightshift-0", "--all-containers", "--tail", "40"];
        let logs = run("kubectl", &[&here[..], &logs].concat()).await;
        anyhow::bail!("{error:#}\n{}\n{}", pods.unwrap_or_default(), logs.unwrap_or_default())
    }

    /// `helm uninstall`.
    pub(super) async fn uninstall(&self) -> anyhow::Result<()> {
        helmed(&["uninstall", "nightshift", "--namespace", &self.home, "--wait"]).await.map(drop)
    }

    /// The program on this machine.
    pub(super) async fn local(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let out = Command::new(binary()?).args(arguments).stdin(Stdio::null()).output().await?;
        ensure!(out.status.success(), "{arguments:?}: {}", Said(&out));
        Ok(String::from_utf8(out.stdout)?)
    }

    /// What the program says in a container of its Pod, whatever its exit code.
    pub(super) async fn says(&self, container: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let file = if container == "executor" { "executor" } else { "nightshift" };
        let config = format!("/etc/nightshift/{file}.yaml");
        let start = [
            "--namespace",
            &self.home,
            "exec",
            "nightshift-0",
            "--container",
            container,
            "--",
            "/nightshift",
        ];
        let all = [&start[..], arguments, &["--config", &config]].concat();
        let out = Command::new("kubectl").args(all).stdin(Stdio::null()).output().await?;
        Ok(Said(&out).to_string())
    }

    /// What it says as JSON.
    pub(super) async fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let said = self.says("responder", &[arguments, &["-o", "json"]].concat()).await?;
        serde_json::from_str(&said).with_context(|| format!("{arguments:?}: {said}"))
    }

    /// How often the history holds an event that names something.
    pub(super) async fn recorded(&self, kind: &str, named: &str) -> anyhow::Result<usize> {
        let export = self.says("responder", &["audit", "export"]).await?;
        let kind = format!("\"kind\":\"{kind}\"");
        Ok(export.lines().filter(|line| line.contains(&kind) && line.contains(named)).count())
    }

    /// Waits until the executor is closed nowhere.
    pub(super) async fn opens(&self) -> anyhow::Result<()> {
        let path = format!("/api/v1/namespaces/{}/services/nightshift", self.home);
        let service = self.cluster.get(&path).await?.ok()?;
        let address = service.pointer("/spec/clusterIP").and_then(Value::as_str).context("no address")?;
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
        within(PATIENCE, "the executor opens", async || {
            let Ok(answer) = http.get(format!("http://{address}:8081/readyz")).send().await else {
                return Ok(None);
            };
            let said = answer.text().await?;
            Ok((said.contains("\"ready\":true") && !said.contains("\"execution")).then_some(()))
        })
        .await
    }

    /// kubectl's way to the Pod's own loopback address.
    pub(super) async fn forward(&self, port: u16) -> anyhow::Result<(Child, String)> {
        let ports = format!("{port}:8080");
        let child = Command::new("kubectl")
            .args(["--namespace", &self.home, "port-forward", "nightshift-0", &ports])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let (http, gate) =
            (reqwest::Client::builder().no_proxy().build()?, format!("http://127.0.0.1:{port}"));
        within(PATIENCE, "the gate is forwarded", async || {
            Ok(http.get(format!("{gate}/signin/none")).send().await.ok().map(drop))
        })
        .await?;
        Ok((child, gate))
    }

    /// Takes the namespace and the volume away.
    pub(super) async fn end(self) -> anyhow::Result<()> {
        self.cluster.remove_namespace(&self.home).await?;
        let volume = format!("/api/v1/persistentvolumes/{}", self.volume());
        self.cluster.send(http::Method::DELETE, &volume, None).await?.ok().map(drop)
    }
}
