//! *Propose the inverse*: the button on a finished write's page. Who is offered it, what is refused, and what it asks.

use crate::driver::Driver;
use crate::fixture::{Night, start};
use crate::screens::{grant, look, write};
use nightshift::http::gate::forms::{self, Purpose};
use nightshift::store::HistoryStore as _;
use nightshift_engine::rules::KillSwitch;
use nightshift_model::measure::Stage;
use nightshift_model::{
    Action, Actor, IncidentEvent, Outcome, Phase, Proposal, Seconds, Stream, Wanted, Wish,
};
use reqwest::StatusCode;

/// A write that was proven.
async fn proven() -> (Night, Proposal) {
    let night = Night::quiet().await;
    let proposal = night.propose(|_| ()).await;
    night.record(grant(&proposal), start() - Seconds(120)).await;
    night.record(write(&proposal), start() - Seconds(110)).await;
    night.record(vec![look(Stage::After, 60, false)], start() - Seconds(60)).await;
    (night, proposal)
}

/// What was asked for, of whom it was asked, in the order of the history.
async fn wishes(night: &Night) -> Vec<Wish> {
    let mut all = Vec::new();
    for incident in night.store.snapshots(&nightshift::store::Filter::newest(10)).await.unwrap() {
        let rows = night.store.stream_events(&Stream::Incident(incident.id.clone())).await.unwrap();
        all.extend(rows.into_iter().filter_map(|row| match row.event {
            nightshift_model::HistoryEvent::Incident(IncidentEvent::Wished { wish }) => Some(wish),
            _ => None,
        }));
    }
    all
}

#[tokio::test]
async fn whoever_may_decide_may_ask_for_the_inverse_once_the_write_is_over() {
    let (night, proposal) = proven().await;
    let page = format!("/p/{}", proposal.id());
    let path = format!("{page}/inverse");
    let mut alice = night.signed_in("alice").await;
    let shown = alice.get(&page).await.text;
    assert!(!shown.contains("Propose the inverse"), "it is being proven still");
    let session = night.people.visitor(&alice.cookies["nightshift"]).await.unwrap().unwrap().session;
    let csrf = forms::token(&night.keys, session, &Purpose::Inverse(proposal.id()));
    let post = |because: &'static str| [("csrf", csrf.as_str()), ("because", because)];
    let early = alice.post(&path, &post("at once")).await;
    assert_eq!(early.status, StatusCode::CONFLICT, "{}", early.text);

    night.record(vec![IncidentEvent::Judged { outcome: Outcome::Successful }], start()).await;
    let shown = alice.get(&page).await.text;
    assert!(shown.contains("Propose the inverse") && shown.contains("back to revision 42"), "{shown}");
    assert!(shown.contains("Proposed by") && shown.contains("<dd>nightshift</dd>"), "{shown}");
    // What is another owner's is refused as what is not there.
    let why = ["has no role that may ask", "no longer open"];
    for (person, sees, why) in [("carol", true, why[0]), ("dave", false, why[1])] {
        let mut browser = night.signed_in(person).await;
        let shown = browser.get(&page).await;
        assert_eq!(shown.text.contains("Done and proven"), sees, "{person}: {}", shown.text);
        assert!(!shown.text.contains("Propose the inverse"), "{person}");
        browser.get("/").await; // the page's cookie
        let session = night.people.visitor(&browser.cookies["nightshift"]).await.unwrap().unwrap().session;
        let own = forms::token(&night.keys, session, &Purpose::Inverse(proposal.id()));
        let answer = browser.post(&path, &[("csrf", own.as_str()), ("because", "x")]).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{person}: {}", answer.text);
        assert!(answer.text.contains(why), "{person}: {}", answer.text);
    }
    let evil = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    assert_eq!(alice.post_from(&path, &post("x"), &evil).await.status, StatusCode::FORBIDDEN);
    let again = forms::token(&night.keys, session, &Purpose::Again(proposal.id()));
    for wrong in ["", "forged", &again] {
        let answer = alice.post(&path, &[("csrf", wrong), ("because", "x")]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{wrong}");
    }
    assert_eq!(night.stranger().post(&path, &post("x")).await.status, StatusCode::FORBIDDEN);
    let none = alice.post(&path, &post(" ")).await;
    assert!(none.text.contains("No reason was given"), "{}", none.text);
    let drill = KillSwitch::Set { reason: "drill".to_owned() };
    night.rules.lock().unwrap().standing.kill_switch = drill;
    let held = alice.post(&path, &post("x")).await;
    assert!(held.text.contains("The kill switch is set: drill"), "{}", held.text);
    night.rules.lock().unwrap().standing.kill_switch = KillSwitch::Clear;
    assert_eq!(wishes(&night).await, [], "nothing of that asked");

    let asked = alice.post(&path, &post("it was the <network>")).await;
    assert_eq!(asked.status, StatusCode::OK, "{}", asked.text);
    let all = wishes(&night).await;
    let [wish] = all.as_slice() else { panic!("{all:?}") };
    let back = proposal.plan().inverse.action.as_ref();
    let to = back.and_then(Action::revision).unwrap();
    let wanted = Wanted::RollbackToSet { replica_set: to.replica_set.clone(), revision: to.number };
    assert_eq!((wish.person.as_str(), &wish.wanted), ("alice", &wanted));
    assert_eq!(wish.undoes.as_ref(), Some(proposal.id()));
    let href = asked.text.split("href=\"/i/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let incident = alice.get(&format!("/i/{href}")).await.text;
    assert!(incident.contains("alice asked to roll Deployment shop/cart back to revision 42"), "{incident}");
    assert!(incident.contains("it was the &#60;network&#62;"), "what a person writes is text");
    let mut bob = night.signed_in("bob").await;
    let shown = bob.get(&page).await.text;
    let csrf = shown.split("/inverse\"").nth(1).unwrap().split("value=\"").nth(1).unwrap();
    let csrf = csrf.split('"').next().unwrap().to_owned();
    let twice = bob.post(&path, &[("csrf", csrf.as_str()), ("because", "me too")]).await;
    assert_eq!(twice.status, StatusCode::CONFLICT);
    assert!(
        twice.text.contains("Alice has asked") || twice.text.contains("alice has asked"),
        "{}",
        twice.text
    );
    assert_eq!(wishes(&night).await.len(), 1);
}

#[tokio::test]
async fn the_button_is_pressed_in_a_browser() {
    let Some(driver) = Driver::or_skip().await else { return };
    let (night, proposal) = proven().await;
    night.record(vec![IncidentEvent::Judged { outcome: Outcome::Successful }], start()).await;
    let base = format!("http://localhost:{}", night.address.port());
    let token = night.people.invite(&"alice".into(), &Actor::Operator).await.unwrap();
    driver.go(&format!("{base}/signin/{token}")).await;
    driver.click("main button").await;
    driver.text("form.signout").await;
    driver.go(&format!("{base}/p/{}", proposal.id())).await;
    // Without a reason the browser itself sends nothing.
    driver.click("form[action$=inverse] button").await;
    assert_eq!(wishes(&night).await, []);
    driver.write("#because", "it was the network").await;
    driver.click("form[action$=inverse] button").await;
    // The page before has a link to an incident too.
    driver.wait("return document.body.innerText.includes('It was asked for') ? 'yes' : null").await;
    driver.click("main a[href*=inc-]").await;
    driver.wait("return location.pathname.startsWith('/i/') ? 'yes' : null").await;
    let page = driver.text("main").await;
    assert!(page.contains("alice asked to roll Deployment shop/cart back to revision 42"), "{page}");
    assert_eq!(driver.complaints().await, Vec::<String>::new(), "no policy is broken");
    let all = wishes(&night).await;
    assert_eq!(all.iter().map(|w| w.because.as_str()).collect::<Vec<_>>(), ["it was the network"]);
    assert!(matches!(night.fold().await.phase, Phase::Closed { .. }), "what was done stays as it was");
}
