//! Pods: what the kubelet says about their containers, without env, volumes and probes.

use super::lenient::{Take, lenient, read_through, take_object};
use super::meta::{Capped, Condition, ConditionWire, LabelSet, Meta, Truth, capped};
use super::pool::{Pool, Shared};
use super::quantity;
use super::rare::{Rare, empty};
use nightshift_model::Timestamp;
use serde::Deserialize;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// What is kept of a Pod: some 950 bytes in the view with three containers, its share of its workload included. What it is
/// told now and then reads like a field of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodFacts {
    /// Name, owner, template hash.
    pub meta: Meta,
    /// `spec.nodeName`; empty until it is scheduled.
    pub node: Arc<str>,
    /// `status.phase`.
    pub phase: Phase,
    /// `spec.restartPolicy`.
    pub restarts: RestartPolicy,
    /// Whether condition DisruptionTarget is True: somebody is about to end the pod on purpose.
    pub disrupted: bool,
    /// Condition Ready; its message only where it names readiness gates.
    pub ready: Condition,
    /// Condition PodScheduled, with the scheduler's message while it is not True. Of a pod that is Ready nothing is kept.
    pub scheduled: Rare<Condition>,
    /// What most pods do not have.
    pub told: Rare<Told>,
    /// Init containers first, then the others, each in the order of the spec.
    pub containers: Box<[Container]>,
}

/// What only some pods have, or only for a while.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// `status.reason`, as in `Evicted`.
    pub reason: Arc<str>,
    /// `status.message`, as an eviction writes it.
    pub message: Arc<str>,
    /// What it asks of its place, as long as it has none.
    pub asks: Option<Box<Asks>>,
    /// PersistentVolumeClaims that its volumes name.
    pub claims: Box<[Arc<str>]>,
}

impl Deref for PodFacts {
    type Target = Told;

    fn deref(&self) -> &Told {
        &self.told
    }
}

impl DerefMut for PodFacts {
    fn deref_mut(&mut self) -> &mut Told {
        &mut self.told
    }
}

empty!(Told);

/// `status.phase`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the names are Kubernetes' own
pub enum Phase {
    Pending,
    Running,
    Succeeded,
    Failed,
    #[default]
    Other,
}

/// `restartPolicy` of a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the names are Kubernetes' own
pub enum RestartPolicy {
    #[default]
    Always,
    OnFailure,
    Never,
}

/// What a container is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Must end well before the others start.
    Init,
    /// An init container with `restartPolicy: Always`.
    Sidecar,
    /// Does the pod's work.
    #[default]
    Main,
}

/// One container, from spec and status. What is fixed of it reads like a field of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// What all pods of its template have in common.
    pub spec: Shared<Spec>,
    /// `ready`; of an init container: it has ended well.
    pub ready: bool,
    /// `started`: its startup probe has passed, or it has none and runs.
    pub started: bool,
    /// `restartCount`.
    pub restarts: u32,
    /// What it does now.
    pub state: State,
    /// `lastState.terminated`: how the run before ended.
    pub last: Option<Box<Termination>>,
}

/// What is fixed of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Spec {
    /// The name.
    pub name: Arc<str>,
    /// The image as written in the spec.
    pub image: Arc<str>,
    /// What the runtime resolved it to.
    pub image_id: Arc<str>,
    /// What it is for.
    pub role: Role,
    /// Which probes it has.
    pub probes: Probes,
    /// `ports`: name and number.
    pub ports: Box<[(Arc<str>, u32)]>,
    /// `resources.limits.memory` in bytes; 0 for none.
    pub memory_limit: u64,
}

impl Deref for Container {
    type Target = Spec;

    fn deref(&self) -> &Spec {
        &self.spec
    }
}

/// What a pod without a node asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asks {
    /// `spec.schedulerName`.
    pub scheduler: Arc<str>,
    /// `spec.schedulingGates`: who must let it go first.
    pub gates: Box<[Arc<str>]>,
    /// `spec.nodeSelector`.
    pub selector: LabelSet,
}

/// Which probes a container has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Probes {
    /// Without it the container is ready as soon as it runs.
    pub readiness: bool,
    /// The kubelet kills the container that fails it.
    pub liveness: bool,
    /// The same until it has passed once.
    pub startup: bool,
    /// Seconds that the readiness probe takes at least to say no: its delay, and its failures.
    pub readiness_takes: u16,
    /// Seconds after which a startup probe has failed for good; 0 without one.
    pub startup_takes: u16,
}

/// `state` of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing is said yet.
    #[default]
    Unknown,
    /// It does not run yet or again.
    Waiting(Box<Wait>),
    /// It runs.
    Running {
        /// Since when.
        since: Option<Timestamp>,
    },
    /// It has ended.
    Terminated(Box<Termination>),
}

/// Why a container does not run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wait {
    /// One word, as in `CrashLoopBackOff`.
    pub reason: Arc<str>,
    /// In the kubelet's words, at most [`super::MESSAGE_MAX`] characters. Text of others: quoted, never followed.
    pub message: Arc<str>,
}

/// One end of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Termination {
    /// `exitCode`.
    #[serde(rename = "exitCode", deserialize_with = "lenient")]
    pub code: i32,
    /// `reason`, as in `OOMKilled`.
    #[serde(deserialize_with = "lenient")]
    pub reason: Arc<str>,
    /// `message`: the runtime's words, or what the program left; at most [`super::MESSAGE_MAX`] characters. Text of others.
    #[serde(deserialize_with = "capped")]
    pub message: Arc<str>,
    /// `startedAt`; `None` for a container that could not be started.
    #[serde(rename = "startedAt", deserialize_with = "lenient")]
    pub started: Option<Timestamp>,
    /// `finishedAt`.
    #[serde(rename = "finishedAt", deserialize_with = "lenient")]
    pub finished: Option<Timestamp>,
}

impl PodFacts {
    /// Whether condition Ready is True.
    pub fn is_ready(&self) -> bool {
        self.ready.status == Truth::True
    }

    /// Whether it ends or has ended: being deleted, disrupted, Succeeded or Failed.
    pub fn is_leaving(&self) -> bool {
        let over = matches!(self.phase, Phase::Succeeded | Phase::Failed);
        over || self.disrupted || self.meta.deleting.is_some()
    }

    pub(crate) fn share(&mut self, pool: &mut Pool) {
        self.meta.share(pool);
        pool.share(&mut self.node);
        self.ready.share(pool);
        if let Some(scheduled) = self.scheduled.part() {
            scheduled.share(pool);
        }
        if let Some(told) = self.told.part() {
            pool.share(&mut told.reason);
            pool.share(&mut told.message);
            if let Some(asks) = &mut told.asks {
                pool.share(&mut asks.scheduler);
                pool.share_labels(&mut asks.selector);
            }
        }
        for c in &mut self.containers {
            pool.share_spec(&mut c.spec);
            match &mut c.state {
                State::Waiting(wait) => {
                    pool.share(&mut wait.reason);
                    pool.share(&mut wait.message);
                }
                State::Terminated(end) => pool.share(&mut end.reason),
                State::Running { .. } | State::Unknown => {}
            }
            if let Some(end) = &mut c.last {
                pool.share(&mut end.reason);
            }
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PodWire {
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
    node_name: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    restart_policy: RestartPolicy,
    #[serde(deserialize_with = "lenient")]
    init_containers: Vec<ContainerSpecWire>,
    #[serde(deserialize_with = "lenient")]
    containers: Vec<ContainerSpecWire>,
    #[serde(deserialize_with = "lenient")]
    volumes: Vec<VolumeWire>,
    #[serde(deserialize_with = "lenient")]
    scheduler_name: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    scheduling_gates: Vec<GateWire>,
    #[serde(deserialize_with = "lenient")]
    node_selector: LabelSet,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct VolumeWire {
    #[serde(deserialize_with = "lenient")]
    persistent_volume_claim: ClaimWire,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ClaimWire {
    #[serde(deserialize_with = "lenient")]
    claim_name: Arc<str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ContainerSpecWire {
    #[serde(deserialize_with = "lenient")]
    name: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    image: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    restart_policy: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    ports: Vec<PortWire>,
    #[serde(deserialize_with = "lenient")]
    resources: ResourcesWire,
    #[serde(deserialize_with = "lenient")]
    readiness_probe: Option<ProbeWire>,
    #[serde(deserialize_with = "lenient")]
    liveness_probe: Option<ProbeWire>,
    #[serde(deserialize_with = "lenient")]
    startup_probe: Option<ProbeWire>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ProbeWire {
    #[serde(deserialize_with = "lenient")]
    initial_delay_seconds: u32,
    #[serde(deserialize_with = "lenient")]
    period_seconds: u32,
    #[serde(deserialize_with = "lenient")]
    failure_threshold: u32,
}

impl ProbeWire {
    /// Seconds until it has failed often enough; the API server's defaults where nothing is written.
    fn takes(&self) -> u16 {
        let or = |value: u32, default: u32| if value == 0 { default } else { value };
        let failing = or(self.period_seconds, 10).saturating_mul(or(self.failure_threshold, 3));
        u16::try_from(self.initial_delay_seconds.saturating_add(failing)).unwrap_or(u16::MAX)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GateWire {
    #[serde(deserialize_with = "lenient")]
    name: Arc<str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PortWire {
    #[serde(deserialize_with = "lenient")]
    name: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    container_port: u32,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResourcesWire {
    #[serde(deserialize_with = "lenient")]
    limits: LimitsWire,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LimitsWire {
    #[serde(deserialize_with = "lenient")]
    memory: Arc<str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct StatusWire {
    #[serde(deserialize_with = "lenient")]
    phase: Phase,
    #[serde(deserialize_with = "lenient")]
    reason: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    message: Capped,
    #[serde(deserialize_with = "lenient")]
    conditions: Vec<ConditionWire>,
    #[serde(deserialize_with = "lenient")]
    init_container_statuses: Vec<ContainerStatusWire>,
    #[serde(deserialize_with = "lenient")]
    container_statuses: Vec<ContainerStatusWire>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ContainerStatusWire {
    #[serde(deserialize_with = "lenient")]
    name: Arc<str>,
    #[serde(rename = "imageID", deserialize_with = "lenient")]
    image_id: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    ready: bool,
    #[serde(deserialize_with = "lenient")]
    started: bool,
    #[serde(deserialize_with = "lenient")]
    restart_count: u32,
    #[serde(deserialize_with = "lenient")]
    state: StateWire,
    #[serde(deserialize_with = "lenient")]
    last_state: StateWire,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StateWire {
    #[serde(deserialize_with = "lenient")]
    waiting: Option<WaitingWire>,
    #[serde(deserialize_with = "lenient")]
    running: Option<RunningWire>,
    #[serde(deserialize_with = "lenient")]
    terminated: Option<Termination>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WaitingWire {
    #[serde(deserialize_with = "lenient")]
    reason: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    message: Capped,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RunningWire {
    #[serde(deserialize_with = "lenient")]
    started_at: Option<Timestamp>,
}

take_object!(PodWire, SpecWire, ContainerSpecWire, StatusWire, ContainerStatusWire, StateWire);
take_object!(VolumeWire, ClaimWire, PortWire, ResourcesWire, LimitsWire, GateWire);
read_through!(PodFacts, PodWire);

/// An object that is there or not: `{}` is there.
macro_rules! take_optional {
    ($($name:ty),*) => {$(
        impl Take for Option<$name> {
            fn map<'de, A: serde::de::MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
                serde::Deserialize::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Some)
            }
        }
    )*};
}
take_optional!(WaitingWire, RunningWire, Termination, ProbeWire);

impl Take for Phase {
    fn text(v: &str) -> Self {
        match v {
            "Pending" => Self::Pending,
            "Running" => Self::Running,
            "Succeeded" => Self::Succeeded,
            "Failed" => Self::Failed,
            _ => Self::Other,
        }
    }
}

impl Take for RestartPolicy {
    fn text(v: &str) -> Self {
        match v {
            "OnFailure" => Self::OnFailure,
            "Never" => Self::Never,
            _ => Self::Always,
        }
    }
}

impl From<PodWire> for PodFacts {
    fn from(wire: PodWire) -> Self {
        let StatusWire { phase, reason, message, conditions, init_container_statuses, container_statuses } =
            wire.status;
        let asks = wire.spec.node_name.is_empty().then(|| {
            let gates = wire.spec.scheduling_gates.into_iter().map(|gate| gate.name).collect();
            Asks { scheduler: wire.spec.scheduler_name, gates, selector: wire.spec.node_selector }
        });
        let claims = wire.spec.volumes.into_iter().map(|volume| volume.persistent_volume_claim.claim_name);
        let mut containers = merge(wire.spec.init_containers, init_container_statuses, true);
        containers.extend(merge(wire.spec.containers, container_statuses, false));
        let claims = claims.filter(|name| !name.is_empty()).collect();
        let ready = ready(&conditions);
        let is_there = ready.status == Truth::True && !wire.spec.node_name.is_empty();
        let scheduled = (!is_there).then(|| Condition::with_message(&conditions, "PodScheduled"));
        Self {
            meta: wire.metadata,
            node: wire.spec.node_name,
            phase,
            scheduled: scheduled.unwrap_or_default().into(),
            told: Told { reason, message: message.0, asks: asks.map(Box::new), claims }.into(),
            restarts: wire.spec.restart_policy,
            ready,
            disrupted: Condition::find(&conditions, "DisruptionTarget").status == Truth::True,
            containers: containers.into(),
        }
    }
}

/// Its words only where no container has better ones: which readiness gate nobody opens.
fn ready(conditions: &[ConditionWire]) -> Condition {
    let brief = Condition::find(conditions, "Ready");
    if &*brief.reason == "ReadinessGatesNotReady" {
        Condition::with_message(conditions, "Ready")
    } else {
        brief
    }
}

/// Spec and status by name; a container without a status yet is kept, a status without a spec too.
fn merge(
    specs: Vec<ContainerSpecWire>,
    mut statuses: Vec<ContainerStatusWire>,
    init: bool,
) -> Vec<Container> {
    let mut all = Vec::with_capacity(specs.len());
    for spec in specs {
        let place = statuses.iter().position(|s| s.name == spec.name);
        let status = place.map(|place| statuses.swap_remove(place)).unwrap_or_default();
        let role = match (init, &*spec.restart_policy) {
            (true, "Always") => Role::Sidecar,
            (true, _) => Role::Init,
            (false, _) => Role::Main,
        };
        let fixed = Spec {
            name: spec.name,
            image: spec.image,
            image_id: status.image_id.clone(),
            role,
            probes: Probes {
                readiness_takes: spec.readiness_probe.as_ref().map_or(0, ProbeWire::takes),
                startup_takes: spec.startup_probe.as_ref().map_or(0, ProbeWire::takes),
                readiness: spec.readiness_probe.is_some(),
                liveness: spec.liveness_probe.is_some(),
                startup: spec.startup_probe.is_some(),
            },
            ports: spec.ports.into_iter().map(|p| (p.name, p.container_port)).collect(),
            memory_limit: quantity::units(&spec.resources.limits.memory).unwrap_or_default(),
        };
        all.push(container(fixed, status));
    }
    let role = if init { Role::Init } else { Role::Main };
    all.extend(statuses.into_iter().map(|s| {
        let (name, image_id) = (s.name.clone(), s.image_id.clone());
        container(Spec { name, image_id, role, ..Spec::default() }, s)
    }));
    all
}

fn container(fixed: Spec, status: ContainerStatusWire) -> Container {
    let state = match status.state {
        StateWire { running: Some(run), .. } => State::Running { since: run.started_at },
        StateWire { terminated: Some(end), .. } => State::Terminated(Box::new(end)),
        StateWire { waiting: Some(wait), .. } => {
            State::Waiting(Box::new(Wait { reason: wait.reason, message: wait.message.0 }))
        }
        StateWire { .. } => State::Unknown,
    };
    Container {
        spec: fixed.into(),
        ready: status.ready,
        started: status.started,
        restarts: status.restart_count,
        state,
        last: status.last_state.terminated.map(Box::new),
    }
}
