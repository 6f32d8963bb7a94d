//! When the heartbeat is sent: only after watch, store and outbox got on since the last one. A nightshift that stands
//! still, sees nothing or cannot write stays silent, and that is what wakes somebody.

use crate::clock::Clock;
use crate::cluster::{Watch, WatchState};
use crate::notify::heartbeat::Heartbeat;
use crate::store::SqliteStore;
use crate::telemetry::Metrics;
use nightshift_model::Seconds;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The task.
pub struct Beating {
    /// Where it goes.
    pub heartbeat: Heartbeat,
    /// How often.
    pub every: Seconds,
    /// The clock.
    pub clock: Clock,
    /// The history, which must take a write.
    pub store: SqliteStore,
    /// What every watch says about itself.
    pub watches: watch::Receiver<Vec<Watch>>,
    /// Whether everything was listed once.
    pub synced: Arc<AtomicBool>,
    /// Turns of the task that looks.
    pub looks: Arc<AtomicU64>,
    /// Where turns of the outbox are counted.
    pub metrics: Metrics,
}

/// How far everything has got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Got {
    looks: u64,
    turns: u64,
    /// Why the cluster is not seen, if it is not.
    blind: Option<String>,
    /// Why nothing can be written, if nothing can.
    unwritten: Option<String>,
}

impl Beating {
    /// Beats until stopped.
    pub async fn run(self, stop: CancellationToken) {
        let mut before = self.got().await;
        let mut silent: Option<String> = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep(self.every.duration()) => {}
            }
            let now = self.got().await;
            let still = standstill(&before, &now);
            before = now;
            if let Some(why) = still {
                self.metrics.heartbeat("withheld");
                if silent.as_ref() != Some(&why) {
                    tracing::error!(why, "no heartbeat is sent: nightshift does not get on");
                }
                silent = Some(why);
                continue;
            }
            silent = None;
            match self.heartbeat.beat().await {
                Ok(()) => self.metrics.heartbeat("sent"),
                Err(why) => {
                    self.metrics.heartbeat("lost");
                    tracing::warn!(why, "a heartbeat did not arrive");
                }
            }
        }
    }

    async fn got(&self) -> Got {
        let down = self.watches.borrow().iter().find_map(|watch| match &watch.state {
            WatchState::Down { why, .. } => Some(format!("{} are not seen: {why}", watch.kind.name())),
            WatchState::Syncing
            | WatchState::Live { .. }
            | WatchState::Fallback { .. }
            | WatchState::Forbidden => None,
        });
        let unlisted =
            (!self.synced.load(Ordering::Relaxed)).then(|| "lists are still being read".to_owned());
        Got {
            looks: self.looks.load(Ordering::Relaxed),
            turns: self.metrics.outbox_steps(),
            blind: down.or(unlisted),
            unwritten: self.store.touch().await.err().map(|error| error.to_string()),
        }
    }
}

/// What keeps the heart still, if anything does.
fn standstill(before: &Got, now: &Got) -> Option<String> {
    if let Some(why) = &now.blind {
        return Some(why.clone());
    }
    if now.looks == before.looks {
        return Some("the task that looks at the cluster stands still".to_owned());
    }
    if let Some(why) = &now.unwritten {
        return Some(format!("the history takes no write: {why}"));
    }
    (now.turns == before.turns).then(|| "the outbox stands still".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heart_beats_only_when_everything_got_on() {
        let before = Got { looks: 1, turns: 1, ..Got::default() };
        let on = Got { looks: 2, turns: 2, ..Got::default() };
        assert_eq!(standstill(&before, &on), None);
        let cases = [
            (Got { looks: 1, ..on.clone() }, "looks at the cluster stands still"),
            (Got { turns: 1, ..on.clone() }, "outbox stands still"),
            (Got { blind: Some("pods are not seen".to_owned()), ..on.clone() }, "pods are not seen"),
            (Got { unwritten: Some("disk full".to_owned()), ..on.clone() }, "takes no write: disk full"),
        ];
        for (now, says) in cases {
            assert!(standstill(&before, &now).is_some_and(|why| why.contains(says)), "{says}");
        }
    }
}
