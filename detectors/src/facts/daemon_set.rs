//! DaemonSets: one pod on every node that is chosen.

use super::lenient::{lenient, read_through, take_object};
use super::meta::{LabelSet, Meta, StrategyWire, TemplateWire};
use super::pool::Pool;
use serde::Deserialize;

/// What is kept of a DaemonSet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DaemonSetFacts {
    /// Name, generation.
    pub meta: Meta,
    /// Labels of its pods, from `spec.template`.
    pub template: LabelSet,
    /// `spec.updateStrategy.type` is OnDelete: nobody but a person replaces pods.
    pub on_delete: bool,
    /// `status.observedGeneration`.
    pub observed: i64,
    /// `status.desiredNumberScheduled`: nodes that should run a pod.
    pub desired: u32,
    /// `status.currentNumberScheduled`: nodes that should, and do.
    pub current: u32,
    /// `status.numberReady`.
    pub ready: u32,
    /// `status.numberAvailable`.
    pub available: u32,
    /// `status.updatedNumberScheduled`.
    pub updated: u32,
    /// `status.numberMisscheduled`: nodes that run a pod and should not.
    pub misscheduled: u32,
}

impl DaemonSetFacts {
    pub(crate) fn share(&mut self, pool: &mut Pool) {
        self.meta.share(pool);
        pool.share_labels(&mut self.template);
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DaemonSetWire {
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
    desired_number_scheduled: u32,
    #[serde(deserialize_with = "lenient")]
    current_number_scheduled: u32,
    #[serde(deserialize_with = "lenient")]
    number_ready: u32,
    #[serde(deserialize_with = "lenient")]
    number_available: u32,
    #[serde(deserialize_with = "lenient")]
    updated_number_scheduled: u32,
    #[serde(deserialize_with = "lenient")]
    number_misscheduled: u32,
}

take_object!(DaemonSetWire, SpecWire, StatusWire);
read_through!(DaemonSetFacts, DaemonSetWire);

impl From<DaemonSetWire> for DaemonSetFacts {
    fn from(wire: DaemonSetWire) -> Self {
        let status = wire.status;
        Self {
            meta: wire.metadata,
            template: wire.spec.template.metadata.labels.all.clone(),
            on_delete: &*wire.spec.update_strategy.name == "OnDelete",
            observed: status.observed_generation,
            desired: status.desired_number_scheduled,
            current: status.current_number_scheduled,
            ready: status.number_ready,
            available: status.number_available,
            updated: status.updated_number_scheduled,
            misscheduled: status.number_misscheduled,
        }
    }
}
