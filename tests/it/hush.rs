//! What keeps nightshift quiet besides its own command: annotations, `ignore:`.

use nightshift::config::Alerts;
use nightshift::runtime::offline;
use nightshift_engine::silence::annotation::ANNOTATION;
use nightshift_model::{
    Actor, Ignore, Ignored, Incident, ObjectRef, Phase, Seconds, Selector, Source, SystemEvent,
};
use nightshift_tests::house::{House, Plan, web};
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
    assert_eq!(offline::ignored(house.history()?, house.clock.now()).await?, 2, "a finding and an alert");
    house.finish().await?;
    Ok(())
}
