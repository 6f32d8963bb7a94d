//! The lab from within: its API server as an administrator sees it, its Prometheus, and a nightshift beside them.
//!
//! Everything here runs inside `tests/lab/up`; outside there is no cluster, and [`Cluster::connect`] says so.

pub mod attack;
pub mod away;
pub mod discovery;
pub mod foreign;
pub mod fresh;
pub mod identity;
pub mod keys;
pub mod lock;
pub mod night;
pub mod pager;
pub mod program;
pub mod proxy;
pub mod workload;

use anyhow::{Context as _, bail, ensure};
use nightshift::clock::Clock;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Certificate, Method, StatusCode};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// How often a wait looks again.
const LOOK: Duration = Duration::from_millis(100);
/// Nothing in the lab takes longer to answer.
const DEADLINE: Duration = Duration::from_secs(20);

/// The lab's API server.
#[derive(Clone, Debug)]
pub struct Cluster {
    http: reqwest::Client,
    /// `https://127.0.0.1:6443`.
    pub server: String,
    /// The file with its certificate authority, as PEM; empty without TLS.
    pub ca_file: PathBuf,
    token: String,
}

/// An answer of the API server.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body; null when it is no JSON.
    pub body: Value,
    /// Under which id the API server's audit log tells of it; empty where nothing was written down.
    pub audit: String,
}

impl Answer {
    /// The body of a success.
    pub fn ok(self) -> anyhow::Result<Value> {
        ensure!(self.status.is_success(), "{}: {}", self.status, self.body);
        Ok(self.body)
    }
}

impl Cluster {
    /// The cluster that `tests/lab/up` started around this process, as its administrator.
    pub fn connect() -> anyhow::Result<Self> {
        let outside = "not inside the lab: start this program with `tests/lab/up -- <program>`";
        let path = std::env::var_os("KUBECONFIG").context(outside)?;
        std::env::var_os("LAB").context(outside)?;
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        // The lab writes this file itself, always in the same shape.
        let field = |name: &str| {
            let (_, rest) = text.split_once(&format!("{name}: \"")).with_context(|| format!("no {name}"))?;
            rest.split('"').next().map(str::to_owned).with_context(|| format!("no {name}"))
        };
        Self::new(&field("server")?, field("certificate-authority")?.into(), &field("token")?)
    }

    /// The same API server as somebody else.
    pub fn with_token(&self, token: &str) -> anyhow::Result<Self> {
        Self::new(&self.server, self.ca_file.clone(), token)
    }

    /// A server without TLS, such as the simulated one's door.
    pub fn plain(url: &str, token: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build()?;
        Ok(Self { http, server: url.to_owned(), ca_file: PathBuf::new(), token: token.to_owned() })
    }

    /// Opens a stream.
    pub async fn open(&self, target: &str) -> anyhow::Result<reqwest::Response> {
        Ok(self.http.get(format!("{}{target}", self.server)).bearer_auth(&self.token).send().await?)
    }

    /// The bearer token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The same API server as another user, whom an administrator may act as.
    pub fn impersonating(&self, user: &str) -> anyhow::Result<Self> {
        let mut headers = HeaderMap::new();
        headers.insert("impersonate-user", HeaderValue::from_str(user)?);
        Self::with(&self.server, self.ca_file.clone(), &self.token, headers)
    }

    /// Another API server of the same cluster.
    pub fn at(&self, server: &str) -> anyhow::Result<Self> {
        Self::new(server, self.ca_file.clone(), &self.token)
    }

    fn new(server: &str, ca_file: PathBuf, token: &str) -> anyhow::Result<Self> {
        Self::with(server, ca_file, token, HeaderMap::new())
    }

    fn with(server: &str, ca_file: PathBuf, token: &str, headers: HeaderMap) -> anyhow::Result<Self> {
        let ca = Certificate::from_pem(&std::fs::read(&ca_file)?)?;
        let http = reqwest::Client::builder()
            .tls_certs_only([ca])
            .no_proxy()
            .timeout(DEADLINE)
            .default_headers(headers)
            .build()?;
        Ok(Self { http, server: server.to_owned(), ca_file, token: token.to_owned() })
    }

    /// One request. `content` is the body's type.
    pub async fn send(
        &self,
        method: Method,
        target: &str,
        body: Option<(&str, String)>,
    ) -> anyhow::Result<Answer> {
        let mut request = self
            .http
            .request(method, format!("{}{target}", self.server))
            .bearer_auth(&self.token)
            .header("accept", "application/json");
        if let Some((content, body)) = body {
            request = request.header("content-type", content).body(body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let audit = answer.headers().get("audit-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
        let audit = audit.to_owned();
        let bytes = answer.bytes().await?;
        Ok(Answer { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null), audit })
    }

    /// GET.
    pub async fn get(&self, target: &str) -> anyhow::Result<Answer> {
        self.send(Method::GET, target, None).await
    }

    /// GET of a collection's metadata, without what the objects hold.
    pub async fn metadata(&self, target: &str) -> anyhow::Result<Value> {
        let accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
        let request = self.http.get(format!("{}{target}", self.server)).bearer_auth(&self.token);
        Ok(request.header("accept", accept).send().await?.error_for_status()?.json().await?)
    }

    /// POST of an object.
    pub async fn create(&self, collection: &str, object: &Value) -> anyhow::Result<Value> {
        let body = Some(("application/json", object.to_string()));
        self.send(Method::POST, collection, body).await?.ok()
    }

    /// Server-side apply, as `kubectl apply --server-side` does it: creates or changes.
    pub async fn apply(&self, path: &str, object: &Value) -> anyhow::Result<Value> {
        let target = format!("{path}?fieldManager=kubectl&force=true");
        let body = Some(("application/apply-patch+yaml", object.to_string()));
        self.send(Method::PATCH, &target, body).await?.ok()
    }

    /// Strategic merge patch, as `kubectl set image` and `kubectl rollout undo` do it.
    pub async fn patch(&self, path: &str, patch: &Value, manager: &str) -> anyhow::Result<Value> {
        let target = format!("{path}?fieldManager={manager}");
        let body = Some(("application/strategic-merge-patch+json", patch.to_string()));
        self.send(Method::PATCH, &target, body).await?.ok()
    }

    /// Makes a namespace in which pods start.
    pub async fn namespace(&self, name: &str) -> anyhow::Result<()> {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.create("/api/v1/namespaces", &object).await?;
        within(Duration::from_mins(1), "the namespace's default ServiceAccount", async || {
            let account =
                self.get(&format!("/api/v1/namespaces/{name}/serviceaccounts/default")).await?.status;
            let roots =
                self.get(&format!("/api/v1/namespaces/{name}/configmaps/kube-root-ca.crt")).await?.status;
            Ok((account.is_success() && roots.is_success()).then_some(()))
        })
        .await
    }

    /// Removes a namespace; what is in it goes in the background.
    pub async fn remove_namespace(&self, name: &str) -> anyhow::Result<()> {
        self.send(Method::DELETE, &format!("/api/v1/namespaces/{name}"), None).await?.ok().map(|_| ())
    }
}

/// Sets one field of an object; what holds the field must be there.
///
/// # Errors
/// The pointer has no such place.
pub fn set(object: &mut Value, pointer: &str, value: Value) -> anyhow::Result<()> {
    let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
    let fields = object.pointer_mut(parent).and_then(Value::as_object_mut);
    fields.with_context(|| format!("no {parent}"))?.insert(name.to_owned(), value);
    Ok(())
}

/// Waits until something is there.
pub async fn within<T>(
    patience: Duration,
    what: &str,
    look: impl AsyncFn() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let clock = Clock::wall();
    let began = clock.monotonic();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if clock.monotonic().saturating_sub(began) > patience {
            bail!("{what}: not within {patience:?}");
        }
        clock.sleep_real(LOOK).await;
    }
}

/// The one sample of an instant query, if it has one.
pub async fn prometheus(promql: &str) -> anyhow::Result<Option<f64>> {
    let base = std::env::var("LAB_PROMETHEUS").context("the lab was started without Prometheus")?;
    let http = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build()?;
    let answer = http.get(format!("{base}/api/v1/query")).query(&[("query", promql)]).send().await?;
    let body: Value = serde_json::from_slice(&answer.bytes().await?)?;
    Ok(body.pointer("/data/result/0/value/1").and_then(Value::as_str).and_then(|v| v.parse().ok()))
}
