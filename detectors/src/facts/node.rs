//! Nodes: whether they work and take pods.

use super::lenient::{lenient, read_through, take_object};
use super::meta::{Condition, ConditionWire, Meta};
use super::pool::Pool;
use serde::Deserialize;

/// What is kept of a Node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeFacts {
    /// The name.
    pub meta: Meta,
    /// Condition Ready; Unknown when the kubelet is silent.
    pub ready: Condition,
    /// `spec.unschedulable`: it is cordoned.
    pub cordoned: bool,
}

impl NodeFacts {
    pub(crate) fn share(&mut self, pool: &mut Pool) {
        self.meta.share(pool);
        pool.share(&mut self.ready.reason);
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
    #[serde(deserialize_with = "lenient")]
    unschedulable: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StatusWire {
    #[serde(deserialize_with = "lenient")]
    conditions: Vec<ConditionWire>,
}

take_object!(NodeWire, SpecWire, StatusWire);
read_through!(NodeFacts, NodeWire);

impl From<NodeWire> for NodeFacts {
    fn from(wire: NodeWire) -> Self {
        Self {
            meta: wire.metadata,
            ready: Condition::find(&wire.status.conditions, "Ready"),
            cordoned: wire.spec.unschedulable,
        }
    }
}
