//! The one file that reads the clock. Everything else takes `now` as an argument.
#![allow(clippy::disallowed_methods, reason = "this is the place that the lint points to")]

use nightshift_model::{Seconds, Timestamp};
use std::time::{Duration, Instant};

/// The wall's clock may be set while somebody sleeps; nobody sleeps longer than this without looking again.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// A scaled clock's pace may change while somebody sleeps.
const PACE_CHANGES: Duration = Duration::from_millis(20);

/// What time it is, and waiting.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    made: Instant,
    pace: Pace,
}

#[derive(Clone, Copy, Debug)]
enum Pace {
    Wall,
    Scaled(&'static Scale),
}

/// Where a scaled clock was when its pace was set last. One a process, so it is never given back.
#[derive(Debug)]
struct Scale(std::sync::Mutex<Leg>);

#[derive(Clone, Copy, Debug)]
struct Leg {
    from: Instant,
    start: Timestamp,
    factor: u32,
}

impl Scale {
    fn leg(&self) -> Leg {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Leg {
    fn now(&self) -> Timestamp {
        let passed = self.from.elapsed().saturating_mul(self.factor);
        let micros = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(self.start.micros().saturating_add(micros))
    }
}

impl Clock {
    /// The machine's clock.
    pub fn wall() -> Self {
        Self { made: Instant::now(), pace: Pace::Wall }
    }

    /// A clock that starts at `start` and runs `factor` times as fast: the demo's. 0 counts as 1.
    pub fn scaled(start: Timestamp, factor: u32) -> Self {
        let leg = Leg { from: Instant::now(), start, factor: factor.max(1) };
        Self { made: Instant::now(), pace: Pace::Scaled(Box::leak(Box::new(Scale(leg.into())))) }
    }

    /// Changes the pace of a scaled clock: the demo waits for a person in real time. The wall keeps its own.
    pub fn run_at(&self, factor: u32) {
        if let Pace::Scaled(scale) = self.pace {
            let mut leg = scale.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *leg = Leg { from: Instant::now(), start: leg.now(), factor: factor.max(1) };
        }
    }

    /// Sets a scaled clock forward: the demo sleeps through the rest of the night. Nothing sets it back.
    pub fn jump(&self, to: Timestamp) {
        if let Pace::Scaled(scale) = self.pace {
            let mut leg = scale.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *leg = Leg { from: Instant::now(), start: to.max(leg.now()), ..*leg };
        }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        match self.pace {
            Pace::Wall => Timestamp::new(jiff::Timestamp::now()),
            Pace::Scaled(scale) => scale.leg().now(),
        }
    }

    /// Time since this clock was made, never scaled and never set back: for deadlines and latencies of real peers.
    pub fn monotonic(&self) -> Duration {
        self.made.elapsed()
    }

    /// Waits for a length of this clock's time.
    pub async fn sleep(&self, length: Duration) {
        match self.pace {
            Pace::Wall => tokio::time::sleep(length).await,
            Pace::Scaled(_) => {
                let micros = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
                self.sleep_until(Timestamp::from_micros(self.now().micros().saturating_add(micros))).await;
            }
        }
    }

    /// Waits for a length of the machine's own time, whatever this clock's pace: between two tries, never for a timer.
    pub async fn sleep_real(&self, length: Duration) {
        tokio::time::sleep(length).await;
    }

    /// Waits until this clock shows `at`, also when the machine's clock is set meanwhile.
    pub async fn sleep_until(&self, at: Timestamp) {
        loop {
            let left = at.micros().saturating_sub(self.now().micros());
            let Ok(left @ 1..) = u64::try_from(left) else { return };
            let look_again = if matches!(self.pace, Pace::Wall) { LOOK_AGAIN } else { PACE_CHANGES };
            tokio::time::sleep(self.real(Duration::from_micros(left)).min(look_again)).await;
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
            Pace::Scaled(scale) => length / scale.leg().factor,
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
