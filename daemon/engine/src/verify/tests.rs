//! No data is never success; red must turn green, and stay so.
#![allow(
    clippy::cloned_ref_to_slice_refs,
    clippy::float_cmp,
    clippy::format_collect,
    clippy::format_push_string,
    clippy::cast_precision_loss,
    clippy::needless_pass_by_value,
    clippy::single_element_loop,
    clippy::type_complexity,
    clippy::wildcard_enum_match_arm
)] // tables of small cases: clones and wildcards read better here

use super::*;
use crate::samples::{at, spec};
use nightshift_model::measure::Value as Said;
use serde_json::json;

fn body(value: &serde_json::Value) -> RawPart {
    RawPart::Body { status: 200, body: value.to_string().into_bytes(), cut: false }
}

fn vector(values: &[&str]) -> RawPart {
    let result: Vec<_> = values.iter().map(|v| json!({"metric": {}, "value": [0, v]})).collect();
    body(&json!({"status": "success", "data": {"resultType": "vector", "result": result}}))
}

fn query(value: RawPart, fresh: RawPart) -> Said {
    let spec = spec();
    let request = MeasureRequest {
        stage: Stage::After,
        measures: vec![spec.measures[0].clone()],
        selector: String::new(),
        since: Some(at(100)),
    };
    let raw = [Raw { parts: vec![value, fresh] }];
    measurement(&request, &raw, spec.max_age, at(200)).readings.remove(0).value
}

fn fresh() -> RawPart {
    vector(&["1772330595"]) // five seconds old, ninety-five after the write
}

fn why(said: Said) -> Option<NoData> {
    if let Said::NoData { why, .. } = said { Some(why) } else { None }
}

#[test]
fn a_query_holds_or_fails_or_says_nothing_for_a_named_reason() {
    assert_eq!(query(vector(&["0"]), fresh()), Said::Holds("0".to_owned()));
    assert_eq!(query(vector(&["0", "2"]), fresh()), Said::Fails("2".to_owned()), "every sample must hold");
    let error = |status: u16| RawPart::Body { status, body: b"{\"error\":\"x\"}".to_vec(), cut: false };
    let warned = body(
        &json!({"status": "success", "warnings": ["w"], "data": {"resultType": "vector", "result": []}}),
    );
    let failed = |why| RawPart::Failed { why, detail: String::new() };
    let table = [
        (vector(&[]), fresh(), NoData::Empty),
        (vector(&["NaN"]), fresh(), NoData::NotFinite),
        (vector(&["+Inf"]), fresh(), NoData::NotFinite),
        (vector(&["0"]), vector(&["1772330400"]), NoData::Stale),
        (vector(&["0"]), vector(&["1772330499"]), NoData::Stale),
        (vector(&["0"]), vector(&[]), NoData::Empty),
        (vector(&["0"]), vector(&["NaN"]), NoData::Empty),
        (error(422), fresh(), NoData::Refused),
        (error(503), fresh(), NoData::Unreachable),
        (warned, fresh(), NoData::Warned),
        (failed(NotChecked::TimedOut), fresh(), NoData::Unreachable),
        (failed(NotChecked::NotConfigured), fresh(), NoData::NotConfigured),
        (body(&json!({"status": "success"})), fresh(), NoData::Unreadable),
    ];
    for (value, fresh, expected) in table {
        let text = format!("{value:?}");
        assert_eq!(why(query(value, fresh)), Some(expected), "{text}");
    }
}

fn look(second: u64, stage: Stage, values: [Said; 3]) -> Measurement {
    let names = ["unavailable", "rolled-out", "template-is"];
    let readings =
        names.iter().zip(values).map(|(n, value)| Reading { name: (*n).to_owned(), value }).collect();
    Measurement { at: at(second), stage, readings }
}

fn ok() -> Said {
    Said::Holds("ok".to_owned())
}

fn bad() -> Said {
    Said::Fails("1".to_owned())
}

fn none() -> Said {
    Said::NoData { why: NoData::Empty, detail: "no series".to_owned() }
}

fn judge(looks: &[Measurement], second: u64) -> Progress {
    let applied = Applied { at: at(100), resource_version: String::new(), recovered: false };
    progress(&spec(), &applied, looks, at(second))
}

fn outcome(looks: &[Measurement], second: u64) -> &'static str {
    match judge(looks, second) {
        Progress::Judged(outcome) => outcome.word(),
        Progress::Look => "look",
        Progress::Wait(_) => "wait",
    }
}

#[test]
fn success_needs_red_before_and_green_for_the_whole_soak() {
    let red = look(90, Stage::Before, [bad(), bad(), bad()]);
    let green = |second| look(second, Stage::After, [ok(), ok(), ok()]);
    assert_eq!(outcome(&[red.clone()], 100), "look");
    assert_eq!(outcome(&[red.clone(), green(110)], 115), "wait");
    assert_eq!(outcome(&[red.clone(), green(110), green(160)], 161), "wait", "fifty seconds are not sixty");
    assert_eq!(outcome(&[red.clone(), green(110), green(170)], 170), "Successful");
    let dip = look(140, Stage::After, [bad(), ok(), ok()]);
    assert_eq!(
        outcome(&[red.clone(), green(110), dip, green(170)], 170),
        "wait",
        "a break starts the soak again"
    );
    let never_red = look(90, Stage::Before, [ok(), ok(), bad()]);
    assert_eq!(outcome(&[never_red, green(110), green(170)], 170), "Inconclusive");
    assert_eq!(outcome(&[green(110), green(170)], 170), "Inconclusive", "nothing was measured before");
}

#[test]
fn the_end_of_patience_tells_failure_from_missing_data() {
    let red = look(90, Stage::Before, [bad(), bad(), bad()]);
    let failing = look(400, Stage::After, [bad(), bad(), ok()]);
    let blind = look(400, Stage::After, [none(), ok(), ok()]);
    assert_eq!(outcome(&[red.clone(), failing], 400), "Failed");
    assert_eq!(outcome(&[red.clone(), blind], 400), "Inconclusive");
    let undone = look(110, Stage::After, [ok(), ok(), Said::Reverted("argocd-controller".to_owned())]);
    let Progress::Judged(Outcome::Failed { reverted_by, .. }) = judge(&[red, undone], 110) else {
        unreachable!("a revert ends it at once")
    };
    assert_eq!(reverted_by.as_deref(), Some("argocd-controller"));
}

/// For what a person asked for, a detector that speaks at the end is a failure; for a remedy the measures are the word.
#[test]
fn what_was_asked_for_is_proven_only_while_all_is_quiet() {
    use crate::samples::{finding, nightshift, proposal, target};
    use nightshift_model::{Outcome, Plan, Risk, Wanted, Wish};
    let remedy = proposal(Risk::Medium, nightshift()).plan().clone();
    let wish = Wish {
        person: "alice".into(),
        target: target(),
        wanted: Wanted::RollbackTo { revision: 1 },
        because: "slow".to_owned(),
        at: at(0),
        undoes: None,
    };
    let asked = Plan { wish: Some(wish), ..remedy.clone() };
    let found = [finding("2")];
    assert_eq!(while_quiet(Outcome::Successful, &asked, &[]), Outcome::Successful);
    assert_eq!(while_quiet(Outcome::Successful, &remedy, &found), Outcome::Successful);
    let failed = while_quiet(Outcome::Successful, &asked, &found);
    assert_eq!((failed.word(), failed.why().contains("CrashLoopBackOff")), ("Failed", true));
    let unknown = Outcome::Inconclusive { why: "no data".to_owned() };
    assert_eq!(while_quiet(unknown.clone(), &asked, &found), unknown);
}

#[test]
fn a_deleted_pod_is_gone_by_its_uid_and_a_cut_list_says_nothing() {
    let pod = |uid: &str, leaving: bool| {
        let mut pod = json!({"metadata": {"name": "db-0", "uid": uid},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        if leaving {
            pod["metadata"]["deletionTimestamp"] = json!("2026-03-01T10:00:00Z");
        }
        pod
    };
    let said = |list: &serde_json::Value| replaced(list, "old");
    assert_eq!(said(&json!({"items": [pod("old", false)]})), Said::Fails("it is there".to_owned()));
    let leaving = said(&json!({"items": [pod("old", true), pod("new", false)]}));
    assert_eq!(leaving, Said::Fails("it is on its way out".to_owned()));
    let gone = said(&json!({"items": [pod("new", false)]}));
    assert_eq!(gone, Said::Holds("gone, 1 of 1 pods Ready".to_owned()), "another pod of the same name");
    let cut = json!({"metadata": {"continue": "more"}, "items": [pod("new", false)]});
    for bad in [cut, json!({}), json!({"items": 1})] {
        assert_eq!(why(said(&bad)), Some(NoData::Unreadable), "{bad}");
    }
}

#[test]
fn a_container_that_has_just_ended_is_a_restart_before_the_kubelet_says_so() {
    let now = Timestamp::from_second(1_772_330_400);
    let pods = |state: serde_json::Value, restarts: u64| {
        let status =
            json!({"containerStatuses": [{"restartCount": restarts, "state": state, "lastState": {}}]});
        json!({"items": [{"metadata": {"name": "web-x"}, "status": status}]})
    };
    let ended = |code: i64, at: &str| json!({"terminated": {"exitCode": code, "finishedAt": at}});
    let told = |list: &serde_json::Value| match no_restarts(list, Some(now - Seconds(60)), now) {
        Said::Fails(why) | Said::Holds(why) => why,
        other => panic!("{other:?}"),
    };
    // As a kubelet shows it for a moment: the run before was cleared away, and CrashLoopBackOff is not said yet.
    assert_eq!(told(&pods(ended(1, "2026-03-01T01:59:58Z"), 2)), "web-x ended with exit code 1");
    assert_eq!(told(&pods(ended(1, "2026-03-01T01:58:00Z"), 2)), "1 pods, no restart", "before the write");
    assert_eq!(
        told(&pods(ended(0, "2026-03-01T01:59:58Z"), 0)),
        "1 pods, no restart",
        "an init container's end"
    );
    assert_eq!(told(&pods(json!({"running": {}}), 2)), "1 pods, no restart");
}

#[test]
fn a_job_that_was_made_proves_itself_when_it_is_complete_and_says_nothing_while_it_runs() {
    use nightshift_model::{Kind, ObjectRef};
    let name = "sync-rerun-1a2b3c4d";
    let condition = ClusterCondition::JobComplete {
        job: ObjectRef::new(Kind::Job, "shop", name, ""),
        of: "uid-1".to_owned(),
    };
    let target = ObjectRef::new(Kind::Job, "shop", "sync", "uid-1");
    let check = Check::Cluster { condition, target };
    let measure = Measure { name: "job-complete".to_owned(), check, red_first: true };
    assert_eq!(reads(&measure, "any").len(), 1);
    let said = |part: RawPart, stage: Stage| {
        let request =
            MeasureRequest { stage, measures: vec![measure.clone()], selector: String::new(), since: None };
        let raw = [Raw { parts: vec![part] }];
        measurement(&request, &raw, Seconds(120), at(200)).readings.remove(0).value
    };
    let gone = || RawPart::Body { status: 404, body: b"{}".to_vec(), cut: false };
    assert!(matches!(said(gone(), Stage::Before), Said::Fails(_)));
    assert_eq!(why(said(gone(), Stage::After)), Some(NoData::Empty), "what is gone is no success");
    let job = |of: &str, condition: &str, status: &str| {
        let conditions = json!([{"type": condition, "status": status, "reason": "R"}]);
        body(&json!({"metadata": {"name": name, "labels": {"nightshift.dev/rerun-of": of}},
            "status": {"succeeded": 1, "conditions": conditions}}))
    };
    let holds = Said::Holds("Complete, pods that succeeded: 1".to_owned());
    assert_eq!(said(job("uid-1", "Complete", "True"), Stage::After), holds);
    assert_eq!(
        said(job("uid-1", "Failed", "True"), Stage::After),
        Said::Fails("it failed too: R".to_owned())
    );
    for part in [job("uid-1", "Complete", "False"), job("uid-1", "Suspended", "True")] {
        assert_eq!(why(said(part, Stage::After)), Some(NoData::Empty));
    }
    for of in ["", "uid-2", "uid-1 "] {
        assert!(matches!(said(job(of, "Complete", "True"), Stage::After), Said::Fails(_)), "{of}");
    }
    let cut = RawPart::Body { status: 200, body: b"{}".to_vec(), cut: true };
    let refused = RawPart::Body { status: 403, body: b"{}".to_vec(), cut: false };
    let lost = RawPart::Failed { why: NotChecked::TimedOut, detail: String::new() };
    for part in [cut, refused, lost] {
        assert!(matches!(said(part.clone(), Stage::After), Said::NoData { .. }), "{part:?}");
    }
    assert!(matches!(said(body(&json!("x")), Stage::After), Said::Fails(_)));
}

#[test]
fn who_undid_a_write_is_named_and_who_was_there_before_is_not_accused() {
    let entry = |manager: &str, second: u64| json!({"manager": manager, "time": at(second).to_string(), "fieldsV1": {"f:spec": {"f:template": {}}}});
    let live = |entries: Value| json!({"metadata": {"managedFields": entries}});
    let write = Some(at(100));
    let both = live(json!([entry("helm", 0), entry("nightshift", 100), entry("argocd-controller", 105)]));
    assert_eq!(writer(&both, write), "argocd-controller");
    // A second writer after the first is the one to ask.
    let two = live(json!([entry("argocd-controller", 105), entry("kubectl-edit", 107)]));
    assert_eq!(writer(&two, write), "kubectl-edit");
    for before in
        [json!([entry("helm", 0), entry("nightshift", 100)]), json!([]), json!("odd"), json!([{"time": 1}])]
    {
        assert_eq!(writer(&live(before.clone()), write), "an unknown writer", "{before}");
    }
    let hostile = live(json!([entry("\u{202e}\u{1b}[31mroot", 105)]));
    assert!(!writer(&hostile, write).contains('\u{1b}'));
}
