//! The simulated and the real API server agree on every row of one table.

use nightshift::clock::Clock;
use nightshift::demo::door::Door;
use nightshift_sim::{Fault, Sim};
use nightshift_tests::contract::{self, agree, watches};
use nightshift_tests::lab::Cluster;

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_and_the_real_api_server_agree() -> anyhow::Result<()> {
    let (real, namespace) = (Cluster::connect()?, "contract");
    real.namespace(namespace).await?;
    let clock = Clock::wall();
    let door = Door::open(Sim::new(1, clock.now().get()), clock).await?;
    let sim = Cluster::plain(&door.url(), "admin")?;
    let object =
        serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
    sim.create("/api/v1/namespaces", &object).await?;

    let (simulated, observed) =
        (contract::observe(&sim, namespace).await?, contract::observe(&real, namespace).await?);
    let mut disagreements = contract::against_table(&observed, false);
    disagreements.extend(contract::against_table(&simulated, true).iter().map(|d| format!("sim: {d}")));
    disagreements.extend(contract::between(&simulated, &observed));

    let (simulated, observed) =
        (watches::observe(&sim, namespace).await?, watches::observe(&real, namespace).await?);
    let lines = simulated.iter().zip(&observed).filter(|(sim, real)| sim != real);
    disagreements.extend(lines.map(|(sim, real)| format!("sim  {sim}\nreal {real}")));
    door.with(|sim| sim.fault(Fault::CompactAll));
    let (old, real_old) =
        (watches::too_old(&sim, namespace).await?, watches::too_old(&real, namespace).await?);
    if old != real_old {
        disagreements.push(format!("too old: sim {old}, real {real_old}"));
    }
    println!("contract: {} rows and {} watches and lists", contract::ROWS.len(), observed.len() + 1);
    door.shutdown().await;
    agree("sim and API server disagree", &disagreements)
}
