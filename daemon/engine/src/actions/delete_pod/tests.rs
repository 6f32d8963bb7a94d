//! Cases of testdata/actions/delete_pod: the pod that was approved with what is around it, and how the cluster looks when
//! the request is due (merge patches on that). UPDATE_EXPECT=1 writes `.out.json` anew.

use super::super::testing::{cases, folder, merge, object, read};
use super::super::{around as asks, body, change, pointers, sealed, source, stands, written};
use super::*;
use expect_test::expect_file;
use nightshift_model::measure::ClusterCondition;
use nightshift_model::{Action, Kind, NotChecked, Sealed};
use serde::Deserialize;

#[derive(Deserialize)]
struct Approved {
    pod: Value,
    workload: ObjectRef,
    siblings: Vec<Value>,
    budget: Value,
}

#[derive(Deserialize)]
struct Case {
    what: String,
    #[serde(default)]
    pod: Value,
    /// On every sibling.
    #[serde(default)]
    siblings: Value,
    /// On the budget, if there is one.
    #[serde(default)]
    budget: Value,
    /// What else was approved.
    #[serde(default)]
    alone: bool,
    workload: Option<ObjectRef>,
}

fn approved() -> Approved {
    read(&folder("delete_pod").join("approved.json"))
}

fn told(value: &Value) -> RawPart {
    RawPart::Body { status: 200, body: value.to_string().into_bytes(), cut: false }
}

fn or_empty(patch: &Value) -> Value {
    if patch.is_null() { json!({}) } else { patch.clone() }
}

#[test]
fn every_case_says_what_would_be_sent() {
    let approved = approved();
    for path in cases(&folder("delete_pod")) {
        let case: Case = read(&path);
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let live = merge(&approved.pod, &or_empty(&case.pod));
        let mut pods = vec![live.clone()];
        pods.extend(approved.siblings.iter().map(|pod| merge(pod, &or_empty(&case.siblings))));
        let budgets: Vec<Value> =
            case.budget.as_object().map(|_| merge(&approved.budget, &case.budget)).into_iter().collect();
        let around = [
            told(&json!({"kind": "PodList", "items": pods})),
            told(&json!({"kind": "PodDisruptionBudgetList", "items": budgets})),
        ];
        let action = Action::DeletePod {
            target: object(Kind::Pod, &approved.pod),
            workload: case.workload.clone().unwrap_or_else(|| approved.workload.clone()),
            alone: case.alone,
        };
        let answer = match super::super::fits(&action, &live, None, &around) {
            Ok(()) => {
                let Ok(Sealed::Bytes(bytes)) = sealed(&action) else {
                    panic!("{name}: its bytes are sealed")
                };
                let sent: Value = serde_json::from_slice(&framed(&bytes, "48213377").unwrap()).unwrap();
                json!({"what": case.what, "stands": stands(&action, &live), "delete": sent})
            }
            Err(why) => json!({"what": case.what, "refused": why}),
        };
        assert_eq!(name.starts_with("negative"), answer.get("refused").is_some(), "{name}: {answer}");
        let pretty = serde_json::to_string_pretty(&answer).unwrap() + "\n";
        expect_file![folder("delete_pod").join(format!("{name}.out.json"))].assert_eq(&pretty);
    }
}

#[test]
fn what_is_sent_is_what_was_sealed_and_the_version_and_a_preview_says_so_in_its_body() {
    let target = object(Kind::Pod, &approved().pod);
    let action = Action::DeletePod { target: target.clone(), workload: approved().workload, alone: false };
    let Ok(Sealed::Bytes(bytes)) = sealed(&action) else { panic!() };
    let mut sent: Value = serde_json::from_slice(&framed(&bytes, "7").unwrap()).unwrap();
    assert_eq!(sent["preconditions"]["resourceVersion"], "7");
    sent["preconditions"].as_object_mut().unwrap().remove("resourceVersion");
    assert_eq!(sent, serde_json::from_str::<Value>(&bytes).unwrap());
    assert_eq!(sent["preconditions"], json!({"uid": target.uid}));
    assert!(framed(&bytes, "").is_err(), "a delete without a version is never sent");
    for bad in ["", "[]", "{}", r#"{"preconditions": 1}"#] {
        assert!(framed(bad, "7").is_err(), "{bad}");
    }
    let rehearsed: Value = serde_json::from_slice(&rehearsal(&target)).unwrap();
    assert_eq!(rehearsed["dryRun"], json!(["All"]));
    assert_eq!(rehearsed["preconditions"], json!({"uid": target.uid}));
    assert!(!action.marks() && source(&action).is_none() && pointers(&action).is_empty());
    assert!(body(&action, &json!({}), None).is_err(), "no patch is ever made of it");
    assert_eq!(written(&action), ClusterCondition::PodReplaced { pod: target.clone() });
    assert_eq!(asks(&action, "app=cart").len(), 2);
    let (before, after) = change(&action, json!({"spec": 1}), json!({"spec": 2}));
    assert_eq!((before["metadata"]["uid"].as_str(), after), (Some(target.uid.as_str()), json!({})));
}

#[test]
fn what_cannot_be_read_forbids_it() {
    let approved = approved();
    let target = object(Kind::Pod, &approved.pod);
    let mut pods = vec![approved.pod.clone()];
    pods.extend(approved.siblings);
    let pods = told(&json!({"kind": "PodList", "items": pods}));
    let none = told(&json!({"kind": "PodDisruptionBudgetList", "items": null}));
    let asked = |around: &[RawPart]| fits((&target, &approved.workload, false), &approved.pod, around);
    assert_eq!(asked(&[pods.clone(), none.clone()]), Ok(()));
    let forbidden = RawPart::Body { status: 403, body: b"{}".to_vec(), cut: false };
    let lost = RawPart::Failed { why: NotChecked::TimedOut, detail: String::new() };
    let cut = RawPart::Body { status: 200, body: b"{}".to_vec(), cut: true };
    for part in [forbidden, lost, cut, told(&json!([])), told(&json!({"kind": "Pod"}))] {
        assert!(asked(&[part.clone(), none.clone()]).is_err(), "{part:?}");
        assert!(asked(&[pods.clone(), part.clone()]).is_err(), "{part:?}");
    }
    assert!(asked(&[]).is_err() && asked(&[pods]).is_err());
}

#[test]
fn a_lost_answer_is_looked_for_on_the_pod_and_never_guessed() {
    let approved = approved();
    let target = object(Kind::Pod, &approved.pod);
    let found = |part: &RawPart| super::found(&target, part);
    let with = |patch: Value| told(&merge(&approved.pod, &patch));
    assert_eq!(found(&told(&approved.pod)), Recovered::NotApplied);
    let leaving = json!({"metadata": {"deletionTimestamp": "2026-03-01T10:00:00Z", "resourceVersion": "9"}});
    assert_eq!(found(&with(leaving)), Recovered::Applied { resource_version: "9".to_owned() });
    let gone = RawPart::Body { status: 404, body: b"{}".to_vec(), cut: false };
    let other = with(json!({"metadata": {"uid": "11111111-2222-3333-4444-555555555555"}}));
    let refused = RawPart::Body { status: 403, body: b"{}".to_vec(), cut: false };
    let lost = RawPart::Failed { why: NotChecked::TimedOut, detail: String::new() };
    for part in [gone, other, refused, lost, told(&json!(null))] {
        assert!(matches!(found(&part), Recovered::Unknown { .. }), "{part:?}");
    }
}
