//! *Propose the inverse*: the form on the page of a finished write, and the POST behind it. It asks, and decides nothing.

use super::Gate;
use super::forms::{self, Purpose};
use super::post::Unchanged;
use super::render::{NextStep, sentence};
use crate::api::wish::InversePost;
use crate::config::Keys;
use crate::stages::query::Story;
use crate::stages::vote::ask::AskError;
use crate::stages::vote::people::Visitor;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use nightshift_engine::asking;
use nightshift_engine::digest::words;
use nightshift_engine::rules::Rules;
use nightshift_model::registry::Power;
use nightshift_model::vote::VoteRefusal;
use nightshift_model::{ProposalId, Timestamp};
use std::sync::Arc;

/// The form.
pub(super) struct InverseView {
    /// Where it is posted.
    pub(super) action: String,
    /// Its token.
    pub(super) csrf: String,
    /// What would be asked for.
    pub(super) sentence: String,
}

/// The form for a visitor who may ask, once the write is over; `None` for everybody else.
pub(super) fn view(
    story: &Story,
    visitor: &Visitor,
    rules: &Rules,
    keys: &Keys,
    now: Timestamp,
) -> Option<InverseView> {
    let (plan, person) = (story.proposal.plan(), &visitor.person.name);
    let wish = asking::inverse(&story.incident, plan, person, "", now)?;
    asking::may(&rules.registry, person, &wish.target.namespace).ok()?;
    Some(InverseView {
        action: format!("/p/{}/inverse", plan.proposal),
        csrf: forms::token(keys, visitor.session, &Purpose::Inverse(&plan.proposal)),
        sentence: words::visible(&wish.sentence()),
    })
}

/// The POST.
pub(super) async fn post(
    State(gate): State<Arc<Gate>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    const TITLE: &str = "Propose the inverse";
    let id = ProposalId(id);
    let back = || NextStep::to(format!("/p/{id}"), "Back to the proposal");
    let said = || Unchanged { title: TITLE, sentence: None, more: "Nothing was asked.", next: Some(back()) };
    let (visitor, post) = match gate.ours(&headers, &body, |_: &InversePost| Purpose::Inverse(&id)).await {
        Ok(ours) => ours,
        Err(no) => return gate.unchanged(no.why, no.visitor.as_ref(), said()).await,
    };
    // What is another owner's is refused as what is not there.
    let rules = gate.votes.rules().await;
    let sees =
        |story: &Story| rules.registry.may(&visitor.person, Power::View, story.incident.scope.owned_in());
    let story = match gate.reads.proposal(&id).await {
        Ok(Some(story)) if sees(&story) => story,
        Ok(_) => return gate.unchanged(VoteRefusal::NotOpen, Some(&visitor), said()).await,
        Err(error) => return Gate::unavailable(&error),
    };
    let (person, now) = (&visitor.person.name, gate.clock.now());
    let wish = asking::inverse(&story.incident, story.proposal.plan(), person, &post.because, now);
    let Some(wish) = wish else {
        let why = "Nothing of this proposal was written, or it is not over yet.";
        let told = ("There is nothing to take back.", &[why] as &[&str]);
        return gate.say(&visitor, StatusCode::CONFLICT, TITLE, told, back()).await;
    };
    match gate.votes.ask(wish).await {
        Ok(incident) => {
            let more =
                "If it can be done, a proposal of its own waits there in a moment. You do not vote on it.";
            let next = NextStep::to(format!("/i/{incident}"), "To the incident");
            gate.say(&visitor, StatusCode::OK, TITLE, ("It was asked for.", &[more]), next).await
        }
        Err(AskError::Store(error)) => Gate::unavailable(&error),
        Err(why @ (AskError::Refused(_) | AskError::Unproven(_) | AskError::Moving)) => {
            gate.metrics.refused(if let AskError::Refused(why) = &why { why.as_str() } else { "moving" });
            let more = sentence(&why.to_string());
            let told = ("Nothing was asked.", &[more.as_str()] as &[&str]);
            gate.say(&visitor, StatusCode::CONFLICT, TITLE, told, back()).await
        }
    }
}
