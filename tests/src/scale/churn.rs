//! B4: what one change costs when many pods change, and whether any is missed.

use super::load::Loaded;
use super::memory::{self, Lab};
use super::objects::Health;
use super::peers::{Nightshift, Peer, Which, cpu};
use super::profile;
use super::table::{Met, Page, Row, Spread, short};
use crate::lab::{Cluster, within};
use anyhow::ensure;
use nightshift::clock::Clock;
use nightshift::store::{OpenMode, SqliteStore};
use std::time::Duration;

/// Rounds. Everybody sees the same changes at the same time.
const ROUNDS: usize = 5;
/// Changes of a round, none of them a failure.
const CHANGES: usize = 1_000;
/// Workloads that fail after the rounds, one pod of each.
const FAILURES: usize = 60;
/// Until everybody has dealt with a round.
const SETTLES: Duration = Duration::from_secs(5);
/// The longest until a failure is an incident.
const PATIENCE: Duration = Duration::from_mins(2);

/// Measures it.
pub async fn run(lab: &Lab, admins: &[Cluster], loaded: &Loaded, page: &mut Page) -> anyhow::Result<()> {
    let clock = Clock::wall();
    let nightshift = Nightshift::start(&lab.responder, None).await?;
    let mut peers = Vec::new();
    for which in [Which::Raw, Which::Json, Which::Protobuf] {
        peers.push((which, Peer::start(which, &lab.kubeconfig).await?, Spread::default()));
    }
    clock.sleep_real(4 * SETTLES).await; // healthy revisions are recorded once, at the beginning
    let mut ours = Spread::default();
    let threads = profile::threads(nightshift.id()?)?;
    #[allow(clippy::cast_precision_loss)] // a thousand
    let each = |spent: f64, of: usize| spent * 1e6 / of as f64;
    for round in 0..ROUNDS {
        let mine = cpu(nightshift.id()?)?;
        let before: Vec<f64> = peers.iter().map(|(_, peer, _)| cpu(peer.id()?)).collect::<Result<_, _>>()?;
        let from = loaded.pods / 2 + round * CHANGES / 2;
        let changed: Vec<usize> = (from..from + CHANGES).map(|pod| pod % loaded.pods).collect();
        // Never as it was made, which would be no change.
        loaded.tell(admins, &changed, |pod| Health::Well(round * 60 + pod % 60 + 1)).await?;
        clock.sleep_real(SETTLES).await;
        ours.add(each(cpu(nightshift.id()?)? - mine, CHANGES));
        for ((_, peer, spent), before) in peers.iter_mut().zip(before) {
            spent.add(each(cpu(peer.id()?)? - before, CHANGES));
        }
    }
    let shares = profile::shares(&threads, &profile::threads(nightshift.id()?)?);
    page.note("Which threads B4 is spent in", &shares);

    let failed = memory::failing(FAILURES);
    let mine = cpu(nightshift.id()?)?;
    loaded.tell(admins, &failed, |_| memory::crashing(4)).await?;
    let store = SqliteStore::open(nightshift.history(), OpenMode::ReadOnly).await?;
    let seen = within(PATIENCE, "every failure is an open incident", async || {
        let open = memory::open(&store).await?;
        Ok((open >= FAILURES).then_some(open))
    })
    .await;
    clock.sleep_real(2 * SETTLES).await; // every one of them is looked into
    let failure = each(cpu(nightshift.id()?)? - mine, FAILURES) / 1e3;
    nightshift.end().await?;
    let (mut beside, mut ratios, mut told) = (Vec::new(), Vec::new(), Vec::new());
    for (which, peer, spent) in peers {
        beside.push(format!("{} {}", which.name(), spent.told("µs")));
        ratios.push(ours.middle() / spent.middle());
        told.push((which, peer.end().await?.changes));
    }
    loaded.tell(admins, &failed, |_| Health::Well(1)).await?;
    let wanted = u64::try_from(loaded.pods + ROUNDS * CHANGES + FAILURES)?;
    for (which, changes) in &told {
        ensure!(*changes >= wanted, "{} was told {changes} of {wanted} changes", which.name());
    }
    let open = seen?;
    ensure!(open == FAILURES, "{FAILURES} workloads failed, {open} incidents are open");
    let ratio = |n: usize| ratios.get(n).copied().unwrap_or(f64::INFINITY);
    page.row(Row {
        id: "B4",
        what: format!(
            "CPU of one change, {} pods; 0 of {open} failures lost, {} ms for each until it is looked into",
            loaded.pods,
            short(failure)
        ),
        ours: ours.told("µs"),
        peer: beside.join(", "),
        ratio: ratios.iter().map(|ratio| short(*ratio)).collect::<Vec<_>>().join(", "),
        target: "at most 1.5 of the raw loop, 0.5 of client-go with JSON; none lost".to_owned(),
        met: Met::when(ratio(0) <= 1.5 && ratio(1) <= 0.5),
    });
    Ok(())
}
