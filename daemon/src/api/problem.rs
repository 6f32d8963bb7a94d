//! A refusal as JSON, in the form of RFC 9457.

use serde::{Deserialize, Serialize};

/// `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The reason, as in metrics and history.
    pub reason: String,
    /// One sentence for a person.
    pub detail: String,
}
