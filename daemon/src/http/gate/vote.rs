//! POST decides: the checks of a vote in their fixed order, each with its own answer.

use super::Gate;
use super::forms::{self, Form, Purpose, fits, own_origin};
use super::post::Unchanged;
use super::render::NextStep;
use crate::api::problem::Problem;
use crate::api::vote::{AgainPost, SwitchPost, SwitchTo, VotePost, VoteTaken};
use crate::http::limits::Verdict;
use crate::stages::vote::people::Visitor;
use crate::stages::vote::{Again, By, Code, Posted, Switch, Switched};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use nightshift_model::vote::VoteRefusal;
use nightshift_model::{Digest, ProposalId};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// One vote.
pub(super) async fn cast(
    State(gate): State<Arc<Gate>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let id = ProposalId(id);
    let form = Form::of(&headers).unwrap_or(Form::Page);
    let visitor = match gate.known(&headers).await {
        Ok(visitor) => visitor,
        Err(why) => return gate.refuse(why, None, &id, form).await,
    };
    let post = match gate.admissible(&id, &visitor, &headers, &body).await {
        Ok(post) => post,
        Err(why) => {
            gate.votes.refused(&visitor.person.name, &id, why).await;
            return gate.refuse(why, Some(&visitor), &id, form).await;
        }
    };
    match gate.votes.cast(&visitor.person.name, &post).await {
        Ok(()) => {
            gate.metrics.voted(post.decision.as_str());
            gate.taken(&post, form).await
        }
        Err(why) => gate.refuse(why, Some(&visitor), &id, form).await,
    }
}

impl Gate {
    /// Rate limit, session, lock.
    async fn known(&self, headers: &HeaderMap) -> Result<Visitor, VoteRefusal> {
        let secret = self.cookies.session(headers).unwrap_or_default();
        let key = Digest(Sha256::digest(secret.as_bytes()).into());
        if !secret.is_empty() && self.sessions.take(&key, self.clock.now()) == Verdict::Wait {
            return Err(VoteRefusal::RateLimited);
        }
        let visitor = self.visitor(headers).await.ok_or(VoteRefusal::NoSession)?;
        if self.votes.is_locked(&visitor.person.name) {
            return Err(VoteRefusal::RateLimited);
        }
        Ok(visitor)
    }

    /// Origin, page cookie, form token; then the vote as the stage takes it.
    async fn admissible(
        &self,
        id: &ProposalId,
        visitor: &Visitor,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<Posted, VoteRefusal> {
        if !own_origin(headers, &self.site.origins) {
            return Err(VoteRefusal::ForeignOrigin);
        }
        let form = Form::of(headers).ok_or(VoteRefusal::BadForm)?;
        let post: VotePost = form.read(body).ok_or(VoteRefusal::BadForm)?;
        let digest = Digest::parse(&post.digest).map_err(|_| VoteRefusal::BadForm)?;
        if !self.page_cookie_fits(visitor, headers) {
            return Err(VoteRefusal::BadForm);
        }
        let session = visitor.session;
        let token_fits =
            |digest| fits(&self.keys, session, &Purpose::Vote(id, digest, post.decision), post.token());
        if !token_fits(digest) {
            // Our form with another digest in it says so; anything else is not our form.
            let stored = self.reads.proposal(id).await.map_err(|_| VoteRefusal::StoreFailed)?;
            let ours = stored.is_some_and(|story| token_fits(story.proposal.digest()));
            return Err(if ours { VoteRefusal::OtherDigest } else { VoteRefusal::BadForm });
        }
        let by = super::passkey::signature(&post)?.map_or(By::Session(session), By::Signature);
        let right = forms::code_fits(&self.keys, session, digest, &post.code);
        Ok(Posted {
            proposal: id.clone(),
            digest,
            decision: post.decision,
            reason: post.reason,
            code: if right { Code::Right } else { Code::Wrong },
            by,
        })
    }

    pub(super) fn page_cookie_fits(&self, visitor: &Visitor, headers: &HeaderMap) -> bool {
        let token = self.cookies.page(headers).unwrap_or_default();
        fits(&self.keys, visitor.session, &Purpose::Page, &token)
    }

    /// The checks that every other post of a person passes.
    pub(super) async fn allowed(&self, headers: &HeaderMap) -> Result<Visitor, VoteRefusal> {
        let visitor = self.known(headers).await?;
        if !own_origin(headers, &self.site.origins) {
            return Err(VoteRefusal::ForeignOrigin);
        }
        if !self.page_cookie_fits(&visitor, headers) {
            return Err(VoteRefusal::BadForm);
        }
        Ok(visitor)
    }

    async fn taken(&self, post: &Posted, form: Form) -> Response {
        match form {
            Form::Page => Redirect::to(&format!("/p/{}", post.proposal)).into_response(),
            Form::Json => {
                let story = self.reads.proposal(&post.proposal).await.ok().flatten();
                let phase = story.map(|s| s.incident.phase.word().to_owned()).unwrap_or_default();
                let taken = VoteTaken { proposal: post.proposal.to_string(), decision: post.decision, phase };
                Json(taken).into_response()
            }
        }
    }

    /// Tells the person why nothing was decided, and counts it.
    async fn refuse(
        &self,
        why: VoteRefusal,
        visitor: Option<&Visitor>,
        id: &ProposalId,
        form: Form,
    ) -> Response {
        if form == Form::Page {
            let said = Unchanged {
                title: "Your vote was not taken",
                sentence: None,
                more: "Nothing was decided by this attempt.",
                next: Some(NextStep::to(format!("/p/{id}"), "Back to the proposal")),
            };
            return self.unchanged(why, visitor, said).await;
        }
        match visitor {
            Some(_) => self.metrics.refused(why.as_str()),
            None => self.refuse_anonymous(why.as_str()),
        }
        let next = "Look at the proposal as it stands now.";
        Problem::new(status(why).as_u16(), why.as_str(), why.sentence(), next).into_response()
    }
}

/// The status of a refusal.
pub(in crate::http) fn status(why: VoteRefusal) -> StatusCode {
    match why {
        VoteRefusal::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        VoteRefusal::NotOpen
        | VoteRefusal::OtherDigest
        | VoteRefusal::AlreadyVoted
        | VoteRefusal::BridgeCounted
        | VoteRefusal::IdUsed
        | VoteRefusal::NotNext => StatusCode::CONFLICT,
        VoteRefusal::Expired => StatusCode::GONE,
        VoteRefusal::WrongCode | VoteRefusal::BadProof | VoteRefusal::StaleStatement => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        VoteRefusal::StoreFailed => StatusCode::SERVICE_UNAVAILABLE,
        VoteRefusal::NoSession
        | VoteRefusal::ForeignOrigin
        | VoteRefusal::BadForm
        | VoteRefusal::NoRole
        | VoteRefusal::Proposer
        | VoteRefusal::Service
        | VoteRefusal::AddedLater
        | VoteRefusal::ControlsMissing
        | VoteRefusal::NotInteractive
        | VoteRefusal::KillSwitch => StatusCode::FORBIDDEN,
    }
}

/// A fresh look after a proposal that expired or was denied.
pub(super) async fn again(
    State(gate): State<Arc<Gate>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let id = ProposalId(id);
    let visitor = match gate.ours(&headers, &body, |_: &AgainPost| Purpose::Again(&id)).await {
        Ok((visitor, _)) => visitor,
        Err(no) => return gate.refuse(no.why, no.visitor.as_ref(), &id, Form::Page).await,
    };
    let (text, more) = match gate.votes.again(&visitor.person.name, &id).await {
        Ok(Again::Asked) => (
            "It is being looked at again.",
            "If it is still broken you will find a fresh proposal in the list.",
        ),
        Ok(Again::NotNeeded) => {
            ("There is nothing to check again here.", "Somebody was faster, or it is over.")
        }
        Err(why) => return gate.refuse(why, Some(&visitor), &id, Form::Page).await,
    };
    let next = NextStep::to("/", "To the inbox");
    gate.say(&visitor, StatusCode::OK, "Check again", (text, &[more]), next).await
}

/// The kill switch.
pub(super) async fn switch(State(gate): State<Arc<Gate>>, headers: HeaderMap, body: Bytes) -> Response {
    let next = || NextStep::to("/", "To the inbox");
    let said = || Unchanged {
        title: "Kill switch",
        sentence: None,
        more: "The kill switch is as it was.",
        next: Some(next()),
    };
    let (visitor, post) = match gate.ours(&headers, &body, |_: &SwitchPost| Purpose::Switch).await {
        Ok(ours) => ours,
        Err(no) => return gate.unchanged(no.why, no.visitor.as_ref(), said()).await,
    };
    let to = match post.switch {
        SwitchTo::Set => Switch::Set { reason: post.reason },
        SwitchTo::Clear => Switch::Clear,
    };
    let (text, more) = match gate.votes.kill_switch(&visitor.person.name, to).await {
        Ok(Switched::Set) => (
            "The kill switch is set. Nothing new is executed.",
            "What is on its way already cannot be called back. Two admins clear the switch.",
        ),
        Ok(Switched::Clearing) => ("Noted. A second admin must clear it too.", "It is still set."),
        Ok(Switched::Cleared) => ("The kill switch is cleared.", "Votes and approvals from before are void."),
        Err(why) => return gate.unchanged(why, Some(&visitor), said()).await,
    };
    gate.say(&visitor, StatusCode::OK, "Kill switch", (text, &[more]), next()).await
}
