//! Cases of testdata/actions/rollback_deployment: what was approved, and how the cluster looks when the request is due
//! (a merge patch on what was approved; `null` is an object that is gone). UPDATE_EXPECT=1 writes `.out.json` anew.

use super::super::{body, source, stands};
use super::*;
use crate::protocol::{frame, unframe};
use expect_test::expect_file;
use nightshift_model::{Digest, Kind, Mark, OpId, operation::Epoch};
use serde::Deserialize;
use std::path::{Path, PathBuf};

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

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/actions/rollback_deployment")
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// RFC 7396.
fn merge(on: &Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut out = on.as_object().cloned().unwrap_or_default();
    for (name, value) in patch {
        if value.is_null() {
            out.remove(name);
        } else {
            let merged = merge(out.get(name).unwrap_or(&Value::Null), value);
            out.insert(name.clone(), merged);
        }
    }
    Value::Object(out)
}

fn object(kind: Kind, value: &Value) -> ObjectRef {
    let metadata = |field| text(value, &format!("/metadata/{field}"));
    ObjectRef::new(kind, metadata("namespace"), metadata("name"), metadata("uid"))
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
    let approved: Approved = read(&folder().join("approved.json"));
    let action = action(&approved);
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|p| !p.ends_with("approved.json") && !p.to_string_lossy().ends_with(".out.json"));
    cases.sort();
    assert!(!cases.is_empty());
    for path in cases {
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
        expect_file![folder().join(format!("{name}.out.json"))].assert_eq(&pretty);
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
    let approved: Approved = read(&folder().join("approved.json"));
    let action = action(&approved);
    assert_eq!(source(&action).map(|s| s.name.as_str()), Some("cart-8qncld6kmv"));
    let stored = serde_json::to_string(&action).unwrap();
    assert!(!stored.contains("DATABASE_URL"), "the template itself is never stored: {stored}");
}
