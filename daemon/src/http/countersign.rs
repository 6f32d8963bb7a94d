//! Where the API server asks whether a write of the executor was approved.
//!
//! Whoever reaches the port may ask, so a question changes nothing: it writes no row and spends nothing. What was refused is
//! counted, and told in one row a minute and reason. A write by anybody but the executor is none of ours to judge, and passes:
//! also if somebody installed the webhook without its match conditions.

use super::metrics::Anonymous;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::StatusCode;
use nightshift_engine::lock::asked::{self, Asked};
use nightshift_engine::lock::policy::PATH;
use nightshift_engine::lock::{Because, Refusal};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tower_http::timeout::TimeoutLayer;

/// Bytes of a question: the object as it is and as it would be. A workload has a tenth of it; what has more is refused.
const BODY_BYTES: usize = 2 << 20;
/// Questions that are held in memory at a time; the API server takes a further one for refused.
const AT_ONCE: usize = 4;
/// The API server waits for 5 s.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// Looks the history up and judges.
pub type Judge =
    Arc<dyn Fn(Asked) -> Pin<Box<dyn Future<Output = Result<Because, Refusal>> + Send>> + Send + Sync>;

/// What is counted. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct CountersignMetrics {
    answers: Family<[(&'static str, &'static str); 2], Counter>,
}

impl CountersignMetrics {
    /// Names the counter in a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "nightshift_countersign_answers",
            "Writes of the executor that the API server asked about, by answer and reason; self-tests are among the refused",
            self.answers.clone(),
        );
    }

    fn count(&self, answer: &'static str, reason: &'static str) {
        self.answers.get_or_create(&[("answer", answer), ("reason", reason)]).inc();
    }
}

/// What the route answers from.
#[derive(Clone)]
pub struct Countersign {
    judge: Judge,
    executor: Arc<str>,
    metrics: CountersignMetrics,
    refused: Arc<Anonymous>,
    room: Arc<Semaphore>,
}

impl Countersign {
    /// For the writes of one user. `refused` counts what the history is told about.
    pub fn new(judge: Judge, executor: &str, metrics: CountersignMetrics, refused: Arc<Anonymous>) -> Self {
        Self { judge, executor: executor.into(), metrics, refused, room: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The one route.
    pub fn router(self) -> Router {
        Router::new()
            .route(PATH, post(countersign))
            .with_state(self)
            .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, ANSWER_WITHIN))
    }

    async fn answer(&self, asked: Asked) -> Result<(), Refusal> {
        if *asked.user != *self.executor {
            self.metrics.count("allowed", "nobody-of-ours");
            return Ok(());
        }
        let what = format!("{} {}/{}", asked.operation.as_str(), asked.namespace, asked.name);
        let own_test = is_self_test(&asked);
        match (self.judge)(asked).await {
            Ok(because) => {
                self.metrics.count("allowed", because.label());
                tracing::info!(what, because = because.label(), "a write of the executor is countersigned");
                Ok(())
            }
            Err(refusal) => {
                self.metrics.count("refused", refusal.label());
                tracing::debug!(what, %refusal, "a write is not countersigned");
                if !own_test {
                    self.refused.count(refusal.label());
                }
                Err(refusal)
            }
        }
    }
}

/// A dry run of the executor's self-test: that it is refused is no news.
fn is_self_test(asked: &Asked) -> bool {
    let text =
        |pointer: &str| asked.object.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default();
    let mark = nightshift_engine::protocol::mark_on(&asked.object).unwrap_or_default();
    asked.dry_run
        && (mark.starts_with(nightshift_engine::lock::probe::NEVER)
            || text("/reportingInstance") == "self-test")
}

async fn countersign(State(this): State<Countersign>, body: Body) -> Response {
    let Ok(_place) = this.room.clone().try_acquire_owned() else {
        this.metrics.count("refused", "busy");
        return (StatusCode::SERVICE_UNAVAILABLE, "too many questions at a time\n").into_response();
    };
    let Ok(bytes) = to_bytes(body, BODY_BYTES).await else {
        this.metrics.count("refused", "too-large");
        return (StatusCode::PAYLOAD_TOO_LARGE, "the question is too large\n").into_response();
    };
    let (uid, asked) = match asked::read(&bytes) {
        Ok(read) => read,
        Err(why) => {
            this.metrics.count("refused", "unreadable");
            return (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response();
        }
    };
    drop(bytes);
    let refused = this.answer(asked).await.err();
    axum::Json(asked::answer(&uid, refused.as_ref())).into_response()
}

#[cfg(test)]
mod tests;
