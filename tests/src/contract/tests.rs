use super::{against_table, agree, observe, watches};
use crate::lab::Cluster;
use nightshift::clock::Clock;
use nightshift::demo::door::Door;
use nightshift_sim::{Fault, Sim};
use serde_json::json;

/// The half that needs no lab. The other half, and the comparison, is the lab's test `contract`.
#[tokio::test]
async fn the_simulated_api_server_answers_as_the_table_says() {
    let clock = Clock::wall();
    let door = Door::open(Sim::new(1, clock.now().get()), clock).await.unwrap();
    let sim = Cluster::plain(&door.url(), "admin").unwrap();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "contract"}});
    sim.create("/api/v1/namespaces", &namespace).await.unwrap();
    let all = observe(&sim, "contract").await.unwrap();
    agree("the simulator", &against_table(&all, true)).unwrap();
    door.with(|sim| sim.fault(Fault::CompactAll));
    assert_eq!(watches::too_old(&sim, "contract").await.unwrap(), "200 ERROR 410 Expired");
}
