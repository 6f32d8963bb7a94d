//! Pods: what the kubelet says about their containers, without env, volumes and probes.

use super::lenient::{Take, lenient, read_through, take_object};
use super::meta::{Condition, ConditionWire, Meta, Truth};
use super::pool::Pool;
use nightshift_model::Timestamp;
use serde::Deserialize;
use std::sync::Arc;

/// What is kept of a Pod: some 660 bytes in the view with one container, shared texts apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodFacts {
    /// Name, owner, template hash.
    pub meta: Meta,
    /// `spec.nodeName`; empty until it is scheduled.
    pub node: Arc<str>,
    /// `status.phase`.
    pub phase: Phase,
    /// `status.reason`, as in `Evicted`.
    pub reason: Arc<str>,
    /// `spec.restartPolicy`.
    pub restarts: RestartPolicy,
    /// Condition Ready.
    pub ready: Condition,
    /// Whether condition DisruptionTarget is True: somebody is about to end the pod on purpose.
    pub disrupted: bool,
    /// Init containers first, then the others, each in the order of the spec.
    pub containers: Box<[Container]>,
}

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Must end well before the others start.
    Init,
    /// An init container with `restartPolicy: Always`.
    Sidecar,
    /// Does the pod's work.
    #[default]
    Main,
}

/// One container, from spec and status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// The name.
    pub name: Arc<str>,
    /// The image as written in the spec.
    pub image: Arc<str>,
    /// What the runtime resolved it to.
    pub image_id: Arc<str>,
    /// What it is for.
    pub role: Role,
    /// `ready`; of an init container: it has ended well.
    pub ready: bool,
    /// `restartCount`.
    pub restarts: u32,
    /// What it does now.
    pub state: State,
    /// `lastState.terminated`: how the run before ended.
    pub last: Option<Box<Termination>>,
}

/// `state` of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing is said yet.
    #[default]
    Unknown,
    /// It does not run yet or again.
    Waiting {
        /// Why, as in `CrashLoopBackOff`.
        reason: Arc<str>,
    },
    /// It runs.
    Running {
        /// Since when.
        since: Option<Timestamp>,
    },
    /// It has ended.
    Terminated(Box<Termination>),
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
        pool.share(&mut self.reason);
        pool.share(&mut self.ready.reason);
        for c in &mut self.containers {
            for text in [&mut c.name, &mut c.image, &mut c.image_id] {
                pool.share(text);
            }
            match &mut c.state {
                State::Waiting { reason } => pool.share(reason),
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
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct StatusWire {
    #[serde(deserialize_with = "lenient")]
    phase: Phase,
    #[serde(deserialize_with = "lenient")]
    reason: Arc<str>,
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
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RunningWire {
    #[serde(deserialize_with = "lenient")]
    started_at: Option<Timestamp>,
}

take_object!(PodWire, SpecWire, ContainerSpecWire, StatusWire, ContainerStatusWire, StateWire);
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
take_optional!(WaitingWire, RunningWire, Termination);

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
        let StatusWire { phase, reason, conditions, init_container_statuses, container_statuses } =
            wire.status;
        let mut containers = merge(wire.spec.init_containers, init_container_statuses, true);
        containers.extend(merge(wire.spec.containers, container_statuses, false));
        Self {
            meta: wire.metadata,
            node: wire.spec.node_name,
            phase,
            reason,
            restarts: wire.spec.restart_policy,
            ready: Condition::find(&conditions, "Ready"),
            disrupted: Condition::find(&conditions, "DisruptionTarget").status == Truth::True,
            containers: containers.into(),
        }
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
        all.push(container(spec.name, spec.image, role, status));
    }
    let role = if init { Role::Init } else { Role::Main };
    all.extend(statuses.into_iter().map(|s| container(s.name.clone(), Arc::default(), role, s)));
    all
}

fn container(name: Arc<str>, image: Arc<str>, role: Role, status: ContainerStatusWire) -> Container {
    let state = match status.state {
        StateWire { running: Some(run), .. } => State::Running { since: run.started_at },
        StateWire { terminated: Some(end), .. } => State::Terminated(Box::new(end)),
        StateWire { waiting: Some(wait), .. } => State::Waiting { reason: wait.reason },
        StateWire { .. } => State::Unknown,
    };
    Container {
        name,
        image,
        image_id: status.image_id,
        role,
        ready: status.ready,
        restarts: status.restart_count,
        state,
        last: status.last_state.terminated.map(Box::new),
    }
}
