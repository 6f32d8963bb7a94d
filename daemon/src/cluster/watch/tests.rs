//! The watches against the simulated cluster and its faults: what is known in the end is what is there.

use super::*;
use crate::cluster::tests::{deployment, door, reader, until};
use crate::demo::door::Door;
use nightshift_sim::{Fault, Scope, Sim, Verb};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

type Known = BTreeMap<(Kind, String, String), u64>;

/// Keeps what the deltas say and refuses what must not be said.
#[derive(Debug, Default)]
struct Book {
    known: BTreeMap<(Kind, Arc<str>), (String, String, u64)>,
    unseen: BTreeMap<Kind, BTreeSet<Arc<str>>>,
    relists: BTreeMap<Kind, usize>,
    synced: BTreeMap<Kind, usize>,
    doubled: usize,
}

impl Book {
    fn take(&mut self, update: Update) {
        match update.delta {
            Delta::Relisting { kind } => {
                *self.relists.entry(kind.clone()).or_default() += 1;
                let all = self.known.keys().filter(|key| key.0 == kind).map(|key| key.1.clone());
                self.unseen.insert(kind.clone(), all.collect());
            }
            Delta::Synced { kind } => {
                for uid in self.unseen.remove(&kind).unwrap_or_default() {
                    self.known.remove(&(kind.clone(), uid));
                }
                *self.synced.entry(kind).or_default() += 1;
            }
            Delta::Applied(fact) => {
                let (kind, meta) = (fact.kind(), fact.meta());
                let listing = self.unseen.get_mut(&kind).map(|unseen| unseen.remove(&meta.uid)).is_some();
                let named = (meta.namespace.to_string(), meta.name.to_string(), meta.version);
                let before = self.known.insert((kind, meta.uid.clone()), named);
                if !listing && before.is_some_and(|before| before.2 >= meta.version) {
                    self.doubled += 1;
                }
            }
            Delta::Deleted { kind, uid, .. } => {
                if self.known.remove(&(kind, uid.as_str().into())).is_none() {
                    self.doubled += 1;
                }
            }
        }
    }

    fn known(&self) -> Known {
        let names = self.known.iter();
        names
            .map(|((kind, _), (ns, name, version))| ((kind.clone(), ns.clone(), name.clone()), *version))
            .collect()
    }
}

/// What is there, of the kinds and the namespaces that are watched.
fn there(sim: &Sim, namespaces: &[&str]) -> Known {
    let mut all = Known::new();
    for kind in WatchKind::ALL.iter().copied() {
        for object in sim.get_all(&kind.path("")) {
            let text =
                |path: &str| object.pointer(path).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
            let namespace = text("/metadata/namespace");
            let watched = namespaces.is_empty() || namespace.is_empty() || namespaces.contains(&&*namespace);
            if watched && (kind != WatchKind::Warnings || object["type"] == "Warning") {
                let version = text("/metadata/resourceVersion").parse().unwrap();
                all.insert((kind.kind(), namespace, text("/metadata/name")), version);
            }
        }
    }
    all
}

struct Run {
    door: Door,
    clock: Clock,
    book: Arc<Mutex<Book>>,
    coverage: watch::Receiver<Vec<Watch>>,
    namespaces: &'static [&'static str],
}

/// Patience for a cluster that runs 600 times as fast: bookmarks come every 100 ms.
fn quick() -> Timing {
    Timing { stall: Duration::from_secs(1), sync: Duration::from_secs(5), ..Timing::default() }
}

impl Run {
    async fn start(
        timing: Timing,
        namespaces: &'static [&'static str],
        before: impl FnOnce(&mut Sim, &Clock),
    ) -> Self {
        let (door, clock) = door().await;
        door.with(|sim| before(sim, &clock));
        let names: Vec<String> = namespaces.iter().map(|name| (*name).to_owned()).collect();
        let mut watching = start(&reader(&door.url()).await, clock, timing, WatchKind::ALL, &names, 5);
        let (coverage, book) = (watching.coverage.clone(), Arc::new(Mutex::new(Book::default())));
        let taker = Arc::clone(&book);
        tokio::spawn(async move {
            while let Some(update) = watching.updates.recv().await {
                taker.lock().unwrap().take(update);
            }
        });
        Self { door, clock, book, coverage, namespaces }
    }

    fn apply(&self, namespace: &str, name: &str, replicas: u32) {
        self.door
            .with(|sim| sim.apply(deployment(namespace, name, replicas), self.clock.now().get()))
            .unwrap();
    }

    /// Waits until the book says what is there, with nothing said twice.
    async fn agree(&self, what: &str) {
        let same = || self.book.lock().unwrap().known() == self.door.with(|sim| there(sim, self.namespaces));
        until(what, same).await;
        assert_eq!(self.book.lock().unwrap().doubled, 0, "{what}");
    }

    fn state(&self, kind: WatchKind) -> WatchState {
        self.coverage.borrow().iter().find(|watch| watch.kind == kind).unwrap().state.clone()
    }

    async fn live(&self) {
        until("every watch sees", || self.coverage.borrow().iter().all(|watch| watch.state.sees())).await;
    }

    fn relists(&self, kind: &Kind) -> usize {
        self.book.lock().unwrap().relists.get(kind).copied().unwrap_or_default()
    }
}

#[tokio::test]
async fn the_first_list_streams_and_changes_follow() {
    let run = Run::start(quick(), &[], |sim, clock| {
        for index in 0..30 {
            sim.apply(deployment("shop", &format!("app-{index}"), 2), clock.now().get()).unwrap();
        }
    })
    .await;
    run.live().await;
    run.agree("the first list").await;
    for index in 0..30 {
        run.apply("shop", &format!("app-{index}"), index % 4);
    }
    run.agree("after scaling").await;
    assert!(run.coverage.borrow().iter().all(|watch| matches!(watch.state, WatchState::Live { .. })));
    assert!(run.coverage.borrow().iter().all(|watch| watch.last_line_at.is_some() && watch.skipped == 0));
    assert_eq!(run.relists(&Kind::Pod), 1);
}

#[tokio::test]
async fn without_streaming_lists_there_are_pages() {
    let run = Run::start(quick(), &[], |sim, clock| {
        sim.fault(Fault::NoWatchList);
        for index in 0..55 {
            sim.apply(deployment("shop", &format!("app-{index}"), 2), clock.now().get()).unwrap();
        }
        sim.tick(clock.now().get());
    })
    .await;
    run.live().await;
    run.agree("the pages").await;
    assert!(run.book.lock().unwrap().known().len() > 200);
    run.apply("shop", "app-0", 5);
    run.agree("after a change").await;
    assert!(matches!(run.state(WatchKind::Pods), WatchState::Fallback { .. }));
    run.door.with(|sim| sim.fault(Fault::CompactAll));
    run.apply("shop", "app-1", 0);
    until("a second list", || run.book.lock().unwrap().synced.get(&Kind::Pod) > Some(&1)).await;
    run.agree("after 410").await;
    assert!(matches!(run.state(WatchKind::Pods), WatchState::Fallback { .. }), "until restart");
}

#[tokio::test]
async fn what_is_forbidden_is_said_and_asked_again() {
    let timing = Timing { forbidden: Duration::from_mins(10), ..quick() };
    let run = Run::start(timing, &[], |sim, clock| {
        let (user, resource) = ("responder".to_owned(), "pods".to_owned());
        sim.fault(Fault::Forbidden { user, verb: "watch".into(), resource });
        sim.apply(deployment("shop", "web", 2), clock.now().get()).unwrap();
    })
    .await;
    until("forbidden", || run.state(WatchKind::Pods) == WatchState::Forbidden).await;
    until("the others", || run.state(WatchKind::Nodes).sees()).await;
    run.door.with(Sim::clear_faults);
    run.live().await;
    run.agree("after the permission came").await;
}

#[tokio::test]
async fn a_410_midway_loses_and_doubles_nothing() {
    let run = Run::start(quick(), &[], |sim, clock| {
        for index in 0..20 {
            sim.apply(deployment("shop", &format!("app-{index}"), 2), clock.now().get()).unwrap();
        }
    })
    .await;
    run.live().await;
    for round in 0..4_u32 {
        for index in 0..20 {
            run.apply("shop", &format!("app-{index}"), (index + round) % 3);
        }
        // Compacted before the watches could read on: they have to list again.
        run.door.with(|sim| sim.fault(Fault::CompactAll));
        run.apply("shop", "app-0", round + 1);
        run.agree("after 410").await;
    }
    run.live().await;
    assert!(run.relists(&Kind::Pod) > 1, "a new list was read");
}

#[tokio::test]
async fn a_hung_watch_is_noticed_and_followed_on() {
    // Watches end every 60 s (100 ms here), so the second one of pods is the hung one.
    let timing = Timing { life: Duration::from_mins(1), ..quick() };
    let run = Run::start(timing, &[], |sim, clock| {
        sim.apply(deployment("shop", "web", 2), clock.now().get()).unwrap();
        sim.fault(Fault::HangWatch { on: Scope::new(Verb::Watch, "/api/v1/pods").skip(1) });
    })
    .await;
    until("silence", || matches!(run.state(WatchKind::Pods), WatchState::Down { .. })).await;
    run.apply("shop", "web", 4);
    run.live().await;
    run.agree("after the silence").await;
    assert_eq!(run.relists(&Kind::Pod), 1, "resumed, not listed again");
}

#[tokio::test]
async fn a_streamed_list_that_never_ends_is_read_in_pages() {
    let run = Run::start(quick(), &[], |sim, clock| {
        sim.apply(deployment("shop", "web", 2), clock.now().get()).unwrap();
        // The silence is shorter than the patience with a list, so the first one is tried again.
        sim.fault(Fault::HangWatch { on: Scope::new(Verb::Watch, "/api/v1/pods").times(2) });
    })
    .await;
    run.live().await;
    run.agree("in the end").await;

    let timing = Timing { stall: Duration::from_secs(3), sync: Duration::from_millis(300), ..quick() };
    let run = Run::start(timing, &[], |sim, clock| {
        sim.apply(deployment("shop", "web", 2), clock.now().get()).unwrap();
        sim.fault(Fault::HangWatch { on: Scope::new(Verb::Watch, "/api/v1/pods") });
    })
    .await;
    run.live().await;
    run.agree("by pages").await;
    assert!(matches!(run.state(WatchKind::Pods), WatchState::Fallback { .. }));
}

#[tokio::test]
async fn bursts_of_errors_are_waited_out() {
    let pods = |verb| Scope::new(verb, "/api/v1/pods");
    let status = |on, code, retry_after| Fault::Status { on, code, reason: "Burst".into(), retry_after };
    let timing = Timing { life: Duration::from_mins(1), ..quick() };
    let run = Run::start(timing, &[], |sim, clock| {
        sim.apply(deployment("shop", "web", 2), clock.now().get()).unwrap();
        sim.fault(status(pods(Verb::Watch).times(2), 503, None));
        sim.fault(status(pods(Verb::Watch).times(2), 429, Some(2)));
        sim.fault(Fault::Lost { on: pods(Verb::Watch).times(2) });
        sim.fault(status(pods(Verb::Watch).skip(2).times(3), 500, None));
        sim.fault(Fault::Lost { on: pods(Verb::Watch).skip(4).times(3) });
    })
    .await;
    run.live().await;
    for replicas in [3, 1, 6, 2, 4] {
        run.apply("shop", "web", replicas);
        run.agree("through the burst").await;
    }
}

#[tokio::test]
async fn a_lost_server_is_down_and_keeps_its_reason() {
    let run = Run::start(quick(), &[], |_, _| {}).await;
    run.live().await;
    let Run { door, coverage, .. } = run;
    door.shutdown().await;
    until("all are down", || coverage.borrow().iter().all(|watch| watch.state.name() == "down")).await;
    let why = coverage.borrow()[0].state.clone();
    assert!(matches!(why, WatchState::Down { why, .. } if !why.is_empty()));
}

#[tokio::test]
async fn several_namespaces_are_several_watches() {
    let run = Run::start(quick(), &["shop", "bank"], |sim, clock| {
        for namespace in ["shop", "bank", "other"] {
            sim.apply(deployment(namespace, "web", 2), clock.now().get()).unwrap();
        }
    })
    .await;
    run.live().await;
    run.agree("both").await;
    let watches: usize = WatchKind::ALL.iter().map(|kind| 1 + usize::from(kind.is_namespaced())).sum();
    assert_eq!(run.coverage.borrow().len(), watches);
    assert_eq!(run.book.lock().unwrap().synced.get(&Kind::Pod), Some(&1), "once for both");
    run.apply("bank", "web", 0);
    run.door.with(|sim| sim.fault(Fault::CompactAll));
    run.apply("shop", "web", 3);
    run.apply("other", "web", 3);
    // Both namespaces list again: each speaks for its own objects.
    until("agreement", || {
        run.book.lock().unwrap().known() == run.door.with(|sim| there(sim, &["shop", "bank"]))
    })
    .await;
}
