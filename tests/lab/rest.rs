//! What nightshift needs while nothing happens.

use anyhow::ensure;
use nightshift::clock::Clock;
use nightshift_tests::house::program::memory;
use nightshift_tests::lab::Cluster;
use nightshift_tests::lab::program::{Program, binary};
use nightshift_tests::lab::workload::Workload;
use serde_json::{Value, json};
use std::time::Duration;

/// Namespaces with a workload of three pods each.
const NAMESPACES: usize = 5;
/// How long nothing happens before it is looked at.
const REST: Duration = Duration::from_mins(1);
/// What a release build may hold then, in KiB.
const LIMIT: u64 = 40 * 1024;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, of a release build and alone in the lab: tests/run full"]
async fn at_rest_it_stays_small() -> anyhow::Result<()> {
    let cluster = Cluster::connect()?;
    let names: Vec<String> = (1..=NAMESPACES).map(|n| format!("rest-{n}")).collect();
    let mut shops = Vec::new();
    for name in &names {
        cluster.namespace(name).await?;
        shops.push(Workload::serve(&cluster, name, &Value::Null).await?);
    }
    let whole = |_, _: &mut Value| Ok(json!({"cluster": {"name": "lab", "kubeconfig": "kubeconfig.yaml"}}));
    let program = Program::start_with(&cluster, "rest", "observe", whole).await?;
    for shop in &shops {
        program.healthy(&shop.object).await?;
    }
    Clock::wall().sleep_real(REST).await;
    let (now, most) = memory(program.id()?)?;
    println!(
        "bench: at rest, every namespace watched, {NAMESPACES} with three pods each: RSS {now} KiB, {most} at most; {}",
        binary()?.display()
    );
    ensure!(program.incidents().await?.is_empty(), "something happened");
    // Another build is a number to look at, this one is held to the limit.
    let release = binary()?.to_string_lossy().contains("release");
    ensure!(!release || now < LIMIT, "{now} KiB at rest are more than {LIMIT}");
    program.end().await?;
    for name in &names {
        cluster.remove_namespace(name).await?;
    }
    Ok(())
}
