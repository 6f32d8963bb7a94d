//! Cases of testdata/actions/re_run_job: the failed Job that was approved, and how the cluster looks when the request is due
//! (merge patches on that). UPDATE_EXPECT=1 writes `.out.json` anew.

use super::super::testing::{cases, folder, merge, object as named, read};
use super::super::{answers, around as asks, body, change, pointers, sealed, source, stands, written};
use super::*;
use expect_test::expect_file;
use nightshift_model::{Action, NotChecked, Sealed};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    what: String,
    #[serde(default)]
    job: Option<Value>,
    /// Jobs that were made of it before.
    #[serde(default)]
    before: Vec<Value>,
}

const OP: &str = "pro-a.1";

fn approved() -> Value {
    read(&folder("re_run_job").join("approved.json"))
}

fn action() -> Action {
    let job = approved();
    let target = named(Kind::Job, &job);
    Action::ReRunJob { version: "17518".to_owned(), body: digest(&target, &job), target }
}

fn parts(action: &Action) -> Approved<'_> {
    let Action::ReRunJob { target, version, body } = action else { panic!("{action:?}") };
    Approved { target, version, body: *body }
}

fn told(value: &Value) -> RawPart {
    RawPart::Body { status: 200, body: value.to_string().into_bytes(), cut: false }
}

fn no_copies() -> [RawPart; 1] {
    [told(&json!({"kind": "PartialObjectMetadataList", "items": null}))]
}

fn sent() -> Value {
    serde_json::from_slice(&framed(&parts(&action()), &approved(), &done(&OpId::from(OP))).unwrap()).unwrap()
}

#[test]
fn every_case_says_what_would_be_sent() {
    for path in cases(&folder("re_run_job")) {
        let case: Case = read(&path);
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let live = merge(&approved(), &case.job.clone().unwrap_or_else(|| json!({})));
        let around = [told(&json!({"kind": "PartialObjectMetadataList", "items": case.before}))];
        let action = action();
        let answer = match super::super::fits(&action, &live, None, &around) {
            Ok(()) => {
                let bytes = framed(&parts(&action), &live, &done(&OpId::from(OP))).unwrap();
                let sent: Value = serde_json::from_slice(&bytes).unwrap();
                json!({"what": case.what, "stands": stands(&action, &live), "create": sent})
            }
            Err(why) => json!({"what": case.what, "refused": why}),
        };
        assert_eq!(name.starts_with("negative"), answer.get("refused").is_some(), "{name}: {answer}");
        let pretty = serde_json::to_string_pretty(&answer).unwrap() + "\n";
        assert!(!pretty.contains(['\u{1b}', '\u{202e}']), "{name}");
        expect_file![folder("re_run_job").join(format!("{name}.out.json"))].assert_eq(&pretty);
    }
}

#[test]
fn what_is_sent_is_the_sealed_copy_and_the_mark_and_the_seal_holds_no_secret() {
    let action = action();
    let Ok(Sealed::Reference { source: from, value, pointers: fields }) = sealed(&action) else { panic!() };
    assert_eq!((&from, fields.len()), (action.target(), 0));
    let sent = sent();
    assert!(is_sealed(&sent, value) && sent.to_string().contains("s3cr3t-canary-value"));
    assert_eq!(sent["metadata"]["annotations"], json!({CLAIM: "done:pro-a.1"}));
    assert!(!serde_json::to_string(&sealed(&action)).unwrap().contains("canary"));
    assert!(!serde_json::to_string(&action).unwrap().contains("canary"));
    let mut more = sent.clone();
    more["spec"]["backoffLimit"] = json!(99);
    let mut unmarked = sent.clone();
    unmarked["metadata"].as_object_mut().unwrap().remove("annotations");
    let mut noted = sent.clone();
    noted["metadata"]["annotations"]["x"] = json!("y");
    let mut owned = sent;
    owned["metadata"]["ownerReferences"] = json!([{"kind": "CronJob"}]);
    for other in [more, unmarked, noted, owned, json!(null), json!([])] {
        assert!(!is_sealed(&other, value), "{other}");
    }
    assert!(!action.marks() && source(&action).is_none() && pointers(&action).is_empty());
    assert!(body(&action, &approved(), None).is_err(), "no patch is ever made of it");
    let job = made(action.target());
    assert_eq!(written(&action), ClusterCondition::JobComplete { job: job.clone(), of: job_uid() });
    assert_eq!(asks(&action, "any").len(), 1);
    let (before, after) = change(&action, json!({"spec": 1}), json!({"spec": 2}));
    assert_eq!((before, after["metadata"]["name"].as_str()), (json!({}), Some(job.name.as_str())));
    assert!(inverse(action.target()).action.is_none());
}

fn job_uid() -> String {
    text(&approved(), "/metadata/uid").to_owned()
}

/// What the API server makes of it: a uid, a selector, labels that name the new Job.
fn stored(sent: &Value) -> Value {
    let uid = "99999999-84fa-4125-95cc-bb1cd7086467";
    let labels = json!({
        "batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": "x",
        "controller-uid": uid, "job-name": "x",
    });
    let selector = json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}});
    merge(
        sent,
        &json!({
            "metadata": {"uid": uid, "resourceVersion": "9", "generation": 1, "creationTimestamp": "2026-11-28T12:00:00Z"},
            "spec": {"selector": selector, "template": {"metadata": {"labels": labels}}}, "status": {},
        }),
    )
}

#[test]
fn a_dry_run_answers_with_the_copy_or_with_something_else() {
    let (action, same) = (action(), stored(&sent()));
    assert!(answers(&action, &same));
    let patches = [
        json!({"metadata": {"name": "sync"}}),
        json!({"metadata": {"labels": {"nightshift.dev/rerun-of": "other"}}, "spec": {"parallelism": 5}}),
        json!({"spec": {"template": {"spec": {"serviceAccountName": "admin"}}}}),
        json!({"spec": {"template": {"metadata": {"labels": {"sidecar": "yes"}}}}}),
        json!({"spec": {"backoffLimit": 6}}),
    ];
    for patch in patches {
        assert!(!answers(&action, &merge(&same, &patch)), "{patch}");
    }
    for nothing in [json!(null), json!({}), json!({"kind": "Status"})] {
        assert!(!answers(&action, &nothing), "{nothing}");
    }
}

#[test]
fn what_cannot_be_read_forbids_it() {
    let action = action();
    let asked = |around: &[RawPart]| fits(&parts(&action), &approved(), around);
    assert_eq!(asked(&no_copies()), Ok(()));
    let forbidden = RawPart::Body { status: 403, body: b"{}".to_vec(), cut: false };
    let lost = RawPart::Failed { why: NotChecked::TimedOut, detail: String::new() };
    let cut = RawPart::Body { status: 200, body: b"{}".to_vec(), cut: true };
    for part in [forbidden, lost, cut, told(&json!([])), told(&json!({"kind": "Job"}))] {
        assert!(asked(std::slice::from_ref(&part)).is_err(), "{part:?}");
    }
    assert!(asked(&[]).is_err());
    for other in [
        json!({"metadata": {"uid": "x"}}),
        json!({"metadata": {"resourceVersion": "1"}}),
        json!({"spec": null}),
    ] {
        let live = merge(&approved(), &other);
        assert!(framed(&parts(&action), &live, "m").is_err(), "{other}");
    }
}

#[test]
fn a_lost_answer_is_looked_for_under_the_name_that_can_be_taken_once() {
    let action = action();
    let op = OpId::from(OP);
    let found = |part: &RawPart| super::found(action.target(), &op, part);
    let ours = stored(&sent());
    assert_eq!(found(&told(&ours)), Recovered::Applied { resource_version: "9".to_owned() });
    let gone = RawPart::Body { status: 404, body: b"{}".to_vec(), cut: false };
    assert_eq!(found(&gone), Recovered::NotApplied);
    let foreign = merge(&ours, &json!({"metadata": {"annotations": {CLAIM: "done:pro-b.1"}}}));
    let unmarked = merge(&ours, &json!({"metadata": {"annotations": null}}));
    let refused = RawPart::Body { status: 403, body: b"{}".to_vec(), cut: false };
    let lost = RawPart::Failed { why: NotChecked::TimedOut, detail: String::new() };
    for part in [told(&foreign), told(&unmarked), refused, lost, told(&json!(null))] {
        assert!(matches!(found(&part), Recovered::Unknown { .. }), "{part:?}");
    }
}

#[test]
fn labels_by_which_tools_know_their_own_are_left_out() {
    for key in [
        "app.kubernetes.io/managed-by",
        "app.kubernetes.io/instance",
        "argocd.argoproj.io/instance",
        "helm.sh/chart",
        "kustomize.toolkit.fluxcd.io/name",
        "helm.toolkit.fluxcd.io/namespace",
    ] {
        assert!(is_of_a_tool(key), "{key}");
    }
    for key in ["app", "app.kubernetes.io/name", "nothelm.sh/x", "team", "", "/"] {
        assert!(!is_of_a_tool(key), "{key}");
    }
}
