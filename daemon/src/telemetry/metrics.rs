//! What is counted. Every label is a word of a closed list, so the number of series is bounded.

use super::Caps;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

type One = [(&'static str, &'static str); 1];
type Two = [(&'static str, &'static str); 2];
/// A route's template and a status: templates are a closed list, statuses are at most 500.
type Request = (&'static str, u16);

/// Counters and gauges of the daemon. Clones share them; the gate's own stand in `http::metrics`.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    events: Family<One, Counter>,
    incidents: Family<One, Gauge>,
    asks: Family<Two, Counter>,
    queue: Gauge,
    outbox: Gauge,
    watches: Family<Two, Gauge>,
    requests: Family<RequestLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, prometheus_client::encoding::EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    status: u16,
}

impl Metrics {
    /// Names everything in a registry, with the caps beside it.
    pub fn register(&self, registry: &mut Registry, caps: Caps) {
        registry.register("nightshift_events", "Events of the history, by kind", self.events.clone());
        registry.register(
            "nightshift_incidents",
            "Incidents that are open, by phase",
            self.incidents.clone(),
        );
        registry.register(
            "nightshift_asks",
            "Questions and their answers, by name and result",
            self.asks.clone(),
        );
        registry.register("nightshift_store_queue", "Appends that wait for the writer", self.queue.clone());
        registry.register(
            "nightshift_outbox_due",
            "Messages that are due and not delivered",
            self.outbox.clone(),
        );
        registry.register(
            "nightshift_watch",
            "1 for the state that a watch is in, by kind",
            self.watches.clone(),
        );
        registry.register("nightshift_http_requests", "Requests, by route and status", self.requests.clone());
        caps.register(registry);
    }

    /// An event was recorded.
    pub fn event(&self, kind: &'static str) {
        self.events.get_or_create(&[("kind", kind)]).inc();
    }

    /// How many incidents are in a phase.
    pub fn incidents(&self, phase: &'static str, count: usize) {
        self.incidents.get_or_create(&[("phase", phase)]).set(whole(count));
    }

    /// A question was answered, or why not: `ok` or the reason's word.
    pub fn ask(&self, name: &'static str, result: &'static str) {
        self.asks.get_or_create(&[("ask", name), ("result", result)]).inc();
    }

    /// How many appends wait.
    pub fn store_queue(&self, waiting: usize) {
        self.queue.set(whole(waiting));
    }

    /// How many messages are due.
    pub fn outbox_due(&self, due: usize) {
        self.outbox.set(whole(due));
    }

    /// Which of its states a kind's watch is in; `states` are all of them.
    pub fn watch(&self, kind: &'static str, state: &'static str, states: &[&'static str]) {
        for one in states {
            self.watches.get_or_create(&[("kind", kind), ("state", one)]).set(i64::from(*one == state));
        }
    }

    /// A request was answered. `route` is the route's template, never a path.
    pub fn request(&self, (route, status): Request) {
        self.requests.get_or_create(&RequestLabels { route, status }).inc();
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_written_out_under_its_name() {
        let metrics = Metrics::default();
        let mut registry = Registry::default();
        metrics.register(&mut registry, Caps { READ_BYTES_CAP: 2 });
        metrics.event("opened");
        metrics.incidents("Proposed", 3);
        metrics.ask("fetch", "timed-out");
        metrics.store_queue(4);
        metrics.outbox_due(5);
        metrics.watch("pods", "live", &["live", "forbidden"]);
        metrics.request(("/p/{proposal}", 200));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "nightshift_events_total{kind=\"opened\"} 1",
            "nightshift_incidents{phase=\"Proposed\"} 3",
            "nightshift_asks_total{ask=\"fetch\",result=\"timed-out\"} 1",
            "nightshift_store_queue 4",
            "nightshift_outbox_due 5",
            "nightshift_watch{kind=\"pods\",state=\"live\"} 1",
            "nightshift_watch{kind=\"pods\",state=\"forbidden\"} 0",
            "nightshift_http_requests_total{route=\"/p/{proposal}\",status=\"200\"} 1",
            "nightshift_limit{name=\"read_bytes\"} 2",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
