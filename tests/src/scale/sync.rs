//! B3: from the start of a program until it knows the whole cluster.

use super::memory::Lab;
use super::peers::{Nightshift, Peer, Which};
use super::table::{Met, Page, Row, Spread, short};

/// Rounds, in each of which every program starts once.
const ROUNDS: usize = 5;
/// CPU beside the raw loop, and beside client-go with protobuf.
const TARGET: [f64; 2] = [1.3, 1.2];
/// Seconds.
const READY: f64 = 3.0;

/// Measures it.
pub async fn run(lab: &Lab, pods: usize, page: &mut Page) -> anyhow::Result<()> {
    let (mut ours, mut ready) = (Spread::default(), Spread::default());
    let mut theirs =
        [Which::Raw, Which::Protobuf, Which::Json].map(|which| (which, Spread::default(), Spread::default()));
    for _ in 0..ROUNDS {
        for (which, cpu, after) in &mut theirs {
            let peer = Peer::start(*which, &lab.kubeconfig).await?;
            cpu.add(peer.synced_cpu);
            after.add(peer.synced_after);
            peer.end().await?;
        }
        let nightshift = Nightshift::start(&lab.responder, None).await?;
        ours.add(nightshift.synced_cpu);
        ready.add(nightshift.synced_after);
        nightshift.end().await?;
    }
    let ratios: Vec<f64> = theirs.iter().map(|(_, cpu, _)| ours.middle() / cpu.middle()).collect();
    let beside: Vec<String> = theirs
        .iter()
        .map(|(which, cpu, after)| {
            format!("{} {}, ready after {}", which.name(), cpu.told("s"), after.told("s"))
        })
        .collect();
    let told: Vec<String> = ratios.iter().map(|ratio| short(*ratio)).collect();
    let met = ratios.iter().zip(TARGET).all(|(ratio, most)| *ratio <= most) && ready.middle() <= READY;
    page.row(Row {
        id: "B3",
        what: format!("CPU from the start to ready, {pods} pods"),
        ours: format!("{}, ready after {}", ours.told("s"), ready.told("s")),
        peer: beside.join("; "),
        ratio: told.join(", "),
        target: format!(
            "at most {} of the raw loop, {} of client-go with protobuf; ready within {READY} s",
            TARGET[0], TARGET[1]
        ),
        met: Met::when(met),
    });
    Ok(())
}
