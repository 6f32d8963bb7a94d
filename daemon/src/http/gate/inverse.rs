//! *Propose the inverse*: the form on the page of a finished write, and the POST behind it. It asks, and decides nothing.

use super::Gate;
use super::forms::{self, Form, Purpose, fits};
use super::render::{Frame, NextStep, message};
use super::vote::status;
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
    let id = ProposalId(id);
    let visitor = match gate.allowed(&headers).await {
        Ok(visitor) => visitor,
        Err(why) => return gate.not_asked(why, None).await,
    };
    let post: Option<InversePost> = Form::of(&headers).and_then(|form| form.read(&body));
    let ours = |post: &InversePost| fits(&gate.keys, visitor.session, &Purpose::Inverse(&id), &post.csrf);
    let Some(post) = post.filter(ours) else {
        return gate.not_asked(VoteRefusal::BadForm, Some(&visitor)).await;
    };
    // What is another owner's is refused as what is not there.
    let rules = gate.votes.rules().await;
    let may = |story: &Story| {
        asking::may(&rules.registry, &visitor.person.name, &story.incident.scope.namespace).is_ok()
    };
    let story = match gate.reads.proposal(&id).await {
        Ok(Some(story)) if may(&story) => story,
        Ok(_) => return gate.not_asked(VoteRefusal::NotOpen, Some(&visitor)).await,
        Err(error) => return Gate::unavailable(&error),
    };
    let (person, now) = (&visitor.person.name, gate.clock.now());
    let wish = asking::inverse(&story.incident, story.proposal.plan(), person, &post.because, now);
    let Some(wish) = wish else {
        let why = "Nothing of this proposal was written, or it is not over yet.";
        return gate
            .answer(&visitor, StatusCode::CONFLICT, "There is nothing to take back.", why, None)
            .await;
    };
    let (code, text, more, incident) = match gate.votes.ask(wish).await {
        Ok(incident) => {
            let more =
                "If it can be done, a proposal of its own waits there in a moment. You do not vote on it.";
            (StatusCode::OK, "It was asked for.", more.to_owned(), Some(incident))
        }
        Err(AskError::Store(error)) => return Gate::unavailable(&error),
        Err(why @ (AskError::Refused(_) | AskError::Unproven(_) | AskError::Moving)) => {
            gate.metrics.refused(if let AskError::Refused(why) = &why { why.as_str() } else { "moving" });
            (StatusCode::CONFLICT, "Nothing was asked.", sentence(&why.to_string()), None)
        }
    };
    let next = incident.map(|id| NextStep { href: format!("/i/{id}"), text: "To the incident".to_owned() });
    gate.answer(&visitor, code, text, &more, next).await
}

/// With a capital first letter and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

impl Gate {
    async fn answer(
        &self,
        visitor: &Visitor,
        code: StatusCode,
        text: &str,
        more: &str,
        next: Option<NextStep>,
    ) -> Response {
        let frame = self.frame("Propose the inverse", visitor, &self.votes.rules().await).await;
        message(code, &frame, text, &[more], next)
    }

    /// Tells why a form was not taken, and counts it.
    async fn not_asked(&self, why: VoteRefusal, visitor: Option<&Visitor>) -> Response {
        if let Some(visitor) = visitor {
            self.metrics.refused(why.as_str());
            return self.answer(visitor, status(why), why.sentence(), "Nothing was asked.", None).await;
        }
        self.refuse_anonymous(why.as_str());
        message(
            status(why),
            &Frame::anonymous("Nothing was asked"),
            why.sentence(),
            &["Nothing was asked."],
            None,
        )
    }
}
