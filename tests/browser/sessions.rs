//! People and sessions: who sees whom, whose session ends by whom, and that its end is written down.

use crate::fixture::{Night, start};
use crate::people::{Answer, Browser};
use http::StatusCode;
use nightshift::http::gate::forms::{self, Purpose};
use nightshift::store::HistoryStore as _;
use nightshift_model::registry::Token;
use nightshift_model::{Digest, HistoryEvent, KeyAlgorithm, KeyKind, PersonKey, Seconds, SystemEvent};
use std::sync::Arc;

const EVIL: [(&str, &str); 2] = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];

async fn session(night: &Night, person: &Browser) -> Digest {
    night.people.visitor(&person.cookies["nightshift"]).await.unwrap().unwrap().session
}

async fn token(night: &Night, person: &Browser, other: Digest) -> String {
    forms::token(&night.keys, session(night, person).await, &Purpose::EndSession(other))
}

/// Where sessions of a page are ended, and whose they are.
fn ends(page: &Answer) -> Vec<(String, String)> {
    let rows = page.text.split("<li><p class=\"row\"><strong>").skip(1);
    let one = |row: &str| {
        let id = row.split("/people/sessions/").nth(1)?.split('/').next()?.to_owned();
        Some((row.split(['<', ' ']).next()?.to_owned(), id))
    };
    rows.filter_map(one).collect()
}

/// alice has a key file and a passkey, and a program has a token.
pub(crate) fn equip(night: &Night) {
    let mut rules = night.rules.lock().unwrap();
    let mut registry = (*rules.registry).clone();
    let key = |kind, id: &str, public: &str, alg| PersonKey {
        kind,
        id: id.to_owned(),
        public: public.to_owned(),
        alg,
        since: Some(start() - Seconds(86_400)),
        revoked: None,
    };
    registry.persons[0].keys = vec![
        key(KeyKind::Ed25519, "k1", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", KeyAlgorithm::EdDSA),
        key(KeyKind::Passkey, "pk-of-alice", "pQECAyYgASFY", KeyAlgorithm::ES256),
    ];
    registry.persons[1].keys = vec![PersonKey {
        revoked: Some(start()),
        ..key(KeyKind::Passkey, "pk-of-bob", "pQ", KeyAlgorithm::ES256)
    }];
    registry.tokens = vec![Token {
        name: "dashboard".to_owned(),
        sha256: Digest([7; 32]),
        roles: vec!["looker".to_owned()],
        expires: start() + Seconds(90_000),
    }];
    rules.registry = Arc::new(registry);
}

#[tokio::test]
async fn an_admin_sees_everybody_and_everybody_else_only_themselves() {
    let night = Night::quiet().await;
    equip(&night);
    let (mut alice, mut bob) = (night.signed_in("alice").await, night.signed_in("bob").await);
    let mut root = night.signed_in("root").await;
    let shown = alice.get("/people").await;
    assert_eq!(ends(&shown), [("alice".to_owned(), session(&night, &alice).await.to_string())]);
    for told in [
        "<h1>You and your sessions</h1>",
        "This device",
        "used just now",
        "by a sign-in link made by operator from 127.0.0.1",
        "shop: view, approve for shop",
        "Key file <span class=\"mono\">66687aadf8</span>",
        "Passkey <span class=\"mono\">pk-of-alice</span>, ES256, added Mon 2 Mar, 03:07 CET",
    ] {
        assert!(
            shown.text.replace("6668 7aad f862 bd77 6c8f", "66687aadf8").contains(told),
            "{told}: {}",
            shown.text
        );
    }
    for kept in ["bob", "root", "pk-of-bob", "dashboard", "bank"] {
        assert!(!shown.text.contains(kept), "{kept} is not alice's: {}", shown.text);
    }
    bob.get("/").await;
    let all = root.get("/people").await;
    let mut whose: Vec<String> = ends(&all).into_iter().map(|(name, _)| name).collect();
    whose.sort();
    assert_eq!(whose, ["alice", "bob", "root"]);
    for told in [
        "dave",
        "Service, never votes",
        "pk-of-bob",
        "taken back",
        "dashboard",
        "never used",
        "works for 1 d",
    ] {
        assert!(all.text.contains(told), "{told}");
    }
    night.people.token_used("dashboard", Digest([7; 32])).await;
    assert!(root.get("/people").await.text.matches("never used").count() == 0);
    assert_eq!(night.stranger().get("/people").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_ends_at_once_by_its_person_or_an_admin_and_it_is_written_down() {
    let night = Night::quiet().await;
    let (mut here, mut lost) = (night.signed_in("alice").await, night.signed_in("alice").await);
    let mut bob = night.signed_in("bob").await;
    let (lost_id, bob_id) = (session(&night, &lost).await, session(&night, &bob).await);
    let page = here.get("/people").await;
    assert!(ends(&page).iter().any(|(_, id)| *id == lost_id.to_string()));
    let end = |id: Digest| format!("/people/sessions/{id}/end");
    let own = token(&night, &here, lost_id).await;
    assert!(page.text.contains(&own), "the page carries the form's token");
    assert_eq!(here.post(&end(lost_id), &[("csrf", &own)]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(lost.get("/").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(here.get("/").await.status, StatusCode::OK, "the other one goes on");
    let again = here.post(&end(lost_id), &[("csrf", &own)]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);

    let mut root = night.signed_in("root").await;
    root.get("/people").await;
    let csrf = token(&night, &root, bob_id).await;
    assert_eq!(root.post(&end(bob_id), &[("csrf", &csrf)]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(bob.get("/").await.status, StatusCode::UNAUTHORIZED);

    let out = here.get("/").await;
    let signout = out.text.split("action=\"/signout\"").nth(1).unwrap();
    let signout = signout.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(here.post("/signout", &[("csrf", &signout)]).await.status, StatusCode::OK);

    let rows = night.store.system_events(&["session-ended"]).await.unwrap();
    let told: Vec<String> = rows
        .iter()
        .map(|row| match &row.event {
            HistoryEvent::System(SystemEvent::SessionEnded { person, by }) => {
                assert_eq!(row.actor, *by);
                format!("{person} by {by}")
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, ["alice by person:alice", "bob by person:root", "alice by person:alice"]);
}

#[tokio::test]
async fn nobody_ends_a_session_of_another_and_no_foreign_form_does() {
    let night = Night::quiet().await;
    let mut alice = night.signed_in("alice").await;
    let mine = session(&night, &alice).await;
    let path = format!("/people/sessions/{mine}/end");
    for person in ["bob", "carol", "dave", "bot"] {
        let mut browser = night.signed_in(person).await;
        browser.get("/").await;
        let csrf = token(&night, &browser, mine).await;
        let answer = browser.post(&path, &[("csrf", &csrf)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{person}");
        assert!(answer.text.contains("its person or an admin ends it"), "{}", answer.text);
    }
    let mut root = night.signed_in("root").await;
    let good = token(&night, &root, mine).await;
    assert_eq!(
        root.post(&path, &[("csrf", &good)]).await.status,
        StatusCode::FORBIDDEN,
        "no page, no cookie"
    );
    root.get("/people").await;
    let other = token(&night, &root, session(&night, &root).await).await;
    let alices = token(&night, &alice, mine).await;
    for csrf in ["", "forged", &other, &alices] {
        assert_eq!(root.post(&path, &[("csrf", csrf)]).await.status, StatusCode::FORBIDDEN, "{csrf}");
    }
    assert_eq!(root.post_from(&path, &[("csrf", &good)], &EVIL).await.status, StatusCode::FORBIDDEN);
    assert_eq!(night.stranger().post(&path, &[("csrf", &good)]).await.status, StatusCode::FORBIDDEN);
    for wrong in ["x", "%00", &"f".repeat(64), &"0".repeat(64)] {
        let answer = root.post(&format!("/people/sessions/{wrong}/end"), &[("csrf", &good)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{wrong}");
    }
    let nobody = token(&night, &root, Digest([0; 32])).await;
    let answer = root.post("/people/sessions/x/end", &[("csrf", &nobody)]).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "there is no such session");
    assert_eq!(alice.get("/").await.status, StatusCode::OK, "nothing of that took");
    assert!(night.store.system_events(&["session-ended"]).await.unwrap().is_empty());
    assert_eq!(alice.get(&path).await.status, StatusCode::NOT_FOUND, "looking ends nothing");
}
