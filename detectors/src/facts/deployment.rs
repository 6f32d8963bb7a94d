//! Deployments: what is wanted, what is there.

use super::lenient::{lenient, read_through, take_object};
use super::meta::{Condition, ConditionWire, Meta, StrategyWire};
use super::pool::Pool;
use serde::Deserialize;

/// What is kept of a Deployment. Which template is current is told by its newest ReplicaSet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeploymentFacts {
    /// Name, generation, revision.
    pub meta: Meta,
    /// `spec.replicas`; 1 when it is not said.
    pub wanted: u32,
    /// `spec.paused`.
    pub paused: bool,
    /// `status.observedGeneration`: the status speaks about the spec only when it has caught up.
    pub observed: i64,
    /// `status.replicas`, of all revisions.
    pub replicas: u32,
    /// `status.updatedReplicas`, of the current template.
    pub updated: u32,
    /// `status.readyReplicas`.
    pub ready: u32,
    /// `status.availableReplicas`.
    pub available: u32,
    /// `status.unavailableReplicas`.
    pub unavailable: u32,
    /// `spec.strategy.type` is Recreate: old pods go before new ones come.
    pub recreates: bool,
    /// Condition Progressing, with its message.
    pub progressing: Condition,
    /// Condition Available.
    pub availability: Condition,
    /// Condition ReplicaFailure, with its message: pods are refused before they exist.
    pub failure: Condition,
}

impl DeploymentFacts {
    /// Whether the status speaks about the current spec.
    pub fn is_observed(&self) -> bool {
        self.observed >= self.meta.generation
    }

    /// Whether the rollout is complete, as `kubectl rollout status` judges it: every wanted replica is of the current
    /// template and available, and no other is left.
    pub fn is_complete(&self) -> bool {
        self.is_observed()
            && [self.updated, self.replicas, self.available].iter().all(|count| *count == self.wanted)
    }

    pub(crate) fn share(&mut self, pool: &mut Pool) {
        self.meta.share(pool);
        for condition in [&mut self.progressing, &mut self.availability, &mut self.failure] {
            condition.share(pool);
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DeploymentWire {
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
    #[serde(deserialize_with = "lenient")]
    paused: bool,
    #[serde(deserialize_with = "lenient")]
    strategy: StrategyWire,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct StatusWire {
    #[serde(deserialize_with = "lenient")]
    observed_generation: i64,
    #[serde(deserialize_with = "lenient")]
    replicas: u32,
    #[serde(deserialize_with = "lenient")]
    updated_replicas: u32,
    #[serde(deserialize_with = "lenient")]
    ready_replicas: u32,
    #[serde(deserialize_with = "lenient")]
    available_replicas: u32,
    #[serde(deserialize_with = "lenient")]
    unavailable_replicas: u32,
    #[serde(deserialize_with = "lenient")]
    conditions: Vec<ConditionWire>,
}

take_object!(DeploymentWire, SpecWire, StatusWire);
read_through!(DeploymentFacts, DeploymentWire);

impl From<DeploymentWire> for DeploymentFacts {
    fn from(wire: DeploymentWire) -> Self {
        let status = wire.status;
        Self {
            meta: wire.metadata,
            wanted: wire.spec.replicas.unwrap_or(1),
            paused: wire.spec.paused,
            observed: status.observed_generation,
            replicas: status.replicas,
            updated: status.updated_replicas,
            ready: status.ready_replicas,
            available: status.available_replicas,
            unavailable: status.unavailable_replicas,
            recreates: &*wire.spec.strategy.name == "Recreate",
            progressing: Condition::with_message(&status.conditions, "Progressing"),
            availability: Condition::find(&status.conditions, "Available"),
            failure: Condition::with_message(&status.conditions, "ReplicaFailure"),
        }
    }
}
