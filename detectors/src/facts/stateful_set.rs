//! StatefulSets: pods with an identity, one after another.

use super::lenient::{lenient, read_through, take_object};
use super::meta::{LabelSet, Meta, StrategyWire, TemplateWire};
use super::pool::Pool;
use serde::Deserialize;
use std::sync::Arc;

/// What is kept of a StatefulSet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatefulSetFacts {
    /// Name, generation.
    pub meta: Meta,
    /// Labels of its pods, from `spec.template`.
    pub template: LabelSet,
    /// `spec.replicas`; 1 when it is not said.
    pub wanted: u32,
    /// `spec.podManagementPolicy` is Parallel: one broken pod does not hold up the others.
    pub parallel: bool,
    /// `spec.updateStrategy.type` is OnDelete: nobody but a person replaces pods.
    pub on_delete: bool,
    /// `spec.updateStrategy.rollingUpdate.partition`: ordinals below it keep the old revision on purpose.
    pub partition: u32,
    /// `status.observedGeneration`.
    pub observed: i64,
    /// `status.replicas`.
    pub replicas: u32,
    /// `status.readyReplicas`.
    pub ready: u32,
    /// `status.availableReplicas`.
    pub available: u32,
    /// `status.updatedReplicas`.
    pub updated: u32,
    /// `status.currentRevision`: the ControllerRevision that the rollout began from.
    pub current_revision: Arc<str>,
    /// `status.updateRevision`: the one that it goes to. Pods say theirs in `controller-revision-hash`.
    pub update_revision: Arc<str>,
}

impl StatefulSetFacts {
    pub(crate) fn share(&mut self, pool: &mut Pool) {
        self.meta.share(pool);
        pool.share_labels(&mut self.template);
        pool.share(&mut self.current_revision);
        pool.share(&mut self.update_revision);
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StatefulSetWire {
    #[serde(deserialize_with = "lenient")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient")]
    spec: SpecWire,
    #[serde(deserialize_with = "lenient")]
    status: StatusWire,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SpecWire {
    #[serde(deserialize_with = "lenient")]
    replicas: Option<u32>,
    #[serde(deserialize_with = "lenient")]
    pod_management_policy: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    update_strategy: StrategyWire,
    #[serde(deserialize_with = "lenient")]
    template: TemplateWire,
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
    updated_replicas: u32,
    #[serde(deserialize_with = "lenient")]
    current_revision: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    update_revision: Arc<str>,
}

take_object!(StatefulSetWire, SpecWire, StatusWire);
read_through!(StatefulSetFacts, StatefulSetWire);

impl From<StatefulSetWire> for StatefulSetFacts {
    fn from(wire: StatefulSetWire) -> Self {
        let (spec, status) = (wire.spec, wire.status);
        Self {
            meta: wire.metadata,
            template: spec.template.metadata.labels.all.clone(),
            wanted: spec.replicas.unwrap_or(1),
            parallel: &*spec.pod_management_policy == "Parallel",
            on_delete: &*spec.update_strategy.name == "OnDelete",
            partition: spec.update_strategy.rolling_update.partition,
            observed: status.observed_generation,
            replicas: status.replicas,
            ready: status.ready_replicas,
            available: status.available_replicas,
            updated: status.updated_replicas,
            current_revision: status.current_revision,
            update_revision: status.update_revision,
        }
    }
}
