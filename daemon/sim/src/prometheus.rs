//! A Prometheus that knows a table of exact query texts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Sim;
use crate::kind::DEPLOYMENT;
use crate::value::{after, int};

/// What a query text answers.
#[derive(Debug, Clone, PartialEq)]
pub enum PromValue {
    /// These series: labels and value.
    Vector(Vec<(BTreeMap<String, String>, f64)>),
    /// Computed from the cluster at the time of the question; one series without labels.
    Live(Live),
    /// No series.
    Empty,
    /// One series, NaN.
    Nan,
    /// For `timestamp(...)` queries: one series whose value is the evaluation time minus that many seconds.
    /// (An instant query always reports the evaluation time as the sample's own.)
    Stale(i64),
    /// Prometheus does not answer: 503.
    Down,
    /// Prometheus took the question and never answers.
    Silent,
    /// One series of that value, with a warning beside it.
    Warned(f64),
}

/// A value read from the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Live {
    /// `status.availableReplicas`; no series when the Deployment is missing.
    AvailableReplicas {
        /// Namespace.
        ns: String,
        /// Deployment.
        deployment: String,
    },
    /// `status.unavailableReplicas`; no series when the Deployment is missing.
    UnavailableReplicas {
        /// Namespace.
        ns: String,
        /// Deployment.
        deployment: String,
    },
    /// Wanted replicas less available ones; no series when the Deployment is missing.
    MissingReplicas {
        /// Namespace.
        ns: String,
        /// Deployment.
        deployment: String,
    },
    /// Container restarts within the window.
    RestartsIncrease {
        /// Namespace.
        ns: String,
        /// Start of the pod names, such as `web-`.
        pod_prefix: String,
        /// Window in seconds.
        window_s: i64,
    },
    /// 1.
    Up,
    /// The evaluation time in seconds: `timestamp(...)` of a fresh series.
    SampleTimestamp,
}

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The text is not in the table.
    #[error("the simulated Prometheus knows no query {0:?}")]
    Unknown(String),
    /// Set to `PromValue::Down`.
    #[error("the simulated Prometheus is down")]
    Down,
    /// Set to `PromValue::Silent`: a door keeps the question open.
    #[error("the simulated Prometheus does not answer in time")]
    Silent,
}

impl QueryError {
    /// HTTP status: 422 or 503.
    pub fn status(&self) -> u16 {
        match self {
            Self::Unknown(_) => 422,
            Self::Down | Self::Silent => 503,
        }
    }

    /// Body in the form of the Prometheus HTTP API.
    pub fn body(&self) -> Value {
        let kind = if matches!(self, Self::Unknown(_)) { "bad_data" } else { "unavailable" };
        json!({"status": "error", "errorType": kind, "error": self.to_string()})
    }
}

/// Metrics that nothing in the simulated cluster has: a query about them finds no series, and is no mistake.
const UNSCRAPED: [&str; 3] =
    ["container_memory_working_set_bytes", "container_cpu_cfs_periods_total", "http_requests_total"];

impl Sim {
    /// Puts a query text into the table, or replaces its answer.
    pub fn set_prometheus(&mut self, query: &str, value: PromValue) {
        self.prometheus.insert(query.into(), value);
    }

    /// Answers an instant query in the form of the Prometheus HTTP API.
    pub fn prometheus(&self, query: &str, now: Timestamp) -> Result<Value, QueryError> {
        let unscraped = || UNSCRAPED.iter().any(|metric| query.contains(metric)).then_some(&PromValue::Empty);
        let entry =
            self.prometheus.get(query).or_else(unscraped).ok_or_else(|| QueryError::Unknown(query.into()))?;
        let one = |value: f64| vec![(BTreeMap::new(), value)];
        let series = match entry {
            PromValue::Vector(series) => series.clone(),
            PromValue::Live(live) => self.live(live, now).map(one).unwrap_or_default(),
            PromValue::Empty => Vec::new(),
            PromValue::Nan => one(f64::NAN),
            PromValue::Stale(age) => one(seconds(after(now, -age))),
            PromValue::Down => return Err(QueryError::Down),
            PromValue::Silent => return Err(QueryError::Silent),
            PromValue::Warned(value) => one(*value),
        };
        let result: Vec<_> = series
            .iter()
            .map(|(labels, value)| json!({"metric": labels, "value": [seconds(now), number(*value)]}))
            .collect();
        let mut answer = json!({"status": "success", "data": {"resultType": "vector", "result": result}});
        if matches!(entry, PromValue::Warned(_)) {
            crate::value::put(
                &mut answer,
                &["warnings"],
                json!(["injected warning: results may be incomplete"]),
            );
        }
        Ok(answer)
    }

    fn live(&self, live: &Live, now: Timestamp) -> Option<f64> {
        let replicas = |ns: &str, name: &str, field: &str| {
            let deployment = self.store.get(&DEPLOYMENT.key(ns, name))?;
            Some(float(int(deployment, field).unwrap_or(0)))
        };
        match live {
            Live::AvailableReplicas { ns, deployment } => {
                replicas(ns, deployment, "/status/availableReplicas")
            }
            Live::UnavailableReplicas { ns, deployment } => {
                replicas(ns, deployment, "/status/unavailableReplicas")
            }
            Live::MissingReplicas { ns, deployment } => {
                let wanted = replicas(ns, deployment, "/spec/replicas")?;
                Some(wanted - replicas(ns, deployment, "/status/availableReplicas").unwrap_or(0.0))
            }
            Live::RestartsIncrease { ns, pod_prefix, window_s } => {
                let from = after(now, -window_s);
                let counted = self
                    .restarts
                    .iter()
                    .filter(|one| one.at > from && one.at <= now && one.pod.ns == *ns)
                    .filter(|one| one.pod.name.starts_with(pod_prefix.as_str()));
                Some(float(i64::try_from(counted.count()).unwrap_or(i64::MAX)))
            }
            Live::Up => Some(1.0),
            Live::SampleTimestamp => Some(seconds(now)),
        }
    }
}

/// Counts and seconds here are far below 2^52.
#[allow(clippy::cast_precision_loss)]
fn float(number: i64) -> f64 {
    number as f64
}

/// Unix time in seconds, to the millisecond.
fn seconds(at: Timestamp) -> f64 {
    float(at.as_millisecond()) / 1000.0
}

/// Prometheus writes sample values as text.
fn number(value: f64) -> String {
    if value.is_infinite() {
        format!("{}Inf", if value > 0.0 { "+" } else { "-" })
    } else {
        value.to_string()
    }
}
