//! Verification: what to read for a measure, what the answers say, and what all looks together mean.

use crate::normal::template_digest;
use crate::protocol::status;
use crate::quantity::bytes;
use crate::seal::object;
use nightshift_model::effect::{MeasureRequest, Raw, RawPart, Read};
use nightshift_model::measure::{Check, ClusterCondition, Comparison, NoData, Stage, Value as Said};
use nightshift_model::{
    Applied, Measure, Measurement, NotChecked, ObjectRef, Outcome, Reading, Seconds, Timestamp,
    VerificationSpec,
};
use serde_json::Value;

mod judge;
mod rollout;
pub use judge::{Progress, progress, while_quiet};

/// The reads of one measure, in the order in which [`measurement`] reads their answers.
pub fn reads(measure: &Measure, selector: &str) -> Vec<Read> {
    match &measure.check {
        Check::Query { promql, fresh, .. } => {
            vec![Read::Query { promql: promql.clone() }, Read::Query { promql: fresh.clone() }]
        }
        Check::Cluster { condition, target } => match condition {
            ClusterCondition::RolledOut
            | ClusterCondition::TemplateIs { .. }
            | ClusterCondition::MemoryLimitIs { .. }
            | ClusterCondition::RestartIs { .. } => crate::actions::get(target).into_iter().collect(),
            ClusterCondition::NoRestarts | ClusterCondition::PodReplaced { .. } => {
                vec![crate::execute::pods_of(&target.namespace, selector)]
            }
            ClusterCondition::JobComplete { job, .. } => crate::actions::get(job).into_iter().collect(),
        },
    }
}

/// Reads the raw answers of one look.
pub fn measurement(request: &MeasureRequest, raw: &[Raw], max_age: Seconds, now: Timestamp) -> Measurement {
    let empty = Raw::default();
    let readings = request
        .measures
        .iter()
        .enumerate()
        .map(|(n, measure)| {
            let parts = &raw.get(n).unwrap_or(&empty).parts;
            Reading { name: measure.name.clone(), value: said(measure, parts, request, max_age, now) }
        })
        .collect();
    Measurement { at: now, stage: request.stage, readings }
}

fn said(
    measure: &Measure,
    parts: &[RawPart],
    request: &MeasureRequest,
    max_age: Seconds,
    now: Timestamp,
) -> Said {
    match &measure.check {
        Check::Query { holds, threshold, .. } => {
            let [value, fresh] = parts else { return no_data(NoData::Unreadable, "no answer") };
            match freshness(fresh, request.since, max_age, now) {
                Some(stale) => stale,
                None => compare(value, *holds, threshold),
            }
        }
        Check::Cluster { condition, target } => {
            let Some(part) = parts.first() else { return no_data(NoData::Unreadable, "no answer") };
            if let ClusterCondition::JobComplete { job, of } = condition {
                return complete(part, job, of, request.stage);
            }
            let answer = match object(part, &format!("{target}")) {
                Ok(answer) => answer,
                Err(why) => return no_data(class(part), &why),
            };
            match condition {
                ClusterCondition::RolledOut => rollout::rolled_out(&answer, &target.kind),
                ClusterCondition::NoRestarts => no_restarts(&answer, request.since, now),
                ClusterCondition::TemplateIs { template } => {
                    let live = answer.pointer("/spec/template").map(template_digest);
                    stays(live == Some(*template), "as approved", "another template", request, &answer)
                }
                ClusterCondition::MemoryLimitIs { container, limit } => {
                    let now = memory_limit(&answer, container);
                    let same = now.and_then(bytes).is_some_and(|b| Some(b) == bytes(limit));
                    let shown = crate::text::visible(now.unwrap_or("none"), 40);
                    stays(same, &shown, &shown, request, &answer)
                }
                ClusterCondition::RestartIs { at, template } => {
                    let same = crate::actions::restart::stands(*at, *template, &answer);
                    stays(same, "as approved", "not restarted then", request, &answer)
                }
                ClusterCondition::PodReplaced { pod } => replaced(&answer, &pod.uid),
                // Read above: that there is none is an answer too.
                ClusterCondition::JobComplete { .. } => no_data(NoData::Unreadable, "no answer"),
            }
        }
    }
}

/// What was written must stand; once it stood, another writer is named.
fn stays(stands: bool, as_written: &str, otherwise: &str, request: &MeasureRequest, live: &Value) -> Said {
    match (stands, request.stage) {
        (true, _) => Said::Holds(as_written.to_owned()),
        (false, Stage::Before) => Said::Fails(otherwise.to_owned()),
        (false, Stage::After) => Said::Reverted(writer(live, request.since)),
    }
}

/// Whether the pod of that uid is gone, as far as the whole list was told.
fn replaced(list: &Value, uid: &str) -> Said {
    if list.pointer("/metadata/continue").and_then(Value::as_str).is_some_and(|next| !next.is_empty()) {
        return no_data(NoData::Unreadable, "there are more pods than one page tells");
    }
    let Some(items) = list.get("items").and_then(Value::as_array) else {
        return no_data(NoData::Unreadable, "the answer is no list");
    };
    let same = |pod: &&Value| pod.pointer("/metadata/uid").and_then(Value::as_str) == Some(uid);
    match items.iter().find(same) {
        Some(pod) if pod.pointer("/metadata/deletionTimestamp").is_some() => {
            Said::Fails("it is on its way out".to_owned())
        }
        Some(_) => Said::Fails("it is there".to_owned()),
        None => {
            let ready = items.iter().filter(|pod| crate::seal::is_ready(pod)).count();
            Said::Holds(format!("gone, {ready} of {} pods Ready", items.len()))
        }
    }
}

/// Whether the Job that was made of a failed one is Complete. One that runs says nothing yet.
fn complete(part: &RawPart, job: &ObjectRef, of: &str, stage: Stage) -> Said {
    if matches!(part, RawPart::Body { status: 404, .. }) {
        return match stage {
            Stage::Before => Said::Fails("there is none yet".to_owned()),
            Stage::After => no_data(NoData::Empty, "it is gone"),
        };
    }
    let live = match object(part, &format!("{job}")) {
        Ok(live) => live,
        Err(why) => return no_data(class(part), &why),
    };
    let label = live.pointer("/metadata/labels").and_then(|all| all.get(nightshift_model::rerun::RERUN_OF));
    if label.and_then(Value::as_str) != Some(of) {
        return Said::Fails("a Job of that name is there that was not made of this one".to_owned());
    }
    let is = |kind: &str| {
        let all = live.pointer("/status/conditions").and_then(Value::as_array);
        all.is_some_and(|all| all.iter().any(|c| c["type"] == kind && c["status"] == "True"))
    };
    let count = |name: &str| live.pointer(&format!("/status/{name}")).and_then(Value::as_u64).unwrap_or(0);
    if is("Failed") {
        let why = crate::text::visible(crate::actions::re_run_job::failure(&live), 80);
        return Said::Fails(format!("it failed too: {why}"));
    }
    if is("Complete") {
        return Said::Holds(format!("Complete, pods that succeeded: {}", count("succeeded")));
    }
    no_data(NoData::Empty, &format!("it has not ended yet, pods that run: {}", count("active")))
}

fn memory_limit<'a>(workload: &'a Value, container: &str) -> Option<&'a str> {
    let all = workload.pointer("/spec/template/spec/containers")?.as_array()?;
    let named = all.iter().find(|c| c.get("name").and_then(Value::as_str) == Some(container))?;
    named.pointer("/resources/limits/memory")?.as_str()
}

fn no_data(why: NoData, detail: &str) -> Said {
    Said::NoData { why, detail: crate::text::visible(detail, 200) }
}

fn class(part: &RawPart) -> NoData {
    match part {
        RawPart::Body { status: 400..=499, .. } => NoData::Refused,
        RawPart::Failed { why: NotChecked::NotConfigured, .. } => NoData::NotConfigured,
        RawPart::Body { status: 500.., .. } | RawPart::Failed { .. } => NoData::Unreachable,
        RawPart::Body { .. } => NoData::Unreadable,
    }
}

/// The samples of an instant query's answer, as (labels, value as written).
fn samples(part: &RawPart) -> Result<Vec<String>, Said> {
    let RawPart::Body { status: code @ 200..=299, body, cut: false } = part else {
        let detail = match part {
            RawPart::Body { status: code, body, .. } => prometheus_error(*code, body),
            RawPart::Failed { why, detail } => format!("{} {detail}", why.clause()),
        };
        return Err(no_data(class(part), &detail));
    };
    let answer: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    if answer.get("status").and_then(Value::as_str) != Some("success") {
        return Err(no_data(NoData::Unreadable, &format!("HTTP {code} without success")));
    }
    if let Some(first) = answer.get("warnings").and_then(Value::as_array).and_then(|w| w.first()) {
        return Err(no_data(NoData::Warned, first.as_str().unwrap_or("warning")));
    }
    let result = answer.pointer("/data/result");
    let text = |pair: &Value| pair.get(1).and_then(Value::as_str).map(str::to_owned);
    let values = match answer.pointer("/data/resultType").and_then(Value::as_str) {
        Some("scalar") => result.and_then(text).into_iter().collect(),
        Some("vector") => result
            .and_then(Value::as_array)
            .map(|list| list.iter().filter_map(|s| s.get("value").and_then(text)).collect())
            .unwrap_or_default(),
        _ => return Err(no_data(NoData::Unreadable, "the answer is neither vector nor scalar")),
    };
    Ok(values)
}

fn prometheus_error(code: u16, body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    match answer.get("error").and_then(Value::as_str) {
        Some(error) => format!("HTTP {code}: {error}"),
        None => status(code, body).sentence(),
    }
}

/// Every sample must be finite and meet the threshold.
fn compare(part: &RawPart, holds: Comparison, threshold: &str) -> Said {
    let values = match samples(part) {
        Ok(values) => values,
        Err(said) => return said,
    };
    if values.is_empty() {
        return no_data(NoData::Empty, "no series");
    }
    let Ok(threshold) = threshold.parse::<f64>() else { return no_data(NoData::Unreadable, "threshold") };
    let mut worst = None;
    for text in &values {
        let Some(value) = text.parse::<f64>().ok().filter(|v| v.is_finite()) else {
            return no_data(NoData::NotFinite, text);
        };
        let ok = match holds {
            Comparison::Equal => (value - threshold).abs() < f64::EPSILON,
            Comparison::AtMost => value <= threshold,
            Comparison::AtLeast => value >= threshold,
            Comparison::Below => value < threshold,
            Comparison::Above => value > threshold,
        };
        if !ok {
            worst = Some(text);
        }
    }
    match (worst, values.first()) {
        (Some(text), _) => Said::Fails(text.clone()),
        (None, first) => Said::Holds(first.cloned().unwrap_or_default()),
    }
}

/// Instant queries look back five minutes and hide staleness, so the samples' own times are asked for.
fn freshness(part: &RawPart, since: Option<Timestamp>, max_age: Seconds, now: Timestamp) -> Option<Said> {
    let values = match samples(part) {
        Ok(values) => values,
        Err(said) => return Some(said),
    };
    let newest = values
        .iter()
        .filter_map(|v| v.parse::<f64>().ok())
        .filter(|v| v.is_finite())
        .fold(None, |a: Option<f64>, v| Some(a.map_or(v, |a| a.min(v))));
    let Some(seconds) = newest else { return Some(no_data(NoData::Empty, "no series")) };
    #[allow(clippy::cast_possible_truncation)] // milliseconds of a Unix time
    let at = Timestamp::from_micros((seconds * 1_000_000.0) as i64);
    if now.since(at) > max_age {
        return Some(no_data(NoData::Stale, &format!("the newest sample is from {at}")));
    }
    if since.is_some_and(|write| at <= write) {
        return Some(no_data(NoData::Stale, "no sample is newer than the write"));
    }
    None
}

/// No container waits in a crash loop, and none ended since the write (or, before it, within ten minutes).
fn no_restarts(list: &Value, since: Option<Timestamp>, now: Timestamp) -> Said {
    let since = since.unwrap_or(now - Seconds(600));
    let items = list.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let live: Vec<&Value> =
        items.iter().filter(|p| p.pointer("/metadata/deletionTimestamp").is_none()).collect();
    if live.is_empty() {
        return no_data(NoData::Empty, "no pods");
    }
    for pod in &live {
        let name = pod.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let lists = ["containerStatuses", "initContainerStatuses"];
        for status in lists.iter().filter_map(|l| pod.get("status")?.get(*l)?.as_array()).flatten() {
            let waiting = status.pointer("/state/waiting/reason").and_then(Value::as_str);
            let restarts = status.get("restartCount").and_then(Value::as_i64).unwrap_or(0);
            // The exit code of a run that ended in time to count.
            let ended = |state: &str| {
                let end = status.get(state)?.get("terminated")?;
                let at = end.get("finishedAt")?.as_str()?.parse::<Timestamp>().ok()?;
                (at > since).then(|| end.get("exitCode").and_then(Value::as_i64).unwrap_or(0))
            };
            if waiting == Some("CrashLoopBackOff") {
                return Said::Fails(format!("{name} waits in CrashLoopBackOff"));
            }
            if restarts > 0 && ended("lastState").is_some() {
                return Said::Fails(format!("{name} restarted"));
            }
            // Just ended, and not said to wait yet: the run before it may be cleared away already.
            if let Some(code) = ended("state").filter(|code| *code != 0) {
                return Said::Fails(format!("{name} ended with exit code {code}"));
            }
        }
    }
    Said::Holds(format!("{} pods, no restart", live.len()))
}

/// How far the clocks of this machine and of the API server may be apart before a writer goes unnamed.
const LAG: Seconds = Seconds(2);

/// Who wrote the template last, beside ourselves, and not before the write. Whoever takes a field away owns nothing
/// afterwards: then nobody is named, rather than the one who made the object.
fn writer(deployment: &Value, since: Option<Timestamp>) -> String {
    // Entries have whole seconds of the API server's clock.
    let since = since.map(|at| (at - LAG).get().as_second());
    let time = |e: &Value| e.get("time")?.as_str()?.parse::<Timestamp>().ok().map(|at| at.get().as_second());
    let entries =
        deployment.pointer("/metadata/managedFields").and_then(Value::as_array).cloned().unwrap_or_default();
    entries
        .iter()
        .filter(|e| e.pointer("/fieldsV1/f:spec/f:template").is_some())
        .filter(|e| e.get("manager").and_then(Value::as_str) != Some(crate::actions::FIELD_MANAGER))
        .filter(|e| since.is_none() || time(e) >= since)
        .max_by_key(|e| time(e))
        .and_then(|e| e.get("manager").and_then(Value::as_str))
        .map_or_else(|| "an unknown writer".to_owned(), |m| crate::text::visible(m, 80))
}

#[cfg(test)]
mod tests;
