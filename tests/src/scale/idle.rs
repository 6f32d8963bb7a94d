//! B14: what a quiet night costs.

use super::memory::Lab;
use super::peers::{Nightshift, cpu};
use super::profile;
use super::table::{Met, Page, Row, short};
use anyhow::{Context as _, ensure};
use nightshift::clock::Clock;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// Until what a start brings is over.
const SETTLES: Duration = Duration::from_mins(2);

/// The audit log that the lab's API server writes of nightshift's identity: one line a request.
fn log() -> PathBuf {
    PathBuf::from(std::env::var_os("LAB").unwrap_or_default()).join("logs/audit.log")
}

/// Requests so far, and how many of them were lists.
fn requests() -> anyhow::Result<(usize, usize)> {
    let (mut all, mut lists) = (0, 0);
    for line in std::fs::read_to_string(log()).context("the API server keeps no audit log")?.lines() {
        let line: Value = serde_json::from_str(line)?;
        all += 1;
        lists += usize::from(line.get("verb").and_then(Value::as_str) == Some("list"));
    }
    Ok((all, lists))
}

/// Measures it.
pub async fn run(lab: &Lab, pods: usize, window: Duration, page: &mut Page) -> anyhow::Result<()> {
    let clock = Clock::wall();
    let nightshift = Nightshift::start(&lab.responder, None).await?;
    clock.sleep_real(SETTLES).await;
    let (before, (asked, listed)) = (cpu(nightshift.id()?)?, requests()?);
    let threads = profile::threads(nightshift.id()?)?;
    ensure!(asked > 0, "the audit log does not know nightshift");
    clock.sleep_real(window).await;
    let spent = cpu(nightshift.id()?)? - before;
    let shares = profile::shares(&threads, &profile::threads(nightshift.id()?)?);
    let (after, lists) = requests()?;
    nightshift.end().await?;
    #[allow(clippy::cast_precision_loss)] // a handful
    let a_minute = (after - asked) as f64 * 60.0 / window.as_secs_f64();
    let share = spent * 1e3 / window.as_secs_f64();
    page.row(Row {
        id: "B14",
        what: format!("{} s of quiet, {pods} pods", window.as_secs()),
        ours: format!(
            "{} mCPU, {} requests a minute, {} lists",
            short(share),
            short(a_minute),
            lists - listed
        ),
        peer: "nothing".to_owned(),
        ratio: String::new(),
        target: "at most 3 mCPU, 6 requests a minute, no list".to_owned(),
        met: Met::when(share <= 3.0 && a_minute <= 6.0 && lists == listed),
    });
    page.note("Which threads B14 is spent in", &shares);
    ensure!(lists == listed, "{} lists in a quiet time", lists - listed);
    Ok(())
}
