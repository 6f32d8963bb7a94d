//! A person asks for a rollback: over HTTP with everything that can be wrong with it, by the real program on both of its
//! ways, and by the button on the page of a finished write.

use anyhow::{Context as _, ensure};
use nightshift::api::wish::{AskedFor, SignedWish};
use nightshift::clock::Clock;
use nightshift_model::{
    Actor, Closure, Incident, IncidentEvent, Kind, ObjectRef, Outcome, Phase, Proposal, Seconds, VoteDecision,
};
use nightshift_tests::house::{House, Plan, program};
use nightshift_tests::signer::{Signer, posted};
use serde_json::{Value, json};
use std::process::Output;

/// Revisions 1 and 3, both seen healthy: version 3 of `web` serves.
async fn two_good_ones(house: &House) -> anyhow::Result<ObjectRef> {
    let scope = house.deploy("cart", 1)?;
    house.healthy(&scope, 1).await?;
    house.deploy("cart", 3)?;
    house.healthy(&scope, 2).await?;
    Ok(scope)
}

fn wish(signer: &Signer, house: &House) -> SignedWish {
    SignedWish {
        person: signer.person.as_str().into(),
        namespace: "shop".to_owned(),
        kind: Kind::Deployment,
        name: "cart".to_owned(),
        wanted: AskedFor::RollbackTo(1),
        because: "the new one is slow; password=hunter2hunter2".to_owned(),
        ts: house.clock.now(),
        key: signer.id.clone(),
        signature: String::new(),
    }
}

async fn post(house: &House, body: String, token: bool) -> anyhow::Result<(u16, Value)> {
    let url = format!("{}/v1/proposals", house.doors()?.origin());
    let mut request = reqwest::Client::new().post(url).header("content-type", "application/json").body(body);
    if token {
        request = request.bearer_auth("some-token");
    }
    let answer = request.send().await?;
    Ok((answer.status().as_u16(), answer.json().await.unwrap_or_default()))
}

async fn ask(house: &House, wish: &SignedWish) -> anyhow::Result<(u16, Value)> {
    post(house, serde_json::to_string(wish)?, false).await
}

fn reason(said: &Value) -> &str {
    said.get("reason").and_then(Value::as_str).unwrap_or_default()
}

fn not_done(incident: &Incident) -> String {
    if let Phase::Closed { why: Closure::NotDone { why } } = &incident.phase {
        return nightshift_engine::digest::words::escalation(why);
    }
    format!("{:?}", incident.phase)
}

#[tokio::test]
async fn a_person_asks_and_another_decides() -> anyhow::Result<()> {
    let (alice, bob) = (Signer::new("alice", 1)?, Signer::new("bob", 2)?);
    let (carol, bot) = (Signer::new("carol", 3)?, Signer::new("bot", 4)?);
    let plan = Plan::default().policy("cool_down", "1s");
    let registry = Signer::registry(plan.registry.clone(), &[&alice, &bob, &carol, &bot], 1);
    let house = House::build(Plan { registry, ..plan }).await?;
    let scope = two_good_ones(&house).await?;
    let uid = house.running()?.rules_now()().await.cluster.uid;
    let signed = |signer: &Signer, bend: &dyn Fn(&mut SignedWish)| {
        let mut wish = wish(signer, &house);
        bend(&mut wish);
        wish.signature = signer.signed(&wish.wish().statement(&uid));
        wish
    };
    let plain = |_: &mut SignedWish| ();
    let eve = Signer::new("eve", 9)?;
    let table: Vec<(&str, SignedWish, (u16, &str))> = vec![
        ("not signed", wish(&alice, &house), (401, "bad-proof")),
        ("another's name", SignedWish { person: "bob".into(), ..signed(&alice, &plain) }, (401, "bad-proof")),
        (
            "changed",
            SignedWish { wanted: AskedFor::RollbackTo(3), ..signed(&alice, &plain) },
            (401, "bad-proof"),
        ),
        ("other words", SignedWish { because: "x".into(), ..signed(&alice, &plain) }, (401, "bad-proof")),
        ("nobody", signed(&eve, &plain), (401, "bad-proof")),
        (
            "another cluster",
            {
                let mut w = signed(&alice, &plain);
                w.signature = alice.signed(&w.wish().statement("elsewhere"));
                w
            },
            (401, "bad-proof"),
        ),
        ("who may only look", signed(&carol, &plain), (403, "no-role")),
        ("a machine", signed(&bot, &plain), (403, "service")),
        ("another team's", signed(&alice, &|w| w.namespace = "bank".into()), (403, "no-role")),
        ("no name", signed(&alice, &|w| w.name = "../cart".into()), (400, "bad-name")),
        ("no workload", signed(&alice, &|w| w.kind = Kind::Node), (400, "bad-name")),
        ("another kind", SignedWish { kind: Kind::DaemonSet, ..signed(&alice, &plain) }, (401, "bad-proof")),
        ("no reason", signed(&alice, &|w| w.because = " ".into()), (400, "no-reason")),
        ("long ago", signed(&alice, &|w| w.ts = w.ts - Seconds(900)), (422, "stale-statement")),
    ];
    for (what, wish, expected) in &table {
        let (status, said) = ask(&house, wish).await?;
        assert_eq!((status, reason(&said)), *expected, "{what}: {said}");
    }
    let good = serde_json::to_string(&signed(&alice, &plain))?;
    for (what, body, token, expected) in [
        ("a bearer credential", good.clone(), true, 403),
        ("no JSON", "{".to_owned(), false, 400),
        ("a field too many", good.replacen('{', "{\"risk\":\"low\",", 1), false, 400),
        ("too much", format!("{good}{}", " ".repeat(200_000)), false, 413),
    ] {
        assert_eq!(post(&house, body, token).await?.0, expected, "{what}");
    }
    assert!(house.newest(&scope).await?.is_none(), "nothing was asked so far");

    // What only the cluster can say closes what it opened, and wakes nobody.
    let (status, _) = ask(&house, &signed(&alice, &|w| w.wanted = AskedFor::RollbackTo(9))).await?;
    assert_eq!(status, 202);
    let unknown = not_done(&house.over(&scope).await?);
    assert!(unknown.contains("keeps no revision 9; it has 1, 2 (runs now)"), "{unknown}");

    let asked = signed(&alice, &plain);
    let (status, said) = ask(&house, &asked).await?;
    assert_eq!(status, 202, "{said}");
    let id = said.get("incident").and_then(Value::as_str).context("an incident")?.to_owned();
    assert_eq!(ask(&house, &asked).await?.1, said, "sent twice, it is taken once");
    let proposal = house
        .within("a proposal", async || {
            let newest = house.newest(&scope).await?.filter(|i| i.id.as_str() == id);
            Ok(newest.and_then(|i| i.phase.proposal().cloned()))
        })
        .await?;
    let plan = proposal.plan();
    assert_eq!(plan.proposer, Actor::Person("alice".into()));
    let sealed_wish = plan.wish.as_ref().context("the wish is sealed")?;
    assert!(!sealed_wish.because.contains("hunter2"), "{}", sealed_wish.because);
    let (status, said) = ask(&house, &signed(&bob, &plain)).await?;
    assert_eq!((status, reason(&said)), (409, "proposal-waits"), "{said}");

    // Whoever asked is not enough, by key or by page.
    let own = alice.vote(&proposal, VoteDecision::Approve, 1, house.clock.now());
    assert_eq!(vote(&house, &proposal, &own).await?, (403, "proposer".to_owned()));
    let mut browser = house.person("alice").await?;
    let page = browser.get(&format!("/p/{}", proposal.id())).await?.text;
    assert!(page.contains("Proposed by") && page.contains("alice, who asked for it"), "{page}");
    assert!(browser.form(&page, "/votes").is_none(), "the page offers alice no vote");
    let yes = bob.vote(&proposal, VoteDecision::Approve, 1, house.clock.now());
    assert_eq!(vote(&house, &proposal, &yes).await?.0, 200);
    let over = house.over(&scope).await?;
    assert_eq!(house.verdict(&scope).await?, Outcome::Successful, "{:?}", over.phase);
    assert_eq!((house.writes("cart"), house.arrivals("cart"), house.image("cart").as_str()), (1, 1, "web:1"));

    inverse(&house, &scope, &proposal, &bob).await?;
    house.finish().await?;
    Ok(())
}

async fn vote(
    house: &House,
    proposal: &Proposal,
    vote: &nightshift_model::Vote,
) -> anyhow::Result<(u16, String)> {
    let url = format!("{}/v1/proposals/{}/votes", house.doors()?.origin(), proposal.id());
    let answer = reqwest::Client::new().post(url).json(&posted(vote)).send().await?;
    let status = answer.status().as_u16();
    Ok((status, reason(&answer.json().await.unwrap_or_default()).to_owned()))
}

/// The button on the finished write's page: it asks, in the name of who pressed it, and through the same gate.
async fn inverse(house: &House, scope: &ObjectRef, done: &Proposal, bob: &Signer) -> anyhow::Result<()> {
    let path = format!("/p/{}", done.id());
    let mut carol = house.person("carol").await?;
    let page = carol.get(&path).await?.text;
    assert!(carol.form(&page, "/inverse").is_none(), "who only looks is offered nothing");
    let mut alice = house.person("alice").await?;
    let page = alice.get(&path).await?.text;
    let form = alice.form(&page, "/inverse").context("a form")?.with("because", "it was the network");
    let stolen = carol.cast(&form).await?;
    assert_eq!(stolen.status, 403, "another session's form: {}", stolen.text);
    let foreign = alice.cast(&form.clone().from(Some("https://evil.example"), Some("cross-site"))).await?;
    assert_eq!(foreign.status, 403);
    let asked = alice.cast(&form).await?;
    assert_eq!(asked.status, 200, "{}", asked.text);
    let back = house
        .within("the inverse", async || {
            let newest = house.newest(scope).await?;
            let proposal = newest.and_then(|i| i.phase.proposal().cloned());
            Ok(proposal.filter(|p| p.id() != done.id()))
        })
        .await?;
    assert_eq!(back.plan().wish.as_ref().and_then(|w| w.undoes.clone()), Some(done.id().clone()));
    assert_eq!(back.plan().proposer, Actor::Person("alice".into()));
    let again = alice.cast(&form).await?;
    assert_eq!(again.status, 409, "{}", again.text);
    let yes = bob.vote(&back, VoteDecision::Approve, 1, house.clock.now());
    assert_eq!(vote(house, &back, &yes).await?.0, 200);
    house.over(scope).await?;
    assert_eq!((house.writes("cart"), house.image("cart").as_str()), (2, "web:3"));
    let newest = house.newest(scope).await?.context("an incident")?;
    let wished = |e: &IncidentEvent| matches!(e, IncidentEvent::Wished { wish } if wish.because == "it was the network");
    assert!(house.events(&newest.id).await?.iter().any(wished));
    Ok(())
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The cluster lives in this runtime, which must go on while a command is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_asks_a_server_and_a_file() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let key = |name: &str| folder.path().join(format!("{name}.pem")).display().to_string();
    let mut lines = Vec::new();
    for name in ["alice", "carol", "eve"] {
        let made = program::command()?.args(["person", "key", "new", name, "--out", &key(name)]).output()?;
        ensure!(made.status.success(), "{}", said(&made));
        lines.push(super::signed::entry(&String::from_utf8(made.stdout)?)?);
    }
    let plan = Plan::default();
    let mut registry = Signer::registry(plan.registry.clone(), &[], 1);
    for (person, line) in [(0, 0), (2, 1)] {
        let person = registry.pointer_mut(&format!("/persons/{person}")).and_then(Value::as_object_mut);
        person.context("a person")?.insert("keys".to_owned(), json!([lines.get(line)]));
    }
    let policy = registry.pointer_mut("/policy").and_then(Value::as_object_mut).context("policy")?;
    policy.insert("approvals".to_owned(), json!({}));
    let start = Some(Clock::wall().now() - Seconds(420));
    let mut house = House::build(Plan { start, registry, ..plan }).await?;
    two_good_ones(&house).await?;
    house.stop().await;
    house.catch_up().await;
    let running = house.process().await?;
    let config = house.folder.path().join("nightshift.yaml").display().to_string();
    let propose = |who: &str, to: &str, more: &[&str]| -> anyhow::Result<Output> {
        let words =
            ["propose", "rollback", "deploy/cart", "-n", "shop", "--to", to, "--because", "it is slow"];
        Ok(program::command()?.args(words).args(["--key", &key(who)]).args(more).output()?)
    };
    let (server, file) = (["--server", running.gate.as_str()], ["--config", config.as_str()]);
    for (what, who, to, more, exit, told) in [
        ("no key of the registry", "eve", "1", &server, 1, "bad-token"),
        ("no key of the registry", "eve", "1", &file, 1, "no such key of this person"),
        ("who only looks", "carol", "1", &server, 1, "no-role"),
        ("who only looks", "carol", "1", &file, 1, "carol has no role that may ask"),
        ("no such revision", "alice", "9", &server, 1, "keeps no revision 9; it has 1, 2 (runs now)"),
        ("what runs", "alice", "2", &file, 1, "revision 2 is what Deployment shop/cart runs already"),
    ] {
        let got = propose(who, to, more)?;
        let text = said(&got);
        assert_eq!(got.status.code(), Some(exit), "{what}: {text}");
        assert!(text.contains(told), "{what}: {text}");
    }
    let asked = propose("alice", "1", &[&file[..], &["-o", "json"]].concat())?;
    ensure!(asked.status.success(), "{}", said(&asked));
    let answer: Value = serde_json::from_slice(&asked.stdout)?;
    assert_eq!(answer.get("phase").and_then(Value::as_str), Some("Proposed"), "{answer}");
    let id = answer.get("proposal").and_then(Value::as_str).context("a proposal")?;
    let shown = program::command()?.args(["proposals", "show", id]).args(file).output()?;
    assert!(said(&shown).contains("proposed by alice, who asked for it: it is slow"), "{}", said(&shown));
    let twice = propose("alice", "1", &server)?;
    assert!(twice.status.code() == Some(1) && said(&twice).contains(id), "{}", said(&twice));
    assert_eq!(house.touches("cart"), 0, "asking writes nothing");
    Ok(())
}
