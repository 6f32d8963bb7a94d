//! Injected faults.

use super::*;
use crate::{Fault, Scope, Verb};

fn replicas(count: i64) -> Value {
    json!({"spec": {"replicas": count}})
}

#[test]
fn a_status_before_anything_is_applied() {
    let mut sim = healthy(1);
    let on = Scope::new(Verb::Patch, "/apis/apps/v1").times(2).skip(1);
    sim.fault(Fault::Status { on, code: 429, reason: "TooManyRequests".into(), retry_after: Some(3) });
    let codes: Vec<_> =
        (2..6).map(|count| patch(&mut sim, WEB, MERGE, &replicas(count), 31).status).collect();
    assert_eq!(codes, [200, 429, 429, 200]);
    assert_eq!(web(&sim)["spec"]["replicas"], 5);
    assert_eq!(sim.accepted().iter().filter(|one| one.user == "nightshift").count(), 2);
}

#[test]
fn applied_then_timeout_or_lost() {
    let mut sim = healthy(1);
    sim.fault(Fault::AppliedThenGatewayTimeout { on: Scope::new(Verb::Patch, WEB) });
    sim.fault(Fault::AppliedThenLost { on: Scope::new(Verb::Patch, WEB).containing("\"replicas\":3") });
    let dry = patch(&mut sim, &format!("{WEB}?dryRun=All"), MERGE, &replicas(2), 31);
    assert_eq!(dry.status, 200, "a dry run is not struck");
    assert_eq!(patch(&mut sim, WEB, MERGE, &replicas(2), 31).status, 504);
    assert_eq!(web(&sim)["spec"]["replicas"], 2);
    assert_eq!(patch(&mut sim, WEB, MERGE, &replicas(3), 31).status, 0);
    assert_eq!(web(&sim)["spec"]["replicas"], 3);
    assert_eq!(sim.accepted().iter().filter(|one| one.user == "nightshift" && one.changed).count(), 2);
    sim.fault(Fault::Lost { on: Scope::new(Verb::Any, WEB) });
    assert_eq!(patch(&mut sim, WEB, MERGE, &replicas(4), 31).status, 0);
    assert_eq!(web(&sim)["spec"]["replicas"], 3);
}

#[test]
fn a_hung_watch_says_nothing() {
    let mut sim = healthy(1);
    sim.fault(Fault::HangWatch { on: Scope::new(Verb::Watch, PODS) });
    let id = open(&mut sim, &format!("{PODS}?watch=1"), 31);
    assert!(lines(&mut sim, id, 9000).is_empty());
    let next = open(&mut sim, &format!("{PODS}?watch=1"), 31);
    assert_eq!(lines(&mut sim, next, 31).len(), 1);
    sim.close_watch(id);
    assert_eq!(sim.poll_watch(id, at(9000)), WatchPoll::Closed);
}

#[test]
fn another_controller_reverts() {
    let mut sim = healthy(1);
    let template = web(&sim)["spec"]["template"].clone();
    sim.fault(Fault::Revert {
        namespace: "shop".into(),
        deployment: "web".into(),
        manager: "argocd-controller".into(),
        template,
        after: 5,
    });
    sim.tick(at(40));
    let image = |sim: &Sim| web(sim)["spec"]["template"]["spec"]["containers"][0]["image"].clone();
    let body = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "web:2"}]);
    patch(&mut sim, WEB, JSON, &body, 41);
    sim.tick(at(45));
    assert_eq!(image(&sim), "web:2");
    sim.tick(at(46));
    assert_eq!(image(&sim), "web:1");
    let managers = web(&sim)["metadata"]["managedFields"].to_string();
    assert!(managers.contains("argocd-controller"));
}

#[test]
fn finalizers_hold_back_a_deletion() {
    let mut sim = healthy(1);
    patch(&mut sim, WEB, MERGE, &json!({"metadata": {"finalizers": ["a/b"]}}), 31);
    let answer = send(&mut sim, &ApiRequest::new(Method::Delete, WEB, "nightshift"), 32);
    assert!(answer.value()["metadata"]["deletionTimestamp"].is_string());
    patch(&mut sim, WEB, MERGE, &json!({"metadata": {"finalizers": null}}), 33);
    assert_eq!(sim.get(WEB), None);
}
