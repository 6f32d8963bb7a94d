//! Programs that are measured: the raw loop, client-go, kube-state-metrics, and nightshift itself.

use super::raw::HEARD;
use crate::house::program::memory;
use crate::lab::pager::Pager;
use crate::lab::{Cluster, night};
use anyhow::{Context as _, bail, ensure};
use nightshift::clock::Clock;
use nightshift_model::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// The longest that a program may take to be ready.
const PATIENCE: Duration = Duration::from_mins(4);

/// CPU time of a process so far, in seconds.
pub fn cpu(process: u32) -> anyhow::Result<f64> {
    spent(&format!("/proc/{process}/stat"))
}

/// CPU time of what such a file describes: a process, or a thread.
pub fn spent(file: &str) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(file)?;
    let (_, fields) = stat.rsplit_once(") ").context("/proc/stat without a name")?;
    let ticks = |n: usize| fields.split(' ').nth(n).and_then(|t| t.parse::<u32>().ok()).context("/proc/stat");
    Ok(f64::from(ticks(11)? + ticks(12)?) / 100.0) // USER_HZ
}

/// What a process holds in memory, in MB of 1,000,000 bytes.
pub fn megabytes(process: u32) -> anyhow::Result<f64> {
    #[allow(clippy::cast_precision_loss)] // kilobytes of a process
    Ok(memory(process)?.0 as f64 * 1024.0 / 1e6)
}

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Decodes the stream into our few fields and drops them.
    Raw,
    /// The same, which tells when it heard of each failure.
    Telling,
    /// client-go, JSON.
    Json,
    /// client-go, protobuf.
    Protobuf,
    /// kube-state-metrics, pods only.
    Metrics,
}

impl Which {
    /// As the page names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw | Self::Telling => "raw loop",
            Self::Json => "client-go, JSON",
            Self::Protobuf => "client-go, protobuf",
            Self::Metrics => "kube-state-metrics, pods only",
        }
    }
}

/// What a peer says at its end.
#[derive(Debug, Default)]
pub struct Said {
    /// Changes that it was told.
    pub changes: u64,
    /// When it first heard that a pod is not ready, by the pod's name.
    pub heard: BTreeMap<String, Timestamp>,
}

/// A peer that has read its first list.
pub struct Peer {
    child: Child,
    said: Option<Lines<BufReader<ChildStdout>>>,
    /// CPU seconds when it had.
    pub synced_cpu: f64,
    /// Seconds until it had.
    pub synced_after: f64,
}

impl Peer {
    /// Starts one and waits for its first list.
    pub async fn start(which: Which, kubeconfig: &Path) -> anyhow::Result<Self> {
        let clock = Clock::wall();
        let peers = std::env::var_os("BENCH_PEERS")
            .map(PathBuf::from)
            .context("BENCH_PEERS names the built peers; use tests/bench/run")?;
        let mut command = match which {
            Which::Raw | Which::Telling => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg("raw").arg(kubeconfig).args((which == Which::Telling).then_some("--tell"));
                command
            }
            Which::Json | Which::Protobuf => {
                let mut command = Command::new(peers.join("informer"));
                command
                    .arg("-kubeconfig")
                    .arg(kubeconfig)
                    .args((which == Which::Protobuf).then_some("-protobuf"));
                command
            }
            Which::Metrics => {
                let mut command = Command::new("kube-state-metrics");
                command.arg(format!("--kubeconfig={}", kubeconfig.display()));
                command.args([
                    "--resources=pods",
                    "--host=127.0.0.1",
                    "--port=19080",
                    "--telemetry-host=127.0.0.1",
                    "--telemetry-port=19081",
                ]);
                command
            }
        };
        let began = clock.monotonic();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| which.name())?;
        let id = child.id().context("it has ended")?;
        let mut said = None;
        if which == Which::Metrics {
            complete("http://127.0.0.1:19080/metrics").await?;
        } else {
            let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
            let line =
                tokio::time::timeout(PATIENCE, lines.next_line()).await.with_context(|| which.name())??;
            ensure!(line.as_deref() == Some("synced"), "{}: {line:?}", which.name());
            said = Some(lines);
        }
        let synced_after = clock.monotonic().saturating_sub(began).as_secs_f64();
        Ok(Self { synced_cpu: cpu(id)?, synced_after, child, said })
    }

    /// The process id.
    pub fn id(&self) -> anyhow::Result<u32> {
        self.child.id().context("it has ended")
    }

    /// Ends it; what it had to say, where it says anything.
    pub async fn end(mut self) -> anyhow::Result<Said> {
        crate::lab::program::signal(&self.child, "TERM").await?;
        let mut all = Said::default();
        if let Some(mut said) = self.said.take() {
            while let Some(line) = said.next_line().await? {
                if let Some(count) = line.strip_prefix("changes ") {
                    all.changes = count.parse()?;
                } else if let Some((pod, at)) = line.strip_prefix(HEARD).and_then(|rest| rest.split_once(' '))
                {
                    all.heard.entry(pod.to_owned()).or_insert(Timestamp::from_micros(at.parse()?));
                }
            }
        }
        self.child.wait().await?;
        Ok(all)
    }
}

/// Until a metrics page has the same number of pods twice.
async fn complete(url: &str) -> anyhow::Result<()> {
    let clock = Clock::wall();
    let began = clock.monotonic();
    let mut before = 0;
    loop {
        let page = match reqwest::get(url).await {
            Ok(answer) => answer.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        };
        let pods = page.lines().filter(|line| line.starts_with("kube_pod_info{")).count();
        if pods > 0 && pods == before {
            return Ok(());
        }
        before = pods;
        ensure!(clock.monotonic().saturating_sub(began) < PATIENCE, "kube-state-metrics did not get ready");
        clock.sleep_real(Duration::from_secs(1)).await;
    }
}

/// The real program, straight on the API server, as a Pod of it would be: TLS, and the rights of docs/rbac.
pub struct Nightshift {
    child: Child,
    /// Its folder: history, configuration, log.
    pub folder: tempfile::TempDir,
    /// CPU seconds when it was ready.
    pub synced_cpu: f64,
    /// Seconds until it was.
    pub synced_after: f64,
    health: u16,
}

/// A kubeconfig for a user of a cluster.
pub fn kubeconfig(cluster: &Cluster) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "lab",
        "clusters": [{"name": "lab", "cluster": {"server": cluster.server, "certificate-authority": cluster.ca_file}}],
        "users": [{"name": "bench", "user": {"token": cluster.token()}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "bench"}}],
    })
}

fn port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

impl Nightshift {
    /// Starts it with an empty history and waits until it is ready. Pages go to a pager, if there is one.
    pub async fn start(cluster: &Cluster, pager: Option<&Pager>) -> anyhow::Result<Self> {
        let clock = Clock::wall();
        let folder = tempfile::tempdir_in(std::env::var_os("LAB").context("not inside the lab")?)?;
        let (gate, health) = (port()?, port()?);
        let mut config = json!({
            "mode": "observe", "cluster": {"name": "lab", "kubeconfig": "kubeconfig"}, "store": {"path": "history.db"},
            "gate": {"listen": format!("127.0.0.1:{gate}"), "keys_dir": "keys"}, "audit": {"keys_dir": "executor-keys"},
            "health": {"listen": format!("127.0.0.1:{health}")}, "registry": "registry.yaml",
        });
        if let (Some(pager), Some(config)) = (pager, config.as_object_mut()) {
            let webhook = pager.webhook(folder.path())?;
            config.insert(
                "notify".to_owned(),
                json!({"webhooks": [{"name": webhook.name, "url": webhook.url,
                "secret_file": webhook.secret_file, "allow_private": true}]}),
            );
        }
        for (name, value) in [
            ("kubeconfig", kubeconfig(cluster)),
            ("registry.yaml", serde_json::to_value(night::registry()?)?),
            ("nightshift.yaml", config),
        ] {
            std::fs::write(folder.path().join(name), value.to_string())?; // JSON is YAML
        }
        let log = std::fs::File::create(folder.path().join("log"))?;
        let mut command = Command::new(crate::lab::program::binary()?);
        command
            .args(["run", "--config", "nightshift.yaml"])
            .current_dir(folder.path())
            .env("MIMALLOC_PURGE_DELAY", "0") // as the image does
            .env_remove("KUBECONFIG");
        let began = clock.monotonic();
        let mut child =
            command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true).spawn()?;
        let id = child.id().context("it has ended")?;
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
        let url = format!("http://127.0.0.1:{health}/readyz");
        while !http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            if child.try_wait()?.is_some() {
                bail!("nightshift ended: {}", std::fs::read_to_string(folder.path().join("log"))?);
            }
            ensure!(clock.monotonic().saturating_sub(began) < PATIENCE, "nightshift did not get ready");
            clock.sleep_real(Duration::from_millis(10)).await;
        }
        let synced_after = clock.monotonic().saturating_sub(began).as_secs_f64();
        Ok(Self { synced_cpu: cpu(id)?, synced_after, child, folder, health })
    }

    /// The process id.
    pub fn id(&self) -> anyhow::Result<u32> {
        self.child.id().context("it has ended")
    }

    /// Its history, for reading.
    pub fn history(&self) -> PathBuf {
        self.folder.path().join("history.db")
    }

    /// Its metrics page.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        Ok(reqwest::get(format!("http://127.0.0.1:{}/metrics", self.health)).await?.text().await?)
    }

    /// Ends it as a Pod is ended.
    pub async fn end(mut self) -> anyhow::Result<()> {
        crate::lab::program::signal(&self.child, "TERM").await?;
        let ended = tokio::time::timeout(Duration::from_mins(1), self.child.wait()).await??;
        ensure!(ended.success(), "SIGTERM: {ended}");
        Ok(())
    }
}
