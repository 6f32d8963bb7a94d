//! Alerts as Alertmanager tells them, by their labels.

use nightshift_model::Timestamp;
use serde_json::{Value, json};

/// The secret of a door for alerts.
pub const TOKEN: &str = "a-token-of-at-least-thirty-two-bytes";

/// Labels with a name.
pub fn labelled(name: &str, mut labels: Value) -> Value {
    if let Some(labels) = labels.as_object_mut() {
        labels.insert("alertname".to_owned(), json!(name));
    }
    labels
}

/// So many alerts, each unlike every other also of another beginning, as a cluster that falls apart sends them.
pub fn distinct(from: usize, count: usize) -> Vec<Value> {
    let one = |n: usize| {
        let (namespace, pod) = (format!("n{}", n % 500), format!("p-{n}"));
        let severity = if n.is_multiple_of(3) { "critical" } else { "warning" };
        labelled(&format!("Storm{n}"), json!({"namespace": namespace, "pod": pod, "severity": severity}))
    };
    (from..from + count).map(one).collect()
}

/// A message of the webhook's version 4. Fingerprints are made of the labels.
pub fn message(status: &str, alerts: &[Value], now: Timestamp) -> Value {
    let ends = if status == "firing" { "0001-01-01T00:00:00Z".to_owned() } else { now.to_string() };
    let list = alerts.iter().map(|labels| {
        let print = nightshift_model::digest_of("test", labels).to_string();
        let print: String = print.chars().take(16).collect();
        json!({
            "status": status, "labels": labels, "annotations": {"summary": "it is a test"}, "fingerprint": print,
            "startsAt": "2026-03-01T02:00:00Z", "endsAt": ends, "generatorURL": "",
        })
    });
    let list: Vec<Value> = list.collect();
    json!({"version": "4", "receiver": "night\\.shift", "status": status, "groupKey": "{}", "alerts": list})
}

/// The same alerts as Prometheus posts them to Alertmanager.
pub fn plain(alerts: &[Value], now: Timestamp) -> Value {
    let one = |labels: &Value| json!({"labels": labels, "annotations": {"summary": "it is a test"}, "startsAt": now.to_string(), "generatorURL": ""});
    alerts.iter().map(one).collect()
}
