//! B6: how long a failure waits until its page is with whoever delivers it.

use super::load::Loaded;
use super::memory::{Lab, crashing};
use super::objects::{self, Health, REPLICAS};
use super::peers::Nightshift;
use super::table::{Met, Page, Row, Spread, short};
use crate::lab::pager::Pager;
use crate::lab::{Cluster, within};
use nightshift::clock::Clock;
use std::time::Duration;

/// Rounds, each with an empty history: of a storm nobody is paged singly.
const ROUNDS: usize = 5;
/// Failures of a round, each of another workload.
const FAILURES: usize = 2;
/// Between two of them.
const APART: Duration = Duration::from_secs(3);
/// Until what a start brings is over.
const SETTLES: Duration = Duration::from_secs(15);
/// The longest until a page comes.
const PATIENCE: Duration = Duration::from_mins(2);
/// kube-prometheus' rule for the same failure: `for: 15m`, the scrape before and the evaluation behind it 30 s each.
const RULE: f64 = 960.0;
/// Seconds that the target allows.
const WITHIN: f64 = 2.0;

/// Measures it.
pub async fn run(lab: &Lab, admins: &[Cluster], loaded: &Loaded, page: &mut Page) -> anyhow::Result<()> {
    let (clock, mut all) = (Clock::wall(), Spread::default());
    for round in 0..ROUNDS {
        let pager = Pager::open().await?;
        let nightshift = Nightshift::start(&lab.responder, Some(&pager)).await?;
        clock.sleep_real(SETTLES).await;
        for failure in 0..FAILURES {
            let pod = (round * FAILURES + failure) * REPLICAS + 2;
            let name = objects::workload(pod / REPLICAS);
            let sent = clock.now();
            loaded.tell(admins, &[pod], |_| crashing(4)).await?;
            let told = within(PATIENCE, "the page of a failure", async || {
                let heard = pager
                    .heard()
                    .into_iter()
                    .find(|heard| heard.said("scope").is_some_and(|scope| scope.contains(&name)));
                Ok(heard.map(|heard| heard.at))
            });
            let at = told.await?;
            #[allow(clippy::cast_precision_loss)] // microseconds of a minute
            all.add((at.micros() - sent.micros()) as f64 / 1e6);
            loaded.tell(admins, &[pod], |_| Health::Well(1)).await?;
            clock.sleep_real(APART).await;
        }
        nightshift.end().await?;
    }
    let most = all.at(0.99);
    page.row(Row {
        id: "B6",
        what: format!("a failure until its page is with the pager, {} failures", all.rounds()),
        ours: all.told("s"),
        peer: format!("kube-prometheus' rule: at least {RULE} s (15 min, scrape, evaluation; not measured)"),
        ratio: format!("{} times sooner", short(RULE / most)),
        target: format!("p99 within {WITHIN} s, 100 times sooner than the rule"),
        met: Met::when(most <= WITHIN && RULE / most >= 100.0),
    });
    Ok(())
}
