use super::*;
use crate::samples::{at, rules, target};
use nightshift_model::alert::Alerts;
use nightshift_model::apply::Place;
use nightshift_model::{Finding, IncidentEvent, IncidentId, Reason, Revision};
use serde_json::{Value, json};

fn silence(matchers: &[(&str, &str, bool, bool)]) -> Value {
    let matchers: Vec<Value> = matchers
        .iter()
        .map(|(name, value, regex, equal)| json!({"name": name, "value": value, "isRegex": regex, "isEqual": equal}))
        .collect();
    json!({"id": "5c1d", "status": {"state": "active"}, "matchers": matchers, "startsAt": at(0).to_string(),
        "endsAt": at(100).to_string(), "updatedAt": at(0).to_string(), "createdBy": "amtool", "comment": "a move"})
}

fn body(all: &[Value]) -> Vec<u8> {
    serde_json::to_vec(&json!(all)).unwrap()
}

fn one(matchers: &[(&str, &str, bool, bool)]) -> Vec<Foreign> {
    super::read(&body(&[silence(matchers)]), at(1)).unwrap().silences
}

fn found(scope: &ObjectRef) -> Incident {
    let cause = Finding::fingerprint(scope, Reason::CrashLoopBackOff);
    let place = Place { id: IncidentId::from("inc-1"), revision: Revision(1), at: at(1) };
    let event = IncidentEvent::Opened { scope: scope.clone(), cause };
    let mut incident = Incident::apply(None, &place, &event).unwrap();
    incident.symptom = Some(crate::samples::finding("a1"));
    incident
}

fn alert(name: &str, labels: &[(&str, &str)]) -> Alert {
    let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Alert {
        fingerprint: "0123456789abcdef".to_owned(),
        started: at(0),
        since: at(0),
        ended: None,
        name: name.to_owned(),
        severity: "warning".to_owned(),
        summary: String::new(),
        receiver: String::new(),
        labels,
        flags: Vec::new(),
    }
}

fn told(alerts: Vec<Alert>) -> Incident {
    let firing = u32::try_from(alerts.iter().filter(|a| a.fires()).count()).unwrap();
    let total = u32::try_from(alerts.len()).unwrap();
    Incident { symptom: None, alerts: Alerts { shown: alerts, firing, total }, ..found(&target()) }
}

#[test]
fn a_finding_is_silenced_by_what_names_its_workload_and_by_nothing_else() {
    let cart = found(&target());
    for (matchers, covered) in [
        (&[("namespace", "shop", false, true)][..], true),
        (&[("namespace", "shop", false, true), ("deployment", "cart", false, true)], true),
        (&[("namespace", "shop", false, true), ("deployment", "car.", true, true)], true),
        (&[("namespace", "sho", true, true)], false), // the whole value
        (&[("namespace", "bank", false, false)], true),
        (&[("namespace", "shop", false, false)], false),
        (&[("namespace", "bank|lab", true, false)], true),
        (&[("deployment", "cart", false, true), ("namespace", "bank", false, true)], false),
        // Labels that nobody knows of a finding.
        (&[("namespace", "shop", false, true), ("alertname", "KubePodCrashLooping", false, true)], false),
        (&[("namespace", "shop", false, true), ("pod", "cart-.*", true, true)], false),
        (&[("namespace", "shop", false, true), ("team", "x", false, false)], false),
        (&[("namespace", "shop", false, true), ("team", "", false, true)], false),
        (&[("namespace", "shop", false, true), ("severity", ".*", true, true)], false),
        (&[("namespace", "(", true, true)], false), // no expression
        (&[("namespace", "(", true, false)], false),
        (&[("namespace", "(((a{1000}){1000}){1000})", true, false)], false), // too large a one
    ] {
        assert_eq!(until(&cart, &one(matchers), at(5)).is_some(), covered, "{matchers:?}");
    }
    let shop = one(&[("namespace", "shop", false, true)]);
    assert_eq!(until(&cart, &shop, at(99)), Some(at(100)));
    assert_eq!(until(&cart, &shop, at(100)), None, "over");
    let other = found(&ObjectRef::new(Kind::StatefulSet, "shop", "cart", "u"));
    assert_eq!(until(&other, &one(&[("deployment", "cart", false, true)]), at(5)), None);
    assert!(until(&other, &one(&[("statefulset", "cart", false, true)]), at(5)).is_some());
    let node = found(&ObjectRef::new(Kind::Node, "", "n1", "u"));
    assert_eq!(until(&node, &shop, at(5)), None);
    assert_eq!(until(&node, &one(&[("namespace", "", false, true)]), at(5)), None);
    assert!(until(&node, &one(&[("node", "n1", false, true)]), at(5)).is_some());
}

#[test]
fn alerts_alone_are_quiet_when_every_one_that_fires_is_silenced() {
    let by_name = one(&[("alertname", "A", false, true), ("team", "", false, true)]);
    let (a, b) = (alert("A", &[("pod", "x")]), alert("B", &[]));
    assert_eq!(until(&told(vec![a.clone()]), &by_name, at(5)), Some(at(100)));
    assert_eq!(until(&told(vec![a.clone(), b.clone()]), &by_name, at(5)), None);
    let over = Alert { ended: Some(at(4)), ..b };
    assert_eq!(
        until(&told(vec![a.clone(), over.clone()]), &by_name, at(5)),
        Some(at(100)),
        "that one is over"
    );
    assert_eq!(until(&told(vec![over]), &by_name, at(5)), None, "nothing fires");
    let mut many = told(vec![a.clone()]);
    many.alerts.firing = 12;
    assert_eq!(until(&many, &by_name, at(5)), None, "not all of them are known here");
    let cut = Alert { flags: vec![Flag::Cut], ..a.clone() };
    assert_eq!(until(&told(vec![cut]), &by_name, at(5)), None, "a label that was cut may be `team`");
    // What nightshift sees itself is silenced by what names it only.
    let mut both = told(vec![a]);
    both.symptom = Some(crate::samples::finding("a1"));
    assert_eq!(until(&both, &by_name, at(5)), None);
    let mut quiet = rules();
    quiet.standing.foreign = one(&[("namespace", "shop", false, true)]);
    assert_eq!(crate::silence::until(&both, &quiet, at(5)), Some(at(100)));
}

#[test]
fn only_what_is_active_and_small_is_taken() {
    let plain = &[("namespace", "shop", false, true)][..];
    let with = |key: &str, value: Value| {
        let mut one = silence(plain);
        one[key] = value;
        one
    };
    let all = [
        silence(plain),
        with("status", json!({"state": "pending"})),
        with("status", json!({"state": "expired"})),
        with("endsAt", json!(at(1).to_string())),
        with("endsAt", json!("never")),
        with("matchers", json!([])),
        silence(&[("namespace", &"x".repeat(1_001), false, true)]),
        silence(&vec![("a", "b", false, true); 33]),
    ];
    let read = super::read(&body(&all), at(1)).unwrap();
    assert_eq!((read.silences.len(), read.left_out), (1, 4));
    let many = vec![silence(plain); MOST_FOREIGN + 2];
    let read = super::read(&body(&many), at(1)).unwrap();
    assert_eq!((read.silences.len(), read.left_out), (MOST_FOREIGN, 2));
    let loud = with("comment", json!("x\u{1b}[31m password=hunter2hunter2 \u{202e}"));
    let read = super::read(&body(&[loud]), at(1)).unwrap();
    assert!(!read.silences[0].because.contains(['\u{1b}', '\u{202e}']), "{}", read.silences[0].because);
    // An Alertmanager before 0.22 has no `isEqual`.
    let mut old = silence(plain);
    old["matchers"][0].as_object_mut().unwrap().remove("isEqual");
    assert_eq!(super::read(&body(&[old]), at(1)).unwrap().silences[0].matchers[0].how, How::Is);
    for wrong in ["", "{}", "[{}]", "<html>"] {
        assert!(super::read(wrong.as_bytes(), at(1)).unwrap_err().contains("cannot be read"), "{wrong}");
    }
    let shown = one(&[("namespace", "shop", false, true), ("pod", "a\"b", true, false)])[0].to_string();
    assert_eq!(shown, r#"{namespace="shop", pod!~"a\"b"}"#);
}
