//! Alerts a second that are taken, beside Debian's Alertmanager: the same alerts, the same sender, in turns.

use anyhow::{Context as _, ensure};
use nightshift::clock::Clock;
use nightshift::store::{Filter, HistoryStore as _, OpenMode, SqliteStore};
use nightshift_tests::alerts::{TOKEN, distinct, message, plain};
use nightshift_tests::house::program::{binary, memory};
use nightshift_tests::house::{House, Plan};
use nightshift_tests::lab::within;
use nightshift_tests::monitoring::start_alertmanager;
use serde_json::{Value, json};
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

/// Rounds of each peer; the one in the middle counts.
const ROUNDS: usize = 5;
/// Connections that send at a time.
const SENDERS: usize = 2;
/// Alerts of a message, and messages of a round: one by one, and as many as Prometheus sends at most.
const SHAPES: [(usize, usize); 2] = [(1, 200), (64, 50)];
/// Between a 503 and the next try.
const AGAIN: Duration = Duration::from_millis(20);
/// The longest until everything is at its incident.
const PATIENCE: Duration = Duration::from_mins(3);

/// Ends a program with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where alerts are posted, and in which form.
struct Peer {
    name: &'static str,
    url: String,
    form: fn(&[Value], &Clock) -> Value,
}

impl Peer {
    /// Alerts a second of one round, and how often a message had to be sent again.
    async fn round(&self, first: usize, (alerts, messages): (usize, usize)) -> anyhow::Result<(f64, u32)> {
        let (clock, http) = (Clock::wall(), reqwest::Client::builder().no_proxy().build()?);
        let body = |n: usize| (self.form)(&distinct(first + n * alerts, alerts), &clock).to_string();
        let bodies: Vec<String> = (0..messages).map(body).collect();
        let send = async |part: usize| {
            let mut again = 0_u32;
            for body in bodies.iter().skip(part).step_by(SENDERS) {
                loop {
                    let request = http.post(&self.url).bearer_auth(TOKEN);
                    let request = request.header("content-type", "application/json").body(body.clone());
                    let status = request.send().await?.status();
                    if status.is_success() {
                        break;
                    }
                    ensure!(status.as_u16() == 503, "{}: {status}", self.name);
                    again += 1;
                    clock.sleep_real(AGAIN).await;
                }
            }
            Ok(again)
        };
        let began = clock.monotonic();
        let again = futures::future::try_join_all((0..SENDERS).map(send)).await?;
        let took = clock.monotonic().saturating_sub(began).as_secs_f64();
        let count = u32::try_from(alerts * messages)?;
        Ok((f64::from(count) / took, again.iter().sum()))
    }
}

/// How long it takes to put a small block on the disk of a folder, and what keeps it.
fn disk(folder: &Path) -> anyhow::Result<String> {
    let (clock, mut file) = (Clock::wall(), std::fs::File::create(folder.join("disk"))?);
    let began = clock.monotonic();
    for _ in 0..50 {
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
    }
    let one = clock.monotonic().saturating_sub(began) / 50;
    let kind = Command::new("stat").args(["-f", "-c", "%T"]).arg(folder).output()?;
    Ok(format!("{}, 4 KiB are on it after {one:?}", String::from_utf8_lossy(&kind.stdout).trim()))
}

fn middle(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_a_second_beside_alertmanager() -> anyhow::Result<()> {
    let clock = Clock::wall();
    let house = House::dark(Plan { start: Some(clock.now()), speed: 1, ..Plan::default() }).await?;
    let folder = house.folder.path();
    std::fs::write(folder.join("alerts.token"), TOKEN)?;
    let door = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let more = json!({"alerts": {"listen": door, "bearer_token_files": ["alerts.token"]}});
    let program = house.process_with(&more).await?;
    let quiet = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";
    let (child, address) = start_alertmanager(folder, 0, quiet).await?;
    let (alertmanager, version) = (Ends(child), format!("http://{address}/api/v2/status"));
    let status: Value = reqwest::get(version).await?.json().await?;
    let version =
        status.pointer("/versionInfo/version").and_then(Value::as_str).unwrap_or("unknown").to_owned();
    let (before, _) = memory(program.id())?;

    println!("bench: alerts taken a second, {SENDERS} senders, the middle of {ROUNDS} rounds in turns");
    println!(
        "bench:   {}: every message is on the disk before its 202 (SQLite, synchronous=FULL)",
        binary()?.display()
    );
    println!(
        "bench:   Alertmanager {version}: keeps alerts in memory; what it answered 200 is gone when it is killed"
    );
    println!("bench:   disk: {}", disk(folder)?);
    let peers = [
        Peer {
            name: "nightshift",
            url: format!("http://{door}/v1/alerts"),
            form: |alerts, clock| message("firing", alerts, clock.now()),
        },
        Peer {
            name: "Alertmanager",
            url: format!("http://{address}/api/v2/alerts"),
            form: |alerts, clock| plain(alerts, clock.now()),
        },
    ];
    let mut sent = 0;
    for shape in SHAPES {
        let (alerts, messages) = shape;
        let (mut rates, mut again) = ([Vec::new(), Vec::new()], [0, 0]);
        for _ in 0..ROUNDS {
            for ((peer, rates), again) in peers.iter().zip(&mut rates).zip(&mut again) {
                let (rate, repeated) = peer.round(sent, shape).await?;
                rates.push(rate);
                *again += repeated;
            }
            sent += alerts * messages;
        }
        let [mut ours, mut theirs] = rates;
        let (ours, theirs) = (middle(&mut ours), middle(&mut theirs));
        println!(
            "bench:   {alerts:>2} a message: nightshift {ours:>6.0}/s ({} sent again), Alertmanager {theirs:>6.0}/s, ratio {:.2}",
            again[0],
            ours / theirs
        );
        ensure!(again[1] == 0, "Alertmanager refused {} messages", again[1]);
    }

    // Both have all of it, or the numbers mean nothing.
    let held: Value = reqwest::get(format!("http://{address}/api/v2/alerts")).await?.json().await?;
    let held = held.as_array().map_or(0, Vec::len);
    ensure!(held == sent, "Alertmanager has {held} of {sent} alerts");
    let store = SqliteStore::open(house.file(), OpenMode::ReadOnly).await?;
    let all = async || {
        let incidents = store.snapshots(&Filter::newest(1_000)).await?;
        let told: u32 = incidents.iter().map(|i| i.alerts.total).sum();
        Ok((usize::try_from(told)? == sent).then_some(()))
    };
    within(PATIENCE, "every alert at its incident", all).await?;
    let (after, most) = memory(program.id())?;
    let (theirs, _) = memory(alertmanager.0.id())?;
    println!(
        "bench:   {sent} alerts each, none lost; RSS: nightshift {before} KiB before, {after} after, {most} at most; Alertmanager {theirs} after"
    );
    program.terminate(&clock).await.context("it does not end")?;
    store.close().await;
    Ok(())
}
