//! `/v1/incidents`.

use super::Rest;
use super::answer::{Answer, Checked, Id, Nothing, json, unreadable};
use super::auth::Caller;
use super::openapi::Refused;
use crate::api::incident::{IncidentDetail, IncidentPage, IncidentQuery};
use crate::api::problem::Refusal;
use axum::extract::State;
use http::HeaderMap;
use nightshift_model::IncidentId;
use std::sync::Arc;

/// Incidents, newest first
#[utoipa::path(get, path = "/v1/incidents", tag = "incidents", params(IncidentQuery), responses(
    (status = 200, description = "One page. Lists keep their place whatever is added meanwhile", body = IncidentPage),
    Refused,
))]
pub(super) async fn list(
    State(rest): State<Arc<Rest>>,
    caller: Caller,
    Checked(query): Checked<IncidentQuery>,
    headers: HeaderMap,
) -> Answer {
    json(&headers, &rest.reads.incidents(&caller.reader, &query).await?)
}

/// One incident with its timeline and evidence
#[utoipa::path(get, path = "/v1/incidents/{id}", tag = "incidents",
    params(("id" = String, Path, description = "The incident's id")), responses(
    (status = 200, description = "The incident", body = IncidentDetail),
    Refused,
))]
pub(super) async fn one(
    State(rest): State<Arc<Rest>>,
    caller: Caller,
    Id(id): Id,
    Checked(Nothing {}): Checked<Nothing>,
    headers: HeaderMap,
) -> Answer {
    let found = rest.reads.incident_detail(&caller.reader, &IncidentId(id)).await;
    json(&headers, &found.map_err(|e| unreadable(&e))?.ok_or(Refusal::NotFound)?)
}
