//! What keeps nightshift quiet besides its own command: annotations, `ignore:`, the silences of a real Alertmanager.

use nightshift::alertmanager::{Auth, Settings};
use nightshift::clock::Clock;
use nightshift::config::Alerts;
use nightshift::runtime::alertmanager::Asking;
use nightshift::runtime::offline;
use nightshift_engine::silence::annotation::ANNOTATION;
use nightshift_model::{
    Actor, Closure, Ignore, Ignored, Incident, ObjectRef, Phase, Seconds, Selector, Source, SystemEvent,
};
use nightshift_tests::house::{House, Plan, web};
use nightshift_tests::monitoring::Monitoring;
use serde_json::{Value, json};
use std::time::Duration;

/// `web:<version>` with the annotation.
fn annotated(name: &str, version: u32, value: &str) -> Value {
    let mut object = web(name, version);
    if let Some(meta) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        meta.insert("annotations".to_owned(), json!({ANNOTATION: value}));
    }
    object
}

fn namespace(annotations: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "annotations": annotations}})
}

fn quiet(incident: &Incident) -> bool {
    incident.hush.is_some() && incident.phase.proposal().is_some()
}

async fn misread(house: &House) -> anyhow::Result<Vec<(ObjectRef, Option<String>)>> {
    let events = house.system(&["silence-unread"]).await?.into_iter();
    Ok(events
        .filter_map(|event| {
            if let SystemEvent::SilenceUnread { object, why } = event { Some((object, why)) } else { None }
        })
        .collect())
}

#[tokio::test]
async fn an_annotation_silences_a_workload_until_it_is_over_or_taken_away() -> anyhow::Result<()> {
    let house = House::open().await?;
    let scope = house.deploy("cart", 1)?;
    house.healthy(&scope, 1).await?;
    let until = (house.clock.now() + Seconds(7_200)).to_string();
    house.apply(annotated("cart", 2, &until))?;
    let silent = house.incident("a proposal that nobody hears of", &scope, quiet).await?;
    let hush = silent.hush.as_ref().map(|h| h.until.to_string());
    assert_eq!((hush.as_deref(), silent.phase.word()), (Some(until.as_str()), "Proposed"));
    let silences = offline::silences(house.history()?, house.clock.now()).await?;
    assert_eq!((silences.len(), silences[0].source), (1, Source::Annotation));
    assert_eq!(silences[0].of.to_string(), "Deployment shop/cart");
    let page = house.person("alice").await?.get(&format!("/i/{}", silent.id)).await?;
    assert!(page.text.contains("Silenced"), "{}", page.text);
    // Another workload of the namespace is heard.
    let (other, _) = house.proposed("stock").await?;
    assert_eq!(house.newest(&other).await?.and_then(|i| i.hush), None);

    house.apply(web("cart", 2))?;
    let heard = house.incident("its end", &scope, |i| i.hush.is_none()).await?;
    assert!(heard.phase.proposal().is_some());
    let told = house.finish().await?;
    assert_eq!(told.pages.iter().filter(|id| **id == heard.id).count(), 1, "once, when it was over");
    Ok(())
}

#[tokio::test]
async fn a_namespace_silences_all_of_it_and_a_person_may_end_that() -> anyhow::Result<()> {
    let house = House::open().await?;
    let scope = house.deploy("cart", 1)?;
    house.healthy(&scope, 1).await?;
    let until = (house.clock.now() + Seconds(86_400)).to_string();
    house.apply(namespace(&json!({ANNOTATION: until})))?;
    house.deploy("cart", 2)?;
    let silent = house.incident("a silent proposal", &scope, quiet).await?;
    let silences = offline::silences(house.history()?, house.clock.now()).await?;
    assert_eq!(silences[0].of, Selector::Namespace("shop".to_owned()));
    offline::silence_end(&house.running()?.store(), &silences[0].id, Actor::Operator, house.clock.now())
        .await?;
    // The outbox of a voice would wake it.
    for waker in &house.running()?.wakers {
        waker.wake(silent.id.clone());
    }
    let heard = house.incident("its end", &scope, |i| i.hush.is_none()).await?;
    house.clock.sleep(Duration::from_secs(120)).await;
    let still = house.newest(&scope).await?.and_then(|i| i.hush);
    assert_eq!(still, None, "the annotation still stands, and a person ended its silence");
    let told = house.finish().await?;
    assert_eq!(told.pages, [heard.id]);
    Ok(())
}

#[tokio::test]
async fn an_annotation_that_is_no_time_or_too_far_away_silences_nothing_and_is_told() -> anyhow::Result<()> {
    let house = House::open().await?;
    let far = (house.clock.now() + Seconds(31 * 86_400)).to_string();
    for (name, value, said) in
        [("cart", "tomorrow <b>", "is not a time"), ("stock", far.as_str(), "30 days away")]
    {
        let scope = house.deploy(name, 1)?;
        house.healthy(&scope, 1).await?;
        house.apply(annotated(name, 2, value))?;
        let incident = house.incident("a proposal", &scope, |i| i.phase.proposal().is_some()).await?;
        assert_eq!(incident.hush, None);
        let told = misread(&house).await?;
        let of = told.iter().find(|(object, _)| object.same_name(&scope)).and_then(|(_, why)| why.clone());
        assert!(of.as_ref().is_some_and(|why| why.contains(said)), "{told:?}");
        let page = house.person("alice").await?.get(&format!("/i/{}", incident.id)).await?;
        assert!(page.text.contains("Not silenced") && page.text.contains(said), "{}", page.text);
        assert!(!page.text.contains("<b>"), "escaped");
        // Mended, it is a silence, and nothing is wrong with it any more.
        house.apply(annotated(name, 2, &(house.clock.now() + Seconds(3_600)).to_string()))?;
        house.incident("a silence", &scope, |i| i.hush.is_some()).await?;
        let mended = misread(&house).await?.into_iter().rfind(|(object, _)| object.same_name(&scope));
        assert_eq!(mended.map(|(_, why)| why), Some(None));
    }
    let told = house.finish().await?;
    assert_eq!(told.pages.len(), 2, "both were told at once");
    Ok(())
}

#[tokio::test]
async fn what_is_ignored_opens_nothing_and_is_counted() -> anyhow::Result<()> {
    let of = ObjectRef::new(nightshift_model::Kind::Deployment, "shop", "legacy", "");
    let entry = Ignored::new(Selector::object(&of), "goes away in May").map_err(anyhow::Error::msg)?;
    let mut house = House::build(Plan { ignore: Ignore(vec![entry.clone()]), ..Plan::default() }).await?;
    let token = house.folder.path().join("alerts.token");
    std::fs::write(&token, "a-token-of-at-least-thirty-two-bytes")?;
    let door = house.alerts(Alerts { bearer_token_files: vec![token], ..Alerts::default() }).await?;
    house.crash("legacy").await?;
    let (scope, _) = house.proposed("cart").await?;
    let body = json!({"version": "4", "receiver": "r", "status": "firing", "groupKey": "{}", "alerts": [{
        "status": "firing", "labels": {"alertname": "KubeDeploymentReplicasMismatch", "namespace": "shop", "deployment": "legacy"},
        "startsAt": house.clock.now().to_string(), "endsAt": "0001-01-01T00:00:00Z"}]});
    let sent = reqwest::Client::new().post(&door).bearer_auth("a-token-of-at-least-thirty-two-bytes");
    assert_eq!(sent.json(&body).send().await?.status().as_u16(), 202);
    house
        .within("nothing waits", async || {
            Ok((house.running()?.store().alerts_backlog(10).await? == 0).then_some(()))
        })
        .await?;
    house.clock.sleep(Duration::from_secs(300)).await;
    let all = house.incidents().await?;
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(all[0].scope.same_name(&scope) && matches!(all[0].phase, Phase::Proposed { .. }));
    house.stop().await;
    let noted = house.system(&["ignore-changed"]).await?;
    assert_eq!(noted, [SystemEvent::IgnoreChanged { entries: vec![entry] }]);
    // A finding that goes and comes is counted each time.
    let counted = offline::ignored(house.history()?, house.clock.now()).await?;
    assert!((2..=5).contains(&counted), "a finding and an alert: {counted}");
    house.finish().await?;
    Ok(())
}

/// Nobody hears what it sends: nightshift must ask.
const ASKED: &str = "\
route:
  receiver: nightshift
  group_wait: 1s
  routes:
    - { matchers: [severity=critical], receiver: pager, continue: true }
    - { receiver: nightshift }
receivers:
  - { name: nightshift, webhook_configs: [{ url: \"http://127.0.0.1:9/\" }] }
  - { name: pager, webhook_configs: [{ url: \"http://127.0.0.1:9/\" }] }
";

async fn asked() -> anyhow::Result<(House, Monitoring, String)> {
    // Alertmanager lives on the wall's clock.
    let plan = Plan { start: Some(Clock::wall().now()), speed: 10, ..Plan::default() };
    let mut house = House::dark(plan).await?;
    let (monitoring, url) = house.alertmanager(ASKED).await?;
    let settings = Settings {
        url: url.clone(),
        ca: None,
        network: nightshift::network::Network::default(),
        auth: Auth::None,
        timeout: Duration::from_secs(5),
    };
    let (receiver, paging) = ("nightshift".to_owned(), vec!["pager".to_owned()]);
    house.ask(Asking { settings, every: Seconds(10), receiver, paging });
    house.start().await?;
    Ok((house, monitoring, url))
}

async fn post(url: &str, body: &Value) -> anyhow::Result<Value> {
    let answer = reqwest::Client::new().post(url).json(body).send().await?;
    anyhow::ensure!(answer.status().is_success(), "{}", answer.text().await?);
    Ok(serde_json::from_str(&answer.text().await?).unwrap_or_default())
}

async fn silenced(url: &str, matchers: &[(&str, &str)]) -> anyhow::Result<String> {
    let matchers: Vec<Value> = matchers
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value, "isRegex": false, "isEqual": true}))
        .collect();
    let now = Clock::wall().now();
    let body = json!({"matchers": matchers, "startsAt": now.to_string(), "endsAt": (now + Seconds(10_800)).to_string(),
        "createdBy": "alice", "comment": "a move"});
    let made = post(&format!("{url}/api/v2/silences"), &body).await?;
    Ok(made.get("silenceID").and_then(Value::as_str).unwrap_or_default().to_owned())
}

#[tokio::test]
async fn silences_of_a_real_alertmanager_hold_for_the_workload_that_they_name_while_it_answers()
-> anyhow::Result<()> {
    let (house, monitoring, url) = asked().await?;
    let id = silenced(&url, &[("namespace", "shop"), ("deployment", "cart")]).await?;
    silenced(&url, &[("namespace", "shop"), ("deployment", "stock"), ("alertname", "KubePodCrashLooping")])
        .await?;
    let scope = house.deploy("cart", 1)?;
    house.healthy(&scope, 1).await?;
    house
        .within("both silences are known", async || {
            let told = house.system(&["alertmanager-changed"]).await?;
            Ok(told
                .iter()
                .any(
                    |e| matches!(e, SystemEvent::AlertmanagerChanged { silences, .. } if silences.len() == 2),
                )
                .then_some(()))
        })
        .await?;
    house.deploy("cart", 2)?;
    let silent = house.incident("a silent proposal", &scope, quiet).await?;
    let (stock, _) = house.proposed("stock").await?;
    assert_eq!(
        house.newest(&stock).await?.and_then(|i| i.hush),
        None,
        "nobody knows the alertname of a finding"
    );
    let (status, told) = house.ready().await?;
    assert_eq!((status, told["gaps"].as_array().map(Vec::len)), (200, Some(0)), "{told}");

    let gone = reqwest::Client::new().delete(format!("{url}/api/v2/silence/{id}")).send().await?;
    assert!(gone.status().is_success());
    house.incident("its end", &scope, |i| i.hush.is_none()).await?;
    silenced(&url, &[("deployment", "cart")]).await?;
    let again = house.incident("another silence", &scope, |i| i.hush.is_some()).await?;
    assert_eq!(again.id, silent.id);
    drop(monitoring);
    house.incident("an Alertmanager that is gone silences nothing", &scope, |i| i.hush.is_none()).await?;
    let (status, told) = house.ready().await?;
    let gaps = told["gaps"].to_string();
    assert!(status == 200 && gaps.contains("Alertmanager"), "the work goes on, and it is said: {told}");
    let told = house.system(&["alertmanager-changed"]).await?;
    let last = told.last().cloned();
    assert!(
        matches!(last, Some(SystemEvent::AlertmanagerChanged { silences, gap: Some(_) }) if silences.is_empty())
    );
    let told = house.finish().await?;
    assert_eq!(told.pages.iter().filter(|id| **id == silent.id).count(), 2, "after each silence");
    Ok(())
}

#[tokio::test]
async fn alerts_that_were_missed_are_taken_in_and_end_when_they_are_gone_there() -> anyhow::Result<()> {
    let (house, _monitoring, url) = asked().await?;
    house.deploy("cart", 1)?; // and with it the namespace
    let began = Clock::wall().now();
    let alert = |over: bool| {
        let ends = if over { Clock::wall().now() } else { began + Seconds(3_600) };
        json!([{"labels": {"alertname": "CheckoutSlow", "namespace": "shop", "severity": "critical"},
            "annotations": {"summary": "it is slow"}, "startsAt": began.to_string(), "endsAt": ends.to_string()}])
    };
    post(&format!("{url}/api/v2/alerts"), &alert(false)).await?;
    let opened = house
        .within("an incident of the alert that nobody sent", async || {
            Ok(house.incidents().await?.into_iter().find(|i| i.alerts.firing == 1))
        })
        .await?;
    let shown = &opened.alerts.shown[0];
    assert_eq!(
        (shown.name.as_str(), shown.summary.as_str(), shown.receiver.as_str()),
        ("CheckoutSlow", "it is slow", "nightshift")
    );
    assert_eq!(house.running()?.paged.of(&opened).as_deref(), Some("pager"), "somebody is awake already");
    let waits = house
        .incident("an escalation", &opened.scope, |i| matches!(i.phase, Phase::Escalated { .. }))
        .await?;
    assert_eq!(waits.id, opened.id);
    post(&format!("{url}/api/v2/alerts"), &alert(true)).await?;
    let over = house.incident("its end", &opened.scope, |i| matches!(i.phase, Phase::Closed { .. })).await?;
    assert!(matches!(over.phase, Phase::Closed { why: Closure::Resolved }), "{:?}", over.phase);
    assert_eq!((over.alerts.firing, house.incidents().await?.len()), (0, 1));
    house.finish().await?;
    Ok(())
}
