//! Time as an argument: instants cut to microseconds (what every store keeps) and whole seconds.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::num::NonZeroU64;

/// An instant, cut to microseconds: PostgreSQL keeps no more, and a hash must not depend on the store. Facts hold many
/// that may be missing, so it is eight bytes, also in an `Option`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(NonZeroU64);

/// Where the Unix epoch lies: all instants of the calendar are above zero, in their order.
const EPOCH: u64 = 1 << 63;

impl Timestamp {
    /// The Unix epoch: stands for "never" in folds.
    pub const EPOCH: Self = Self(NonZeroU64::MIN.saturating_add(EPOCH - 1));

    /// Cuts an instant to microseconds.
    pub fn new(at: jiff::Timestamp) -> Self {
        // The calendar's last second has no parts that could be read back.
        let micros = at.as_microsecond().min(jiff::Timestamp::MAX.as_second() * 1_000_000);
        let place = micros.cast_unsigned() ^ EPOCH;
        Self(NonZeroU64::new(place).unwrap_or(NonZeroU64::MIN))
    }

    /// An instant from whole seconds since the Unix epoch; out of range is the epoch.
    pub fn from_second(second: i64) -> Self {
        jiff::Timestamp::from_second(second).map_or(Self::EPOCH, Self::new)
    }

    /// The instant for calendar work.
    pub fn get(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.micros()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// Microseconds since the Unix epoch: the form of the store's columns.
    pub fn micros(self) -> i64 {
        (self.0.get() ^ EPOCH).cast_signed()
    }

    /// Back from [`Timestamp::micros`].
    pub fn from_micros(micros: i64) -> Self {
        jiff::Timestamp::from_microsecond(micros).map_or(Self::EPOCH, Self::new)
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Self) -> Seconds {
        let seconds = self.get().duration_since(earlier.get()).as_secs();
        Seconds(u64::try_from(seconds).unwrap_or(0))
    }
}

impl std::ops::Add<Seconds> for Timestamp {
    type Output = Self;
    fn add(self, by: Seconds) -> Self {
        let span = jiff::SignedDuration::from_secs(i64::try_from(by.0).unwrap_or(i64::MAX));
        Self::new(self.get().checked_add(span).unwrap_or(jiff::Timestamp::MAX))
    }
}

impl std::ops::Sub<Seconds> for Timestamp {
    type Output = Self;
    fn sub(self, by: Seconds) -> Self {
        let span = jiff::SignedDuration::from_secs(i64::try_from(by.0).unwrap_or(i64::MAX));
        Self::new(self.get().checked_sub(span).unwrap_or(jiff::Timestamp::MIN))
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.get())
    }
}

impl std::fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.get())
    }
}

impl std::str::FromStr for Timestamp {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        text.parse()
            .map(Self::new)
            .map_err(|_| format!("`{text}` is not a time such as 2026-03-01T02:00:00Z"))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.get())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

/// A length of time in whole seconds, written `90s`, `5m`, `4h` or `7d`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seconds(pub u64);

impl Seconds {
    /// As the standard library's type.
    pub fn duration(self) -> std::time::Duration {
        std::time::Duration::from_secs(self.0)
    }

    /// As a file writes it: one number and one unit, so that it reads back.
    pub fn written(self) -> String {
        match self.0 {
            n if n > 0 && n % 3_600 == 0 => format!("{}h", n / 3_600),
            n if n > 0 && n % 60 == 0 => format!("{}m", n / 60),
            n => format!("{n}s"),
        }
    }
}

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            0 => write!(f, "0s"),
            s if s % 86_400 == 0 => write!(f, "{}d", s / 86_400),
            s if s % 3_600 == 0 => write!(f, "{}h", s / 3_600),
            s if s % 60 == 0 => write!(f, "{}m", s / 60),
            s if s > 60 && s < 3_600 => write!(f, "{}m{}s", s / 60, s % 60),
            s if s > 3_600 => write!(f, "{}h{}m", s / 3_600, s % 3_600 / 60),
            s => write!(f, "{s}s"),
        }
    }
}

impl std::fmt::Debug for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}s", self.0)
    }
}

impl std::str::FromStr for Seconds {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("`{text}` is not a duration: write a whole number and one of s, m, h, d, as in 90s or 5m")
        };
        let unit = text.chars().last().ok_or_else(wrong)?;
        let number: u64 = text.strip_suffix(unit).ok_or_else(wrong)?.parse().map_err(|_| wrong())?;
        let factor = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(wrong()),
        };
        number
            .checked_mul(factor)
            .filter(|s| *s <= 366 * 86_400)
            .map(Self)
            .ok_or_else(|| format!("`{text}` is longer than a year"))
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.written())
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_back_and_wrong_ones_say_what_to_write() {
        for text in ["0s", "90s", "5m", "4h"] {
            let parsed: Seconds = text.parse().unwrap();
            assert_eq!(serde_json::to_string(&parsed).unwrap(), format!("\"{text}\""));
        }
        for text in ["", "5", "m", "5 m", "-5m", "1.5h", "9999999d", "5w", "99999999999999999999d"] {
            assert!(text.parse::<Seconds>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_instant_keeps_microseconds_only() {
        let t: Timestamp = "2026-03-01T02:00:00.123456789Z".parse().unwrap();
        assert_eq!(t.to_string(), "2026-03-01T02:00:00.123456Z");
        assert_eq!(Timestamp::from_micros(t.micros()), t);
        assert_eq!((t + Seconds(60)).since(t), Seconds(60));
        assert_eq!(t.since(t + Seconds(60)), Seconds(0));
    }

    #[test]
    fn an_instant_is_eight_bytes_and_in_its_order_on_both_sides_of_the_epoch() {
        assert_eq!(size_of::<Option<Timestamp>>(), 8);
        let (first, last) = (Timestamp::new(jiff::Timestamp::MIN), Timestamp::new(jiff::Timestamp::MAX));
        let before: Timestamp = "1969-12-31T23:59:59.999999Z".parse().unwrap();
        let after: Timestamp = "2026-03-01T02:00:00Z".parse().unwrap();
        let all = [first, before, Timestamp::EPOCH, after, last];
        assert!(all.is_sorted_by(|a, b| a < b), "{all:?}");
        for at in all {
            assert_eq!(Timestamp::from_micros(at.micros()), at);
            assert_eq!(at.to_string().parse(), Ok(at));
        }
        assert_eq!((Timestamp::EPOCH.micros(), Timestamp::EPOCH.get()), (0, jiff::Timestamp::UNIX_EPOCH));
        assert_eq!([last + Seconds(1), first - Seconds(1)], [last, first]);
        assert_eq!(Timestamp::from_micros(i64::MIN), Timestamp::EPOCH);
    }
}
