//! Readiness: what nightshift can see, and what it cannot.

use nightshift_model::Gap;
use serde::{Deserialize, Serialize};

/// Answer of `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// Whether the work can be done at all.
    pub ready: bool,
    /// What cannot be watched or reached.
    pub gaps: Vec<Gap>,
}
