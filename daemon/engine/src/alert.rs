//! From what Alertmanager sends to the object that it is about. Nothing in an alert is believed: its texts are shown,
//! its labels are looked up, and what is found is looked at with nightshift's own eyes.

pub mod candidate;
pub mod known;
pub mod listed;
pub mod owner;
pub mod payload;

/// The alert that fires always.
pub const WATCHDOG: &str = "Watchdog";
/// nightshift's own alert: the Watchdog was not heard of, so other alerts may not arrive either.
pub const MISSING: &str = "WatchdogMissing";

pub use candidate::{Candidate, Place};
pub use owner::{Found, find};
pub use payload::{Effect, Rejected, Told, read};
