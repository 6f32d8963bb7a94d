//! The rules in force: configuration, and what the history adds up to now.

use super::checkpoint::Integrity;
use crate::clock::Clock;
use crate::store::{HistoryStore as _, SqliteStore};
use nightshift_engine::closed::Closings;
use nightshift_engine::drive::StoreError;
use nightshift_engine::proof::Counters;
use nightshift_engine::rules::{KillSwitch, Mode, Rules, Standing};
use nightshift_engine::standing::{System, standing};
use nightshift_engine::vote_object::Looks;
use nightshift_model::history::Row;
use nightshift_model::{Cluster, Noise, Registry, Seconds, Stream};
use nightshift_playbooks::Catalog;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Makes [`Rules`] for every drive and every vote.
#[derive(Clone)]
pub struct RuleBook {
    /// What does not change while this process runs.
    pub fixed: Arc<Fixed>,
    /// The history.
    pub store: SqliteStore,
    /// The clock.
    pub clock: Clock,
    /// Nodes that are not Ready, as the view counts them.
    pub nodes_not_ready: Arc<AtomicU32>,
    /// Whether the executor of this process trusts the history. Of another process the history says it.
    pub integrity: tokio::sync::watch::Receiver<Integrity>,
    /// What closes the executor of this process, if one runs here: it takes nobody's word for it.
    pub own: Option<tokio::sync::watch::Receiver<Closings>>,
    /// Counters of passkeys, as far as the history was read.
    pub counters: Arc<tokio::sync::Mutex<Counted>>,
    /// Votes in the cluster, as they were seen last.
    pub looks: tokio::sync::watch::Receiver<Looks>,
}

/// The counters that votes have shown, folded up to a row: the history is read once, then only what was added.
#[derive(Default)]
pub struct Counted {
    rows: u64,
    counters: Arc<Counters>,
}

/// The part of the rules that configuration fixes.
pub struct Fixed {
    /// The cluster.
    pub cluster: Cluster,
    /// What nightshift may do.
    pub mode: Mode,
    /// Persons, roles, owners, policy.
    pub registry: Arc<Registry>,
    /// The playbooks.
    pub playbooks: Arc<Catalog>,
    /// Whether a Prometheus is configured.
    pub prometheus: bool,
    /// How much is said about what comes and goes by itself.
    pub noise: Noise,
    /// Our own namespace; empty outside a cluster.
    pub home: String,
    /// `kill_switch: true` of the configuration.
    pub kill_switch: bool,
}

impl RuleBook {
    /// The rules in force. When the history cannot be read, or is not the one that was signed, the kill switch counts as
    /// set.
    pub async fn now(&self) -> Rules {
        let fixed = &self.fixed;
        let mut standing = match self.standing().await {
            Ok(standing) => standing,
            Err(error) => {
                tracing::error!(%error, "the history cannot be read: the kill switch counts as set");
                let reason = "the history cannot be read".to_owned();
                let closings = self.own.as_ref().map(|own| own.borrow().clone()).unwrap_or_default();
                Standing { kill_switch: KillSwitch::Set { reason }, closings, ..Standing::default() }
            }
        };
        if let Some(reason) = self.integrity.borrow().why_not() {
            standing.kill_switch = KillSwitch::Set { reason };
        }
        if fixed.kill_switch {
            standing.kill_switch = KillSwitch::Set { reason: "set in the configuration".to_owned() };
        }
        Rules {
            cluster: fixed.cluster.clone(),
            mode: fixed.mode.clone(),
            registry: Arc::clone(&fixed.registry),
            playbooks: Arc::clone(&fixed.playbooks),
            policy: Rules::policy_digest(&fixed.registry, &fixed.playbooks, &fixed.mode),
            prometheus: fixed.prometheus,
            noise: fixed.noise,
            home: fixed.home.clone(),
            standing,
        }
    }

    async fn standing(&self) -> Result<Standing, StoreError> {
        let now = self.clock.now();
        let mut system = system(&self.store).await?;
        if let Some(own) = &self.own {
            system.closings = own.borrow().clone();
        }
        let reach = Seconds(86_400).max(self.fixed.registry.policy.denied_for);
        let rows = self.store.events(now - reach, now + Seconds(1), &["claimed", "withdrawn"]).await?;
        // Those that the rows name, however many newer ones there are: a limit counts them all.
        let named = rows.iter().filter_map(|row| match &row.stream {
            Stream::Incident(id) => Some(id),
            Stream::System => None,
        });
        let mut incidents = Vec::new();
        for id in named.collect::<BTreeSet<_>>() {
            incidents.push(self.store.snapshot(id).await?);
        }
        let nodes = self.nodes_not_ready.load(Ordering::Relaxed);
        let counters = self.counters().await?;
        let looks = self.looks.borrow().clone();
        Ok(Standing { counters, looks, ..standing(&system, &rows, &incidents, nodes, now) })
    }

    async fn counters(&self) -> Result<Arc<Counters>, StoreError> {
        let mut counted = self.counters.lock().await;
        let rows = self.store.rows().await?;
        if rows != counted.rows {
            for row in self.store.votes_since(counted.rows).await? {
                // A row that was added meanwhile comes again with the next look, and counts once.
                Arc::make_mut(&mut counted.counters).fold(&row);
            }
            counted.rows = rows;
        }
        Ok(Arc::clone(&counted.counters))
    }
}

/// The fold of the system stream, as far as decisions need it.
pub async fn system(store: &SqliteStore) -> Result<System, StoreError> {
    const KINDS: &[&str] = &[
        "policy-changed",
        "silence-added",
        "silence-ended",
        "silence-unread",
        "ignore-changed",
        "alertmanager-changed",
        "kill-switch-set",
        "kill-switch-clearing",
        "kill-switch-cleared",
        "inventory",
        "inventory-cleared",
        "quarantined",
        "audit-closed",
        "audit-adopted",
        "executor-closed",
        "executor-opened",
    ];
    let rows: Vec<Row> = store.system_events(KINDS).await?;
    Ok(System::of(&rows))
}

#[cfg(test)]
mod tests;
