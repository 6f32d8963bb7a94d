//! Cases of testdata/actions/raise_memory_limit: what was approved, and how the cluster looks when the request is due (a
//! merge patch on what was approved). UPDATE_EXPECT=1 writes `.out.json` anew.

use super::super::testing::{cases, folder, merge, object, read};
use super::super::{body, sealed, source, stands};
use super::*;
use crate::protocol::{frame, unframe};
use expect_test::expect_file;
use nightshift_model::operation::Epoch;
use nightshift_model::{Kind, Mark, OpId, Sealed};
use serde::Deserialize;

#[derive(Deserialize)]
struct Approved {
    workload: Value,
    memory: MemoryChange,
}

#[derive(Deserialize)]
struct Case {
    what: String,
    workload: Value,
    /// Where another change is asked for than the approved one.
    #[serde(default)]
    memory: Value,
}

#[test]
fn every_case_says_what_would_be_sent() {
    let folder = folder("raise_memory_limit");
    let approved: Approved = read(&folder.join("approved.json"));
    for path in cases(&folder) {
        let case: Case = read(&path);
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let live = merge(&approved.workload, &case.workload);
        let asked = serde_json::to_value(&approved.memory).unwrap();
        let asked = if case.memory.is_null() { asked } else { merge(&asked, &case.memory) };
        let action = Action::RaiseMemoryLimit {
            target: object(Kind::Deployment, &approved.workload),
            memory: serde_json::from_value(asked).unwrap(),
        };
        let answer = match body(&action, &live, None) {
            Ok(patch) => {
                laws(&action, &patch);
                json!({"what": case.what, "stands": stands(&action, &live), "patch": patch})
            }
            Err(why) => json!({"what": case.what, "refused": why}),
        };
        assert_eq!(name.starts_with("negative"), answer.get("refused").is_some(), "{name}: {answer}");
        let pretty = serde_json::to_string_pretty(&answer).unwrap() + "\n";
        expect_file![folder.join(format!("{name}.out.json"))].assert_eq(&pretty);
    }
}

/// What holds for every body: it is the sealed one, tests come first, only memory is written, and the frame adds the mark.
fn laws(action: &Action, patch: &[Value]) {
    assert_eq!(sealed(action).unwrap(), Sealed::Bytes(Value::from(patch.to_vec()).to_string()));
    assert_eq!(source(action), None);
    let op = |o: &Value| o["op"].as_str().unwrap().to_owned();
    let tests = patch.iter().take_while(|o| op(o) == "test").count();
    assert!(tests >= 3 && patch[0]["path"] == "/metadata/uid");
    for (at, replaced) in patch.iter().skip(tests).enumerate() {
        assert_eq!(op(replaced), "replace");
        assert_eq!(replaced["path"], patch[2 + at]["path"], "every written field is tested");
        assert!(replaced["path"].as_str().unwrap().ends_with("/memory"));
    }
    let mark = Mark::first(OpId::from("pro-x.1"), Epoch(1));
    assert_eq!(unframe(&frame(patch, &mark)), patch);
}

#[test]
fn the_inverse_of_the_inverse_is_the_action_and_both_are_within_the_limit() {
    let approved: Approved = read(&folder("raise_memory_limit").join("approved.json"));
    let target = object(Kind::Deployment, &approved.workload);
    let there = Action::RaiseMemoryLimit { target: target.clone(), memory: approved.memory.clone() };
    let back = inverse(&target, &approved.memory);
    assert!(back.sentence.ends_with(
        "kubectl -n shop set resources deployment/cart -c app --limits=memory=128Mi --requests=memory=128Mi"
    ));
    let Some(again @ Action::RaiseMemoryLimit { memory, .. }) = &back.action else { panic!("{back:?}") };
    assert_eq!(inverse(&target, memory).action.as_ref(), Some(&there));
    assert!(sealed(&there).is_ok() && sealed(again).is_ok());
}

#[test]
fn no_amount_beyond_twice_or_half_is_ever_sealed() {
    let target = ObjectRef::new(Kind::Deployment, "shop", "cart", "u");
    let change = |from: &str, to: &str| QuantityChange { from: from.to_owned(), to: to.to_owned() };
    let of = |limit: QuantityChange, request: Option<QuantityChange>| {
        let memory = MemoryChange { container: "app".to_owned(), index: 0, limit, request };
        sealed(&Action::RaiseMemoryLimit { target: target.clone(), memory })
    };
    for (from, to) in [("128Mi", "257Mi"), ("256Mi", "127Mi"), ("128Mi", "128Mi"), ("1Gi", "1024Mi")] {
        assert!(of(change(from, to), None).is_err(), "{from} {to}");
        assert!(of(change("128Mi", "256Mi"), Some(change(from, to))).is_err(), "{from} {to}");
    }
    for text in ["", "0", "-1Mi", "lots", "1e99", "$(id)"] {
        assert!(of(change("128Mi", text), None).is_err(), "{text}");
        assert!(of(change(text, "128Mi"), None).is_err(), "{text}");
    }
    assert!(of(change("128Mi", "256Mi"), None).is_ok());
    assert!(of(change("0.25Gi", "0.125Gi"), None).is_ok());
}

#[test]
fn a_body_with_a_secret_in_it_is_not_sealed() {
    let memory = MemoryChange {
        container: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        index: 0,
        limit: QuantityChange { from: "128Mi".to_owned(), to: "256Mi".to_owned() },
        request: None,
    };
    let target = ObjectRef::new(Kind::Deployment, "shop", "cart", "u");
    let why = sealed(&Action::RaiseMemoryLimit { target, memory }).unwrap_err();
    assert!(why.starts_with("SecretInRequest"), "{why}");
}
