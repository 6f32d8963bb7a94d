//! HorizontalPodAutoscalers and PodDisruptionBudgets: what moves and what guards the number of pods.

use super::lenient::{lenient, read_through, take_object};
use super::meta::{Condition, ConditionWire, Meta, kind_of};
use super::pool::Pool;
use nightshift_model::{Kind, ObjectRef};
use serde::Deserialize;
use std::sync::Arc;

/// What is kept of a HorizontalPodAutoscaler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutoscalerFacts {
    /// Name.
    pub meta: Meta,
    /// `spec.scaleTargetRef`, its kind as [`Kind`] writes it.
    pub target: (Kind, Arc<str>),
    /// `spec.minReplicas`; 1 when it is not said.
    pub least: u32,
    /// `spec.maxReplicas`.
    pub most: u32,
    /// `status.currentReplicas`.
    pub current: u32,
    /// `status.desiredReplicas`.
    pub desired: u32,
    /// Condition AbleToScale, with its message.
    pub able: Condition,
    /// Condition ScalingActive, with its message.
    pub active: Condition,
    /// Condition ScalingLimited, with its message.
    pub limited: Condition,
}

impl Default for AutoscalerFacts {
    fn default() -> Self {
        AutoscalerWire::default().into()
    }
}

impl AutoscalerFacts {
    /// The workload that it scales.
    pub fn scales(&self) -> ObjectRef {
        ObjectRef::new(self.target.0.clone(), &self.meta.namespace, &self.target.1, "")
    }

    pub(crate) fn share(&mut self, pool: &mut Pool) {
        self.meta.share(pool);
        for condition in [&mut self.able, &mut self.active, &mut self.limited] {
            condition.share(pool);
        }
    }
}

/// What is kept of a PodDisruptionBudget.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BudgetFacts {
    /// Name, generation.
    pub meta: Meta,
    /// `status.observedGeneration`.
    pub observed: i64,
    /// `status.disruptionsAllowed`.
    pub allowed: u32,
    /// `status.currentHealthy`.
    pub healthy: u32,
    /// `status.desiredHealthy`.
    pub desired: u32,
    /// `status.expectedPods`.
    pub expected: u32,
    /// Condition DisruptionAllowed: since when it allows none.
    pub allows: Condition,
    /// `spec.selector.matchLabels`; a budget with expressions is kept with the labels alone.
    pub selector: super::meta::LabelSet,
}

impl BudgetFacts {
    pub(crate) fn share(&mut self, pool: &mut Pool) {
        self.meta.share(pool);
        self.allows.share(pool);
        pool.share_labels(&mut self.selector);
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AutoscalerWire {
    #[serde(deserialize_with = "lenient")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient")]
    spec: AutoscalerSpecWire,
    #[serde(deserialize_with = "lenient")]
    status: AutoscalerStatusWire,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AutoscalerSpecWire {
    #[serde(deserialize_with = "lenient")]
    scale_target_ref: TargetWire,
    #[serde(deserialize_with = "lenient")]
    min_replicas: Option<u32>,
    #[serde(deserialize_with = "lenient")]
    max_replicas: u32,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct TargetWire {
    #[serde(deserialize_with = "lenient")]
    api_version: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    kind: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    name: Arc<str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AutoscalerStatusWire {
    #[serde(deserialize_with = "lenient")]
    current_replicas: u32,
    #[serde(deserialize_with = "lenient")]
    desired_replicas: u32,
    #[serde(deserialize_with = "lenient")]
    conditions: Vec<ConditionWire>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BudgetWire {
    #[serde(deserialize_with = "lenient")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient")]
    spec: BudgetSpecWire,
    #[serde(deserialize_with = "lenient")]
    status: BudgetStatusWire,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BudgetSpecWire {
    #[serde(deserialize_with = "lenient")]
    selector: SelectorWire,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SelectorWire {
    #[serde(deserialize_with = "lenient")]
    match_labels: super::meta::LabelSet,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct BudgetStatusWire {
    #[serde(deserialize_with = "lenient")]
    observed_generation: i64,
    #[serde(deserialize_with = "lenient")]
    disruptions_allowed: u32,
    #[serde(deserialize_with = "lenient")]
    current_healthy: u32,
    #[serde(deserialize_with = "lenient")]
    desired_healthy: u32,
    #[serde(deserialize_with = "lenient")]
    expected_pods: u32,
    #[serde(deserialize_with = "lenient")]
    conditions: Vec<ConditionWire>,
}

take_object!(AutoscalerWire, AutoscalerSpecWire, TargetWire, AutoscalerStatusWire);
take_object!(BudgetWire, BudgetSpecWire, SelectorWire, BudgetStatusWire);
read_through!(AutoscalerFacts, AutoscalerWire);
read_through!(BudgetFacts, BudgetWire);

impl From<AutoscalerWire> for AutoscalerFacts {
    fn from(wire: AutoscalerWire) -> Self {
        let (target, status) = (wire.spec.scale_target_ref, wire.status);
        let condition = |name| Condition::with_message(&status.conditions, name);
        Self {
            meta: wire.metadata,
            target: (kind_of(&target.api_version, &target.kind), target.name),
            least: wire.spec.min_replicas.unwrap_or(1),
            most: wire.spec.max_replicas,
            current: status.current_replicas,
            desired: status.desired_replicas,
            able: condition("AbleToScale"),
            active: condition("ScalingActive"),
            limited: condition("ScalingLimited"),
        }
    }
}

impl From<BudgetWire> for BudgetFacts {
    fn from(wire: BudgetWire) -> Self {
        let status = wire.status;
        Self {
            meta: wire.metadata,
            observed: status.observed_generation,
            allowed: status.disruptions_allowed,
            healthy: status.current_healthy,
            desired: status.desired_healthy,
            expected: status.expected_pods,
            allows: Condition::find(&status.conditions, "DisruptionAllowed"),
            selector: wire.spec.selector.match_labels,
        }
    }
}
