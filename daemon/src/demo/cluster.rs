//! `demo --kubeconfig`: one namespace on the reader's own cluster, made here and removed here. The one writer beside
//! the executor, and only of what it made itself.

use super::objects::Release;
use crate::cluster::client::{Access, Reader, Writer};
use crate::cluster::{actuate, identity};
use anyhow::Context as _;
use nightshift_engine::wire::HttpWrite;
use nightshift_model::RawPart;
use nightshift_model::effect::Accept;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// A request that takes longer is an error.
const DEADLINE: Duration = Duration::from_secs(15);
/// Bytes of an answer.
const CAP: usize = 1 << 20;

/// The reader's cluster and the demo's namespace on it.
pub struct Real {
    /// How nightshift reaches it.
    pub access: Access,
    /// The namespace.
    pub namespace: String,
    image: String,
    reader: Reader,
    writer: Writer,
}

impl Real {
    /// Makes the namespace.
    pub async fn open(kubeconfig: &Path, image: &str) -> anyhow::Result<Self> {
        let access = Access::Kubeconfig { path: Some(kubeconfig.to_owned()), context: None };
        let (reader, writer) = (Reader::connect(&access).await?, Writer::connect(&access).await?);
        let cluster =
            identity::cluster_uid(&reader, DEADLINE).await.context("the cluster does not answer")?;
        let mut bytes = [0_u8; 3];
        getrandom::fill(&mut bytes)
            .map_err(|error| anyhow::anyhow!("the system gives no randomness: {error}"))?;
        let [a, b, c] = bytes;
        let namespace = format!("nightshift-demo-{a:02x}{b:02x}{c:02x}");
        tracing::info!(%cluster, %namespace, "the demo's namespace");
        let real = Self { access, namespace, image: image.to_owned(), reader, writer };
        let made = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": real.namespace}});
        real.send("POST", "/api/v1/namespaces", &made).await?;
        real.account().await?;
        Ok(real)
    }

    /// Pods are refused until the namespace has its default account.
    async fn account(&self) -> anyhow::Result<()> {
        let path = format!("/api/v1/namespaces/{}/serviceaccounts/default", self.namespace);
        for _ in 0..60 {
            if self.reader.get(&path, &[], Accept::Json, CAP, DEADLINE).await.ok().is_some() {
                return Ok(());
            }
            crate::clock::Clock::wall().sleep(Duration::from_millis(500)).await;
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
                        "containers": [{
                            "name": "app",
                            "image": self.image,
                            "command": ["sh", "-c", script],
                            "readinessProbe": {"exec": {"command": ["true"]}, "initialDelaySeconds": 4, "periodSeconds": 2},
                        }],
                    },
                },
            },
        })
    }

    /// Creates a Deployment, or replaces the one that the demo made before.
    pub async fn apply(&self, object: &Value) -> anyhow::Result<Value> {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let all = format!("/apis/apps/v1/namespaces/{}/deployments", self.namespace);
        let one = format!("{all}/{name}");
        match self.reader.get(&one, &[], Accept::Json, CAP, DEADLINE).await {
            RawPart::Body { status: 404, .. } => self.send("POST", &all, object).await,
            RawPart::Body { .. } | RawPart::Failed { .. } => self.send("PUT", &one, object).await,
        }
    }

    /// Who wrote the pod template of a Deployment last, besides people: how often nightshift did.
    pub async fn written_by_nightshift(&self, name: &str) -> anyhow::Result<usize> {
        let path = format!("/apis/apps/v1/namespaces/{}/deployments/{name}", self.namespace);
        let part = self.reader.get(&path, &[], Accept::Json, CAP, DEADLINE).await;
        let object: Value = serde_json::from_slice(part.ok().context("the Deployment cannot be read")?)?;
        let entries =
            object.pointer("/metadata/managedFields").and_then(Value::as_array).cloned().unwrap_or_default();
        let ours = |entry: &&Value| {
            entry.get("manager").and_then(Value::as_str) == Some("nightshift")
                && entry.pointer("/fieldsV1/f:spec/f:template").is_some()
        };
        Ok(entries.iter().filter(ours).count())
    }

    /// Removes the namespace and everything in it.
    pub async fn remove(&self) -> anyhow::Result<()> {
        let path = format!("/api/v1/namespaces/{}", self.namespace);
        self.send("DELETE", &path, &json!({})).await.map(|_| ())
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        let write = HttpWrite {
            method: method.to_owned(),
            path: path.to_owned(),
            query: vec![("fieldManager".to_owned(), "nightshift-demo".to_owned())],
            content_type: "application/json".to_owned(),
            body: serde_json::to_vec(body)?,
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
