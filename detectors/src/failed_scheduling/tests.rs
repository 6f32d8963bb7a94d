use super::message::constraint;
use super::*;
use crate::facts::{Asks, Condition, Fact, LabelSet, Says};
use crate::tests::make::{at, pod, replica_set, scope};
use crate::view::{Delta, View};

#[test]
fn the_constraint_is_that_of_the_nodes_that_would_fit_otherwise() {
    let rest =
        "no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful.";
    let table = [
        ("0/3 nodes are available: 3 Insufficient cpu.", Cause::InsufficientCpu),
        ("0/3 nodes are available: 1 Insufficient cpu, 2 Insufficient memory.", Cause::InsufficientMemory),
        ("0/3 nodes are available: 3 Insufficient example.com/gpu.", Cause::InsufficientResource),
        ("0/3 nodes are available: 3 Too many pods.", Cause::TooManyPods),
        ("0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules.", Cause::Affinity),
        ("0/3 nodes are available: 3 node(s) didn't match pod affinity rules.", Cause::Affinity),
        (
            "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.",
            Cause::NodeSelector,
        ),
        (
            "0/3 nodes are available: 3 node(s) didn't match pod topology spread constraints (missing required label).",
            Cause::TopologySpread,
        ),
        (
            "0/3 nodes are available: 3 node(s) didn't have free ports for the requested pod ports.",
            Cause::HostPort,
        ),
        (
            "0/3 nodes are available: 3 node(s) didn't match PersistentVolume's node affinity.",
            Cause::VolumeZone,
        ),
        (
            "0/4 nodes are available: 1 Insufficient cpu, 3 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }.",
            Cause::InsufficientCpu,
        ),
        (
            "0/4 nodes are available: 3 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 1 node(s) were unschedulable.",
            Cause::Cordoned,
        ),
        (
            "0/2 nodes are available: 2 node(s) had untolerated taint {node.kubernetes.io/disk-pressure: }.",
            Cause::Taint,
        ),
        (
            r#"0/3 nodes are available: persistentvolumeclaim "data" not found. not found"#,
            Cause::MissingClaim,
        ),
        (
            "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found",
            Cause::UnboundClaim,
        ),
        ("0/0 nodes are available: .", Cause::NoNode),
        ("no nodes available to schedule pods", Cause::NoNode),
        ("Insufficient cpu", Cause::Unknown),
        ("", Cause::Unknown),
    ];
    for (message, cause) in table {
        assert_eq!(constraint(message, false), cause, "{message}");
        if message.contains(" nodes are available: 3") {
            assert_eq!(constraint(&format!("{message} {rest}"), false), cause, "{message}");
        }
    }
    let bound = "0/3 nodes are available: 1 node(s) didn't have free ports for the requested pod ports, 2 node(s) didn't satisfy plugin(s) [NodeAffinity].";
    assert_eq!(constraint(bound, true), Cause::HostPort);
}

fn pending(message: &str) -> PodFacts {
    let mut p = pod("cart", 1, 0, 0);
    (p.phase, p.containers) = (Phase::Pending, Box::default());
    p.asks = Some(Box::default());
    let says = Says {
        reason: if message.is_empty() { "".into() } else { "Unschedulable".into() },
        message: message.into(),
    };
    let since = Some(at(1)).filter(|_| !message.is_empty());
    p.scheduled = Condition { status: Truth::False, since, says: says.into() }.into();
    p
}

fn look(p: PodFacts, nodes: &[NodeFacts], second: i64) -> Looked {
    let mut view = View::default();
    let facts =
        [crate::tests::make::deployment("cart", 1, 1).into(), replica_set("cart", 1, 1).into(), p.into()];
    for fact in facts.into_iter().chain(nodes.iter().cloned().map(Fact::from)) {
        view.apply(Delta::Applied(fact), at(0));
    }
    FailedScheduling.look(&Look::new(&view, &scope("cart"), at(second), &Params::default()))
}

fn node(name: &str, role: &str, cordoned: bool) -> NodeFacts {
    let mut node = NodeFacts { cordoned, ..NodeFacts::default() };
    (node.meta.name, node.meta.uid) = (name.into(), name.into());
    node.meta.labels.all = LabelSet([("role".into(), role.into())].into());
    node
}

#[test]
fn it_waits_ninety_seconds_for_a_node() {
    let p = pending("0/3 nodes are available: 3 Insufficient cpu.");
    assert_eq!(look(p.clone(), &[], 90), Looked::later(at(91)));
    let finding = look(p.clone(), &[], 91).finding.unwrap();
    assert_eq!((finding.cause, finding.since, finding.affected), (Cause::InsufficientCpu, at(1), 1));
    let mut gated = p;
    gated.scheduled.reason = "SchedulingGated".into();
    assert_eq!(look(gated, &[], 5000), Looked::default());
}

#[test]
fn a_pod_that_no_scheduler_has_seen_asks_for_one_that_does_not_run() {
    let mut p = pending("");
    p.asks = Some(Box::new(Asks { scheduler: "my-scheduler".into(), ..Asks::default() }));
    let finding = look(p, &[], 90).finding.unwrap();
    assert_eq!(finding.cause, Cause::NoScheduler);
    assert_eq!(finding.detail, "scheduler my-scheduler has not looked at the pod");
}

#[test]
fn the_nodes_tell_selector_taint_and_cordon_apart() {
    let both = "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s).";
    let mut p = pending(both);
    assert_eq!(look(p.clone(), &[], 99).finding.unwrap().cause, Cause::Taint, "by affinity");
    p.asks = Some(Box::new(Asks {
        selector: LabelSet([("role".into(), "gpu".into())].into()),
        ..Asks::default()
    }));
    let (gpu, web) = (node("n1", "gpu", false), node("n2", "web", false));
    assert_eq!(look(p.clone(), &[gpu, web.clone()], 99).finding.unwrap().cause, Cause::Taint);
    assert_eq!(look(p.clone(), std::slice::from_ref(&web), 99).finding.unwrap().cause, Cause::NodeSelector);
    assert_eq!(look(p, &[web, node("n1", "gpu", true)], 99).finding.unwrap().cause, Cause::Cordoned);
}

#[test]
fn a_drain_is_given_time_while_others_serve() {
    use crate::facts::Taint;
    use crate::tests::make::{ready, runs};
    let words = "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.";
    let mut moved = pending(words);
    (moved.meta.created, moved.scheduled.since) = (Some(at(100)), Some(at(100)));
    let mut serving = pod("cart", 1, 1, 0);
    runs(&mut serving, 0);
    ready(&mut serving, 1);
    let cordoned = |since: i64| {
        let taint = Taint {
            key: "node.kubernetes.io/unschedulable".into(),
            effect: "NoSchedule".into(),
            added: Some(at(since)),
            ..Taint::default()
        };
        NodeFacts { taints: [taint].into(), ..node("n1", "web", true) }
    };
    let look = |moved: &PodFacts, node: NodeFacts, serves: bool, second: i64| {
        let mut view = View::default();
        let others = [crate::tests::make::deployment("cart", 1, 2).into(), replica_set("cart", 1, 2).into()];
        let pods = [Fact::from(moved.clone())].into_iter().chain(serves.then(|| serving.clone().into()));
        for fact in others.into_iter().chain(pods).chain([node.into()]) {
            view.apply(Delta::Applied(fact), at(0));
        }
        FailedScheduling.look(&Look::new(&view, &scope("cart"), at(second), &Params::default()))
    };
    assert_eq!(look(&moved, cordoned(90), true, 200), Looked::later(at(460)), "moved, and others serve");
    assert!(look(&moved, cordoned(90), true, 460).finding.is_some(), "the drain does not end");
    assert!(look(&moved, cordoned(90), false, 190).finding.is_some(), "nothing serves");
    assert!(look(&moved, cordoned(110), true, 190).finding.is_some(), "it waited before the drain began");
    assert!(look(&moved, cordoned(-2000), true, 190).finding.is_some(), "cordoned long ago");
    assert!(look(&moved, node("n1", "web", false), true, 190).finding.is_some(), "no node is cordoned");
    let other = pending("0/3 nodes are available: 3 Insufficient cpu.");
    assert!(look(&other, cordoned(-10), true, 91).finding.is_some(), "no cordoned node is why");
}
