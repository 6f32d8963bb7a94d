//! What a person may do about an incident besides deciding: have it, or silence it for an hour.

use super::Gate;
use super::forms::{self, Form, Purpose, fits};
use super::render::{NextStep, clock, message};
use super::vote::status;
use crate::api::vote::AgainPost;
use crate::config::Keys;
use crate::stages::vote::people::Visitor;
use crate::stages::vote::{Had, Quieted};
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use nightshift_engine::rules::Rules;
use nightshift_engine::silence;
use nightshift_model::registry::{PersonKind, Power};
use nightshift_model::vote::VoteRefusal;
use nightshift_model::{Incident, IncidentId, Phase, Timestamp};
use std::sync::Arc;

/// The part of a page that offers it.
pub(super) struct HoldView {
    pub(super) incident: String,
    pub(super) holder: String,
    pub(super) have: Option<String>,
    pub(super) silence: Option<String>,
    pub(super) silenced: String,
    pub(super) unread: Vec<String>,
}

impl HoldView {
    /// What one visitor is offered for one incident.
    pub(super) fn of(
        incident: &Incident,
        visitor: &Visitor,
        rules: &Rules,
        keys: &Keys,
        (now, zone): (Timestamp, &jiff::tz::TimeZone),
    ) -> Self {
        let person = &visitor.person;
        let may = person.kind == PersonKind::Person
            && rules.registry.may(person, Power::Approve, incident.scope.owned_in());
        let open = !matches!(incident.phase, Phase::Closed { .. });
        let holder = incident.held_by.as_ref().map(|holder| &holder.person);
        let have = may && open && holder != Some(&person.name);
        let silenced = silence::until(incident, rules, now).map(|until| clock(until, now, zone));
        let silence = may && open && silenced.is_none() && !incident.scope.namespace.is_empty();
        let token = |purpose| forms::token(keys, visitor.session, &purpose);
        Self {
            incident: incident.id.to_string(),
            holder: holder.map(ToString::to_string).unwrap_or_default(),
            have: have.then(|| token(Purpose::Have(&incident.id))),
            silence: silence.then(|| token(Purpose::Silence(&incident.id))),
            silenced: silenced.unwrap_or_default(),
            unread: if open { silence::unread(incident, rules) } else { Vec::new() },
        }
    }
}

/// A person has an incident from now on.
pub(super) async fn have(
    State(gate): State<Arc<Gate>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let id = IncidentId(id);
    let visitor = match gate.ours(&headers, &body, &Purpose::Have(&id)).await {
        Ok(visitor) => visitor,
        Err((why, visitor)) => return gate.unchanged(why, visitor.as_ref()).await,
    };
    let (text, more) = match gate.votes.have(&visitor.person.name, &id).await {
        Ok(Had::Yours) => {
            ("You have it.", "Nobody is woken about it again until it is over. Nothing else was done.")
        }
        Ok(Had::Over) => ("It is over already.", "There is nothing left to look after."),
        Err(why) => return gate.unchanged(why, Some(&visitor)).await,
    };
    gate.told(&visitor, &id, text, more).await
}

/// An incident's workload is silenced for an hour.
pub(super) async fn silence(
    State(gate): State<Arc<Gate>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let id = IncidentId(id);
    let visitor = match gate.ours(&headers, &body, &Purpose::Silence(&id)).await {
        Ok(visitor) => visitor,
        Err((why, visitor)) => return gate.unchanged(why, visitor.as_ref()).await,
    };
    let (text, more) = match gate.votes.silence(&visitor.person.name, &id).await {
        Ok(Quieted::Silenced) => (
            "Nobody is told about this workload for an hour.",
            "It is worked on all the same. What is still broken then is told once.",
        ),
        Ok(Quieted::NotPossible) => {
            ("It cannot be silenced.", "Too many silences are in force, or this is no workload.")
        }
        Err(why) => return gate.unchanged(why, Some(&visitor)).await,
    };
    gate.told(&visitor, &id, text, more).await
}

impl Gate {
    /// The visitor of a form that is ours, with the checks that every post of a person passes.
    async fn ours(
        &self,
        headers: &HeaderMap,
        body: &Bytes,
        purpose: &Purpose<'_>,
    ) -> Result<Visitor, (VoteRefusal, Option<Visitor>)> {
        let visitor = self.allowed(headers).await.map_err(|why| (why, None))?;
        let post: Option<AgainPost> = Form::of(headers).and_then(|form| form.read(body));
        if post.is_some_and(|post| fits(&self.keys, visitor.session, purpose, &post.csrf)) {
            Ok(visitor)
        } else {
            Err((VoteRefusal::BadForm, Some(visitor)))
        }
    }

    async fn told(&self, visitor: &Visitor, id: &IncidentId, text: &str, more: &str) -> Response {
        let frame = self.frame("Incident", visitor, &self.votes.rules().await).await;
        let next = NextStep { href: format!("/i/{id}"), text: "To the incident".to_owned() };
        message(StatusCode::OK, &frame, text, &[more], Some(next))
    }

    /// Tells why nothing changed, and counts it.
    async fn unchanged(&self, why: VoteRefusal, visitor: Option<&Visitor>) -> Response {
        let frame = if let Some(visitor) = visitor {
            self.metrics.refused(why.as_str());
            self.frame("Nothing changed", visitor, &self.votes.rules().await).await
        } else {
            self.refuse_anonymous(why.as_str());
            super::Frame::anonymous("Nothing changed")
        };
        message(status(why), &frame, why.sentence(), &["Nothing changed by this attempt."], None)
    }
}
