//! Facts for tests, at seconds after 2026-03-01T02:00:00Z.

use crate::facts::{
    Condition, Container, DeploymentFacts, Labels, Meta, Owner, Phase, PodFacts, ReplicaSetFacts, Spec,
    State, Termination, Truth, Wait,
};
use nightshift_model::{Kind, ObjectRef, Timestamp};
use std::sync::Arc;

/// That many seconds into the night.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_330_400 + second)
}

fn meta(kind: &str, name: &str, owner: Option<(Kind, &str)>) -> Meta {
    let uid = |kind: &str, name: &str| -> Arc<str> { format!("{kind}/{name}").into() };
    Meta {
        namespace: "shop".into(),
        name: name.into(),
        uid: uid(kind, name),
        created: Some(at(0)),
        owner: owner
            .map(|(kind, name)| Owner { uid: uid(kind.as_str(), name), kind, name: name.into() }.into()),
        ..Meta::default()
    }
}

/// The scope of a Deployment.
pub(crate) fn scope(app: &str) -> ObjectRef {
    ObjectRef::new(Kind::Deployment, "shop", app, &format!("Deployment/{app}"))
}

/// A Deployment whose rollout is complete.
pub(crate) fn deployment(app: &str, revision: u64, wanted: u32) -> DeploymentFacts {
    let mut meta = meta("Deployment", app, None);
    meta.annotations.revision = revision;
    let mut all = DeploymentFacts { meta, wanted, ..DeploymentFacts::default() };
    (all.replicas, all.updated, all.ready, all.available) = (wanted, wanted, wanted, wanted);
    all
}

/// A ReplicaSet named `<app>-<revision>` with all replicas available.
pub(crate) fn replica_set(app: &str, revision: u64, wanted: u32) -> ReplicaSetFacts {
    let mut meta = meta("ReplicaSet", &format!("{app}-{revision}"), Some((Kind::Deployment, app)));
    meta.annotations.revision = revision;
    meta.labels = Labels { template_hash: format!("hash{revision}").into(), ..Labels::default() }.into();
    let mut all = ReplicaSetFacts { meta, wanted, ..ReplicaSetFacts::default() };
    (all.replicas, all.ready, all.available) = (wanted, wanted, wanted);
    all
}

/// A pod of a ReplicaSet, named `<app>-<revision>-<i>`, with one container that waits for its first start at `second`.
pub(crate) fn pod(app: &str, revision: u64, i: u32, second: i64) -> PodFacts {
    let set = format!("{app}-{revision}");
    let mut meta = meta("Pod", &format!("{set}-{i}"), Some((Kind::ReplicaSet, &set)));
    meta.labels = Labels { template_hash: format!("hash{revision}").into(), ..Labels::default() }.into();
    meta.created = Some(at(second));
    let mut pod = PodFacts { meta, phase: Phase::Running, ..PodFacts::default() };
    pod.containers = [Container {
        spec: Spec { name: "app".into(), image: "cart:1".into(), ..Spec::default() }.into(),
        ..Container::default()
    }]
    .into();
    unready(&mut pod, second);
    waits(&mut pod, "ContainerCreating");
    pod
}

/// How a run ended.
pub(crate) fn end(code: i32, from: i64, to: i64) -> Termination {
    let reason: Arc<str> = if code == 0 { "Completed".into() } else { "Error".into() };
    Termination { code, reason, started: Some(at(from)), finished: Some(at(to)), ..Termination::default() }
}

/// The first container waits.
pub(crate) fn waits(pod: &mut PodFacts, reason: &str) {
    pod.containers[0].state = State::Waiting(Box::new(Wait { reason: reason.into(), ..Wait::default() }));
    pod.containers[0].ready = false;
}

/// The first container ended; the kubelet has not restarted it yet.
pub(crate) fn ends(pod: &mut PodFacts, code: i32, from: i64, to: i64) {
    pod.containers[0].state = State::Terminated(Box::new(end(code, from, to)));
    pod.containers[0].ready = false;
    if pod.is_ready() {
        unready(pod, to);
    }
}

/// The first container waits for its restart.
pub(crate) fn backs_off(pod: &mut PodFacts) {
    if let State::Terminated(end) = &pod.containers[0].state {
        pod.containers[0].last = Some(end.clone());
    }
    waits(pod, "CrashLoopBackOff");
}

/// The first container runs, not Ready yet. A run before it counts as a restart.
pub(crate) fn runs(pod: &mut PodFacts, second: i64) {
    let c = &mut pod.containers[0];
    if let State::Terminated(end) = &c.state {
        c.last = Some(end.clone());
    }
    c.restarts += u32::from(c.last.is_some());
    c.state = State::Running { since: Some(at(second)) };
}

/// The first container and the pod are Ready.
pub(crate) fn ready(pod: &mut PodFacts, second: i64) {
    pod.containers[0].ready = true;
    pod.ready = Condition { status: Truth::True, since: Some(at(second)), ..Condition::default() };
}

/// The pod is not Ready.
pub(crate) fn unready(pod: &mut PodFacts, second: i64) {
    pod.ready = Condition { status: Truth::False, since: Some(at(second)), ..Condition::default() };
    pod.ready.reason = "ContainersNotReady".into();
}
