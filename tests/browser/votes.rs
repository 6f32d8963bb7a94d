//! The vote table over HTTP: who may decide, and every way in which a vote is not taken.

use crate::fixture::{Night, start};
use crate::people::{Answer, Browser};
use nightshift::http::gate::forms::{self, Purpose};
use nightshift_model::{
    Actor, Digest, IncidentEvent, PersonId, Phase, Proof, ProposalId, Seconds, VoteDecision, Withdrawal,
};
use reqwest::StatusCode;

/// Names and values of a form.
type Form = Vec<(String, String)>;

fn page(night_id: &ProposalId) -> String {
    format!("/p/{night_id}")
}

fn votes(id: &ProposalId) -> String {
    format!("/p/{id}/votes")
}

/// A form as the page gives it to this person, whether or not the page shows one.
async fn form(night: &Night, browser: &mut Browser, id: &ProposalId, decision: VoteDecision) -> Form {
    browser.get(&page(id)).await;
    let session = session(night, browser).await;
    let digest = night.fold().await.proposals.last().unwrap().digest;
    let purpose = Purpose::Vote(id, digest, decision);
    vec![
        ("decision".to_owned(), decision.as_str().to_owned()),
        ("digest".to_owned(), digest.to_string()),
        ("csrf".to_owned(), forms::token(&night.keys, session, &purpose)),
        ("code".to_owned(), forms::code(&night.keys, session, digest)),
    ]
}

async fn session(night: &Night, browser: &mut Browser) -> Digest {
    let visitor = night.people.visitor(&browser.cookies["nightshift"]).await.unwrap().unwrap();
    // The page sets this cookie; persons who may not see the page never get one from it.
    let token = forms::token(&night.keys, visitor.session, &Purpose::Page);
    browser.cookies.insert("nightshift-page".to_owned(), token);
    visitor.session
}

fn with(form: &[(String, String)], name: &str, value: &str) -> Form {
    form.iter().map(|(n, v)| (n.clone(), if n == name { value.to_owned() } else { v.clone() })).collect()
}

async fn post(browser: &mut Browser, id: &ProposalId, form: &[(String, String)]) -> Answer {
    let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    browser.post(&votes(id), &form).await
}

fn voted(incident: &nightshift_model::Incident) -> usize {
    match &incident.phase {
        Phase::Proposed { votes, .. } => votes.len(),
        _ => usize::MAX,
    }
}

#[tokio::test]
async fn a_person_reads_types_the_code_and_approves() {
    let night = Night::proposed().await;
    let id = night.fold().await.proposals[0].id.clone();
    let mut alice = night.signed_in("alice").await;
    let shown = alice.get(&page(&id)).await;
    assert_eq!(shown.status, StatusCode::OK);
    let (digest, csrf, code) = (shown.field("digest"), shown.field("csrf_approve"), shown.code());
    let fields = [
        ("decision", "approve"),
        ("digest", &digest),
        ("csrf_approve", &csrf),
        ("code", &code),
        ("reason", "seen the log"),
    ];
    let answer = alice.post(&votes(&id), &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert_eq!(answer.headers["location"], page(&id).as_str());
    let Phase::Proposed { votes, .. } = night.fold().await.phase else { panic!("not proposed") };
    let vote = &votes[0];
    assert_eq!((vote.person.as_str(), vote.no, vote.reason.as_str()), ("alice", 1, "seen the log"));
    assert!(matches!(&vote.proof, Proof::Attested { by } if by.len() == 64));
    let after = alice.get(&page(&id)).await;
    assert!(after.text.contains("Enough persons approved.") && after.text.contains("Take my vote back"));
    let page_views = night.system().await.iter().filter(|k| *k == "page-viewed").count();
    assert_eq!(page_views, 1, "two looks within an hour are one");
}

#[tokio::test]
async fn every_row_of_the_table_is_refused_with_its_reason() {
    let night = Night::proposed().await;
    let id = night.fold().await.proposals[0].id.clone();
    let mut alice = night.signed_in("alice").await;
    let right = form(&night, &mut alice, &id, VoteDecision::Approve).await;
    let other = Digest([7; 32]).to_string();

    let cases: [(Form, StatusCode, &str); 5] = [
        (with(&right, "code", "----"), StatusCode::UNPROCESSABLE_ENTITY, "The code is wrong"),
        (with(&right, "digest", &other), StatusCode::CONFLICT, "not the one you saw"),
        (with(&right, "decision", "deny"), StatusCode::FORBIDDEN, "no longer valid"),
        (with(&right, "csrf", "forged"), StatusCode::FORBIDDEN, "no longer valid"),
        (with(&right, "digest", "abc"), StatusCode::FORBIDDEN, "no longer valid"),
    ];
    for (form, status, sentence) in cases {
        let answer = post(&mut alice, &id, &form).await;
        assert_eq!(answer.status, status, "{form:?}");
        assert!(answer.text.contains(sentence), "{form:?}: {}", answer.text);
    }

    let own = alice.base.clone();
    let fields: Vec<(&str, &str)> = right.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    for origin in [
        vec![("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
        vec![("origin", "null"), ("sec-fetch-site", "same-origin")],
        vec![("origin", own.as_str()), ("sec-fetch-site", "same-site")],
        vec![],
    ] {
        let answer = alice.post_from(&votes(&id), &fields, &origin).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin:?}");
        assert!(answer.text.contains("did not come from this page"), "{origin:?}");
    }

    let mut bob = night.signed_in("bob").await;
    session(&night, &mut bob).await;
    let replayed = post(&mut bob, &id, &right).await;
    assert_eq!(replayed.status, StatusCode::FORBIDDEN, "alice's form in bob's session");
    let mut without = alice.clone();
    without.cookies.remove("nightshift-page");
    assert_eq!(post(&mut without, &id, &right).await.status, StatusCode::FORBIDDEN, "no page cookie");

    for (person, sentence) in [
        ("carol", "Your roles do not cover this namespace"),
        ("dave", "Your roles do not cover this namespace"),
        ("bot", "Service identities never vote"),
        ("newcomer", "You were added after this proposal"),
    ] {
        let mut browser = night.signed_in(person).await;
        let form = form(&night, &mut browser, &id, VoteDecision::Approve).await;
        let answer = post(&mut browser, &id, &form).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{person}");
        assert!(answer.text.contains(sentence), "{person}: {}", answer.text);
    }

    assert_eq!(voted(&night.fold().await), 0, "no vote was taken");
    let refused: Vec<String> =
        night.system().await.into_iter().filter(|k| k.starts_with("vote-refused")).collect();
    let expected = [
        "alice wrong-code",
        "alice other-digest",
        "alice bad-form",
        "alice bad-form",
        "alice bad-form",
        "alice foreign-origin",
        "alice foreign-origin",
        "alice foreign-origin",
        "alice foreign-origin",
        "bob bad-form",
        "alice bad-form",
        "carol no-role",
        "dave no-role",
        "bot service",
        "newcomer added-later",
    ];
    assert_eq!(refused, expected.map(|why| format!("vote-refused {why}")), "each is in the history");

    assert_eq!(
        post(&mut alice, &id, &right).await.status,
        StatusCode::SEE_OTHER,
        "the right form still works"
    );
    let twice = post(&mut alice, &id, &right).await;
    assert_eq!(twice.status, StatusCode::CONFLICT);
    assert!(twice.text.contains("You have voted on this proposal already"));
    assert_eq!(voted(&night.fold().await), 1);
}

#[tokio::test]
async fn nobody_votes_on_what_they_asked_for_or_after_its_time() {
    let night = Night::quiet().await;
    let mine = |plan: &mut nightshift_model::Plan| plan.proposer = Actor::Person(PersonId::from("alice"));
    let id = night.propose(mine).await.id().clone();
    let mut alice = night.signed_in("alice").await;
    let proposer = form(&night, &mut alice, &id, VoteDecision::Approve).await;
    let answer = post(&mut alice, &id, &proposer).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text.contains("somebody else must decide"));

    let night = Night::quiet().await;
    let id = night.propose(|plan| plan.not_after = start() - Seconds(1)).await.id().clone();
    let mut alice = night.signed_in("alice").await;
    let late = form(&night, &mut alice, &id, VoteDecision::Approve).await;
    let answer = post(&mut alice, &id, &late).await;
    assert_eq!(answer.status, StatusCode::GONE);
    assert!(answer.text.contains("This proposal has expired"));
    night.record(vec![IncidentEvent::Withdrawn { why: Withdrawal::Expired }], start()).await;
    assert_eq!(post(&mut alice, &id, &late).await.status, StatusCode::GONE, "also once that is recorded");

    let shown = alice.get(&page(&id)).await;
    assert!(shown.text.contains("Check again"));
    let again = format!("/p/{id}/again");
    assert_eq!(alice.post(&again, &[("csrf", "forged")]).await.status, StatusCode::FORBIDDEN);
    let answer = alice.post(&again, &[("csrf", &shown.field("csrf"))]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert!(matches!(night.fold().await.phase, Phase::Investigating { .. }));
}

#[tokio::test]
async fn strangers_decide_nothing_and_leave_one_row_a_minute() {
    let night = Night::proposed().await;
    let id = night.fold().await.proposals[0].id.clone();
    let mut alice = night.signed_in("alice").await;
    let right = form(&night, &mut alice, &id, VoteDecision::Approve).await;
    let before = night.store_rows().await;
    let mut stranger = night.stranger();
    for _ in 0..5 {
        let answer = post(&mut stranger, &id, &right).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.text.contains("You are not signed in"));
    }
    assert_eq!(night.store_rows().await, before, "anonymous requests never append");
    night.gate.write_counts().await;
    night.gate.write_counts().await;
    assert_eq!(night.store_rows().await, before + 1, "one row for the reason");
}

#[tokio::test]
async fn ten_wrong_codes_lock_the_person_and_nobody_else() {
    let night = Night::proposed().await;
    let id = night.fold().await.proposals[0].id.clone();
    let mut alice = night.signed_in("alice").await;
    let right = form(&night, &mut alice, &id, VoteDecision::Approve).await;
    let wrong = with(&right, "code", "----");
    for _ in 0..10 {
        assert_eq!(post(&mut alice, &id, &wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(post(&mut alice, &id, &right).await.status, StatusCode::TOO_MANY_REQUESTS);
    let mut bob = night.signed_in("bob").await;
    let bobs = form(&night, &mut bob, &id, VoteDecision::Deny).await;
    assert_eq!(post(&mut bob, &id, &bobs).await.status, StatusCode::SEE_OTHER, "the proposal is not locked");
}

#[tokio::test]
async fn a_program_gets_json_and_the_same_refusals() {
    let night = Night::proposed().await;
    let id = night.fold().await.proposals[0].id.clone();
    let mut alice = night.signed_in("alice").await;
    let right = form(&night, &mut alice, &id, VoteDecision::Approve).await;
    let json = |form: &[(String, String)]| {
        serde_json::Value::Object(form.iter().map(|(n, v)| (n.clone(), v.clone().into())).collect())
    };
    let answer = alice.post_json(&votes(&id), &json(&with(&right, "code", "zzzz"))).await;
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    let problem: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
    assert_eq!((problem["status"].as_u64(), problem["reason"].as_str()), (Some(422), Some("wrong-code")));
    let mut signed = json(&right);
    signed["proof"] = "webauthn".into();
    let answer = alice.post_json(&votes(&id), &signed).await;
    assert!(answer.text.contains("bad-form"), "a proof without its statement: {}", answer.text);
    signed["vote_no"] = "1".into();
    signed["ts"] = "2026-03-03T02:07:00Z".into();
    let answer = alice.post_json(&votes(&id), &signed).await;
    assert!(answer.text.contains("bad-proof"), "{}", answer.text);
    signed["ts"] = "2026-03-03T02:00:00Z".into();
    let answer = alice.post_json(&votes(&id), &signed).await;
    assert!(answer.text.contains("stale-statement"), "{}", answer.text);
    let answer = alice.post_json(&votes(&id), &json(&right)).await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (StatusCode::OK, &*format!(r#"{{"proposal":"{id}","decision":"approve","phase":"Proposed"}}"#))
    );
}

#[tokio::test]
async fn the_kill_switch_is_set_by_one_and_cleared_by_two() {
    let night = Night::proposed().await;
    let id = night.fold().await.proposals[0].id.clone();
    let mut alice = night.signed_in("alice").await;
    let right = form(&night, &mut alice, &id, VoteDecision::Approve).await;
    let csrf = |night: &Night, session| forms::token(&night.keys, session, &Purpose::Switch);
    let mine = session(&night, &mut alice).await;
    let set =
        [("csrf", csrf(&night, mine)), ("switch", "set".to_owned()), ("reason", "looks wrong".to_owned())];
    let set: Vec<(&str, &str)> = set.iter().map(|(n, v)| (*n, v.as_str())).collect();
    assert_eq!(alice.post("/killswitch", &set).await.status, StatusCode::OK);
    let answer = post(&mut alice, &id, &right).await;
    assert!(answer.text.contains(
        "The kill switch is set, or the executor is closed. Nothing is executed until that is over."
    ));
    assert!(alice.get("/").await.text.contains("looks wrong"));

    let clear = async |person: &str| {
        let mut browser = night.signed_in(person).await;
        let session = session(&night, &mut browser).await;
        let token = csrf(&night, session);
        browser.post("/killswitch", &[("csrf", &token), ("switch", "clear")]).await
    };
    assert_eq!(clear("alice").await.status, StatusCode::FORBIDDEN, "an approver is no admin");
    assert!(clear("root").await.text.contains("A second admin must clear it too"));
    assert!(
        clear("root").await.text.contains("A second admin must clear it too"),
        "the same one twice is one"
    );
    assert!(clear("ruth").await.text.contains("The kill switch is cleared"));
}
