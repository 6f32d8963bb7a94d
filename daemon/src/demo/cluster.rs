//! `demo --kubeconfig`: one namespace on the reader's own cluster, made here and removed here. The one writer beside
//! the executor, and only of what it made itself.

use super::objects::Release;
use crate::clock::Clock;
use crate::cluster::client::{Access, Reader, Writer};
use crate::cluster::{actuate, identity};
use anyhow::Context as _;
use nightshift_engine::text::visible;
use nightshift_engine::wire::HttpWrite;
use nightshift_model::RawPart;
use nightshift_model::effect::Accept;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

/// A request that takes longer is an error.
const DEADLINE: Duration = Duration::from_secs(15);
/// Characters of what the cluster says about itself.
const CLAUSE: usize = 300;
/// Bytes of an answer.
const CAP: usize = 1 << 20;

/// How long the namespace's default account, and how long the namespace's end, is waited for.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often is looked whether it is there, or gone.
const LOOK: Duration = Duration::from_millis(500);
/// Names the run that made the namespace.
const RUN: &str = "nightshift.dev/demo-run";
/// What a pod waits for when it will not start by itself.
const STUCK: &[&str] = &[
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
];

/// The reader's cluster and the demo's namespace on it.
pub struct Real {
    /// How nightshift reaches it.
    pub access: Access,
    /// The namespace.
    pub namespace: String,
    image: String,
    run: String,
    /// The namespace's uid, once it is known to be there and ours.
    made: OnceLock<String>,
    reader: Reader,
    writer: Writer,
}

impl Real {
    /// Finds the cluster; nothing is written yet.
    pub async fn connect(kubeconfig: &Path, image: &str) -> anyhow::Result<Self> {
        let access = Access::Kubeconfig { path: Some(kubeconfig.to_owned()), context: None };
        let (reader, writer) = (Reader::connect(&access).await?, Writer::connect(&access).await?);
        identity::cluster_uid(&reader, DEADLINE).await.context("the cluster does not answer")?;
        let mut bytes = [0_u8; 8];
        getrandom::fill(&mut bytes)
            .map_err(|error| anyhow::anyhow!("the system gives no randomness: {error}"))?;
        let run = format!("{:016x}", u64::from_be_bytes(bytes));
        let namespace = format!("nightshift-demo-{}", run.get(..6).unwrap_or_default());
        Ok(Self { access, namespace, image: image.to_owned(), run, made: OnceLock::new(), reader, writer })
    }

    /// Makes the namespace.
    pub async fn make(&self) -> anyhow::Result<()> {
        let object = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": self.namespace, "annotations": {RUN: self.run}},
        });
        let made = self.send("POST", "/api/v1/namespaces", &object).await?;
        self.ours(&made);
        Ok(())
    }

    /// Keeps the uid of a namespace that this run made; any other is none of its business.
    fn ours(&self, namespace: &Value) {
        let run = namespace.pointer("/metadata/annotations").and_then(|all| all.get(RUN));
        let uid = namespace.pointer("/metadata/uid").and_then(Value::as_str);
        if let (Some(uid), true) = (uid, run.and_then(Value::as_str) == Some(&self.run)) {
            let _ = self.made.set(uid.to_owned());
        }
    }

    /// Pods are refused until the namespace has its default account.
    pub async fn ready(&self) -> anyhow::Result<()> {
        let path = format!("/api/v1/namespaces/{}/serviceaccounts/default", self.namespace);
        let clock = Clock::wall();
        while clock.monotonic() < PATIENCE {
            if self.get(&path).await.is_some() {
                return Ok(());
            }
            clock.sleep(LOOK).await;
        }
        anyhow::bail!("namespace {} got no default service account", self.namespace)
    }

    /// A Deployment of the demo: the same image, a command that serves or one that ends.
    pub fn deployment(&self, release: &Release<'_>) -> Value {
        let Release { name, version, replicas, serves } = release;
        let script = if *serves {
            "echo serving; trap 'exit 0' TERM; while true; do sleep 1; done"
        } else {
            "echo 'FATAL: required setting PAYMENT_PROVIDER_URL is not set'; sleep 2; exit 1"
        };
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": self.namespace, "labels": {"app": name}},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": name}},
                "template": {
                    "metadata": {"labels": {"app": name, "version": version}},
                    "spec": {
                        "terminationGracePeriodSeconds": 2,
                        "automountServiceAccountToken": false,
                        // What the strictest Pod Security Standard asks for.
                        "securityContext": {
                            "runAsNonRoot": true, "runAsUser": 65534,
                            "seccompProfile": {"type": "RuntimeDefault"},
                        },
                        "containers": [{
                            "name": "app",
                            "image": self.image,
                            "command": ["sh", "-c", script],
                            "resources": {
                                "requests": {"cpu": "10m", "memory": "16Mi"},
                                "limits": {"cpu": "100m", "memory": "32Mi"},
                            },
                            "securityContext": {
                                "allowPrivilegeEscalation": false,
                                "capabilities": {"drop": ["ALL"]},
                            },
                            "readinessProbe": {"exec": {"command": ["true"]}, "initialDelaySeconds": 4, "periodSeconds": 2},
                        }],
                    },
                },
            },
        })
    }

    /// Creates a Deployment, or changes the one that the demo made before.
    pub async fn apply(&self, object: &Value) -> anyhow::Result<Value> {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        self.send("PATCH", &self.deployment_path(name), object).await
    }

    /// Waits until it shows that the pods of a Deployment will not start by themselves, and says why.
    pub async fn does_not_start(&self, name: &str) -> String {
        loop {
            Clock::wall().sleep(4 * LOOK).await;
            if let Some(why) = self.stuck(name).await {
                return why;
            }
        }
    }

    async fn stuck(&self, name: &str) -> Option<String> {
        let deployment = self.get(&self.deployment_path(name)).await?;
        let refused = list(&deployment, "/status/conditions")
            .find(|c| text(c, "/type") == "ReplicaFailure" && text(c, "/status") == "True");
        if let Some(condition) = refused {
            return Some(visible(text(condition, "/message"), CLAUSE));
        }
        let pods = self.get(&format!("/api/v1/namespaces/{}/pods", self.namespace)).await?;
        let own = list(&pods, "/items").filter(|pod| text(pod, "/metadata/labels/app") == name);
        let containers = own.flat_map(|pod| list(pod, "/status/containerStatuses"));
        let waits = containers.map(|c| (text(c, "/state/waiting/reason"), text(c, "/state/waiting/message")));
        let (reason, message) = waits.into_iter().find(|(reason, _)| STUCK.contains(reason))?;
        Some(format!("{reason}: {}; another image is named by --image", visible(message, CLAUSE)))
    }

    /// Who wrote the pod template of a Deployment last, besides people: how often nightshift did.
    pub async fn written_by_nightshift(&self, name: &str) -> anyhow::Result<usize> {
        let object = self.get(&self.deployment_path(name)).await.context("the Deployment cannot be read")?;
        let ours = |entry: &&Value| {
            text(entry, "/manager") == "nightshift" && entry.pointer("/fieldsV1/f:spec/f:template").is_some()
        };
        Ok(list(&object, "/metadata/managedFields").filter(ours).count())
    }

    fn deployment_path(&self, name: &str) -> String {
        format!("/apis/apps/v1/namespaces/{}/deployments/{name}", self.namespace)
    }

    /// An object or a list, if the API server gives it.
    async fn get(&self, path: &str) -> Option<Value> {
        let part = self.reader.get(path, &[], Accept::Json, CAP, DEADLINE).await;
        serde_json::from_slice(part.ok()?).ok()
    }

    /// Removes the namespace and everything in it, and waits until it is gone. One that this run did not make is
    /// left alone, whatever its name.
    pub async fn remove(&self) -> anyhow::Result<()> {
        let path = format!("/api/v1/namespaces/{}", self.namespace);
        if self.made.get().is_none()
            && let Some(found) = self.get(&path).await
        {
            self.ours(&found); // the answer to its creation was lost
        }
        let Some(uid) = self.made.get() else { return Ok(()) };
        let exactly = json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": uid}});
        let (clock, mut asked) = (Clock::wall(), self.send("DELETE", &path, &exactly).await.map(drop));
        while clock.monotonic() < PATIENCE {
            match self.reader.get(&path, &[], Accept::Json, CAP, DEADLINE).await {
                RawPart::Body { status: 404, .. } => return Ok(()),
                RawPart::Body { status: 200, body, .. } => {
                    let found: Value = serde_json::from_slice(&body).unwrap_or_default();
                    if text(&found, "/metadata/uid") != uid {
                        return Ok(());
                    }
                }
                RawPart::Body { .. } | RawPart::Failed { .. } => {}
            }
            clock.sleep(LOOK).await;
            // Asked again only where the first request was refused or lost.
            if asked.is_err() {
                asked = self.send("DELETE", &path, &exactly).await.map(drop);
            }
        }
        asked.and_then(|()| anyhow::bail!("namespace {} is not gone after {PATIENCE:?}", self.namespace))
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        let mut query = vec![("fieldManager".to_owned(), "nightshift-demo".to_owned())];
        let content_type = match method {
            "PATCH" => {
                query.push(("force".to_owned(), "true".to_owned()));
                "application/apply-patch+yaml"
            }
            "DELETE" => {
                query.clear();
                "application/json"
            }
            _ => "application/json",
        };
        let write = HttpWrite {
            method: method.to_owned(),
            path: path.to_owned(),
            query,
            content_type: content_type.to_owned(),
            body: serde_json::to_vec(body)?, // JSON is YAML
        };
        match actuate::send(&self.writer, &write, DEADLINE).await {
            RawPart::Body { status: 200..=299, body, .. } => {
                Ok(serde_json::from_slice(&body).unwrap_or(Value::Null))
            }
            RawPart::Body { status, body, .. } => {
                let said = nightshift_engine::protocol::status(status, &body).sentence();
                anyhow::bail!("{method} {path}: {said}")
            }
            RawPart::Failed { why, detail } => anyhow::bail!("{method} {path}: {} {detail}", why.clause()),
        }
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default().iter()
}
