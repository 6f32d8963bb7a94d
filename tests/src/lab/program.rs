//! The real program on the lab's cluster, behind a proxy, to be killed and started again.

use super::proxy::Proxy;
use super::{Cluster, night, within};
use crate::house::program::{add, memory};
use anyhow::{Context as _, ensure};
use nightshift::demo::person::Person;
use nightshift::store::{Filter, HistoryStore as _, OpenMode, SqliteStore, audit};
use nightshift_model::history::Row;
use nightshift_model::{Incident, ObjectRef, Phase, Proposal, Stream};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// The longest that a step may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// A nightshift in a process of its own.
pub struct Program {
    /// What it writes to and reads from the cluster passes here.
    pub proxy: Proxy,
    folder: tempfile::TempDir,
    name: String,
    origin: String,
    health: u16,
    child: Child,
}

impl Program {
    /// Writes a configuration and starts the program with it. `mode` is `observe` or `approve`.
    pub async fn start(cluster: &Cluster, namespace: &str, mode: &str) -> anyhow::Result<Self> {
        Self::start_with(cluster, namespace, mode, |_, _| Ok(json!({}))).await
    }

    /// The same with more sections in the configuration, and another registry. `change` is told the gate's port.
    pub async fn start_with(
        cluster: &Cluster,
        namespace: &str,
        mode: &str,
        change: impl FnOnce(u16, &mut Value) -> anyhow::Result<Value>,
    ) -> anyhow::Result<Self> {
        let proxy = Proxy::open(cluster).await?;
        let folder = tempfile::tempdir()?;
        let prometheus = std::env::var("LAB_PROMETHEUS").context("the lab was started without Prometheus")?;
        let (gate, health) = (free_port()?, free_port()?);
        let origin = format!("http://127.0.0.1:{gate}");
        let kubeconfig = kubeconfig(&proxy, cluster);
        let mut registry = serde_json::to_value(night::registry()?)?;
        // The write is what is tried here; proof over a longer time is tried elsewhere.
        for (field, value) in [
            ("soak", json!({"low": "15s", "medium": "15s", "high": "15s"})),
            ("soak_crash_loop", json!("15s")),
        ] {
            if let Some(policy) = registry.get_mut("policy").and_then(Value::as_object_mut) {
                policy.insert(field.to_owned(), value);
            }
        }
        let mut config = json!({
            "mode": mode, "actions": {"namespaces": if mode == "approve" { vec![namespace] } else { Vec::new() }},
            "cluster": {"name": "lab", "kubeconfig": "kubeconfig.yaml", "namespaces": [namespace]},
            "store": {"path": "nightshift.db"},
            "gate": {"listen": format!("127.0.0.1:{gate}"), "keys_dir": "keys"}, "audit": {"keys_dir": "executor-keys"},
            "health": {"listen": format!("127.0.0.1:{health}")},
            "prometheus": {"url": prometheus}, "registry": "registry.yaml",
        });
        add(&mut config, &change(gate, &mut registry)?);
        // JSON is YAML.
        for (name, value) in
            [("kubeconfig.yaml", kubeconfig), ("registry.yaml", registry), ("nightshift.yaml", config)]
        {
            std::fs::write(folder.path().join(name), serde_json::to_string_pretty(&value)?)?;
        }
        let child = run(&folder, namespace)?;
        let program = Self { proxy, folder, name: namespace.to_owned(), origin, health, child };
        program.ready().await?;
        Ok(program)
    }

    async fn ready(&self) -> anyhow::Result<()> {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
        let url = format!("http://127.0.0.1:{}/readyz", self.health);
        within(PATIENCE, "the program is ready", async || {
            Ok(http.get(&url).send().await.is_ok_and(|a| a.status().is_success()).then_some(()))
        })
        .await
        .with_context(|| format!("its log is {}", log(&self.name).display()))
    }

    /// The gate under a name of this machine's own.
    pub fn gate(&self, host: &str) -> String {
        self.origin.replace("127.0.0.1", host)
    }

    /// The process id.
    pub fn id(&self) -> anyhow::Result<u32> {
        self.child.id().context("it has ended already")
    }

    /// What it holds in memory now, and the most that it held.
    pub fn memory(&self) -> anyhow::Result<String> {
        let (now, most) = memory(self.id()?)?;
        Ok(format!("VmRSS {now} kB, at most {most} kB"))
    }

    /// SIGKILL: nothing can be tidied up.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// SIGTERM, then its exit code must be 0.
    pub async fn end(mut self) -> anyhow::Result<()> {
        self.stop().await
    }

    async fn stop(&mut self) -> anyhow::Result<()> {
        signal(&self.child, "TERM").await?;
        let ended = tokio::time::timeout(Duration::from_mins(1), self.child.wait()).await??;
        ensure!(ended.success(), "SIGTERM: {ended}");
        Ok(())
    }

    /// Changes the registry as somebody does who commits a line to it, and restarts with it.
    pub async fn commit(&mut self, change: impl FnOnce(&mut Value)) -> anyhow::Result<()> {
        let file = self.folder.path().join("registry.yaml");
        let mut registry: Value = serde_json::from_str(&std::fs::read_to_string(&file)?)?;
        change(&mut registry);
        std::fs::write(&file, registry.to_string())?;
        self.stop().await?;
        self.again()?;
        self.ready().await
    }

    /// Starts it again on what the killed one left.
    pub fn again(&mut self) -> anyhow::Result<()> {
        self.child = run(&self.folder, &self.name)?;
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("nightshift.db")
    }

    /// The history, for reading.
    pub async fn store(&self) -> anyhow::Result<SqliteStore> {
        Ok(SqliteStore::open(self.path(), OpenMode::ReadOnly).await?)
    }

    /// Every incident, newest first.
    pub async fn incidents(&self) -> anyhow::Result<Vec<Incident>> {
        Ok(self.store().await?.snapshots(&Filter::newest(50)).await?)
    }

    /// Waits until the newest incident is as wanted.
    pub async fn incident(&self, what: &str, wanted: impl Fn(&Incident) -> bool) -> anyhow::Result<Incident> {
        let store = self.store().await?;
        let newest = async || anyhow::Ok(store.snapshots(&Filter::newest(1)).await?.into_iter().next());
        let found = within(PATIENCE, what, async || Ok(newest().await?.filter(|i| wanted(i)))).await;
        match found {
            Ok(incident) => Ok(incident),
            Err(error) => Err(error.context(format!(
                "it stands at {:?}; the program's log is {}",
                newest().await?.map(|i| i.phase),
                log(&self.name).display()
            ))),
        }
    }

    /// Everything that was recorded of an incident.
    pub async fn rows(&self, incident: &Incident) -> anyhow::Result<Vec<Row>> {
        Ok(self.store().await?.stream_events(&Stream::Incident(incident.id.clone())).await?)
    }

    /// Waits until a revision of a workload was recorded healthy.
    pub async fn healthy(&self, workload: &ObjectRef) -> anyhow::Result<()> {
        let store = self.store().await?;
        within(PATIENCE, "the program records a healthy revision", async || {
            Ok((!store.healthy_revisions(workload).await?.is_empty()).then_some(()))
        })
        .await
    }

    /// Waits for a proposal.
    pub async fn proposal(&self) -> anyhow::Result<Proposal> {
        let over = |i: &Incident| matches!(i.phase, Phase::Proposed { .. } | Phase::Escalated { .. });
        let incident = self.incident("a proposal", over).await?;
        let Phase::Proposed { proposal, .. } = incident.phase else {
            anyhow::bail!("no proposal was made: {:?}", incident.phase);
        };
        Ok(proposal)
    }

    /// The path of a one-time sign-in link, from the command line.
    pub async fn invite(&self) -> anyhow::Result<String> {
        let config = self.folder.path().join("nightshift.yaml");
        let asked = Command::new(binary()?)
            .args(["person", "invite", night::PERSON, "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .output()
            .await?;
        let (text, trouble) =
            (String::from_utf8_lossy(&asked.stdout), String::from_utf8_lossy(&asked.stderr));
        ensure!(asked.status.success(), "person invite: {trouble}");
        let link = text.split_whitespace().find(|word| word.contains("/signin/")).context("no link")?;
        let (_, token) = link.split_once("/signin/").context("no link")?;
        Ok(format!("/signin/{token}"))
    }

    /// The person signs in with such a link, opens the proposal's page and approves.
    pub async fn approve(&self, proposal: &Proposal) -> anyhow::Result<()> {
        let mut person = Person::new(&self.origin)?;
        person.sign_in(&self.invite().await?).await?;
        let page = person.approve(&format!("/p/{}", proposal.id())).await?;
        ensure!(page.status < 400, "the vote was refused with status {}: {}", page.status, page.html);
        Ok(())
    }

    /// Holds the history to its chain and its folds.
    pub async fn audit(&self) -> anyhow::Result<()> {
        let report = audit::verify(&self.store().await?, 0, &audit::Held::default()).await?;
        ensure!(report.problems.is_empty() && !report.partial, "{report:?}");
        Ok(())
    }
}

fn run(folder: &tempfile::TempDir, name: &str) -> anyhow::Result<Child> {
    let path = log(name);
    let output = std::fs::OpenOptions::new().create(true).append(true).open(&path)?;
    Command::new(binary()?)
        .args(["run", "--config", "nightshift.yaml"])
        .current_dir(folder.path())
        .env_remove("KUBECONFIG")
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .kill_on_drop(true)
        .spawn()
        .context("the program does not start")
}

/// A kubeconfig through a proxy, with the credentials of a cluster's user.
pub fn kubeconfig(proxy: &Proxy, cluster: &Cluster) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "lab",
        "clusters": [{"name": "lab", "cluster": {"server": proxy.url()}}],
        "users": [{"name": "nightshift", "user": {"token": cluster.token()}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "nightshift"}}],
    })
}

/// Sends a signal, such as `TERM`, to a program that runs.
pub async fn signal(child: &Child, name: &str) -> anyhow::Result<()> {
    let id = child.id().context("it has ended already")?;
    let status = Command::new("kill").args([&format!("-{name}"), &id.to_string()]).status().await?;
    ensure!(status.success(), "no signal could be sent");
    Ok(())
}

/// The program that is tried.
pub fn binary() -> anyhow::Result<std::ffi::OsString> {
    std::env::var_os("NIGHTSHIFT_BIN")
        .context("NIGHTSHIFT_BIN names the program that is tried; `tests/run` sets it")
}

/// Beside the logs of the lab's other parts.
pub fn log(name: &str) -> PathBuf {
    PathBuf::from(std::env::var_os("LAB").unwrap_or_default())
        .join("logs")
        .join(format!("nightshift-{name}.log"))
}

fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
