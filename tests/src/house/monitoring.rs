//! Debian's Prometheus and Alertmanager over a house: they scrape what kube-state-metrics would say of its cluster and
//! deliver to its door for alerts.

use super::{House, RESPONDER};
use crate::monitoring::{self, Plan};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use nightshift::config::Alerts;
use nightshift::runtime;
use serde_json::Value;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;

/// The programs and the exporter; they end when this is dropped.
pub struct Monitoring {
    _programs: monitoring::Monitoring,
    exporter: tokio::task::JoinHandle<()>,
}

impl Drop for Monitoring {
    fn drop(&mut self) {
        self.exporter.abort();
    }
}

impl House {
    /// Opens the door for alerts; the answer is where Alertmanager posts.
    pub async fn alerts(&self, alerts: Alerts) -> anyhow::Result<String> {
        let alerts = Alerts { listen: (Ipv4Addr::LOCALHOST, 0).into(), ..alerts };
        let address = runtime::alerts::open(self.running()?, &alerts).await?;
        Ok(format!("http://{address}/v1/alerts"))
    }

    /// Starts Prometheus and that many Alertmanagers.
    pub async fn monitoring(
        &self,
        door: &str,
        token: &Path,
        alertmanagers: usize,
    ) -> anyhow::Result<Monitoring> {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let scrape = listener.local_addr()?.to_string();
        let pods = format!("{}/api/v1/pods", self.door.url());
        let app = Router::new().route("/metrics", get(metrics)).with_state(pods);
        let exporter = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        let (folder, namespaces, range, hold) = (self.folder.path(), ".*", "3s", "1s");
        let plan = Plan { folder, scrape, namespaces, range, hold, door, token, alertmanagers };
        Ok(Monitoring { _programs: monitoring::Monitoring::start(&plan).await?, exporter })
    }

    /// Starts one Alertmanager with this configuration and says where it is.
    pub async fn alertmanager(&self, config: &str) -> anyhow::Result<(monitoring::Monitoring, String)> {
        let started = monitoring::Monitoring::alertmanager(self.folder.path(), config).await?;
        let url = format!("http://{}", started.alertmanagers.join(""));
        Ok((started, url))
    }
}

/// What kube-state-metrics says of pods that wait.
async fn metrics(State(pods): State<String>) -> String {
    let list = async {
        let answer = reqwest::Client::new().get(&pods).bearer_auth(RESPONDER).send().await?;
        answer.json::<Value>().await
    };
    let list = list.await.unwrap_or_default();
    let text =
        |value: &Value, at: &str| value.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut out = String::from("# TYPE kube_pod_container_status_waiting_reason gauge\n");
    let empty = Vec::new();
    for pod in list.get("items").and_then(Value::as_array).unwrap_or(&empty) {
        let statuses = pod.pointer("/status/containerStatuses").and_then(Value::as_array);
        for status in statuses.unwrap_or(&empty) {
            let reason = text(status, "/state/waiting/reason");
            if !reason.is_empty() {
                let _ = writeln!(
                    out,
                    "kube_pod_container_status_waiting_reason{{namespace={:?},pod={:?},uid={:?},container={:?},reason={reason:?}}} 1",
                    text(pod, "/metadata/namespace"),
                    text(pod, "/metadata/name"),
                    text(pod, "/metadata/uid"),
                    text(status, "/name"),
                );
            }
        }
    }
    out
}
