//! What asking Alertmanager counts.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

type One = [(&'static str, &'static str); 1];

/// Counters and gauges. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct AlertmanagerMetrics {
    up: Gauge,
    silences: Gauge,
    alerts: Family<One, Counter>,
}

impl AlertmanagerMetrics {
    /// Names them in a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "nightshift_alertmanager_up",
            "Whether Alertmanager's last answer could be read",
            self.up.clone(),
        );
        registry.register(
            "nightshift_alertmanager_silences",
            "Active silences of Alertmanager that hold here",
            self.silences.clone(),
        );
        registry.register(
            "nightshift_alertmanager_alerts",
            "Alerts that its list brought and no message: missed, or gone there",
            self.alerts.clone(),
        );
    }

    /// It was asked.
    pub fn answered(&self, read: bool) {
        self.up.set(i64::from(read));
    }

    /// So many silences hold.
    pub fn silences(&self, count: usize) {
        self.silences.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Its list brought news.
    pub fn alerts(&self, news: &'static str, count: u64) {
        self.alerts.get_or_create(&[("news", news)]).inc_by(count);
    }
}
