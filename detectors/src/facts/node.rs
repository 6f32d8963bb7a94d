//! Nodes: whether they work and take pods.

use super::lenient::{lenient, read_through, take_object};
use super::meta::{Condition, ConditionWire, Meta};
use super::pool::Pool;
use super::quantity;
use nightshift_model::Timestamp;
use serde::Deserialize;
use std::sync::Arc;

/// What is kept of a Node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeFacts {
    /// The name.
    pub meta: Meta,
    /// Condition Ready, with its message; Unknown when the kubelet is silent.
    pub ready: Condition,
    /// Conditions MemoryPressure, DiskPressure and PIDPressure, with their messages.
    pub pressures: [Condition; 3],
    /// Condition NetworkUnavailable, with its message.
    pub network_down: Condition,
    /// `spec.taints`.
    pub taints: Box<[Taint]>,
    /// `status.allocatable.cpu` in millicores; 0 when it is not said.
    pub cpu: u64,
    /// `status.allocatable.memory` in bytes; 0 when it is not said.
    pub memory: u64,
    /// `spec.unschedulable`: it is cordoned.
    pub cordoned: bool,
    /// What stands before `://` in `spec.providerID`, as in `aws`; empty without one.
    pub provider: Arc<str>,
}

/// One taint of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Taint {
    /// The key.
    #[serde(deserialize_with = "lenient")]
    pub key: Arc<str>,
    /// The value, often empty.
    #[serde(deserialize_with = "lenient")]
    pub value: Arc<str>,
    /// NoSchedule, PreferNoSchedule or NoExecute.
    #[serde(deserialize_with = "lenient")]
    pub effect: Arc<str>,
    /// `timeAdded`; the node controller says it of the taints that it sets.
    #[serde(rename = "timeAdded", deserialize_with = "lenient")]
    pub added: Option<Timestamp>,
}

impl NodeFacts {
    /// The pressures by name.
    pub const PRESSURES: [&'static str; 3] = ["MemoryPressure", "DiskPressure", "PIDPressure"];

    /// Since when it is cordoned, if the node controller says so.
    pub fn cordoned_since(&self) -> Option<Timestamp> {
        let taint = self.taints.iter().find(|taint| &*taint.key == "node.kubernetes.io/unschedulable");
        taint.and_then(|taint| taint.added)
    }

    pub(crate) fn share(&mut self, pool: &mut Pool) {
        self.meta.share(pool);
        self.ready.share(pool);
        self.network_down.share(pool);
        pool.share(&mut self.provider);
        for condition in &mut self.pressures {
            condition.share(pool);
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NodeWire {
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
    #[serde(rename = "providerID", deserialize_with = "lenient")]
    provider: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    unschedulable: bool,
    #[serde(deserialize_with = "lenient")]
    taints: Vec<Taint>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StatusWire {
    #[serde(deserialize_with = "lenient")]
    conditions: Vec<ConditionWire>,
    #[serde(deserialize_with = "lenient")]
    allocatable: AllocatableWire,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AllocatableWire {
    #[serde(deserialize_with = "lenient")]
    cpu: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    memory: Arc<str>,
}

take_object!(NodeWire, SpecWire, StatusWire, AllocatableWire, Taint);
read_through!(NodeFacts, NodeWire);

impl From<NodeWire> for NodeFacts {
    fn from(wire: NodeWire) -> Self {
        let condition = |name| Condition::with_message(&wire.status.conditions, name);
        Self {
            ready: condition("Ready"),
            pressures: Self::PRESSURES.map(condition),
            network_down: condition("NetworkUnavailable"),
            cpu: quantity::milli(&wire.status.allocatable.cpu).unwrap_or_default(),
            memory: quantity::units(&wire.status.allocatable.memory).unwrap_or_default(),
            meta: wire.metadata,
            cordoned: wire.spec.unschedulable,
            provider: wire
                .spec
                .provider
                .split_once("://")
                .map(|(scheme, _)| scheme.into())
                .unwrap_or_default(),
            taints: wire.spec.taints.into(),
        }
    }
}
