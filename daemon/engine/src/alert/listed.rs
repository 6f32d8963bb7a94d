//! Alertmanager's own list of alerts, as its API writes it: what fires there, and whom it is routed to.

use super::payload::{ALERTS, Raw, Told, told};
use crate::text::visible;
use nightshift_model::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// One alert of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// As the webhook would have told it.
    pub told: Told,
    /// What Alertmanager does with it.
    pub state: State,
    /// The receivers that it is routed to.
    pub receivers: Vec<String>,
}

/// What Alertmanager does with an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is told to its receivers.
    Active,
    /// Silenced or inhibited, not looked at yet, or a word that nightshift does not know: nobody need have heard of it.
    Other,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    labels: BTreeMap<String, Value>,
    #[serde(default)]
    annotations: BTreeMap<String, Value>,
    starts_at: String,
    fingerprint: String,
    status: Status,
    receivers: Vec<Receiver>,
}

#[derive(Deserialize)]
struct Status {
    state: String,
}

#[derive(Deserialize)]
struct Receiver {
    name: String,
}

/// Reads the answer to `GET /api/v2/alerts`. `receiver` is the one that tells nightshift.
///
/// # Errors
/// Why it is none.
pub fn listed(body: &[u8], receiver: &str, now: Timestamp) -> Result<Vec<Listed>, String> {
    let entries: Vec<Entry> = serde_json::from_slice(body).map_err(|error| {
        format!("its list of alerts cannot be read: {}", visible(&error.to_string(), 120))
    })?;
    if entries.len() > ALERTS {
        return Err(format!("it has {} alerts, more than {ALERTS} are not compared", entries.len()));
    }
    let one = |entry: Entry| {
        let raw = Raw {
            status: Some("firing".to_owned()),
            labels: Some(entry.labels),
            annotations: Some(entry.annotations),
            starts_at: Some(entry.starts_at),
            ends_at: None,
            fingerprint: Some(entry.fingerprint),
        };
        Some(Listed {
            told: told(raw, receiver, false, now)?,
            state: if entry.status.state == "active" { State::Active } else { State::Other },
            receivers: entry.receivers.into_iter().map(|r| r.name).collect(),
        })
    };
    Ok(entries.into_iter().filter_map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Effect;
    use crate::samples::at;
    use serde_json::json;

    fn entry(labels: &Value, state: &str, receivers: &[&str]) -> Value {
        let receivers: Vec<Value> = receivers.iter().map(|name| json!({"name": name})).collect();
        json!({"labels": labels, "annotations": {"summary": "s"}, "startsAt": at(0).to_string(),
            "updatedAt": at(5).to_string(), "endsAt": at(300).to_string(), "fingerprint": "0123456789abcdef",
            "generatorURL": "http://p/", "receivers": receivers,
            "status": {"state": state, "silencedBy": [], "inhibitedBy": [], "mutedBy": []}})
    }

    fn read(entries: &[Value]) -> Result<Vec<Listed>, String> {
        listed(&serde_json::to_vec(&json!(entries)).unwrap(), "night.shift", at(60))
    }

    #[test]
    fn an_entry_reads_like_the_webhook_and_says_whom_it_goes_to() {
        let labels = json!({"alertname": "KubePodCrashLooping", "namespace": "shop", "pod": "cart-1"});
        let all =
            read(&[entry(&labels, "active", &["nightshift", "pager"]), entry(&labels, "suppressed", &[])])
                .unwrap();
        let first = &all[0];
        assert_eq!(
            (first.state, first.receivers.as_slice()),
            (State::Active, &["nightshift".to_owned(), "pager".to_owned()][..])
        );
        let alert = &first.told.alert;
        assert_eq!(
            (alert.fingerprint.as_str(), alert.started, alert.ended),
            ("0123456789abcdef", at(0), None)
        );
        assert_eq!((alert.receiver.as_str(), first.told.effect), ("night.shift", Effect::Opens));
        assert_eq!((all[1].state, all.len()), (State::Other, 2));
        let own = read(&[entry(&json!({"alertname": "InfoInhibitor"}), "active", &[])]).unwrap();
        assert!(own.is_empty(), "what exists for Alertmanager's own sake");
    }

    #[test]
    fn what_is_no_list_is_said() {
        for body in ["", "{}", "[{}]", "[1]", r#"[{"labels": 1}]"#, "<html>"] {
            assert!(listed(body.as_bytes(), "n", at(0)).unwrap_err().contains("cannot be read"), "{body}");
        }
        let many = vec![entry(&json!({}), "active", &[]); ALERTS + 1];
        assert!(read(&many).unwrap_err().contains("more than 10000"));
        assert_eq!(read(&[]), Ok(Vec::new()));
    }
}
