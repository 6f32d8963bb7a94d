//! Real bodies, and every bad form of one.

use super::*;
use nightshift_model::Kind;
use serde_json::json;

const DEBIAN: &str = include_str!("../../../testdata/alerts/alertmanager-0.25.json");
const NEWER: &str = include_str!("../../../testdata/alerts/alertmanager-newer.json");
const GRAFANA: &str = include_str!("../../../testdata/alerts/grafana.json");

fn now() -> Timestamp {
    "2026-12-01T00:00:00Z".parse().unwrap()
}

fn one(alert: &Value) -> Told {
    let body = json!({"version": "4", "receiver": "r", "alerts": [alert]});
    read(body.to_string().as_bytes(), now()).unwrap().remove(0)
}

#[test]
fn a_body_of_debians_alertmanager_is_read() {
    let told = read(DEBIAN.as_bytes(), now()).unwrap();
    assert_eq!(told.len(), 2);
    let firing = &told[0];
    assert_eq!((firing.alert.name.as_str(), firing.effect), ("KubePodCrashLooping", Effect::Opens));
    assert_eq!((firing.alert.receiver.as_str(), firing.alert.ended), ("night.shift", None));
    let Candidate::Object(place) = &firing.candidate else { panic!("{:?}", firing.candidate) };
    assert_eq!((&place.kind, place.namespace.as_str()), (&Kind::Pod, "shop"));
    assert!(firing.alert.flags.is_empty(), "{:?}", firing.alert.flags);
    assert!(told[1].alert.ended.is_some());
}

#[test]
fn fields_of_newer_versions_are_passed_over() {
    let told = read(NEWER.as_bytes(), now()).unwrap();
    assert_eq!(told[0].alert.receiver, "team.a/nightshift", "unquoted");
    assert_eq!(told[0].alert.since.to_string(), "2026-03-01T02:00:00.123456Z");
    assert_eq!(told[0].alert.flags, [Flag::Truncated]);
    assert_eq!(told[0].alert.summary, "Pod is crash looping.");
    assert_eq!(told[1].alert.ended.unwrap().to_string(), "2026-03-01T01:58:30Z");
}

#[test]
fn another_format_is_refused_by_name() {
    let many = json!({"version": "4", "alerts": vec![json!({}); ALERTS + 1]}).to_string();
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let table = [
        (GRAFANA, "grafana", "Grafana's own alerting"),
        ("", "not-json", "not JSON"),
        ("{\"version\":\"4\",", "not-json", "not JSON"),
        (deep.as_str(), "not-json", "not JSON"),
        ("[]", "not-an-object", "not an object"),
        ("null", "not-an-object", "not an object"),
        ("{}", "version", "`version` is missing"),
        (r#"{"version":"3","alerts":[]}"#, "version", "`version` is \"3\""),
        (r#"{"version":4,"alerts":[]}"#, "version", "`version` is 4"),
        (r#"{"text":"made by payload:"}"#, "version", "without `payload`"),
        (r#"{"version":"4"}"#, "alerts", "missing"),
        (r#"{"version":"4","alerts":{}}"#, "alerts", "missing"),
        (r#"{"version":"4","alerts":[1]}"#, "alerts", "invalid type"),
        (r#"{"version":"4","alerts":[{"labels":[]}]}"#, "alerts", "invalid type"),
        (many.as_str(), "too-many-alerts", "max_alerts"),
    ];
    for (body, word, sentence) in table {
        let rejected = read(body.as_bytes(), now()).unwrap_err();
        assert_eq!(rejected.word(), word, "{body:.60}");
        assert!(rejected.to_string().contains(sentence), "{rejected}");
    }
    assert!(read(b"\xff\xfe", now()).is_err());
}

#[test]
fn what_is_odd_is_taken_flagged_and_capped() {
    let empty = one(&json!({}));
    assert_eq!(empty.alert.flags, [Flag::Unknown, Flag::NoStart, Flag::NoName, Flag::NoLabels]);
    assert_eq!((empty.candidate, empty.alert.since), (Candidate::Cluster, now()));

    let ahead = one(&json!({"labels": {"alertname": "X"}, "startsAt": "2027-01-01T00:00:00Z"}));
    assert!(ahead.alert.flags.contains(&Flag::Skewed));
    assert_eq!(ahead.alert.since, now(), "capped");
    assert_eq!(ahead.alert.started.to_string(), "2027-01-01T00:00:00Z", "named as it was told");

    let secret = "ghp_0123456789abcdefghijklmnopqrstuvwxyzAB";
    let mut labels: BTreeMap<String, String> = (0..500).map(|n| (format!("l{n}"), "v".to_owned())).collect();
    labels.insert("alertname".to_owned(), "\u{1b}[31mX\u{202e}".to_owned());
    labels.insert("namespace".to_owned(), "shop\"} or vector(1) #".to_owned());
    labels.insert("pod".to_owned(), "x".repeat(10_240));
    let exploded = one(
        &json!({"labels": labels, "annotations": {"summary": format!("token={secret}\n{}", "y".repeat(9_999))}}),
    );
    let alert = &exploded.alert;
    assert!(alert.flags.contains(&Flag::Cut));
    assert_eq!(alert.labels.len(), LABELS);
    assert_eq!(alert.name, "␛[31mX\\u{202e}");
    assert_eq!(alert.labels["namespace"], "shop\"} or vector(1) #", "shown as it is");
    assert_eq!(alert.labels["pod"].chars().count(), LABEL.1);
    assert!(!alert.summary.contains(secret) && alert.summary.chars().count() <= SUMMARY, "{}", alert.summary);
    assert_eq!(exploded.candidate, Candidate::Cluster, "and bound nowhere");
    assert!(serde_json::to_string(&exploded).unwrap().len() < 8_192);
}

#[test]
fn the_state_is_the_status_else_the_end() {
    let state = |alert: Value| one(&alert).alert.ended.is_some();
    assert!(!state(json!({"status": "firing", "endsAt": "2026-03-01T00:00:00Z"})));
    assert!(state(json!({"status": "resolved"})));
    assert!(state(json!({"status": "resolved", "endsAt": "0001-01-01T00:00:00Z"})));
    assert!(!state(json!({"status": "odd"})) && !state(json!({"endsAt": "2027-03-01T00:00:00Z"})));
    assert!(state(json!({"endsAt": "2026-03-01T00:00:00Z"})));
    let backwards = one(
        &json!({"status": "resolved", "startsAt": "2026-03-02T00:00:00Z", "endsAt": "2026-03-01T00:00:00Z"}),
    );
    assert_eq!(backwards.alert.ended, Some(backwards.alert.since), "never before it began");
}

#[test]
fn information_opens_nothing_and_alertmanagers_own_is_dropped() {
    let effect = |labels: Value| one(&json!({"labels": labels})).effect;
    assert_eq!(effect(json!({"alertname": "Watchdog", "severity": "none"})), Effect::Watchdog);
    assert_eq!(effect(json!({"alertname": "CPUThrottlingHigh", "severity": "critical"})), Effect::Joins);
    assert_eq!(effect(json!({"alertname": "KubePodCrashLooping", "severity": "info"})), Effect::Opens);
    assert_eq!(effect(json!({"alertname": "Mine", "severity": "info"})), Effect::Joins);
    assert_eq!(effect(json!({"alertname": "Mine"})), Effect::Opens);
    let inhibitor = json!({"version": "4", "alerts": [{"labels": {"alertname": "InfoInhibitor"}}]});
    assert!(read(inhibitor.to_string().as_bytes(), now()).unwrap().is_empty());
}

#[test]
fn an_occurrence_without_fingerprint_gets_one_of_its_labels() {
    let print = |labels: Value| one(&json!({"labels": labels, "fingerprint": "../x"})).alert.fingerprint;
    assert_eq!(print(json!({"a": "b", "c": "d"})), print(json!({"c": "d", "a": "b"})));
    assert_ne!(print(json!({"a": "bc"})), print(json!({"ab": "c"})));
    assert_eq!(print(json!({})).len(), 16);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_answered(body in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        let _ = read(&body, now());
    }

    #[test]
    fn any_label_text_is_shown_within_its_cap(text in ".{0,400}") {
        let told = one(&json!({"labels": {"alertname": &text, "pod": &text}, "annotations": {"summary": &text}}));
        let shown = [&told.alert.name, &told.alert.labels["pod"]];
        let fits = shown.iter().all(|t| t.chars().count() <= LABEL.1 && t.chars().all(|c| !c.is_control()));
        proptest::prop_assert!(fits);
        proptest::prop_assert!(told.alert.summary.chars().count() <= SUMMARY);
    }
}
