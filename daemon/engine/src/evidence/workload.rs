//! The workload itself: strategy, conditions, who owns it and who wrote its template.

use super::answer::{Refusal, clean, entry, flag, list, number, object, text, time, word};
use super::writer::{self, ANNOTATIONS};
use super::{dependencies, get, path_of, selector, template};
use crate::actions::restart;
use crate::normal::template_digest;
use nightshift_model::effect::Accept;
use nightshift_model::evidence::{FieldWriter, Replacing, Restarting, WorkloadFacts};
use nightshift_model::{Kind, ObjectRef, Observed, RawPart, Read, Timestamp};
use serde_json::Value;

/// Longest change cause.
const CAUSE: usize = 200;

pub(super) fn reads(target: &ObjectRef) -> Vec<Read> {
    get(path_of(target), &[], Accept::Json)
}

pub(super) fn observe(parts: &[RawPart], target: &ObjectRef) -> Result<Observed, Refusal> {
    let live = object(parts, 0, &target.name, &target.uid)?;
    let pods = live.pointer("/spec/template").unwrap_or(&Value::Null);
    let counts = Counts::of(&live, &target.kind);
    Ok(Observed::Workload(WorkloadFacts {
        object: ObjectRef { uid: word(text(&live, "/metadata/uid")), ..target.clone() },
        selector: live.pointer("/spec/selector").map(selector::query).unwrap_or_default(),
        revision: entry(&live, ANNOTATIONS, "deployment.kubernetes.io/revision").parse().unwrap_or(0),
        generation: live.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0),
        replicas: counts.wanted,
        available: counts.available,
        updated: counts.updated,
        paused: flag(&live, "/spec/paused"),
        strategy: word(text(&live, strategy(&target.kind))),
        service_account: template::service_account(pods),
        template: template_digest(pods),
        gitops: writer::gitops(&live, target),
        helm: writer::helm(&live, target),
        operator: operator(&live),
        rollback_floor: said(&live, "nightshift.dev/rollback-floor", 40),
        change_cause: said(&live, "kubernetes.io/change-cause", CAUSE),
        written_by: written_by(&live),
        conditions: list(&live, "/status/conditions").iter().take(20).map(condition).collect(),
        replacing: replacing(&live, &target.kind),
        unavailable_since: unavailable_since(&live),
        depends_on: dependencies::of(pods, &target.namespace),
        restarting: Some(restarting(&live, &target.kind, &counts)),
    }))
}

/// How many pods there should be and are.
struct Counts {
    wanted: u32,
    available: u32,
    updated: u32,
}

impl Counts {
    fn of(live: &Value, kind: &Kind) -> Self {
        let of = |name: &str| number(live, &format!("/status/{name}"));
        if *kind == Kind::DaemonSet {
            let wanted = of("desiredNumberScheduled");
            return Self { wanted, available: of("numberAvailable"), updated: of("updatedNumberScheduled") };
        }
        let wanted = live.pointer("/spec/replicas").map_or(1, |_| number(live, "/spec/replicas"));
        Self { wanted, available: of("availableReplicas"), updated: of("updatedReplicas") }
    }
}

/// Where the type of the strategy stands.
fn strategy(kind: &Kind) -> &'static str {
    if *kind == Kind::Deployment { "/spec/strategy/type" } else { "/spec/updateStrategy/type" }
}

/// How a changed template reaches the pods of a StatefulSet or DaemonSet.
fn replacing(live: &Value, kind: &Kind) -> Replacing {
    let partition = number(live, "/spec/updateStrategy/rollingUpdate/partition");
    let held = if text(live, "/spec/updateStrategy/type") == "OnDelete" {
        Some("its update strategy is OnDelete: no pod is replaced until somebody deletes it".to_owned())
    } else if partition > 0 {
        Some(format!("a partition keeps the pods below ordinal {partition} as they are"))
    } else {
        None
    };
    let ordered = *kind == Kind::StatefulSet && text(live, "/spec/podManagementPolicy") != "Parallel";
    Replacing { held, ordered }
}

/// What a restart rests on: the template without its annotation, whether a rollout is under way, and what it costs.
fn restarting(live: &Value, kind: &Kind, counts: &Counts) -> Restarting {
    let pods = live.pointer("/spec/template").unwrap_or(&Value::Null);
    Restarting {
        template: restart::bare_digest(pods),
        last: restart::last(pods).map(|at| clean(at, 100)),
        rolling: rolling(live, kind, counts),
        missing: missing(live, kind, counts.wanted),
        downtime_accepted: entry(live, ANNOTATIONS, restart::DOWNTIME) == "accepted",
    }
}

/// Why the last rollout is not over. That its pods are not available is not the question.
fn rolling(live: &Value, kind: &Kind, counts: &Counts) -> Option<String> {
    let seen = live.pointer("/status/observedGeneration").and_then(Value::as_i64).unwrap_or(0);
    if seen < live.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0) {
        return Some("its controller has not seen its newest spec yet".to_owned());
    }
    let all = if *kind == Kind::Deployment { number(live, "/status/replicas") } else { counts.updated };
    let revision = |name: &str| text(live, name);
    let one = *kind != Kind::StatefulSet
        || revision("/status/currentRevision") == revision("/status/updateRevision");
    let done = counts.updated == counts.wanted && all == counts.updated && one;
    (!done).then(|| format!("{} of {} pods are of its newest revision", counts.updated, counts.wanted))
}

/// How many pods the strategy lets be missing at once. What cannot be read counts as all of them.
fn missing(live: &Value, kind: &Kind, wanted: u32) -> u32 {
    if *kind == Kind::Deployment {
        if text(live, "/spec/strategy/type") == "Recreate" {
            return wanted;
        }
        let of = |name: &str, up| {
            share(live.pointer(&format!("/spec/strategy/rollingUpdate/{name}")), "25%", wanted, up)
        };
        return match (of("maxUnavailable", false), of("maxSurge", true)) {
            (Some(0), Some(0)) => 1,
            (Some(missing), Some(_)) => missing,
            (None, _) | (_, None) => wanted,
        };
    }
    let at = live.pointer("/spec/updateStrategy/rollingUpdate/maxUnavailable");
    share(at, "1", wanted, true).unwrap_or(wanted)
}

/// A number of pods or a share of them: `2`, `25%`.
fn share(value: Option<&Value>, otherwise: &str, of: u32, up: bool) -> Option<u32> {
    let text = match value {
        None | Some(Value::Null) => otherwise.to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let Some(percent) = text.strip_suffix('%') else { return text.parse().ok() };
    let parts = u64::from(of) * u64::from(percent.parse::<u32>().ok()?);
    u32::try_from(if up { parts.div_ceil(100) } else { parts / 100 }).ok()
}

fn said(live: &Value, annotation: &str, cap: usize) -> Option<String> {
    Some(clean(entry(live, ANNOTATIONS, annotation), cap)).filter(|text| !text.is_empty())
}

fn condition(condition: &Value) -> String {
    let part = |name: &str| text(condition, name);
    word(format!("{}={} {}", part("/type"), part("/status"), part("/reason")).trim_end())
}

/// Since when condition Available is False. The time is the condition's own: it moves when the status does.
fn unavailable_since(live: &Value) -> Option<Timestamp> {
    let conditions = list(live, "/status/conditions");
    let available = conditions.iter().find(|c| text(c, "/type") == "Available")?;
    time(available, "/lastTransitionTime").filter(|_| text(available, "/status") == "False")
}

/// The controlling owner, if it is no built-in workload.
fn operator(live: &Value) -> Option<String> {
    let owner = list(live, "/metadata/ownerReferences").iter().find(|o| flag(o, "/controller"))?;
    let group = text(owner, "/apiVersion").split('/').next().unwrap_or_default();
    let built_in = matches!(group, "apps" | "batch" | "v1");
    (!built_in).then(|| word(&format!("{} {}", text(owner, "/kind"), text(owner, "/name"))))
}

/// The newest writer of the template that is not us.
fn written_by(live: &Value) -> Option<FieldWriter> {
    list(live, "/metadata/managedFields")
        .iter()
        .filter(|entry| entry.pointer("/fieldsV1/f:spec/f:template").is_some())
        .filter(|entry| !text(entry, "/manager").starts_with(writer::OURS))
        .max_by_key(|entry| time(entry, "/time"))
        .map(|entry| FieldWriter { manager: word(text(entry, "/manager")), at: time(entry, "/time") })
}
