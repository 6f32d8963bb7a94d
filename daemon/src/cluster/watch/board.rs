//! What every watch says about itself: coverage, readiness, and the age of what is known.

use super::WatchKind;
use crate::clock::Clock;
use crate::cluster::stream::Tell;
use nightshift_model::Timestamp;
use std::sync::Arc;
use tokio::sync::watch;

/// How one watch is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// What it watches.
    pub kind: WatchKind,
    /// Where; empty is everywhere.
    pub namespace: String,
    /// How it is.
    pub state: WatchState,
    /// When its last line came. It moves without waking whoever waits for a change.
    pub last_line_at: Option<Timestamp>,
    /// Lines that could not be used: what they said is not known.
    pub skipped: u64,
}

impl Watch {
    pub(super) fn new(kind: WatchKind, namespace: &str) -> Self {
        let namespace = namespace.to_owned();
        Self { kind, namespace, state: WatchState::Syncing, last_line_at: None, skipped: 0 }
    }
}

/// The state of one watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchState {
    /// A list is being read; what is known is older, or nothing.
    Syncing,
    /// Everything is seen as it happens.
    Live {
        /// Since when.
        since: Timestamp,
    },
    /// The same, but lists come in pages: this API server has no streaming lists.
    Fallback {
        /// Since when.
        since: Timestamp,
    },
    /// 403: not watched. Asked again every five minutes.
    Forbidden,
    /// Not seen now; what is known is as old as `since`.
    Down {
        /// Since when.
        since: Timestamp,
        /// One clause.
        why: String,
    },
}

impl WatchState {
    /// Whether changes are seen as they happen.
    pub fn sees(&self) -> bool {
        match self {
            Self::Live { .. } | Self::Fallback { .. } => true,
            Self::Syncing | Self::Forbidden | Self::Down { .. } => false,
        }
    }

    /// Every word of [`WatchState::name`].
    pub const NAMES: [&'static str; 5] = ["syncing", "live", "fallback", "forbidden", "down"];

    /// One word for metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Syncing => "syncing",
            Self::Live { .. } => "live",
            Self::Fallback { .. } => "fallback",
            Self::Forbidden => "forbidden",
            Self::Down { .. } => "down",
        }
    }
}

/// One watch's place on the board.
pub(super) struct Place {
    pub(super) board: Arc<watch::Sender<Vec<Watch>>>,
    pub(super) index: usize,
    pub(super) clock: Clock,
}

impl Place {
    /// Changes our entry; whoever waits is woken when the state's name or its reason is another.
    fn set(&self, change: impl FnOnce(&mut Watch, Timestamp)) {
        let now = self.clock.now();
        self.board.send_if_modified(|all| {
            let Some(watch) = all.get_mut(self.index) else { return false };
            let before = watch.state.clone();
            change(watch, now);
            before != watch.state
        });
    }
}

/// A watch that has ended, by a panic too, does not go on being called live.
impl Drop for Place {
    fn drop(&mut self) {
        self.down("the watch has ended".into());
    }
}

impl Tell for Place {
    fn syncing(&self) {
        self.set(|watch, _| watch.state = WatchState::Syncing);
    }

    fn live(&self, paged: bool) {
        let seen = self.board.borrow().get(self.index).is_some_and(|watch| watch.state.sees());
        if !seen {
            self.set(|watch, since| {
                watch.state = if paged { WatchState::Fallback { since } } else { WatchState::Live { since } };
            });
        }
    }

    fn forbidden(&self) {
        self.set(|watch, _| watch.state = WatchState::Forbidden);
    }

    fn down(&self, why: String) {
        self.set(|watch, now| {
            let since = match &watch.state {
                WatchState::Down { since, .. } => *since,
                WatchState::Syncing
                | WatchState::Live { .. }
                | WatchState::Fallback { .. }
                | WatchState::Forbidden => now,
            };
            watch.state = WatchState::Down { since, why };
        });
    }

    fn line(&self) {
        self.set(|watch, now| watch.last_line_at = Some(now));
    }

    fn skipped(&self) {
        self.set(|watch, _| watch.skipped += 1);
    }
}
