use super::*;
use crate::store::OpenMode;
use nightshift_model::{Actor, Epoch, Role};
use serde_json::{Value, json};

struct Bench {
    _folder: tempfile::TempDir,
    store: SqliteStore,
    clock: Clock,
    paged: Paged,
    stage: Comparing,
}

async fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("h.db"), OpenMode::ReadWrite).await.unwrap();
    let clock = Clock::scaled(Timestamp::from_second(1_800_000_000), 1);
    let me = Me { role: Role::Responder, epoch: Epoch(1), actor: Actor::Nightshift(Role::Responder) };
    store.take(Role::Responder, "test", Epoch(0)).await.unwrap();
    let paged = Paged::default();
    let setup = Setup {
        me,
        metrics: AlertmanagerMetrics::default(),
        receiver: "nightshift".to_owned(),
        paging: vec!["pager".to_owned()],
        paged: paged.clone(),
    };
    let stage = Comparing::new(store.clone(), clock, setup);
    Bench { _folder: folder, store, clock, paged, stage }
}

fn alert(name: &str, print: char, state: &str, receivers: &[&str]) -> Value {
    let receivers: Vec<Value> = receivers.iter().map(|name| json!({"name": name})).collect();
    json!({"labels": {"alertname": name, "namespace": "shop"}, "annotations": {}, "fingerprint": print.to_string().repeat(16),
        "startsAt": "2027-01-15T07:00:00Z", "receivers": receivers, "status": {"state": state}})
}

fn list(all: &[Value]) -> Vec<u8> {
    serde_json::to_vec(&json!(all)).unwrap()
}

fn silence(namespace: &str) -> Vec<u8> {
    serde_json::to_vec(&json!([{"id": "s1", "status": {"state": "active"}, "endsAt": "2099-01-01T00:00:00Z",
        "matchers": [{"name": "namespace", "value": namespace, "isRegex": false, "isEqual": true}]}]))
    .unwrap()
}

impl Bench {
    async fn system(&self) -> System {
        System::of(&self.store.system_events(&["alertmanager-changed"]).await.unwrap())
    }

    async fn firing(&self) -> Vec<String> {
        let all = self.store.alerts_waiting(false, 100).await.unwrap();
        all.into_iter().filter(|w| w.told.alert.fires()).map(|w| w.told.alert.name).collect()
    }
}

#[tokio::test]
async fn silences_hold_while_it_answers_and_a_single_lost_answer_changes_nothing() {
    let mut bench = bench().await;
    assert!(!bench.stage.silences(Ok(b"[]")).await.unwrap(), "nothing is not news");
    assert!(bench.stage.silences(Ok(&silence("shop"))).await.unwrap());
    assert!(!bench.stage.silences(Ok(&silence("shop"))).await.unwrap());
    assert_eq!(bench.system().await.foreign.len(), 1);
    assert!(!bench.stage.silences(Err("no answer")).await.unwrap());
    assert!(!bench.stage.silences(Ok(&silence("shop"))).await.unwrap());
    assert!(!bench.stage.silences(Err("no answer")).await.unwrap());
    assert!(bench.stage.silences(Ok(b"<html>")).await.is_ok_and(|changed| changed), "the second in a row");
    let system = bench.system().await;
    assert!(system.foreign.is_empty());
    assert!(system.alertmanager.unwrap().contains("none of its silences holds here"));
    assert!(!bench.stage.silences(Err("another reason")).await.unwrap(), "told once");
    assert!(bench.stage.silences(Ok(&silence("shop"))).await.unwrap());
    let system = bench.system().await;
    assert_eq!((system.foreign.len(), system.alertmanager), (1, None));
    forget(&bench.store, &bench.stage.me, bench.clock.now()).await.unwrap();
    assert!(bench.system().await.foreign.is_empty(), "it is no longer configured");
}

#[tokio::test]
async fn what_was_missed_is_taken_in_once_and_what_is_not_for_nightshift_never() {
    let mut bench = bench().await;
    let all = list(&[
        alert("Missed", '1', "active", &["nightshift"]),
        alert("Elsewhere", '2', "active", &["other"]),
        alert("Silenced", '3', "suppressed", &["nightshift"]),
        alert("Fresh", '4', "unprocessed", &["nightshift"]),
        alert("Watchdog", '5', "active", &["nightshift"]),
    ]);
    assert!(bench.stage.alerts(Ok(all.clone())).await.unwrap());
    assert_eq!(bench.firing().await, ["Missed"]);
    assert!(!bench.stage.alerts(Ok(all)).await.unwrap(), "told once");
    assert!(!bench.stage.alerts(Err("no answer".to_owned())).await.unwrap());
    assert!(!bench.stage.alerts(Ok(b"{}".to_vec())).await.unwrap());
    assert_eq!(bench.firing().await, ["Missed"], "without an answer nothing is over");
    assert_eq!(
        bench.store.alert_last_heard("Watchdog").await.unwrap(),
        None,
        "the webhook alone proves its way"
    );
}

#[tokio::test]
async fn what_is_gone_there_ends_here_after_a_while_of_answers() {
    let mut bench = bench().await;
    let all = list(&[alert("A", '1', "active", &["nightshift"]), alert("B", '2', "active", &["nightshift"])]);
    bench.stage.alerts(Ok(all.clone())).await.unwrap();
    let less = list(&[alert("A", '1', "suppressed", &["nightshift"])]);
    let later = |bench: &mut Bench, seconds: u64| bench.clock.jump(bench.clock.now() + Seconds(seconds));
    assert!(!bench.stage.alerts(Ok(less.clone())).await.unwrap());
    later(&mut bench, 200);
    assert!(!bench.stage.alerts(Err("no answer".to_owned())).await.unwrap());
    later(&mut bench, 200);
    assert!(!bench.stage.alerts(Ok(less.clone())).await.unwrap(), "it is counted anew after a hole");
    later(&mut bench, 299);
    assert!(!bench.stage.alerts(Ok(less.clone())).await.unwrap());
    later(&mut bench, 2);
    assert!(bench.stage.alerts(Ok(less.clone())).await.unwrap());
    assert_eq!(bench.firing().await, ["A"], "silenced there is not over");
    later(&mut bench, 600);
    assert!(!bench.stage.alerts(Ok(less)).await.unwrap(), "told once");
}

#[tokio::test]
async fn an_alert_that_is_routed_to_a_pager_is_known_while_it_is_active() {
    let mut bench = bench().await;
    let both = list(&[
        alert("A", '1', "active", &["nightshift", "pager"]),
        alert("B", '2', "suppressed", &["pager"]),
    ]);
    bench.stage.alerts(Ok(both)).await.unwrap();
    let told = bench.store.alerts_waiting(false, 10).await.unwrap();
    let scope = nightshift_model::ObjectRef::new(nightshift_model::Kind::Namespace, "", "shop", "u");
    let place = nightshift_model::apply::Place {
        id: nightshift_model::IncidentId::from("inc-1"),
        revision: nightshift_model::Revision(1),
        at: bench.clock.now(),
    };
    let cause = nightshift_model::alert::cause(&scope, "A");
    let event = nightshift_model::IncidentEvent::Opened { scope, cause };
    let mut incident = Incident::apply(None, &place, &event).unwrap();
    assert_eq!(bench.paged.of(&incident), None);
    incident.alerts.shown = vec![told[0].told.alert.clone()];
    assert_eq!(bench.paged.of(&incident).as_deref(), Some("pager"));
    incident.alerts.shown[0].fingerprint = "2".repeat(16);
    assert_eq!(bench.paged.of(&incident), None, "nobody hears of what is silenced there");
    incident.alerts.shown[0].fingerprint = "1".repeat(16);
    bench.stage.alerts(Err("no answer".to_owned())).await.unwrap();
    assert_eq!(bench.paged.of(&incident), None, "nobody can tell");
}
