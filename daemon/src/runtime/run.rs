//! `nightshift run`: from the configuration to a running nightshift, until it is told to stop.

use super::alertmanager::Asking;
use super::checkpoint::Signing;
use super::offline::RoleArg;
use super::world::READ_BYTES_CAP;
use super::{Parts, Running, Setup, doors, start, tell};
use crate::clock::Clock;
use crate::cluster::stream::Timing;
use crate::cluster::{Access, Reader};
use crate::config::{self, Config, Keys};
use crate::network::Network;
use crate::prometheus::{Auth, Settings};
use crate::stages::digest::Daily;
use crate::store::checkpoint::Stored;
use crate::store::{OpenMode, SqliteStore};
use crate::telemetry::{Caps, Metrics};
use anyhow::Context as _;
use nightshift_engine::excess::Credential;
use nightshift_engine::rules::Mode;
use nightshift_playbooks::{Catalog, EMBEDDED, Source};
use prometheus_client::registry::Registry;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Runs until SIGTERM or ctrl-c, then stops at a safe point.
///
/// # Errors
/// What keeps it from starting, with what to do.
pub async fn run(config: Config, role: RoleArg) -> anyhow::Result<()> {
    let parts = match role {
        RoleArg::All => Parts::ALL,
        RoleArg::Responder => Parts { responder: true, executor: false },
        RoleArg::Executor => Parts { responder: false, executor: true },
    };
    // The executor serves no page and never touches the gate's keys.
    let keys = if parts.responder {
        Some(Keys::load(&config.gate.keys_dir).context("the keys of the gate")?)
    } else {
        None
    };
    if let Some(files) = config.gate.tls.as_ref().filter(|_| parts.responder) {
        super::offline::certificate(files).context("the certificate of the gate")?;
    }
    let setup = setup(&config, parts).await?;
    let running = start(setup).await?;
    let opened = open_doors(&running, &config, keys).await;
    let doors = match opened {
        Ok(doors) => doors,
        Err(error) => {
            running.shutdown().await;
            return Err(error);
        }
    };
    told_to_stop().await;
    tracing::info!("stopping at a safe point");
    if let Some(doors) = doors {
        doors.shutdown().await;
    }
    running.shutdown().await;
    Ok(())
}

async fn open_doors(
    running: &Running,
    config: &Config,
    keys: Option<Keys>,
) -> anyhow::Result<Option<doors::Doors>> {
    let mut registry = Registry::default();
    running.metrics.register(&mut registry, Caps { READ_BYTES_CAP });
    let mut gate = None;
    if let Some(keys) = keys {
        if let Some(alerts) = &config.alerts {
            running.intake.register(&mut registry);
            let address = super::alerts::open(running, alerts).await?;
            tracing::info!(%address, "alerts are taken");
        }
        if config.alertmanager.is_some() {
            running.asked.register(&mut registry);
        }
        if let Some(lock) = config.countersign.as_ref().filter(|lock| lock.is_served()) {
            let reader = Reader::connect(&access(&config.cluster)).await?;
            let address =
                super::countersign::open(running, lock, reader, &config.gate.keys_dir, &mut registry).await?;
            tracing::info!(%address, "the countersign answers");
        }
        let zone = config.notify.digest.time_zone();
        let digests = tell::digests(running, Daily { at: config.notify.digest.at.0, zone: zone.clone() });
        let sheets = tell::sheets(&digests);
        let told = tell::told(&digests);
        let opened = doors::open(running, &config.gate, keys, zone, sheets, told, &mut registry).await?;
        tell::start(running, &opened, digests, tell::voices(&config.notify, &config.network)?);
        tracing::info!(address = %opened.address, "the gate is open");
        gate = Some(opened);
    }
    let standing = gate.iter().filter_map(|_| doors::unlinked(&config.gate)).collect();
    let health = doors::health(running, config.health.listen, standing, registry).await?;
    tracing::info!(address = %health, "health and metrics");
    Ok(gate)
}

/// A runtime's setup from the configuration.
///
/// # Errors
/// A store or a playbook that cannot be used.
pub async fn setup(config: &Config, parts: Parts) -> anyhow::Result<Setup> {
    let clock = Clock::wall();
    let store = SqliteStore::open(&config.store.path, OpenMode::ReadWrite).await?;
    let network = Network::load(config.network.ca_file.as_deref())?;
    let access = access(&config.cluster);
    let mode = super::offline::mode(config);
    let credential = match access {
        Access::InCluster => Credential::Own,
        Access::Kubeconfig { .. } | Access::Url { .. } => Credential::Persons,
    };
    let acts = parts.executor && mode != Mode::Observe;
    Ok(Setup {
        clock,
        store,
        parts: Parts { executor: acts, ..parts },
        responder: access.clone(),
        executor: access,
        credential: Some(credential),
        cluster_name: config.cluster.name.clone(),
        namespaces: config.cluster.namespaces.clone(),
        mode,
        registry: config.registry.clone(),
        playbooks: playbooks(&config.playbooks)?,
        prometheus: config.prometheus.as_ref().map(|p| settings(p, &network)),
        kill_switch: config.kill_switch,
        alertmanager: config.alertmanager.as_ref().map(|a| Asking::of(a, &network)),
        ignore: config.ignore.entries(),
        noise: config.noise,
        home: super::offline::home(),
        timing: Timing::default(),
        params: config.detectors,
        seed: seed()?,
        // The responder alone never opens the folder.
        signing: acts.then(|| Signing { folder: config.audit.keys_dir.clone(), say: Arc::new(say) }),
        lock: acts.then(|| super::offline::lock::wanted(config)).flatten(),
        metrics: Metrics::default(),
    })
}

/// A note on stdout, in one line that reads alone: log pipelines keep it where no database reaches.
fn say(stored: &Stored) {
    // Nobody may be there to read it: the note stands beside the history and in the executor's folder too.
    let _ = writeln!(std::io::stdout().lock(), "{}", line(stored));
}

/// The line.
pub(crate) fn line(stored: &Stored) -> String {
    let message = format!("checkpoint: the history of {} rows is signed", stored.size);
    serde_json::json!({
        "timestamp": stored.at, "level": "INFO", "message": message,
        "size": stored.size, "root": stored.root, "note": stored.note,
    })
    .to_string()
}

/// How the configuration says the cluster is reached.
pub fn access(cluster: &config::Cluster) -> Access {
    let in_cluster = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
    if cluster.kubeconfig.is_none() && cluster.context.is_none() && in_cluster {
        return Access::InCluster;
    }
    Access::Kubeconfig { path: cluster.kubeconfig.clone(), context: cluster.context.clone() }
}

/// Prometheus as configured.
pub fn settings(prometheus: &config::Prometheus, network: &Network) -> Settings {
    Settings {
        url: prometheus.url.clone(),
        auth: prometheus.bearer_token_file.clone().map_or(Auth::None, Auth::BearerFile),
        ca: prometheus.ca_file.clone(),
        network: network.clone(),
    }
}

/// The shipped playbooks and those of the configured folders.
///
/// # Errors
/// Every fault of every file, with line and path.
pub fn playbooks(folders: &[PathBuf]) -> anyhow::Result<Catalog> {
    let mut texts: Vec<(String, String)> = Vec::new();
    for folder in folders {
        for path in yaml_files(folder)? {
            let text =
                std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            texts.push((path.display().to_string(), text));
        }
    }
    let shipped = EMBEDDED.iter().map(|source| Source { file: source.file, text: source.text });
    let own = texts.iter().map(|(file, text)| Source { file, text });
    let sources: Vec<Source> = shipped.chain(own).collect();
    nightshift_playbooks::load(&sources).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", lines.join("\n"))
    })
}

fn yaml_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "yaml" || e == "yml"));
    files.sort();
    Ok(files)
}

fn seed() -> anyhow::Result<u64> {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow::anyhow!("the system gives no randomness: {error}"))?;
    Ok(u64::from_le_bytes(bytes))
}

/// SIGTERM, as Kubernetes sends it, or ctrl-c.
async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupt = tokio::signal::ctrl_c();
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt => {} }
        }
        Err(error) => {
            tracing::warn!(%error, "SIGTERM cannot be awaited");
            let _ = interrupt.await;
        }
    }
}
