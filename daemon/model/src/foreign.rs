//! Silences that Alertmanager keeps: they hold here as far as their matchers can be answered.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Silences of Alertmanager that are kept at a time.
pub const MOST_FOREIGN: usize = 500;
/// Matchers of one.
pub const MATCHERS: usize = 32;
/// Characters of a matcher's name or value.
pub const MATCHER: usize = 1_000;

/// One active silence of Alertmanager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Foreign {
    /// Its id there.
    pub id: String,
    /// Until then, which is not part of it.
    pub until: Timestamp,
    /// All of them must hold.
    pub matchers: Vec<Matcher>,
    /// Who made it, as it says itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
}

/// What one label must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matcher {
    /// The label.
    pub name: String,
    /// How its value is compared.
    pub how: How,
    /// With what.
    pub value: String,
}

/// How a label's value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// It is this text.
    Is,
    /// It is another.
    IsNot,
    /// All of it matches this expression.
    Matches,
    /// It does not.
    MatchesNot,
}

impl std::fmt::Display for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = match self.how {
            How::Is => "=",
            How::IsNot => "!=",
            How::Matches => "=~",
            How::MatchesNot => "!~",
        };
        write!(f, "{}{sign}{:?}", self.name, self.value)
    }
}

impl std::fmt::Display for Foreign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let matchers: Vec<String> = self.matchers.iter().map(ToString::to_string).collect();
        write!(f, "{{{}}}", matchers.join(", "))
    }
}
