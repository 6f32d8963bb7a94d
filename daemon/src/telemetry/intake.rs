//! What the intake of alerts counts. Nothing that was answered with 2xx is ever dropped, so there is no such counter.

use nightshift_model::Timestamp;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

type One = [(&'static str, &'static str); 1];

/// Counters of the intake. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct IntakeMetrics {
    messages: Family<One, Counter>,
    alerts: Family<One, Counter>,
    flags: Family<One, Counter>,
    waiting: Gauge,
    watchdog: Gauge,
}

impl IntakeMetrics {
    /// Names the counters in a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "nightshift_alert_messages",
            "Messages of Alertmanager, by answer: accepted, or why not",
            self.messages.clone(),
        );
        registry.register("nightshift_alerts", "Alerts that were stored, by news", self.alerts.clone());
        registry.register(
            "nightshift_alerts_flagged",
            "Odd alerts that were stored, by flag",
            self.flags.clone(),
        );
        registry.register(
            "nightshift_alerts_waiting",
            "Stored alerts that no incident has heard of yet",
            self.waiting.clone(),
        );
        registry.register(
            "nightshift_watchdog_heard_timestamp_seconds",
            "When the Watchdog alert was heard of last; 0 is never",
            self.watchdog.clone(),
        );
    }

    /// A message was answered.
    pub fn message(&self, answer: &'static str) {
        self.messages.get_or_create(&[("answer", answer)]).inc();
    }

    /// Occurrences were stored: `changed` began or ended, `repeated` were known so.
    pub fn stored(&self, changed: u64, repeated: u64) {
        self.alerts.get_or_create(&[("news", "changed")]).inc_by(changed);
        self.alerts.get_or_create(&[("news", "repeated")]).inc_by(repeated);
    }

    /// An odd alert was stored.
    pub fn flagged(&self, flag: &'static str) {
        self.flags.get_or_create(&[("flag", flag)]).inc();
    }

    /// How many wait.
    pub fn waiting(&self, count: u64) {
        self.waiting.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// The Watchdog was heard of.
    pub fn watchdog(&self, at: Timestamp) {
        self.watchdog.set(at.micros() / 1_000_000);
    }
}
