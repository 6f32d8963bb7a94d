//! One instant query of a playbook: decimal strings as Prometheus wrote them.

use super::answer::{Refusal, clean, json, list, text, word};
use nightshift_model::evidence::SampleLine;
use nightshift_model::{NotChecked, Observed, RawPart, Read};
use serde_json::Value;

/// Samples kept.
const KEPT: usize = 50;
/// Longest label set, and longest warning.
const LABELS: usize = 300;

pub(super) fn reads(promql: &str) -> Vec<Read> {
    vec![Read::Query { promql: promql.to_owned() }]
}

/// Samples in Prometheus' order. What is no sample stands last with an empty value: how many more there are, and
/// each warning.
pub(super) fn observe(parts: &[RawPart]) -> Result<Observed, Refusal> {
    let answer = json(parts, 0)?;
    if text(&answer, "/status") != "success" {
        let error = text(&answer, "/error");
        let detail = if error.is_empty() { "the answer is not Prometheus'" } else { error };
        return Err((NotChecked::Unreadable, clean(detail, LABELS)));
    }
    let mut lines: Vec<SampleLine> = match text(&answer, "/data/resultType") {
        "vector" => list(&answer, "/data/result").iter().take(KEPT).map(sample).collect(),
        "scalar" => {
            vec![SampleLine { labels: String::new(), value: value(answer.pointer("/data/result/1")) }]
        }
        other => {
            let detail = clean(&format!("the result is a `{other}`, not a vector or scalar"), LABELS);
            return Err((NotChecked::Unreadable, detail));
        }
    };
    let note = |labels: String| SampleLine { labels: clean(&labels, LABELS), value: String::new() };
    let more = list(&answer, "/data/result").len().saturating_sub(KEPT);
    if more > 0 && text(&answer, "/data/resultType") == "vector" {
        lines.push(note(format!("{more} more samples")));
    }
    let warnings = list(&answer, "/warnings").iter().filter_map(Value::as_str);
    lines.extend(warnings.take(5).map(|warning| note(format!("warning: {warning}"))));
    Ok(Observed::Samples(lines))
}

fn sample(sample: &Value) -> SampleLine {
    let metric = sample.get("metric").and_then(Value::as_object).into_iter().flatten();
    let labels: Vec<String> =
        metric.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect();
    SampleLine { labels: clean(&labels.join(" "), LABELS), value: value(sample.pointer("/value/1")) }
}

fn value(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).map_or_else(|| "(not a number)".to_owned(), word)
}
