use super::*;
use crate::clock::Clock;
use crate::store::testing::{self, at};
use crate::telemetry::Metrics;
use nightshift_engine::rules::{Mode, Standing};
use nightshift_model::operation::Epoch;
use nightshift_model::{Actor, Cluster, Digest, IncidentEvent, Registry, Role};
use nightshift_playbooks::Catalog;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

fn turns(clock: Clock, metrics: &Metrics) -> Turns {
    let (_, hold) = tokio::sync::watch::channel(false);
    Turns { role: Role::Executor, at_once: 2, hold, clock, metrics: metrics.clone() }
}

fn counted(metrics: &Metrics) -> String {
    let mut registry = prometheus_client::registry::Registry::default();
    metrics.register(&mut registry, crate::telemetry::Caps { READ_BYTES_CAP: 1 });
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    text
}

async fn until(what: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if what() {
            return;
        }
        Clock::wall().sleep_real(Duration::from_millis(5)).await;
    }
    panic!("it never came");
}

#[tokio::test]
async fn a_panic_ends_its_own_drive_only_and_is_not_spun_on() {
    let (clock, metrics) = (Clock::scaled(at(0), 100), Metrics::default());
    let (waker, woken) = queue();
    let stop = CancellationToken::new();
    let tries: Arc<Mutex<Vec<(u32, Timestamp)>>> = Arc::default();
    let (slow, ended) = (Arc::new(Notify::new()), Arc::new(Mutex::new(Vec::new())));
    let (trying, going, ending) = (tries.clone(), slow.clone(), ended.clone());
    let drive = move |id: IncidentId, panics| {
        let (trying, going, ending) = (trying.clone(), going.clone(), ending.clone());
        async move {
            if id.as_str() == "inc-bad" {
                trying.lock().unwrap().push((panics, clock.now()));
                panic!("a bug in the drive of one incident");
            }
            if id.as_str() == "inc-slow" {
                going.notified().await;
            }
            ending.lock().unwrap().push(id);
        }
    };
    let looping = tokio::spawn(turns(clock, &metrics).run(woken, stop.clone(), drive));
    waker.wake(IncidentId::from("inc-slow"));
    waker.wake(IncidentId::from("inc-bad"));
    until(|| tries.lock().unwrap().len() == 1).await;
    waker.wake(IncidentId::from("inc-other"));
    until(|| ended.lock().unwrap().len() == 1).await;
    slow.notify_one(); // under way when the panic came, and it still comes to its end
    until(|| ended.lock().unwrap().len() == 2).await;

    for _ in 0..200 {
        waker.wake(IncidentId::from("inc-bad")); // as the sweep does, again and again
        Clock::wall().sleep_real(Duration::from_millis(5)).await;
    }
    stop.cancel();
    looping.await.unwrap();
    let tries = tries.lock().unwrap().clone();
    assert_eq!(tries.iter().map(|t| t.0).collect::<Vec<_>>(), [0, 1, 2, 3], "after the fourth a long pause");
    let pauses: Vec<u64> = tries.windows(2).map(|pair| pair[1].1.since(pair[0].1).0).collect();
    assert!(pauses[0] >= 5 && pauses[1] >= 30 && pauses[2] >= 5, "{pauses:?}");
    let text = counted(&metrics);
    assert!(text.contains("nightshift_drive_panics_total{role=\"executor\"} 4"), "{text}");
}

#[tokio::test]
async fn a_drive_that_ends_well_is_forgotten() {
    let (clock, metrics) = (Clock::scaled(at(0), 1_000), Metrics::default());
    let (waker, woken) = queue();
    let stop = CancellationToken::new();
    let tries: Arc<Mutex<Vec<u32>>> = Arc::default();
    let trying = tries.clone();
    let drive = move |_: IncidentId, panics| {
        let trying = trying.clone();
        async move {
            trying.lock().unwrap().push(panics);
            assert!(trying.lock().unwrap().len() != 1, "the first time only");
        }
    };
    let looping = tokio::spawn(turns(clock, &metrics).run(woken, stop.clone(), drive));
    for n in 1..=3 {
        waker.wake(IncidentId::from("inc-a"));
        until(|| tries.lock().unwrap().len() >= n).await;
        Clock::wall().sleep_real(Duration::from_millis(20)).await;
    }
    stop.cancel();
    looping.await.unwrap();
    assert_eq!(tries.lock().unwrap()[..3], [0, 1, 0]);
}

#[tokio::test]
async fn a_process_whose_role_was_taken_over_drives_nothing_more() {
    let (_folder, store) = testing::store().await;
    let (store, over) = (&store, AtomicBool::new(false));
    let epoch = store.take(Role::Executor, "first", Epoch(0)).await.unwrap();
    let me = Me { role: Role::Executor, epoch, actor: Actor::Nightshift(Role::Executor) };
    store.take(Role::Responder, "another role", Epoch(7)).await.unwrap();
    assert!(leads(store, &me, &over).await);
    let later = store.take(Role::Executor, "second", Epoch(0)).await.unwrap();
    assert!(!leads(store, &me, &over).await && over.load(Ordering::Relaxed));
    assert!(!leads(store, &me, &over).await, "for good");
    assert!(leads(store, &Me { epoch: later, ..me }, &AtomicBool::new(false)).await);
}

fn rules() -> Rules {
    Rules {
        cluster: Cluster { uid: "c1".to_owned(), name: "test".to_owned() },
        mode: Mode::Approve { namespaces: vec!["shop".to_owned()] },
        registry: Arc::new(Registry::default()),
        playbooks: Arc::new(Catalog::embedded()),
        policy: Digest([0; 32]),
        prometheus: false,
        noise: nightshift_model::Noise::default(),
        home: String::new(),
        standing: Standing::default(),
    }
}

/// An incident whose drive panics each time, as the loop would drive it.
async fn broken(store: &SqliteStore, id: &IncidentId) {
    let (clock, metrics) = (Clock::scaled(at(700), 1_000), Metrics::default());
    let epoch = store.take(Role::Executor, "test", Epoch(0)).await.unwrap();
    let me = Me { role: Role::Executor, epoch, actor: Actor::Nightshift(Role::Executor) };
    let (waker, woken) = queue();
    let stop = CancellationToken::new();
    let told: Arc<Mutex<u32>> = Arc::default();
    let (telling, history) = (told.clone(), store.clone());
    let drive = move |id: IncidentId, panics| {
        let (me, told, store) = (me.clone(), telling.clone(), history.clone());
        async move {
            if panics >= PATIENCE {
                hand_over(&store, &me, &rules(), clock.now(), &id, panics).await.unwrap();
                *told.lock().unwrap() += 1;
            }
            panic!("a bug in the drive of one incident");
        }
    };
    let looping = tokio::spawn(turns(clock, &metrics).run(woken, stop.clone(), drive));
    waker.wake(id.clone());
    until(|| *told.lock().unwrap() == 2).await;
    stop.cancel();
    looping.await.unwrap();
}

#[tokio::test]
async fn after_three_panics_a_person_is_told_once() {
    let (_folder, store) = testing::store().await;
    let id = IncidentId::from("inc-1");
    testing::advance(&store, None, &id, vec![testing::opened("cart")], at(0)).await;
    broken(&store, &id).await;
    let incident = store.load(&id).await.unwrap();
    assert_eq!(incident.phase.word(), "Escalated");
    assert_eq!(incident.revision.0, 2, "once");
    let told = store.outbox_take(at(100_000), nightshift_model::Seconds(1), 9).await.unwrap().rows;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].message.body, MessageBody::Page { incident: id });
}

#[tokio::test]
async fn while_a_request_may_be_under_way_the_incident_stays_and_a_person_is_told_once() {
    let (_folder, store) = testing::store().await;
    let id = IncidentId::from("inc-1");
    let sending = testing::sending(&store, &id).await;
    broken(&store, &id).await;
    assert_eq!(store.load(&id).await.unwrap(), sending);
    let told = store.outbox_take(at(100_000), nightshift_model::Seconds(1), 9).await.unwrap().rows;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].message.body, MessageBody::Page { incident: id });
    let rows =
        store.stream_events(&nightshift_model::Stream::Incident(IncidentId::from("inc-1"))).await.unwrap();
    assert!(matches!(
        rows.last().unwrap().event,
        nightshift_model::HistoryEvent::Incident(IncidentEvent::Sending { .. })
    ));
}
