use super::*;
use crate::facts::Fact;
use crate::tests::make::{at, deployment, ends, pod, ready, replica_set, runs, scope};
use crate::view::Delta;

const AFTER: Seconds = Seconds(600);

/// Two healthy pods, Ready at 10 and 20 s.
fn facts() -> (DeploymentFacts, ReplicaSetFacts, [PodFacts; 2]) {
    let started = |i: u32, second: i64| {
        let mut p = pod("cart", 2, i, 0);
        runs(&mut p, second - 5);
        ready(&mut p, second);
        p.containers[0].spec.image_id = "cart@sha256:1".into();
        p
    };
    (deployment("cart", 2, 2), replica_set("cart", 2, 2), [started(0, 10), started(1, 20)])
}

fn view(facts: (DeploymentFacts, ReplicaSetFacts, [PodFacts; 2])) -> View {
    let mut view = View::default();
    let (deployment, set, pods) = facts;
    let sets: [Fact; 3] = [deployment.into(), set.into(), replica_set("cart", 1, 0).into()];
    for fact in sets.into_iter().chain(pods.map(Fact::from)) {
        view.apply(Delta::Applied(fact), at(0));
    }
    view
}

#[test]
fn a_revision_is_healthy_after_its_last_pod_was_ready_for_long_enough() {
    let view = view(facts());
    let early = healthy(&view, &scope("cart"), at(619), AFTER);
    assert_eq!(early, Health { seen: None, recheck_at: Some(at(620)) });
    let seen = healthy(&view, &scope("cart"), at(620), AFTER).seen.unwrap();
    assert_eq!(
        (seen.number, seen.template_hash.as_str(), seen.since, seen.at),
        (2, "hash2", at(20), at(620))
    );
    assert_eq!(seen.replica_set.uid, "ReplicaSet/cart-2");
    assert_eq!(seen.images.len(), 1);
    let rollout = rollout_state(&view, &scope("cart")).unwrap();
    assert_eq!((rollout.revision, rollout.complete), (2, true));
    assert!(rollout_state(&view, &ObjectRef::new(Kind::Pod, "shop", "p", "p")).is_none());
}

#[test]
fn a_restart_begins_the_time_anew() {
    let mut all = facts();
    ends(&mut all.2[0], 1, 5, 300);
    runs(&mut all.2[0], 301);
    ready(&mut all.2[0], 20); // the kubelet never showed it as not Ready
    assert_eq!(healthy(&view(all), &scope("cart"), at(700), AFTER).recheck_at, Some(at(901)));
}

#[test]
fn what_is_not_whole_is_not_healthy() {
    type Change = fn(&mut (DeploymentFacts, ReplicaSetFacts, [PodFacts; 2]));
    let changes: &[(&str, Change)] = &[
        ("scaled to zero", |f| (f.0.wanted, f.0.updated, f.0.replicas, f.0.available) = (0, 0, 0, 0)),
        ("one replica is missing", |f| f.0.available = 1),
        ("an old replica is left", |f| f.0.replicas = 3),
        ("the status is behind", |f| f.0.meta.generation = 9),
        ("the ReplicaSet is behind", |f| f.1.available = 1),
        ("the ReplicaSet's status is behind", |f| f.1.meta.generation = 9),
        ("the Deployment is a revision ahead", |f| f.0.meta.annotations.revision = 3),
        ("a pod is being deleted", |f| f.2[0].meta.deleting = Some(at(1))),
        ("a container is not ready", |f| f.2[0].containers[0].ready = false),
        ("a pod is not Ready", |f| crate::tests::make::unready(&mut f.2[1], 30)),
    ];
    for (what, change) in changes {
        let mut all = facts();
        change(&mut all);
        assert_eq!(healthy(&view(all), &scope("cart"), at(9000), AFTER), Health::default(), "{what}");
    }
}

#[test]
fn a_tag_that_moved_shows_both_digests() {
    let mut all = facts();
    all.2[1].containers[0].spec.image_id = "cart@sha256:2".into();
    let seen = healthy(&view(all), &scope("cart"), at(9000), AFTER).seen.unwrap();
    let ids: Vec<&str> = seen.images.iter().map(|i| i.image_id.as_str()).collect();
    assert_eq!(ids, ["cart@sha256:1", "cart@sha256:2"]);
}

/// Two healthy pods of a StatefulSet or DaemonSet, Ready at 10 and 20 s.
fn owned(kind: &Kind) -> [PodFacts; 2] {
    let mut pods = facts().2;
    for pod in &mut pods {
        let owner = crate::facts::Owner { kind: kind.clone(), name: "cart".into(), uid: "set".into() };
        pod.meta.owner = Some(owner.into());
        pod.meta.labels =
            crate::facts::Labels { revision_hash: "cart-6c8d".into(), ..crate::facts::Labels::default() }
                .into();
    }
    pods
}

fn set_meta() -> crate::facts::Meta {
    crate::facts::Meta {
        uid: "set".into(),
        annotations: crate::facts::Rare::default(),
        ..deployment("cart", 2, 2).meta
    }
}

fn stateful_set() -> StatefulSetFacts {
    let mut set = StatefulSetFacts { meta: set_meta(), wanted: 2, ..StatefulSetFacts::default() };
    (set.replicas, set.ready, set.available, set.updated) = (2, 2, 2, 2);
    (set.current_revision, set.update_revision) = ("cart-6c8d".into(), "cart-6c8d".into());
    set
}

fn daemon_set() -> DaemonSetFacts {
    let mut set = DaemonSetFacts { meta: set_meta(), desired: 2, ..DaemonSetFacts::default() };
    (set.current, set.ready, set.available, set.updated) = (2, 2, 2, 2);
    set
}

fn seen(set: Fact, pods: [PodFacts; 2], second: i64) -> Health {
    let scope = set.object();
    let mut view = View::default();
    for fact in std::iter::once(set).chain(pods.map(Fact::from)) {
        view.apply(Delta::Applied(fact), at(0));
    }
    healthy(&view, &scope, at(second), AFTER)
}

#[test]
fn a_stateful_set_and_a_daemon_set_have_healthy_revisions_by_name() {
    let seen_set = seen(stateful_set().into(), owned(&Kind::StatefulSet), 620).seen.unwrap();
    assert_eq!(seen_set.replica_set.to_string(), "ControllerRevision shop/cart-6c8d");
    assert_eq!((seen_set.template_hash.as_str(), seen_set.since), ("cart-6c8d", at(20)));
    let mut pods = owned(&Kind::DaemonSet);
    for pod in &mut pods {
        pod.meta.labels.revision_hash = "6c8d".into();
    }
    assert_eq!(seen(daemon_set().into(), pods.clone(), 619).recheck_at, Some(at(620)));
    let seen_set = seen(daemon_set().into(), pods, 620).seen.unwrap();
    assert_eq!(seen_set.replica_set.to_string(), "ControllerRevision shop/cart-6c8d");
    assert_eq!((seen_set.template_hash.as_str(), &seen_set.workload.kind), ("6c8d", &Kind::DaemonSet));
    let holder = |uid: &str| ObjectRef { uid: uid.to_owned(), ..seen_set.replica_set.clone() };
    assert!(seen_set.is_kept_in(&holder("any")));
    assert!(!seen_set.is_kept_in(&ObjectRef { name: "cart-7d9e".to_owned(), ..holder("any") }));
}

#[test]
fn a_set_that_is_not_whole_is_not_healthy() {
    type Change = fn(&mut (StatefulSetFacts, DaemonSetFacts, [PodFacts; 2]));
    let changes: &[(&str, Change)] = &[
        ("nothing is wanted", |f| (f.0.wanted, f.1.desired) = (0, 0)),
        ("a pod is not updated", |f| (f.0.updated, f.1.updated) = (1, 1)),
        ("a pod is not available", |f| (f.0.available, f.1.available) = (1, 1)),
        ("the status is behind", |f| (f.0.meta.generation, f.1.meta.generation) = (9, 9)),
        ("one pod is of another revision", |f| f.2[1].meta.labels.revision_hash = "cart-5b7c".into()),
        ("no pod names its revision", |f| {
            f.0.update_revision = "".into();
            f.2.iter_mut().for_each(|pod| pod.meta.labels.revision_hash = "".into());
        }),
        ("a pod is being deleted", |f| f.2[0].meta.deleting = Some(at(1))),
    ];
    for (what, change) in changes {
        for kind in [Kind::StatefulSet, Kind::DaemonSet] {
            let mut all = (stateful_set(), daemon_set(), owned(&kind));
            change(&mut all);
            let set = if kind == Kind::StatefulSet { all.0.into() } else { Fact::from(all.1) };
            assert_eq!(seen(set, all.2, 9000), Health::default(), "{kind}: {what}");
        }
    }
}
