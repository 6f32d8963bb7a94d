//! What administrators and developers do to a workload that bears our mark, and what nightshift must never stand in the way of.

use super::{Cluster, set, within};
use anyhow::ensure;
use http::Method;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

const MERGE: &str = "application/merge-patch+json";
const JSON: &str = "application/json";
/// A controller that looks, a person who types again.
const PATIENCE: Duration = Duration::from_secs(30);

/// A marked Deployment `web` in a namespace, with which everything is done that people do.
#[derive(Clone, Copy, Debug)]
pub struct Foreign<'a> {
    /// Where.
    pub namespace: &'a str,
}

impl Foreign<'_> {
    /// Where Deployments are made.
    pub fn collection(&self) -> String {
        format!("/apis/apps/v1/namespaces/{}/deployments", self.namespace)
    }

    /// The Deployment.
    pub fn path(&self) -> String {
        format!("{}/web", self.collection())
    }

    /// It, as it is made.
    pub fn web(&self, mark: &str, image: &str) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": self.namespace, "annotations": {"nightshift.dev/claim": mark}},
            "spec": {
                "replicas": 0, "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": image}]}},
            },
        })
    }

    /// Everything that is done with requests. Answers how many writes there were.
    pub async fn writes(&self, who: &Cluster, name: &str, nth: usize) -> anyhow::Result<usize> {
        let patch = |target: &str, body: Value| (Method::PATCH, target.to_owned(), MERGE, body);
        let path = self.path();
        let mut replaced = who.get(&path).await?.ok()?;
        set(&mut replaced, "/spec/template/spec/containers/0/image", json!(format!("replaced:{nth}")))?;
        set(&mut replaced, "/metadata/annotations", json!({}))?;
        set(&mut replaced, "/metadata/resourceVersion", Value::Null)?;
        let steps = [
            patch(
                &path,
                json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": format!("set:{nth}")}]}}}}),
            ),
            patch(
                &path,
                json!({"metadata": {"annotations": {"nightshift.dev/claim": "pro-0000000000.1:9.9"}}}),
            ),
            patch(&format!("{path}/scale"), json!({"spec": {"replicas": 0}})),
            patch(&path, json!({"metadata": {"labels": {"by": name}}})),
            (Method::PUT, path.clone(), JSON, replaced),
            (Method::DELETE, path.clone(), JSON, json!({})),
            (
                Method::POST,
                self.collection(),
                JSON,
                self.web("done:pro-0000000000.1", &format!("restored:{nth}")),
            ),
            (
                Method::POST,
                format!("/api/v1/namespaces/{}/configmaps?dryRun=All", self.namespace),
                JSON,
                json!({"metadata": {"name": format!("any-{nth}")}}),
            ),
        ];
        let tried = steps.len();
        for (method, target, content, body) in steps {
            let answer = who.send(method.clone(), &target, Some((content, body.to_string()))).await?;
            ensure!(
                answer.status.is_success(),
                "{name}: {method} {target}: {} {}",
                answer.status,
                answer.body
            );
        }
        Ok(tried)
    }

    /// As a person types it, against one API server.
    async fn kubectl(&self, who: &Cluster, arguments: &[&str]) -> anyhow::Result<()> {
        let made = Command::new("kubectl")
            .args(["--namespace", self.namespace, "--server", &who.server, "--token", who.token()])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .await?;
        ensure!(made.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&made.stderr));
        Ok(())
    }

    /// Two revisions, an undo and a replace, with kubectl.
    pub async fn undo(&self, who: &Cluster, folder: &Path, nth: usize) -> anyhow::Result<usize> {
        let settled = async || {
            within(PATIENCE, "the controller has seen it", async || {
                let live = who.get(&self.path()).await?.ok()?;
                Ok((live.pointer("/status/observedGeneration") == live.pointer("/metadata/generation"))
                    .then_some(()))
            })
            .await
        };
        settled().await?;
        self.kubectl(who, &["set", "image", "deployment/web", &format!("app=undo:{nth}")]).await?;
        settled().await?;
        self.kubectl(who, &["rollout", "undo", "deployment/web"]).await?;
        let file = folder.join("web.json");
        std::fs::write(&file, self.web("done:pro-0000000000.1", &format!("kubectl:{nth}")).to_string())?;
        // A controller may write between kubectl's reading and its replacing: who is told so types it again, nothing was refused.
        within(PATIENCE, "kubectl replaces what it has read", async || {
            match self.kubectl(who, &["replace", "-f", &file.to_string_lossy()]).await {
                Err(error) if format!("{error:#}").contains("Error from server (Conflict)") => Ok(None),
                done => done.map(Some),
            }
        })
        .await?;
        Ok(3)
    }
}
