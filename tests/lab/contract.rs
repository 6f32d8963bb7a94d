//! The simulated and the real API server agree on every row of one table.

use nightshift::clock::Clock;
use nightshift::demo::door::Door;
use nightshift_sim::{Fault, Sim};
use nightshift_tests::contract::{self, agree, watches};
use nightshift_tests::lab::{Cluster, within};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_and_the_real_api_server_agree() -> anyhow::Result<()> {
    let (real, namespace) = (Cluster::connect()?, "contract");
    real.namespace(namespace).await?;
    let clock = Clock::wall();
    let door = Door::open(Sim::new(1, clock.now().get()), clock).await?;
    let sim = Cluster::plain(&door.url(), "admin")?;
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
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
    // The API server keeps what came since it knows a kind, and version 1 is older than a kind that is new.
    real.apply(
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/applications.argoproj.io",
        &applications(),
    )
    .await?;
    within(Duration::from_secs(30), "the new kind is served", async || {
        let list = format!("/apis/argoproj.io/v1alpha1/namespaces/{namespace}/applications");
        Ok(real.get(&list).await?.status.is_success().then_some(()))
    })
    .await?;
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

/// The kind of Argo CD that the simulator knows too.
fn applications() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "applications.argoproj.io"},
        "spec": {
            "group": "argoproj.io", "scope": "Namespaced",
            "names": {"kind": "Application", "plural": "applications", "singular": "application"},
            "versions": [{
                "name": "v1alpha1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            }],
        },
    })
}
