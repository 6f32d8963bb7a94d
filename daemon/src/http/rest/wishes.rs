//! `POST /v1/proposals`: a person asks for a proposal, signed with a key file of their own. Neither session nor token
//! counts here, and whoever asks does not vote on the answer.

use super::Rest;
use super::answer::{Answer, Checked, Nothing};
use crate::api::problem::{Problem, Refusal};
use crate::api::wish::{SignedWish, WishTaken};
use crate::http::limits::Verdict;
use crate::stages::vote::ask::AskError;
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use nightshift_engine::asking::NotAsked;
use nightshift_engine::proof;
use std::sync::Arc;

/// A person asks for a proposal, with a signature over the wish's own statement
///
/// The statement is `nightshift/wish/v1`, a zero byte and the canonical JSON (RFC 8785) of `cluster_uid`, `person`,
/// `target`, `wanted`, `because` and `ts`; an `ed25519` key of the registry signs it. The incident that is answered has
/// the proposal, or says why there is none, a moment later.
#[utoipa::path(post, path = "/v1/proposals", tag = "proposals", request_body = SignedWish, security(()), responses(
    (status = 202, description = "Taken", body = WishTaken),
    (status = 400, description = "Not a wish", content_type = "application/problem+json", body = Problem),
    (status = 401, description = "The signature shows nobody", content_type = "application/problem+json", body = Problem),
    (status = 403, description = "Not allowed", content_type = "application/problem+json", body = Problem),
    (status = 409, description = "Something waits for this workload already", content_type = "application/problem+json", body = Problem),
    (status = 413, description = "Larger than any wish", content_type = "application/problem+json", body = Problem),
    (status = 422, description = "Refused whoever approves, or signed too long ago", content_type = "application/problem+json", body = Problem),
    (status = 429, description = "Too many", content_type = "application/problem+json", body = Problem),
    (status = 503, description = "The history cannot be written", content_type = "application/problem+json", body = Problem),
))]
pub(super) async fn ask(
    State(rest): State<Arc<Rest>>,
    Checked(Nothing {}): Checked<Nothing>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let sent = read(&headers, &body).ok_or_else(|| Problem {
        detail: "The body is not a wish as this path takes it.".to_owned(),
        ..Refusal::BadBody.problem()
    })?;
    let wish = sent.wish();
    let rules = rest.votes.rules().await;
    // Who asks is known first: a stranger uses up nobody's turn, and is told nothing of the cluster.
    let signer = proof::wished(&wish, &sent.key, &sent.signature, &rules.registry, &rules.cluster.uid)
        .map_err(|bad| refused(&rest, &AskError::Unproven(bad)))?;
    if rest.voters.take(&signer.name, rest.clock.now()) == Verdict::Wait {
        return Err(Refusal::RateLimited.problem());
    }
    match rest.votes.ask(wish).await {
        Ok(incident) => {
            let taken = WishTaken { incident: incident.to_string() };
            Ok((StatusCode::ACCEPTED, Json(taken)).into_response())
        }
        Err(why) => Err(refused(&rest, &why)),
    }
}

fn read(headers: &HeaderMap, body: &Bytes) -> Option<SignedWish> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let json = kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json");
    if json { serde_json::from_slice(body).ok() } else { None }
}

fn refused(rest: &Rest, why: &AskError) -> Problem {
    let (status, reason, next) = match why {
        AskError::Unproven(_) => {
            rest.metrics.anonymous("bad-proof");
            let next = "Ask with `nightshift propose` and a key that the registry has.";
            return Problem {
                detail: format!("{why}."),
                next: next.to_owned(),
                ..Refusal::BadProof.problem()
            };
        }
        AskError::Store(error) => {
            tracing::error!(%error, "the history does not answer, so nothing is asked");
            return Refusal::StoreFailed.problem();
        }
        AskError::Moving => (409, "moving", "Try again in a moment."),
        AskError::Refused(refusal) => (
            match refusal {
                NotAsked::Service | NotAsked::NoRole(..) => 403,
                NotAsked::BadName(_) | NotAsked::NoReason => 400,
                NotAsked::Stale | NotAsked::Refused(_) => 422,
                NotAsked::Waits(_) | NotAsked::Drafted(_) | NotAsked::Asked(..) => 409,
            },
            refusal.as_str(),
            next(refusal),
        ),
    };
    rest.metrics.refused(reason);
    Problem::new(status, reason, format!("{why}."), next)
}

/// What to do about it.
fn next(why: &NotAsked) -> &'static str {
    match why {
        NotAsked::Service | NotAsked::NoRole(..) => {
            "Ask somebody whose role may approve in that namespace; the registry has them."
        }
        NotAsked::BadName(_) => {
            "Name a Deployment, StatefulSet or DaemonSet and its namespace as Kubernetes has them."
        }
        NotAsked::NoReason => "Say why.",
        NotAsked::Stale => "Set this machine's clock, then ask again.",
        NotAsked::Waits(_) => {
            "Decide on that proposal first, with `nightshift approve` or `nightshift deny`."
        }
        NotAsked::Drafted(_) | NotAsked::Asked(..) => {
            "Look at the incident with `nightshift incidents show`, then ask again."
        }
        NotAsked::Refused(_) => "Lift what refuses it, or act by hand.",
    }
}
