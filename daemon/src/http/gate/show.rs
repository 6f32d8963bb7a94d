//! GET: everything that can be looked at. Nothing here decides anything.

use super::Gate;
use super::course::{self, IncidentPage};
use super::end;
use super::forms::{self, Purpose};
use super::hold::HoldView;
use super::link::{BadLink, LinkToken};
use super::page::{Desk, proposal_page, sentence};
use super::render::{Frame, clock, message, page, span};
use crate::stages::query::Story;
use crate::stages::vote::people::Visitor;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use http::header::SET_COOKIE;
use http::{HeaderMap, Method, StatusCode};
use nightshift_engine::digest::words;
use nightshift_engine::drive::StoreError;
use nightshift_engine::rules::Rules;
use nightshift_model::registry::Power;
use nightshift_model::{IncidentId, ProposalId, Timestamp};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "teaser.html")]
struct TeaserPage {
    frame: Frame,
    title: String,
    cluster: String,
    target: String,
    reason: String,
    risk: String,
    digest: String,
    until: String,
    left: String,
    foreign: String,
}

impl Gate {
    /// The page that asks a stranger to sign in; the same whatever was asked for.
    pub(super) fn sign_in_first(&self) -> Response {
        self.refuse_anonymous("no-session");
        message(
            StatusCode::UNAUTHORIZED,
            &Frame::anonymous("Sign in first"),
            "You are not signed in on this device.",
            &[
                "Open a link that nightshift sent you, or get a sign-in link:",
                "nightshift person invite YOUR-NAME",
            ],
            None,
        )
    }

    /// The store did not answer.
    pub(super) fn unavailable(error: &StoreError) -> Response {
        tracing::error!(%error, "a page could not be read from the history");
        message(
            StatusCode::SERVICE_UNAVAILABLE,
            &Frame::anonymous("Not available"),
            "The history cannot be read now. Nothing was done.",
            &["Try again in a minute. If it stays so, look at nightshift's log."],
            None,
        )
    }

    /// An answer with the cookie that posts from our pages carry.
    pub(super) fn with_page_cookie(&self, mut answer: Response, visitor: &Visitor) -> Response {
        let token = forms::token(&self.keys, visitor.session, &Purpose::Page);
        if let Some(cookie) = self.cookies.set_page(&token) {
            answer.headers_mut().append(SET_COOKIE, cookie);
        }
        answer
    }

    async fn whole_page(&self, method: &Method, story: &Story, visitor: &Visitor, rules: &Rules) -> Response {
        if method == Method::GET {
            self.votes.viewed(&visitor.person.name, story.proposal.id()).await;
        }
        let desk = Desk {
            frame: self.frame("", visitor, rules).await,
            visitor,
            rules,
            keys: &self.keys,
            now: self.clock.now(),
            zone: &self.site.zone,
            look: self.look(story).await,
        };
        match proposal_page(story, desk) {
            Ok(text) => self.with_page_cookie(Html(text).into_response(), visitor),
            Err(error) => {
                tracing::error!(%error, "a proposal's page cannot be rendered");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }

    fn teaser(
        &self,
        story: &Story,
        expires: Timestamp,
        visitor: Option<&Visitor>,
        rules: &Rules,
    ) -> Response {
        let plan = story.proposal.plan();
        let now = self.clock.now();
        let reason = story.sealed_on.symptom.as_ref().map_or("", |f| f.reason.as_str());
        let teaser = TeaserPage {
            frame: Frame::anonymous(&sentence(&plan.action)),
            title: match &plan.wish {
                Some(wish) if reason.is_empty() => words::asked(wish),
                Some(_) | None => format!("{reason} on {}", plan.action.target()),
            },
            cluster: rules.cluster.name.clone(),
            target: plan.action.target().to_string(),
            reason: reason.to_owned(),
            risk: plan.risk.to_string(),
            digest: story.proposal.digest().short(),
            until: clock(expires, now, &self.site.zone),
            left: span(expires.since(now)),
            foreign: visitor.map(|v| v.person.name.to_string()).unwrap_or_default(),
        };
        page(StatusCode::OK, &teaser)
    }

    /// Checks a link and reads what it shows.
    async fn follow(&self, id: &ProposalId, token: &str) -> Result<(Story, Timestamp), Follow> {
        let now = self.clock.now();
        let token = LinkToken::open(token, &self.keys.links, id, now).map_err(Follow::Bad)?;
        let works = self.people.link_works(&token.nonce, id).await.map_err(Follow::Store)?;
        if !works {
            return Err(Follow::Bad(BadLink::Revoked));
        }
        let story = self.reads.proposal(id).await.map_err(Follow::Store)?;
        let story = story.ok_or(Follow::Bad(BadLink::Foreign))?;
        if LinkToken::head(story.proposal.digest()) != token.digest {
            return Err(Follow::Bad(BadLink::OtherDigest));
        }
        Ok((story, token.expires))
    }
}

enum Follow {
    Bad(BadLink),
    Store(StoreError),
}

fn may_view(rules: &Rules, visitor: &Visitor, namespace: &str) -> bool {
    rules.registry.may(&visitor.person, Power::View, namespace)
}

pub(super) async fn incident(
    State(gate): State<Arc<Gate>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(visitor) = gate.visitor(&headers).await else { return gate.sign_in_first() };
    let rules = gate.votes.rules().await;
    match gate.reads.incident(&IncidentId(id)).await {
        Ok(Some(course)) if may_view(&rules, &visitor, course.incident.scope.owned_in()) => {
            let frame = gate.frame("", &visitor, &rules).await;
            let end = end::view(&course.incident, &visitor, &rules, &gate.keys);
            let hold = HoldView::of(
                &course.incident,
                &visitor,
                &rules,
                &gate.keys,
                (gate.clock.now(), &gate.site.zone),
            );
            let shown: IncidentPage =
                course::incident(frame, hold, &course, end, gate.clock.now(), &gate.site.zone);
            gate.with_page_cookie(page(StatusCode::OK, &shown), &visitor)
        }
        Ok(_) => Gate::nothing_here(),
        Err(error) => Gate::unavailable(&error),
    }
}

pub(super) async fn proposal(
    State(gate): State<Arc<Gate>>,
    Path(id): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let Some(visitor) = gate.visitor(&headers).await else { return gate.sign_in_first() };
    let rules = gate.votes.rules().await;
    match gate.reads.proposal(&ProposalId(id)).await {
        Ok(Some(story)) if may_view(&rules, &visitor, story.incident.scope.owned_in()) => {
            gate.whole_page(&method, &story, &visitor, &rules).await
        }
        Ok(_) => Gate::nothing_here(),
        Err(error) => Gate::unavailable(&error),
    }
}

pub(super) async fn link(
    State(gate): State<Arc<Gate>>,
    Path((id, token)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let id = ProposalId(id);
    let visitor = gate.visitor(&headers).await;
    match gate.follow(&id, &token).await {
        Ok((story, expires)) => {
            let rules = gate.votes.rules().await;
            match &visitor {
                Some(visitor) if may_view(&rules, visitor, story.incident.scope.owned_in()) => {
                    gate.whole_page(&method, &story, visitor, &rules).await
                }
                _ => gate.teaser(&story, expires, visitor.as_ref(), &rules),
            }
        }
        // The page itself offers to check again; it decides anew whether this person may see it.
        Err(Follow::Bad(BadLink::Expired)) if visitor.is_some() => {
            Redirect::to(&format!("/p/{id}")).into_response()
        }
        Err(Follow::Bad(why)) => gate.bad_link(why),
        Err(Follow::Store(error)) => Gate::unavailable(&error),
    }
}
