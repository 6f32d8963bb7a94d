//! A fault that heals and comes back, again and again; and how often one goes away by itself.

use crate::finding::Severity;
use crate::time::{Seconds, Timestamp};
use serde::{Deserialize, Serialize};

/// Times that an incident keeps of its coming back, the newest.
pub const RELAPSES: usize = 50;

/// It was told that the fault comes and goes: nobody is told again until it holds still, or hurts more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flap {
    /// When it was told.
    pub told_at: Timestamp,
    /// How bad it was then.
    pub severity: Severity,
}

/// How faults of one reason at one workload ended before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseRate {
    /// Cases that ended.
    pub cases: u32,
    /// Those that went away without a write of ours.
    pub alone: u32,
    /// Nine of ten of those were gone within this time.
    pub within: Seconds,
}

impl BaseRate {
    /// In how many of a hundred cases it went away by itself.
    pub fn percent(&self) -> u32 {
        let percent = u64::from(self.alone.min(self.cases)) * 100 / u64::from(self.cases.max(1));
        u32::try_from(percent).unwrap_or(100)
    }

    /// In words: `heals alone in 70 % within 4 min, 10 cases`.
    pub fn sentence(&self) -> String {
        let cases = if self.cases == 1 { "1 case".to_owned() } else { format!("{} cases", self.cases) };
        if self.alone == 0 {
            return format!("never healed alone, {cases}");
        }
        format!("heals alone in {} % within {}, {cases}", self.percent(), self.within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_said_in_words() {
        let rate = |cases, alone| BaseRate { cases, alone, within: Seconds(240) };
        assert_eq!(rate(10, 7).sentence(), "heals alone in 70 % within 4m, 10 cases");
        assert_eq!(rate(1, 1).sentence(), "heals alone in 100 % within 4m, 1 case");
        assert_eq!(rate(3, 0).sentence(), "never healed alone, 3 cases");
        assert_eq!((rate(0, 0).percent(), rate(3, 9).percent()), (0, 100));
    }
}
