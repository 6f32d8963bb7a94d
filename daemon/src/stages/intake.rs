//! Intake: what Alertmanager tells is stored before it is answered, then looked up, then left to detection.

use crate::clock::Clock;
use crate::store::alerts::{Brought, Waiting};
use crate::store::{SqliteStore, StoreError};
use crate::telemetry::IntakeMetrics;
use nightshift_engine::alert::{Candidate, Effect, Found, MISSING, Rejected, Told, WATCHDOG, find, read};
use nightshift_engine::wire::Wire;
use nightshift_model::alert::{Alert, Flag};
use nightshift_model::{Seconds, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{Notify, Semaphore};

/// Messages that are read at a time: each may be some megabytes.
const AT_ONCE: usize = 4;
/// Stored alerts that may wait for their incident. Whoever comes then is asked to come again.
pub const BACKLOG: u32 = 50_000;
/// When more than this wait, they are not looked up one by one.
const STORM: u64 = 2_000;
/// Alerts that are looked up in one go.
const LOOKED_UP: u32 = 250;
/// Alertmanager repeats what fires every 4 hours unless told otherwise; this long without a word is an end.
const SILENCE: Seconds = Seconds(26 * 3600);
/// How long occurrences that are over are remembered, so that a late word does not make them new.
const KEPT: Seconds = Seconds(30 * 86_400);
/// The fingerprint of nightshift's own alert. No alert that comes in can have it: theirs are 16 hex digits.
const WATCH: &str = "nightshift/watchdog";

/// The door's side of the intake. Clones share it.
#[derive(Clone)]
pub struct Intake {
    store: SqliteStore,
    clock: Clock,
    metrics: IntakeMetrics,
    arrived: Arc<Notify>,
    room: Arc<Semaphore>,
}

/// Why a message is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is none that nightshift reads: sending it again does not help.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// Too much waits: it must be sent again.
    #[error("too many alerts wait already")]
    Full,
    /// The store does not answer: it must be sent again.
    #[error("the alerts cannot be stored")]
    Store(#[source] StoreError),
}

impl Intake {
    /// An intake into a store; `arrived` is notified after each message.
    pub fn new(store: SqliteStore, clock: Clock, metrics: IntakeMetrics, arrived: Arc<Notify>) -> Self {
        Self { store, clock, metrics, arrived, room: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Reads a message and stores what it brought. After `Ok` it is on the disk.
    ///
    /// # Errors
    /// [`Refused`]: nothing of it is stored.
    pub async fn take(&self, body: Vec<u8>) -> Result<Brought, Refused> {
        let Ok(_room) = Arc::clone(&self.room).try_acquire_owned() else { return Err(Refused::Full) };
        if self.store.alerts_backlog(BACKLOG).await.map_err(Refused::Store)? >= u64::from(BACKLOG) {
            return Err(Refused::Full);
        }
        let now = self.clock.now();
        let told = tokio::task::spawn_blocking(move || read(&body, now)).await;
        let told = told.map_err(|_| Rejected::NotJson)??; // a reader that panicked has read nothing
        let brought = self.store.alerts_tell(&told, now).await.map_err(Refused::Store)?;
        self.metrics.stored(brought.changed, brought.repeated);
        for flag in told.iter().flat_map(|t| &t.alert.flags) {
            self.metrics.flagged(flag.as_str());
        }
        if told.iter().any(|t| t.effect == Effect::Watchdog && t.alert.fires()) {
            self.metrics.watchdog(now);
        }
        self.arrived.notify_one();
        Ok(brought)
    }

    /// What is counted.
    pub fn metrics(&self) -> &IntakeMetrics {
        &self.metrics
    }
}

/// Looks the next alerts up that nobody looked for yet. The answer is whether there were any.
///
/// # Errors
/// Those of the store; then they are looked up again.
pub async fn look_up<W: Wire>(
    store: &SqliteStore,
    wire: &W,
    metrics: &IntakeMetrics,
) -> Result<bool, StoreError> {
    let backlog = store.alerts_backlog(BACKLOG).await?;
    metrics.waiting(backlog);
    if backlog == 0 {
        return Ok(false);
    }
    let waiting = store.alerts_waiting(false, LOOKED_UP).await?;
    let mut known: BTreeMap<Candidate, Found> = BTreeMap::new();
    let mut found: Vec<(&Alert, Found)> = Vec::with_capacity(waiting.len());
    for Waiting { told: Told { alert, candidate, .. }, .. } in &waiting {
        let one = match known.get(candidate) {
            Some(one) => one.clone(),
            None if backlog > STORM => Found { scope: None, flag: Some(Flag::Storm) },
            None => {
                let one = find(wire, candidate).await;
                known.insert(candidate.clone(), one.clone());
                one
            }
        };
        found.push((alert, one));
    }
    let found: Vec<(&Alert, &Found)> = found.iter().map(|(alert, one)| (*alert, one)).collect();
    store.alerts_found(&found).await?;
    Ok(!waiting.is_empty())
}

/// Lets go of what is over.
///
/// # Errors
/// Those of the store.
pub async fn age(store: &SqliteStore, now: Timestamp) -> Result<(), StoreError> {
    let silent = store.alerts_age(now, SILENCE, KEPT).await?;
    if silent > 0 {
        tracing::info!(alerts = silent, "nothing was heard of some alerts for a day; they count as over");
    }
    Ok(())
}

/// Looks whether the Watchdog still barks. Silence for `period` since it was heard of last, or since `from` when it
/// never was, is an alert of nightshift's own; when it is heard of again, that alert is over.
///
/// # Errors
/// Those of the store; then it is looked at again.
pub async fn watch(
    store: &SqliteStore,
    from: Timestamp,
    period: Seconds,
    now: Timestamp,
) -> Result<(), StoreError> {
    let heard = store.alert_last_heard(WATCHDOG).await?;
    let last = heard.map_or(from, |at| at.max(from));
    let open = store.alerts_open(WATCH).await?;
    if now.since(last) < period || now < last {
        for alert in open {
            let alert = Alert { ended: Some(now), ..alert };
            store.alerts_tell(&[own(alert)], now).await?;
        }
    } else if open.is_empty() {
        let since = heard.map_or_else(|| "since nightshift started".to_owned(), |at| format!("since {at}"));
        let alert = Alert {
            fingerprint: WATCH.to_owned(),
            started: last,
            since: last,
            ended: None,
            name: MISSING.to_owned(),
            severity: "critical".to_owned(),
            summary: format!(
                "intake gap: the Watchdog alert was not heard of {since}, and it fires always: other alerts may not \
                 arrive either. Look at Prometheus, Alertmanager and the route to nightshift"
            ),
            receiver: String::new(),
            labels: BTreeMap::new(),
            flags: Vec::new(),
        };
        tracing::error!(%last, "the Watchdog alert is missing: alerts may not arrive");
        store.alerts_tell(&[own(alert)], now).await?;
    }
    Ok(())
}

fn own(alert: Alert) -> Told {
    Told { alert, candidate: Candidate::Cluster, effect: Effect::Opens }
}
