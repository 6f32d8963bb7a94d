//! The intake of alerts: its door, the task that looks alerts up, and the watch over the Watchdog.

use super::Running;
use super::doors::DoorError;
use super::world::{Outside, READ_BYTES_CAP};
use crate::clock::Clock;
use crate::config;
use crate::http::alertmanager::{self, Lock};
use crate::http::listen;
use crate::http::tls::Certificate;
use crate::stages::intake::{self, Intake};
use crate::store::SqliteStore;
use crate::telemetry::IntakeMetrics;
use nightshift_engine::wire::{HttpWrite, Wire};
use nightshift_model::effect::{RawPart, Read};
use nightshift_model::{NotChecked, Seconds, Timestamp};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How often alerts that wait are looked for without a notice: another process may have stored them.
const LOOK: Duration = Duration::from_secs(5);
/// How often what is over is let go.
const AGE: Seconds = Seconds(3600);
/// A read for an alert that takes longer counts as not answered.
const DEADLINE: Duration = Duration::from_secs(5);

/// Opens the door for Alertmanager. The answer is where it listens.
///
/// # Errors
/// [`DoorError`] names the address or the file.
pub async fn open(running: &Running, alerts: &config::Alerts) -> Result<SocketAddr, DoorError> {
    let failed = |source| DoorError::Listen { address: alerts.listen, source };
    let listener = listen::bind(alerts.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let certificate = alerts.tls.as_ref().map(Certificate::read).transpose()?;
    let tls = certificate.as_ref().map(Certificate::acceptor).transpose()?;
    let lock = Lock::of(alerts);
    if !lock.is_locked() && !address.ip().is_loopback() {
        return Err(DoorError::Unlocked { address });
    }
    let (store, clock) = (running.store(), running.clock());
    let intake = Intake::new(store.clone(), clock, running.intake.clone(), Arc::clone(&running.arrived));
    let app = alertmanager::router(intake, lock);
    if let Some(certificate) = certificate {
        let follow = certificate.follow(clock, |_| ());
        running.tasks.spawn(running.stop.clone().run_until_cancelled_owned(follow));
    }
    running.tasks.spawn(listen::serve(listener, tls, app, clock, running.stop.clone()));
    if let Some(period) = alerts.watchdog {
        let watch = Watch { store, clock, period, arrived: Arc::clone(&running.arrived) };
        running.tasks.spawn(watch.run(running.stop.clone()));
    }
    Ok(address)
}

/// Looks alerts up at the API server.
pub struct Lookup {
    /// The responder's outside.
    pub outside: Outside,
    /// What is counted.
    pub metrics: IntakeMetrics,
    /// Notified when alerts were stored.
    pub arrived: Arc<Notify>,
    /// Notified when they were looked up.
    pub found: Arc<Notify>,
}

impl Lookup {
    /// Runs until stopped.
    pub async fn run(self, stop: CancellationToken) {
        let (store, clock) = (self.outside.store.clone(), self.outside.clock);
        let mut age_at = clock.now();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.arrived.notified() => {}
                () = clock.sleep_real(LOOK) => {}
            }
            if clock.now() >= age_at {
                age_at = clock.now() + AGE;
                if let Err(error) = intake::age(&store, clock.now()).await {
                    tracing::warn!(%error, "alerts that are over could not be let go");
                }
            }
            loop {
                // One answer an object and go: a thousand alerts about one workload are a handful of reads.
                let wire = Once { outside: &self.outside, answers: Mutex::default() };
                let more = tokio::select! {
                    () = stop.cancelled() => return,
                    more = intake::look_up(&store, &wire, &self.metrics) => more,
                };
                self.found.notify_one();
                match more {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        tracing::error!(%error, "alerts could not be looked up; they wait");
                        break;
                    }
                }
            }
        }
    }
}

/// Reads with the responder's identity, each thing once.
struct Once<'a> {
    outside: &'a Outside,
    answers: Mutex<BTreeMap<String, RawPart>>,
}

impl Wire for Once<'_> {
    async fn read(&self, read: &Read) -> RawPart {
        let Read::Get { path, query, accept } = read else {
            return none("an alert asks nobody but the API server");
        };
        let key = format!("{path} {query:?}");
        let known = self.answers.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(&key).cloned();
        if let Some(answer) = known {
            return answer;
        }
        let answer = self.outside.reader.get(path, query, *accept, READ_BYTES_CAP, DEADLINE).await;
        self.answers.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(key, answer.clone());
        answer
    }

    async fn write(&self, _: &HttpWrite) -> RawPart {
        none("an alert never writes")
    }

    fn now(&self) -> Timestamp {
        self.outside.clock.now()
    }
}

fn none(detail: &str) -> RawPart {
    RawPart::Failed { why: NotChecked::Forbidden, detail: detail.to_owned() }
}

/// The watch over the Watchdog.
struct Watch {
    store: SqliteStore,
    clock: Clock,
    period: Seconds,
    arrived: Arc<Notify>,
}

impl Watch {
    async fn run(self, stop: CancellationToken) {
        let from = self.clock.now();
        let every = Seconds((self.period.0 / 10).clamp(1, 60));
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep_until(self.clock.now() + every) => {}
            }
            match intake::watch(&self.store, from, self.period, self.clock.now()).await {
                Ok(()) => self.arrived.notify_one(),
                Err(error) => tracing::error!(%error, "whether the Watchdog is heard of could not be read"),
            }
        }
    }
}
