//! The task that owns the view: deltas in, scopes looked at, per-scope timers kept.

use crate::clock::Clock;
use crate::cluster::{Update, Watch, WatchState, Watching};
use crate::stages::RulesNow;
use crate::stages::detect::Detect;
use nightshift_detectors::View;
use nightshift_detectors::facts::Truth;
use nightshift_detectors::volumes::Volumes;
use nightshift_model::{Kind, ObjectRef, Seconds, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// Deltas taken before scopes are looked at: a burst about one scope is one look.
const BATCH: usize = 256;
/// After a store that did not answer, a scope is looked at again.
const AGAIN: Seconds = Seconds(5);
/// How often quiet counts are recorded.
const QUIET_EVERY: Seconds = Seconds(900);
/// How often in one turn scopes are looked at again for what was seen of others.
const ROUNDS: usize = 4;
/// At least so often the loop turns, also when nothing happens: the heartbeat counts its turns.
const TURN_EVERY: Seconds = Seconds(5);

/// So long the first look waits for a list that does not come, beside those that nothing works without.
const PATIENCE: Seconds = Seconds(60);

/// Whether the first look sees all that it can: every list is complete, or is refused, or has failed for some time.
fn settled(view: &View, watches: &[Watch], now: Timestamp) -> bool {
    view.synced()
        && watches.iter().all(|watch| match &watch.state {
            WatchState::Live { .. } | WatchState::Fallback { .. } => view.synced_kind(&watch.kind.kind()),
            WatchState::Forbidden => true,
            WatchState::Down { since, .. } => now.since(*since) >= PATIENCE,
            WatchState::Syncing => false,
        })
}

/// When somebody tells; without a Prometheus nobody ever does.
async fn changed(volumes: &mut watch::Receiver<Volumes>) {
    if volumes.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What others may know of the view.
#[derive(Clone, Default)]
pub struct Seen {
    /// Whether every watch has listed once and the first look was recorded.
    pub synced: Arc<AtomicBool>,
    /// Nodes that are not Ready.
    pub nodes_not_ready: Arc<AtomicU32>,
    /// Turns of the loop.
    pub looks: Arc<AtomicU64>,
}

/// The task.
pub struct ViewTask {
    /// The running watches.
    pub watching: Watching,
    /// The stage.
    pub detect: Detect,
    /// The rules.
    pub rules: RulesNow,
    /// The clock.
    pub clock: Clock,
    /// What others may know.
    pub seen: Seen,
    /// Notified when alerts were looked up.
    pub alerts: Arc<Notify>,
    /// Namespaces that are watched; empty: all.
    pub namespaces: Vec<String>,
    /// Which volumes are short of room.
    pub volumes: watch::Receiver<Volumes>,
}

impl ViewTask {
    /// Runs until stopped.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut view = View::of(&self.namespaces);
        let mut due: BTreeMap<ObjectRef, Timestamp> = BTreeMap::new();
        let mut touched: BTreeSet<ObjectRef> = BTreeSet::new();
        let mut quiet_at = self.clock.now() + QUIET_EVERY;
        let mut batch: Vec<Update> = Vec::with_capacity(BATCH);
        let mut down: BTreeSet<String> = BTreeSet::new();
        let (alerts, mut volumes) = (Arc::clone(&self.alerts), self.volumes.clone());
        // The first look waits for the first answer, or for that there is none.
        let mut asked = volumes.has_changed().is_err();
        alerts.notify_one(); // what waits since the last run
        loop {
            let next = due
                .values()
                .min()
                .copied()
                .unwrap_or(quiet_at)
                .min(quiet_at)
                .min(self.clock.now() + TURN_EVERY);
            tokio::select! {
                () = stop.cancelled() => break,
                taken = self.watching.updates.recv_many(&mut batch, BATCH) => if taken == 0 { break },
                () = self.clock.sleep_until(next) => {}
                () = changed(&mut volumes) => {
                    let told = volumes.borrow_and_update().clone();
                    touched.extend(view.fill(told, self.clock.now()));
                    asked = true;
                }
                () = alerts.notified() => {
                    self.take_alerts().await;
                    continue;
                }
            }
            self.seen.looks.fetch_add(1, Ordering::Relaxed);
            let now = self.clock.now();
            for update in batch.drain(..) {
                touched.extend(view.apply(update.delta, now));
            }
            if !self.seen.synced.load(Ordering::Relaxed) {
                if !asked || !settled(&view, &self.watching.coverage.borrow(), now) {
                    continue;
                }
                if let Err(error) = self.detect.first_sight(&view).await {
                    tracing::error!(%error, "the first look could not be recorded; it is tried again");
                    self.clock.sleep_real(AGAIN.duration()).await;
                    continue;
                }
                touched.extend(view.scopes());
                touched.extend(self.detect.remembers());
                self.seen.synced.store(true, Ordering::Relaxed);
            }
            self.count_nodes(&view, &touched, &mut down);
            touched.extend(due.iter().filter(|(_, at)| **at <= now).map(|(scope, _)| scope.clone()));
            self.look(&view, std::mem::take(&mut touched), &mut due).await;
            if now >= quiet_at {
                quiet_at = now + QUIET_EVERY;
                self.flush().await;
            }
        }
        self.flush().await;
    }

    /// Looks at scopes, and at those whose place hangs on what was seen there; then at the incidents that list others.
    async fn look(
        &mut self,
        view: &View,
        mut touched: BTreeSet<ObjectRef>,
        due: &mut BTreeMap<ObjectRef, Timestamp>,
    ) {
        for _ in 0..ROUNDS {
            for scope in std::mem::take(&mut touched) {
                due.remove(&scope);
                match self.detect.look(view, &scope, &self.rules).await {
                    Ok(None) => {}
                    Ok(Some(at)) => {
                        due.insert(scope, at);
                    }
                    Err(error) => {
                        tracing::error!(%scope, %error, "a scope could not be judged; it is looked at again");
                        due.insert(scope, self.clock.now() + AGAIN);
                    }
                }
            }
            touched = self.detect.again();
            if touched.is_empty() {
                break;
            }
        }
        let now = self.clock.now();
        due.extend(touched.into_iter().map(|scope| (scope, now)));
        if let Err(error) = self.detect.settle(view, &self.rules).await {
            tracing::error!(%error, "incidents that list others wait: they are brought up to date soon");
        }
    }

    /// Alerts join or open incidents also while lists are still being read: somebody may wait for them.
    async fn take_alerts(&mut self) {
        match self.detect.alerts(&self.rules).await {
            Ok(true) => self.alerts.notify_one(),
            Ok(false) => {}
            Err(error) => {
                tracing::error!(%error, "alerts wait: they could not be dealt with, and are again soon");
            }
        }
    }

    async fn flush(&mut self) {
        if let Err(error) = self.detect.flush_quiet().await {
            tracing::warn!(%error, "what needed nobody could not be recorded yet");
        }
    }

    /// More than one node that is not Ready is a storm: the guards ask.
    fn count_nodes(&self, view: &View, touched: &BTreeSet<ObjectRef>, down: &mut BTreeSet<String>) {
        for node in touched.iter().filter(|scope| scope.kind == Kind::Node) {
            if view.node(&node.name).is_some_and(|facts| facts.ready.status != Truth::True) {
                down.insert(node.name.clone());
            } else {
                down.remove(&node.name);
            }
        }
        self.seen.nodes_not_ready.store(u32::try_from(down.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
    }
}
