//! `/healthz`, `/readyz` and `/metrics`, on a listener of their own that shows no incident.

use crate::api::ready::Readiness;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use std::sync::Arc;

/// What the text form of metrics is called.
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the routes answer from.
#[derive(Clone)]
pub struct Health {
    /// Asked for every `/readyz`.
    pub ready: Arc<dyn Fn() -> Readiness + Send + Sync>,
    /// Written out for every `/metrics`.
    pub metrics: Arc<Registry>,
}

/// The routes.
pub fn router(health: Health) -> Router {
    let routes = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(health);
    super::listen::bounded(routes)
}

async fn ready(State(health): State<Health>) -> Response {
    let readiness = (health.ready)();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

async fn metrics(State(health): State<Health>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &health.metrics) {
        Ok(()) => ([(CONTENT_TYPE, METRICS)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written out");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use http::Request;
    use http_body_util::BodyExt as _;
    use nightshift_model::Gap;
    use tower::ServiceExt as _;

    async fn get(health: &Health, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = router(health.clone()).oneshot(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn readiness_tells_what_cannot_be_seen() {
        let gap = Gap { what: "watch nodes".to_owned(), why: "403 Forbidden".to_owned() };
        let ready = move || Readiness { ready: false, gaps: vec![gap.clone()] };
        let mut registry = Registry::default();
        let counters = crate::http::metrics::GateMetrics::default();
        counters.register(&mut registry);
        counters.refused("wrong-code");
        let health = Health { ready: Arc::new(ready), metrics: Arc::new(registry) };
        assert_eq!(get(&health, "/healthz").await.0, StatusCode::OK);
        let (status, body) = get(&health, "/readyz").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body, r#"{"ready":false,"gaps":[{"what":"watch nodes","why":"403 Forbidden"}]}"#);
        let (_, body) = get(&health, "/metrics").await;
        assert!(body.contains(r#"nightshift_votes_refused_total{reason="wrong-code"} 1"#), "{body}");
    }
}
