//! What the gate counts. Labels are enums' words, so their number is bounded.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::sync::Mutex;

type Labels = [(&'static str, &'static str); 1];

/// Counters of the gate. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct GateMetrics {
    votes: Family<Labels, Counter>,
    refused: Family<Labels, Counter>,
    anonymous: Family<Labels, Counter>,
    certificates: Family<Labels, Counter>,
    api: Family<Labels, Counter>,
}

/// Refusals of anonymous requests since the last row of the history.
#[derive(Debug, Default)]
pub struct Anonymous(Mutex<BTreeMap<&'static str, u32>>);

impl GateMetrics {
    /// Names the counters in a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("nightshift_votes", "Votes that were taken, by decision", self.votes.clone());
        registry.register(
            "nightshift_votes_refused",
            "Votes of identified persons that were not taken, by reason",
            self.refused.clone(),
        );
        registry.register(
            "nightshift_gate_anonymous_refused",
            "Requests of nobody known that were refused, by reason",
            self.anonymous.clone(),
        );
        registry.register(
            "nightshift_gate_certificates",
            "Changes of the gate's certificate files that were taken or refused",
            self.certificates.clone(),
        );
        registry.register(
            "nightshift_api_requests",
            "Requests under /v1, by outcome: answered, or why not",
            self.api.clone(),
        );
    }

    /// One vote was taken.
    pub fn voted(&self, decision: &'static str) {
        self.votes.get_or_create(&[("decision", decision)]).inc();
    }

    /// One vote was not taken.
    pub fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&[("reason", reason)]).inc();
    }

    /// The certificate's files changed.
    pub fn certificate(&self, result: &'static str) {
        self.certificates.get_or_create(&[("result", result)]).inc();
    }

    /// A request under /v1 was answered, or not.
    pub fn api(&self, outcome: &'static str) {
        self.api.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// An anonymous request was refused.
    pub fn anonymous(&self, reason: &'static str) {
        self.anonymous.get_or_create(&[("reason", reason)]).inc();
    }
}

impl Anonymous {
    /// Counts one.
    pub fn count(&self, reason: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let count = counts.entry(reason).or_insert(0);
        *count = count.saturating_add(1);
    }

    /// Takes what was counted.
    pub fn take(&self) -> BTreeMap<&'static str, u32> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}
