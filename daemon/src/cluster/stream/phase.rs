//! What a watch does next: pure, so that every turn of it stands in a table of tests.

use super::Timing;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// Where a watch stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Ask for the whole collection as a stream, then follow it.
    Stream,
    /// Ask for the whole collection in pages.
    Pages,
    /// Follow from a version.
    Follow {
        /// The resourceVersion.
        version: String,
    },
}

/// How one request of a watch ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The server closed the stream in good order.
    Closed,
    /// An HTTP status, or an ERROR event.
    Status {
        /// The code.
        code: u16,
        /// `Retry-After`.
        retry_after: Option<Duration>,
        /// The server's words.
        message: String,
    },
    /// No connection, or it broke.
    Broken(String),
    /// No line for as long as a bookmark never takes.
    Silent,
    /// The streamed list did not end in time.
    NeverSynced,
    /// All pages were read.
    Listed {
        /// The resourceVersion to follow from.
        version: String,
    },
}

/// How long to wait before the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait(pub(super) Duration);

/// What the coverage says while that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// Nothing changed.
    Keep,
    /// A list is being read.
    Syncing,
    /// 403.
    Forbidden,
    /// Not seen now.
    Down(String),
}

/// The machine: phase, and what has gone wrong since the last line.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) phase: Phase,
    /// Streaming lists do not work here: pages until restart.
    pub(super) paged: bool,
    /// The server has sent a bookmark on its own: from then on silence means that something is wrong. Events have no
    /// watch cache, and their bookmarks come when etcd is told to: with its defaults, every ten minutes.
    pub(super) bookmarked: bool,
    tries: u32,
    silences: u32,
    timeouts: u32,
    chance: u64,
}

impl Machine {
    pub(super) fn new(seed: u64) -> Self {
        let chance = seed | 1;
        Self {
            phase: Phase::Stream,
            paged: false,
            bookmarked: false,
            tries: 0,
            silences: 0,
            timeouts: 0,
            chance,
        }
    }

    /// A line or a page has come: the connection works.
    pub(super) fn heard(&mut self) {
        (self.tries, self.silences, self.timeouts) = (0, 0, 0);
    }

    /// Whether an open stream may count as seeing: after a silence only a line does.
    pub(super) fn trusts(&self) -> bool {
        self.silences == 0
    }

    /// The next phase, the wait before it, and what to say. `stale` asks for a new list at the next good end:
    /// API servers have lost watch events before (etcd issues 17529, 18089).
    pub(super) fn after(&mut self, end: End, stale: bool, timing: &Timing) -> (Wait, Report) {
        let following = matches!(self.phase, Phase::Follow { .. });
        match end {
            End::Listed { version } => {
                self.phase = Phase::Follow { version };
                (Wait(Duration::ZERO), Report::Keep)
            }
            End::Closed if following => {
                if stale {
                    return (Wait(Duration::ZERO), self.relist());
                }
                // A server that closes at once, again and again, is not asked in a tight loop.
                let wait = self.at_first_at_once(timing);
                (wait, Report::Keep)
            }
            End::Closed => (self.back_off(timing), Report::Down("the list broke off".into())),
            End::NeverSynced => {
                self.paged = true;
                (Wait(Duration::ZERO), self.relist())
            }
            // Nothing may have happened: a new list tells, and is the proof of sight until it fails.
            End::Silent if following && !self.bookmarked => {
                self.relist();
                (Wait(Duration::ZERO), Report::Keep)
            }
            End::Silent => {
                self.silences += 1;
                if self.silences > 1 {
                    self.relist();
                }
                (Wait(Duration::ZERO), Report::Down(format!("no line for {} s", timing.stall.as_secs())))
            }
            End::Broken(why) => (self.back_off(timing), Report::Down(why)),
            End::Status { code, retry_after, message } => self.status(code, retry_after, &message, timing),
        }
    }

    fn status(
        &mut self,
        code: u16,
        retry: Option<Duration>,
        message: &str,
        timing: &Timing,
    ) -> (Wait, Report) {
        let down = || Report::Down(format!("the API server answered {code} {message}").trim_end().to_owned());
        match code {
            400 | 422 if self.phase == Phase::Stream => {
                self.paged = true;
                (Wait(Duration::ZERO), self.relist())
            }
            400 | 422 => {
                self.relist();
                (self.back_off(timing), down())
            }
            403 => {
                self.relist();
                (Wait(self.jitter(timing.forbidden)), Report::Forbidden)
            }
            410 => {
                let wait = self.at_first_at_once(timing);
                (wait, self.relist())
            }
            429 | 500.. => {
                // 504 is also the answer to a version from the future: a restored etcd counts from lower.
                self.timeouts += u32::from(code == 504);
                if self.timeouts > 2 {
                    self.relist();
                }
                let back_off = self.back_off(timing);
                (retry.map_or(back_off, |retry| Wait(self.jitter(retry))), down())
            }
            _ => (self.back_off(timing), down()),
        }
    }

    fn relist(&mut self) -> Report {
        self.phase = if self.paged { Phase::Pages } else { Phase::Stream };
        Report::Syncing
    }

    /// No wait for the first time since a line came.
    fn at_first_at_once(&mut self, timing: &Timing) -> Wait {
        if self.tries > 0 {
            return self.back_off(timing);
        }
        self.tries = 1;
        Wait(Duration::ZERO)
    }

    /// Doubles from the least to the most, and spreads.
    fn back_off(&mut self, timing: &Timing) -> Wait {
        let doubled = timing.back_off.saturating_mul(1 << self.tries.min(10));
        self.tries += 1;
        Wait(self.jitter(doubled).min(timing.back_off_most))
    }

    /// Up to a quarter more.
    fn jitter(&mut self, time: Duration) -> Duration {
        time + time.mul_f64(0.25 * self.fraction())
    }

    /// Seconds to ask the server for: 9/10 to 11/10 of the life, so that watches do not all end together.
    pub(super) fn life(&mut self, timing: &Timing) -> u64 {
        timing.life.mul_f64(0.9 + 0.2 * self.fraction()).as_secs().max(1)
    }

    /// In 0..1, from the seed.
    fn fraction(&mut self) -> f64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        f64::from(u32::try_from(self.chance >> 32).unwrap_or(0)) / 4_294_967_296.0
    }
}
