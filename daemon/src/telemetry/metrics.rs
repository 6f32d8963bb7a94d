//! What is counted. Every label is a word of a closed list, so the number of series is bounded.

use super::Caps;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

type One = [(&'static str, &'static str); 1];
type Two = [(&'static str, &'static str); 2];

/// Counters and gauges of the daemon. Clones share them; the gate's own stand in `http::metrics`.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    incidents: Family<One, Gauge>,
    asks: Family<Two, Counter>,
    watches: Family<Two, Gauge>,
    panics: Family<One, Counter>,
    set_aside: Counter,
    messages: Family<Two, Counter>,
    held: Family<One, Counter>,
    steps: Counter,
    beats: Family<One, Counter>,
    closed: Family<One, Gauge>,
}

impl Metrics {
    /// Names everything in a registry, with the caps beside it.
    pub fn register(&self, registry: &mut Registry, caps: Caps) {
        registry.register(
            "nightshift_incidents",
            "Incidents that are open, by phase",
            self.incidents.clone(),
        );
        registry.register(
            "nightshift_asks",
            "Asks of the driver that were answered, by name and role",
            self.asks.clone(),
        );
        registry.register(
            "nightshift_watch",
            "1 for the state that a watch is in, by kind",
            self.watches.clone(),
        );
        registry.register(
            "nightshift_drive_panics",
            "Drives of an incident that broke the program, by role",
            self.panics.clone(),
        );
        registry.register(
            "nightshift_messages_set_aside",
            "Messages of the outbox that this program cannot read",
            self.set_aside.clone(),
        );
        registry.register(
            "nightshift_messages",
            "Attempts at handing a message to a channel, by kind of channel and what became of it",
            self.messages.clone(),
        );
        registry.register(
            "nightshift_messages_held",
            "Messages over the hour's budget of a channel, which went into a list, by manner",
            self.held.clone(),
        );
        registry.register(
            "nightshift_outbox_steps",
            "Messages that the outbox took up, and looks at what is due",
            self.steps.clone(),
        );
        registry.register(
            "nightshift_heartbeats",
            "Heartbeats that were due, by what became of them",
            self.beats.clone(),
        );
        registry.register(
            "nightshift_executor_closed",
            "Places in which nothing is executed, by what closes the executor; everywhere counts as one",
            self.closed.clone(),
        );
        caps.register(registry);
    }

    /// How many incidents are in a phase.
    pub fn incidents(&self, phase: &'static str, count: u64) {
        self.incidents.get_or_create(&[("phase", phase)]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// An ask was answered for a role.
    pub fn ask(&self, name: &'static str, role: &'static str) {
        self.asks.get_or_create(&[("ask", name), ("role", role)]).inc();
    }

    /// A drive of a role panicked.
    pub fn drive_panicked(&self, role: &'static str) {
        self.panics.get_or_create(&[("role", role)]).inc();
    }

    /// A message could not be read and was set aside.
    pub fn message_set_aside(&self) {
        self.set_aside.inc();
    }

    /// An attempt at a kind of channel came to this.
    pub fn message(&self, way: &'static str, became: &'static str) {
        self.messages.get_or_create(&[("channel", way), ("result", became)]).inc();
    }

    /// A message was held back for a list.
    pub fn held(&self, manner: &'static str) {
        self.held.get_or_create(&[("manner", manner)]).inc();
    }

    /// The outbox got on.
    pub fn outbox_step(&self) {
        self.steps.inc();
    }

    /// How often the outbox got on.
    pub fn outbox_steps(&self) -> u64 {
        self.steps.get()
    }

    /// A heartbeat was due and came to this.
    pub fn heartbeat(&self, became: &'static str) {
        self.beats.get_or_create(&[("result", became)]).inc();
    }

    /// In how many places the executor is closed by something.
    pub fn closed(&self, by: &'static str, places: usize) {
        self.closed.get_or_create(&[("by", by)]).set(i64::try_from(places).unwrap_or(i64::MAX));
    }

    /// Which of its states a kind's watch is in; `states` are all of them.
    pub fn watch(&self, kind: &'static str, state: &'static str, states: &[&'static str]) {
        for one in states {
            self.watches.get_or_create(&[("kind", kind), ("state", one)]).set(i64::from(*one == state));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_written_out_under_its_name() {
        let metrics = Metrics::default();
        let mut registry = Registry::default();
        metrics.register(&mut registry, Caps { READ_BYTES_CAP: 2 });
        metrics.incidents("Proposed", 3);
        metrics.ask("fetch", "responder");
        metrics.drive_panicked("executor");
        metrics.message_set_aside();
        metrics.watch("pods", "live", &["live", "forbidden"]);
        metrics.message("slack", "delivered");
        metrics.held("page");
        metrics.outbox_step();
        metrics.heartbeat("sent");
        metrics.closed("rights", 2);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "nightshift_incidents{phase=\"Proposed\"} 3",
            "nightshift_asks_total{ask=\"fetch\",role=\"responder\"} 1",
            "nightshift_drive_panics_total{role=\"executor\"} 1",
            "nightshift_messages_set_aside_total 1",
            "nightshift_watch{kind=\"pods\",state=\"live\"} 1",
            "nightshift_watch{kind=\"pods\",state=\"forbidden\"} 0",
            "nightshift_messages_total{channel=\"slack\",result=\"delivered\"} 1",
            "nightshift_messages_held_total{manner=\"page\"} 1",
            "nightshift_outbox_steps_total 1",
            "nightshift_executor_closed{by=\"rights\"} 2",
            "nightshift_heartbeats_total{result=\"sent\"} 1",
            "nightshift_limit{name=\"read_bytes\"} 2",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
