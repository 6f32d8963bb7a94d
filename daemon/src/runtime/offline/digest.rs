//! The digest of any window, read from a history that nobody else needs to have open.

pub use crate::stages::digest::{Daily, DigestStage, html, sheet};

use super::SqliteStore;
use crate::clock::Clock;
use crate::config::{Config, Mode};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use nightshift_engine::digest::Acting;
use std::sync::{Arc, Mutex};

/// When a digest would go out where no configuration says it.
const MORNING: Time = Time::constant(8, 0, 0, 0);

/// The stage as the configuration makes it, or with defaults and the zone of whoever asks. It only tells.
pub fn stage(store: SqliteStore, config: Option<&Config>, zone: &TimeZone, clock: Clock) -> DigestStage {
    let digest = config.map(|c| &c.notify.digest);
    DigestStage {
        store,
        daily: Daily {
            at: digest.map_or(MORNING, |digest| digest.at.0),
            zone: digest.map_or_else(|| zone.clone(), crate::config::DigestTime::time_zone),
        },
        registry: Arc::new(config.map(|c| c.registry.clone()).unwrap_or_default()),
        cluster: config.map_or_else(|| "kubernetes".to_owned(), |c| c.cluster.name.clone()),
        mode: if config.is_some_and(|c| c.mode == Mode::Approve) { Acting::Approve } else { Acting::Observe },
        clock,
        fence: None,
        queued: Mutex::new(None),
        verified: tokio::sync::Mutex::default(),
    }
}
