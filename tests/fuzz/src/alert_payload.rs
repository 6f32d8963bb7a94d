//! Bodies of Alertmanager's webhook: whatever is taken stays within its caps and names nothing that is no name.

use crate::common::{is_shown, now};
use nightshift_engine::alert::payload::ALERTS;
use nightshift_engine::alert::{Candidate, Told, read};
use nightshift_model::Timestamp;
use std::collections::BTreeSet;

/// Tries one body.
///
/// # Panics
/// When an alert is taken that breaks what the rest of the program relies on.
pub fn alert_payload(data: &[u8]) -> String {
    let told = match read(data, now()) {
        Ok(told) => told,
        Err(rejected) => {
            let said = rejected.to_string();
            assert!(is_shown(&said, 400), "an answer is one short line: {said:?}");
            return rejected.word().to_owned();
        }
    };
    assert!(told.len() <= ALERTS);
    let texts = texts(data);
    for one in &told {
        holds(one, &texts);
    }
    assert_eq!(read(data, now()).as_ref(), Ok(&told), "the same body is the same alerts");
    let kept = serde_json::to_vec(&told).expect("what is stored is JSON");
    assert_eq!(serde_json::from_slice::<Vec<Told>>(&kept).ok().as_ref(), Some(&told), "and reads back");
    match told.len() {
        0 => "no alert".to_owned(),
        1 => "1 alert".to_owned(),
        many => format!("{many} alerts"),
    }
}

fn holds(one: &Told, texts: &BTreeSet<String>) {
    let alert = &one.alert;
    assert!(alert.fingerprint.len() == 16 && alert.fingerprint.bytes().all(|b| b.is_ascii_hexdigit()));
    assert!(alert.since <= now() && alert.since > Timestamp::EPOCH, "no alert begins in the future");
    assert!(alert.ended.is_none_or(|at| at >= alert.since && at <= now()), "it ends within its own life");
    assert!(!alert.name.is_empty() && is_shown(&alert.name, 128), "name {:?}", alert.name);
    assert!(is_shown(&alert.severity, 20), "severity {:?}", alert.severity);
    assert!(is_shown(&alert.summary, 400), "summary {:?}", alert.summary);
    assert!(is_shown(&alert.receiver, 128), "receiver {:?}", alert.receiver);
    assert!(alert.labels.len() <= 24);
    for (label, value) in &alert.labels {
        assert!(is_shown(label, 64) && is_shown(value, 128), "label {label:?} {value:?}");
    }
    let mut flags = alert.flags.clone();
    flags.sort_unstable();
    flags.dedup();
    assert_eq!(flags, alert.flags, "flags in order, each once");
    let place = match &one.candidate {
        Candidate::Object(place) | Candidate::NodeOf(place) => place,
        Candidate::Cluster => return,
    };
    for name in [&place.namespace, &place.name] {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        assert!(name.len() <= 253 && name.chars().all(plain), "{name:?} is no name of Kubernetes");
        assert!(name.is_empty() || texts.contains(name), "{name:?} stands in no label");
    }
    assert!(!place.name.is_empty());
}

/// Every label value of a body, read without our types.
fn texts(data: &[u8]) -> BTreeSet<String> {
    let body: serde_json::Value = serde_json::from_slice(data).unwrap_or_default();
    let alerts = body.get("alerts").and_then(|a| a.as_array()).cloned().unwrap_or_default();
    let labels =
        alerts.iter().filter_map(|alert| alert.get("labels")?.as_object()).flat_map(|map| map.values());
    labels.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect()
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds: Vec<(String, Vec<u8>)> = [
        ("alertmanager-0.25", include_str!("../../../daemon/engine/testdata/alerts/alertmanager-0.25.json")),
        (
            "alertmanager-newer",
            include_str!("../../../daemon/engine/testdata/alerts/alertmanager-newer.json"),
        ),
        ("grafana", include_str!("../../../daemon/engine/testdata/alerts/grafana.json")),
        ("not-json", "version: 4"),
        ("no-object", "[]"),
        ("version-5", r#"{"version":"5","alerts":[]}"#),
        ("alerts-are-none", r#"{"version":"4","alerts":{}}"#),
        ("deep", &format!("{}{}", "[".repeat(200), "]".repeat(200))),
    ]
    .map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()))
    .to_vec();
    let one = |labels: serde_json::Value, rest: serde_json::Value| {
        let mut alert = serde_json::json!({"labels": labels});
        let more = rest.as_object().cloned().unwrap_or_default();
        alert.as_object_mut().into_iter().for_each(|alert| alert.extend(more.clone()));
        let body = serde_json::json!({"version": "4", "receiver": "team\\.a", "alerts": [alert]});
        body.to_string().into_bytes()
    };
    let crash = |namespace: &str, pod: &str| serde_json::json!({"alertname": "KubePodCrashLooping", "namespace": namespace, "pod": pod, "severity": "warning"});
    let many: serde_json::Map<String, serde_json::Value> =
        (0..40).map(|n| (format!("label_{n}"), n.into())).collect();
    let (empty, late) = (serde_json::json!({}), serde_json::json!({"startsAt": "2999-01-01T00:00:00Z"}));
    let over = serde_json::json!({
        "status": "resolved", "startsAt": "2026-03-01T01:50:00.123456789Z", "endsAt": "2026-03-01T01:40:00+02:00",
        "fingerprint": "0123456789abcdef",
        "annotations": {"summary": "password=hunter2hunter2 \u{202e}\u{0}<b>", "runbook_url": "https://example.org"},
    });
    seeds.extend(
        [
            ("crash-loop", one(crash("shop", "cart-1"), empty.clone())),
            ("resolved-before-it-began", one(crash("shop", "cart-1"), over)),
            ("from-the-future", one(crash("shop", "cart-1"), late)),
            ("promql-in-a-label", one(crash("shop\"} or vector(1) #", "a{b=\"c\"}"), empty.clone())),
            ("climbing-name", one(crash("shop/../../kube-system", "..%2f.."), empty.clone())),
            (
                "exported",
                one(
                    serde_json::json!({"alertname": "X", "namespace": "a", "exported_namespace": "b"}),
                    empty.clone(),
                ),
            ),
            ("many-labels", one(many.into(), empty.clone())),
            (
                "long-label",
                one(serde_json::json!({"alertname": "x".repeat(500), "pod": "y".repeat(254)}), empty.clone()),
            ),
            (
                "watchdog",
                one(serde_json::json!({"alertname": "Watchdog", "severity": "none"}), empty.clone()),
            ),
            ("no-labels", one(serde_json::Value::Null, empty.clone())),
            ("inhibitor", one(serde_json::json!({"alertname": "InfoInhibitor"}), empty)),
        ]
        .map(|(name, bytes)| (name.to_owned(), bytes)),
    );
    seeds
}
