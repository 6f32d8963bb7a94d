//! What nobody must be woken for: what was broken before, and what goes well.

use nightshift_model::SystemEvent;
use nightshift_sim::Program;
use nightshift_tests::house::{House, Plan, web};
use std::time::Duration;

/// How fast two hundred workloads may crash without taking the machine's every moment.
const CROWDED: u32 = 8;
/// The same while 25 workloads roll: a pod that this machine leaves alone for so long has no scheduler.
const UNHURRIED: u32 = 15;

async fn inventories(house: &House) -> anyhow::Result<Vec<usize>> {
    let rows = house.system(&["inventory"]).await?;
    let entries = |event| if let SystemEvent::Inventory { entries } = event { entries.len() } else { 0 };
    Ok(rows.into_iter().map(entries).collect())
}

async fn synced(house: &House) -> anyhow::Result<()> {
    house.within("the first look", async || Ok((house.ready().await?.0 == 200).then_some(()))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_broken_workloads_are_one_inventory_and_no_page() -> anyhow::Result<()> {
    let mut house = House::dark(Plan::default()).await?;
    let now = house.clock.now().get();
    house.door.with(|sim| {
        for n in 0..200 {
            let mut object = web(&format!("old-{n}"), 2);
            if let Some(replicas) = object.pointer_mut("/spec/replicas") {
                *replicas = 1.into();
            }
            let _ = sim.apply(object, now);
        }
        sim.program("web:4", Program::exits(2, 4));
    });
    house.clock.sleep(Duration::from_secs(70)).await;
    house.clock.run_at(CROWDED);
    let rest = async || {
        let now = house.clock.now().get();
        Ok(house.door.with(|sim| sim.next_due().is_none_or(|due| due > now)).then_some(()))
    };
    house.within("a cluster that has caught up", rest).await?;
    house.start().await?;
    synced(&house).await?;
    assert_eq!(inventories(&house).await?, [200]);
    house.clock.sleep(Duration::from_secs(20)).await;
    assert!(house.incidents().await?.is_empty());

    house.stop().await;
    house.start().await?;
    synced(&house).await?;
    house.clock.sleep(Duration::from_secs(20)).await;
    assert_eq!(inventories(&house).await?, [200], "one inventory, ever");
    assert!(house.incidents().await?.is_empty(), "a restart makes nothing new");

    let changed = house.deploy("old-7", 4)?;
    house.incident("an incident of what changed", &changed, |_| true).await?;
    house.over(&changed).await?;
    assert_eq!(house.incidents().await?.len(), 1);
    let told = house.finish().await?;
    assert_eq!(told.pages.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_hundred_healthy_rolling_updates_open_nothing() -> anyhow::Result<()> {
    let house = House::open().await?;
    house.clock.run_at(UNHURRIED);
    let mut scopes = Vec::new();
    for n in 0..25 {
        scopes.push(house.deploy(&format!("app-{n}"), 10)?);
    }
    for round in 1..=4_usize {
        for scope in &scopes {
            house.healthy(scope, round).await?;
        }
        for scope in &scopes {
            house.deploy(&scope.name, 10 + u32::try_from(round)?)?;
        }
    }
    for scope in &scopes {
        house.healthy(scope, 5).await?;
    }
    let opened = house.incidents().await?;
    assert!(opened.is_empty(), "{opened:#?}");
    let told = house.finish().await?;
    assert!(told.incidents.is_empty() && told.pages.is_empty());
    assert_eq!(told.rollouts, 100, "the digest tells of every one");
    Ok(())
}
