//! An executor whose account may too much, or of which nobody can tell what it may, does nothing until that is gone.

use anyhow::Context as _;
use nightshift_engine::excess::{Credential, Right, probes};
use nightshift_engine::permissions;
use nightshift_model::{ClosedBy, Phase, SystemEvent};
use nightshift_sim::{Fault, Scope, Verb};
use nightshift_tests::house::{EXECUTOR, House, Plan};

/// Everything that is asked about is denied to the executor's account, but for what it holds.
fn account(house: &House, holds: &[&str]) {
    let needed: Vec<Right> = permissions::executor(&[])
        .iter()
        .flat_map(|need| {
            need.right.verbs.iter().map(|v| Right::new(v, need.right.group, need.right.resource))
        })
        .collect();
    house.door.with(|sim| {
        sim.clear_faults();
        for right in probes(&needed).into_iter().filter(|right| !holds.contains(&right.to_string().as_str()))
        {
            let part =
                if right.subresource.is_empty() { String::new() } else { format!("/{}", right.subresource) };
            let resource = format!("{}{part}", right.resource);
            let star = |word: String| if word == "*" { "=*".to_owned() } else { word };
            let (verb, resource) = (star(right.verb), star(resource));
            sim.fault(Fault::Forbidden { user: EXECUTOR.into(), verb, resource });
        }
    });
}

/// An executor with an account of its own, in a cluster whose every namespace it may act in: the simulated access review knows
/// no namespaces.
async fn dark() -> anyhow::Result<House> {
    let acts_in = vec!["*".to_owned()];
    House::dark(Plan { credential: Some(Credential::Own), acts_in, speed: 10, ..Plan::default() }).await
}

#[tokio::test]
async fn a_right_too_many_closes_the_executor_until_it_is_gone() -> anyhow::Result<()> {
    let mut house = dark().await?;
    account(&house, &["get secrets", "create pods/exec"]);
    house.start().await?;
    let why =
        "the executor is closed: its account has rights that it must not have: get secrets, create pods/exec";
    let (status, ready) = house.ready().await?;
    assert_eq!(status, 200, "the gate is in the same process: people read why");
    assert!(ready.to_string().contains(why), "{ready}");
    let mut alice = house.person("alice").await?;
    let page = alice.get("/").await?;
    assert!(
        page.text.contains("Nothing is executed:") && page.text.contains("create pods/exec"),
        "{}",
        page.text
    );

    let scope = house.crash("cart").await?;
    house.incident("it waits for the executor", &scope, |i| matches!(i.phase, Phase::Drafted { .. })).await?;
    assert_eq!(house.touches("cart"), 0);
    account(&house, &[]);
    let proposal = house.proposal(&scope).await?;
    let events = house.system(&["executor-closed", "executor-opened"]).await?;
    let [SystemEvent::ExecutorClosed { by: ClosedBy::Rights, places }, SystemEvent::ExecutorOpened { .. }] =
        events.as_slice()
    else {
        anyhow::bail!("{events:?}")
    };
    assert!(places.iter().all(|place| place.namespace.is_empty() && why.ends_with(&place.why)), "{places:?}");

    // Closed again before the vote: it is not taken. Open once more, it is.
    account(&house, &["get secrets"]);
    house
        .within("it closes", async || {
            Ok(house.ready().await?.1.to_string().contains("get secrets").then_some(()))
        })
        .await?;
    let path = format!("/p/{}", proposal.id());
    let shown = alice.get(&path).await?;
    assert!(shown.text.contains("The executor is closed: it can be denied, not approved."), "{}", shown.text);
    let ballot = alice.ballot(&path).await?.decide("approve");
    assert_eq!(alice.cast(&ballot).await?.status, 403);
    account(&house, &[]);
    house
        .within("it opens", async || {
            Ok((!house.ready().await?.1.to_string().contains("get secrets")).then_some(()))
        })
        .await?;
    house.approve("alice", &proposal).await?;
    house.over(&scope).await?;
    assert_eq!((house.writes("cart"), house.arrivals("cart")), (1, 1));
    house.finish().await?;
    Ok(())
}

#[tokio::test]
async fn an_api_server_that_does_not_say_proves_nothing() -> anyhow::Result<()> {
    let mut house = dark().await?;
    account(&house, &[]);
    let on = Scope::new(Verb::Any, "/apis/authorization.k8s.io");
    house.door.with(|sim| {
        sim.fault(Fault::Status { on, code: 500, reason: "InternalError".into(), retry_after: None });
    });
    house.start().await?;
    let closed = house.system(&["executor-closed"]).await?;
    let event = closed.first().context("it started open")?;
    assert!(format!("{event:?}").contains("did not say whether its account may"), "{event:?}");
    house
        .within("the next look proves it", async || {
            Ok((!house.ready().await?.1.to_string().contains("execution")).then_some(()))
        })
        .await?;
    house.finish().await?;
    Ok(())
}
