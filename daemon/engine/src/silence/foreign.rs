//! Silences of Alertmanager: read from its API, and held against what nightshift knows the labels of.
//!
//! Of what nightshift sees itself only the labels are known that name the object. A matcher on any other label cannot be
//! answered, and what cannot be answered silences nothing.

use crate::redact::redactor;
use crate::text::visible;
use nightshift_model::alert::{Alert, Flag};
use nightshift_model::foreign::{Foreign, How, MATCHER, MATCHERS, MOST_FOREIGN, Matcher};
use nightshift_model::{Incident, Kind, ObjectRef, Timestamp};
use regex::RegexBuilder;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Bytes that a compiled expression may take.
const COMPILED: usize = 1 << 18;
/// Characters that are kept of a comment or a name.
const SHOWN: usize = 200;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    id: String,
    status: Status,
    matchers: Vec<RawMatcher>,
    ends_at: String,
    #[serde(default)]
    created_by: String,
    #[serde(default)]
    comment: String,
}

#[derive(Deserialize)]
struct Status {
    state: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMatcher {
    name: String,
    value: String,
    is_regex: bool,
    #[serde(default)]
    is_equal: Option<bool>,
}

/// The answer to `GET /api/v2/silences`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Those that are active, by id.
    pub silences: Vec<Foreign>,
    /// Active ones that are larger or more than nightshift takes: they silence nothing here.
    pub left_out: usize,
}

/// Reads the answer.
///
/// # Errors
/// Why it is none.
pub fn read(body: &[u8], now: Timestamp) -> Result<Read, String> {
    let raw: Vec<Raw> = serde_json::from_slice(body).map_err(|error| {
        format!("its list of silences cannot be read: {}", visible(&error.to_string(), 120))
    })?;
    let mut all = Read::default();
    for one in raw.into_iter().filter(|one| one.status.state == "active") {
        match foreign(one) {
            Some(one) if one.until <= now => {}
            Some(one) if all.silences.len() < MOST_FOREIGN => all.silences.push(one),
            Some(_) | None => all.left_out += 1,
        }
    }
    all.silences.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(all)
}

fn foreign(raw: Raw) -> Option<Foreign> {
    let fits = |text: &String| text.chars().count() <= MATCHER;
    let small = raw.matchers.iter().all(|m| fits(&m.name) && fits(&m.value));
    if raw.matchers.is_empty() || raw.matchers.len() > MATCHERS || !small {
        return None;
    }
    let matcher = |m: RawMatcher| Matcher {
        name: m.name,
        how: match (m.is_regex, m.is_equal.unwrap_or(true)) {
            (false, true) => How::Is,
            (false, false) => How::IsNot,
            (true, true) => How::Matches,
            (true, false) => How::MatchesNot,
        },
        value: m.value,
    };
    let text = |text: &str| {
        let head: String = text.chars().take(4 * SHOWN).collect();
        visible(&redactor().redact(&head).text, SHOWN)
    };
    Some(Foreign {
        id: visible(&raw.id, 64),
        until: raw.ends_at.parse().ok()?,
        matchers: raw.matchers.into_iter().map(matcher).collect(),
        by: text(&raw.created_by),
        because: text(&raw.comment),
    })
}

/// Until when Alertmanager's silences keep an incident quiet: a finding by the labels of its object; without one every
/// alert that fires by its own labels.
pub fn until(i: &Incident, silences: &[Foreign], now: Timestamp) -> Option<Timestamp> {
    if silences.is_empty() {
        return None;
    }
    let longest = |labels: &Labels| {
        let holds = silences.iter().filter(|s| s.until > now && covers(s, labels));
        holds.map(|s| s.until).max()
    };
    if i.symptom.is_some() {
        return longest(&Labels::of(&i.scope));
    }
    let firing: Vec<&Alert> = i.alerts.shown.iter().filter(|a| a.fires()).collect();
    let seen = u32::try_from(firing.len()).is_ok_and(|n| n == i.alerts.firing);
    if firing.is_empty() || !seen {
        return None;
    }
    let ends: Option<Vec<Timestamp>> = firing.iter().map(|a| longest(&Labels::told(a))).collect();
    ends?.into_iter().min()
}

/// Labels as far as they are known.
struct Labels {
    known: BTreeMap<String, String>,
    /// Whether a label that is not known may be there all the same.
    rest: Rest,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// It may be anything.
    Unknown,
    /// It is not there, which Alertmanager takes for empty.
    Absent,
}

impl Labels {
    /// Of an object: those that alerts about it carry, by the names of kube-state-metrics.
    fn of(scope: &ObjectRef) -> Self {
        let own = match &scope.kind {
            Kind::Deployment => Some("deployment"),
            Kind::StatefulSet => Some("statefulset"),
            Kind::DaemonSet => Some("daemonset"),
            Kind::ReplicaSet => Some("replicaset"),
            Kind::Job => Some("job_name"),
            Kind::CronJob => Some("cronjob"),
            Kind::Pod => Some("pod"),
            Kind::Node => Some("node"),
            Kind::HorizontalPodAutoscaler => Some("horizontalpodautoscaler"),
            Kind::PersistentVolumeClaim => Some("persistentvolumeclaim"),
            Kind::Service => Some("service"),
            Kind::PodDisruptionBudget => Some("poddisruptionbudget"),
            Kind::ResourceQuota => Some("resourcequota"),
            Kind::Ingress => Some("ingress"),
            Kind::ControllerRevision
            | Kind::Namespace
            | Kind::Event
            | Kind::EndpointSlice
            | Kind::StorageClass
            | Kind::ValidatingWebhookConfiguration
            | Kind::MutatingWebhookConfiguration
            | Kind::APIService
            | Kind::Other(_) => None,
        };
        let namespace = scope.owned_in();
        let mut known = BTreeMap::new();
        if !namespace.is_empty() {
            known.insert("namespace".to_owned(), namespace.to_owned());
        }
        if let Some(own) = own {
            known.insert(own.to_owned(), scope.name.clone());
        }
        Self { known, rest: Rest::Unknown }
    }

    /// Of an alert, which were cut if there were too many.
    fn told(alert: &Alert) -> Self {
        let mut known = alert.labels.clone();
        known.insert("alertname".to_owned(), alert.name.clone());
        if !alert.severity.is_empty() {
            known.insert("severity".to_owned(), alert.severity.clone());
        }
        let whole = !alert.flags.contains(&Flag::Cut) && !alert.flags.contains(&Flag::NoName);
        Self { known, rest: if whole { Rest::Absent } else { Rest::Unknown } }
    }
}

fn covers(silence: &Foreign, labels: &Labels) -> bool {
    !silence.matchers.is_empty() && silence.matchers.iter().all(|matcher| holds(matcher, labels))
}

fn holds(matcher: &Matcher, labels: &Labels) -> bool {
    let value = match (labels.known.get(&matcher.name), labels.rest) {
        (Some(value), _) => value.as_str(),
        (None, Rest::Absent) => "",
        (None, Rest::Unknown) => return false,
    };
    match matcher.how {
        How::Is => value == matcher.value,
        How::IsNot => value != matcher.value,
        How::Matches => matches(&matcher.value, value).unwrap_or(false),
        How::MatchesNot => matches(&matcher.value, value).is_some_and(|hit| !hit),
    }
}

/// Whether all of a value matches, as Alertmanager means it. `None` for what is no expression, or too large a one.
fn matches(pattern: &str, value: &str) -> Option<bool> {
    let whole = format!("^(?:{pattern})$");
    let regex = RegexBuilder::new(&whole).size_limit(COMPILED).dfa_size_limit(COMPILED).build().ok()?;
    Some(regex.is_match(value))
}

#[cfg(test)]
mod tests;
