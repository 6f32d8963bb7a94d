//! The one file that reads the clock. Everything else takes `now` as an argument.
#![allow(clippy::disallowed_methods, reason = "this is the place that the lint points to")]

use nightshift_model::{Seconds, Timestamp};
use std::time::{Duration, Instant};

/// The wall's clock may be set while somebody sleeps; nobody sleeps longer than this without looking again.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// What time it is, and waiting.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    made: Instant,
    pace: Pace,
}

#[derive(Clone, Copy, Debug)]
enum Pace {
    Wall,
    Scaled { start: Timestamp, factor: u32 },
}

impl Clock {
    /// The machine's clock.
    pub fn wall() -> Self {
        Self { made: Instant::now(), pace: Pace::Wall }
    }

    /// A clock that starts at `start` and runs `factor` times as fast: the demo's. 0 counts as 1.
    pub fn scaled(start: Timestamp, factor: u32) -> Self {
        Self { made: Instant::now(), pace: Pace::Scaled { start, factor: factor.max(1) } }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        match self.pace {
            Pace::Wall => Timestamp::new(jiff::Timestamp::now()),
            Pace::Scaled { start, factor } => {
                let passed = self.made.elapsed().saturating_mul(factor);
                let micros = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX);
                Timestamp::from_micros(start.micros().saturating_add(micros))
            }
        }
    }

    /// Time since this clock was made, never scaled and never set back: for deadlines and latencies of real peers.
    pub fn monotonic(&self) -> Duration {
        self.made.elapsed()
    }

    /// Waits for a length of this clock's time.
    pub async fn sleep(&self, length: Duration) {
        tokio::time::sleep(self.real(length)).await;
    }

    /// Waits until this clock shows `at`, also when the machine's clock is set meanwhile.
    pub async fn sleep_until(&self, at: Timestamp) {
        loop {
            let left = at.micros().saturating_sub(self.now().micros());
            let Ok(left @ 1..) = u64::try_from(left) else { return };
            tokio::time::sleep(self.real(Duration::from_micros(left)).min(LOOK_AGAIN)).await;
        }
    }

    /// Ticks every `period` of this clock's time, first at once; late ticks are not made up for.
    pub fn interval(&self, period: Seconds) -> tokio::time::Interval {
        let mut ticks = tokio::time::interval(self.real(period.duration()).max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ticks
    }

    /// How long the machine waits for a length of this clock's time.
    fn real(&self, length: Duration) -> Duration {
        match self.pace {
            Pace::Wall => length,
            Pace::Scaled { factor, .. } => length / factor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_scaled_clock_runs_ahead_and_its_sleeps_are_short() {
        let start = Timestamp::from_second(1_800_000_000);
        let clock = Clock::scaled(start, 1_000);
        assert!(clock.now().since(start) < Seconds(60));
        clock.sleep(Duration::from_secs(20)).await;
        assert!(clock.now().since(start) >= Seconds(20));
        let until = clock.now() + Seconds(10);
        clock.sleep_until(until).await;
        assert!(clock.now() >= until);
        assert!(clock.monotonic() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn a_time_that_has_passed_is_not_waited_for() {
        let clock = Clock::wall();
        clock.sleep_until(clock.now() - Seconds(5)).await;
        assert!(clock.monotonic() < Duration::from_secs(5));
    }
}
