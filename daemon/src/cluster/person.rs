//! What a person does in the cluster with a kubeconfig of their own: asks who they are, creates their own Vote or Visit, and
//! reaches the gate through the API server. The daemon never comes here.

use super::client::{Access, ClientError, Reader, Writer};
use super::exchange::{self, Trouble};
use super::uri;
use http::{Request, header};
use k8s_openapi::api::core::v1::Pod;
use kube::client::Body;
use nightshift_model::effect::{Accept, RawPart};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// A question that takes longer counts as not answered.
const DEADLINE: Duration = Duration::from_secs(15);
/// Bytes of an answer.
const LONGEST: usize = 4 << 20;
/// Where the gate listens in its Pod.
const GATE: u16 = 8080;
/// The label of nightshift's Pods.
const PODS: &str = "app.kubernetes.io/name=nightshift";

/// A person in the cluster.
#[derive(Clone)]
pub struct Own {
    reader: Reader,
    writer: Writer,
}

/// A way to the gate that is open as long as this lives.
pub struct Way {
    /// Where the gate answers on this machine.
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Way {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Own {
    /// Builds the clients. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn connect(access: &Access) -> Result<Self, ClientError> {
        Ok(Self { reader: Reader::connect(access).await?, writer: Writer::connect(access).await? })
    }

    /// The name by which the API server knows this person.
    ///
    /// # Errors
    /// One sentence.
    pub async fn user(&self) -> Result<String, String> {
        let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let answer = self.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", &review).await?;
        let user = answer.pointer("/status/userInfo/username").and_then(Value::as_str);
        user.map(str::to_owned).ok_or_else(|| "the API server does not say who you are".to_owned())
    }

    /// Creates a Vote or a Visit.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn create(&self, namespace: &str, plural: &str, object: &Value) -> Result<Value, String> {
        self.post(&format!("/apis/nightshift.dev/v1/namespaces/{namespace}/{plural}"), object).await
    }

    /// A list of objects.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn list(&self, path: &str, selector: &str) -> Result<Vec<Value>, String> {
        let query = [("labelSelector".to_owned(), selector.to_owned())];
        match self.reader.get(path, &query, Accept::Json, LONGEST, DEADLINE).await {
            RawPart::Failed { why, detail } => Err(format!("{}: {detail}", why.clause())),
            RawPart::Body { status, body, cut } => {
                let list = read(status, &body, cut)?;
                Ok(list.get("items").and_then(Value::as_array).cloned().unwrap_or_default())
            }
        }
    }

    /// Forwards a port of this machine to the gate of a nightshift in a namespace.
    ///
    /// # Errors
    /// One sentence.
    pub async fn forward(&self, namespace: &str) -> Result<Way, String> {
        let pods = self.list(&format!("/api/v1/namespaces/{namespace}/pods"), PODS).await?;
        let ready = |pod: &&Value| {
            let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
            conditions.is_some_and(|all| all.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"))
        };
        let pod = pods
            .iter()
            .find(ready)
            .and_then(|pod| pod.pointer("/metadata/name")?.as_str())
            .ok_or_else(|| format!("no Pod of nightshift is Ready in namespace {namespace}"))?
            .to_owned();
        let open = |error: std::io::Error| format!("no port of this machine can be opened: {error}");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(open)?;
        let address = listener.local_addr().map_err(open)?;
        let pods: kube::Api<Pod> = kube::Api::namespaced(self.reader.client().clone(), namespace);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (pods, pod) = (pods.clone(), pod.clone());
                tokio::spawn(async move {
                    if let Err(why) = carry(&pods, &pod, stream).await {
                        tracing::warn!(pod, why, "the gate could not be reached through the API server");
                    }
                });
            }
        });
        Ok(Way { address, task })
    }

    async fn post(&self, path: &str, object: &Value) -> Result<Value, String> {
        let request = Request::post(uri::build(path, &[])?)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(object.to_string().into_bytes()))
            .map_err(|error| error.to_string())?;
        let exchange = async {
            let response = match exchange::open(self.writer.client(), request).await {
                Ok(response) => response,
                Err(Trouble::NeverSent(why) | Trouble::Lost(why)) => {
                    return Err(format!("the API server does not answer: {why}"));
                }
            };
            let status = response.status().as_u16();
            let taken = exchange::take(response.into_body(), LONGEST).await;
            match taken.broken {
                None => read(status, &taken.bytes, taken.cut),
                Some(why) => Err(format!("the API server's answer broke off: {why}")),
            }
        };
        tokio::time::timeout(DEADLINE, exchange)
            .await
            .unwrap_or_else(|_| Err(format!("the API server does not answer within {DEADLINE:?}")))
    }
}

async fn carry(pods: &kube::Api<Pod>, pod: &str, mut here: TcpStream) -> Result<(), String> {
    let told = |error: &dyn std::error::Error| error.to_string();
    let mut forwarded = pods.portforward(pod, &[GATE]).await.map_err(|e| told(&e))?;
    let mut there = forwarded.take_stream(GATE).ok_or("the API server forwards no port")?;
    tokio::io::copy_bidirectional(&mut here, &mut there).await.map_err(|e| told(&e))?;
    drop(there);
    forwarded.join().await.map_err(|e| told(&e))
}

fn read(status: u16, body: &[u8], cut: bool) -> Result<Value, String> {
    let value: Value = if cut { Value::Null } else { serde_json::from_slice(body).unwrap_or(Value::Null) };
    if (200..300).contains(&status) && !value.is_null() {
        return Ok(value);
    }
    match value.get("message").and_then(Value::as_str) {
        Some(message) => Err(format!("{message} ({status})")),
        None => Err(format!("the API server answered {status}")),
    }
}
