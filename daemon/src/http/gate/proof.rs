//! How success is proven: each measure, what it said before and says now, and how long all of them have held.

use super::chart::{self, Between, ChartView, Look, Mark, Series};
use super::render::{span, to_the_second};
use crate::stages::query::Story;
use nightshift_model::measure::{Check, ClusterCondition, Measure, Stage, Value};
use nightshift_model::{Measurement, Seconds};

/// One measure of the plan.
#[derive(Clone, Debug)]
pub(super) struct MeasureView {
    pub(super) asks: String,
    pub(super) promql: String,
    pub(super) red_first: bool,
    pub(super) before: Option<ReadingView>,
    pub(super) now: Option<ReadingView>,
    pub(super) chart: Option<ChartView>,
}

/// What a measure said. The word stands beside the colour.
#[derive(Clone, Debug)]
pub(super) struct ReadingView {
    pub(super) tone: &'static str,
    pub(super) word: &'static str,
    pub(super) value: String,
}

/// How far the proof is.
#[derive(Clone, Debug)]
pub(super) struct ProgressView {
    pub(super) sentence: String,
    pub(super) held: u64,
    pub(super) soak: u64,
}

/// The measures with what they said so far.
pub(super) fn measures(story: &Story, zone: &jiff::tz::TimeZone) -> Vec<MeasureView> {
    let last = |stage: Stage| story.measured.iter().rev().find(|m| m.stage == stage);
    let (before, now) = (last(Stage::Before), last(Stage::After));
    let reading = |look: Option<&Measurement>, name: &str| {
        look?.readings.iter().find(|r| r.name == name).map(|r| view(&r.value))
    };
    let measures = &story.proposal.plan().verification.measures;
    measures
        .iter()
        .enumerate()
        .map(|(at, measure)| MeasureView {
            asks: asks(measure),
            promql: promql(measure),
            red_first: measure.red_first,
            before: reading(before, &measure.name),
            now: reading(now, &measure.name),
            chart: now.and_then(|_| chart::draw(&format!("measure-{at}"), &series(measure, story), zone)),
        })
        .collect()
}

/// What a measure said at every look. Numbers are drawn as numbers, everything else as holds or fails.
fn series<'a>(measure: &'a Measure, story: &Story) -> Series<'a> {
    let threshold = match &measure.check {
        Check::Query { threshold, .. } => threshold.parse().ok(),
        Check::Cluster { .. } => None,
    };
    let look = |m: &Measurement| {
        let value = m.readings.iter().find(|r| r.name == measure.name).map(|r| &r.value);
        let number = |text: &str| threshold.and_then(|_: f64| text.parse().ok());
        let (mark, number) = match value {
            Some(Value::Holds(text)) => (Mark::Holds, number(text)),
            Some(Value::Fails(text)) => (Mark::Fails, number(text)),
            Some(Value::Reverted(_)) => (Mark::Fails, None),
            Some(Value::NoData { .. }) | None => (Mark::NoData, None),
        };
        Look { at: m.at, mark, number }
    };
    let looks = story.measured.iter().map(look).collect();
    Series { name: &measure.name, looks, threshold, write: story.applied_at, between: Between::Unknown }
}

fn asks(measure: &Measure) -> String {
    match &measure.check {
        Check::Query { holds, threshold, .. } => format!("{} {} {threshold}", measure.name, holds.sign()),
        Check::Cluster { condition, target } => match condition {
            ClusterCondition::RolledOut => format!("Every replica of {target} is updated and available"),
            ClusterCondition::NoRestarts => {
                format!("No container of {target} restarts or waits in a crash loop")
            }
            ClusterCondition::TemplateIs { .. } => format!("{target} still has the approved template"),
            ClusterCondition::MemoryLimitIs { container, limit } => {
                format!("Container {container} of {target} still has the memory limit {limit}")
            }
            ClusterCondition::PodReplaced { pod } => format!("Pod {} of that uid is gone", pod.name),
            ClusterCondition::JobComplete { job, .. } => format!("{job} is Complete"),
            ClusterCondition::RestartIs { at, .. } => {
                format!("{target} still says that it was restarted at {at}, and has the approved template")
            }
        },
    }
}

fn promql(measure: &Measure) -> String {
    match &measure.check {
        Check::Query { promql, .. } => promql.clone(),
        Check::Cluster { .. } => String::new(),
    }
}

fn view(value: &Value) -> ReadingView {
    match value {
        Value::Holds(text) => ReadingView { tone: "good", word: "holds", value: text.clone() },
        Value::Fails(text) => ReadingView { tone: "bad", word: "fails", value: text.clone() },
        Value::Reverted(by) => ReadingView { tone: "bad", word: "reverted", value: format!("by {by}") },
        Value::NoData { detail, .. } => {
            ReadingView { tone: "unsure", word: "no data", value: detail.clone() }
        }
    }
}

/// How long every measure has held without a break, once there are looks after the write.
pub(super) fn progress(story: &Story, zone: &jiff::tz::TimeZone) -> Option<ProgressView> {
    let spec = &story.proposal.plan().verification;
    let after: Vec<&Measurement> = story.measured.iter().filter(|m| m.stage == Stage::After).collect();
    let newest = after.last()?;
    let holds = |m: &&&Measurement| m.readings.iter().all(|r| matches!(r.value, Value::Holds(_)));
    let run: Vec<&&Measurement> = after.iter().rev().take_while(holds).collect();
    let (held, sentence) = match run.last() {
        None => {
            (Seconds(0), format!("Not all measures hold yet; last look {}.", to_the_second(newest.at, zone)))
        }
        Some(first) => {
            let held = newest.at.since(first.at);
            let looks =
                if run.len() == 1 { "1 look".to_owned() } else { format!("{} looks in a row", run.len()) };
            let soak = span(spec.soak);
            (
                held,
                format!(
                    "All measures hold: {looks}, {} of {soak}; last look {}.",
                    span(held),
                    to_the_second(newest.at, zone)
                ),
            )
        }
    };
    Some(ProgressView { sentence, held: held.0.min(spec.soak.0), soak: spec.soak.0.max(1) })
}
