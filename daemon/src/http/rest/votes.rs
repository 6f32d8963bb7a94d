//! `POST /v1/proposals/{id}/votes`: a vote that proves itself. The signature is the authentication; neither session nor
//! token counts here, and no error says more to a stranger than that the vote proves nobody. What bridges carry comes
//! the same way and goes on in [`bridge`].

use super::Rest;
use super::answer::{Answer, Checked, Id, Nothing, unreadable};
use super::bridge;
use crate::api::problem::{Problem, Refusal};
use crate::api::vote::{BridgeHeaders, SignedVote, VoteBody, VoteTaken};
use crate::http::gate::vote_status;
use crate::http::limits::Verdict;
use crate::stages::query::Reader;
use crate::stages::vote::{By, Code, Posted, Signature};
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use nightshift_model::ProposalId;
use nightshift_model::vote::VoteRefusal;
use std::sync::Arc;

/// Votes, with a proof over the vote's own statement
///
/// The statement is `nightshift/vote/v1`, a zero byte and the canonical JSON (RFC 8785) of `cluster_uid`, `proposal`,
/// `digest`, `decision`, `person`, `vote_no` and `ts`. An `ed25519` proof signs it, a `webauthn` proof has its SHA-256
/// as challenge.
///
/// A bridge sends a Standard Webhooks message with its three headers instead. Its signature is `v1a`: Ed25519 over
/// `webhook-id`, a dot, `webhook-timestamp`, a dot and the body. It is at most 300 s old, its id is dealt with once and
/// answered the same when it comes again.
#[utoipa::path(post, path = "/v1/proposals/{id}/votes", tag = "proposals", request_body = VoteBody, security(()),
    params(("id" = String, Path, description = "The proposal's id"), BridgeHeaders), responses(
    (status = 200, description = "Taken", body = VoteTaken),
    (status = 400, description = "Not a vote", content_type = "application/problem+json", body = Problem),
    (status = 401, description = "The proof shows nobody, or only a shared secret", content_type = "application/problem+json", body = Problem),
    (status = 403, description = "Not allowed", content_type = "application/problem+json", body = Problem),
    (status = 404, description = "Not there, or not for who votes", content_type = "application/problem+json", body = Problem),
    (status = 409, description = "Another digest, number or message, decided, or a bridge that counted already", content_type = "application/problem+json", body = Problem),
    (status = 410, description = "Expired", content_type = "application/problem+json", body = Problem),
    (status = 413, description = "Larger than any vote", content_type = "application/problem+json", body = Problem),
    (status = 422, description = "Signed too long ago, or the proof does not count", content_type = "application/problem+json", body = Problem),
    (status = 429, description = "Too many", content_type = "application/problem+json", body = Problem),
    (status = 503, description = "The history cannot be written", content_type = "application/problem+json", body = Problem),
))]
pub(super) async fn cast(
    State(rest): State<Arc<Rest>>,
    Id(id): Id,
    Checked(Nothing {}): Checked<Nothing>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    if bridge::is_message(&headers) {
        return bridge::carry(&rest, &ProposalId(id), &headers, &body).await;
    }
    let sent = read(&headers, &body).ok_or(Refusal::BadBody)?;
    let person = sent.person.clone();
    let posted = posted(ProposalId(id), sent);
    let By::Signature(signature) = &posted.by else { return Err(Refusal::BadBody.problem()) };
    let signer = match rest.votes.signer(&posted.vote(&person, signature)).await {
        Ok(signer) => signer,
        Err(bad) => {
            rest.metrics.anonymous("bad-proof");
            return Err(Problem { detail: format!("{bad}."), ..Refusal::BadProof.problem() });
        }
    };
    if rest.voters.take(&signer.name, rest.clock.now()) == Verdict::Wait || rest.votes.is_locked(&signer.name)
    {
        return Err(Refusal::RateLimited.problem());
    }
    let reader = Reader::with(Arc::clone(&rest.registry), signer.roles.clone());
    let seen = rest.reads.story(&reader, &posted.proposal).await.map_err(|e| unreadable(&e))?;
    if seen.is_none() {
        return Err(Refusal::NotFound.problem());
    }
    match rest.votes.cast(&signer.name, &posted).await {
        Ok(()) => {
            rest.metrics.voted(posted.decision.as_str());
            let story = rest.reads.story(&reader, &posted.proposal).await.ok().flatten();
            let phase = story.map(|s| s.incident.phase.word().to_owned()).unwrap_or_default();
            let taken = VoteTaken { proposal: posted.proposal.to_string(), decision: posted.decision, phase };
            Ok(Json(taken).into_response())
        }
        Err(why) => {
            rest.metrics.refused(why.as_str());
            Err(refused(why))
        }
    }
}

fn read(headers: &HeaderMap, body: &Bytes) -> Option<SignedVote> {
    SignedVote::read(headers.get(CONTENT_TYPE)?.to_str().ok()?, body)
}

pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(crate::api::vote::is_json)
}

/// The code was typed, or not, before it was signed: `interactive` says so, and policy judges it.
fn posted(proposal: ProposalId, sent: SignedVote) -> Posted {
    Posted {
        proposal,
        digest: sent.digest,
        decision: sent.decision,
        reason: sent.reason,
        code: Code::Right,
        by: By::Signature(Signature {
            no: sent.vote_no,
            at: sent.ts,
            interactive: sent.interactive,
            proof: sent.proof,
        }),
    }
}

pub(super) fn refused(why: VoteRefusal) -> Problem {
    let next = "Look at the proposal as it stands now, with `nightshift proposals show`.";
    Problem::new(vote_status(why).as_u16(), why.as_str(), why.sentence(), next)
}
