use super::*;
use crate::samples::{at, nightshift, proposal};
use nightshift_model::{Kind, ObjectRef, Risk};
use serde_json::json;

fn deployment() -> Value {
    json!({
        "metadata": {"uid": "uid-cart", "generation": 2, "resourceVersion": "9",
            "annotations": {"deployment.kubernetes.io/revision": "2"}},
        "spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": "cart"}}, "spec": {"x": 2}}},
    })
}

fn replica_set() -> Value {
    let template =
        json!({"metadata": {"labels": {"app": "cart", "pod-template-hash": "h"}}, "spec": {"x": 1}});
    json!({"metadata": {"uid": "uid-rs"}, "spec": {"template": template}})
}

fn pods(state: &Value) -> Value {
    json!({"kind": "PodList", "items": [{"status": {"containerStatuses": [{"restartCount": 3, "state": state}]}}]})
}

fn looping() -> Value {
    pods(&json!({"waiting": {"reason": "CrashLoopBackOff"}}))
}

/// A plan that was sealed on exactly these objects.
fn plan() -> Plan {
    let mut plan = proposal(Risk::Medium, nightshift()).plan().clone();
    let revision = |number, uid: &str, template| nightshift_model::RevisionRef {
        replica_set: ObjectRef::new(Kind::ReplicaSet, "shop", "cart-1", uid),
        number,
        template,
        images: Vec::new(),
        healthy_at: Some(at(0)),
    };
    let earlier = template_digest(replica_set().pointer("/spec/template").unwrap());
    let target = plan.action.target().clone();
    plan.action = Action::RollbackDeployment { target: target.clone(), to: revision(1, "uid-rs", earlier) };
    let current = template_digest(deployment().pointer("/spec/template").unwrap());
    plan.inverse.action = Some(Action::RollbackDeployment { target, to: revision(2, "uid-rs2", current) });
    plan.preconditions.spec = spec_digest(&deployment(), false);
    plan
}

fn body(value: &Value) -> RawPart {
    RawPart::Body { status: 200, body: value.to_string().into_bytes(), cut: false }
}

fn seen(target: &Value, source: &Value, pods: &Value) -> Look {
    Look { target: body(target), source: Some(body(source)), pods: body(pods), at: at(60) }
}

fn told(look: &Look) -> Since {
    since(&plan(), Reason::CrashLoopBackOff, look, Seconds(600))
}

#[test]
fn the_same_objects_differ_in_nothing() {
    assert_eq!(told(&seen(&deployment(), &replica_set(), &looping())), Since::default());
    let mut status = deployment();
    status["metadata"]["resourceVersion"] = json!("77");
    status["status"] = json!({"replicas": 1});
    assert_eq!(told(&seen(&status, &replica_set(), &looping())), Since::default(), "status always moves");
}

#[test]
fn each_difference_is_a_line_of_its_own() {
    let with = |pointer: &str, value: Value| {
        let mut object = deployment();
        let (parent, last) = pointer.rsplit_once('/').unwrap();
        object.pointer_mut(parent).unwrap()[last] = value;
        object
    };
    let mut rolled = with("/spec/template/spec/x", json!(3));
    rolled["metadata"]["generation"] = json!(3);
    rolled["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("3");
    let mut back = deployment();
    back["spec"]["template"] = replica_set()["spec"]["template"].clone();
    for (target, lines) in [
        (with("/metadata/uid", json!("other")), vec!["created again"]),
        (with("/metadata/deletionTimestamp", json!("2026-01-01T00:00:00Z")), vec!["is being deleted"]),
        (with("/metadata/generation", json!(4)), vec!["spec is the sealed one (generation 2 became 4)"]),
        (with("/spec/replicas", json!(5)), vec!["The spec of"]),
        (rolled, vec!["Revision 3 was rolled out; revision 2", "(generation 2 became 3)"]),
        (back, vec!["The spec of", "revision 1 stands there already"]),
    ] {
        let since = told(&seen(&target, &replica_set(), &looping()));
        assert_eq!((since.changed.len(), since.unread.len()), (lines.len(), 0), "{since:?}");
        for (line, part) in since.changed.iter().zip(lines) {
            assert!(line.contains(part) && line.ends_with('.'), "{line}");
        }
    }
}

#[test]
fn what_the_body_comes_from_and_the_symptom_are_looked_at_too() {
    let mut other = replica_set();
    other["metadata"]["uid"] = json!("other");
    let mut edited = replica_set();
    edited["spec"]["template"]["spec"]["x"] = json!(9);
    for (source, part) in [(other, "created again"), (edited, "not the one that was sealed")] {
        let since = told(&seen(&deployment(), &source, &looping()));
        assert!(matches!(since.changed.as_slice(), [line] if line.contains(part)), "{since:?}");
    }
    for (pods, part) in [
        (pods(&json!({"running": {}})), "The symptom is gone: no container crash-loops any more."),
        (json!({"kind": "PodList", "items": []}), "the target has no pods"),
    ] {
        let since = told(&seen(&deployment(), &replica_set(), &pods));
        assert!(matches!(since.changed.as_slice(), [line] if line.contains(part)), "{since:?}");
    }
}

#[test]
fn what_is_gone_has_changed_and_what_does_not_answer_was_not_read() {
    let gone = RawPart::Body { status: 404, body: Vec::new(), cut: false };
    let look =
        Look { target: gone.clone(), source: Some(gone), ..seen(&deployment(), &replica_set(), &looping()) };
    let since = told(&look);
    assert!(since.changed.iter().all(|line| line.contains("is gone")), "{since:?}");
    assert_eq!((since.changed.len(), since.unread.len()), (2, 0));

    for part in [
        RawPart::Body { status: 403, body: Vec::new(), cut: false },
        RawPart::Body { status: 200, body: b"<html>\x1b[31m".to_vec(), cut: false },
        RawPart::Body { status: 200, body: b"{".to_vec(), cut: true },
        RawPart::Failed { why: NotChecked::Unreachable, detail: "refused\u{1b}[31m".to_owned() },
    ] {
        let look = Look { target: part.clone(), source: Some(part.clone()), pods: part, at: at(0) };
        let since = told(&look);
        assert_eq!((since.changed.len(), since.unread.len()), (0, 3), "{since:?}");
        assert!(!since.unread.concat().contains('\u{1b}'), "{since:?}");
    }
}
