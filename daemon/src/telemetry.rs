//! What nightshift says about itself: log lines and metrics.

mod limits;
mod logs;
mod metrics;

pub use limits::Caps;
pub use logs::{LogError, init};
pub use metrics::Metrics;
