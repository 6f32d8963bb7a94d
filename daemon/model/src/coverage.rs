//! What could not be checked, said instead of guessed.

use serde::{Deserialize, Serialize};

/// One hole in what nightshift knows: part of an incident, of readiness and of the digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gap {
    /// What was not checked, as in `watch pods` or `query replicas-available`.
    pub what: String,
    /// Why not, as in `403 Forbidden` or `no line for 90 s`.
    pub why: String,
}

impl std::fmt::Display for Gap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: not checked, because {}", self.what, self.why)
    }
}
