//! Nobody else ever meets the lock: an administrator's and a developer's writes go on, whatever of it is broken or gone, one
//! part at a time, in pairs, and at an API server that starts anew.
//!
//! What must be executed is only the executor's: it is refused as long as one of policy and webhook stands. No part of the lock
//! is a Lease or a kind of its own, so neither can be missing.

use anyhow::{Context as _, ensure};
use http::Method;
use nightshift::clock::Clock;
use nightshift::http::countersign::{Countersign, CountersignMetrics, Judge};
use nightshift::http::listen;
use nightshift::http::metrics::Anonymous;
use nightshift::http::tls::OwnCertificate;
use nightshift::runtime::countersign::certificate::Pair;
use nightshift_engine::lock::Refusal;
use nightshift_tests::lab::Cluster;
use nightshift_tests::lab::foreign::Foreign;
use nightshift_tests::lab::fresh::Fresh;
use nightshift_tests::lab::lock::{Lock, refused_by};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const NAMESPACE: &str = "lock-nobody-shop";
/// Everybody else's workload.
const WEB: Foreign<'_> = Foreign { namespace: NAMESPACE };
const MERGE: &str = "application/merge-patch+json";
/// What a policy or a webhook needs to reach an API server.
const SETTLE: Duration = Duration::from_millis(1_500);

/// What can be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Nobody answers where the webhook points: its Service, its Pod, or the way to it is gone.
    Server,
    /// The API server trusts another certificate.
    Certificate,
    Webhook,
    Policy,
    Binding,
}

const PARTS: [Part; 5] = [Part::Server, Part::Certificate, Part::Webhook, Part::Policy, Part::Binding];

/// The lock with parts missing: what is to be there, and what is not.
fn without(lock: &Lock, port: u16, bundle: &str, gone: &[Part]) -> (Vec<Value>, Vec<Value>) {
    let port = if gone.contains(&Part::Server) { 1 } else { port };
    let mut there = Vec::new();
    let mut away = Vec::new();
    for mut object in lock.objects(port) {
        let part = match object.get("kind").and_then(Value::as_str) {
            Some("ValidatingAdmissionPolicy") => Part::Policy,
            Some("ValidatingAdmissionPolicyBinding") => Part::Binding,
            Some("ValidatingWebhookConfiguration") => Part::Webhook,
            _ => continue,
        };
        if part == Part::Webhook
            && let Some(client) =
                object.pointer_mut("/webhooks/0/clientConfig").and_then(Value::as_object_mut)
        {
            client.insert("caBundle".to_owned(), json!(bundle));
        }
        if gone.contains(&part) { away.push(object) } else { there.push(object) }
    }
    (there, away)
}

/// The executor's own unmarked write, which nothing may let through while a layer stands.
async fn stolen(lock: &Lock, executor: &Cluster) -> anyhow::Result<&'static str> {
    let body = json!({"metadata": {"labels": {"stolen": "yes"}}}).to_string();
    let target = format!("{}?dryRun=All", WEB.path());
    Ok(refused_by(&lock.name, &executor.send(Method::PATCH, &target, Some((MERGE, body))).await?))
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_of_the_lock_is_missing_nobody_elses_write_is_refused() -> anyhow::Result<()> {
    let admin = Cluster::connect()?;
    let (lock, identities) = Lock::accounts(&admin, "lock-nobody").await?;
    let (executor, developer) = (identities.executor, lock.account("developer").await?);
    admin.namespace(NAMESPACE).await?;
    admin.create(&WEB.collection(), &WEB.web("done:pro-0000000000.1", "first:1")).await?;
    let folder = tempfile::tempdir()?;

    // The shipped listener with a certificate of its own; what it says does not matter to anybody here.
    let (clock, stop) = (Clock::wall(), CancellationToken::new());
    let names = ["127.0.0.1".to_owned()];
    let (pair, other) = (Pair::make(&names, clock.now())?, Pair::make(&names, clock.now())?);
    let served = OwnCertificate::new(folder.path(), &pair.cert, &pair.key)?;
    let judge: Judge = Arc::new(|_| Box::pin(async { Err(Refusal::NoMark) }));
    let door = Countersign::new(
        judge,
        &lock.executor(),
        CountersignMetrics::default(),
        Arc::new(Anonymous::default()),
    );
    let listener = listen::bind((Ipv4Addr::LOCALHOST, 0).into()).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(listen::serve_kept(listener, served.acceptor()?, door.router(), clock, stop.clone()));
    let base64 = |text: &str| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(text)
    };

    let mut cases: Vec<Vec<Part>> = vec![Vec::new()];
    for (at, one) in PARTS.iter().enumerate() {
        cases.push(vec![*one]);
        cases.extend(PARTS.iter().skip(at + 1).map(|other| vec![*one, *other]));
    }
    let (mut nth, mut tried, mut anew) = (0, 0, 0);
    println!("\n{:28} {:24} {:12} executor's write refused by", "missing", "API server", "foreign");
    for gone in cases {
        let bundle = base64(if gone.contains(&Part::Certificate) { &other.cert } else { &pair.cert });
        let (there, away) = without(&lock, port, &bundle, &gone);
        lock.install(&there).await?;
        lock.remove(&away).await?;
        clock.sleep_real(SETTLE).await;
        let what = if gone.is_empty() { "nothing".to_owned() } else { format!("{gone:?}") };
        let mut servers = vec![("as it runs", None)];
        // One start of each trap that is known: nobody answers, the policy is gone and its binding is not, all is gone.
        let restarted: [&[Part]; 3] =
            [&[Part::Server, Part::Certificate], &[Part::Policy], &[Part::Webhook, Part::Binding]];
        if restarted.contains(&gone.as_slice()) {
            servers.push(("started anew", Some(Fresh::start(&admin).await?)));
        }
        for (server, fresh) in servers {
            let seen = |who: &Cluster| fresh.as_ref().map_or_else(|| who.clone(), |fresh| fresh.seen_by(who));
            let mut here = 0;
            for (name, who) in [("admin", seen(&admin)), ("developer", seen(&developer))] {
                nth += 1;
                here +=
                    WEB.writes(&who, name, nth).await.with_context(|| format!("without {what}, {server}"))?;
                if gone.len() < 2 || fresh.is_some() {
                    here += WEB
                        .undo(&who, folder.path(), nth)
                        .await
                        .with_context(|| format!("without {what}, {server}"))?;
                }
            }
            let by = stolen(&lock, &seen(&executor)).await?;
            println!("{what:28} {server:24} {:12} {by}", format!("0 of {here}"));
            let policy = !gone.contains(&Part::Policy) && !gone.contains(&Part::Binding);
            let unlocked = !policy && gone.contains(&Part::Webhook);
            ensure!((by == "nobody") == unlocked, "without {what}: the executor's write met {by}");
            tried += here;
            if let Some(fresh) = fresh {
                anew += 1;
                fresh.end().await?;
            }
        }
    }
    println!("nobody else: 0 of {tried} foreign writes refused, {anew} API servers started anew");
    ensure!(anew == 3);
    stop.cancel();
    lock.remove(&lock.objects(port)).await?;
    admin.remove_namespace(NAMESPACE).await?;
    lock.end().await
}
