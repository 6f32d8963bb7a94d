//! Not a test of every day: prints how long a long history takes. `cargo test -p nightshift --lib speed -- --ignored --nocapture`

use crate::clock::Clock;
use crate::store::audit::{Held, verify};
use crate::store::testing::{at, executed, store, system};
use crate::store::{HistoryStore as _, OpenMode, SqliteStore};
use nightshift_model::IncidentId;

#[tokio::test]
#[ignore = "long; for people who ask how fast"]
async fn a_hundred_thousand_rows() {
    let clock = Clock::wall();
    let (folder, store) = store().await;
    for n in 0..400 {
        executed(&store, &IncidentId::from(format!("inc-{n:06}").as_str()), &["ann"], &["ann"]).await;
    }
    while store.rows().await.unwrap() < 100_000 {
        store.append_system(system(at(30), 500)).await.unwrap();
    }
    store.close().await;
    let store = SqliteStore::open(folder.path().join("history.db"), OpenMode::ReadOnly).await.unwrap();
    let began = clock.monotonic();
    let report = verify(&store, 0, &Held::default()).await.unwrap();
    let took = clock.monotonic().saturating_sub(began);
    println!("verify: {} rows, {} problems in {took:?}", report.rows, report.problems.len());
    let began = clock.monotonic();
    let mut tree = nightshift_engine::merkle::Tree::default();
    store.links(0, report.rows, |link| tree.row(&link.hash)).await.unwrap();
    println!("compare (hashes and tree alone): {:?}", clock.monotonic().saturating_sub(began));
    assert_eq!((report.problems.len(), tree.size()), (0, report.rows));
}
