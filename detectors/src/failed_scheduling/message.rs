//! The scheduler's message: "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s). ...".

use nightshift_model::Cause;

/// A constraint by the scheduler's fixed words, and how near to fitting the nodes are that fail by it: the scheduler asks
/// in this order and stops at the first that fails.
const CLASSES: &[(&str, Cause, u8)] = &[
    ("Insufficient cpu", Cause::InsufficientCpu, 5),
    ("Insufficient memory", Cause::InsufficientMemory, 5),
    ("Too many pods", Cause::TooManyPods, 5),
    ("Insufficient ", Cause::InsufficientResource, 5),
    ("free ports for the requested pod ports", Cause::HostPort, 5),
    ("volume node affinity conflict", Cause::VolumeZone, 5),
    ("PersistentVolume's node affinity", Cause::VolumeZone, 5),
    ("no available volume zone", Cause::VolumeZone, 5),
    ("exceed max volume count", Cause::InsufficientResource, 5),
    ("didn't find available persistent volumes to bind", Cause::UnboundClaim, 5),
    ("topology spread constraints", Cause::TopologySpread, 5),
    ("anti-affinity", Cause::Affinity, 5),
    ("pod affinity rules", Cause::Affinity, 5),
    ("node affinity/selector", Cause::NodeSelector, 3),
    ("[NodeAffinity]", Cause::NodeSelector, 3),
    ("untolerated taint", Cause::Taint, 2),
    ("that the pod didn't tolerate", Cause::Taint, 2),
    ("were unschedulable", Cause::Cordoned, 1),
];

/// Taints that Kubernetes itself puts on nodes: the pod's author never had them in mind.
const OWN_TAINTS: &[&str] =
    &["node-role.kubernetes.io/", "node.kubernetes.io/", "node.cloudprovider.kubernetes.io/"];

/// Whether a cordoned node is among those that do not take the pod.
pub(super) fn names_a_cordon(message: &str) -> bool {
    message.contains("were unschedulable") || message.contains("{node.kubernetes.io/unschedulable")
}

/// The constraint that blocks, of several the one of the nodes that would fit otherwise, then of the most nodes. A pod
/// that its controller has bound to one node (`of_nodes`) leaves the others out by design.
pub(super) fn constraint(message: &str, of_nodes: bool) -> Cause {
    let Some((count, rest)) = message.split_once(" nodes are available: ") else {
        return if message.starts_with("no nodes available") { Cause::NoNode } else { Cause::Unknown };
    };
    if count == "0/0" {
        return Cause::NoNode;
    }
    if rest.starts_with("persistentvolumeclaim \"") {
        let missing = rest.contains("not found") || rest.contains("is being deleted");
        return if missing { Cause::MissingClaim } else { Cause::UnboundClaim };
    }
    if rest.contains("pod has unbound immediate PersistentVolumeClaims") {
        return Cause::UnboundClaim;
    }
    let mut best = (0, 0, Cause::Unknown);
    for (nodes, text) in pieces(message) {
        let Some((_, cause, near)) = CLASSES.iter().find(|(words, ..)| text.contains(words)) else {
            continue;
        };
        let left_out = *cause == Cause::NodeSelector && of_nodes;
        let near = if left_out || (*cause == Cause::Taint && is_own(text)) { 0 } else { *near };
        if best.2 == Cause::Unknown || (near, nodes) > (best.0, best.1) {
            best = (near, nodes, *cause);
        }
    }
    best.2
}

/// Whether a taint bars nodes.
pub(super) fn has_taint(message: &str) -> bool {
    pieces(message).any(|(_, text)| is_taint(text))
}

/// Whether a taint bars nodes that somebody has put there.
pub(super) fn has_own_taint(message: &str) -> bool {
    pieces(message).any(|(_, text)| is_taint(text) && !is_own(text))
}

fn is_taint(text: &str) -> bool {
    text.contains("untolerated taint") || text.contains("that the pod didn't tolerate")
}

fn is_own(text: &str) -> bool {
    OWN_TAINTS.iter().any(|taint| text.contains(taint))
}

/// The message's parts with their number of nodes. What follows on preemption says the same once more.
fn pieces(message: &str) -> impl Iterator<Item = (u32, &str)> {
    let message = message.split_once(" nodes are available: ").map_or(message, |(_, rest)| rest);
    let message = message.split(" preemption: ").next().unwrap_or_default();
    message.split(", ").map(|piece| {
        let number = piece.split(' ').next().and_then(|word| word.parse().ok());
        (number.unwrap_or(0), piece)
    })
}
