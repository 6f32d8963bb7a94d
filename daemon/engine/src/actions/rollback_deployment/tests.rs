//! Cases of testdata/actions/rollback_deployment: what was approved, and how the cluster looks when the request is due
//! (a merge patch on what was approved; `null` is an object that is gone). UPDATE_EXPECT=1 writes `.out.json` anew.

use super::super::testing::{cases, folder, merge, object, read};
use super::super::{body, source, stands};
use super::*;
use crate::protocol::{frame, unframe};
use expect_test::expect_file;
use nightshift_model::{Digest, Kind, Mark, OpId, operation::Epoch};
use serde::Deserialize;

#[derive(Deserialize)]
struct Approved {
    deployment: Value,
    replica_set: Value,
}

#[derive(Deserialize)]
struct Case {
    what: String,
    deployment: Value,
    replica_set: Value,
}

fn action(approved: &Approved) -> Action {
    let template: Digest = template_digest(&approved.replica_set["spec"]["template"]);
    Action::RollbackDeployment {
        target: object(Kind::Deployment, &approved.deployment),
        to: RevisionRef {
            replica_set: object(Kind::ReplicaSet, &approved.replica_set),
            number: 6,
            template,
            images: Vec::new(),
            healthy_at: None,
        },
    }
}

#[test]
fn every_case_says_what_would_be_sent() {
    let folder = folder("rollback_deployment");
    let approved: Approved = read(&folder.join("approved.json"));
    let action = action(&approved);
    for path in cases(&folder) {
        let case: Case = read(&path);
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let live = merge(&approved.deployment, &case.deployment);
        let kept = (!case.replica_set.is_null()).then(|| merge(&approved.replica_set, &case.replica_set));
        let answer = match body(&action, &live, kept.as_ref()) {
            Ok(patch) => {
                laws(&action, &live, &patch);
                json!({"what": case.what, "stands": stands(&action, &live), "patch": patch})
            }
            Err(why) => json!({"what": case.what, "refused": why}),
        };
        assert_eq!(name.starts_with("negative"), answer.get("refused").is_some(), "{name}: {answer}");
        let pretty = serde_json::to_string_pretty(&answer).unwrap() + "\n";
        expect_file![folder.join(format!("{name}.out.json"))].assert_eq(&pretty);
    }
}

/// What holds for every body: tests come first, one field is written, and the frame adds the mark and nothing else.
fn laws(action: &Action, live: &Value, patch: &[Value]) {
    let [uid, old, new] = patch else { panic!("three operations, not {}", patch.len()) };
    assert_eq!((&uid["op"], &uid["path"]), (&json!("test"), &json!("/metadata/uid")));
    assert_eq!((&old["op"], &old["path"]), (&json!("test"), &json!("/spec/template")));
    assert_eq!(old["value"], live["spec"]["template"], "the whole current template is tested");
    assert_eq!((&new["op"], &new["path"]), (&json!("replace"), &json!("/spec/template")));
    assert!(new["value"].pointer("/metadata/labels/pod-template-hash").is_none());

    let mut written = live.clone();
    written["spec"]["template"] = new["value"].clone();
    assert!(stands(action, &written), "what is written is what was approved");

    let mark = Mark::first(OpId::from("pro-x.1"), Epoch(1));
    assert_eq!(unframe(&frame(patch, &mark)), patch);
}

#[test]
fn the_source_is_the_revision_and_the_inverse_is_a_proposal_of_its_own() {
    let approved: Approved = read(&folder("rollback_deployment").join("approved.json"));
    let action = action(&approved);
    assert_eq!(source(&action).map(|s| s.name.as_str()), Some("cart-8qncld6kmv"));
    let stored = serde_json::to_string(&action).unwrap();
    assert!(!stored.contains("DATABASE_URL"), "the template itself is never stored: {stored}");
}
