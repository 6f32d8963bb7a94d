use super::*;
use crate::store::testing::{advance, asked, at, escalated, executed, opened, store, system};
use crate::store::{HistoryStore as _, SqliteStore, Store as _, SystemAppend};
use nightshift_model::{Actor, Closure, IncidentEvent, Kind, Revision, Stream};

async fn opened_at(store: &SqliteStore, id: &str, second: i64) -> Incident {
    advance(store, None, &IncidentId::from(id), vec![opened("cart")], at(second)).await
}

#[tokio::test]
async fn a_load_folds_and_goes_on_where_the_last_one_ended() {
    let (folder, store) = store().await;
    let id = IncidentId::from("inc-a");
    assert!(matches!(store.load(&id).await, Err(StoreError::NotFound(_))));
    let done = executed(&store, &id, &["ann"], &["ann"]).await;
    assert_eq!(store.load(&id).await.unwrap(), done);
    assert_eq!(store.snapshot(&id).await.unwrap(), done);

    // Another process goes on; this one's kept fold is old, not wrong.
    let other =
        SqliteStore::open(folder.path().join("history.db"), crate::store::OpenMode::ReadWrite).await.unwrap();
    let more =
        advance(&other, Some(&done), &id, vec![IncidentEvent::FindingsChanged { findings: vec![] }], at(99))
            .await;
    assert_eq!(store.load(&id).await.unwrap(), more);
    assert_eq!(store.stream_events(&Stream::Incident(id)).await.unwrap().len(), 12);
}

#[tokio::test]
async fn incidents_are_listed_newest_first_page_by_page() {
    let (_folder, store) = store().await;
    for (id, second) in [("inc-a", 1), ("inc-b", 3), ("inc-c", 3), ("inc-d", 2)] {
        opened_at(&store, id, second).await;
    }
    let b = store.load(&IncidentId::from("inc-b")).await.unwrap();
    let closed = IncidentEvent::Closed { why: Closure::Healed };
    advance(&store, Some(&b), &b.id, vec![closed], at(9)).await;

    let ids = |list: Vec<Incident>| list.into_iter().map(|i| i.id.0).collect::<Vec<_>>();
    assert_eq!(ids(store.snapshots(&Filter::newest(9)).await.unwrap()), ["inc-c", "inc-b", "inc-d", "inc-a"]);
    assert_eq!(ids(store.snapshots(&Filter::open()).await.unwrap()), ["inc-c", "inc-d", "inc-a"]);
    let named = |i: Incident| (i.id.as_str() != "inc-d").then_some(i.id.0);
    assert_eq!(store.each(&Filter::open(), named).await.unwrap(), ["inc-c", "inc-a"]);
    assert_eq!(store.open_by_phase().await.unwrap(), [("Investigating".to_owned(), 3)]);
    let page = store.snapshots(&Filter::newest(2)).await.unwrap();
    let next = Filter { after: page.last().map(Cursor::of), ..Filter::newest(2) };
    assert_eq!(ids(store.snapshots(&next).await.unwrap()), ["inc-d", "inc-a"]);
    let one = Filter { prefix: "inc-d".to_owned(), ..Filter::newest(9) };
    assert_eq!(ids(store.snapshots(&one).await.unwrap()), ["inc-d"]);
    let odd = Filter { prefix: "inc-_%".to_owned(), ..Filter::newest(9) };
    assert!(store.snapshots(&odd).await.unwrap().is_empty(), "a prefix is no pattern");
}

#[tokio::test]
async fn timers_run_out_in_order_and_are_replaced_with_each_append() {
    let (_folder, store) = store().await;
    assert_eq!(store.next_due().await.unwrap(), None);
    for (id, wake) in [("inc-a", 20), ("inc-b", 10), ("inc-c", 30)] {
        let mut append =
            crate::store::testing::append(None, &IncidentId::from(id), vec![opened("cart")], at(0));
        append.wake_at = Some(at(wake));
        store.append(append).await.unwrap();
    }
    assert_eq!(store.next_due().await.unwrap(), Some(at(10)));
    assert_eq!(store.due(at(20)).await.unwrap(), [IncidentId::from("inc-b"), IncidentId::from("inc-a")]);
    let b = store.load(&IncidentId::from("inc-b")).await.unwrap();
    advance(&store, Some(&b), &b.id, vec![escalated()], at(11)).await;
    assert_eq!(store.due(at(20)).await.unwrap(), [IncidentId::from("inc-a")]);
}

#[tokio::test]
async fn the_history_is_read_by_time_kind_and_proposal() {
    let (_folder, store) = store().await;
    let id = IncidentId::from("inc-a");
    let done = executed(&store, &id, &["ann"], &["ann"]).await;
    store.append_system(system(at(5), 2)).await.unwrap();

    let span = store.events(at(3), at(5), &[]).await.unwrap();
    assert_eq!(span.iter().map(|r| r.event.kind()).collect::<Vec<_>>(), ["voted", "granted"]);
    assert_eq!(span[0].revision, Revision(4));
    let claims = store.events(at(0), at(1000), &["claimed", "sent"]).await.unwrap();
    assert_eq!(claims.iter().map(|r| r.event.kind()).collect::<Vec<_>>(), ["claimed", "sent"]);
    assert_eq!(store.system_events(&[]).await.unwrap().len(), 2);
    assert_eq!(store.system_events(&["anonymous-refused"]).await.unwrap().len(), 2);
    assert!(store.system_events(&["claimed"]).await.unwrap().is_empty(), "of another stream");

    let proposal = done.proposals[0].id.clone();
    assert_eq!(store.incident_of(&proposal).await.unwrap(), Some(id));
    assert_eq!(store.incident_of(&ProposalId::from("pro-x")).await.unwrap(), None);
    let ann = PersonId::from("ann");
    assert!(!store.viewed_since(&ann, &proposal, at(0)).await.unwrap());
    let event = SystemEvent::PageViewed { person: ann.clone(), proposal: proposal.clone() };
    let view = SystemAppend { events: vec![event], actor: Actor::Person(ann.clone()), ..system(at(60), 0) };
    store.append_system(view).await.unwrap();
    assert!(store.viewed_since(&ann, &proposal, at(60)).await.unwrap());
    assert!(!store.viewed_since(&ann, &proposal, at(61)).await.unwrap());
    assert!(!store.viewed_since(&PersonId::from("bo"), &proposal, at(0)).await.unwrap());
}

#[tokio::test]
async fn healthy_revisions_are_those_of_the_very_workload_newest_first() {
    let (_folder, store) = store().await;
    let revision = |name: &str, uid: &str, number| HealthyRevision {
        workload: ObjectRef::new(Kind::Deployment, "shop", name, uid),
        replica_set: ObjectRef::new(Kind::ReplicaSet, "shop", &format!("{name}-{number}"), "r"),
        number,
        template_hash: String::new(),
        images: Vec::new(),
        since: at(0),
        at: at(1),
    };
    let seen = [("cart", "u1", 1), ("cart", "u0", 7), ("cart-2", "u2", 1), ("cart", "u1", 2)];
    let events = seen.map(|(name, uid, n)| SystemEvent::HealthySeen { revision: revision(name, uid, n) });
    store.append_system(SystemAppend { events: events.to_vec(), ..system(at(2), 0) }).await.unwrap();
    let cart = ObjectRef::new(Kind::Deployment, "shop", "cart", "u1");
    let numbers: Vec<u64> = store.healthy_revisions(&cart).await.unwrap().iter().map(|r| r.number).collect();
    assert_eq!(numbers, [2, 1]);
    let elsewhere = ObjectRef::new(Kind::Deployment, "other", "cart", "u1");
    assert!(store.healthy_revisions(&elsewhere).await.unwrap().is_empty());
}

#[tokio::test]
async fn evidence_asked_for_stays_in_the_fold() {
    let (_folder, store) = store().await;
    let first = opened_at(&store, "inc-a", 1).await;
    let second = advance(&store, Some(&first), &first.id, vec![asked(), asked()], at(2)).await;
    assert_eq!(second.revision, Revision(3));
    assert_eq!(store.load(&first.id).await.unwrap(), second);
}
