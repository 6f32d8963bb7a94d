//! The door for Alertmanager's webhook, on a listener of its own. It answers 2xx when the alerts are on the disk, 503
//! when they must be sent again, and any other status when sending them again would not help: Alertmanager repeats
//! after 5xx only.

mod lock;

pub use lock::{Entry, Lock};

use crate::api::problem::Problem;
use crate::stages::intake::{Intake, Refused};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use std::sync::Arc;
use std::time::Duration;
use tower_http::timeout::TimeoutLayer;

/// Where Alertmanager posts.
pub const PATH: &str = "/v1/alerts";
/// Bytes of a message.
pub const BODY_BYTES: usize = 4 << 20;
/// How long a message may take from its head to the answer.
const WITHIN: Duration = Duration::from_secs(30);

/// What the route answers from.
struct DoorState {
    intake: Intake,
    lock: Lock,
}

/// The route.
pub fn router(intake: Intake, lock: Lock) -> Router {
    Router::new()
        .route(PATH, post(take))
        .with_state(Arc::new(DoorState { intake, lock }))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, WITHIN))
}

/// Why a message is not taken, as metric label, status and sentence.
struct No {
    word: &'static str,
    status: StatusCode,
    detail: String,
}

async fn take(State(door): State<Arc<DoorState>>, headers: HeaderMap, body: Body) -> Response {
    match answer(&door, &headers, body).await {
        Ok(()) => {
            door.intake.metrics().message("accepted");
            StatusCode::ACCEPTED.into_response()
        }
        Err(no) => {
            door.intake.metrics().message(no.word);
            if no.status == StatusCode::SERVICE_UNAVAILABLE {
                tracing::warn!(
                    reason = no.word,
                    "alerts could not be taken: Alertmanager will send them again"
                );
            } else {
                tracing::info!(reason = no.word, "a message was refused: {}", no.detail);
            }
            no.into_response()
        }
    }
}

async fn answer(door: &DoorState, headers: &HeaderMap, body: Body) -> Result<(), No> {
    match door.lock.judge(headers).await {
        Entry::Open => {}
        Entry::Refused => {
            return Err(No::new("unauthenticated", StatusCode::UNAUTHORIZED, "not authenticated"));
        }
        Entry::Unreadable => {
            let what = "the secret cannot be read";
            return Err(No::new("no-secret", StatusCode::SERVICE_UNAVAILABLE, what));
        }
    }
    // A browser that was led here from another page cannot say this without asking first.
    let json = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if json.split(';').next().map(str::trim) != Some("application/json") {
        let what = "the content type is not application/json";
        return Err(No::new("content-type", StatusCode::BAD_REQUEST, what));
    }
    let body = match Limited::new(body, BODY_BYTES).collect().await {
        Ok(body) => body.to_bytes().to_vec(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            let what = format!("the body has more than {} MiB: set `max_alerts`", BODY_BYTES >> 20);
            return Err(No::new("too-large", StatusCode::PAYLOAD_TOO_LARGE, what));
        }
        Err(_) => return Err(No::new("broken", StatusCode::BAD_REQUEST, "the body ended early")),
    };
    door.intake.take(body).await.map(drop).map_err(|refused| match &refused {
        Refused::Rejected(why) => No::new(why.word(), StatusCode::BAD_REQUEST, refused.to_string()),
        Refused::Full => No::new("full", StatusCode::SERVICE_UNAVAILABLE, refused.to_string()),
        Refused::Store(error) => {
            tracing::error!(%error, "alerts cannot be stored");
            No::new("not-stored", StatusCode::SERVICE_UNAVAILABLE, refused.to_string())
        }
    })
}

impl No {
    fn new(word: &'static str, status: StatusCode, detail: impl Into<String>) -> Self {
        Self { word, status, detail: detail.into() }
    }
}

impl IntoResponse for No {
    fn into_response(self) -> Response {
        let Self { word, status, detail } = self;
        let next = if status == StatusCode::SERVICE_UNAVAILABLE {
            "Alertmanager sends it again by itself; if this stays so, look at nightshift's log."
        } else {
            "Mend the receiver for nightshift in alertmanager.yaml."
        };
        let mut response = Problem::new(status.as_u16(), word, detail, next).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer, Basic realm=\"nightshift\""));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("10"));
        }
        response
    }
}

#[cfg(test)]
mod tests;
