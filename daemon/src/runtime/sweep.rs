//! The second activation, and the timers: incidents whose `wake_at` has come are driven.

use super::incidents::Waker;
use crate::clock::Clock;
use crate::store::{HistoryStore as _, SqliteStore};
use nightshift_model::{Seconds, Timestamp};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// At most this long between two looks when this process does everything.
pub const ALONE: Seconds = Seconds(30);
/// The same when another process holds the other role: its commits are seen by looking.
pub const SHARED: Seconds = Seconds(1);
/// An incident that waits for the other role stays due: this is how often it is offered again.
const OFFER: Duration = Duration::from_millis(100);

/// While the history cannot be written, this is how often it is tried.
const PROBE: Duration = Duration::from_secs(5);

/// Wakes every due incident in every role's loop, until stopped.
pub async fn run(
    store: SqliteStore,
    clock: Clock,
    wakers: Vec<Waker>,
    look: Seconds,
    stop: CancellationToken,
) {
    // What no timer brings back: another mode or policy, and what was under way when the last process ended.
    super::doors::wake_open(&store, &wakers).await;
    let mut commits = store.commits();
    let mut probed = Duration::ZERO;
    loop {
        let now = clock.now();
        if store.trouble().is_some() && clock.monotonic().saturating_sub(probed) >= PROBE {
            probed = clock.monotonic();
            let _ = store.probe().await; // the writer tells; readiness goes on from what it found
        }
        match store.due(now).await {
            Ok(due) => {
                for id in due {
                    for waker in &wakers {
                        waker.wake(id.clone());
                    }
                }
            }
            Err(error) => tracing::error!(%error, "due incidents cannot be read"),
        }
        let next = store.next_due().await.ok().flatten().unwrap_or(Timestamp::EPOCH);
        let look = if store.trouble().is_some() { look.min(Seconds(PROBE.as_secs())) } else { look };
        let at = if next > now { next.min(now + look) } else { now + look };
        let committed = async {
            match &mut commits {
                Some(commits) => {
                    let _ = commits.changed().await;
                }
                None => std::future::pending().await,
            }
        };
        let offered_again = next != Timestamp::EPOCH && next <= now;
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(at) => {}
            () = committed => {}
            () = real_time(&clock, OFFER), if offered_again => {}
        }
    }
}

/// A short wait in real time, whatever the clock's pace.
async fn real_time(clock: &Clock, wait: Duration) {
    clock.sleep_real(wait).await;
}
