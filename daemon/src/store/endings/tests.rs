//! What is counted, what is not, and how much is kept.

use super::*;
use crate::store::testing::{advance, as_owner, at, opened, store};
use nightshift_model::incident::Reopening;
use nightshift_model::{Cause, Closure, Finding, Incident, IncidentEvent, Kind, Origin, PersonId, Severity};

fn scope() -> ObjectRef {
    ObjectRef::new(Kind::Deployment, "shop", "cart", "u1")
}

fn found(second: i64) -> IncidentEvent {
    let finding = Finding {
        reason: Reason::CrashLoopBackOff,
        severity: Severity::Warning,
        object: scope(),
        container: "app".to_owned(),
        template_hash: String::new(),
        exit: None,
        cause: Cause::Unknown,
        detail: String::new(),
        blames: None,
        affected: 1,
        since: at(second),
        origin: Origin::Seen,
    };
    IncidentEvent::FindingsChanged { findings: vec![finding] }
}

/// One case from its beginning to its end a minute later.
async fn case(store: &SqliteStore, before: Option<&Incident>, second: i64, why: Closure) -> Incident {
    let id = IncidentId::from("inc-1");
    let begins = match before {
        None => opened("cart"),
        Some(_) => IncidentEvent::Reopened { why: Reopening::Relapse },
    };
    let open = advance(store, before, &id, vec![begins, found(second)], at(second)).await;
    let gone = IncidentEvent::FindingsChanged { findings: Vec::new() };
    advance(store, Some(&open), &id, vec![gone, IncidentEvent::Closed { why }], at(second + 60)).await
}

async fn known(store: &SqliteStore, now: i64) -> Option<(u32, u32, u64)> {
    let rate = store.base_rate(&scope(), Reason::CrashLoopBackOff, at(now)).await.unwrap();
    rate.map(|rate| (rate.cases, rate.alone, rate.within.0))
}

#[tokio::test]
async fn endings_are_counted_with_their_events() {
    let (_folder, store) = store().await;
    assert_eq!(known(&store, 0).await, None, "no case is no rate");
    let mut last = case(&store, None, 0, Closure::Healed).await;
    last = case(&store, Some(&last), 600, Closure::Healed).await;
    let by = Closure::ByPerson { person: PersonId::from("alice"), note: String::new() };
    last = case(&store, Some(&last), 1200, by).await;
    case(&store, Some(&last), 1800, Closure::Deleted).await;
    assert_eq!(known(&store, 2000).await, Some((3, 2, 60)), "what went with its object is no case");
    let other = ObjectRef { name: "web".to_owned(), ..scope() };
    assert_eq!(store.base_rate(&other, Reason::CrashLoopBackOff, at(2000)).await.unwrap(), None);
    assert_eq!(store.base_rate(&scope(), Reason::NoEndpoints, at(2000)).await.unwrap(), None);
    let late = i64::try_from(KEPT.0).unwrap() + 100;
    assert_eq!(known(&store, late).await, Some((2, 1, 60)), "none that is older");
}

#[tokio::test]
async fn the_newest_are_kept() {
    let (_folder, store) = store().await;
    let mut last: Option<Incident> = None;
    for n in 0..i64::from(CASES) + 5 {
        last = Some(case(&store, last.as_ref(), n * 600, Closure::Healed).await);
    }
    let rows: i64 = sqlx::query("SELECT count(*) AS n FROM ending")
        .fetch_one(store.readers())
        .await
        .unwrap()
        .try_get("n")
        .unwrap();
    assert_eq!(rows, i64::from(CASES));
}

/// The table is a projection: what the migration reads out of the snapshots is what was closed before.
#[tokio::test]
async fn cases_from_before_the_table_are_taken_over() {
    let (folder, store) = store().await;
    case(&store, None, 0, Closure::Healed).await;
    store.close().await;
    let file = folder.path().join("history.db");
    let text = include_str!("../../../../migrations/sqlite/0007_endings.sql");
    let taken = text.split(';').find(|part| part.contains("INSERT INTO ending")).unwrap();
    as_owner(&file, &format!("DELETE FROM ending;{taken}")).await;
    let store = SqliteStore::open(&file, crate::store::OpenMode::ReadWrite).await.unwrap();
    assert_eq!(known(&store, 100).await, Some((1, 1, 60)));
}
