//! The main path over HTTP, and what the API server may do to the one write.

use nightshift_model::{
    Closure, Escalation, Incident, IncidentEvent, ObjectRef, Outcome, Phase, Proposal, Recovered,
};
use nightshift_sim::{Fault, Program, Scope, Verb};
use nightshift_tests::house::{EXECUTOR, House, Plan};
use std::time::Duration;

fn proven(incident: &Incident) -> bool {
    matches!(incident.phase, Phase::Closed { why: Closure::Verified { outcome: Outcome::Successful } })
}

fn path(name: &str) -> String {
    format!("/apis/apps/v1/namespaces/shop/deployments/{name}")
}

/// The write of a Deployment itself, not its mark.
fn write(name: &str) -> Scope {
    Scope::new(Verb::Patch, &path(name)).containing("\"done:").writes_only()
}

#[tokio::test]
async fn a_crash_is_seen_explained_approved_rolled_back_and_proven() -> anyhow::Result<()> {
    let house = House::open().await?;
    let (scope, proposal) = house.proposed("cart").await?;
    assert_eq!(house.touches("cart"), 0, "nothing is written before a person said yes");
    let mut alice = house.person("alice").await?;
    let page = alice.get(&format!("/p/{}", proposal.id())).await?;
    let strip = page
        .text
        .split("<h2>What changed since</h2>")
        .nth(1)
        .and_then(|rest| rest.split("</section>").next());
    assert!(strip.is_some_and(|strip| strip.contains(">Nothing<")), "read from the cluster: {strip:?}");
    assert_eq!(house.touches("cart"), 0, "a look is no write");
    house.approve("alice", &proposal).await?;
    let over = house.over(&scope).await?;
    assert!(proven(&over), "{:?}", over.phase);
    assert_eq!(house.image("cart"), "web:1");
    assert_eq!((house.writes("cart"), house.arrivals("cart")), (1, 1));
    let told = house.finish().await?;
    assert_eq!(told.pages, [over.id], "one proposal, one page");
    Ok(())
}

/// Several Deployments, each with a proposal that waits.
async fn waiting(house: &House, names: &[&str]) -> anyhow::Result<Vec<(ObjectRef, Proposal)>> {
    let mut scopes = Vec::new();
    for name in names {
        scopes.push(house.deploy(name, 1)?);
    }
    for (name, scope) in names.iter().zip(&scopes) {
        house.healthy(scope, 1).await?;
        house.deploy(name, 2)?;
    }
    let mut waiting = Vec::new();
    for scope in scopes {
        let proposal = house.proposal(&scope).await?;
        waiting.push((scope, proposal));
    }
    Ok(waiting)
}

async fn all_at_once() -> anyhow::Result<House> {
    House::build(Plan::default().policy("concurrent", 10)).await
}

/// Written, but nobody heard: recovery finds it, and it is not sent again.
#[tokio::test]
async fn a_write_whose_answer_is_lost_is_found_and_never_repeated() -> anyhow::Result<()> {
    let house = all_at_once().await?;
    let names = ["timeout", "lost"];
    let waiting = waiting(&house, &names).await?;
    house.door.with(|sim| {
        sim.fault(Fault::AppliedThenGatewayTimeout { on: write("timeout") });
        sim.fault(Fault::AppliedThenLost { on: write("lost") });
    });
    for (name, (scope, proposal)) in names.iter().zip(&waiting) {
        house.approve("alice", proposal).await?;
        let over = house.over(scope).await?;
        assert!(proven(&over), "{name}: {:?}", over.phase);
        assert_eq!((house.writes(name), house.arrivals(name)), (1, 1), "{name}: one arrival");
        let found =
            house.events(&over.id).await?.into_iter().any(|event| {
                matches!(event, IncidentEvent::Recovered { found: Recovered::Applied { .. }, .. })
            });
        assert!(found, "{name}: recovery says that it had taken effect");
    }
    let told = house.finish().await?;
    assert_eq!(told.pages.len(), names.len());
    Ok(())
}

/// Not written, and nobody heard: recovery bars the lost request before the write is sent once more.
#[tokio::test]
async fn a_write_that_never_arrived_is_sent_once_more_behind_a_barrier() -> anyhow::Result<()> {
    let house = all_at_once().await?;
    let names = ["gone", "busy"];
    let waiting = waiting(&house, &names).await?;
    house.door.with(|sim| {
        sim.fault(Fault::Lost { on: write("gone") });
        let (code, reason) = (503, "ServiceUnavailable".to_owned());
        sim.fault(Fault::Status { on: write("busy"), code, reason, retry_after: Some(1) });
    });
    for (name, (scope, proposal)) in names.iter().zip(&waiting) {
        house.approve("alice", proposal).await?;
        let over = house.over(scope).await?;
        assert!(proven(&over), "{name}: {:?}", over.phase);
        assert_eq!((house.writes(name), house.arrivals(name)), (1, 2), "{name}");
        let barred = house
            .events(&over.id)
            .await?
            .into_iter()
            .any(|event| matches!(event, IncidentEvent::Recovered { found: Recovered::NotApplied, .. }));
        assert!(barred, "{name}: recovery says that it had not taken effect");
    }
    house.finish().await?;
    Ok(())
}

/// A refusal is an answer: it is told to a person and never tried again.
#[tokio::test]
async fn a_write_that_is_refused_is_told_and_not_repeated() -> anyhow::Result<()> {
    let house = all_at_once().await?;
    let refusals = [
        ("forbidden", 403, "Forbidden"),
        ("conflict", 409, "Conflict"),
        ("invalid", 422, "Invalid"),
        ("throttled", 429, "TooManyRequests"),
    ];
    let names = refusals.map(|(name, ..)| name);
    let waiting = waiting(&house, &names).await?;
    for (name, code, reason) in refusals {
        let on = write(name).times(9);
        let fault = Fault::Status { on, code, reason: reason.to_owned(), retry_after: Some(1) };
        house.door.with(|sim| sim.fault(fault));
    }
    for ((name, code, _), (scope, proposal)) in refusals.iter().zip(&waiting) {
        house.approve("alice", proposal).await?;
        let over = house.over(scope).await?;
        let Phase::Escalated { why: Escalation::NotApplied { why } } = &over.phase else {
            anyhow::bail!("{name}: {:?}", over.phase)
        };
        assert!(why.contains(&code.to_string()), "{name}: the reason names the status: {why}");
        assert_eq!((house.writes(name), house.arrivals(name)), (0, 1), "{name}");
        assert_eq!(house.image(name), "web:2");
    }
    let told = house.finish().await?;
    assert_eq!(told.pages.len(), 2 * names.len(), "a page for the proposal, a page for the refusal");
    Ok(())
}

/// What was forbidden from the start is said before anybody is asked to decide.
#[tokio::test]
async fn without_the_right_to_patch_nothing_is_proposed() -> anyhow::Result<()> {
    let house = House::open().await?;
    let (user, verb) = (EXECUTOR.to_owned(), "patch".to_owned());
    let resource = "deployments".to_owned();
    house.door.with(|sim| sim.fault(Fault::Forbidden { user, verb, resource }));
    let scope = house.crash("cart").await?;
    let over = house.over(&scope).await?;
    let Phase::Escalated { why: Escalation::NotSealed { why } } = &over.phase else {
        anyhow::bail!("{:?}", over.phase)
    };
    assert!(why.contains("403"), "{why}");
    assert_eq!(house.touches("cart"), 0);
    assert_eq!(house.finish().await?.pages, [over.id]);
    Ok(())
}

/// Somebody else was faster: what was approved is no longer what stands there.
#[tokio::test]
async fn a_target_that_was_changed_meanwhile_is_left_alone() -> anyhow::Result<()> {
    let house = House::open().await?;
    house.door.with(|sim| sim.program("web:3", Program::exits(2, 3)));
    let (scope, proposal) = house.proposed("cart").await?;
    let (hotfix, now) = (nightshift_tests::house::web("cart", 3), house.clock.now().get());
    house.door.before(EXECUTOR, move |sim| {
        let _ = sim.apply(hotfix, now);
    });
    house.approve("alice", &proposal).await?;
    let refused = house
        .incident("an end of the proposal", &scope, |i| {
            i.phase.proposal().is_none_or(|p| p.id() != proposal.id())
        })
        .await?;
    let told = house
        .events(&refused.id)
        .await?
        .into_iter()
        .any(|event| matches!(event, IncidentEvent::Escalated { why: Escalation::RecheckFailed { .. } }));
    assert!(told, "{}", refused.phase.word());
    assert_eq!((house.touches("cart"), house.image("cart").as_str()), (0, "web:3"));
    house.finish().await?;
    Ok(())
}

#[tokio::test]
async fn a_slow_api_server_only_takes_longer() -> anyhow::Result<()> {
    let house = House::open().await?;
    house.door.slow(Duration::from_millis(60));
    let (scope, proposal) = house.proposed("cart").await?;
    house.approve("alice", &proposal).await?;
    let over = house.over(&scope).await?;
    assert!(proven(&over), "{:?}", over.phase);
    assert_eq!((house.writes("cart"), house.arrivals("cart")), (1, 1));
    house.finish().await?;
    Ok(())
}
