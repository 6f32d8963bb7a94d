//! Debian's Prometheus and Alertmanager over a house: they scrape what kube-state-metrics would say of its cluster and
//! deliver to its door for alerts.

use super::{House, RESPONDER};
use anyhow::{Context as _, ensure};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use nightshift::config::Alerts;
use nightshift::runtime;
use serde_json::Value;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A program that takes longer to answer did not start.
const PATIENCE: Duration = Duration::from_secs(20);

/// Rules under the names and labels of kube-prometheus, with shorter windows.
const RULES: &str = "\
groups:
- name: kubernetes-apps
  interval: 1s
  rules:
  - alert: KubePodCrashLooping
    expr: max_over_time(kube_pod_container_status_waiting_reason{reason=\"CrashLoopBackOff\",job=\"kube-state-metrics\"}[3s]) >= 1
    for: 1s
    labels: {severity: warning}
    annotations:
      summary: Pod is crash looping.
      description: 'Pod {{ $labels.namespace }}/{{ $labels.pod }} ({{ $labels.container }}) is in waiting state (reason: \"CrashLoopBackOff\").'
- name: general
  interval: 1s
  rules:
  - alert: Watchdog
    expr: vector(1)
    labels: {severity: none}
";

/// The programs; they end when this is dropped.
pub struct Monitoring {
    programs: Vec<Child>,
    exporter: tokio::task::JoinHandle<()>,
}

impl Drop for Monitoring {
    fn drop(&mut self) {
        self.exporter.abort();
        for program in &mut self.programs {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

impl House {
    /// Opens the door for alerts; the answer is where Alertmanager posts.
    pub async fn alerts(&self, alerts: Alerts) -> anyhow::Result<String> {
        let alerts = Alerts { listen: (Ipv4Addr::LOCALHOST, 0).into(), ..alerts };
        let address = runtime::alerts::open(self.running()?, &alerts).await?;
        Ok(format!("http://{address}/v1/alerts"))
    }

    /// Starts Prometheus and that many Alertmanagers, which do not know each other: what Prometheus tells comes from
    /// each of them, as it does from a cluster of them that is cut apart.
    pub async fn monitoring(
        &self,
        door: &str,
        token: &Path,
        alertmanagers: usize,
    ) -> anyhow::Result<Monitoring> {
        let folder = self.folder.path();
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let exporter = listener.local_addr()?;
        let pods = format!("{}/api/v1/pods", self.door.url());
        let app = Router::new().route("/metrics", get(metrics)).with_state(pods);
        let exporter_task = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        let mut started = Monitoring { programs: Vec::new(), exporter: exporter_task };

        std::fs::write(folder.join("alertmanager.yaml"), alertmanager(door, token))?;
        let mut targets = Vec::new();
        for number in 0..alertmanagers {
            let address = free()?;
            let data = folder.join(format!("alertmanager-{number}"));
            let mut command = Command::new(program(&["prometheus-alertmanager", "alertmanager"])?);
            command.arg(format!("--config.file={}", folder.join("alertmanager.yaml").display()));
            command.arg(format!("--storage.path={}", data.display())).arg("--cluster.listen-address=");
            command.arg(format!("--web.listen-address={address}"));
            started.programs.push(self.started(command, &address).await?);
            targets.push(address);
        }
        std::fs::write(folder.join("rules.yaml"), RULES)?;
        std::fs::write(folder.join("prometheus.yaml"), prometheus(&exporter.to_string(), &targets))?;
        let address = free()?;
        let mut command = Command::new(program(&["prometheus"])?);
        command.arg(format!("--config.file={}", folder.join("prometheus.yaml").display()));
        command.arg(format!("--storage.tsdb.path={}", folder.join("prometheus").display()));
        command.arg(format!("--web.listen-address={address}"));
        started.programs.push(self.started(command, &address).await?);
        Ok(started)
    }

    async fn started(&self, mut command: Command, address: &str) -> anyhow::Result<Child> {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = quiet.spawn().with_context(|| format!("{quiet:?}"))?;
        let began = self.clock.monotonic();
        loop {
            let answer = reqwest::get(format!("http://{address}/-/ready")).await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(child);
            }
            let ended = child.try_wait()?;
            let late = self.clock.monotonic().saturating_sub(began) > PATIENCE;
            if ended.is_some() || late {
                let _ = child.kill();
                let _ = child.wait();
            }
            ensure!(ended.is_none() && !late, "{address} did not get ready: {ended:?}");
            self.clock.sleep_real(Duration::from_millis(50)).await;
        }
    }
}

fn alertmanager(door: &str, token: &Path) -> String {
    format!(
        "route:\n  receiver: night.shift\n  group_by: [alertname, namespace]\n  group_wait: 1s\n  group_interval: 1s\n  \
         repeat_interval: 2s\nreceivers:\n- name: night.shift\n  webhook_configs:\n  - url: {door}\n    http_config:\n      \
         authorization:\n        credentials_file: {}\n",
        token.display()
    )
}

fn prometheus(exporter: &str, alertmanagers: &[String]) -> String {
    format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [rules.yaml]\n\
         alerting:\n  alertmanagers:\n  - static_configs: [{{targets: {alertmanagers:?}}}]\n\
         scrape_configs:\n- job_name: kube-state-metrics\n  honor_labels: true\n  \
         static_configs: [{{targets: [{exporter:?}]}}]\n"
    )
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

fn free() -> anyhow::Result<String> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.to_string())
}

fn program(names: &[&str]) -> anyhow::Result<std::path::PathBuf> {
    let path = std::env::var_os("PATH").context("no PATH")?;
    let places =
        std::env::split_paths(&path).flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    places.into_iter().find(|place| place.is_file()).with_context(|| format!("{names:?} is not installed"))
}
