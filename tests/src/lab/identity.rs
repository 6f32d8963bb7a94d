//! The two identities with exactly the rights that docs/rbac gives them: what nightshift needs beyond, it does not get.

use super::Cluster;
use anyhow::{Context as _, ensure};
use nightshift::cluster::Access;
use nightshift_engine::permissions::{executor_roles, executor_yaml, responder_yaml};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// The namespace of the shipped files.
const HOME: &str = "nightshift";

/// The API server as each role sees it.
#[derive(Clone, Debug)]
pub struct Identities {
    /// Reads.
    pub responder: Cluster,
    /// Writes, in the one namespace it is bound in.
    pub executor: Cluster,
}

impl Identities {
    /// Applies the shipped files, binds the executor in a namespace, and asks for tokens.
    pub async fn make(admin: &Cluster, namespace: &str) -> anyhow::Result<Self> {
        apply(&responder_yaml()).await?;
        apply(&executor_yaml()).await?;
        let bindings = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings");
        for role in executor_roles() {
            let binding = json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                "metadata": {"name": role},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                "subjects": [{"kind": "ServiceAccount", "name": "nightshift-executor", "namespace": HOME}],
            });
            admin.create(&bindings, &binding).await?;
        }
        Ok(Self {
            responder: account(admin, "nightshift-responder").await?,
            executor: account(admin, "nightshift-executor").await?,
        })
    }
}

/// The identity that reads, in every namespace.
pub async fn responder(admin: &Cluster) -> anyhow::Result<Cluster> {
    apply(&responder_yaml()).await?;
    account(admin, "nightshift-responder").await
}

/// A kubeconfig in a folder, and how to use it.
pub fn access(cluster: &Cluster, folder: &Path, name: &str) -> anyhow::Result<Access> {
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "lab",
        "clusters": [{"name": "lab", "cluster": {"server": cluster.server, "certificate-authority": cluster.ca_file}}],
        "users": [{"name": name, "user": {"token": cluster.token()}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": name}}],
    });
    let path = folder.join(format!("kubeconfig-{name}"));
    std::fs::write(&path, config.to_string())?; // JSON is YAML
    Ok(Access::Kubeconfig { path: Some(path), context: None })
}

async fn account(admin: &Cluster, name: &str) -> anyhow::Result<Cluster> {
    // Longer than the longest run: a kubeconfig's token is not renewed.
    let spec = json!({"expirationSeconds": 12 * 3600});
    let asked = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
    let target = format!("/api/v1/namespaces/{HOME}/serviceaccounts/{name}/token");
    let made = admin.create(&target, &asked).await?;
    let token = made.pointer("/status/token").and_then(Value::as_str).context("no token")?;
    admin.with_token(token)
}

/// As a person applies a file; tests side by side do not disturb each other.
pub async fn apply(yaml: &str) -> anyhow::Result<()> {
    let mut kubectl = Command::new("kubectl")
        .args(["apply", "--server-side", "--force-conflicts", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    kubectl.stdin.take().context("kubectl reads nothing")?.write_all(yaml.as_bytes()).await?;
    let ended = kubectl.wait_with_output().await?;
    ensure!(ended.status.success(), "kubectl apply: {}", String::from_utf8_lossy(&ended.stderr));
    Ok(())
}
