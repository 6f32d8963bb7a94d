//! A history that is not the one that the executor signed: nothing is written until a person has looked.

use nightshift::runtime::checkpoint::Integrity;
use nightshift::runtime::offline::{Adopted, adopt};
use nightshift::store::{OpenMode, SqliteStore};
use nightshift_model::{Incident, Phase};
use nightshift_tests::house::House;
use std::time::Duration;

#[tokio::test]
async fn a_restored_backup_writes_nothing_until_a_person_adopts_it() -> anyhow::Result<()> {
    let mut house = House::open().await?;
    let (scope, proposal) = house.proposed("cart").await?;
    house.stop().await;
    let backup = house.back_up().await?;
    house.start().await?;
    house.stop().await;
    house.restore(&backup).await?;
    house.start().await?;

    let integrity = house.running()?.integrity.borrow().clone();
    assert!(matches!(&integrity, Integrity::Closed { why } if why.contains("shrank")), "{integrity:?}");
    let (status, ready) = house.ready().await?;
    assert_eq!(status, 200, "people can still read why");
    assert!(ready.to_string().contains("nightshift audit adopt"), "{ready}");
    let mut alice = house.person("alice").await?;
    let page = format!("/p/{}", proposal.id());
    let shown = alice.get(&page).await?;
    assert!(shown.text.contains("the executor is closed: the history shrank"), "{}", shown.text);
    let ballot = alice.ballot(&page).await?.decide("approve");
    assert_eq!(alice.cast(&ballot).await?.status, 403);
    house.clock.sleep_real(Duration::from_secs(1)).await;
    assert_eq!(house.touches("cart"), 0);

    let store = SqliteStore::open(house.file(), OpenMode::ReadWrite).await?;
    let folder = house.folder.path().join("executor-keys");
    let adopted = adopt(&store, &house.clock, &folder, "restored on purpose").await?;
    assert!(matches!(adopted, Adopted::Other { .. }), "{adopted:?}");
    store.close().await;
    let fresh = |i: &Incident| matches!(&i.phase, Phase::Proposed { proposal: fresh, .. } if fresh.id() != proposal.id());
    let incident = house.incident("a fresh proposal: the old one is void", &scope, fresh).await?;
    let Some(proposal) = incident.phase.proposal().cloned() else { anyhow::bail!("{:?}", incident.phase) };
    house.approve("alice", &proposal).await?;
    house.over(&scope).await?;
    assert_eq!((house.writes("cart"), house.arrivals("cart")), (1, 1));
    house.finish().await?;
    Ok(())
}
