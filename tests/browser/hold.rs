//! *I have it* over HTTP: who may, from where, and that it decides nothing.

use crate::fixture::Night;
use http::StatusCode;
use nightshift::http::gate::forms::{self, Purpose};
use nightshift::store::HistoryStore as _;
use nightshift_model::{HistoryEvent, IncidentEvent, Phase, SystemEvent};

const EVIL: [(&str, &str); 2] = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];

/// The form's token as this person's own page would have it.
async fn token(night: &Night, person: &crate::people::Browser, purpose: &Purpose<'_>) -> String {
    let visitor = night.people.visitor(&person.cookies["nightshift"]).await.unwrap().unwrap();
    forms::token(&night.keys, visitor.session, purpose)
}

#[tokio::test]
async fn whoever_may_decide_may_have_it_and_nothing_is_decided() {
    let night = Night::proposed().await;
    let page = format!("/i/{}", night.incident);
    let path = format!("{page}/have");
    let purpose = Purpose::Have(&night.incident);
    for (person, sees) in [("carol", true), ("dave", false)] {
        let mut browser = night.signed_in(person).await;
        let shown = browser.get(&page).await;
        assert_eq!(shown.status == StatusCode::OK, sees, "{person}");
        assert!(!shown.text.contains("I have it"), "{person}");
        browser.get("/").await; // the page's cookie
        let own = token(&night, &browser, &purpose).await;
        let answer = browser.post(&path, &[("csrf", &own)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{person}: {}", answer.text);
        assert!(answer.text.contains("Nothing changed by this attempt."), "{person}");
    }
    let mut stranger = night.stranger();
    assert_eq!(stranger.post(&path, &[("csrf", "x")]).await.status, StatusCode::FORBIDDEN);

    let mut alice = night.signed_in("alice").await;
    assert!(alice.get(&page).await.text.contains("I have it"));
    let csrf = token(&night, &alice, &purpose).await;
    let switch = token(&night, &alice, &Purpose::Switch).await;
    for wrong in ["", "forged", &switch] {
        assert_eq!(alice.post(&path, &[("csrf", wrong)]).await.status, StatusCode::FORBIDDEN, "{wrong}");
    }
    assert_eq!(alice.post_from(&path, &[("csrf", &csrf)], &EVIL).await.status, StatusCode::FORBIDDEN);
    assert_eq!(night.fold().await.held_by, None, "nothing of that took");

    let before = night.fold().await;
    let answer = alice.post(&path, &[("csrf", &csrf)]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let after = night.fold().await;
    assert_eq!(after.held_by.as_ref().map(|h| h.person.as_str()), Some("alice"));
    assert_eq!(after.phase, before.phase, "no vote, no grant");
    let rows = night.store_rows().await;
    assert_eq!(alice.post(&path, &[("csrf", &csrf)]).await.status, StatusCode::OK);
    assert_eq!(night.store_rows().await, rows, "twice is once");
    let shown = alice.get(&format!("/p/{}", after.proposals[0].id)).await;
    assert!(shown.text.contains("alice has it; nobody else is woken about it."));

    let closed = IncidentEvent::Closed { why: nightshift_model::Closure::Healed };
    night.record(vec![closed], crate::fixture::start()).await;
    let answer = alice.post(&path, &[("csrf", &csrf)]).await;
    assert!(answer.text.contains("It is over already."), "{}", answer.text);
    assert!(matches!(night.fold().await.phase, Phase::Closed { .. }));
}

#[tokio::test]
async fn whoever_may_decide_may_silence_the_workload_for_an_hour() {
    let night = Night::proposed().await;
    let page = format!("/i/{}", night.incident);
    let path = format!("{page}/silence");
    let purpose = Purpose::Silence(&night.incident);
    for person in ["carol", "dave"] {
        let mut browser = night.signed_in(person).await;
        browser.get("/").await;
        let own = token(&night, &browser, &purpose).await;
        let answer = browser.post(&path, &[("csrf", &own)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{person}: {}", answer.text);
    }
    let mut alice = night.signed_in("alice").await;
    assert!(alice.get(&page).await.text.contains("Silence for 1 hour"));
    let csrf = token(&night, &alice, &purpose).await;
    let have = token(&night, &alice, &Purpose::Have(&night.incident)).await;
    assert_eq!(alice.post(&path, &[("csrf", &have)]).await.status, StatusCode::FORBIDDEN, "another form's");
    assert_eq!(alice.post_from(&path, &[("csrf", &csrf)], &EVIL).await.status, StatusCode::FORBIDDEN);
    assert!(!night.system().await.contains(&"silence-added".to_owned()), "nothing of that took");
    let before = night.fold().await;
    let answer = alice.post(&path, &[("csrf", &csrf)]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let rows = night.store.system_events(&["silence-added"]).await.unwrap();
    let HistoryEvent::System(SystemEvent::SilenceAdded { silence }) = &rows[0].event else { panic!() };
    assert_eq!(silence.of.to_string(), "workload shop/cart");
    assert_eq!(
        (silence.until.since(silence.from).0, silence.by.to_string().as_str()),
        (3600, "person:alice")
    );
    assert_eq!(night.fold().await.phase, before.phase, "no vote, no grant");
    night.rules.lock().unwrap().standing.silences = vec![silence.clone()];
    let shown = alice.get(&page).await;
    assert!(shown.text.contains("Nobody is told until") && !shown.text.contains("Silence for 1 hour"));
}
