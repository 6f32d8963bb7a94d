//! B1 and B2: what the whole daemon holds in memory, and how that grows.

use super::load::Loaded;
use super::objects::{Health, REPLICAS};
use super::peers::{Nightshift, Peer, Which, kubeconfig, megabytes};
use super::profile;
use super::table::{Met, Page, Row, Spread, short};
use crate::lab::{Cluster, identity, within};
use anyhow::ensure;
use nightshift::clock::Clock;
use nightshift::store::{Filter, HistoryStore as _, OpenMode, SqliteStore};
use nightshift_model::Seconds;
use std::path::PathBuf;
use std::time::Duration;

/// Workloads that fail.
const INCIDENTS: usize = 500;
/// Warnings.
const EVENTS: usize = 5_000;
/// How long nothing happens before memory is read.
const REST: Duration = Duration::from_mins(1);
/// The longest until every failure is an incident that was looked into.
const PATIENCE: Duration = Duration::from_mins(5);
/// The target of the whole daemon.
const LIMIT: f64 = 40.0;

/// How peers and nightshift reach the API server.
pub struct Lab {
    /// The rights of docs/rbac.
    pub responder: Cluster,
    /// A file for the peers: as an administrator.
    pub kubeconfig: PathBuf,
}

impl Lab {
    /// Makes both.
    pub async fn new(admin: &Cluster) -> anyhow::Result<Self> {
        let responder = identity::responder(admin).await?;
        let path = PathBuf::from(std::env::var_os("LAB").unwrap_or_default()).join("kubeconfig-bench");
        std::fs::write(&path, kubeconfig(admin).to_string())?;
        Ok(Self { responder, kubeconfig: path })
    }
}

/// The pods that fail: one of each of the first workloads.
pub fn failing(count: usize) -> Vec<usize> {
    (0..count).map(|workload| workload * REPLICAS).collect()
}

/// A crash loop that has just gone on.
pub fn crashing(restarts: u32) -> Health {
    let now = Clock::wall().now();
    let (from, to) = (now - Seconds(4), now - Seconds(2));
    Health::Crashing(restarts, from.to_string(), to.to_string())
}

/// How many incidents are open.
pub async fn open(store: &SqliteStore) -> anyhow::Result<usize> {
    Ok(store.snapshots(&Filter::open()).await?.len())
}

/// What lies in a process' memory, in MB: its own, and pages of the program's file.
fn parts(process: u32) -> anyhow::Result<(f64, f64)> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number: Option<f64> = line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse().ok());
        number.unwrap_or_default() * 1024.0 / 1e6
    };
    Ok((field("RssAnon:"), field("RssFile:")))
}

/// B1.
pub async fn whole(lab: &Lab, admins: &[Cluster], loaded: &Loaded, page: &mut Page) -> anyhow::Result<()> {
    let clock = Clock::wall();
    let nightshift = Nightshift::start(&lab.responder, None).await?;
    let ready = megabytes(nightshift.id()?)?;
    let failing = failing(INCIDENTS);
    loaded.warn(admins, EVENTS, &failing, &clock.now().to_string()).await?;
    loaded.tell(admins, &failing, |_| crashing(4)).await?;
    let store = SqliteStore::open(nightshift.history(), OpenMode::ReadOnly).await?;
    let all = within(PATIENCE, "every failure is an open incident", async || {
        let open = open(&store).await?;
        Ok((open >= INCIDENTS).then_some(open))
    })
    .await;
    let opened = match all {
        Ok(opened) => opened,
        Err(_) => open(&store).await?,
    };
    clock.sleep_real(REST).await;
    let ours = megabytes(nightshift.id()?)?;
    let (heap, file) = parts(nightshift.id()?)?;
    println!(
        "bench: B1 ready {ready:.1} MB, full {ours:.1} MB: heap {heap:.1}, program {file:.1}; {opened} incidents"
    );
    page.note("Where the memory of B1 is", &profile::memory(nightshift.id()?)?);
    nightshift.end().await?;
    let mut rivals = Vec::new();
    for which in [Which::Raw, Which::Protobuf, Which::Json, Which::Metrics] {
        let peer = Peer::start(which, &lab.kubeconfig).await?;
        clock.sleep_real(Duration::from_secs(5)).await;
        rivals.push((which, megabytes(peer.id()?)?));
        peer.end().await?;
    }
    let beside: Vec<String> =
        rivals.iter().map(|(which, mb)| format!("{} {} MB", which.name(), short(*mb))).collect();
    let least = rivals.iter().filter(|(which, _)| *which == Which::Metrics).map(|(_, mb)| mb / ours).next();
    page.row(Row {
        id: "B1",
        what: format!(
            "memory of the whole daemon: {} pods, {EVENTS} events, {opened} open incidents",
            loaded.pods
        ),
        ours: format!("{} MB (heap {}, program {})", short(ours), short(heap), short(file)),
        peer: beside.join(", "),
        ratio: format!("{} times below kube-state-metrics", short(least.unwrap_or_default())),
        target: format!("at most {LIMIT} MB, 10 times below kube-state-metrics"),
        met: Met::when(ours <= LIMIT && least.is_some_and(|times| times >= 10.0)),
    });
    loaded.tell(admins, &failing, |_| Health::Well(1)).await?;
    ensure!(opened >= INCIDENTS, "only {opened} of {INCIDENTS} failures are open incidents");
    Ok(())
}

/// How long nothing happens before a round of B2 is read.
const SHORT_REST: Duration = Duration::from_secs(20);
/// Rounds of B2 at each size.
const ROUNDS: usize = 3;

/// B2: memory at each size of the cluster, and how it grows.
#[derive(Default)]
pub struct Growth(Vec<(usize, Spread)>);

impl Growth {
    /// Measures at the size that the cluster has now.
    pub async fn measure(&mut self, lab: &Lab, pods: usize) -> anyhow::Result<()> {
        let (clock, mut all) = (Clock::wall(), Spread::default());
        for _ in 0..ROUNDS {
            let nightshift = Nightshift::start(&lab.responder, None).await?;
            clock.sleep_real(SHORT_REST).await;
            all.add(megabytes(nightshift.id()?)?);
            nightshift.end().await?;
        }
        println!("bench: B2 {pods} pods: {}", all.told("MB"));
        self.0.push((pods, all));
        Ok(())
    }

    /// The row.
    pub fn row(&self, page: &mut Page) {
        let (Some((few, least)), Some((many, most))) = (self.0.first(), self.0.last()) else { return };
        let times = most.middle() / least.middle();
        #[allow(clippy::cast_precision_loss)] // thousands of pods
        let slope = (most.middle() - least.middle()) * 1e3 / (many - few).max(1) as f64;
        let sizes: Vec<String> =
            self.0.iter().map(|(pods, spread)| format!("{pods}: {}", spread.told("MB"))).collect();
        page.row(Row {
            id: "B2",
            what: format!("memory of a quiet daemon by pods, {few} to {many}"),
            ours: format!("{}; {} KB a pod", sizes.join(", "), short(slope)),
            peer: "itself with the fewest".to_owned(),
            ratio: short(times),
            target: "50,000 pods at most 2.5 times 1,000 pods; at most 1.0 KB a pod".to_owned(),
            met: if *many < 50_000 { Met::Shown } else { Met::when(times <= 2.5 && slope <= 1.0) },
        });
    }
}
