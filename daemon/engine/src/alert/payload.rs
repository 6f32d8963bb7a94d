//! The body of Alertmanager's webhook, version 4. Unknown fields are passed over; what is odd is flagged and taken;
//! what is another format is refused by name.

use super::candidate::{Candidate, Means, candidate};
use super::known::{self, Known};
use crate::redact::redactor;
use crate::text::visible;
use nightshift_model::alert::{Alert, Flag};
use nightshift_model::{Seconds, Timestamp, digest};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Alerts in one message.
pub const ALERTS: usize = 10_000;
/// Labels that are kept of one alert.
const LABELS: usize = 24;
/// Characters of a label's name, and of its value.
const LABEL: (usize, usize) = (64, 128);
/// Characters of a summary.
const SUMMARY: usize = 400;
/// A start that lies further ahead than this is a wrong clock, not a slow network.
const AHEAD: Seconds = Seconds(60);

/// Why a body is not taken. The word is a metric's label, the sentence is the answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// No JSON.
    #[error("the body is not JSON")]
    NotJson,
    /// JSON of another kind.
    #[error("the body is not an object with `version`, `receiver`, `status` and `alerts`")]
    NotAnObject,
    /// Grafana's own alerting.
    #[error(
        "this is a notification of Grafana's own alerting (it has `orgId` and version {version}): nightshift reads \
         Alertmanager's webhook, version 4; let Grafana send to an Alertmanager and that one here"
    )]
    Grafana {
        /// What it says.
        version: String,
    },
    /// Another version, or a body made by `payload:`.
    #[error("`version` is {found}, not \"4\": leave Alertmanager's own body as it is, without `payload`")]
    Version {
        /// What stands there.
        found: String,
    },
    /// `alerts` is missing or something else.
    #[error("`alerts` is not a list of alerts ({what})")]
    Alerts {
        /// What is wrong.
        what: String,
    },
    /// More than [`ALERTS`].
    #[error("{count} alerts in one message, more than {ALERTS}: set `max_alerts`, or group by more labels")]
    TooMany {
        /// How many.
        count: usize,
    },
}

impl Rejected {
    /// The metric's label.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotJson => "not-json",
            Self::NotAnObject => "not-an-object",
            Self::Grafana { .. } => "grafana",
            Self::Version { .. } => "version",
            Self::Alerts { .. } => "alerts",
            Self::TooMany { .. } => "too-many-alerts",
        }
    }
}

/// What becomes of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It joins the incident of its scope, or opens one.
    Opens,
    /// It joins an incident that is there, and opens none: its rule calls it information.
    Joins,
    /// It proves that alerts arrive.
    Watchdog,
}

/// One alert of a message.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Told {
    /// As it may be shown.
    pub alert: Alert,
    /// What it may be about.
    pub candidate: Candidate,
    /// What becomes of it.
    pub effect: Effect,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    receiver: Option<String>,
    #[serde(default, rename = "truncatedAlerts")]
    truncated: Option<Value>,
    alerts: Vec<Raw>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Raw {
    #[serde(default)]
    pub(super) status: Option<String>,
    #[serde(default)]
    pub(super) labels: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    pub(super) annotations: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    pub(super) starts_at: Option<String>,
    #[serde(default)]
    pub(super) ends_at: Option<String>,
    #[serde(default)]
    pub(super) fingerprint: Option<String>,
}

/// Reads a body.
///
/// # Errors
/// [`Rejected`] names the difference.
pub fn read(body: &[u8], now: Timestamp) -> Result<Vec<Told>, Rejected> {
    let value: Value = serde_json::from_slice(body).map_err(|_| Rejected::NotJson)?;
    let object = value.as_object().ok_or(Rejected::NotAnObject)?;
    let version = object.get("version");
    if version.and_then(Value::as_str) != Some("4") {
        let found = version.map_or_else(|| "missing".to_owned(), |v| visible(&v.to_string(), 20));
        return Err(if object.contains_key("orgId") {
            Rejected::Grafana { version: found }
        } else {
            Rejected::Version { found }
        });
    }
    let alerts = object.get("alerts").and_then(Value::as_array);
    let count = alerts.map(Vec::len).ok_or_else(|| Rejected::Alerts { what: "missing".to_owned() })?;
    if count > ALERTS {
        return Err(Rejected::TooMany { count });
    }
    let message: Message = serde_json::from_value(value)
        .map_err(|error| Rejected::Alerts { what: visible(&error.to_string(), 100) })?;
    let cut = message.truncated.is_some_and(|n| n.as_u64() != Some(0) && !n.is_null());
    let receiver = shown(&unquoted(&message.receiver.unwrap_or_default()), LABEL.1).0;
    Ok(message.alerts.into_iter().filter_map(|raw| told(raw, &receiver, cut, now)).collect())
}

/// Alertmanager sends `regexp.QuoteMeta(name)`: `team.a` comes as `team\.a`.
fn unquoted(receiver: &str) -> String {
    let mut letters = receiver.chars();
    let mut name = String::with_capacity(receiver.len());
    while let Some(c) = letters.next() {
        name.push(if c == '\\' { letters.next().unwrap_or('\\') } else { c });
    }
    name
}

/// `None` for what exists for Alertmanager's own sake.
pub(super) fn told(raw: Raw, receiver: &str, cut: bool, now: Timestamp) -> Option<Told> {
    let mut flags = Vec::new();
    let labels = texts(raw.labels.unwrap_or_default());
    let name = labels.get("alertname").cloned().unwrap_or_default();
    let known = known::known(&name);
    if known.is_some_and(|k| k.means == Means::Dropped) {
        return None;
    }
    flags.extend(known.is_none().then_some(Flag::Unknown));
    flags.extend(cut.then_some(Flag::Truncated));
    flags.extend(labels.is_empty().then_some(Flag::NoLabels));
    let started = raw.starts_at.as_deref().and_then(moment);
    let since = match started {
        Some(at) if at > now + AHEAD => {
            flags.push(Flag::Skewed);
            now
        }
        Some(at) => at.min(now),
        None => {
            flags.push(Flag::NoStart);
            now
        }
    };
    let fingerprint = raw.fingerprint.filter(|f| f.len() == 16 && f.bytes().all(|b| b.is_ascii_hexdigit()));
    let alert = Alert {
        fingerprint: fingerprint.unwrap_or_else(|| hash(&labels)),
        started: started.unwrap_or(Timestamp::EPOCH),
        since,
        ended: ended(raw.status.as_deref(), raw.ends_at.as_deref(), since, now),
        name: if name.is_empty() {
            flags.push(Flag::NoName);
            "(no name)".to_owned()
        } else {
            short(&name, LABEL.1, &mut flags)
        },
        severity: labels.get("severity").map_or_else(String::new, |s| short(s, 20, &mut flags)),
        summary: summary(&texts(raw.annotations.unwrap_or_default()), &mut flags),
        receiver: receiver.to_owned(),
        labels: kept(&labels, &mut flags),
        flags: Vec::new(),
    };
    flags.sort_unstable();
    flags.dedup();
    Some(Told {
        candidate: candidate(known, &labels),
        effect: effect(known, labels.get("severity").map(String::as_str)),
        alert: Alert { flags, ..alert },
    })
}

/// The table says how much a default alert hurts; only of others their label does.
fn effect(known: Option<&Known>, severity: Option<&str>) -> Effect {
    if known.is_some_and(|k| k.means == Means::Watchdog) {
        return Effect::Watchdog;
    }
    match known.map(|k| k.severity).or(severity) {
        Some("info" | "none") => Effect::Joins,
        Some(_) | None => Effect::Opens,
    }
}

/// When it ended. `endsAt` is the year 1 while it fires; of a resolved alert it is believed within its own life.
fn ended(status: Option<&str>, ends: Option<&str>, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let ends = ends.and_then(moment);
    let over = match status {
        Some("resolved") => true,
        Some("firing") => false,
        Some(_) | None => ends.is_some_and(|at| at <= now),
    };
    over.then(|| ends.unwrap_or(now).min(now).max(since))
}

/// An instant; the year 1 is none.
fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(|at| *at > Timestamp::EPOCH)
}

/// Values that are text; what is none is written out.
fn texts(map: BTreeMap<String, Value>) -> BTreeMap<String, String> {
    map.into_iter().map(|(k, v)| (k, v.as_str().map_or_else(|| v.to_string(), str::to_owned))).collect()
}

/// Names an occurrence whose message does not.
fn hash(labels: &BTreeMap<String, String>) -> String {
    let text: Vec<String> = labels.iter().map(|(k, v)| format!("{}:{k}={}:{v}", k.len(), v.len())).collect();
    digest("nightshift/alert/v1", text.concat().as_bytes()).to_string().chars().take(16).collect()
}

fn summary(annotations: &BTreeMap<String, String>, flags: &mut Vec<Flag>) -> String {
    let text = ["summary", "description", "message"].iter().find_map(|key| annotations.get(*key));
    text.map_or_else(String::new, |text| short(text, SUMMARY, flags))
}

/// Labels as they may be shown; a default alert's own come first when there are too many.
fn kept(labels: &BTreeMap<String, String>, flags: &mut Vec<Flag>) -> BTreeMap<String, String> {
    let rest = labels.iter().filter(|(k, _)| !matches!(k.as_str(), "alertname" | "severity"));
    let mut rest: Vec<(&String, &String)> = rest.collect();
    if rest.len() > LABELS {
        flags.push(Flag::Cut);
        let first = ["namespace", "pod", "container", "deployment", "node", "instance", "job"];
        rest.sort_by_key(|(k, _)| first.iter().position(|f| f == k).unwrap_or(first.len()));
        rest.truncate(LABELS);
    }
    rest.into_iter().map(|(k, v)| (short(k, LABEL.0, flags), short(v, LABEL.1, flags))).collect()
}

fn short(text: &str, cap: usize, flags: &mut Vec<Flag>) -> String {
    let (text, cut) = shown(text, cap);
    flags.extend(cut.then_some(Flag::Cut));
    text
}

/// Without secrets, on one line, visible, capped; and whether it was longer.
fn shown(text: &str, cap: usize) -> (String, bool) {
    // What is far too long is cut before it is searched for secrets, behind a margin in which a secret would show.
    let end = text.char_indices().nth(cap * 4).map_or(text.len(), |(at, _)| at);
    let text = text.get(..end).unwrap_or_default();
    let clean = redactor().redact(text).text;
    let visible_all = visible(&clean, usize::MAX);
    let long = visible_all.chars().count() > cap;
    (if long { visible(&clean, cap) } else { visible_all }, long)
}

#[cfg(test)]
mod tests;
