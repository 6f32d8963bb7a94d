//! Killed while it writes: what was acknowledged is there, and what is there is whole.

use crate::clock::Clock;
use crate::store::testing::{append, asked, at, opened};
use crate::store::{HistoryStore as _, OpenMode, SqliteStore, Store as _, audit};
use nightshift_model::{Appended, IncidentId, Stream};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Set in the child: the file that it writes to.
const FILE: &str = "NIGHTSHIFT_TEST_CRASH_FILE";
/// Set in the child: what its incidents are called.
const NAME: &str = "NIGHTSHIFT_TEST_CRASH_NAME";

const KILLS: u64 = 20;

/// The child. Says `ack <incident> <revision>` after each commit, for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let (Ok(file), Ok(name)) = (std::env::var(FILE), std::env::var(NAME)) else { return };
    let store = SqliteStore::open(file, OpenMode::ReadWrite).await.unwrap();
    let writers = (0..8).map(|n| {
        let (store, id) = (store.clone(), IncidentId(format!("inc-{name}-{n}")));
        tokio::spawn(async move {
            let mut fold = None;
            loop {
                let events = if fold.is_none() { vec![opened("cart")] } else { vec![asked(), asked()] };
                let next = append(fold.as_ref(), &id, events, at(0));
                let after = next.snapshot.clone().unwrap();
                assert_eq!(store.append(next).await.unwrap(), Appended::Committed);
                let mut out = std::io::stdout().lock();
                writeln!(out, "ack {} {}", id, after.revision.0).unwrap();
                out.flush().unwrap();
                fold = Some(after);
            }
        })
    });
    futures::future::join_all(writers).await;
}

fn spawn(file: &Path, name: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::append::crash::child", "--nocapture", "--test-threads=1"])
        .env(FILE, file)
        .env(NAME, name)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills (SIGKILL) and answers the last revision that was acknowledged, by incident.
fn kill(mut child: Child) -> BTreeMap<String, u64> {
    child.kill().unwrap();
    let out = child.stdout.take().unwrap();
    child.wait().unwrap();
    let mut acknowledged = BTreeMap::new();
    for line in BufReader::new(out).lines() {
        let line = line.unwrap();
        let mut words = line.split(' ');
        // A torn last line is no acknowledgement, and a revision that lost its last digits is a smaller promise.
        if let (Some("ack"), Some(id), Some(revision)) = (words.next(), words.next(), words.next()) {
            acknowledged.insert(id.to_owned(), revision.parse().unwrap_or(0));
        }
    }
    acknowledged
}

async fn check(file: &Path, acknowledged: &BTreeMap<String, u64>) {
    let store = SqliteStore::open(file, OpenMode::ReadWrite).await.unwrap();
    let report = audit::verify(&store, 0, &audit::Held::default()).await.unwrap();
    assert_eq!(report.problems, vec![], "chain, folds and snapshots");
    for (id, revision) in acknowledged {
        let events = store.stream_events(&Stream::Incident(IncidentId(id.clone()))).await.unwrap();
        let last = events.last().map_or(0, |e| e.revision.0);
        assert!(last >= *revision, "{id}: {revision} was acknowledged, {last} is there");
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_append_is_lost_when_the_process_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let clock = Clock::wall();
    let mut all = BTreeMap::new();
    for round in 0..KILLS {
        let child = spawn(&file, &format!("{round}"));
        clock.sleep(Duration::from_millis(60 + 17 * (round * 7 % 13))).await;
        all.extend(kill(child));
        check(&file, &all).await;
    }
    assert!(all.len() > 8, "hardly anything was written before the kills: {all:?}");
}

/// Whether the child of that name has committed something.
async fn has_written(file: &Path, name: &str) -> bool {
    let Ok(store) = SqliteStore::open(file, OpenMode::ReadOnly).await else { return false };
    let events = store.stream_events(&Stream::Incident(IncidentId(format!("inc-{name}-0")))).await;
    store.close().await;
    events.is_ok_and(|events| events.len() > 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_start_at_once_and_write_one_chain_also_when_one_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let (a, b) = (spawn(&file, "a"), spawn(&file, "b"));
    let clock = Clock::wall();
    // On a busy machine the second to start may wait for its turn.
    let deadline = clock.monotonic() + Duration::from_secs(30);
    while !(has_written(&file, "a").await && has_written(&file, "b").await) {
        assert!(clock.monotonic() < deadline, "one of them writes nothing");
        clock.sleep(Duration::from_millis(100)).await;
    }
    clock.sleep(Duration::from_millis(300)).await;
    let mut all = kill(a);
    clock.sleep(Duration::from_millis(300)).await;
    all.extend(kill(b));
    let said = |name: &str| all.keys().any(|id| id.starts_with(name));
    assert!(said("inc-a") && said("inc-b"), "{all:?}");
    check(&file, &all).await;
}
