//! What a person may do about an incident besides deciding: have it, or silence it for an hour.

use super::Gate;
use super::forms::{self, Purpose};
use super::post::Unchanged;
use super::render::{NextStep, clock};
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
    /// Whether there is anything to show.
    pub(super) fn offers(&self) -> bool {
        self.have.is_some() || self.silence.is_some() || !self.silenced.is_empty()
    }

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

/// What a person presses.
#[derive(Clone, Copy)]
enum Press {
    Have,
    Silence,
}

/// A person has an incident from now on.
pub(super) async fn have(
    State(gate): State<Arc<Gate>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    gate.pressed(Press::Have, &IncidentId(id), &headers, &body).await
}

/// An incident's workload is silenced for an hour.
pub(super) async fn silence(
    State(gate): State<Arc<Gate>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    gate.pressed(Press::Silence, &IncidentId(id), &headers, &body).await
}

impl Gate {
    async fn pressed(&self, what: Press, id: &IncidentId, headers: &HeaderMap, body: &Bytes) -> Response {
        let purpose = |_: &AgainPost| match what {
            Press::Have => Purpose::Have(id),
            Press::Silence => Purpose::Silence(id),
        };
        let (visitor, _) = match self.ours(headers, body, purpose).await {
            Ok(ours) => ours,
            Err(no) => return self.unchanged(no.why, no.visitor.as_ref(), Unchanged::PLAIN).await,
        };
        let name = &visitor.person.name;
        let done = match what {
            Press::Have => self.votes.have(name, id).await.map(|had| match had {
                Had::Yours => (
                    "You have it.",
                    "Nobody is woken about it again until it is over. Nothing else was done.",
                ),
                Had::Over => ("It is over already.", "There is nothing left to look after."),
            }),
            Press::Silence => self.votes.silence(name, id).await.map(|quieted| match quieted {
                Quieted::Silenced => (
                    "Nobody is told about this workload for an hour.",
                    "It is worked on all the same. What is still broken then is told once.",
                ),
                Quieted::NotPossible => {
                    ("It cannot be silenced.", "Too many silences are in force, or this is no workload.")
                }
            }),
        };
        match done {
            Ok((text, more)) => {
                let next = NextStep::to(format!("/i/{id}"), "To the incident");
                self.say(&visitor, StatusCode::OK, "Incident", (text, &[more]), next).await
            }
            Err(why) => self.unchanged(why, Some(&visitor), Unchanged::PLAIN).await,
        }
    }
}
