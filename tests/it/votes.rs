//! Votes that are not taken, through the whole system: each is told, recorded, and moves nothing in the cluster.
//!
//! The table itself stands in the target `browser`; here no refusal leads to a write, whoever tried.

use nightshift_model::{IncidentEvent, Phase, SystemEvent};
use nightshift_tests::house::{House, Plan};
use nightshift_tests::person::{Answer, Ballot, Browser};
use std::time::Duration;

/// What was tried, how it was answered, and what the history calls it.
struct Refusal {
    what: &'static str,
    answer: Answer,
    status: u16,
    sentence: &'static str,
    why: &'static str,
}

async fn refused(house: &House) -> anyhow::Result<Vec<String>> {
    let rows = house.system(&["vote-refused"]).await?;
    Ok(rows
        .into_iter()
        .filter_map(|event| {
            if let SystemEvent::VoteRefused { person, why, .. } = event {
                Some(format!("{person} {}", why.as_str()))
            } else {
                None
            }
        })
        .collect())
}

/// The ballot of one person in the hands of another, with the cookies of that one's own session.
async fn try_with(browser: &mut Browser, ballot: &Ballot) -> anyhow::Result<Answer> {
    browser.get(ballot.action.trim_end_matches("/votes")).await?;
    browser.cast(ballot).await
}

#[tokio::test]
async fn no_refused_vote_ever_writes() -> anyhow::Result<()> {
    let house = House::open().await?;
    let (scope, proposal) = house.proposed("cart").await?;
    let page = format!("/p/{}", proposal.id());
    let mut alice = house.person("alice").await?;
    let right = alice.ballot(&page).await?.decide("approve");
    let own = alice.origin.clone();
    let mut tried = Vec::new();
    let mut note = |what, answer, status, sentence, why| {
        tried.push(Refusal { what, answer, status, sentence, why });
    };
    let answer = alice.cast(&right.clone().with("code", "----")).await?;
    note("wrong code", answer, 422, "The code is wrong", "alice wrong-code");
    let answer = alice.cast(&right.clone().with("digest", &"0".repeat(64))).await?;
    note("other digest", answer, 409, "not the one you saw", "alice other-digest");
    let evil = right.clone().from(Some("https://evil.example"), Some("cross-site"));
    note(
        "foreign origin",
        alice.cast(&evil).await?,
        403,
        "did not come from this page",
        "alice foreign-origin",
    );
    let null = right.clone().from(Some("null"), Some("cross-site"));
    note(
        "Origin: null",
        alice.cast(&null).await?,
        403,
        "did not come from this page",
        "alice foreign-origin",
    );
    let other = right.clone().from(Some(&own), Some("cross-site"));
    note(
        "another site",
        alice.cast(&other).await?,
        403,
        "did not come from this page",
        "alice foreign-origin",
    );
    let mut bob = house.person("bob").await?;
    note("replayed", try_with(&mut bob, &right).await?, 403, "no longer valid", "bob bad-form");
    for refusal in &tried {
        let Refusal { what, answer, status, sentence, .. } = refusal;
        assert_eq!(answer.status, *status, "{what}: {}", answer.text);
        assert!(answer.text.contains(sentence), "{what}: {}", answer.text);
    }
    let rows = refused(&house).await?;
    for refusal in &tried {
        assert!(rows.iter().any(|row| row == refusal.why), "{}: {rows:?}", refusal.what);
    }
    house.clock.sleep(Duration::from_secs(120)).await;
    assert_eq!(house.touches("cart"), 0);

    // The same ballot, as it was meant, is taken once.
    assert_eq!(alice.cast(&right).await?.status, 303);
    let twice = alice.cast(&right).await?;
    assert_eq!(twice.status, 409, "{}", twice.text);
    house.over(&scope).await?;
    assert_eq!((house.writes("cart"), house.arrivals("cart")), (1, 1));
    house.finish().await?;
    Ok(())
}

/// Those who may look but not decide, and machines.
#[tokio::test]
async fn without_a_role_there_is_no_ballot_and_no_write() -> anyhow::Result<()> {
    let house = House::open().await?;
    let (_, proposal) = house.proposed("cart").await?;
    let page = format!("/p/{}", proposal.id());
    let mut alice = house.person("alice").await?;
    let right = alice.ballot(&page).await?.decide("approve");
    for person in ["carol", "bot"] {
        let mut browser = house.person(person).await?;
        assert!(browser.ballot(&page).await.is_err(), "{person} is offered no ballot");
        let answer = try_with(&mut browser, &right).await?;
        assert_eq!(answer.status, 403, "{person}: {}", answer.text);
    }
    let mut stranger = Browser::new(&alice.origin)?;
    assert_eq!(stranger.cast(&right).await?.status, 403);
    house.clock.sleep(Duration::from_secs(120)).await;
    assert_eq!(house.touches("cart"), 0);
    house.finish().await?;
    Ok(())
}

#[tokio::test]
async fn a_vote_that_comes_too_late_decides_nothing() -> anyhow::Result<()> {
    let open = serde_json::json!({"low": "3m", "medium": "3m", "high": "3m"});
    let house = House::build(Plan::default().policy("open_for", open)).await?;
    let (scope, proposal) = house.proposed("cart").await?;
    let mut alice = house.person("alice").await?;
    let right = alice.ballot(&format!("/p/{}", proposal.id())).await?.decide("approve");
    house.incident("an expiry", &scope, |i| i.phase.proposal().is_none()).await?;
    let late = alice.cast(&right).await?;
    assert_eq!(late.status, 410, "{}", late.text);
    assert!(late.text.contains("has expired"), "{}", late.text);
    house.clock.sleep(Duration::from_secs(60)).await;
    assert_eq!(house.touches("cart"), 0);
    house.finish().await?;
    Ok(())
}

/// Who asks for a fresh look after a denial does not decide on what it brings.
#[tokio::test]
async fn who_asked_again_does_not_decide() -> anyhow::Result<()> {
    let house = House::open().await?;
    let (scope, proposal) = house.proposed("cart").await?;
    let page = format!("/p/{}", proposal.id());
    let mut bob = house.person("bob").await?;
    let no = bob.ballot(&page).await?.decide("deny").with("reason", "not now");
    assert_eq!(bob.cast(&no).await?.status, 303);
    house.incident("a denial", &scope, |i| matches!(i.phase, Phase::Escalated { .. })).await?;
    let mut alice = house.person("alice").await?;
    let shown = alice.get(&page).await?;
    let again = alice.form(&shown.text, "/again").ok_or_else(|| anyhow::anyhow!("no way to ask again"))?;
    assert_eq!(alice.cast(&again).await?.status, 200);
    let fresh = house
        .incident(
            "a fresh proposal",
            &scope,
            |i| matches!(&i.phase, Phase::Proposed { proposal: p, .. } if p.id() != proposal.id()),
        )
        .await?;
    let id = fresh.phase.proposal().map(|p| p.id().clone()).ok_or_else(|| anyhow::anyhow!("none"))?;
    let page = format!("/p/{id}");
    match alice.ballot(&page).await {
        Err(_) => {} // the page does not even offer it
        Ok(ballot) => assert_eq!(alice.cast(&ballot.decide("approve")).await?.status, 403),
    }
    house.clock.sleep(Duration::from_secs(60)).await;
    assert_eq!(house.touches("cart"), 0, "alice asked, so alice does not decide");
    let mut bob = house.person("bob").await?;
    let yes = bob.ballot(&page).await?.decide("approve");
    assert_eq!(bob.cast(&yes).await?.status, 303);
    let over = house.over(&scope).await?;
    assert_eq!(house.writes("cart"), 1);
    let votes = house.events(&over.id).await?;
    assert_eq!(votes.iter().filter(|event| matches!(event, IncidentEvent::Voted { .. })).count(), 2);
    house.finish().await?;
    Ok(())
}
