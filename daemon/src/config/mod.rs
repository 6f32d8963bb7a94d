//! The configuration file: one struct a concern, every mistake told at once with its line.
//!
//! Environment variables and arguments never hold a secret: secrets are files, and this file names them.

mod alertmanager;
mod alerts;
mod audit;
mod cluster;
mod countersign;
mod detectors;
mod gate;
mod ignore;
mod keys;
mod log;
mod network;
mod notify;
mod prometheus;
mod read;
mod registry;
mod store;

pub use alertmanager::{Alertmanager, AskBasic};
pub use alerts::{Alerts, Basic};
pub use audit::{Audit, CheckpointKeys, Seed};
pub use cluster::Cluster;
pub use countersign::Countersign;
pub use gate::{Gate, Health, PublicUrl, Tls};
pub use ignore::{Ignore, IgnoredNamespace, IgnoredWorkload, WorkloadKind};
pub use keys::{Key, KeyError, KeyRing, Keys, Secret};
pub use log::{Log, LogFormat};
pub use network::Network;
pub use notify::{
    At, DigestOnly, DigestTime, Heartbeat, Mail, MailTls, Mention, Notify, PagerDuty, RouteRow, Slack,
    SlackApp, Webhook, Window,
};
pub use prometheus::Prometheus;
pub use read::Problem;
pub use store::Store;

use nightshift_detectors::Params;
use nightshift_model::{Noise, Registry};
use read::Document;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The sections of the file, in the order in which their mistakes are told.
const SECTIONS: &[&str] = &[
    "mode",
    "actions",
    "cluster",
    "store",
    "audit",
    "gate",
    "countersign",
    "health",
    "alerts",
    "alertmanager",
    "ignore",
    "noise",
    "prometheus",
    "network",
    "notify",
    "registry",
    "playbooks",
    "detectors",
    "kill_switch",
    "log",
];

/// What `nightshift run --config` reads. Paths are absolute or relative to the file itself.
#[derive(Clone, Debug)]
pub struct Config {
    /// What nightshift may do.
    pub mode: Mode,
    /// Where it may act.
    pub actions: Actions,
    /// Which cluster, and how it is reached.
    pub cluster: Cluster,
    /// Where the history is kept.
    pub store: Store,
    /// Where the executor keeps what signs the history.
    pub audit: Audit,
    /// Where people decide.
    pub gate: Gate,
    /// The lock at the API server; absent means *none*, which `check` says.
    pub countersign: Option<Countersign>,
    /// Where health and metrics are read.
    pub health: Health,
    /// Where Alertmanager delivers; absent means *no alerts*.
    pub alerts: Option<Alerts>,
    /// Where its silences and alerts are asked for; absent means *not at all*.
    pub alertmanager: Option<Alertmanager>,
    /// What opens no incident.
    pub ignore: Ignore,
    /// How much is said about what comes and goes by itself.
    pub noise: Noise,
    /// Where measurements come from; absent means *cluster only*.
    pub prometheus: Option<Prometheus>,
    /// How connections leave.
    pub network: Network,
    /// Who is told, and when the digest goes out.
    pub notify: Notify,
    /// Persons, roles, owners, policy.
    pub registry: Registry,
    /// Where the registry was read from.
    pub registry_file: Option<PathBuf>,
    /// Folders with playbooks beside the shipped ones.
    pub playbooks: Vec<PathBuf>,
    /// Folders with parameters of the detectors.
    pub detector_files: Vec<PathBuf>,
    /// What those make of the defaults.
    pub detectors: Params,
    /// Holds every execution back until it is taken out again.
    pub kill_switch: bool,
    /// How nightshift itself logs.
    pub log: Log,
}

/// `mode:`. Observing needs nothing; approving needs namespaces and a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Watch, explain, say what would have been proposed.
    #[default]
    Observe,
    /// Propose, and execute what people approved.
    Approve,
}

/// `actions:`.
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actions {
    /// Namespaces in which nightshift may write; a trailing `*` matches any ending.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// In every namespace instead, those aside that the policy forbids.
    #[serde(default)]
    pub cluster_wide: bool,
}

impl Actions {
    /// The namespaces as decisions take them.
    pub fn patterns(&self) -> Vec<String> {
        if self.cluster_wide { vec!["*".to_owned()] } else { self.namespaces.clone() }
    }
}

/// Everything that is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
#[error("{}", .problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigError {
    /// At least one, in the file's order of sections.
    pub problems: Vec<Problem>,
}

/// The YAML files of a folder, in the order of their names; a file is itself.
///
/// # Errors
/// A folder that cannot be read.
pub fn yaml_files(place: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !place.is_dir() {
        return Ok(vec![place.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(place)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "yaml" || e == "yml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

impl Config {
    /// Reads the file and everything it names that decides (registry, detectors), and checks all of it.
    ///
    /// # Errors
    /// Every problem that was found, each with file, line, field and what to do.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let document = Document::open(path).map_err(|problem| ConfigError { problems: vec![problem] })?;
        let config = Self::read(&document, &mut problems);
        if problems.is_empty() { Ok(config) } else { Err(ConfigError { problems }) }
    }

    /// The configuration in a text, as if it stood in a file of that name.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let config = Self::read(&Document::new(path, text), &mut problems);
        if problems.is_empty() { Ok(config) } else { Err(ConfigError { problems }) }
    }

    fn read(file: &Document, problems: &mut Vec<Problem>) -> Self {
        if !file.is_mapping(SECTIONS, problems) {
            return Self::empty();
        }
        let mut config = Self {
            mode: file.section("mode", problems).unwrap_or_default(),
            actions: file.section("actions", problems).unwrap_or_default(),
            cluster: file.section("cluster", problems).unwrap_or_default(),
            store: file.section("store", problems).unwrap_or_default(),
            audit: file.section("audit", problems).unwrap_or_default(),
            gate: file.section("gate", problems).unwrap_or_default(),
            countersign: file.section("countersign", problems),
            health: file.section("health", problems).unwrap_or_default(),
            alerts: file.section("alerts", problems),
            alertmanager: file.section("alertmanager", problems),
            ignore: file.section("ignore", problems).unwrap_or_default(),
            noise: file.section("noise", problems).unwrap_or_default(),
            prometheus: file.section("prometheus", problems),
            network: file.section("network", problems).unwrap_or_default(),
            notify: file.section("notify", problems).unwrap_or_default(),
            registry: Registry::default(),
            registry_file: file.section("registry", problems).map(|p: PathBuf| file.beside(&p)),
            playbooks: file.section("playbooks", problems).unwrap_or_default(),
            detector_files: file.section("detectors", problems).unwrap_or_default(),
            detectors: Params::default(),
            kill_switch: file.section("kill_switch", problems).unwrap_or_default(),
            log: file.section("log", problems).unwrap_or_default(),
        };
        config.resolve(file);
        config.check(file, problems);
        if let Some(path) = &config.registry_file {
            config.registry = registry::load(path, problems);
        }
        config.detectors = detectors::load(&config.detector_files, problems);
        config
    }

    fn empty() -> Self {
        Self {
            mode: Mode::Observe,
            actions: Actions::default(),
            cluster: Cluster::default(),
            store: Store::default(),
            audit: Audit::default(),
            gate: Gate::default(),
            countersign: None,
            health: Health::default(),
            alerts: None,
            alertmanager: None,
            ignore: Ignore::default(),
            noise: Noise::default(),
            prometheus: None,
            network: Network::default(),
            notify: Notify::default(),
            registry: Registry::default(),
            registry_file: None,
            playbooks: Vec::new(),
            detector_files: Vec::new(),
            detectors: Params::default(),
            kill_switch: false,
            log: Log::default(),
        }
    }

    /// Makes every path absolute or relative to where the program runs.
    fn resolve(&mut self, file: &Document) {
        let gate = [&mut self.gate.keys_dir, &mut self.store.path, &mut self.audit.keys_dir].into_iter();
        let tls = self.gate.tls.iter_mut().flat_map(|t| [&mut t.cert, &mut t.key]);
        let prometheus = self.prometheus.iter_mut().flat_map(|p| [&mut p.ca_file, &mut p.bearer_token_file]);
        let alerts = self.alerts.iter_mut().flat_map(Alerts::paths);
        let asked = self.alertmanager.iter_mut().flat_map(Alertmanager::paths);
        let channels = self.notify.paths();
        let cluster = self.cluster.kubeconfig.iter_mut().chain(self.network.ca_file.iter_mut());
        for path in gate
            .chain(tls)
            .chain(prometheus.flatten())
            .chain(alerts)
            .chain(asked)
            .chain(channels)
            .chain(cluster)
            .chain(self.playbooks.iter_mut())
            .chain(self.detector_files.iter_mut())
        {
            *path = file.beside(path);
        }
    }

    fn check(&self, file: &Document, problems: &mut Vec<Problem>) {
        if self.mode == Mode::Approve {
            if self.actions.cluster_wide && !self.actions.namespaces.is_empty() {
                let what = "`actions` has namespaces and `cluster_wide: true`: leave one of them out";
                problems.push(file.problem("actions.cluster_wide", what));
            }
            if self.actions.patterns().is_empty() {
                let what = "mode approve needs the namespaces in which nightshift may act: \
                            add `actions: { namespaces: [...] }`, or set `mode: observe`";
                problems.push(file.problem("mode", what));
            }
            if self.registry_file.is_none() {
                let what = "mode approve needs to know who may decide: name the file of persons, roles and \
                            owners in `registry`";
                problems.push(file.problem("mode", what));
            }
        }
        for namespace in self.actions.namespaces.iter().filter(|n| n.is_empty() || n.as_str() == "*") {
            let what = format!(
                "`{namespace}` would be every namespace: write them one by one, or set `cluster_wide: true`"
            );
            problems.push(file.problem("actions.namespaces", what));
        }
        self.gate.check(file, problems);
        if let Some(countersign) = &self.countersign {
            countersign.check(file, problems);
        }
        if self.audit.keys_dir == self.gate.keys_dir {
            let what = "must be another folder than `gate.keys_dir`: what signs the history is never readable by \
                        what serves the pages";
            problems.push(file.problem("audit.keys_dir", what));
        }
        if let Some(alerts) = &self.alerts {
            alerts.check(file, problems);
        }
        if let Some(alertmanager) = &self.alertmanager {
            alertmanager.check(file, problems);
        }
        self.ignore.check(file, problems);
        for (field, what) in self.noise.wrong() {
            problems.push(file.problem(field, what));
        }
        self.notify.check(file, problems);
        if let Some(prometheus) = &self.prometheus {
            prometheus.check(file, problems);
        }
    }
}

#[cfg(test)]
mod tests;
