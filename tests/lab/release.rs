//! `mode: approve` in the lab's cluster, as the chart installs it: profile small, one Pod, two identities, restricted Pods,
//! votes by Kubernetes identity, the lock at the API server.

use super::chart::{IMAGE, Said, helmed, image, restricted, run};
use anyhow::Context as _;
use nightshift_tests::chart::CHART;
use nightshift_tests::lab::program::binary;
use nightshift_tests::lab::{Cluster, within};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// A rollout, a proof, two looks at rights: nothing here takes longer.
pub(super) const PATIENCE: Duration = Duration::from_mins(4);
pub(super) const HOME: &str = "approve-home";
pub(super) const SHOP: &str = "approve-shop";
pub(super) const BANK: &str = "approve-bank";
/// Who votes by an object of the cluster.
pub(super) const ALICE: &str = "alice@example.com";
/// Who may create such objects too, and is nobody in the registry.
pub(super) const MALLORY: &str = "mallory@example.com";
/// The name of the lock's objects.
pub(super) const LOCK: &str = "approve-home-nightshift-lock";
/// Where the forwarded gate is: the origin that it knows without a public URL.
pub(super) const GATE: &str = "http://127.0.0.1:8080";

/// The release.
pub(super) struct Release {
    /// The cluster, as its administrator.
    pub(super) cluster: Cluster,
    folder: tempfile::TempDir,
}

/// One row of the history.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    pub(super) kind: String,
    pub(super) incident: Option<String>,
    /// Canonical JSON.
    pub(super) body: String,
}

impl Release {
    pub(super) async fn install() -> anyhow::Result<Self> {
        let cluster = Cluster::connect()?;
        image().await?;
        restricted(&cluster, HOME).await?;
        for namespace in [SHOP, BANK] {
            cluster.namespace(namespace).await?;
        }
        let release = Self { cluster, folder: tempfile::tempdir()? };
        let (repository, tag) = IMAGE.rsplit_once(':').context("an image without a tag")?;
        let values = json!({
            "cluster": {"name": "lab", "namespaces": [SHOP, BANK]},
            "mode": "approve",
            "actions": {"namespaces": [SHOP, BANK], "disabled": ["re-run-job"]},
            "image": {"repository": repository, "tag": tag},
            "persistence": {"enabled": false}, // the lab has no storage class
            "kubernetesVotes": {"enabled": true},
            "persons": [
                {"name": "alice", "roles": ["on-call"], "kubernetes": ALICE}, {"name": "bob", "roles": ["on-call"]},
            ],
            "roles": {"on-call": {"owners": ["*"], "may": ["view", "approve", "admin"]}},
            "policy": {
                "accept_non_interactive": true, // the plugin is started without a terminal
                "healthy_after": "15s", "soak": {"low": "20s", "medium": "20s", "high": "20s"},
                "soak_crash_loop": "20s", "measure_every": "5s",
            },
        });
        std::fs::write(release.file("values.yaml"), values.to_string())?;
        let values = release.file("values.yaml");
        let wait = ["--values", &values, "--wait", "--timeout", "4m"];
        let install = [&["install", "nightshift", CHART, "--namespace", HOME], &wait[..]].concat();
        if let Err(error) = helmed(&install).await {
            let pods = run("kubectl", &["--namespace", HOME, "describe", "pods"]).await.unwrap_or_default();
            let logs = ["--namespace", HOME, "logs", "nightshift-0", "--all-containers", "--tail", "40"];
            anyhow::bail!("{error:#}\n{pods}\n{}", run("kubectl", &logs).await.unwrap_or_default());
        }
        Ok(release)
    }

    pub(super) fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    /// The program as kubectl finds it, with the kubeconfig of somebody whom the administrator acts as.
    pub(super) async fn plugin(&self, user: &str, arguments: &[&str]) -> anyhow::Result<(bool, String)> {
        let program = self.folder.path().join("kubectl-nightshift");
        if !program.exists() {
            std::os::unix::fs::symlink(binary()?, &program)?;
        }
        let mut command = Command::new(&program);
        command.args(arguments).args(["-n", HOME, "--kubeconfig"]).arg(self.kubeconfig(user)?);
        let out = command.env_remove("KUBECONFIG").stdin(Stdio::null()).output().await?;
        Ok((out.status.success(), Said(&out).to_string()))
    }

    fn kubeconfig(&self, user: &str) -> anyhow::Result<PathBuf> {
        let cluster = json!({"server": self.cluster.server, "certificate-authority": self.cluster.ca_file});
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "lab",
            "clusters": [{"name": "lab", "cluster": cluster}],
            "users": [{"name": "person", "user": {"token": self.cluster.token(), "as": user}}],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "person"}}],
        });
        let path = Path::new(&self.file(&format!("{user}.yaml"))).to_owned();
        std::fs::write(&path, config.to_string())?; // JSON is YAML
        Ok(path)
    }

    /// Binds a ClusterRole in a namespace.
    pub(super) async fn bind(&self, namespace: &str, role: &str, subjects: Value) -> anyhow::Result<()> {
        let rbac = "rbac.authorization.k8s.io";
        let binding = json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "RoleBinding", "metadata": {"name": role},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": role}, "subjects": subjects,
        });
        let target = format!("/apis/{rbac}/v1/namespaces/{namespace}/rolebindings");
        self.cluster.create(&target, &binding).await.map(drop)
    }

    /// What the program says in a container of its Pod, whatever its exit code.
    pub(super) async fn says(&self, container: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let file = if container == "executor" { "executor" } else { "nightshift" };
        let config = format!("/etc/nightshift/{file}.yaml");
        let start =
            ["--namespace", HOME, "exec", "nightshift-0", "--container", container, "--", "/nightshift"];
        let all = [&start[..], arguments, &["--config", &config]].concat();
        let out = Command::new("kubectl").args(all).stdin(Stdio::null()).output().await?;
        Ok(Said(&out).to_string())
    }

    /// What it says as JSON.
    pub(super) async fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let said = self.says("responder", &[arguments, &["-o", "json"]].concat()).await?;
        serde_json::from_str(&said).with_context(|| format!("{arguments:?}: {said}"))
    }

    /// The same API server with the token of one of the release's accounts.
    pub(super) async fn account(&self, name: &str) -> anyhow::Result<Cluster> {
        self.token(HOME, name).await
    }

    /// The same of any account.
    pub(super) async fn token(&self, namespace: &str, name: &str) -> anyhow::Result<Cluster> {
        let wish = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let made = self.cluster.create(&path, &wish).await?;
        self.cluster.with_token(made.pointer("/status/token").and_then(Value::as_str).context("no token")?)
    }

    /// `/readyz` or `/metrics` of the responder, through the Service.
    pub(super) async fn health(&self, path: &str) -> anyhow::Result<String> {
        let service =
            self.cluster.get(&format!("/api/v1/namespaces/{HOME}/services/nightshift")).await?.ok()?;
        let address = service.pointer("/spec/clusterIP").and_then(Value::as_str).context("no address")?;
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
        Ok(http.get(format!("http://{address}:8081{path}")).send().await?.text().await?)
    }

    /// Waits until readiness says something, or no longer does.
    pub(super) async fn told(&self, what: &str, text: &str, wanted: bool) -> anyhow::Result<()> {
        within(PATIENCE, what, async || {
            Ok((self.health("/readyz").await?.contains(text) == wanted).then_some(()))
        })
        .await
        .with_context(|| format!("{text:?}"))
    }

    /// Every row of the history, from an export.
    pub(super) async fn history(&self) -> anyhow::Result<Vec<Told>> {
        let export = self.says("responder", &["audit", "export"]).await?;
        let rows = export.lines().filter(|line| line.starts_with("{\"seq\":"));
        let read = |line| serde_json::from_str::<Told>(line).context("a row cannot be read");
        rows.map(read).collect()
    }

    /// How often the history holds an event.
    pub(super) async fn recorded(&self, kind: &str) -> anyhow::Result<usize> {
        Ok(self.history().await?.iter().filter(|row| row.kind == kind).count())
    }

    /// kubectl's way to the Pod's own loopback address.
    pub(super) async fn forward(&self) -> anyhow::Result<Child> {
        let arguments = ["--namespace", HOME, "port-forward", "nightshift-0", "8080:8080"];
        let child = Command::new("kubectl")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        within(PATIENCE, "the gate is forwarded", async || {
            Ok(http.get(format!("{GATE}/signin/none")).send().await.ok().map(drop))
        })
        .await?;
        Ok(child)
    }
}
