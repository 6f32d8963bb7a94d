//! Median, p90 and mean, with n.

use crate::digest::schema::Stat;
use nightshift_model::Seconds;

/// A mean of fewer says nothing.
const MEAN_FROM: usize = 5;

/// The middle value; between two, their mean in whole units.
pub(super) fn median(values: &[u64]) -> Option<u64> {
    let sorted = sorted(values);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(sorted.len() / 2 - 1)?;
    Some(lower.midpoint(upper))
}

/// The smallest value that at least `percent` in a hundred values do not exceed (nearest rank).
pub(super) fn percentile(values: &[u64], percent: usize) -> Option<u64> {
    let sorted = sorted(values);
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

fn sorted(values: &[u64]) -> Vec<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted
}

/// One line of the table.
pub(super) fn stat(name: &str, meaning: &str, seconds: &[u64]) -> Stat {
    let n = seconds.len();
    let mean = (n >= MEAN_FROM).then(|| seconds.iter().map(|s| u128::from(*s)).sum::<u128>() / n as u128);
    Stat {
        name: name.to_owned(),
        meaning: meaning.to_owned(),
        n: u32::try_from(n).unwrap_or(u32::MAX),
        median: median(seconds).map(Seconds),
        p90: percentile(seconds, 90).map(Seconds),
        mean: mean.and_then(|m| u64::try_from(m).ok()).map(Seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_mean_needs_five_and_nothing_has_no_median() {
        assert_eq!(stat("MTTR", "", &[]).median, None);
        let four = stat("MTTR", "", &[10, 20, 30, 40]);
        assert_eq!(
            (four.n, four.median, four.p90, four.mean),
            (4, Some(Seconds(25)), Some(Seconds(40)), None)
        );
        let five = stat("MTTR", "", &[40, 10, 30, 20, 1000]);
        assert_eq!((five.median, five.mean), (Some(Seconds(30)), Some(Seconds(220))));
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!(percentile(&hundred, 90), Some(90));
        assert_eq!(percentile(&[7], 90), Some(7));
    }

    proptest! {
        #[test]
        fn a_percentile_is_the_smallest_value_that_enough_values_do_not_exceed(
            values in prop::collection::vec(0_u64..1000, 1..60), percent in 1_usize..=100,
        ) {
            let p = percentile(&values, percent).unwrap();
            let covered = |limit: u64| values.iter().filter(|v| **v <= limit).count() * 100;
            prop_assert!(values.contains(&p));
            prop_assert!(covered(p) >= percent * values.len());
            for lower in values.iter().filter(|v| **v < p) {
                prop_assert!(covered(*lower) < percent * values.len());
            }
        }

        #[test]
        fn half_lie_on_either_side_of_a_median(values in prop::collection::vec(0_u64..1000, 1..60)) {
            let m = median(&values).unwrap();
            prop_assert!(values.iter().filter(|v| **v <= m).count() * 2 >= values.len());
            // Cut to whole units, a median between two values may stand just below the upper one.
            prop_assert!(values.iter().filter(|v| **v >= m).count() * 2 >= values.len());
        }
    }
}
