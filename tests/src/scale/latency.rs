//! B5: how long a failure waits until it is an incident on the disk, beside a raw watch and the disk itself.

use super::load::{self, Loaded};
use super::memory::{Lab, crashing};
use super::objects::{self, Health, REPLICAS};
use super::peers::{Nightshift, Peer, Which};
use super::table::{Met, Page, Row, Spread, short};
use crate::lab::Cluster;
use anyhow::{Context as _, ensure};
use nightshift::clock::Clock;
use nightshift::store::{HistoryStore as _, OpenMode, SqliteStore};
use nightshift_model::{HistoryEvent, IncidentEvent, Seconds, Timestamp};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Rounds.
const ROUNDS: usize = 5;
/// Changes of a round, of which every so many is a failure, each of another workload.
const CHANGES: usize = 1_000;
const FAILS: usize = 20;
/// Between two changes: a hundred a second.
const EVERY: Duration = Duration::from_millis(10);
/// Until everybody has dealt with a round.
const SETTLES: Duration = Duration::from_secs(5);
/// How often the history is looked at from outside: what is measured is late by half of it.
const LOOK: Duration = Duration::from_millis(1);
/// Writes of 4 KiB between two rounds.
const WRITES: usize = 50;

/// How long the disk takes for one block, in ms, each time.
fn disk(folder: &Path, all: &mut Spread) -> anyhow::Result<()> {
    let clock = Clock::wall();
    let mut file = std::fs::File::create(folder.join("disk"))?;
    for _ in 0..WRITES {
        let began = clock.monotonic();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        all.add(clock.monotonic().saturating_sub(began).as_secs_f64() * 1e3);
    }
    Ok(())
}

/// When each scope's incident was seen in the history by another process, by the scope's name.
async fn commits(history: PathBuf, stop: &CancellationToken) -> anyhow::Result<BTreeMap<String, Timestamp>> {
    let (clock, mut seen) = (Clock::wall(), BTreeMap::new());
    let store = SqliteStore::open(history, OpenMode::ReadOnly).await?;
    let (mut rows, mut from) = (store.rows().await?, clock.now());
    while !stop.is_cancelled() {
        clock.sleep_real(LOOK).await;
        let now = store.rows().await?;
        if now == rows {
            continue;
        }
        let at = clock.now();
        let (since, until) = (from - Seconds(2), at + Seconds(60));
        for row in store.events(since, until, &["opened"]).await? {
            if let HistoryEvent::Incident(IncidentEvent::Opened { scope, .. }) = row.event {
                seen.entry(scope.name).or_insert(at);
            }
        }
        (rows, from) = (now, at);
    }
    Ok(seen)
}

/// Changes pods, one after the other at an even pace. Answers when each failure was sent, by pod.
async fn paced(
    admins: &[Cluster],
    loaded: &Loaded,
    round: usize,
) -> anyhow::Result<BTreeMap<usize, Timestamp>> {
    let (clock, mut under_way) = (Clock::wall(), JoinSet::new());
    let mut due = clock.monotonic();
    for n in 0..CHANGES {
        let admin = admins.get(n % admins.len().max(1)).context("no cluster")?.clone();
        let fails = n % FAILS == 0;
        // One pod of each of the first workloads fails; the others change in the second half of the cluster.
        let pod = if fails {
            (round * CHANGES / FAILS + n / FAILS) * REPLICAS + 1
        } else {
            loaded.pods / 2 + (round * CHANGES + n) % (loaded.pods / 2)
        };
        let health = if fails { crashing(4) } else { Health::Well(round * 60 + pod % 60 + 1) };
        let status = objects::status(pod, loaded.pods, &health);
        clock.sleep_real(due.saturating_sub(clock.monotonic())).await;
        due += EVERY;
        under_way.spawn(async move {
            let sent = Clock::wall().now();
            load::say(&admin, &load::path(pod), &status).await?;
            anyhow::Ok(fails.then_some((pod, sent)))
        });
    }
    let mut failed = BTreeMap::new();
    while let Some(done) = under_way.join_next().await {
        failed.extend(done??);
    }
    Ok(failed)
}

/// Measures it.
pub async fn run(lab: &Lab, admins: &[Cluster], loaded: &Loaded, page: &mut Page) -> anyhow::Result<()> {
    let clock = Clock::wall();
    ensure!(loaded.workloads >= 2 * ROUNDS * CHANGES / FAILS, "{} workloads are too few", loaded.workloads);
    let nightshift = Nightshift::start(&lab.responder, None).await?;
    let raw = Peer::start(Which::Telling, &lab.kubeconfig).await?;
    clock.sleep_real(4 * SETTLES).await; // healthy revisions are recorded once, at the beginning
    let stop = CancellationToken::new();
    let (mut failed, mut sync) = (BTreeMap::new(), Spread::default());
    let breaking = async {
        let _ends = stop.clone().drop_guard();
        for round in 0..ROUNDS {
            disk(nightshift.folder.path(), &mut sync)?;
            failed.extend(paced(admins, loaded, round).await?);
            clock.sleep_real(SETTLES).await;
        }
        anyhow::Ok(())
    };
    let (committed, ()) = futures::future::try_join(commits(nightshift.history(), &stop), breaking).await?;
    let heard = raw.end().await?.heard;
    nightshift.end().await?;
    let pods: Vec<usize> = failed.keys().copied().collect();
    loaded.tell(admins, &pods, |_| Health::Well(1)).await?;

    let (mut ours, mut beside) = (Spread::default(), Spread::default());
    for (pod, sent) in &failed {
        #[allow(clippy::cast_precision_loss)] // microseconds of a minute
        let after = |at: &Timestamp| (at.micros() - sent.micros()) as f64 / 1e3;
        let name = objects::workload(pod / REPLICAS);
        ours.add(after(committed.get(&name).with_context(|| format!("{name} has no incident"))?));
        let name = objects::pod_name(*pod);
        beside.add(after(heard.get(&name).with_context(|| format!("nobody heard of {name}"))?));
    }
    let told = |of: &Spread| {
        format!("p50 {}, p99 {}, at most {} ms", short(of.middle()), short(of.at(0.99)), short(of.at(1.0)))
    };
    let wanted = beside.middle() + 2.0 * sync.middle();
    let met = ours.middle() <= wanted && ours.at(0.99) <= beside.at(0.99) + 50.0 && ours.at(1.0) <= 1_000.0;
    page.row(Row {
        id: "B5",
        what: format!(
            "a failure until its incident is on the disk: {} failures among {} changes, 100 a second",
            failed.len(),
            ROUNDS * CHANGES
        ),
        ours: told(&ours),
        peer: format!("raw loop until it hears: {}; one fsync: {}", told(&beside), told(&sync)),
        ratio: format!("p50 {} of raw + 2 fsync", short(ours.middle() / wanted)),
        target: "p50 at most raw + 2 fsync, p99 at most raw + 50 ms, never over 1 s".to_owned(),
        met: Met::when(met),
    });
    Ok(())
}
