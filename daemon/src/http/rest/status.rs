//! `/v1/status`.

use super::Rest;
use super::answer::{Answer, Checked, Nothing, json};
use super::auth::Caller;
use super::openapi::Refused;
use crate::api::status::Status;
use axum::extract::State;
use http::HeaderMap;
use std::sync::Arc;

/// How nightshift itself is: version, mode, readiness, kill switch, roles, storage
#[utoipa::path(get, path = "/v1/status", tag = "status", responses(
    (status = 200, description = "The status", body = Status),
    Refused,
))]
pub(super) async fn status(
    State(rest): State<Arc<Rest>>,
    caller: Caller,
    Checked(Nothing {}): Checked<Nothing>,
    headers: HeaderMap,
) -> Answer {
    json(&headers, &(rest.status)(caller.reader).await)
}
