//! When the demo ends before its end: ctrl-c, a closed terminal, SIGTERM, or a reader of its text that went away.
//! Whatever was begun is put away first; who asks a second time does not want to wait for that.

use std::future::Future;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Told to stop. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    asked: CancellationToken,
    again: CancellationToken,
}

impl Stop {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system lets nobody listen.
    pub fn listen() -> std::io::Result<Self> {
        let stop = Self::default();
        let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        for mut heard in signals.map(signal).into_iter().collect::<Result<Vec<Signal>, _>>()? {
            let stop = stop.clone();
            tokio::spawn(async move {
                while heard.recv().await.is_some() {
                    stop.ask();
                }
            });
        }
        Ok(stop)
    }

    /// Asks for the end; a second time, for an end at once.
    pub fn ask(&self) {
        if self.asked.is_cancelled() {
            self.again.cancel();
        }
        self.asked.cancel();
    }

    /// Nobody reads any more: the end, however often it is said.
    pub fn closed(&self) {
        self.asked.cancel();
    }

    /// Does something until the end is asked for; nothing is answered then.
    pub async fn unless<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.asked.run_until_cancelled(work).await
    }

    /// The same for the tidying up: only who asks twice ends it.
    pub async fn unless_again<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.again.run_until_cancelled(work).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    #[tokio::test]
    async fn the_first_word_ends_the_play_and_the_second_the_tidying_up() {
        let stop = Stop::default();
        assert_eq!(stop.unless(ready(1)).await, Some(1));
        stop.ask();
        assert_eq!(stop.unless(pending::<()>()).await, None);
        assert_eq!(stop.unless_again(ready(2)).await, Some(2));
        stop.ask();
        assert_eq!(stop.unless_again(pending::<()>()).await, None);
    }
}
