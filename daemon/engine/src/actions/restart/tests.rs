//! Cases of testdata/actions/restart: what was approved, and how the cluster looks when the request is due (a merge patch on
//! what was approved). UPDATE_EXPECT=1 writes `.out.json` anew.

use super::super::testing::{cases, folder, merge, object, read};
use super::super::{body, sealed, source, stands};
use super::*;
use crate::protocol::{frame, unframe};
use expect_test::expect_file;
use nightshift_model::operation::Epoch;
use nightshift_model::{Action, Kind, Mark, OpId, Sealed};
use serde::Deserialize;

#[derive(Deserialize)]
struct Approved {
    workload: Value,
    at: Timestamp,
}

#[derive(Deserialize)]
struct Case {
    what: String,
    workload: Value,
}

fn approved() -> (Value, Action) {
    let approved: Approved = read(&folder("restart").join("approved.json"));
    let template = bare_digest(&approved.workload["spec"]["template"]);
    let target = object(Kind::Deployment, &approved.workload);
    (approved.workload, Action::Restart { target, at: approved.at, template })
}

#[test]
fn every_case_says_what_would_be_sent() {
    let (workload, action) = approved();
    for path in cases(&folder("restart")) {
        let case: Case = read(&path);
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let live = merge(&workload, &case.workload);
        let answer = match body(&action, &live, None) {
            Ok(patch) => {
                laws(&action, &patch, &live);
                json!({"what": case.what, "stands": stands(&action, &live), "patch": patch})
            }
            Err(why) => json!({"what": case.what, "refused": why}),
        };
        assert_eq!(name.starts_with("negative"), answer.get("refused").is_some(), "{name}: {answer}");
        let pretty = serde_json::to_string_pretty(&answer).unwrap() + "\n";
        expect_file![path.with_extension("out.json")].assert_eq(&pretty);
    }
}

/// What holds for every body: it tests the whole template, adds the annotation alone, and is known again in its frame.
fn laws(action: &Action, patch: &[Value], live: &Value) {
    let Action::Restart { at, template, .. } = action else { panic!("{action:?}") };
    assert_eq!(source(action), None);
    assert!(patch[0]["path"] == "/metadata/uid" && patch[1]["path"] == "/spec/template");
    assert_eq!(patch[1]["value"], live["spec"]["template"]);
    let framed = frame(patch, &Mark::first(OpId::from("pro-x.1"), Epoch(1)));
    assert_eq!(unframe(&framed), patch);
    assert!(is_sealed(&framed, *at, *template));
    for (n, op) in patch.iter().enumerate().skip(1) {
        let mut other = patch.to_vec();
        other.remove(n);
        let needed = op["value"] != json!({});
        assert_eq!(is_sealed(&other, *at, *template), !needed, "without {op}");
        let mut other = patch.to_vec();
        other[n]["value"] = json!({"another": "value"});
        assert!(!is_sealed(&other, *at, *template), "another value in {op}");
    }
    let more =
        [patch, &[json!({"op": "add", "path": "/spec/template/spec/hostNetwork", "value": true})]].concat();
    assert!(!is_sealed(&more, *at, *template));
}

#[test]
fn the_seal_names_instant_and_template_and_holds_no_byte_of_it() {
    let (workload, action) = approved();
    let Sealed::Reference { source, value, pointers } = sealed(&action).unwrap() else { panic!("bytes") };
    assert_eq!((&source, pointers.as_slice()), (action.target(), [POINTER.to_owned()].as_slice()));
    assert_eq!(value, bare_digest(&workload["spec"]["template"]));
    let text = serde_json::to_string(&action).unwrap();
    assert!(text.contains("\"action\":\"restart\"") && !text.contains("hunter2"), "{text}");
    assert_eq!(serde_json::from_str::<Action>(&text).unwrap(), action);
}

/// The digest leaves out the annotation alone, and one template has one, whether it was restarted or not.
#[test]
fn a_restart_moves_no_digest_and_everything_else_does() {
    let bare = json!({"metadata": {"labels": {"app": "x"}}, "spec": {"containers": []}});
    let mut once = bare.clone();
    once["metadata"]["annotations"] = json!({ANNOTATION: "2026-03-01T02:00:00Z"});
    assert_eq!(bare_digest(&bare), bare_digest(&once));
    let mut other = once.clone();
    other["metadata"]["annotations"]["kubectl.kubernetes.io/restartedat"] = json!("x");
    assert_ne!(bare_digest(&other), bare_digest(&once));
    for odd in [json!(null), json!("x"), json!({"metadata": {"annotations": ANNOTATION}})] {
        assert_eq!(last(&odd), None, "{odd}");
        let _ = bare_digest(&odd);
    }
}

#[test]
fn nothing_is_offered_to_be_taken_back() {
    let back = inverse();
    assert_eq!(back.action, None);
    assert!(back.sentence.starts_with("There is nothing to take back"), "{}", back.sentence);
    let target = nightshift_model::ObjectRef::new(Kind::DaemonSet, "shop", "agent", "u");
    assert_eq!(by_hand(&target), "kubectl -n shop rollout restart daemonset/agent");
}
