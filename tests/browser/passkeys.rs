//! Passkeys in a real browser: made on the page, committed as a line, used for votes that the engine counts.

use crate::driver::Driver;
use crate::fixture::Night;
use nightshift_engine::tally::{Tally, tally};
use nightshift_model::vote::Strength;
use nightshift_model::{Actor, PasskeySite, PersonKey, Phase, Proof, Registry, VoteDecision};
use std::sync::Arc;

/// `passkeys:` for this listener, and signatures wanted for everything.
fn configure(night: &Night, change: impl FnOnce(&mut Registry)) {
    let mut rules = night.rules.lock().unwrap();
    let mut registry = (*rules.registry).clone();
    registry.policy.approvals.low.min_proof = Strength::Signed;
    registry.policy.approvals.medium.min_proof = Strength::Signed;
    registry.passkeys = Some(PasskeySite {
        rp_id: "localhost".to_owned(),
        origins: vec![format!("http://localhost:{}", night.address.port())],
    });
    change(&mut registry);
    rules.registry = Arc::new(registry);
}

#[tokio::test]
async fn a_passkey_is_made_on_the_page_and_signs_votes() {
    let Some(driver) = Driver::or_skip().await else { return };
    let night = Night::quiet().await;
    configure(&night, |_| ());
    let proposal = night.propose(|_| ()).await;
    let base = format!("http://localhost:{}", night.address.port());
    let token = night.people.invite(&"alice".into(), &Actor::Operator).await.unwrap();

    // The one-time link leads to the offer, the offer to a line, and nothing of it is kept.
    driver.go(&format!("{base}/signin/{token}")).await;
    driver.click("main button").await;
    let key = driver.make_passkey().await;
    assert!(night.rules.lock().unwrap().registry.persons.iter().all(|p| p.keys.is_empty()));
    assert_eq!(driver.complaints().await, Vec::<String>::new(), "no policy is broken");

    // Committed as it stands it is younger than the proposal, so it is not offered there.
    let page = format!("{base}/p/{}", proposal.id());
    configure(&night, |r| r.persons[0].keys = vec![key.clone()]);
    driver.go(&page).await;
    assert!(!driver.text("main").await.contains("Approve: do exactly this"));

    // With an older one the passkey signs, and the engine counts it.
    configure(&night, |r| r.persons[0].keys = vec![PersonKey { since: None, ..key.clone() }]);
    driver.go(&page).await;
    driver.approve().await;
    let rules = night.rules.lock().unwrap().clone();
    let Phase::Proposed { votes, .. } = night.fold().await.phase else { panic!("proposed") };
    let [vote] = votes.as_slice() else { panic!("{votes:?}") };
    assert!(matches!(&vote.proof, Proof::Webauthn { credential, .. } if *credential == key.id), "{vote:?}");
    assert!(matches!(tally(&proposal, &votes, &rules), Tally::Approved(_)));
    let mut other = rules.clone();
    other.registry = Arc::new(Registry {
        passkeys: Some(PasskeySite {
            rp_id: "localhost".to_owned(),
            origins: vec!["https://night.example".to_owned()],
        }),
        ..(*rules.registry).clone()
    });
    assert!(matches!(tally(&proposal, &votes, &other), Tally::Waiting { .. }), "another site's signature");

    // And it takes the vote back, with the next number.
    let code = driver.text(".code strong").await;
    driver.write("#code", &code).await;
    driver.click("button[value=withdraw]").await;
    driver.text("button[value=approve]").await;
    let Phase::Proposed { votes, .. } = night.fold().await.phase else { panic!("proposed") };
    let last = votes.last().unwrap();
    assert_eq!((last.no, last.decision, last.proof.name()), (2, VoteDecision::Withdraw, "webauthn"));
    assert!(matches!(tally(&proposal, &votes, &rules), Tally::Waiting { .. }));
    assert_eq!(driver.complaints().await, Vec::<String>::new(), "no policy is broken");
}

/// Without the script the page posts a form: our word, which counts where policy takes it and nowhere else.
#[tokio::test]
async fn what_is_no_passkeys_answer_is_refused_on_the_page() {
    let night = Night::quiet().await;
    configure(&night, |_| ());
    let proposal = night.propose(|_| ()).await;
    let mut alice = night.signed_in("alice").await;
    let page = format!("/p/{}", proposal.id());
    let shown = alice.get(&page).await.text;
    assert!(!shown.contains("value=\"approve\""), "nothing that alice has would count");
    assert!(shown.contains("sign with your own key or passkey"), "{shown}");
    let asked = alice.get(&format!("{page}/statement?decision=approve")).await;
    assert_eq!(asked.status.as_u16(), 403, "no passkey to ask for");
    for path in ["/passkey", &format!("{page}/statement?decision=approve")] {
        assert_eq!(night.stranger().get(path).await.status.as_u16() / 100, 4, "{path}");
    }
    let offer = alice.get("/passkey").await.text;
    let field = |name: &str| {
        let (_, rest) = offer.split_once(&format!("name=\"{name}\" value=\"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let (csrf, ts) = (field("csrf"), field("ts"));
    let later = "2026-03-03T02:08:30Z";
    for (what, csrf, ts, attestation) in [
        ("no attestation", csrf.as_str(), ts.as_str(), "AAAA"),
        ("another page's time", csrf.as_str(), later, "AAAA"),
        ("no token of ours", "x", ts.as_str(), "AAAA"),
        ("not base64url", csrf.as_str(), ts.as_str(), "+"),
    ] {
        let fields = [("csrf", csrf), ("ts", ts), ("attestation", attestation), ("client_data", "e30")];
        let answer = alice.post("/passkey", &fields).await;
        assert_eq!(answer.status.as_u16(), 422, "{what}: {}", answer.text);
        assert!(answer.text.contains("No passkey was taken"), "{what}");
    }
}
