//! Signing in with a link that works once, and out again. No password.

use super::forms::{Form, Purpose, fits};
use super::render::{Frame, NextStep, message, page};
use super::{Caller, Gate};
use crate::api::vote::{SignInPost, SignOutPost};
use crate::stages::vote::people::{PeopleError, SESSION_LASTS};
use askama::Template;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "signin.html")]
struct SignInPage {
    frame: Frame,
    name: String,
    token: String,
}

/// Shows whose link it is, and a button. Looking does not use it up: mail scanners look too.
pub(super) async fn ask(State(gate): State<Arc<Gate>>, Path(token): Path<String>) -> Response {
    match gate.people.invited(&token).await {
        Ok(Some(name)) => {
            let frame = Frame::anonymous("Sign in");
            page(StatusCode::OK, &SignInPage { frame, name: name.to_string(), token })
        }
        Ok(None) => bad_invitation(&gate),
        Err(error) => Gate::unavailable(&error),
    }
}

/// Uses the link up and opens the session.
pub(super) async fn open(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let post: Option<SignInPost> = Form::of(&headers).and_then(|form| form.read(&body));
    let own = super::forms::own_origin(&headers, &gate.site.origins);
    let Some(post) = post.filter(|_| own) else { return bad_invitation(&gate) };
    match gate.people.sign_in(&post.token, &caller.to_string()).await {
        Ok(Some(secret)) => {
            let mut answer = Redirect::to(gate.first_page(&secret).await).into_response();
            if let Some(cookie) = gate.cookies.set_session(&secret, SESSION_LASTS) {
                answer.headers_mut().append(SET_COOKIE, cookie);
            }
            answer
        }
        Ok(None) => bad_invitation(&gate),
        Err(PeopleError::Store(error)) => Gate::unavailable(&error),
        Err(error @ (PeopleError::Unknown(_) | PeopleError::NoChance)) => {
            tracing::error!(%error, "a session could not be opened");
            bad_invitation(&gate)
        }
    }
}

impl Gate {
    /// Where somebody goes who has just signed in: to a passkey, where they are used and this person has no key yet.
    async fn first_page(&self, secret: &str) -> &'static str {
        let rules = self.votes.rules().await;
        let visitor = self.people.visitor(secret).await.ok().flatten();
        let keyless = visitor.is_some_and(|v| v.person.keys.iter().all(|key| key.revoked.is_some()));
        if keyless && rules.registry.passkeys.is_some() { "/passkey" } else { "/" }
    }
}

/// Ends the session.
pub(super) async fn close(State(gate): State<Arc<Gate>>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(visitor) = gate.visitor(&headers).await else { return gate.sign_in_first() };
    let post: Option<SignOutPost> = Form::of(&headers).and_then(|form| form.read(&body));
    let ours = post.is_some_and(|post| fits(&gate.keys, visitor.session, &Purpose::SignOut, &post.csrf));
    if !ours || !super::forms::own_origin(&headers, &gate.site.origins) {
        return gate.sign_in_first();
    }
    if let Err(error) = gate.people.end(&visitor.person, visitor.session).await {
        return Gate::unavailable(&error);
    }
    let text = "This device is signed out.";
    let mut answer = message(StatusCode::OK, &Frame::anonymous("Signed out"), text, &[], None);
    if let Some(cookie) = gate.cookies.clear_session() {
        answer.headers_mut().append(SET_COOKIE, cookie);
    }
    answer
}

/// Forged, used up and out of time look the same.
fn bad_invitation(gate: &Gate) -> Response {
    gate.refuse_anonymous("bad-invitation");
    message(
        StatusCode::NOT_FOUND,
        &Frame::anonymous("This sign-in link does not work"),
        "It is wrong, was used already, or is older than ten minutes.",
        &["Ask for a new one:", "nightshift person invite YOUR-NAME"],
        None::<NextStep>,
    )
}
