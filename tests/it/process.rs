//! The real program: killed, told to stop, and on a disk that is full.

use nightshift::clock::Clock;
use nightshift::demo::door::Keep;
use nightshift_model::{IncidentEvent, Phase, Recovered, Role, Seconds, SystemEvent};
use nightshift_sim::Method;
use nightshift_tests::house::{EXECUTOR, House, Plan};
use nightshift_tests::person::Browser;
use std::time::Duration;

/// A proposal that waits, in a night that ends at the wall's present time, so that the program finds it.
async fn waiting() -> anyhow::Result<(House, nightshift_model::ObjectRef, nightshift_model::Proposal)> {
    let start = Some(Clock::wall().now() - Seconds(420));
    let mut house = House::build(Plan { start, ..Plan::default() }).await?;
    let (scope, proposal) = house.proposed("cart").await?;
    house.stop().await;
    house.catch_up().await;
    Ok((house, scope, proposal))
}

async fn epochs(house: &House) -> anyhow::Result<Vec<u64>> {
    let rows = house.system(&["started"]).await?;
    let executor = |event| {
        if let SystemEvent::Started { role: Role::Executor, epoch, .. } = event {
            Some(epoch.0)
        } else {
            None
        }
    };
    Ok(rows.into_iter().filter_map(executor).collect())
}

#[tokio::test]
async fn a_program_that_is_killed_in_mid_write_goes_on_where_it_was() -> anyhow::Result<()> {
    let (house, scope, proposal) = waiting().await?;
    let first = house.process().await?;
    let mut alice = Browser::new(&first.gate)?;
    alice.sign_in(&first.invite("alice")?).await?;
    let mut hold = house.door.hold(Keep::Answer, |request| {
        let body = String::from_utf8_lossy(&request.body);
        request.user == EXECUTOR
            && request.method == Method::Patch
            && !request.dry_run()
            && body.contains("\"done:")
    });
    let ballot = alice.ballot(&format!("/p/{}", proposal.id())).await?.decide("approve");
    assert_eq!(alice.cast(&ballot).await?.status, 303);
    tokio::time::timeout(Duration::from_secs(10), hold.reached()).await?;
    first.kill()?;

    let second = house.process().await?;
    let verifying = |i: &nightshift_model::Incident| matches!(i.phase, Phase::Verifying { .. });
    let incident = house.incident("a recovery", &scope, verifying).await?;
    let found = house.events(&incident.id).await?;
    let applied =
        |e: &IncidentEvent| matches!(e, IncidentEvent::Recovered { found: Recovered::Applied { .. }, .. });
    assert!(found.iter().any(applied));
    assert_eq!((house.writes("cart"), house.arrivals("cart")), (1, 1));

    let (status, after) = second.terminate(&house.clock).await?;
    assert_eq!(status.code(), Some(0));
    assert!(after < Duration::from_secs(5), "it took {after:?}");
    assert_eq!(epochs(&house).await?, [1, 2, 3], "every start takes a new epoch");
    let stopped = house.system(&["stopped"]).await?;
    assert_eq!(
        stopped.len(),
        4,
        "both roles of the first night and of the last start, not of the killed one"
    );
    house.finish().await?;
    Ok(())
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_executed_and_the_person_is_told() -> anyhow::Result<()> {
    let (house, scope, proposal) = waiting().await?;
    let program = house.process().await?;
    let mut alice = Browser::new(&program.gate)?;
    alice.sign_in(&program.invite("alice")?).await?;
    let ballot = alice.ballot(&format!("/p/{}", proposal.id())).await?.decide("approve");
    program.disk("1:unlimited")?;
    let refused = alice.cast(&ballot).await?;
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(refused.text.contains("The history cannot be written"), "{}", refused.text);
    house.clock.sleep_real(Duration::from_secs(2)).await;
    assert_eq!(house.touches("cart"), 0);
    let ready = reqwest::get(format!("{}/readyz", program.health)).await?;
    assert_eq!(ready.status(), 503);
    let told = ready.text().await?;
    assert!(told.contains("the history cannot be written"), "{told}");
    let shown = alice.get(&format!("/p/{}", proposal.id())).await?;
    assert_eq!(shown.status, 200, "what stands in the history can still be read");

    // There is room again: it goes on without a restart, and says so without being asked to write.
    program.disk("unlimited:unlimited")?;
    let ready = async || {
        let status = reqwest::get(format!("{}/readyz", program.health)).await?.status();
        Ok((status == 200).then_some(()))
    };
    house.within("readiness", ready).await?;
    assert_eq!(alice.cast(&ballot).await?.status, 303);
    let written = |i: &nightshift_model::Incident| matches!(i.phase, Phase::Verifying { .. });
    house.incident("a write", &scope, written).await?;
    assert_eq!((house.writes("cart"), house.arrivals("cart")), (1, 1));
    let (status, _) = program.terminate(&house.clock).await?;
    assert_eq!(status.code(), Some(0));
    house.finish().await?;
    Ok(())
}
