//! What Alertmanager says of itself, held against what nightshift knows: its silences become history, alerts that were
//! missed are taken in as if it had told them, and those that are gone there end here.

use crate::clock::Clock;
use crate::store::{HistoryStore as _, SqliteStore, SystemAppend};
use crate::telemetry::AlertmanagerMetrics;
use nightshift_engine::StoreError;
use nightshift_engine::alert::listed::{Listed, State, listed};
use nightshift_engine::alert::{Effect, Told};
use nightshift_engine::silence::foreign;
use nightshift_engine::standing::System;
use nightshift_model::alert::Alert;
use nightshift_model::effect::Me;
use nightshift_model::{Appended, Foreign, Incident, Seconds, SystemEvent, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Answers that may fail in a row before its silences hold no longer.
const PATIENCE: u32 = 2;
/// What is firing here and not there for so long, in answers without a gap, is over. Prometheus tells an Alertmanager that
/// was restarted within a minute.
const GONE: Seconds = Seconds(300);
/// What fires there is told again after so long, so that it does not count as over.
const AGAIN: Seconds = Seconds(3_600);
/// Stored alerts that may wait for their incident; with more, what was missed waits for the next look.
const BACKLOG: u32 = 50_000;

/// One occurrence: its fingerprint and its start.
type Occurrence = (String, Timestamp);

/// Alerts that fire and are routed to a receiver that wakes somebody, by fingerprint. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Paged(Arc<Mutex<BTreeMap<String, String>>>);

impl Paged {
    /// The receiver that was told of an incident, if one was.
    pub fn of(&self, incident: &Incident) -> Option<String> {
        let paged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut firing = incident.alerts.shown.iter().filter(|alert| alert.fires());
        firing.find_map(|alert| paged.get(&alert.fingerprint).cloned())
    }

    fn set(&self, now: BTreeMap<String, String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

/// The stage.
pub struct Comparing {
    store: SqliteStore,
    clock: Clock,
    me: Me,
    metrics: AlertmanagerMetrics,
    receiver: String,
    paging: BTreeSet<String>,
    paged: Paged,
    /// What the history says last.
    told: Option<(Vec<Foreign>, Option<String>)>,
    failed: u32,
    known: BTreeMap<Occurrence, Timestamp>,
    missing: BTreeMap<Occurrence, Timestamp>,
}

/// What the stage needs besides the store.
pub struct Setup {
    /// Who appends.
    pub me: Me,
    /// What is counted.
    pub metrics: AlertmanagerMetrics,
    /// Alertmanager's receiver that sends to nightshift.
    pub receiver: String,
    /// Those that wake somebody.
    pub paging: Vec<String>,
    /// Where it is kept whom they woke.
    pub paged: Paged,
}

impl Comparing {
    /// Nothing was asked yet.
    pub fn new(store: SqliteStore, clock: Clock, setup: Setup) -> Self {
        Self {
            store,
            clock,
            me: setup.me,
            metrics: setup.metrics,
            receiver: setup.receiver,
            paging: setup.paging.into_iter().collect(),
            paged: setup.paged,
            told: None,
            failed: 0,
            known: BTreeMap::new(),
            missing: BTreeMap::new(),
        }
    }

    /// Takes the answer about silences; says whether anything changed.
    ///
    /// # Errors
    /// Those of the store: what held holds, and the next answer is compared again.
    pub async fn silences(&mut self, answer: Result<&[u8], &str>) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let read = answer.map_err(str::to_owned).and_then(|body| foreign::read(body, now));
        self.metrics.answered(read.is_ok());
        let next = match read {
            Ok(read) => {
                self.failed = 0;
                let n = read.left_out;
                let gap = (n > 0).then(|| {
                    format!("{n} of its silences are too large or too many, and silence nothing here")
                });
                (read.silences, gap)
            }
            Err(why) => {
                self.failed = self.failed.saturating_add(1);
                let silent = matches!(&self.told, Some((none, Some(_))) if none.is_empty());
                if self.failed < PATIENCE || silent {
                    return Ok(false);
                }
                (Vec::new(), Some(format!("{why}: none of its silences holds here")))
            }
        };
        self.metrics.silences(next.0.len());
        if self.told.is_none() {
            let system = System::of(&self.store.system_events(&["alertmanager-changed"]).await?);
            self.told = Some((system.foreign, system.alertmanager));
        }
        if self.told.as_ref() == Some(&next) {
            return Ok(false);
        }
        tracing::info!(silences = next.0.len(), gap = next.1, "what Alertmanager silences changed");
        record(&self.store, &self.me, now, next.clone()).await?;
        self.told = Some(next);
        Ok(true)
    }

    /// Takes the answer about alerts; says whether any were stored. Without an answer nobody was paged, nothing is missed
    /// and nothing is over.
    ///
    /// # Errors
    /// Those of the store: then it is compared again.
    pub async fn alerts(&mut self, answer: Result<Vec<u8>, String>) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let receiver = self.receiver.clone();
        let read = match answer {
            Ok(body) => tokio::task::spawn_blocking(move || listed(&body, &receiver, now))
                .await
                .unwrap_or_else(|_| Err("its list of alerts cannot be read".to_owned())),
            Err(why) => Err(why),
        };
        let all = match read {
            Ok(all) => all,
            Err(why) => {
                tracing::debug!(why, "alerts of Alertmanager were not compared");
                self.missing.clear();
                self.paged.set(BTreeMap::new());
                return Ok(false);
            }
        };
        self.paged.set(self.pagers(&all));
        let missed = self.missed(&all, now).await?;
        let over = self.gone(&all, now).await?;
        Ok(missed || over)
    }

    fn pagers(&self, all: &[Listed]) -> BTreeMap<String, String> {
        let active = all.iter().filter(|one| one.state == State::Active);
        let paged = active.filter_map(|one| {
            let receiver = one.receivers.iter().find(|name| self.paging.contains(*name))?;
            Some((one.told.alert.fingerprint.clone(), receiver.clone()))
        });
        paged.collect()
    }

    /// What fires there, is routed to nightshift, and was not told lately. The Watchdog is not among it: it proves that
    /// the other way works.
    async fn missed(&mut self, all: &[Listed], now: Timestamp) -> Result<bool, StoreError> {
        self.known.retain(|_, at| now.since(*at) < AGAIN);
        let ours = all.iter().filter(|one| {
            one.state == State::Active
                && one.told.effect != Effect::Watchdog
                && one.receivers.contains(&self.receiver)
                && !self.known.contains_key(&occurrence(&one.told.alert))
        });
        let missed: Vec<Told> = ours.map(|one| one.told.clone()).collect();
        if missed.is_empty() || self.store.alerts_backlog(BACKLOG).await? >= u64::from(BACKLOG) {
            return Ok(false);
        }
        let brought = self.store.alerts_tell(&missed, now).await?;
        self.known.extend(missed.iter().map(|told| (occurrence(&told.alert), now)));
        self.metrics.alerts("missed", brought.changed);
        Ok(brought.changed > 0)
    }

    /// What fires here, was told by the same receiver, and is not in its list for a while.
    async fn gone(&mut self, all: &[Listed], now: Timestamp) -> Result<bool, StoreError> {
        let there: Vec<Occurrence> = all.iter().map(|one| occurrence(&one.told.alert)).collect();
        let missing = self.store.alerts_not_among(&there, &self.receiver).await?;
        let mut since = BTreeMap::new();
        let mut over: Vec<Told> = Vec::new();
        for told in missing {
            let key = occurrence(&told.alert);
            let first = self.missing.get(&key).copied().unwrap_or(now);
            if now.since(first) >= GONE {
                over.push(Told { alert: Alert { ended: Some(now), ..told.alert.clone() }, ..told });
            } else {
                since.insert(key, first);
            }
        }
        self.missing = since;
        if over.is_empty() {
            return Ok(false);
        }
        let brought = self.store.alerts_tell(&over, now).await?;
        self.metrics.alerts("gone", brought.changed);
        Ok(brought.changed > 0)
    }
}

fn occurrence(alert: &Alert) -> Occurrence {
    (alert.fingerprint.clone(), alert.started)
}

/// Without an Alertmanager to ask, none of its silences holds, whatever an earlier run heard.
///
/// # Errors
/// Those of the store.
pub async fn forget(store: &SqliteStore, me: &Me, now: Timestamp) -> Result<(), StoreError> {
    let system = System::of(&store.system_events(&["alertmanager-changed"]).await?);
    if system.foreign.is_empty() && system.alertmanager.is_none() {
        return Ok(());
    }
    record(store, me, now, (Vec::new(), None)).await
}

async fn record(
    store: &SqliteStore,
    me: &Me,
    at: Timestamp,
    (silences, gap): (Vec<Foreign>, Option<String>),
) -> Result<(), StoreError> {
    let (fence, actor) = (Some((me.role, me.epoch)), me.actor.clone());
    let events = vec![SystemEvent::AlertmanagerChanged { silences, gap }];
    match store.append_system(SystemAppend { fence, actor, at, events, outbox: Vec::new() }).await? {
        Appended::Committed | Appended::Fenced => Ok(()),
        other @ (Appended::Conflict | Appended::Unknown) => Err(StoreError::Unavailable {
            operation: "record what Alertmanager silences",
            source: format!("{other:?}").into(),
        }),
    }
}

#[cfg(test)]
mod tests;
