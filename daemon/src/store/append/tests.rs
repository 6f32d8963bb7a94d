use super::*;
use crate::clock::Clock;
use crate::store::testing::{advance, append, asked, at, opened, store, system};
use crate::store::writer::Parameter::Int;
use crate::store::{HistoryStore as _, OpenMode, SqliteStore, Store as _, audit};
use futures::future::join_all;

async fn whole(store: &SqliteStore) -> u64 {
    let report = audit::verify(store, 0, &audit::Held::default()).await.unwrap();
    assert_eq!(report.problems, vec![]);
    report.rows
}

fn fenced(append: Append, role: Role, epoch: Epoch) -> Append {
    Append { fence: Some((role, epoch)), ..append }
}

#[tokio::test]
async fn of_two_that_expect_the_same_revision_one_commits() {
    let (_folder, store) = store().await;
    let id = IncidentId::from("inc-a");
    let first = advance(&store, None, &id, vec![opened("cart")], at(0)).await;
    let (a, b, other) = tokio::join!(
        store.append(append(Some(&first), &id, vec![asked()], at(1))),
        store.append(append(Some(&first), &id, vec![asked(), asked()], at(1))),
        store.append(append(None, &IncidentId::from("inc-b"), vec![opened("web")], at(1))),
    );
    let mut both = [a.unwrap(), b.unwrap()];
    both.sort_by_key(|a| *a == Appended::Conflict);
    assert_eq!(both, [Appended::Committed, Appended::Conflict]);
    assert_eq!(other.unwrap(), Appended::Committed, "a conflict is its own alone");
    assert_eq!(
        store.append(append(None, &id, vec![opened("cart")], at(2))).await.unwrap(),
        Appended::Conflict
    );
    whole(&store).await;
}

#[tokio::test]
async fn the_system_stream_compares_when_asked_to_and_follows_otherwise() {
    let (_folder, store) = store().await;
    let exact = |expect| Append {
        stream: Stream::System,
        expect: Revision(expect),
        fence: None,
        actor: Actor::Operator,
        at: at(0),
        events: vec![HistoryEvent::System(SystemEvent::KillSwitchCleared)],
        snapshot: None,
        wake_at: None,
        outbox: Vec::new(),
    };
    assert_eq!(store.append(exact(0)).await.unwrap(), Appended::Committed);
    assert_eq!(store.append(exact(0)).await.unwrap(), Appended::Conflict);
    assert_eq!(store.append_system(system(at(1), 3)).await.unwrap(), Appended::Committed);
    assert_eq!(store.append(exact(4)).await.unwrap(), Appended::Committed);
    assert_eq!(whole(&store).await, 5);
}

#[tokio::test]
async fn an_epoch_that_is_over_writes_nothing() {
    let (_folder, store) = store().await;
    let id = IncidentId::from("inc-a");
    let first = append(None, &id, vec![opened("cart")], at(0));
    let try_with = |epoch| store.append(fenced(first.clone(), Role::Executor, epoch));
    assert_eq!(try_with(Epoch(1)).await.unwrap(), Appended::Fenced, "nobody leads yet");
    assert_eq!(store.take(Role::Executor, "a", Epoch(0)).await.unwrap(), Epoch(1));
    assert_eq!(store.take(Role::Executor, "b", Epoch(0)).await.unwrap(), Epoch(2));
    assert_eq!(store.take(Role::Responder, "a", Epoch(0)).await.unwrap(), Epoch(1));
    assert_eq!(try_with(Epoch(1)).await.unwrap(), Appended::Fenced);
    assert_eq!(try_with(Epoch(2)).await.unwrap(), Appended::Committed);
    assert_eq!(store.leader(Role::Executor).await.unwrap().unwrap().holder, "b");
    assert_eq!(store.take(Role::Executor, "c", Epoch(40)).await.unwrap(), Epoch(41), "a backup was put back");
    let late = SystemAppend { fence: Some((Role::Executor, Epoch(2))), ..system(at(1), 1) };
    assert_eq!(store.append_system(late).await.unwrap(), Appended::Fenced);
    assert_eq!(whole(&store).await, 1);
}

#[tokio::test]
async fn what_does_not_fit_its_stream_is_told_and_not_written() {
    let (_folder, store) = store().await;
    let id = IncidentId::from("inc-a");
    let good = append(None, &id, vec![opened("cart")], at(0));
    let system_event = HistoryEvent::System(SystemEvent::KillSwitchCleared);
    let wrong = vec![
        Append { snapshot: None, ..good.clone() },
        Append { events: vec![system_event], ..good.clone() },
        Append { stream: Stream::System, snapshot: None, ..good.clone() },
        Append { expect: Revision(4), ..good.clone() },
        append(None, &IncidentId::from("inc-b"), vec![opened("cart")], at(0)),
    ];
    let wrong = wrong.into_iter().map(|a| Append {
        stream: if a.stream == Stream::System { a.stream } else { Stream::Incident(id.clone()) },
        ..a
    });
    for append in wrong {
        let refused = store.append(append).await;
        assert!(matches!(refused, Err(StoreError::Illegal(_))), "{refused:?}");
    }
    assert_eq!(store.rows().await.unwrap(), 0);
}

#[tokio::test]
async fn a_caller_that_went_away_takes_nothing_back() {
    let (_folder, store) = store().await;
    let id = IncidentId::from("inc-a");
    let mut commits = store.commits().unwrap();
    {
        let mut append = Box::pin(store.append(append(None, &id, vec![opened("cart")], at(0))));
        assert!(futures::poll!(&mut append).is_pending());
    }
    commits.changed().await.unwrap();
    assert_eq!(store.load(&id).await.unwrap().revision, Revision(1));
}

#[tokio::test]
async fn more_than_the_queue_holds_is_refused_at_once_and_the_rest_commits() {
    let (_folder, store) = store().await;
    let all = join_all((0..600).map(|n| store.append_system(system(at(n), 1)))).await;
    let committed = all.iter().filter(|r| matches!(r, Ok(Appended::Committed))).count();
    let refused = all.iter().filter(|r| matches!(r, Err(StoreError::Unavailable { .. }))).count();
    assert_eq!((committed, refused), (512, 88));
    assert_eq!(whole(&store).await, 512);
}

#[tokio::test]
async fn nobody_fails_for_the_fault_of_another_in_the_batch() {
    let (_folder, store) = store().await;
    let bad = "INSERT INTO leader (role, epoch, holder) VALUES ('x', ?, 'y')";
    let (a, poison, b) = tokio::join!(
        store.append_system(system(at(0), 1)),
        store.writer().unwrap().statement(bad, vec![Int(-1)]),
        store.append_system(system(at(0), 1)),
    );
    assert_eq!((a.unwrap(), b.unwrap()), (Appended::Committed, Appended::Committed));
    assert!(matches!(poison, Err(StoreError::Unavailable { .. })));
    assert_eq!(whole(&store).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_handles_on_one_file_lose_no_update() {
    let (folder, a) = store().await;
    let b = SqliteStore::open(folder.path().join("history.db"), OpenMode::ReadWrite).await.unwrap();
    let id = IncidentId::from("inc-a");
    advance(&a, None, &id, vec![opened("cart")], at(0)).await;
    let work = (0..6).map(|n| {
        let store = if n % 2 == 0 { a.clone() } else { b.clone() };
        let id = id.clone();
        tokio::spawn(async move {
            let (mut done, mut conflicts) = (0_u32, 0_u32);
            while done < 20 {
                let now = store.load(&id).await.unwrap();
                match store.append(append(Some(&now), &id, vec![asked()], at(1))).await.unwrap() {
                    Appended::Committed => done += 1,
                    Appended::Conflict => conflicts += 1,
                    other @ (Appended::Fenced | Appended::Unknown) => panic!("{other:?}"),
                }
            }
            conflicts
        })
    });
    let conflicts: u32 = join_all(work).await.into_iter().map(Result::unwrap).sum();
    assert!(conflicts > 0, "they did not meet");
    assert_eq!(a.load(&id).await.unwrap().revision, Revision(121));
    assert_eq!(whole(&b).await, 121);
}

#[tokio::test]
async fn a_full_disk_refuses_keeps_what_was_acknowledged_and_heals_by_itself() {
    let (_folder, store) = store().await;
    let limit = async |pages: &'static str| store.writer().unwrap().statement(pages, vec![]).await.unwrap();
    limit("PRAGMA max_page_count = 60").await;
    let mut acknowledged = 0;
    let error = loop {
        match store.append_system(system(at(0), 20)).await {
            Ok(Appended::Committed) => acknowledged += 20,
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    assert!(acknowledged > 0);
    assert!(format!("{:?}", std::error::Error::source(&error).unwrap()).contains("full"), "{error:?}");
    assert!(store.append_system(system(at(0), 20)).await.is_err(), "still full");
    assert!(store.trouble().unwrap().contains("full"), "{:?}", store.trouble());
    assert_eq!(whole(&store).await, acknowledged);
    limit("PRAGMA max_page_count = 1000000").await;
    store.probe().await.unwrap();
    assert_eq!(store.trouble(), None);
    assert_eq!(store.append_system(system(at(0), 20)).await.unwrap(), Appended::Committed);
    assert_eq!(whole(&store).await, acknowledged + 20);
}

#[tokio::test]
async fn closing_finishes_what_is_queued_and_refuses_what_comes_later() {
    let (folder, store) = store().await;
    let (all, ()) =
        tokio::join!(join_all((0..50).map(|n| store.append_system(system(at(n), 1)))), store.close());
    assert!(all.iter().all(|r| matches!(r, Ok(Appended::Committed))));
    assert!(store.append_system(system(at(0), 1)).await.is_err());
    let again = SqliteStore::open(folder.path().join("history.db"), OpenMode::ReadOnly).await.unwrap();
    assert_eq!(whole(&again).await, 50);
}

/// `cargo test -p nightshift --lib appends_a_second -- --ignored --nocapture`, best with `--release`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn appends_a_second() {
    let (_folder, store) = store().await;
    let clock = Clock::wall();
    for (name, writers, rounds) in [("single", 1, 300), ("batched 64", 64, 60), ("batched 256", 256, 30)] {
        let started = clock.monotonic();
        let work = (0..writers).map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let id = IncidentId(format!("inc-{writers}-{n}"));
                let mut fold = advance(&store, None, &id, vec![opened("cart")], at(0)).await;
                for _ in 1..rounds {
                    fold = advance(&store, Some(&fold), &id, vec![asked(), asked()], at(1)).await;
                }
            })
        });
        for done in join_all(work).await {
            done.unwrap();
        }
        let seconds = clock.monotonic().saturating_sub(started).as_secs_f64();
        println!("{name}: {:.0} appends/s", f64::from(writers * rounds) / seconds);
    }
}
