//! Alerts come in: from Debian's own Prometheus and Alertmanager, and from whoever holds the secret and lies.

use nightshift::clock::Clock;
use nightshift::config::Alerts;
use nightshift_model::alert::Flag;
use nightshift_model::{Closure, Escalation, Incident, Kind, ObjectRef, Phase, Seconds};
use nightshift_tests::alerts::{TOKEN, labelled, message};
use nightshift_tests::house::{House, Plan};
use serde_json::{Value, json};
use std::time::Duration;

/// Sends alerts by their labels; the answer is the status.
async fn send(house: &House, door: &str, status: &str, alerts: &[Value]) -> anyhow::Result<u16> {
    let body = message(status, alerts, house.clock.now());
    let answer = reqwest::Client::new().post(door).bearer_auth(TOKEN).json(&body).send().await?;
    Ok(answer.status().as_u16())
}

async fn locked(house: &House) -> anyhow::Result<String> {
    let token = house.folder.path().join("alerts.token");
    std::fs::write(&token, TOKEN)?;
    house.alerts(Alerts { bearer_token_files: vec![token], ..Alerts::default() }).await
}

/// What the intake counted.
fn counted(house: &House) -> anyhow::Result<String> {
    let mut registry = prometheus_client::registry::Registry::default();
    house.running()?.intake.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

fn alone(incident: &Incident) -> bool {
    matches!(&incident.phase, Phase::Escalated { why: Escalation::NoPlan { .. } })
        && incident.symptom.is_none()
}

fn cluster() -> ObjectRef {
    ObjectRef::new(Kind::Other("Cluster".to_owned()), "", "test", "")
}

#[tokio::test]
async fn an_alert_of_a_real_prometheus_and_the_pod_events_of_one_fault_are_one_incident() -> anyhow::Result<()>
{
    // The house's clock runs ahead of the wall's, on which the real programs live.
    let plan = Plan { start: Some(Clock::wall().now()), speed: 10, ..Plan::default() };
    let house = House::build(plan).await?;
    let door = locked(&house).await?;
    let token = house.folder.path().join("alerts.token");
    let _monitoring = house.monitoring(&door, &token, 2).await?;
    let (scope, proposal) = house.proposed("cart").await?;
    let heard = house.incident("the alert", &scope, |i| i.alerts.firing > 0).await?;
    let alert = &heard.alerts.shown[0];
    assert_eq!((alert.name.as_str(), alert.receiver.as_str()), ("KubePodCrashLooping", "night.shift"));
    assert_eq!((alert.summary.as_str(), alert.flags.as_slice()), ("Pod is crash looping.", &[][..]));
    assert_eq!(
        heard.phase.proposal().map(|p| p.id().clone()),
        Some(proposal.id().clone()),
        "the proposal stands"
    );
    assert_eq!(house.incidents().await?.len(), 1);

    house.approve("alice", &proposal).await?;
    let over = house.over(&scope).await?;
    assert!(matches!(over.phase, Phase::Closed { why: Closure::Verified { .. } }), "{:?}", over.phase);
    let resolved = house.incident("the resolution", &scope, |i| i.alerts.resolved()).await?;
    assert_eq!((resolved.phase.word(), resolved.id), ("Closed", over.id));
    assert_eq!(house.incidents().await?.len(), 1, "one fault, one incident");
    let counted = counted(&house)?;
    let repeated = counted.lines().find(|line| line.contains("news=\"repeated\"")).unwrap_or_default();
    assert!(!repeated.is_empty() && !repeated.ends_with(" 0"), "each Alertmanager tells it: {counted}");
    assert!(counted.contains("answer=\"accepted\"") && counted.matches("answer=").count() == 1, "{counted}");
    let told = house.finish().await?;
    assert_eq!(told.pages.len(), 1, "an alert of an incident that was paged pages nobody again");
    Ok(())
}

#[tokio::test]
async fn an_alert_alone_is_escalated_and_what_nightshift_then_sees_itself_joins_it() -> anyhow::Result<()> {
    let house = House::open().await?;
    let door = locked(&house).await?;
    let scope = house.deploy("cart", 1)?;
    house.healthy(&scope, 1).await?;
    let stuck = [labelled(
        "KubeDeploymentRolloutStuck",
        json!({"namespace": "shop", "deployment": "cart", "severity": "warning"}),
    )];
    assert_eq!(send(&house, &door, "firing", &stuck).await?, 202);
    let told = house.incident("an escalation", &scope, alone).await?;
    assert_eq!((told.alerts.firing, told.scope.uid.as_str()), (1, scope.uid.as_str()), "the live object");
    assert!(!told.evidence.is_empty(), "it was looked at");
    assert!(told.proposals.is_empty(), "and nothing is proposed on an alert's word");

    house.deploy("cart", 2)?;
    let joined = house.incident("a proposal", &scope, |i| i.phase.proposal().is_some()).await?;
    assert_eq!((joined.id.clone(), joined.proposals.len()), (told.id, 1));
    // Resolved takes nothing back while nightshift sees the fault.
    assert_eq!(send(&house, &door, "resolved", &stuck).await?, 202);
    let resolved = house.incident("the resolution", &scope, |i| i.alerts.resolved()).await?;
    house.clock.sleep(Duration::from_secs(120)).await;
    let still = house.newest(&scope).await?.expect("an incident");
    assert_eq!((still.phase.word(), still.id), ("Proposed", resolved.id));
    house.finish().await?;
    Ok(())
}

#[tokio::test]
async fn an_alert_that_nothing_else_bears_out_ends_when_it_is_resolved() -> anyhow::Result<()> {
    let house = House::open().await?;
    let door = locked(&house).await?;
    let odd = [labelled("CheckoutSlow", json!({"namespace": "shop", "severity": "critical"}))];
    // The namespace is there once something is in it.
    house.deploy("cart", 1)?;
    assert_eq!(send(&house, &door, "firing", &odd).await?, 202);
    let all = house.within("an escalation", async || Ok(house.incidents().await?.into_iter().find(alone)));
    let told = all.await?;
    assert_eq!(told.alerts.shown[0].flags[0], Flag::Unknown);
    let Phase::Escalated { why: Escalation::NoPlan { reasons, .. } } = &told.phase else {
        anyhow::bail!("no reasons")
    };
    assert!(reasons.iter().any(|r| r.contains("does not know this alert")), "{reasons:?}");
    // Whoever owns the namespace sees it, escaped, with its receiver.
    let page = house.person("alice").await?.get(&format!("/i/{}", told.id)).await?;
    for part in [
        "Alert CheckoutSlow on Namespace shop",
        "What Alertmanager says",
        "told by Alertmanager&#39;s receiver night.shift",
    ] {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
    assert_eq!(send(&house, &door, "resolved", &odd).await?, 202);
    let closed = house.incident("an end", &told.scope, |i| matches!(i.phase, Phase::Closed { .. })).await?;
    assert!(matches!(closed.phase, Phase::Closed { why: Closure::Resolved }), "{:?}", closed.phase);
    // A late word of the same occurrence opens nothing again.
    assert_eq!(send(&house, &door, "firing", &odd).await?, 202);
    house.clock.sleep(Duration::from_secs(120)).await;
    assert_eq!(house.incidents().await?.len(), 1);
    assert_eq!(house.newest(&told.scope).await?.map(|i| i.phase.word()), Some("Closed"));
    // A resolution whose beginning nobody heard of opens nothing at all.
    let unheard = [labelled("OtherSlow", json!({"namespace": "shop"}))];
    assert_eq!(send(&house, &door, "resolved", &unheard).await?, 202);
    house.clock.sleep(Duration::from_secs(120)).await;
    assert_eq!(house.incidents().await?.len(), 1);
    house.finish().await?;
    Ok(())
}

#[tokio::test]
async fn a_label_that_lies_chooses_nothing() -> anyhow::Result<()> {
    let house = House::open().await?;
    let door = locked(&house).await?;
    let victim = house.deploy("bank", 1)?;
    house.healthy(&victim, 1).await?;
    let hostile = "x\"} or vector(1) # \u{1b}[31m";
    let lies = [
        labelled("KubePodCrashLooping", json!({"namespace": "shop", "pod": "ghost-1"})),
        labelled("KubePodCrashLooping", json!({"namespace": "ghost", "pod": "../../../nodes/n"})),
        labelled("KubeDeploymentReplicasMismatch", json!({"namespace": hostile, "deployment": hostile})),
        labelled(hostile, json!({"namespace": "shop", "pod": "p".repeat(10_240), "query": hostile})),
        labelled(
            "KubePodCrashLooping",
            json!({"namespace": "shop", "deployment": "bank", "action": "rollback-deployment", "approved_by": "alice", "risk": "low"}),
        ),
        labelled("KubeDeploymentReplicasMismatch", json!({"namespace": "shop", "deployment": "bank"})),
    ];
    for lie in &lies {
        assert_eq!(send(&house, &door, "firing", std::slice::from_ref(lie)).await?, 202);
    }
    house
        .within("every alert at its incident", async || {
            let all = house.incidents().await?;
            let told: u32 = all.iter().map(|i| i.alerts.total).sum();
            Ok((told == 6 && all.iter().all(alone)).then_some(()))
        })
        .await?;
    // The live object that the last one names is looked at, and left as it is.
    let aimed = house.newest(&victim).await?.expect("an incident of the workload");
    assert!(aimed.proposals.is_empty() && aimed.alerts.total == 1);
    assert_eq!(house.touches("bank"), 0);
    for incident in house.incidents().await? {
        for alert in &incident.alerts.shown {
            assert!(alert.labels.values().all(|v| !v.contains('\u{1b}') && v.chars().count() <= 128));
        }
    }
    let refused =
        reqwest::Client::new().post(&door).json(&json!({"version": "4", "alerts": []})).send().await?;
    assert_eq!(refused.status().as_u16(), 401);
    house.finish().await?;
    Ok(())
}

#[tokio::test]
async fn what_was_stored_when_nightshift_died_is_dealt_with_when_it_lives_again() -> anyhow::Result<()> {
    let mut house = House::open().await?;
    let door = locked(&house).await?;
    let scope = house.deploy("cart", 1)?;
    house.healthy(&scope, 1).await?;
    let alert =
        [labelled("KubeDeploymentReplicasMismatch", json!({"namespace": "shop", "deployment": "cart"}))];
    assert_eq!(send(&house, &door, "firing", &alert).await?, 202);
    house.kill().await;
    house.start().await?;
    let told = house.incident("an escalation", &scope, alone).await?;
    assert_eq!(told.alerts.total, 1);
    assert_eq!(house.incidents().await?.len(), 1);
    house.finish().await?;
    Ok(())
}

#[tokio::test]
async fn a_watchdog_that_falls_silent_is_an_incident_until_it_barks_again() -> anyhow::Result<()> {
    let house = House::open().await?;
    let token = house.folder.path().join("alerts.token");
    std::fs::write(&token, TOKEN)?;
    let watched =
        Alerts { bearer_token_files: vec![token], watchdog: Some(Seconds(300)), ..Alerts::default() };
    let door = house.alerts(watched).await?;
    let bark = [labelled("Watchdog", json!({"severity": "none"}))];
    for _ in 0..4 {
        assert_eq!(send(&house, &door, "firing", &bark).await?, 202);
        house.clock.sleep(Duration::from_secs(120)).await;
    }
    assert!(house.incidents().await?.is_empty(), "while it barks nothing is wrong");
    let silent = house.incident("an intake gap", &cluster(), alone).await?;
    assert_eq!(silent.alerts.shown[0].name, "WatchdogMissing");
    assert!(silent.alerts.shown[0].summary.contains("intake gap"), "{}", silent.alerts.shown[0].summary);
    assert_eq!(send(&house, &door, "firing", &bark).await?, 202);
    let back = house.incident("an end", &cluster(), |i| matches!(i.phase, Phase::Closed { .. })).await?;
    assert!(matches!(back.phase, Phase::Closed { why: Closure::Resolved }), "{:?}", back.phase);
    let told = house.finish().await?;
    assert_eq!(told.pages, [silent.id], "one page");
    Ok(())
}
