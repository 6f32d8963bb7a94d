//! ReplicaSets: one revision of a Deployment each.

use super::lenient::{lenient, read_through, take_object};
use super::meta::{Condition, ConditionWire, Meta};
use super::pool::Pool;
use serde::Deserialize;

/// What is kept of a ReplicaSet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicaSetFacts {
    /// Name, owner, `pod-template-hash` and `deployment.kubernetes.io/revision`.
    pub meta: Meta,
    /// `spec.replicas`; 1 when it is not said.
    pub wanted: u32,
    /// `status.observedGeneration`.
    pub observed: i64,
    /// `status.replicas`.
    pub replicas: u32,
    /// `status.readyReplicas`.
    pub ready: u32,
    /// `status.availableReplicas`.
    pub available: u32,
    /// Condition ReplicaFailure, with its message: pods are refused before they exist.
    pub failure: Condition,
}

impl ReplicaSetFacts {
    pub(crate) fn share(&mut self, pool: &mut Pool) {
        self.meta.share(pool);
        self.failure.share(pool);
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ReplicaSetWire {
    #[serde(deserialize_with = "lenient")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient")]
    spec: SpecWire,
    #[serde(deserialize_with = "lenient")]
    status: StatusWire,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SpecWire {
    #[serde(deserialize_with = "lenient")]
    replicas: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct StatusWire {
    #[serde(deserialize_with = "lenient")]
    observed_generation: i64,
    #[serde(deserialize_with = "lenient")]
    replicas: u32,
    #[serde(deserialize_with = "lenient")]
    ready_replicas: u32,
    #[serde(deserialize_with = "lenient")]
    available_replicas: u32,
    #[serde(deserialize_with = "lenient")]
    conditions: Vec<ConditionWire>,
}

take_object!(ReplicaSetWire, SpecWire, StatusWire);
read_through!(ReplicaSetFacts, ReplicaSetWire);

impl From<ReplicaSetWire> for ReplicaSetFacts {
    fn from(wire: ReplicaSetWire) -> Self {
        Self {
            meta: wire.metadata,
            wanted: wire.spec.replicas.unwrap_or(1),
            observed: wire.status.observed_generation,
            replicas: wire.status.replicas,
            ready: wire.status.ready_replicas,
            available: wire.status.available_replicas,
            failure: Condition::with_message(&wire.status.conditions, "ReplicaFailure"),
        }
    }
}
