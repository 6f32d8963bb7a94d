//! What nightshift says about itself: log lines and metrics.

mod alertmanager;
mod intake;
mod limits;
mod logs;
mod metrics;

pub use alertmanager::AlertmanagerMetrics;
pub use intake::IntakeMetrics;
pub use limits::Caps;
pub use logs::{LogError, init};
pub use metrics::Metrics;
