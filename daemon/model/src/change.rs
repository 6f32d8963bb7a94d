//! A difference between two objects, in the form that people read.

use serde::{Deserialize, Serialize};

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// JSON pointer of the field; list entries with a name are addressed by it, as in
    /// `/spec/template/spec/containers/app/image`.
    pub path: String,
    /// Before.
    pub before: Shown,
    /// After.
    pub after: Shown,
}

/// A value as far as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// Not there.
    Absent,
    /// There, as compact text, redacted and capped.
    Value(String),
    /// There and different, not shown: environment values, arguments, commands and annotations may hold secrets.
    Hidden,
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absent => f.write_str("(absent)"),
            Self::Value(text) => f.write_str(text),
            Self::Hidden => f.write_str("(not shown)"),
        }
    }
}
