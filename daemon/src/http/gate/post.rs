//! What every post of a signed-in person passes, in one order, and the page that says why nothing changed.
//!
//! Rate limit, session, lock, `Origin`, the page's cookie, the form's token. Whoever adds a form gets all of it.

use super::Gate;
use super::forms::{Form, Purpose, fits};
use super::render::{Frame, NextStep, message};
use super::vote::status;
use crate::api::vote::{AgainPost, EndPost, SilencePost, SwitchPost};
use crate::api::wish::InversePost;
use crate::stages::vote::people::Visitor;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use nightshift_model::vote::VoteRefusal;
use serde::de::DeserializeOwned;

/// The body of a form.
pub(super) trait Body: DeserializeOwned {
    /// The token that makes it ours.
    fn csrf(&self) -> &str;
}

macro_rules! bodies {
    ($($body:ty),*) => {$(impl Body for $body {
        fn csrf(&self) -> &str {
            &self.csrf
        }
    })*};
}
bodies!(AgainPost, EndPost, InversePost, SilencePost, SwitchPost);

/// Why a post does nothing, and who sent it if that is known.
pub(super) struct Refused {
    pub(super) why: VoteRefusal,
    pub(super) visitor: Option<Visitor>,
}

/// What a page says about a post that changed nothing.
pub(super) struct Unchanged<'a> {
    /// The page's title.
    pub(super) title: &'a str,
    /// Why, in words for this form; the refusal's own ones where it says nothing.
    pub(super) sentence: Option<&'a str>,
    /// What stayed as it was.
    pub(super) more: &'a str,
    /// Where a signed-in person goes from there.
    pub(super) next: Option<NextStep>,
}

impl Unchanged<'_> {
    /// For a form that has nothing of its own to say.
    pub(super) const PLAIN: Self = Self {
        title: "Nothing changed",
        sentence: None,
        more: "Nothing changed by this attempt.",
        next: None,
    };
}

impl Gate {
    /// The visitor and the body of a post that one of our own forms made for this purpose.
    pub(super) async fn ours<'a, T: Body>(
        &self,
        headers: &HeaderMap,
        body: &Bytes,
        purpose: impl FnOnce(&T) -> Purpose<'a>,
    ) -> Result<(Visitor, T), Refused> {
        let visitor = self.allowed(headers).await.map_err(|why| Refused { why, visitor: None })?;
        let post: Option<T> = Form::of(headers).and_then(|form| form.read(body));
        match post {
            Some(post) if fits(&self.keys, visitor.session, &purpose(&post), post.csrf()) => {
                Ok((visitor, post))
            }
            Some(_) | None => Err(Refused { why: VoteRefusal::BadForm, visitor: Some(visitor) }),
        }
    }

    /// Tells why nothing changed, and counts it.
    pub(super) async fn unchanged(
        &self,
        why: VoteRefusal,
        visitor: Option<&Visitor>,
        said: Unchanged<'_>,
    ) -> Response {
        let frame = if let Some(visitor) = visitor {
            self.metrics.refused(why.as_str());
            self.frame(said.title, visitor, &self.votes.rules().await).await
        } else {
            self.refuse_anonymous(why.as_str());
            Frame::anonymous(said.title)
        };
        let text = said.sentence.unwrap_or(why.sentence());
        message(status(why), &frame, text, &[said.more], said.next.filter(|_| visitor.is_some()))
    }

    /// A page with one sentence for a signed-in person.
    pub(super) async fn say(
        &self,
        visitor: &Visitor,
        status: StatusCode,
        title: &str,
        (text, more): (&str, &[&str]),
        next: NextStep,
    ) -> Response {
        let frame = self.frame(title, visitor, &self.votes.rules().await).await;
        message(status, &frame, text, more, Some(next))
    }
}

impl NextStep {
    /// A link.
    pub(super) fn to(href: impl Into<String>, text: &str) -> Self {
        Self { href: href.into(), text: text.to_owned() }
    }
}
