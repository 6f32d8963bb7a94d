//! Nights in which nothing must happen: healthy updates open nothing, and observing writes nothing.

use anyhow::ensure;
use http::Method;
use nightshift::clock::Clock;
use nightshift_model::{Incident, Phase};
use nightshift_tests::lab::Cluster;
use nightshift_tests::lab::identity::Identities;
use nightshift_tests::lab::night::{Night, Wanted};
use nightshift_tests::lab::program::Program;
use nightshift_tests::lab::workload::{Version, Workload};
use serde_json::Value;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn five_healthy_updates_open_nothing() -> anyhow::Result<()> {
    let (cluster, namespace) = (Cluster::connect()?, "healthy");
    cluster.namespace(namespace).await?;
    let night = Night::start(Wanted::approve(&cluster, namespace).await?).await?;
    let shop = Workload::serve(&cluster, namespace, &Value::Null).await?;
    night.healthy(&shop.object, 1).await?;
    for version in [Version::BETTER, Version::GOOD].iter().cycle().take(5) {
        shop.release(version).await?;
        shop.available().await?;
    }
    // The last revision counts as healthy: the view has followed to the end.
    night.healthy(&shop.object, 2).await?;
    let opened = night.incidents().await?;
    ensure!(opened.is_empty(), "{opened:?}");
    ensure!(night.pager.heard().is_empty(), "{:?}", night.pager.heard());
    ensure!(night.store.outbox_next().await?.is_none(), "somebody would be told");
    night.audit().await?;
    night.end().await;
    cluster.remove_namespace(namespace).await
}

#[tokio::test(flavor = "multi_thread")]
async fn observing_needs_and_uses_no_verb_that_writes() -> anyhow::Result<()> {
    let (admin, namespace) = (Cluster::connect()?, "observe");
    admin.namespace(namespace).await?;
    let reader = Identities::make(&admin, namespace).await?.responder;
    let program = Program::start(&reader, namespace, "observe").await?;
    let shop = Workload::serve(&admin, namespace, &Value::Null).await?;
    program.healthy(&shop.object).await?;
    let earlier = shop.release(&Version::BAD).await?;
    let drafted = |i: &Incident| matches!(i.phase, Phase::Drafted { .. } | Phase::Escalated { .. });
    let incident = program.incident("a draft", drafted).await?;
    ensure!(matches!(incident.phase, Phase::Drafted { .. }), "{:?}", incident.phase);
    // Time for whoever would still act.
    Clock::wall().sleep_real(Duration::from_secs(10)).await;

    let writes: Vec<_> = program.proxy.seen().into_iter().filter(|seen| seen.method != Method::GET).collect();
    ensure!(writes.is_empty(), "{writes:?}");
    let template = |object: &Value| object.pointer("/spec/template").cloned();
    ensure!(template(&shop.get().await?) == template(&earlier), "somebody wrote");
    program.audit().await?;
    program.end().await?;
    admin.remove_namespace(namespace).await
}
