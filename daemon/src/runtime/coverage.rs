//! What nightshift does not see, written down when it changes, and the gauges that say how it is doing.

use super::doors::gap;
use crate::clock::Clock;
use crate::cluster::{Watch, WatchState};
use crate::store::{HistoryStore as _, SqliteStore, SystemAppend};
use crate::telemetry::Metrics;
use nightshift_model::effect::Me;
use nightshift_model::{Gap, HistoryEvent, Seconds, SystemEvent};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often it is looked at. A watch that reconnects in between was not gone long enough to tell.
const LOOK: Seconds = Seconds(15);
/// Every phase has its gauge, also at zero.
const PHASES: [&str; 8] =
    ["Investigating", "Drafted", "Proposed", "Granted", "Executing", "Verifying", "Escalated", "Closed"];

/// The task.
pub struct Coverage {
    /// The history.
    pub store: SqliteStore,
    /// The clock.
    pub clock: Clock,
    /// Who writes it down.
    pub me: Me,
    /// What every watch says about itself.
    pub watches: watch::Receiver<Vec<Watch>>,
    /// The gauges.
    pub metrics: Metrics,
}

impl Coverage {
    /// Runs until stopped.
    pub async fn run(self, stop: CancellationToken) {
        let mut told = self.told_last().await;
        let mut before: Option<Vec<Gap>> = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep(LOOK.duration()) => {}
            }
            let watches = self.watches.borrow().clone();
            for watch in &watches {
                self.metrics.watch(watch.kind.name(), watch.state.name(), &WatchState::NAMES);
            }
            self.count_incidents().await;
            let lasting = |watch: &&Watch| !matches!(watch.state, WatchState::Syncing);
            let gaps: Vec<Gap> = watches.iter().filter(lasting).filter_map(gap).map(undated).collect();
            // Two looks in a row say the same: then it is worth a line.
            if before.as_ref() == Some(&gaps) && told.as_ref() != Some(&gaps) {
                self.record(gaps.clone()).await;
                told = Some(gaps.clone());
            }
            before = Some(gaps);
        }
    }

    /// What the history says last; nothing recorded means that everything is seen.
    async fn told_last(&self) -> Option<Vec<Gap>> {
        let rows = self.store.system_events(&["coverage-changed"]).await.ok()?;
        let last = rows.into_iter().next_back();
        Some(last.map_or_else(Vec::new, |row| match row.event {
            HistoryEvent::System(SystemEvent::CoverageChanged { gaps }) => gaps,
            HistoryEvent::System(_) | HistoryEvent::Incident(_) => Vec::new(),
        }))
    }

    async fn record(&self, gaps: Vec<Gap>) {
        let append = SystemAppend::by(&self.me, self.clock.now(), SystemEvent::CoverageChanged { gaps });
        if let Err(error) = self.store.append_system(append).await {
            tracing::warn!(%error, "what is not seen could not be written down");
        }
    }

    async fn count_incidents(&self) {
        let Ok(open) = self.store.open_by_phase().await else { return };
        for phase in PHASES {
            let count = open.iter().find(|(word, _)| word == phase).map_or(0, |(_, count)| *count);
            self.metrics.incidents(phase, count);
        }
    }
}

/// The same gap an hour later is no change.
fn undated(gap: Gap) -> Gap {
    let why = gap.why.split(", since ").next().unwrap_or_default().to_owned();
    Gap { why, ..gap }
}
