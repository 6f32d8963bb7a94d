//! Passkeys at the gate: what a vote's signature is to cover, and a new passkey's line for the registry. No key is ever
//! kept here: only what the registry's file says counts.

use super::Gate;
use super::forms::{self, Form, Purpose, fits, own_origin};
use super::render::{Frame, NextStep, message, page};
use crate::api::problem::Problem;
use crate::api::vote::{PasskeyPost, StatementAsk, StatementQuery, VotePost};
use crate::stages::vote::people::Visitor;
use crate::stages::vote::{By, Posted, Signature, Votes};
use askama::Template;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use nightshift_engine::proof::{base64, enrol};
use nightshift_engine::rules::Rules;
use nightshift_model::registry::Power;
use nightshift_model::vote::{STATEMENT_LASTS, VoteRefusal};
use nightshift_model::{KeyKind, PasskeySite, Proof, ProposalId, Timestamp, VoteDecision};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "passkey.html")]
struct MakePage {
    frame: Frame,
    name: String,
    challenge: String,
    rp_id: String,
    csrf: String,
    ts: String,
}

#[derive(Template)]
#[template(path = "passkey_line.html")]
struct LinePage {
    frame: Frame,
    name: String,
    line: String,
}

/// Passkeys of a visitor that the registry has and that were not taken back.
pub(super) fn credentials(visitor: &Visitor, rules: &Rules) -> Vec<String> {
    let keys = visitor.person.keys.iter().filter(|_| rules.registry.passkeys.is_some());
    keys.filter(|k| k.kind == KeyKind::Passkey && k.revoked.is_none()).map(|k| k.id.clone()).collect()
}

/// The proof that a form carries beside the session, if it carries one.
pub(super) fn signature(post: &VotePost) -> Result<Option<Signature>, VoteRefusal> {
    match post.proof.as_str() {
        "" | "attested" => Ok(None),
        "webauthn" => {
            let (no, at) = (post.vote_no.parse(), post.ts.parse());
            let (Ok(no), Ok(at)) = (no, at) else { return Err(VoteRefusal::BadForm) };
            let proof = Proof::Webauthn {
                credential: post.credential.clone(),
                authenticator_data: post.authenticator_data.clone(),
                client_data: post.client_data.clone(),
                signature: post.signature.clone(),
            };
            Ok(Some(Signature { no, at, interactive: true, proof }))
        }
        _ => Err(VoteRefusal::BadProof),
    }
}

/// What a passkey is to sign for one decision of this visitor. Asking decides nothing.
pub(super) async fn statement(
    State(gate): State<Arc<Gate>>,
    Path(id): Path<String>,
    Query(query): Query<StatementQuery>,
    headers: HeaderMap,
) -> Response {
    let refuse = |why: VoteRefusal| {
        let status = super::vote::status(why).as_u16();
        Problem::new(status, why.as_str(), why.sentence(), "Reload the page.").into_response()
    };
    let Some(visitor) = gate.visitor(&headers).await else { return refuse(VoteRefusal::NoSession) };
    let rules = gate.votes.rules().await;
    let Ok(story) = gate.reads.proposal(&ProposalId(id)).await else {
        return refuse(VoteRefusal::StoreFailed);
    };
    let sees = |namespace: &str| rules.registry.may(&visitor.person, Power::View, namespace);
    let Some(story) = story.filter(|s| sees(&s.incident.scope.namespace)) else {
        return refuse(VoteRefusal::NotOpen);
    };
    let credentials = credentials(&visitor, &rules);
    let (Some(site), false) = (&rules.registry.passkeys, credentials.is_empty()) else {
        return refuse(VoteRefusal::ControlsMissing);
    };
    let ask = asked(&gate, &visitor, &story, query.decision, &rules);
    Json(StatementAsk { rp_id: site.rp_id.clone(), credentials, ..ask }).into_response()
}

fn asked(
    gate: &Gate,
    visitor: &Visitor,
    story: &crate::stages::query::Story,
    decision: VoteDecision,
    rules: &Rules,
) -> StatementAsk {
    let name = &visitor.person.name;
    let posted = Posted {
        proposal: story.proposal.id().clone(),
        digest: story.proposal.digest(),
        decision,
        reason: String::new(),
        code: crate::stages::vote::Code::Wrong,
        by: By::Session(visitor.session),
    };
    let no = Votes::next_no(&story.votes, name);
    let at = gate.clock.now();
    let proof = Proof::Attested { by: String::new() };
    let vote = posted.vote(name, &Signature { no, at, interactive: true, proof });
    let statement = vote.statement(&rules.cluster.uid);
    // The domain tag and its zero byte are put before it by who signs.
    let said = statement.split(|byte| *byte == 0).nth(1).unwrap_or_default();
    StatementAsk {
        statement: String::from_utf8_lossy(said).into_owned(),
        vote_no: no,
        ts: at,
        rp_id: String::new(),
        credentials: Vec::new(),
    }
}

/// The page that offers a passkey on this device.
pub(super) async fn offer(State(gate): State<Arc<Gate>>, headers: HeaderMap) -> Response {
    let Some(visitor) = gate.visitor(&headers).await else { return gate.sign_in_first() };
    let rules = gate.votes.rules().await;
    let Some(site) = &rules.registry.passkeys else { return no_site(&gate, &visitor, &rules).await };
    let at = gate.clock.now();
    let csrf = forms::token(&gate.keys, visitor.session, &Purpose::Enrol(at));
    let shown = MakePage {
        frame: gate.frame("A passkey", &visitor, &rules).await,
        name: visitor.person.name.to_string(),
        challenge: base64(&enrol::challenge(&visitor.person.name, site, at)),
        rp_id: site.rp_id.clone(),
        csrf,
        ts: at.to_string(),
    };
    gate.with_page_cookie(page(StatusCode::OK, &shown), &visitor)
}

/// A new passkey, as the line that somebody commits.
pub(super) async fn made(State(gate): State<Arc<Gate>>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(visitor) = gate.visitor(&headers).await else { return gate.sign_in_first() };
    let rules = gate.votes.rules().await;
    let Some(site) = &rules.registry.passkeys else { return no_site(&gate, &visitor, &rules).await };
    let frame = gate.frame("A passkey", &visitor, &rules).await;
    let again = || Some(NextStep { href: "/passkey".to_owned(), text: "Try again".to_owned() });
    let ours = own_origin(&headers, &gate.site.origins) && gate.page_cookie_fits(&visitor, &headers);
    match ours.then(|| line(&gate, &visitor, &headers, &body, site)) {
        Some(Ok(line)) => {
            page(StatusCode::OK, &LinePage { frame, name: visitor.person.name.to_string(), line })
        }
        Some(Err(why)) => {
            message(StatusCode::UNPROCESSABLE_ENTITY, &frame, &why, &["No passkey was taken."], again())
        }
        None => {
            let why = VoteRefusal::ForeignOrigin.sentence();
            message(StatusCode::FORBIDDEN, &frame, why, &["No passkey was taken."], again())
        }
    }
}

fn line(
    gate: &Gate,
    visitor: &Visitor,
    headers: &HeaderMap,
    body: &Bytes,
    site: &PasskeySite,
) -> Result<String, String> {
    let stale = || "This page is too old. Make the passkey within five minutes.".to_owned();
    let post: PasskeyPost = Form::of(headers)
        .and_then(|form| form.read(body))
        .ok_or_else(|| VoteRefusal::BadForm.sentence().to_owned())?;
    let at: Timestamp = post.ts.parse().map_err(|_| stale())?;
    if !fits(&gate.keys, visitor.session, &Purpose::Enrol(at), &post.csrf) {
        return Err(VoteRefusal::BadForm.sentence().to_owned());
    }
    let now = gate.clock.now();
    if now.since(at) > STATEMENT_LASTS || at > now {
        return Err(stale());
    }
    let challenge = enrol::challenge(&visitor.person.name, site, at);
    enrol::passkey(&post.attestation, &post.client_data, challenge, site, now)
        .map(|key| enrol::line(&key))
        .map_err(|bad| format!("The passkey cannot be used: {bad}."))
}

async fn no_site(gate: &Gate, visitor: &Visitor, rules: &Rules) -> Response {
    let frame = gate.frame("A passkey", visitor, rules).await;
    let text = "The registry does not say where passkeys are used.";
    let more = [
        "Give it a section `passkeys` with `rp_id` and `origins`, or sign with `nightshift person key new`.",
    ];
    message(StatusCode::NOT_FOUND, &frame, text, &more, None)
}
