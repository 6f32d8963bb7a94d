//! The target is changed by hand between approval and execution: nothing is written, and the reason is told.

use anyhow::{Context as _, ensure};
use nightshift::cluster::Access;
use nightshift_model::{Escalation, Incident, IncidentEvent, Phase};
use nightshift_tests::lab::Cluster;
use nightshift_tests::lab::night::{Night, Wanted, at, events};
use nightshift_tests::lab::proxy::{Proxy, Seen, Then};
use nightshift_tests::lab::workload::{Version, Workload};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_was_changed_after_the_vote_is_not_written() -> anyhow::Result<()> {
    let (cluster, namespace) = (Cluster::connect()?, "drift");
    cluster.namespace(namespace).await?;
    let proxy = Proxy::open(&cluster).await?;
    let mut wanted = Wanted::approve(&cluster, namespace).await?;
    let token = wanted.identities.executor.token().to_owned();
    wanted.executor = Some(Access::Url { url: proxy.url(), token: Some(token) });
    let night = Night::start(wanted).await?;
    let shop = Workload::serve(&cluster, namespace, &Value::Null).await?;
    night.healthy(&shop.object, 1).await?;
    shop.release(&Version::BAD).await?;
    let proposal = night.proposal(&shop.object).await?;

    // The executor's first look after the vote waits until somebody else has been there.
    let mut trap = proxy.trap(Seen::is_look, Then::Hold);
    night.approve(&proposal).await?;
    trap.caught().await?;
    let fixed = shop.release(&Version::BETTER).await?;
    trap.open();

    // The colleague's version is well, so that the incident closes as healed soon after it was escalated.
    let over = |i: &Incident| matches!(i.phase, Phase::Escalated { .. } | Phase::Closed { .. });
    let refused = night.incident("a refusal", &shop.object, over).await?;
    let rows = night.rows(&refused).await?;
    let told = events(&rows).find_map(|event| {
        if let IncidentEvent::Escalated { why: Escalation::RecheckFailed { why } } = event {
            Some(why.clone())
        } else {
            None
        }
    });
    let why = told.with_context(|| format!("not refused: {rows:?}"))?;
    println!("drift: nothing was written: {why}");
    let writes: Vec<Seen> = proxy.seen().into_iter().filter(Seen::is_write).collect();
    ensure!(writes.is_empty(), "{writes:?}");
    let template = |object: &Value| object.pointer("/spec/template").cloned();
    ensure!(template(&shop.get().await?) == template(&fixed), "somebody wrote");
    ensure!(at(&rows, "claimed").is_some() && at(&rows, "sending").is_none(), "{rows:?}");
    night.audit().await?;
    night.end().await;
    cluster.remove_namespace(namespace).await
}
