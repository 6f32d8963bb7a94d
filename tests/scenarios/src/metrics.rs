//! A Prometheus that tells the truth about the simulated cluster, or that fails in a chosen way.

use crate::timeline::PrometheusMode as Mode;
use crate::world::Cluster;
use nightshift_model::measure::{Check, ClusterCondition};
use nightshift_model::{Digest, NotChecked, ObjectRef, Policy, RawPart, Risk, Seconds, Timestamp};
use nightshift_playbooks::Catalog;
use nightshift_sim::{ApiRequest, Live, Method, PromValue, QueryError, Reply};
use serde_json::Value;
use std::collections::BTreeMap;

/// How old the newest sample is when scraping has stopped.
const STALE: i64 = 600;

/// What Prometheus is told to do, and which query texts belong to which measure.
pub(crate) struct Metrics {
    pub(crate) mode: Mode,
    /// Measures that behave otherwise.
    pub(crate) measures: BTreeMap<String, Mode>,
    /// By query text: measure, target, and whether it asks for the samples' time.
    known: BTreeMap<String, (String, ObjectRef, bool)>,
}

impl Metrics {
    pub(crate) fn new(mode: Mode) -> Self {
        Self { mode, measures: BTreeMap::new(), known: BTreeMap::new() }
    }

    /// Learns the queries that any playbook may ask about a workload.
    pub(crate) fn learn(&mut self, catalog: &Catalog, target: &ObjectRef) {
        for playbook in catalog.iter() {
            for asked in nightshift_playbooks::questions(playbook, target).unwrap_or_default() {
                self.known.insert(asked.promql, (asked.name, target.clone(), false));
            }
            let policy = Policy::default();
            let no = ClusterCondition::TemplateIs { template: Digest([0; 32]) };
            let spec = nightshift_playbooks::verification(
                playbook,
                &policy,
                Risk::Medium,
                target,
                &no,
                true,
                Seconds(0),
            );
            for measure in spec.map(|s| s.measures).unwrap_or_default() {
                if let Check::Query { promql, fresh, .. } = measure.check {
                    self.known.insert(promql, (measure.name.clone(), target.clone(), false));
                    self.known.insert(fresh, (measure.name, target.clone(), true));
                }
            }
        }
    }
}

/// Answers an instant query in Prometheus' own form.
pub(crate) fn answer(cluster: &mut Cluster, promql: &str, now: Timestamp) -> RawPart {
    if cluster.metrics.mode == Mode::None {
        return RawPart::Failed { why: NotChecked::NotConfigured, detail: String::new() };
    }
    if let Some((measure, target, fresh)) = cluster.metrics.known.get(promql).cloned() {
        let mode = cluster.metrics.measures.get(&measure).copied().unwrap_or(cluster.metrics.mode);
        if let Some(value) = value(cluster, &measure, &target, fresh, mode) {
            cluster.sim.set_prometheus(promql, value);
        }
    }
    let (status, body) = match cluster.sim.prometheus(promql, now.get()) {
        Ok(body) => (200, body),
        Err(error @ QueryError::Silent) => {
            return RawPart::Failed { why: NotChecked::TimedOut, detail: error.to_string() };
        }
        Err(error) => (error.status(), error.body()),
    };
    RawPart::Body { status, body: body.to_string().into_bytes(), cut: false }
}

/// What the table says about a measure; `None` for one that this harness does not know, which is 422 then.
fn value(
    cluster: &mut Cluster,
    measure: &str,
    target: &ObjectRef,
    fresh: bool,
    mode: Mode,
) -> Option<PromValue> {
    if fresh {
        return Some(match mode {
            Mode::Empty => PromValue::Empty,
            Mode::Down => PromValue::Down,
            Mode::Slow => PromValue::Silent,
            Mode::Stale => PromValue::Stale(STALE),
            Mode::Live | Mode::Nan | Mode::Warned | Mode::None => PromValue::Live(Live::SampleTimestamp),
        });
    }
    let truth = match measure {
        "restarts-of-namespace" => {
            let live = Live::RestartsIncrease {
                ns: target.namespace.clone(),
                pod_prefix: format!("{}-", target.name),
                window_s: 900,
            };
            return Some(PromValue::Live(live));
        }
        // What the containers used is not simulated: no series, as where cAdvisor is not scraped.
        "working-set" => return Some(PromValue::Empty),
        "metrics-present" => 1,
        _ => {
            let workload = get(cluster, target)?;
            let number = |pointer: &str| workload.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
            let available = number("/status/availableReplicas");
            match measure {
                "unavailable-replicas" => number("/status/unavailableReplicas"),
                "missing-replicas" => number("/spec/replicas") - available,
                "available-replicas" => available,
                "unready-replicas" => number("/spec/replicas") - number("/status/readyReplicas"),
                "ready-replicas" => number("/status/readyReplicas"),
                "outdated-replicas" => number("/spec/replicas") - number("/status/updatedReplicas"),
                "unavailable-pods" => number("/status/numberUnavailable"),
                "missing-pods" => {
                    number("/status/desiredNumberScheduled") - number("/status/numberAvailable")
                }
                "outdated-pods" => {
                    number("/status/desiredNumberScheduled") - number("/status/updatedNumberScheduled")
                }
                "available-pods" => number("/status/numberAvailable"),
                _ => return None,
            }
        }
    };
    #[allow(clippy::cast_precision_loss)] // counts of replicas
    let truth = truth as f64;
    Some(match mode {
        Mode::Live | Mode::Stale | Mode::None => PromValue::Vector(vec![(BTreeMap::new(), truth)]),
        Mode::Empty => PromValue::Empty,
        Mode::Nan => PromValue::Nan,
        Mode::Down => PromValue::Down,
        Mode::Slow => PromValue::Silent,
        Mode::Warned => PromValue::Warned(truth),
    })
}

fn get(cluster: &mut Cluster, target: &ObjectRef) -> Option<Value> {
    let request = ApiRequest::new(Method::Get, &target.path()?, "kube-state-metrics");
    let now = cluster.now.get();
    match cluster.sim.handle(&request, now) {
        Reply::Once(answer) if answer.status == 200 => Some(answer.value()),
        Reply::Once(_) | Reply::Watch(_) => None,
    }
}
