//! Pods that have their node and whose containers are not made, for the detectors of mounts and of the rest.

use crate::facts::{EventFacts, Phase, PodFacts, Role, State, Truth};
use crate::look::Look;
use crate::waiting::{events, newest, placed_at};
use nightshift_model::Timestamp;

/// A pod whose containers are not made yet.
pub(crate) struct Creating<'a> {
    /// The pod.
    pub pod: &'a PodFacts,
    /// When it had its node.
    pub since: Timestamp,
    /// What the kubelet, or who attaches volumes, said last about a volume.
    pub mount: Option<&'a EventFacts>,
}

/// Events that say that a volume is not there.
const MOUNTS: &[&str] = &["FailedMount", "FailedAttachVolume", "FailedMapVolume"];

/// All of them, the newest revision first. Not those of a node that does not work: its kubelet makes nothing.
pub(crate) fn creating<'a>(at: &Look<'a>) -> Vec<Creating<'a>> {
    let works = |pod: &PodFacts| at.node_of(pod).is_none_or(|node| node.ready.status == Truth::True);
    let mut all: Vec<Creating<'_>> = at
        .staying()
        .filter(|pod| pod.phase == Phase::Pending && !pod.node.is_empty() && nothing_made(pod) && works(pod))
        .filter_map(|pod| {
            Some(Creating { pod, since: placed_at(at, pod)?, mount: newest(events(at, pod, MOUNTS)) })
        })
        .collect();
    all.sort_by_key(|creating| at.age_of(creating.pod).unwrap_or(at.sets.len()));
    all
}

/// No container has run or waits for a reason of its own.
fn nothing_made(pod: &PodFacts) -> bool {
    let main = pod.containers.iter().filter(|c| c.role == Role::Main).count();
    main > 0
        && pod.containers.iter().all(|c| match &c.state {
            State::Waiting(wait) => matches!(&*wait.reason, "ContainerCreating" | "PodInitializing"),
            State::Unknown => true,
            State::Running { .. } | State::Terminated(_) => false,
        })
}
