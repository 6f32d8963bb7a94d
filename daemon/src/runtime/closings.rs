//! What closes the executor without a person, put up for everybody: each look is told within the process, recorded when it
//! is news, and counted. A process without an executor follows what the history says.

pub mod lock;
pub mod rights;

use super::incidents::Waker;
use super::{doors, record};
use crate::clock::Clock;
use crate::store::{HistoryStore as _, SqliteStore};
use crate::telemetry::Metrics;
use nightshift_engine::StoreError;
use nightshift_engine::closed::{Closings, Look};
use nightshift_model::effect::Me;
use nightshift_model::{ClosedBy, HistoryEvent};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often another process's word is looked for.
const FOLLOW: Duration = Duration::from_secs(5);
/// What says it.
pub(super) const KINDS: [&str; 2] = ["executor-closed", "executor-opened"];

/// Where the looks of this process's executor are put up.
pub struct Board {
    store: SqliteStore,
    clock: Clock,
    me: Me,
    told: watch::Sender<Closings>,
}

impl Board {
    /// A board for an executor. `told` says from before on that what was not looked at is closed.
    pub fn new(store: SqliteStore, clock: Clock, me: Me, told: watch::Sender<Closings>) -> Self {
        Self { store, clock, me, told }
    }

    /// Puts a look up: it counts from now on, and is recorded if the history says something else.
    pub async fn put(&self, by: ClosedBy, look: Look) {
        self.told.send_if_modified(|closings| {
            let before = closings.clone();
            closings.set(by, look.clone());
            *closings != before
        });
        let said = match said(&self.store).await {
            Ok(said) => said,
            Err(error) => {
                tracing::warn!(%error, "what closes the executor could not be compared with the history");
                return;
            }
        };
        let Some(event) = said.news(by, &look) else { return };
        if look.places.is_empty() {
            tracing::info!(by = by.as_str(), despite = ?look.despite, "the executor is not closed by this");
        }
        for place in &look.places {
            let namespace = if place.namespace.is_empty() { "all" } else { &place.namespace };
            tracing::error!(by = by.as_str(), namespace, why = place.why, "THE EXECUTOR IS CLOSED");
        }
        if let Err(error) = record(&self.store, self.clock, &self.me, event).await {
            tracing::warn!(%error, "what closes the executor could not be recorded; the next look tries again");
        }
    }
}

/// What the history says.
async fn said(store: &SqliteStore) -> Result<Closings, StoreError> {
    let mut closings = Closings::default();
    for row in store.system_events(&KINDS).await? {
        if let HistoryEvent::System(event) = &row.event {
            closings.fold(event);
        }
    }
    Ok(closings)
}

/// Where there is no executor, nothing closes one: what an earlier process said of its own is over.
pub(super) async fn none(store: &SqliteStore, clock: Clock, me: &Me) -> Result<(), StoreError> {
    let said = said(store).await?;
    for event in ClosedBy::ALL.iter().filter_map(|by| said.news(*by, &Look::default())) {
        record(store, clock, me, event).await?;
    }
    Ok(())
}

/// Tells what another process's executor says of itself.
pub(super) async fn follow(
    store: SqliteStore,
    clock: Clock,
    told: watch::Sender<Closings>,
    stop: CancellationToken,
) {
    loop {
        match said(&store).await {
            Ok(said) => {
                told.send_if_modified(|closings| std::mem::replace(closings, said.clone()) != said);
            }
            Err(error) => tracing::warn!(%error, "what closes the executor cannot be read"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_real(FOLLOW) => {}
        }
    }
}

/// Counts what is closed, and wakes what waited once something opens.
pub(super) async fn count(
    mut told: watch::Receiver<Closings>,
    metrics: Metrics,
    store: SqliteStore,
    wakers: Vec<Waker>,
    stop: CancellationToken,
) {
    let mut before = Closings::default();
    loop {
        let now = told.borrow_and_update().clone();
        for by in ClosedBy::ALL {
            metrics.closed(by.as_str(), now.places().filter(|(of, _)| of == by).count());
        }
        if now.opens(&before) {
            doors::wake_open(&store, &wakers).await;
        }
        before = now;
        tokio::select! {
            () = stop.cancelled() => return,
            moved = told.changed() => if moved.is_err() { return },
        }
    }
}
