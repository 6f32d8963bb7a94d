//! What closes the executor without a person: what was looked at, and where nothing is executed because of it.

use serde::{Deserialize, Serialize};

/// What is looked at, each by itself, at start and then again and again. One that was never looked at closes too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClosedBy {
    /// The executor's credential may do more than it needs, or nobody can tell.
    Rights,
    /// The lock at the API server, which should hold that credential, is missing or weak.
    Lock,
}

impl ClosedBy {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Rights, Self::Lock];

    /// As metrics and pages say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rights => "rights",
            Self::Lock => "lock",
        }
    }
}

/// Where nothing is executed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosedPlace {
    /// The namespace; empty is everywhere.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Why, in one clause that names what to take away or to mend.
    pub why: String,
}
