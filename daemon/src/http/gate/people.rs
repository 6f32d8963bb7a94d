//! Persons, what proves their votes, and where they are signed in. An admin sees everybody and ends any session;
//! everybody else sees and ends their own.

use super::Gate;
use super::forms::{self, Purpose};
use super::post::Unchanged;
use super::render::{Frame, Here, NextStep, ago, clock, page, span};
use crate::api::vote::AgainPost;
use crate::stages::vote::anywhere;
use crate::stages::vote::people::{Device, MOST_SESSIONS, SessionEnd, Visitor};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use nightshift_engine::drive::StoreError;
use nightshift_engine::rules::Rules;
use nightshift_model::registry::{Person, PersonKind, Power, Token};
use nightshift_model::vote::VoteRefusal;
use nightshift_model::{Digest, KeyKind, PersonKey, Registry, Timestamp};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    frame: Frame,
    admin: bool,
    persons: Vec<PersonView>,
    sessions: Vec<SessionView>,
    more: bool,
    tokens: Vec<TokenView>,
}

struct PersonView {
    name: String,
    service: bool,
    roles: Vec<String>,
    keys: Vec<KeyView>,
}

struct KeyView {
    kind: &'static str,
    name: String,
    more: String,
}

struct SessionView {
    id: String,
    person: String,
    here: bool,
    since: String,
    used: String,
    how: String,
    csrf: String,
}

struct TokenView {
    name: String,
    roles: String,
    used: String,
    ends: String,
}

/// The page.
pub(super) async fn list(State(gate): State<Arc<Gate>>, headers: HeaderMap) -> Response {
    let Some(visitor) = gate.visitor(&headers).await else { return gate.sign_in_first() };
    let rules = gate.votes.rules().await;
    match gate.people_page(&visitor, &rules).await {
        Ok(view) => gate.with_page_cookie(page(StatusCode::OK, &view), &visitor),
        Err(error) => Gate::unavailable(&error),
    }
}

/// The end of a session.
pub(super) async fn end(
    State(gate): State<Arc<Gate>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let said = || Unchanged { next: Some(back()), ..Unchanged::PLAIN };
    // A name that no session can have has no form of ours.
    let id = Digest::parse(&id).unwrap_or(Digest([0; 32]));
    let (visitor, _) = match gate.ours(&headers, &body, |_: &AgainPost| Purpose::EndSession(id)).await {
        Ok(ours) => ours,
        Err(no) => return gate.unchanged(no.why, no.visitor.as_ref(), said()).await,
    };
    match gate.people.end(&visitor.person, id).await {
        Ok(SessionEnd::Ended) => Redirect::to("/people").into_response(),
        Ok(SessionEnd::Over) => {
            let told = ("It is over already.", &["Somebody was faster, or its time had come."] as &[&str]);
            gate.say(&visitor, StatusCode::CONFLICT, "Session", told, back()).await
        }
        Ok(SessionEnd::NotYours) => {
            let text = "This session is somebody else’s: its person or an admin ends it.";
            let said = Unchanged { sentence: Some(text), ..said() };
            gate.unchanged(VoteRefusal::NoRole, Some(&visitor), said).await
        }
        Err(error) => Gate::unavailable(&error),
    }
}

fn back() -> NextStep {
    NextStep::to("/people", "To people and sessions")
}

impl Gate {
    async fn people_page(&self, visitor: &Visitor, rules: &Rules) -> Result<PeoplePage, StoreError> {
        let (registry, person) = (&rules.registry, &visitor.person);
        let admin = person.kind == PersonKind::Person && anywhere(registry, person, &[Power::Admin]);
        let devices = self.people.devices((!admin).then_some(&person.name)).await?;
        let used = if admin { self.people.tokens_used().await? } else { BTreeMap::new() };
        let shown = registry.persons.iter().filter(|p| admin || p.name == person.name);
        let now = self.clock.now();
        let view = |device: &Device| self.session(device, visitor, now);
        Ok(PeoplePage {
            frame: Frame { here: Here::People, ..self.frame("People", visitor, rules).await },
            admin,
            persons: shown.map(|p| self.person(p, registry, now)).collect(),
            more: devices.len() > MOST_SESSIONS,
            sessions: devices.iter().take(MOST_SESSIONS).map(view).collect(),
            tokens: if admin {
                registry.tokens.iter().map(|token| token_view(token, used.get(&token.name), now)).collect()
            } else {
                Vec::new()
            },
        })
    }

    fn person(&self, person: &Person, registry: &Registry, now: Timestamp) -> PersonView {
        PersonView {
            name: person.name.to_string(),
            service: person.kind == PersonKind::Service,
            roles: person.roles.iter().map(|name| role(name, registry)).collect(),
            keys: person.keys.iter().map(|key| self.key(key, now)).collect(),
        }
    }

    fn key(&self, key: &PersonKey, now: Timestamp) -> KeyView {
        let day = |at| clock(at, now, &self.site.zone);
        let added = key.since.map(|at| format!("added {}", day(at)));
        let revoked = key.revoked.map(|at| format!("taken back {}: it proves nothing", day(at)));
        KeyView {
            kind: match key.kind {
                KeyKind::Ed25519 => "Key file",
                KeyKind::Passkey => "Passkey",
            },
            name: match key.kind {
                KeyKind::Ed25519 => fingerprint(&key.public),
                KeyKind::Passkey => key.id.clone(),
            },
            more: [Some(key.alg.as_str().to_owned()), added, revoked]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(", "),
        }
    }

    fn session(&self, device: &Device, visitor: &Visitor, now: Timestamp) -> SessionView {
        let from = if device.from.is_empty() { String::new() } else { format!(" from {}", device.from) };
        let how = if device.how.is_empty() { "not known how" } else { &device.how };
        SessionView {
            id: device.id.to_string(),
            person: device.person.to_string(),
            here: device.id == visitor.session,
            since: clock(device.since, now, &self.site.zone),
            used: device
                .last_used
                .map_or_else(|| "never used".to_owned(), |at| format!("used {}", ago(at, now))),
            how: format!("{how}{from}"),
            csrf: forms::token(&self.keys, visitor.session, &Purpose::EndSession(device.id)),
        }
    }
}

fn token_view(token: &Token, used: Option<&Timestamp>, now: Timestamp) -> TokenView {
    TokenView {
        name: token.name.clone(),
        roles: token.roles.join(", "),
        used: used.map_or_else(|| "never used".to_owned(), |at| format!("used {}", ago(*at, now))),
        ends: if token.expires <= now {
            format!("ran out {}", ago(token.expires, now))
        } else {
            format!("works for {}", span(token.expires.since(now)))
        },
    }
}

/// A role with what it may do, and where.
fn role(name: &str, registry: &Registry) -> String {
    let Some(role) = registry.roles.get(name) else { return format!("{name}: not in the registry") };
    let may: Vec<&str> = role
        .may
        .iter()
        .map(|power| match power {
            Power::View => "view",
            Power::Approve => "approve",
            Power::Admin => "admin",
        })
        .collect();
    let whose: Vec<&str> = role.owners.iter().map(|o| if o == "*" { "everything" } else { o }).collect();
    format!("{name}: {} for {}", may.join(", "), whose.join(", "))
}

/// The first digits of the SHA-256 of a public key's bytes, as a person compares them.
fn fingerprint(public: &str) -> String {
    let bytes = URL_SAFE_NO_PAD.decode(public).unwrap_or_else(|_| public.as_bytes().to_vec());
    Digest(Sha256::digest(bytes).into()).short()
}
