//! A person's own door to end an incident: the form on its pages, and the POST behind it.

use super::Gate;
use super::forms::{self, Purpose};
use super::post::Unchanged;
use super::render::NextStep;
use crate::api::vote::EndPost;
use crate::config::Keys;
use crate::stages::vote::end::{EndPosted, Ended};
use crate::stages::vote::people::Visitor;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use nightshift_engine::rules::Rules;
use nightshift_model::registry::{PersonKind, Power};
use nightshift_model::vote::VoteRefusal;
use nightshift_model::{Ending, Incident, IncidentId, Phase};
use std::sync::Arc;

/// The form.
pub(super) struct EndView {
    /// Where it is posted.
    pub(super) action: String,
    /// When what is wrong had last changed, as this page shows it.
    pub(super) seen: String,
    /// Its token.
    pub(super) csrf: String,
    /// What ending means here.
    pub(super) hints: Vec<&'static str>,
    /// Whether it is the next step, to stand on top and open.
    pub(super) next: bool,
}

/// The form for a visitor who may end the incident as it stands; `None` for everybody else.
pub(super) fn view(incident: &Incident, visitor: &Visitor, rules: &Rules, keys: &Keys) -> Option<EndView> {
    let person = &visitor.person;
    let may = person.kind == PersonKind::Person
        && rules.registry.may(person, Power::Approve, &incident.scope.namespace);
    if !may || incident.phase.ending() != Ending::Possible {
        return None;
    }
    let purpose = Purpose::End(&incident.id, incident.findings_at);
    let mut hints = vec![match &incident.phase {
        Phase::Executing { .. } => "Look at the target first. nightshift sends nothing more for this one.",
        Phase::Proposed { .. } | Phase::Granted { .. } => {
            "The open proposal ends with it, and nothing of it is carried out."
        }
        Phase::Investigating { .. }
        | Phase::Drafted { .. }
        | Phase::Verifying { .. }
        | Phase::Escalated { .. }
        | Phase::Closed { .. } => "For what you have settled yourself, or have decided to live with.",
    }];
    if !incident.findings.is_empty() {
        hints.push("What still stands then is not told again until it changes, or goes away and comes back.");
    }
    Some(EndView {
        action: format!("/i/{}/end", incident.id),
        seen: incident.findings_at.to_string(),
        csrf: forms::token(keys, visitor.session, &purpose),
        hints,
        next: matches!(incident.phase, Phase::Executing { .. }),
    })
}

/// The POST.
pub(super) async fn post(
    State(gate): State<Arc<Gate>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let id = IncidentId(id);
    let purpose = |post: &EndPost| Purpose::End(&id, post.seen);
    let (visitor, post) = match gate.ours(&headers, &body, purpose).await {
        Ok(ours) => ours,
        Err(no) => return gate.unchanged(no.why, no.visitor.as_ref(), not_ended(no.why, &id)).await,
    };
    let posted = EndPosted { incident: id.clone(), seen: post.seen, note: post.note };
    let (status, text, more) = match gate.votes.end(&visitor.person.name, &posted).await {
        Ok(Ended::Ended) => return Redirect::to(&format!("/i/{id}")).into_response(),
        Ok(Ended::Over) => {
            (StatusCode::CONFLICT, "It is over already.", "Somebody was faster, or it healed.")
        }
        Ok(Ended::UnderWay) => (
            StatusCode::CONFLICT,
            "A write is under way or is being proven, so it cannot be ended now.",
            "Wait for its outcome; the kill switch holds back what has not begun.",
        ),
        Ok(Ended::Changed) => (
            StatusCode::CONFLICT,
            "What is wrong has changed since you opened the page.",
            "Read it again, then decide.",
        ),
        Ok(Ended::NoNote) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "Write a note: why does it end?",
            "A few words are enough. Everybody who looks later reads them.",
        ),
        Err(why) => return gate.unchanged(why, Some(&visitor), not_ended(why, &id)).await,
    };
    gate.say(&visitor, status, TITLE, (text, &[more, UNCHANGED]), back(&id)).await
}

const TITLE: &str = "The incident was not ended";
const UNCHANGED: &str = "Nothing was changed by this attempt.";

fn back(id: &IncidentId) -> NextStep {
    NextStep::to(format!("/i/{id}"), "Back to the incident")
}

/// Why nothing was ended.
fn not_ended(why: VoteRefusal, id: &IncidentId) -> Unchanged<'static> {
    Unchanged { title: TITLE, sentence: Some(sentence(why)), more: UNCHANGED, next: Some(back(id)) }
}

/// The refusals of a vote, where they speak of one, in words for this form.
fn sentence(why: VoteRefusal) -> &'static str {
    match why {
        VoteRefusal::BadForm => "This form is no longer valid. Reload the page and try again.",
        VoteRefusal::ForeignOrigin => "The request did not come from this page. Open it again and try there.",
        VoteRefusal::Service => "Service identities end no incident.",
        VoteRefusal::StoreFailed => "The history cannot be written, so nothing can be ended now.",
        VoteRefusal::RateLimited
        | VoteRefusal::NoSession
        | VoteRefusal::NotOpen
        | VoteRefusal::Expired
        | VoteRefusal::OtherDigest
        | VoteRefusal::NoRole
        | VoteRefusal::Proposer
        | VoteRefusal::AlreadyVoted
        | VoteRefusal::AddedLater
        | VoteRefusal::WrongCode
        | VoteRefusal::BadProof
        | VoteRefusal::ControlsMissing
        | VoteRefusal::NotNext
        | VoteRefusal::StaleStatement
        | VoteRefusal::BridgeCounted
        | VoteRefusal::IdUsed
        | VoteRefusal::NotInteractive
        | VoteRefusal::KillSwitch => why.sentence(),
    }
}
