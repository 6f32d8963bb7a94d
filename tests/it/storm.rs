//! Ten thousand alerts in ten seconds at the real program, with its voices on.

use anyhow::{Context as _, ensure};
use nightshift::clock::Clock;
use nightshift::store::{Filter, HistoryStore as _, OpenMode, SqliteStore};
use nightshift_tests::alerts::{TOKEN, distinct, message};
use nightshift_tests::house::program::{add, memory};
use nightshift_tests::house::{House, Plan, settled};
use nightshift_tests::lab::within;
use nightshift_tests::voices::Voices;
use serde_json::json;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Messages, one each [`EVERY`].
const MESSAGES: usize = 100;
/// Alerts of a message.
const ALERTS: usize = 100;
/// Between two messages.
const EVERY: Duration = Duration::from_millis(100);
/// By how much the program may grow over it, in KiB. It grew by a fifth of this.
const GROWTH: u64 = 192 * 1024;
/// The kubelet gives up after a second, three times in a row. One answer that takes longer than this is as bad, and a
/// machine that others use too is not mistaken for it.
const PROBE: Duration = Duration::from_secs(3);
/// The list of what was not told by itself waits for a minute.
const PATIENCE: Duration = Duration::from_mins(3);

/// How a probe went: how many, the slowest, and what was not green.
#[derive(Clone, Default)]
struct Probed(Arc<Mutex<(u32, Duration, Vec<String>)>>);

impl Probed {
    fn note(&self, took: Duration, answer: reqwest::Result<reqwest::Response>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.0, seen.1) = (seen.0 + 1, seen.1.max(took));
        match answer {
            Ok(answer) if answer.status() == 200 => {}
            Ok(answer) => seen.2.push(answer.status().to_string()),
            Err(error) => seen.2.push(format!("{error} after {took:?}")),
        }
    }
}

/// Asks as the kubelet would, five times a second, until it is aborted.
fn probe(health: &str, path: &str) -> anyhow::Result<(tokio::task::JoinHandle<()>, Probed)> {
    let (probed, url) = (Probed::default(), format!("{health}{path}"));
    let http = reqwest::Client::builder().no_proxy().timeout(PROBE).build()?;
    let (seen, clock) = (probed.clone(), Clock::wall());
    let task = tokio::spawn(async move {
        loop {
            let began = clock.monotonic();
            let answer = http.get(&url).send().await;
            let took = clock.monotonic().saturating_sub(began);
            seen.note(took, answer);
            clock.sleep_real(2 * EVERY).await;
        }
    });
    Ok((task, probed))
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_alerts_in_ten_seconds_lose_none_page_a_few_times_and_stop_nothing() -> anyhow::Result<()>
{
    let clock = Clock::wall();
    let house = House::dark(Plan { start: Some(clock.now()), speed: 1, ..Plan::default() }).await?;
    let (folder, voices) = (house.folder.path(), Voices::open(0).await?);
    std::fs::write(folder.join("alerts.token"), TOKEN)?;
    let door = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    // The worst that a configuration can ask for: everybody is paged about everything.
    let mut notify = voices.notify(folder, &[])?;
    add(&mut notify, &json!({"routes": [{"page": ["pager"], "post": ["chat"]}]}));
    let program = house
        .process_with(&json!({
            "notify": notify,
            "alerts": {"listen": door, "bearer_token_files": ["alerts.token"]},
        }))
        .await?;
    let (before, _) = memory(program.id())?;
    let (alive, lives) = probe(&program.health, "/healthz")?;
    let (ready, readies) = probe(&program.health, "/readyz")?;

    // As Alertmanager does: what is not taken is sent again.
    let (http, began) = (reqwest::Client::builder().no_proxy().build()?, clock.monotonic());
    let (mut again, mut slowest) = (0_u32, Duration::ZERO);
    for number in 0..MESSAGES {
        let due = EVERY * u32::try_from(number)?;
        clock.sleep_real(due.saturating_sub(clock.monotonic().saturating_sub(began))).await;
        let body = message("firing", &distinct(number * ALERTS, ALERTS), clock.now());
        loop {
            let asked = clock.monotonic();
            let url = format!("http://{door}/v1/alerts");
            let status = http.post(url).bearer_auth(TOKEN).json(&body).send().await?.status().as_u16();
            slowest = slowest.max(clock.monotonic().saturating_sub(asked));
            match status {
                202 => break,
                503 => again += 1,
                other => anyhow::bail!("message {number} was answered with {other}"),
            }
            clock.sleep_real(EVERY).await;
        }
    }
    let stored = clock.monotonic().saturating_sub(began);

    let store = SqliteStore::open(house.file(), OpenMode::ReadOnly).await?;
    let told = async || {
        let all = store.snapshots(&Filter::newest(1_000)).await?;
        anyhow::Ok((all.len(), all.iter().map(|i| i.alerts.total).sum::<u32>()))
    };
    let all = async || Ok(Some(told().await?).filter(|(_, told)| *told >= 10_000));
    let (incidents, total) = within(PATIENCE, "every alert at its incident", all).await?;
    let placed = clock.monotonic().saturating_sub(began);
    // Everybody is told, by a message of its own or in a list, and nothing waits any more.
    let over = async || {
        let all = store.snapshots(&Filter::newest(1_000)).await?;
        let told = all.iter().all(settled) && store.outbox_next().await?.is_none();
        Ok(told.then_some(()))
    };
    within(PATIENCE, "an empty outbox", over)
        .await
        .with_context(|| format!("heard: {:?}", voices.actions()))?;
    let spoken = clock.monotonic().saturating_sub(began);
    let (after, most) = memory(program.id())?;
    alive.abort();
    ready.abort();

    println!(
        "10,000 distinct alerts: {MESSAGES} messages, all stored after {stored:?} ({again} sent again, the slowest answer \
         {slowest:?}), every one at its incident ({incidents}) after {placed:?}, everybody told after {spoken:?}: {} pages, \
         {} posts; RSS {before} KiB before, {after} after, {most} at most",
        voices.actions().len(),
        voices.posts().len(),
    );
    for (path, probed) in [("/healthz", lives), ("/readyz", readies)] {
        let (count, slowest, wrong) = probed.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        println!("{path}: {count} probes, the slowest {slowest:?}");
        ensure!(count > 40 && wrong.is_empty(), "{path} of {count}: {wrong:?}");
    }
    ensure!(total == 10_000, "{total} alerts at their incidents");
    ensure!(incidents <= 22, "{incidents} incidents");
    let pages = voices.actions();
    ensure!((1..=5).contains(&pages.len()) && pages.iter().all(|p| p == "trigger"), "{pages:?}");
    ensure!(voices.refused().is_empty(), "{:?}", voices.refused());
    ensure!(voices.beats() > 0, "the heart stood still");
    ensure!(most < before + GROWTH, "it grew from {before} KiB to {most}");

    let (status, _) = program.terminate(&clock).await?;
    ensure!(status.code() == Some(0), "{status}");
    store.close().await;
    let checked = house.finish().await?;
    ensure!(checked.incidents.len() == incidents, "{} incidents after it ended", checked.incidents.len());
    Ok(())
}
