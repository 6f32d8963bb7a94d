//! Log lines: JSON for machines, or for a person at a terminal. Always to stderr: stdout is for answers.

use crate::config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Why there are no log lines.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is none.
    #[error(
        "log.level: `{level}` is neither a level (error, warn, info, debug, trace) nor a list of filters"
    )]
    Level {
        /// As configured.
        level: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Somebody else writes them already.
    #[error("log lines are written already")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

/// Begins to write log lines. The configuration alone decides: no environment variable.
///
/// # Errors
/// [`LogError`] says what to write instead.
pub fn init(log: &Log, colour: bool) -> Result<(), LogError> {
    let wrong = |source| LogError::Level { level: log.level.clone(), source };
    let filter = EnvFilter::builder().parse(&log.level).map_err(wrong)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A line that cannot be written (stderr is a file on a full disk) is lost. To complain about it on the same
    // stderr would panic in the middle of somebody's request.
    let lines = lines.log_internal_errors(false);
    match log.format {
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init(),
        LogFormat::Pretty => lines.with_ansi(colour).with_target(false).finish().try_init(),
    }
    .map_err(LogError::Twice)
}
