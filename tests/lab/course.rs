//! The whole course, from a rule that fires to a pager that falls silent, through real programs and doubles of the
//! services outside: Prometheus, Alertmanager, nightshift, PagerDuty, Slack, a person with a passkey in Chromium.

use anyhow::{Context as _, ensure};
use nightshift::clock::Clock;
use nightshift::store::SqliteStore;
use nightshift_model::{Incident, IncidentEvent, Outcome, Phase, Proof, Timestamp};
use nightshift_tests::alerts::TOKEN;
use nightshift_tests::driver::{Driver, chromium};
use nightshift_tests::lab::night::{at, events, judged};
use nightshift_tests::lab::program::Program;
use nightshift_tests::lab::workload::{Version, Workload};
use nightshift_tests::lab::{Cluster, within};
use nightshift_tests::monitoring::{Monitoring, Plan};
use nightshift_tests::voices::Voices;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::Duration;

/// Where the lab's kube-state-metrics is.
const SERIES: &str = "127.0.0.1:19080";
/// The alert.
const ALERT: &str = "KubePodCrashLooping";
/// The longest that a step may take.
const PATIENCE: Duration = Duration::from_mins(4);

/// A program with voices and a door for alerts, in which only signatures count, and where its alerts are posted.
async fn program(
    cluster: &Cluster,
    namespace: &str,
    (folder, voices): (&Path, &Voices),
) -> anyhow::Result<(Program, String)> {
    let door = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let token = folder.join("alerts.token");
    std::fs::write(&token, TOKEN)?;
    let notify = voices.notify(folder, &[namespace])?;
    let program = Program::start_with(cluster, namespace, "approve", |gate, registry| {
        let origin = format!("http://localhost:{gate}");
        let sections = registry.as_object_mut().context("no registry")?;
        sections.insert("passkeys".to_owned(), json!({"rp_id": "localhost", "origins": [origin]}));
        let policy = sections.get_mut("policy").and_then(Value::as_object_mut).context("no policy")?;
        let signed = json!({"approve": 1, "min_proof": "signed"});
        policy.insert("approvals".to_owned(), json!({"low": signed, "medium": signed}));
        Ok(json!({
            "gate": {"listen": format!("127.0.0.1:{gate}"), "public_url": origin, "keys_dir": "keys"},
            "alerts": {"listen": door, "bearer_token_files": [token]},
            "notify": notify,
        }))
    });
    Ok((program.await?, format!("http://{door}/v1/alerts")))
}

/// When Prometheus said first that the alert fires, and when nightshift had stored it. Both are looked for ten times
/// a second.
async fn alerted(prometheus: &str, store: SqliteStore) -> anyhow::Result<(Timestamp, Timestamp)> {
    let (clock, http) = (Clock::wall(), reqwest::Client::builder().no_proxy().build()?);
    let fires = within(PATIENCE, "the alert fires", async || {
        let answer = http.get(format!("http://{prometheus}/api/v1/alerts")).send().await?;
        let told: Value = answer.json().await?;
        let alerts = told.pointer("/data/alerts").and_then(Value::as_array).cloned().unwrap_or_default();
        let is = |alert: &Value, at: &str, what: &str| {
            alert.pointer(at).and_then(Value::as_str).is_some_and(|said| said == what)
        };
        let found = alerts.iter().any(|a| is(a, "/state", "firing") && is(a, "/labels/alertname", ALERT));
        Ok(found.then(|| clock.now()))
    })
    .await?;
    let stored = async || Ok(store.alert_last_heard(ALERT).await?.map(|_| clock.now()));
    Ok((fires, within(PATIENCE, "the alert is stored", stored).await?))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_becomes_a_page_a_signature_a_write_and_silence() -> anyhow::Result<()> {
    let (cluster, namespace, clock) = (Cluster::connect()?, "course", Clock::wall());
    cluster.namespace(namespace).await?;
    let (folder, voices) = (tempfile::tempdir()?, Voices::open(0).await?);
    let (mut program, door) = program(&cluster, namespace, (folder.path(), &voices)).await?;
    let base = program.gate("localhost");

    // alice makes a passkey on the page; its line is committed to the registry, and nightshift restarted with it.
    let driver = Driver::start(chromium().context("chromium is not installed")?).await;
    let driver = driver.context("chromedriver is not installed")?;
    driver.go(&format!("{base}{}", program.invite().await?)).await;
    driver.click("main button").await;
    let key = driver.make_passkey().await;
    let line = serde_json::to_value(&key)?;
    program
        .commit(|registry| {
            if let Some(person) = registry.pointer_mut("/persons/0").and_then(Value::as_object_mut) {
                person.insert("keys".to_owned(), json!([line]));
            }
        })
        .await?;

    // A release that crashes, and the alert under kube-prometheus' name, labels and condition.
    let shop = Workload::serve(&cluster, namespace, &Value::Null).await?;
    program.healthy(&shop.object).await?;
    let earlier = shop.template().await?;
    let plan = Plan {
        folder: folder.path(),
        scrape: SERIES.to_owned(),
        namespaces: namespace,
        range: "5m",
        hold: "15s",
        door: &door,
        token: &folder.path().join("alerts.token"),
        alertmanagers: 1,
    };
    let monitoring = Monitoring::start(&plan).await?;
    let fault = async {
        shop.release(&Version::BAD).await?;
        shop.first_exit().await?;
        anyhow::Ok((clock.now(), program.proposal().await?))
    };
    let alert = alerted(&monitoring.prometheus, program.store().await?);
    let ((failed, proposal), (fires, stored)) = tokio::try_join!(fault, alert)?;
    let joined = |i: &Incident| i.alerts.firing > 0 && matches!(i.phase, Phase::Proposed { .. });
    let waits = program.incident("the alert at its incident", joined).await?;
    ensure!(program.incidents().await?.len() == 1, "one fault, one incident");
    ensure!(waits.alerts.shown.first().is_some_and(|a| a.name == ALERT), "{:?}", waits.alerts);
    ensure!(shop.template().await? != earlier, "somebody wrote before anybody voted");

    // The link of the page, read, and signed for with the passkey.
    let paged = within(PATIENCE, "a page", async || Ok(voices.acted("trigger"))).await?;
    let page = voices.events().into_iter().next().context("no page")?.body;
    let link = page.pointer("/links/0/href").and_then(Value::as_str).context("the page carries no link")?;
    ensure!(link.starts_with(&format!("{base}/p/{}", proposal.id())), "{link}");
    driver.go(link).await;
    driver.approve().await;
    ensure!(driver.complaints().await.is_empty(), "the page broke its own policy");

    let over = |i: &Incident| matches!(i.phase, Phase::Closed { .. } | Phase::Escalated { .. });
    let done = program.incident("the end", over).await?;
    let rows = program.rows(&done).await?;
    ensure!(judged(&rows) == Some(Outcome::Successful), "{:?}", done.phase);
    let votes: Vec<_> = events(&rows).filter_map(vote).collect();
    let ours = matches!(&votes[..], [Proof::Webauthn { credential, .. }] if *credential == key.id);
    ensure!(ours, "the vote is not alice's signature: {votes:?}");
    shop.is_back(&earlier).await?;
    let resolved = within(PATIENCE, "the pager's end", async || Ok(voices.acted("resolve"))).await?;

    // The rule looks five minutes back and fires on: nobody is woken by that again.
    clock.sleep_real(Duration::from_secs(10)).await;
    ensure!(voices.actions() == ["trigger", "acknowledge", "resolve"], "{:?}", voices.actions());
    let (posts, refused) = (voices.posts(), voices.refused());
    // That alice has another key now is posted first: whoever approves hears of it.
    let heads: Vec<&str> = posts.iter().filter_map(|post| post.split([':', '\n']).next()).take(2).collect();
    ensure!(heads == ["Persons, policy, playbooks or mode changed", "Your decision"], "{posts:?}");
    ensure!(posts.last().is_some_and(|post| post.starts_with("Fixed: ")), "{posts:?}");
    ensure!(refused.is_empty() && voices.beats() > 0, "{refused:?}");
    ensure!(program.incidents().await?.len() == 1, "one fault, one incident, also afterwards");
    program.audit().await?;

    let recorded = |kind: &str| at(&rows, kind).with_context(|| format!("no event {kind}"));
    let mut steps = [
        ("first exit", failed),
        ("alert fires", fires),
        ("webhook stored", stored),
        ("incident", recorded("opened")?),
        ("page", paged),
        ("alert at the incident", recorded("alerts-changed")?),
        ("vote", recorded("voted")?),
        ("write", recorded("sent")?),
        ("proven", recorded("judged")?),
        ("pager resolved", resolved),
    ];
    steps.sort_by_key(|(_, when)| *when);
    for (name, when) in steps {
        println!("course: {:>7.1} s  {name}", when.get().duration_since(failed.get()).as_secs_f64());
    }
    println!("course: {}", program.memory()?);
    program.end().await?;
    cluster.remove_namespace(namespace).await
}

fn vote(event: &IncidentEvent) -> Option<Proof> {
    if let IncidentEvent::Voted { vote } = event { Some(vote.proof.clone()) } else { None }
}
