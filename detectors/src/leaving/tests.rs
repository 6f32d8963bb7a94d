use super::*;
use crate::facts::{Condition, DeploymentFacts, Meta, Truth};
use crate::tests::make::{at, deployment, pod, replica_set, scope};
use crate::view::Delta;
use crate::{Detection, detect};
use nightshift_model::{Reason, Seconds};

fn applied(fact: impl Into<Fact>) -> Delta {
    Delta::Applied(fact.into())
}

fn deleted(fact: impl Into<Fact>) -> Delta {
    let object = fact.into().object();
    Delta::Deleted { kind: object.kind, uid: object.uid, namespace: object.namespace, name: object.name }
}

fn namespace(name: &str, deleting: Option<Timestamp>) -> NamespaceFacts {
    let meta = Meta {
        name: name.into(),
        uid: format!("ns/{name}").into(),
        created: Some(at(-9000)),
        deleting,
        ..Meta::default()
    };
    NamespaceFacts { meta, ..NamespaceFacts::default() }
}

/// A complete view with Deployment cart, its set and a pod.
fn view() -> View {
    let mut view = View::default();
    view.apply(applied(namespace("shop", None)), at(0));
    view.apply(applied(deployment("cart", 1, 1)), at(0));
    view.apply(applied(replica_set("cart", 1, 1)), at(0));
    view.apply(applied(pod("cart", 1, 0, 0)), at(0));
    for kind in Fact::KINDS {
        view.apply(Delta::Synced { kind: kind.clone() }, at(0));
    }
    view
}

fn seen(view: &View, scope: &ObjectRef, second: i64) -> Option<(Going, Option<Timestamp>)> {
    let leaving = leaving(view, scope, at(second), &Params::default());
    leaving.map(|leaving| (leaving.what, leaving.until))
}

#[test]
fn what_stays_is_not_leaving() {
    let view = view();
    assert_eq!(seen(&view, &scope("cart"), 10), None);
    let node = ObjectRef::new(Kind::Node, "", "n1", "n1");
    assert!(seen(&view, &node, 10).is_some(), "a node that is not there, and nothing is left of it");
    let asked = ObjectRef::new(Kind::Deployment, "shop", "other", "");
    assert_eq!(seen(&view, &asked, 10), None, "known by name only: nothing can be said");
}

#[test]
fn a_namespace_takes_everything_in_it_along_until_a_moment_after_it_went() {
    let mut view = view();
    view.apply(applied(NamespaceFacts { terminating: true, ..namespace("shop", None) }), at(10));
    assert_eq!(seen(&view, &scope("cart"), 10), Some((Going::Namespace, None)));
    view.apply(applied(namespace("shop", Some(at(10)))), at(11));
    assert_eq!(seen(&view, &scope("cart"), 5000), Some((Going::Namespace, None)), "however long it takes");
    view.apply(deleted(namespace("shop", None)), at(20));
    assert_eq!(seen(&view, &scope("cart"), 30), Some((Going::Namespace, Some(at(140)))));
    assert_eq!(seen(&view, &scope("cart"), 140), None, "it was not all in that namespace after all");
    view.apply(applied(namespace("shop", None)), at(31));
    assert_eq!(seen(&view, &scope("cart"), 32), None, "made anew");
}

#[test]
fn a_workload_that_is_deleted_leaves_and_so_does_what_it_leaves_behind() {
    let mut view = view();
    let mut going: DeploymentFacts = deployment("cart", 1, 1);
    going.meta.deleting = Some(at(10));
    view.apply(applied(going), at(10));
    assert_eq!(seen(&view, &scope("cart"), 11), Some((Going::Itself, None)));
    view.apply(deleted(deployment("cart", 1, 1)), at(12));
    assert_eq!(seen(&view, &scope("cart"), 13), Some((Going::Gone, Some(at(132)))));
    assert_eq!(seen(&view, &scope("cart"), 132), None, "its pods should have followed by now");
    // Another one under its name: what is left belongs to the old one still.
    let mut again = deployment("cart", 1, 1);
    again.meta.uid = "another".into();
    view.apply(applied(again.clone()), at(140));
    assert_eq!(seen(&view, &scope("cart"), 150), Some((Going::Gone, Some(at(260)))));
    assert_eq!(seen(&view, &again.meta.object(Kind::Deployment), 150), None);
    view.apply(deleted(replica_set("cart", 1, 1)), at(151));
    view.apply(deleted(pod("cart", 1, 0, 0)), at(152));
    assert_eq!(seen(&view, &scope("cart"), 9000), Some((Going::Gone, None)), "nothing is left of it");
}

#[test]
fn an_owner_that_is_not_known_yet_is_not_gone() {
    let mut view = View::default();
    view.apply(applied(pod("cart", 1, 0, 0)), at(0));
    let set = replica_set("cart", 1, 1).meta.object(Kind::ReplicaSet);
    assert_eq!(seen(&view, &set, 10), None, "the first list is not complete");
    view.apply(Delta::Synced { kind: Kind::ReplicaSet }, at(11));
    assert_eq!(seen(&view, &set, 12), None, "a pod may be told before its owner");
    view.apply(applied(replica_set("cart", 1, 1)), at(13));
    view.apply(deleted(replica_set("cart", 1, 1)), at(20));
    assert_eq!(seen(&view, &set, 21), Some((Going::Gone, Some(at(140)))));
}

fn api() -> ApiServiceFacts {
    let meta =
        Meta { name: "v1.x.io".into(), uid: "api".into(), created: Some(at(-9000)), ..Meta::default() };
    let available = Condition { status: Truth::False, since: Some(at(5)), ..Condition::default() };
    ApiServiceFacts { meta, service: Some(("ops".into(), "api".into())), available }
}

#[test]
fn who_calls_into_a_namespace_that_goes_has_a_bounded_grace() {
    let mut view = view();
    view.apply(applied(namespace("ops", None)), at(0));
    view.apply(applied(api()), at(0));
    let scope = api().meta.object(Kind::APIService);
    assert_eq!(seen(&view, &scope, 10), None);
    view.apply(applied(namespace("ops", Some(at(20)))), at(20));
    assert_eq!(seen(&view, &scope, 21), Some((Going::Service, Some(at(260)))));
    assert_eq!(seen(&view, &scope, 260), None, "the namespace is stuck, and others suffer");
    view.apply(deleted(namespace("ops", None)), at(300));
    assert_eq!(seen(&view, &scope, 301), Some((Going::Service, Some(at(420)))));
    assert_eq!(seen(&view, &scope, 420), None);
}

#[test]
fn a_look_says_that_its_scope_leaves_and_when_to_look_again() {
    let mut view = view();
    view.apply(deleted(namespace("shop", None)), at(20));
    let Detection { leaving, recheck_at, .. } = detect(&view, &scope("cart"), at(21), &Params::default());
    assert_eq!(leaving.map(|l| l.what), Some(Going::Namespace));
    assert!(recheck_at.is_some_and(|at_| at_ <= at(140)), "{recheck_at:?}");
}

#[test]
fn a_namespace_that_does_not_go_is_told_all_the_same() {
    let mut view = view();
    let mut stuck = namespace("shop", Some(at(0)));
    let mut hold = Condition { status: Truth::True, ..Condition::default() };
    hold.message = "pods".into();
    stuck.holds = [("NamespaceFinalizersRemaining".into(), hold)].into();
    view.apply(applied(stuck.clone()), at(1));
    let late = at(0) + Seconds(Params::default().deletion.0 + 1);
    let seen = detect(&view, &stuck.meta.object(Kind::Namespace), late, &Params::default());
    assert_eq!(seen.findings.iter().map(|f| f.reason).collect::<Vec<_>>(), [Reason::Terminating]);
    assert_eq!(seen.leaving.map(|l| l.what), Some(Going::Itself));
}
