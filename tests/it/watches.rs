//! What watches may suffer: readiness tells the truth meanwhile, and a crash that began meanwhile is found.

use nightshift::cluster::stream::Timing;
use nightshift_model::ObjectRef;
use nightshift_sim::{Fault, Scope, Sim, Verb};
use nightshift_tests::house::{House, Plan, RESPONDER};
use std::time::Duration;

fn impatient() -> Plan {
    let timing = Timing {
        stall: Duration::from_secs(2),
        sync: Duration::from_secs(2),
        back_off_most: Duration::from_secs(10),
        forbidden: Duration::from_secs(60),
        ..Timing::default()
    };
    Plan { timing, ..Plan::default() }
}

/// Waits until `/readyz` has that status and names that gap; an empty text stands for no gap at all.
async fn ready(house: &House, status: u16, gap: &str) -> anyhow::Result<()> {
    house
        .within(&format!("/readyz {status} with {gap:?}"), async || {
            let (is, said) = house.ready().await?;
            let gaps = said.get("gaps").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
            let told = if gap.is_empty() {
                gaps.is_empty()
            } else {
                gaps.iter().any(|g| g.to_string().contains(gap))
            };
            Ok((is == status && told).then_some(()))
        })
        .await
}

async fn found(house: &House, scope: &ObjectRef) -> anyhow::Result<()> {
    house.proposal(scope).await.map(|_| ())
}

#[tokio::test]
async fn everything_in_order_is_ready_without_a_gap() -> anyhow::Result<()> {
    let house = House::open().await?;
    ready(&house, 200, "").await?;
    let (status, metrics) = house.machine("/metrics").await?;
    assert_eq!(status, 200);
    assert!(metrics.ends_with("# EOF\n"));
    assert_eq!(house.machine("/healthz").await?.0, 200);
    house.finish().await?;
    Ok(())
}

/// A watch that stays open and silent is given up for a new one.
#[tokio::test]
async fn a_watch_that_hangs_is_noticed_and_nothing_is_lost() -> anyhow::Result<()> {
    let house = House::build(impatient()).await?;
    let scope = house.deploy("cart", 1)?;
    house.healthy(&scope, 1).await?;
    let pods = Scope::new(Verb::Watch, "/api/v1/pods").times(2);
    house.door.with(|sim| {
        sim.fault(Fault::HangWatch { on: pods });
        sim.fault(Fault::CompactAll); // ends the open ones, so that the next ones hang
    });
    house.deploy("cart", 2)?;
    found(&house, &scope).await?;
    ready(&house, 200, "").await?;
    house.finish().await?;
    Ok(())
}

#[tokio::test]
async fn a_history_of_events_that_is_too_old_is_read_anew() -> anyhow::Result<()> {
    let house = House::build(impatient()).await?;
    let scope = house.deploy("cart", 1)?;
    house.healthy(&scope, 1).await?;
    house.deploy("cart", 2)?;
    for _ in 0..5 {
        house.door.with(|sim| sim.fault(Fault::CompactAll));
        house.clock.sleep_real(Duration::from_millis(100)).await;
    }
    found(&house, &scope).await?;
    assert_eq!(house.incidents().await?.len(), 1, "nothing is doubled");
    ready(&house, 200, "").await?;
    house.finish().await?;
    Ok(())
}

#[tokio::test]
async fn without_streaming_lists_pages_are_read_and_that_is_said() -> anyhow::Result<()> {
    let mut house = House::dark(impatient()).await?;
    house.door.with(|sim| sim.fault(Fault::NoWatchList));
    house.start().await?;
    ready(&house, 200, "no streaming lists").await?;
    let scope = house.crash("cart").await?;
    found(&house, &scope).await?;
    house.finish().await?;
    Ok(())
}

#[tokio::test]
async fn what_may_not_be_seen_is_named_and_the_rest_goes_on() -> anyhow::Result<()> {
    let mut house = House::dark(impatient()).await?;
    let (user, verb, resource) = (RESPONDER.to_owned(), "*".to_owned(), "nodes".to_owned());
    house.door.with(|sim| sim.fault(Fault::Forbidden { user, verb, resource }));
    house.start().await?;
    ready(&house, 200, "watch nodes").await?;
    ready(&house, 200, "403 Forbidden").await?;
    let scope = house.crash("cart").await?;
    found(&house, &scope).await?;
    house.door.with(Sim::clear_faults);
    ready(&house, 200, "").await?;
    house.finish().await?;
    Ok(())
}

#[tokio::test]
async fn an_api_server_that_is_down_is_told_and_what_broke_meanwhile_is_found() -> anyhow::Result<()> {
    let house = House::build(impatient()).await?;
    let scope = house.deploy("cart", 1)?;
    house.healthy(&scope, 1).await?;
    house.door.with(|sim| {
        for verb in [Verb::Watch, Verb::List] {
            let on = Scope::new(verb, "").times(u32::MAX);
            let reason = "ServiceUnavailable".to_owned();
            sim.fault(Fault::Status { on, code: 503, reason, retry_after: None });
        }
        sim.fault(Fault::CompactAll);
    });
    ready(&house, 503, "watch pods").await?;
    // A developer's own request gets through to another API server.
    let (now, object) = (house.clock.now().get(), nightshift_tests::house::web("cart", 2));
    house.door.with(|sim| sim.apply(object, now)).map_err(|status| anyhow::anyhow!("{status}"))?;
    house.clock.sleep(Duration::from_secs(60)).await;
    assert!(house.incidents().await?.is_empty(), "nothing can be known yet");
    house.door.with(Sim::clear_faults);
    found(&house, &scope).await?;
    ready(&house, 200, "").await?;
    house.finish().await?;
    Ok(())
}
