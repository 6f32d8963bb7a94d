//! Cases of testdata/actions/rollback_*: what was approved, and how the cluster looks when the request is due (a merge
//! patch on what was approved; `null` is an object that is gone). UPDATE_EXPECT=1 writes `.out.json` anew.

use super::super::{body, source, stands};
use super::*;
use crate::protocol::{frame, unframe};
use expect_test::expect_file;
use nightshift_model::{Mark, OpId, operation::Epoch};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The workload, and what holds the template that comes back.
#[derive(Deserialize)]
struct Approved {
    #[serde(alias = "deployment", alias = "stateful_set", alias = "daemon_set")]
    workload: Value,
    #[serde(alias = "replica_set", alias = "controller_revision")]
    holder: Value,
}

#[derive(Deserialize)]
struct Case {
    what: String,
    #[serde(flatten)]
    now: Approved,
}

const FOLDERS: [&str; 3] = ["rollback_daemon_set", "rollback_deployment", "rollback_stateful_set"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/actions").join(name)
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

fn object(value: &Value) -> ObjectRef {
    let metadata = |field| text(value, &format!("/metadata/{field}"));
    let kind = Kind::parse(text(value, "/kind"));
    ObjectRef::new(kind, metadata("namespace"), metadata("name"), metadata("uid"))
}

fn action(approved: &Approved) -> Action {
    let to = RevisionRef {
        replica_set: object(&approved.holder),
        number: 6,
        template: template_digest(&kept(&approved.holder).expect("a template")),
        images: Vec::new(),
        healthy_at: None,
    };
    Action::rollback(object(&approved.workload), to).expect("a workload with revisions")
}

#[test]
fn every_case_says_what_would_be_sent() {
    for name in FOLDERS {
        let approved: Approved = read(&folder(name).join("approved.json"));
        let action = action(&approved);
        assert_eq!(crate::actions::doc::module(action.kind()), name);
        let mut cases: Vec<PathBuf> =
            std::fs::read_dir(folder(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        cases.retain(|p| !p.ends_with("approved.json") && !p.to_string_lossy().ends_with(".out.json"));
        cases.sort();
        assert!(!cases.is_empty());
        for path in cases {
            said(&action, &approved, &path);
        }
    }
}

fn said(action: &Action, approved: &Approved, path: &Path) {
    let case: Case = read(path);
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let live = merge(&approved.workload, &case.now.workload);
    let holder = (!case.now.holder.is_null()).then(|| merge(&approved.holder, &case.now.holder));
    let answer = match body(action, &live, holder.as_ref()) {
        Ok(patch) => {
            laws(action, &live, &patch);
            json!({"what": case.what, "stands": stands(action, &live), "patch": patch})
        }
        Err(why) => json!({"what": case.what, "refused": why}),
    };
    assert_eq!(name.starts_with("negative"), answer.get("refused").is_some(), "{name}: {answer}");
    let pretty = serde_json::to_string_pretty(&answer).unwrap() + "\n";
    expect_file![path.with_extension("out.json")].assert_eq(&pretty);
}

/// What holds for every body: tests come first, one field is written, and the frame adds the mark and nothing else.
fn laws(action: &Action, live: &Value, patch: &[Value]) {
    let [uid, old, new] = patch else { panic!("three operations, not {}", patch.len()) };
    assert_eq!((&uid["op"], &uid["path"]), (&json!("test"), &json!("/metadata/uid")));
    assert_eq!((&old["op"], &old["path"]), (&json!("test"), &json!("/spec/template")));
    assert_eq!(old["value"], live["spec"]["template"], "the whole current template is tested");
    assert_eq!((&new["op"], &new["path"]), (&json!("replace"), &json!("/spec/template")));
    assert!(new["value"].pointer("/metadata/labels/pod-template-hash").is_none());
    assert!(new["value"].get("$patch").is_none(), "a directive of another kind of patch is no field");

    let mut written = live.clone();
    written["spec"]["template"] = new["value"].clone();
    assert!(stands(action, &written), "what is written is what was approved");

    let mark = Mark::first(OpId::from("pro-x.1"), Epoch(1));
    assert_eq!(unframe(&frame(patch, &mark)), patch);
}

#[test]
fn the_source_is_the_revision_and_its_template_is_never_stored() {
    for (name, holder) in
        FOLDERS.into_iter().zip(["agent-59bd5fb8c6", "cart-8qncld6kmv", "ledger-6f9c8d5b7d"])
    {
        let approved: Approved = read(&folder(name).join("approved.json"));
        let action = action(&approved);
        assert_eq!(source(&action).map(|s| s.name.as_str()), Some(holder));
        assert!(approved.holder.to_string().contains("DATABASE_URL"), "{name}");
        let stored = serde_json::to_string(&action).unwrap();
        assert!(!stored.contains("DATABASE_URL"), "the template itself is never stored: {stored}");
    }
}
