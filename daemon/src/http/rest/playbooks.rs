//! `/v1/playbooks`, and which of them an incident gets.

use super::Rest;
use super::answer::{Answer, Checked, Id, Nothing, json, unreadable};
use super::auth::Caller;
use super::openapi::Refused;
use crate::api::playbook::{Explanation, PlaybookList};
use crate::api::problem::Refusal;
use crate::stages::query;
use axum::extract::State;
use http::HeaderMap;
use nightshift_model::IncidentId;
use std::sync::Arc;

/// The playbooks in force
#[utoipa::path(get, path = "/v1/playbooks", tag = "playbooks", responses(
    (status = 200, description = "All of them, in the order in which they are tried", body = PlaybookList),
    Refused,
))]
pub(super) async fn list(
    State(rest): State<Arc<Rest>>,
    _: Caller,
    Checked(Nothing {}): Checked<Nothing>,
    headers: HeaderMap,
) -> Answer {
    json(&headers, &query::playbooks(&rest.votes.rules().await.playbooks))
}

/// Which playbook an incident gets, and why not the others
#[utoipa::path(get, path = "/v1/incidents/{id}/playbook", tag = "playbooks",
    params(("id" = String, Path, description = "The incident's id")), responses(
    (status = 200, description = "The choice, and what it leads to with today's evidence", body = Explanation),
    Refused,
))]
pub(super) async fn explain(
    State(rest): State<Arc<Rest>>,
    caller: Caller,
    Id(id): Id,
    Checked(Nothing {}): Checked<Nothing>,
    headers: HeaderMap,
) -> Answer {
    let found = rest.reads.incident_detail(&caller.reader, &IncidentId(id)).await;
    let incident = found.map_err(|e| unreadable(&e))?.ok_or(Refusal::NotFound)?.incident;
    json(&headers, &query::explain(&incident, &rest.votes.rules().await).ok_or(Refusal::NotFound)?)
}
