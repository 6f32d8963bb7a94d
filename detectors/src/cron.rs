//! Schedules of CronJobs: five fields in UTC, read as the CronJob controller reads them.

use nightshift_model::Timestamp;

/// A schedule that is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Day and weekday are both restricted: either of them is enough.
    either: bool,
}

const MINUTE: i64 = 60;
const MINUTES_OF_DAY: i64 = 1440;
/// Days that are searched: 29 February may be eight years away.
const HORIZON: i64 = 8 * 366;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl Cron {
    /// Reads a schedule. `None` for what is none, for `@every`, and for one that names its own time zone.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = match text.trim() {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else { return None };
        let (days, any_day) = field(day, 1, 31, &[])?;
        let (weekdays, any_weekday) = field(weekday, 0, 6, &WEEKDAYS)?;
        Some(Self {
            minutes: field(minute, 0, 59, &[])?.0,
            hours: field(hour, 0, 23, &[])?.0,
            days,
            months: field(month, 1, 12, &MONTHS)?.0,
            weekdays,
            either: !any_day && !any_weekday,
        })
    }

    /// The first time after this one.
    pub(crate) fn after(&self, at: Timestamp) -> Option<Timestamp> {
        let from = second(at).div_euclid(MINUTE) + 1;
        let first = from.div_euclid(MINUTES_OF_DAY);
        (first..first + HORIZON).filter(|day| self.on(*day)).find_map(|day| {
            let start = if day == first { from.rem_euclid(MINUTES_OF_DAY) } else { 0 };
            (start..MINUTES_OF_DAY).find(|minute| self.at(*minute)).map(|minute| moment(day, minute))
        })
    }

    /// The last time before this one.
    pub(crate) fn before(&self, at: Timestamp) -> Option<Timestamp> {
        let micros = at.micros().saturating_sub(1);
        let to = micros.div_euclid(1_000_000).div_euclid(MINUTE);
        let last = to.div_euclid(MINUTES_OF_DAY);
        (last - HORIZON..=last).rev().filter(|day| self.on(*day)).find_map(|day| {
            let end = if day == last { to.rem_euclid(MINUTES_OF_DAY) } else { MINUTES_OF_DAY - 1 };
            (0..=end).rev().find(|minute| self.at(*minute)).map(|minute| moment(day, minute))
        })
    }

    fn at(&self, minute: i64) -> bool {
        has(self.hours, minute / 60) && has(self.minutes, minute % 60)
    }

    fn on(&self, day: i64) -> bool {
        let (month, of_month) = date(day);
        let days = (has(self.days, of_month), has(self.weekdays, (day + 4).rem_euclid(7)));
        has(self.months, month) && if self.either { days.0 || days.1 } else { days.0 && days.1 }
    }
}

/// Whether a time zone, as a CronJob writes it, is the one that we reckon in.
pub(crate) fn is_utc(zone: &str) -> bool {
    matches!(zone, "" | "UTC" | "Etc/UTC")
}

/// The bits of a field, and whether it leaves everything open.
fn field(text: &str, least: i64, most: i64, names: &[&str]) -> Option<(u64, bool)> {
    let (mut bits, mut open) = (0, false);
    for part in text.split(',') {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let step = step.map_or(Some(1), |step| step.parse::<usize>().ok().filter(|step| *step > 0))?;
        let value = |text: &str| value(text, least, most, names);
        let (from, to) = match range.split_once('-') {
            _ if matches!(range, "*" | "?") => (least, most),
            Some((from, to)) => (value(from)?, value(to)?),
            None if part.contains('/') => (value(range)?, most),
            None => (value(range)?, value(range)?),
        };
        open |= matches!(range, "*" | "?") && step == 1;
        if from > to {
            return None;
        }
        bits = (from..=to).step_by(step).fold(bits, |bits, at| bits | 1_u64 << at);
    }
    Some((bits, open))
}

fn value(text: &str, least: i64, most: i64, names: &[&str]) -> Option<i64> {
    let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
    let value = match named {
        Some(place) => i64::try_from(place).ok()? + least,
        None if text.chars().all(|c| c.is_ascii_digit()) => text.parse().ok()?,
        None => return None,
    };
    (least..=most).contains(&value).then_some(value)
}

fn has(bits: u64, at: i64) -> bool {
    u32::try_from(at).ok().and_then(|at| bits.checked_shr(at)).is_some_and(|bits| bits & 1 == 1)
}

fn second(at: Timestamp) -> i64 {
    at.micros().div_euclid(1_000_000)
}

fn moment(day: i64, minute: i64) -> Timestamp {
    Timestamp::from_second((day * MINUTES_OF_DAY + minute) * MINUTE)
}

/// Month and day of the month of a day since the Unix epoch. Source: Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `civil_from_days`.
fn date(day: i64) -> (i64, i64) {
    let of_era = (day + 719_468).rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * shifted + 2) / 5 + 1;
    (if shifted < 10 { shifted + 3 } else { shifted - 9 }, of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn schedules_are_read_as_the_controller_reads_them() {
        // A Sunday.
        let now = "2026-03-01T02:10:30Z";
        let table = [
            ("* * * * *", "2026-03-01T02:10:00Z", "2026-03-01T02:11:00Z"),
            ("*/15 * * * *", "2026-03-01T02:00:00Z", "2026-03-01T02:15:00Z"),
            ("7/20 * * * *", "2026-03-01T02:07:00Z", "2026-03-01T02:27:00Z"),
            ("@hourly", "2026-03-01T02:00:00Z", "2026-03-01T03:00:00Z"),
            ("@daily", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"),
            ("@weekly", "2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z"),
            ("@yearly", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("30 3 * * MON-fri", "2026-02-27T03:30:00Z", "2026-03-02T03:30:00Z"),
            ("0 0 31 * *", "2026-01-31T00:00:00Z", "2026-03-31T00:00:00Z"),
            ("0 0 29 2 *", "2024-02-29T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("0 12 13 * 5", "2026-02-27T12:00:00Z", "2026-03-06T12:00:00Z"), // the 13th or a Friday
            ("0 12 */2 * 5", "2026-02-27T12:00:00Z", "2026-03-01T12:00:00Z"), // a step restricts too
            ("0 12 ? * 5", "2026-02-27T12:00:00Z", "2026-03-06T12:00:00Z"),
            ("5,10,20-30/5 2 1 mar *", "2026-03-01T02:10:00Z", "2026-03-01T02:20:00Z"),
        ];
        for (text, before, after) in table {
            let cron = Cron::parse(text).unwrap();
            assert_eq!(cron.before(time(now)).unwrap(), time(before), "{text}");
            assert_eq!(cron.after(time(now)).unwrap(), time(after), "{text}");
        }
        let hourly = Cron::parse("0 * * * *").unwrap();
        assert_eq!(hourly.after(time("2026-03-01T02:00:00Z")), Some(time("2026-03-01T03:00:00Z")));
        assert_eq!(hourly.before(time("2026-03-01T02:00:00Z")), Some(time("2026-03-01T01:00:00Z")));
        assert_eq!(hourly.before(time("2026-03-01T02:00:00.5Z")), Some(time("2026-03-01T02:00:00Z")));
    }

    #[test]
    fn what_is_no_schedule_is_not_guessed() {
        let wrong = [
            "",
            "*",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * 32 * *",
            "* * * 13 *",
            "* * * * 7",
            "* * * * mon-",
            "5-1 * * * *",
            "*/0 * * * *",
            "*/x * * * *",
            "-1 * * * *",
            "+1 * * * *",
            "1, * * * *",
            "@every 1h",
            "@reboot",
            "TZ=UTC 0 * * * *",
            "\u{661} * * * *",
            "*/99999999999999999999 * * * *",
        ];
        for text in wrong {
            assert_eq!(Cron::parse(text), None, "{text}");
        }
        assert_eq!(Cron::parse("0 0 30 2 *").unwrap().after(time("2026-03-01T00:00:00Z")), None);
        assert_eq!(Cron::parse("0 0 30 2 *").unwrap().before(time("2026-03-01T00:00:00Z")), None);
    }
}
