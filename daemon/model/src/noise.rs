//! How much is said about faults that come and go by themselves: numbers of the configuration, with their bounds.

use crate::time::Seconds;
use serde::{Deserialize, Serialize};

/// `noise:`. None of it decides anything about a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Noise {
    /// A fault that heals and comes back.
    pub flapping: Flapping,
    /// A fault that mostly heals alone.
    pub self_heal: SelfHeal,
}

/// When a fault that comes back is told once and then not any more until it holds still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Flapping {
    /// Times that it came back within that time.
    pub after: u32,
    /// That time; and how long it must not come back to hold still.
    pub within: Seconds,
}

/// How long a fault is given that has mostly gone away by itself before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SelfHeal {
    /// Cases that must be known of the reason and the workload.
    pub cases: u32,
    /// In so many of a hundred it went away by itself.
    pub percent: u32,
    /// Nobody is told and nothing is proposed for as long as that mostly took, and never for longer than this. 0 waits never.
    pub wait: Seconds,
}

impl Default for Flapping {
    fn default() -> Self {
        Self { after: 3, within: Seconds(6 * 3600) }
    }
}

impl Default for SelfHeal {
    fn default() -> Self {
        Self { cases: 5, percent: 70, wait: Seconds(600) }
    }
}

impl Noise {
    /// The fields that are out of bounds, each with what it may be.
    pub fn wrong(&self) -> Vec<(&'static str, String)> {
        let Self { flapping, self_heal } = self;
        let number = |field, value: u32, from: u32, to: u32| {
            (!(from..=to).contains(&value))
                .then(|| (field, format!("must be {from} to {to}, and is {value}")))
        };
        let time = |field, value: Seconds, from: Seconds, to: Seconds| {
            (value < from || value > to).then(|| (field, format!("must be {from} to {to}, and is {value}")))
        };
        [
            number("noise.flapping.after", flapping.after, 2, 20),
            time("noise.flapping.within", flapping.within, Seconds(600), Seconds(86_400)),
            number("noise.self_heal.cases", self_heal.cases, 3, 100),
            number("noise.self_heal.percent", self_heal.percent, 50, 100),
            time("noise.self_heal.wait", self_heal.wait, Seconds(0), Seconds(1800)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_keep_the_bounds_and_what_does_not_is_named() {
        assert_eq!(Noise::default().wrong(), []);
        let flapping = Flapping { after: 1, within: Seconds(86_401) };
        let self_heal = SelfHeal { cases: 2, percent: 49, wait: Seconds(1801) };
        let wrong = Noise { flapping, self_heal }.wrong();
        let fields: Vec<&str> = wrong.iter().map(|(field, _)| *field).collect();
        assert_eq!(
            fields,
            [
                "noise.flapping.after",
                "noise.flapping.within",
                "noise.self_heal.cases",
                "noise.self_heal.percent",
                "noise.self_heal.wait"
            ]
        );
        assert!(wrong[0].1.contains("2 to 20"), "{wrong:?}");
    }
}
