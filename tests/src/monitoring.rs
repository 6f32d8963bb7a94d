//! Debian's Prometheus and Alertmanager, with rules under the names, labels and conditions of kube-prometheus and shorter
//! times; they deliver to a door of nightshift's.

use anyhow::{Context as _, ensure};
use nightshift::clock::Clock;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A program that takes longer to answer did not start.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is watched, and who is told.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// Where the programs keep what they have.
    pub folder: &'a Path,
    /// `host:port` of kube-state-metrics.
    pub scrape: String,
    /// The namespaces that the rules look at, as a regular expression.
    pub namespaces: &'a str,
    /// How far back the rules look, as in `5m`.
    pub range: &'a str,
    /// How long a condition must hold, as in `15s`.
    pub hold: &'a str,
    /// Where Alertmanager posts.
    pub door: &'a str,
    /// The file of its token.
    pub token: &'a Path,
    /// How many Alertmanagers, which do not know each other: what Prometheus tells comes from each of them, as it does
    /// from a cluster of them that is cut apart.
    pub alertmanagers: usize,
}

/// The programs; they end when this is dropped.
pub struct Monitoring {
    programs: Vec<Child>,
    /// `host:port` of Prometheus.
    pub prometheus: String,
    /// `host:port` of each Alertmanager.
    pub alertmanagers: Vec<String>,
}

impl Drop for Monitoring {
    fn drop(&mut self) {
        for program in &mut self.programs {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

impl Monitoring {
    /// Starts Prometheus and the Alertmanagers.
    ///
    /// # Errors
    /// When one is not installed or does not get ready.
    pub async fn start(plan: &Plan<'_>) -> anyhow::Result<Self> {
        let folder = plan.folder;
        let (programs, alertmanagers) = (Vec::new(), Vec::new());
        let mut started = Self { programs, prometheus: free()?, alertmanagers };
        for number in 0..plan.alertmanagers {
            let config = alertmanager(plan.door, plan.token);
            let (child, address) = start_alertmanager(folder, number, &config).await?;
            started.programs.push(child);
            started.alertmanagers.push(address);
        }
        std::fs::write(folder.join("rules.yaml"), rules(plan))?;
        std::fs::write(folder.join("prometheus.yaml"), prometheus(&plan.scrape, &started.alertmanagers))?;
        let mut command = Command::new(program(&["prometheus"])?);
        command.arg(format!("--config.file={}", folder.join("prometheus.yaml").display()));
        command.arg(format!("--storage.tsdb.path={}", folder.join("prometheus").display()));
        command.arg(format!("--web.listen-address={}", started.prometheus));
        started.programs.push(ready(command, &started.prometheus).await?);
        Ok(started)
    }

    /// Starts one Alertmanager and no Prometheus.
    ///
    /// # Errors
    /// When it is not installed or does not get ready.
    pub async fn alertmanager(folder: &Path, config: &str) -> anyhow::Result<Self> {
        let (child, address) = start_alertmanager(folder, 0, config).await?;
        Ok(Self { programs: vec![child], prometheus: String::new(), alertmanagers: vec![address] })
    }
}

/// Starts an Alertmanager on a free port, with its data in a folder of its own. The caller ends it.
///
/// # Errors
/// When it is not installed or does not get ready.
pub async fn start_alertmanager(
    folder: &Path,
    number: usize,
    config: &str,
) -> anyhow::Result<(Child, String)> {
    let (address, file) = (free()?, folder.join("alertmanager.yaml"));
    std::fs::write(&file, config)?;
    let data = folder.join(format!("alertmanager-{number}"));
    let mut command = Command::new(program(&["prometheus-alertmanager", "alertmanager"])?);
    command.arg(format!("--config.file={}", file.display()));
    command.arg(format!("--storage.path={}", data.display())).arg("--cluster.listen-address=");
    command.arg(format!("--web.listen-address={address}"));
    Ok((ready(command, &address).await?, address))
}

async fn ready(mut command: Command, address: &str) -> anyhow::Result<Child> {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = quiet.spawn().with_context(|| format!("{quiet:?}"))?;
    let (clock, http) = (Clock::wall(), reqwest::Client::builder().no_proxy().build()?);
    let began = clock.monotonic();
    loop {
        let answer = http.get(format!("http://{address}/-/ready")).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(child);
        }
        let ended = child.try_wait()?;
        let late = clock.monotonic().saturating_sub(began) > PATIENCE;
        if ended.is_some() || late {
            let _ = child.kill();
            let _ = child.wait();
        }
        ensure!(ended.is_none() && !late, "{address} did not get ready: {ended:?}");
        clock.sleep_real(Duration::from_millis(50)).await;
    }
}

fn rules(plan: &Plan<'_>) -> String {
    let Plan { namespaces, range, hold, .. } = plan;
    format!(
        "\
groups:
- name: kubernetes-apps
  interval: 1s
  rules:
  - alert: KubePodCrashLooping
    expr: max_over_time(kube_pod_container_status_waiting_reason{{reason=\"CrashLoopBackOff\",namespace=~\"{namespaces}\",job=\"kube-state-metrics\"}}[{range}]) >= 1
    for: {hold}
    labels: {{severity: warning}}
    annotations:
      summary: Pod is crash looping.
      description: 'Pod {{{{ $labels.namespace }}}}/{{{{ $labels.pod }}}} ({{{{ $labels.container }}}}) is in waiting state (reason: \"CrashLoopBackOff\").'
- name: general
  interval: 1s
  rules:
  - alert: Watchdog
    expr: vector(1)
    labels: {{severity: none}}
"
    )
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

fn free() -> anyhow::Result<String> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.to_string())
}

fn program(names: &[&str]) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").context("no PATH")?;
    let places =
        std::env::split_paths(&path).flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    places.into_iter().find(|place| place.is_file()).with_context(|| format!("{names:?} is not installed"))
}
