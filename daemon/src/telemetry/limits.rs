//! Every cap as a gauge, so that a full queue or a cut text can be read beside its limit.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The caps of this program. A field bears its constant's own name: one search finds both, the runtime writes
/// `Caps { READ_BYTES_CAP }`, and the compiler misses none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(non_snake_case, reason = "the constants' own names")]
pub struct Caps {
    /// Bytes of one answer of the API server.
    pub READ_BYTES_CAP: usize,
}

impl Caps {
    /// Names one gauge a cap.
    pub(super) fn register(self, registry: &mut Registry) {
        let Self { READ_BYTES_CAP } = self;
        let gauges: Family<[(&'static str, &'static str); 1], Gauge> = Family::default();
        let cap = |name, value: usize| {
            gauges.get_or_create(&[("name", name)]).set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        cap("read_bytes", READ_BYTES_CAP);
        registry.register("nightshift_limit", "Caps of this program, by name", gauges);
    }
}
