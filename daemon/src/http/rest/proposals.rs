//! `/v1/proposals`, the sealed bytes and the votes.

use super::Rest;
use super::answer::{Answer, Checked, Id, Nothing, json, tagged, unreadable};
use super::auth::Caller;
use super::openapi::Refused;
use crate::api::problem::{Problem, Refusal};
use crate::api::proposal::{ProposalDetail, ProposalPage, ProposalQuery, VoteList};
use crate::stages::query::Story;
use axum::extract::State;
use bytes::Bytes;
use http::HeaderMap;
use nightshift_model::ProposalId;
use std::sync::Arc;

/// Media type of a sealed plan.
const SEALED: &str = "application/vnd.nightshift.plan+json";

/// Proposals, newest first
#[utoipa::path(get, path = "/v1/proposals", tag = "proposals", params(ProposalQuery), responses(
    (status = 200, description = "One page. Lists keep their place whatever is added meanwhile", body = ProposalPage),
    Refused,
))]
pub(super) async fn list(
    State(rest): State<Arc<Rest>>,
    caller: Caller,
    Checked(query): Checked<ProposalQuery>,
    headers: HeaderMap,
) -> Answer {
    json(&headers, &rest.reads.proposals(&caller.reader, &query).await?)
}

/// One proposal from its sealing to its end
#[utoipa::path(get, path = "/v1/proposals/{id}", tag = "proposals",
    params(("id" = String, Path, description = "The proposal's id")), responses(
    (status = 200, description = "The proposal", body = ProposalDetail),
    Refused,
))]
pub(super) async fn one(
    State(rest): State<Arc<Rest>>,
    caller: Caller,
    Id(id): Id,
    Checked(Nothing {}): Checked<Nothing>,
    headers: HeaderMap,
) -> Answer {
    json(&headers, &rest.story(&caller, id).await?.detail().ok_or(Refusal::NotFound)?)
}

/// The exact sealed bytes
///
/// What people approve is SHA-256 over `nightshift/plan/v1`, a zero byte and these bytes. The tag is that digest.
#[utoipa::path(get, path = "/v1/proposals/{id}/sealed", tag = "proposals",
    params(("id" = String, Path, description = "The proposal's id")), responses(
    (status = 200, description = "The sealed plan, byte for byte", content_type = "application/vnd.nightshift.plan+json",
        body = Object, headers(("etag" = String, description = "The digest, 64 hex digits in quotes"))),
    Refused,
))]
pub(super) async fn sealed(
    State(rest): State<Arc<Rest>>,
    caller: Caller,
    Id(id): Id,
    Checked(Nothing {}): Checked<Nothing>,
    headers: HeaderMap,
) -> Answer {
    let proposal = rest.story(&caller, id).await?.proposal;
    let bytes = Bytes::copy_from_slice(proposal.bytes().as_bytes());
    Ok(tagged(&headers, &proposal.digest().to_string(), SEALED, bytes))
}

/// The votes on a proposal, each with its proof
#[utoipa::path(get, path = "/v1/proposals/{id}/votes", tag = "proposals",
    params(("id" = String, Path, description = "The proposal's id")), responses(
    (status = 200, description = "The votes", body = VoteList),
    Refused,
))]
pub(super) async fn votes(
    State(rest): State<Arc<Rest>>,
    caller: Caller,
    Id(id): Id,
    Checked(Nothing {}): Checked<Nothing>,
    headers: HeaderMap,
) -> Answer {
    json(&headers, &rest.story(&caller, id).await?.vote_list())
}

impl Rest {
    /// A proposal that the caller may see. Another one is not told from none.
    async fn story(&self, caller: &Caller, id: String) -> Result<Story, Problem> {
        let found = self.reads.story(&caller.reader, &ProposalId(id)).await;
        Ok(found.map_err(|e| unreadable(&e))?.ok_or(Refusal::NotFound)?)
    }
}
