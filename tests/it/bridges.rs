//! Votes that a chat bot or a pager's automation carries: over HTTP with everything that can be wrong with them, and with
//! the commands that docs/deciding.md shows.

use anyhow::{Context as _, ensure};
use nightshift::clock::Clock;
use nightshift::store::{OpenMode, SqliteStore};
use nightshift_model::{
    BridgeId, Digest, IncidentEvent, Phase, Proof, Proposal, Seconds, SystemEvent, VoteDecision as D,
};
use nightshift_tests::carrier::{Carrier, Letter};
use nightshift_tests::house::{House, Plan};
use nightshift_tests::signer::{Signer, posted};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::cell::Cell;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How a message of the table is made.
type Make<'a> = &'a dyn Fn() -> anyhow::Result<Letter>;

/// A registry with a team besides, and with bridges.
fn registry(mut registry: Value, bridges: &[Value]) -> anyhow::Result<Value> {
    let parts = registry.as_object_mut().context("a registry")?;
    for (name, entry) in [
        ("persons", json!({"name": "dan", "roles": ["bank"]})),
        ("owners", json!({"name": "bank", "namespaces": ["bank"]})),
    ] {
        parts.get_mut(name).and_then(Value::as_array_mut).context("a list")?.push(entry);
    }
    let roles = parts.get_mut("roles").and_then(Value::as_object_mut).context("roles")?;
    roles.insert("bank".to_owned(), json!({"owners": ["bank"]}));
    parts.insert("bridges".to_owned(), bridges.into());
    Ok(registry)
}

fn reason(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1.get("reason").and_then(Value::as_str).unwrap_or_default())
}

#[tokio::test]
async fn a_bridge_carries_a_vote_once_and_the_executor_acts_on_it() -> anyhow::Result<()> {
    let chat = Carrier::new("chatbot", 1)?;
    let plan = Plan::default();
    let registry = registry(plan.registry.clone(), &[chat.entry("shop")])?;
    let mut house = House::build(Plan { registry, ..plan }).await?;
    let (scope, proposal) = house.proposed("cart").await?;
    let http = reqwest::Client::new();
    let yes = Carrier::vote(&proposal, "alice", D::Approve);
    let letter = |house: &House| chat.letter("msg_1", &yes, house.clock.now());

    // Two that come at once are one vote, and one answer.
    let (gate, sent) = (house.doors()?.origin(), letter(&house)?);
    let (first, twin) = tokio::join!(sent.send(&http, &gate), sent.send(&http, &gate));
    let first = first?;
    assert_eq!((first.0, first.1.get("decision")), (200, Some(&json!("approve"))), "{first:?}");
    assert_eq!(first, twin?);
    let incident = house.over(&scope).await?;
    assert!(matches!(&incident.phase, Phase::Closed { .. }), "{:?}", incident.phase);
    assert_eq!((house.writes("cart"), house.arrivals("cart")), (1, 1));
    let page = house.person("alice").await?.get(&format!("/p/{}", proposal.id())).await?;
    assert!(page.text.contains("attested by bridge chatbot"), "the page says who said it");

    // The same message again, signed anew, also after a restart, and when only its answer was lost.
    assert_eq!(letter(&house)?.send(&http, &house.doors()?.origin()).await?, first);
    house.stop().await;
    house.start().await?;
    assert_eq!(letter(&house)?.send(&http, &house.doors()?.origin()).await?, first);
    let body = letter(&house)?.body;
    let store = SqliteStore::open(house.file(), OpenMode::ReadWrite).await?;
    let hash = Digest(Sha256::digest(&body).into());
    let much_later = house.clock.now() + Seconds(200_000);
    assert_eq!(store.bridge_hear(&BridgeId::from("chatbot"), "msg_1", hash, much_later).await?, None);
    store.close().await;
    let sent = chat.sign(proposal.id().as_str(), "msg_1", body, house.clock.now());
    let again = sent.send(&http, &house.doors()?.origin()).await?;
    assert_eq!((again.0, again.1.get("decision")), (200, Some(&json!("approve"))), "{again:?}");
    let votes = house.events(&incident.id).await?;
    let votes: Vec<&Proof> = votes
        .iter()
        .filter_map(|event| if let IncidentEvent::Voted { vote } = event { Some(&vote.proof) } else { None })
        .collect();
    assert!(matches!(votes.as_slice(), [Proof::Bridge { .. }]), "{votes:?}");
    assert_eq!((house.writes("cart"), house.arrivals("cart")), (1, 1));
    house.finish().await?;
    Ok(())
}

#[tokio::test]
async fn what_a_bridge_must_not_do_is_refused() -> anyhow::Result<()> {
    let (chat, bank) = (Carrier::new("chatbot", 1)?, Carrier::new("bank", 2)?);
    let (old, eve, pager) = (Carrier::new("old", 3)?, Carrier::new("chatbot", 9)?, Carrier::new("pager", 4)?);
    let mut revoked = old.entry("shop");
    revoked["keys"][0]["revoked"] = json!("2026-03-01T00:00:00Z");
    let two = json!({"approve": 2, "min_proof": "attested"});
    let approvals = json!({"low": two, "medium": two, "high": {"approve": 2, "min_proof": "signed"}});
    let plan = Plan::default().policy("approvals", approvals);
    let bridges = [chat.entry("shop"), bank.entry("bank"), revoked, pager.entry("looker")];
    let registry = registry(plan.registry.clone(), &bridges)?;
    let house = House::build(Plan { registry, ..plan }).await?;
    let (scope, proposal) = house.proposed("cart").await?;
    let (http, gate) = (reqwest::Client::new(), house.doors()?.origin());
    let yes = |person: &str| Carrier::vote(&proposal, person, D::Approve);
    let now = || house.clock.now();
    let id = proposal.id().as_str();
    let number = Cell::new(0);
    // Signed when it is sent: this clock runs fast.
    let by = |who: &Carrier, person: &str| {
        number.set(number.get() + 1);
        who.letter(&format!("msg_{}", number.get()), &yes(person), now())
    };
    let good = || by(&chat, "alice");
    let any = |id_: &str, body: String| anyhow::Ok(chat.sign(id, id_, body, now()));
    let bent = |id_: &str, bend: &dyn Fn(&mut Value)| {
        let mut body = serde_json::from_str(&good()?.body)?;
        bend(&mut body);
        any(id_, body.to_string())
    };
    let elsewhere = || {
        let mut vote = yes("alice");
        vote.proposal = "pro-0000000000".into();
        chat.letter("unknown", &vote, now())
    };
    let secret = "password=hunter2-hunter2-hunter2";
    let own = Signer::new("alice", 5)?;
    let signed = || serde_json::to_string(&posted(&own.vote(&proposal, D::Approve, 1, now())));
    let table: &[(&str, Make, (u16, &str))] = &[
        ("a shared secret", &|| Ok(good()?.symmetric(&[7; 32])), (401, "symmetric-signature")),
        ("another's key", &|| by(&eve, "alice"), (401, "unknown-bridge")),
        ("a revoked bridge", &|| by(&old, "alice"), (401, "unknown-bridge")),
        ("another body", &|| Ok(good()?.body("alice", "bob")), (401, "unknown-bridge")),
        ("another id", &|| Ok(good()?.header("webhook-id", Some("msg_x"))), (401, "unknown-bridge")),
        ("no signature", &|| Ok(good()?.header("webhook-signature", None)), (400, "bad-body")),
        ("no id", &|| Ok(good()?.header("webhook-id", None)), (400, "bad-body")),
        ("no time", &|| Ok(good()?.header("webhook-timestamp", None)), (400, "bad-body")),
        ("two ids", &|| Ok(good()?.twice("webhook-id")), (400, "bad-body")),
        ("two signatures", &|| Ok(good()?.twice("webhook-signature")), (400, "bad-body")),
        ("too old", &|| chat.letter("o", &yes("alice"), now() - Seconds(400)), (422, "stale-statement")),
        ("too new", &|| chat.letter("n", &yes("alice"), now() + Seconds(400)), (422, "stale-statement")),
        ("another path", &|| Ok(good()?.to("pro-0000000000")), (400, "bad-body")),
        ("no such proposal", &elsewhere, (404, "not-found")),
        ("another team's bridge", &|| by(&bank, "alice"), (404, "not-found")),
        ("a bridge that may only look", &|| by(&pager, "alice"), (403, "no-role")),
        ("a machine", &|| by(&chat, "bot"), (403, "service")),
        ("who may only look", &|| by(&chat, "carol"), (403, "no-role")),
        ("another team's person", &|| by(&chat, "dan"), (403, "no-role")),
        ("nobody", &|| by(&chat, "eve"), (403, "no-role")),
        (
            "a bearer credential",
            &|| Ok(good()?.header("authorization", Some("Bearer x"))),
            (403, "token-never-votes"),
        ),
        ("a form", &|| Ok(good()?.header("content-type", Some("text/plain"))), (400, "bad-body")),
        ("no JSON", &|| any("j", "{".to_owned()), (400, "bad-body")),
        ("another kind", &|| bent("k", &|b| b["type"] = json!("proposal.waits")), (400, "bad-body")),
        ("a field too many", &|| bent("f", &|b| b["data"]["vote_no"] = json!(1)), (400, "bad-body")),
        ("a secret", &|| bent("s", &|b| b["data"]["reason"] = json!(secret)), (400, "bad-body")),
        ("two lines", &|| bent("t", &|b| b["data"]["reason"] = json!("a\nb")), (400, "bad-body")),
        ("too much", &|| any("l", format!("{}{}", good()?.body, " ".repeat(5_000))), (413, "too-large")),
        (
            "another digest",
            &|| bent("d", &|b| b["data"]["digest"] = json!("07".repeat(32))),
            (409, "other-digest"),
        ),
        (
            "nothing to take back",
            &|| bent("w", &|b| b["data"]["decision"] = json!("withdraw")),
            (409, "not-open"),
        ),
        ("a person's own vote in a bridge's envelope", &|| any("p", signed()?), (400, "bad-body")),
    ];
    let mut foreign = Vec::new();
    for (what, letter, expected) in table {
        let got = letter()?.send(&http, &gate).await?;
        assert_eq!(reason(&got), *expected, "{what}: {got:?}");
        if got.0 == 404 {
            foreign.push(got.1);
        }
    }
    assert!(
        foreign.windows(2).all(|pair| pair[0] == pair[1]),
        "unknown and foreign are one answer: {foreign:?}"
    );
    let rows = house.system(&["vote-refused"]).await?;
    let by_bridge = |row: &SystemEvent| matches!(row, SystemEvent::VoteRefused { bridge: Some(b), .. } if b.as_str() != "old");
    assert_eq!((rows.len(), rows.iter().filter(|row| by_bridge(row)).count()), (7, 7), "{rows:?}");

    // A bridge's proof in the form of a person's own vote is nobody's signature.
    let proof =
        json!({"proof": "bridge", "bridge": "chatbot", "id": "msg_1", "body": good()?.body, "signature": ""});
    let forged = json!({"decision": "approve", "digest": proposal.digest(), "person": "alice", "vote_no": 1,
        "ts": now(), "interactive": true, "proof": proof});
    let url = format!("{gate}/v1/proposals/{id}/votes");
    assert_eq!(http.post(&url).json(&forged).send().await?.status(), 401);

    // One bridge counts once, whoever it names; a no counts always, and ends it.
    let first = by(&chat, "alice")?;
    assert_eq!(first.send(&http, &gate).await?.0, 200);
    let second = by(&chat, "bob")?.send(&http, &gate).await?;
    assert_eq!(reason(&second), (409, "bridge-counted"));
    let used = first.headers.iter().find(|(name, _)| *name == "webhook-id").context("an id")?.1.clone();
    let other = chat.letter(&used, &yes("bob"), now())?.send(&http, &gate).await?;
    assert_eq!(reason(&other), (409, "id-used"));
    house.clock.sleep(Duration::from_secs(60)).await;
    assert_eq!(house.touches("cart"), 0, "one of two");
    let deny = chat.letter("no", &Carrier::vote(&proposal, "alice", D::Deny), now())?;
    let denied = deny.send(&http, &gate).await?;
    assert_eq!(denied.0, 200, "{denied:?}");
    house.incident("a denial", &scope, |i| matches!(i.phase, Phase::Escalated { .. })).await?;
    let late = by(&chat, "bob")?.send(&http, &gate).await?;
    assert_eq!(reason(&late), (409, "not-open"), "a proposal that was denied");
    let again = chat.letter("no", &Carrier::vote(&proposal, "alice", D::Deny), now())?;
    assert_eq!(again.send(&http, &gate).await?, denied, "a message is answered once and for all");
    assert_eq!(house.touches("cart"), 0);
    house.finish().await?;
    Ok(())
}

#[tokio::test]
async fn where_policy_wants_signatures_a_bridge_says_no_and_never_yes() -> anyhow::Result<()> {
    let chat = Carrier::new("chatbot", 1)?;
    let alice = Signer::new("alice", 2)?;
    let plan = Plan::default();
    let registry = registry(Signer::registry(plan.registry.clone(), &[&alice], 1), &[chat.entry("shop")])?;
    let house = House::build(Plan { registry, ..plan }).await?;
    let (scope, proposal) = house.proposed("cart").await?;
    let (http, gate) = (reqwest::Client::new(), house.doors()?.origin());
    let say =
        |id: &str, decision| chat.letter(id, &Carrier::vote(&proposal, "alice", decision), house.clock.now());
    let yes = say("yes", D::Approve)?.send(&http, &gate).await?;
    assert_eq!(reason(&yes), (403, "controls-missing"));
    house.clock.sleep(Duration::from_secs(60)).await;
    assert_eq!(say("no", D::Deny)?.send(&http, &gate).await?.0, 200);
    house.incident("a denial", &scope, |i| matches!(i.phase, Phase::Escalated { .. })).await?;
    assert_eq!(house.touches("cart"), 0);
    house.finish().await?;
    Ok(())
}

/// The two blocks of the page's section, as they stand there.
fn shown() -> anyhow::Result<(String, String)> {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/deciding.md"))?;
    let (_, section) = page.split_once("## Votes that a bridge carries").context("the section")?;
    let mut blocks =
        section.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```").map(|(b, _)| b));
    Ok((blocks.next().context("a key")?.to_owned(), blocks.next().context("a vote")?.to_owned()))
}

fn shell(folder: &Path, script: &str, with: &[(&str, &str)]) -> anyhow::Result<String> {
    let mut command = Command::new("bash");
    command.current_dir(folder).args(["-euc", script]).envs(with.iter().copied());
    let output = command.output().context("bash, openssl and curl are needed")?;
    ensure!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// The real program with a registry in a file, and a bot that is two commands of OpenSSL and one of curl.
#[tokio::test]
async fn the_commands_of_the_page_carry_a_vote() -> anyhow::Result<()> {
    let (make, vote) = shown()?;
    let folder = tempfile::tempdir()?;
    let public = shell(folder.path(), &make, &[])?;
    let entry = json!({"name": "chatbot", "roles": ["shop"], "keys": [{"public": public.trim()}]});
    let plan = Plan::default();
    let registry = registry(plan.registry.clone(), &[entry])?;
    let start = Some(Clock::wall().now() - Seconds(420));
    let mut house = House::build(Plan { start, registry, ..plan }).await?;
    let (_, proposal): (_, Proposal) = house.proposed("cart").await?;
    house.stop().await;
    house.catch_up().await;
    let running = house.process().await?;
    let digest = proposal.digest().to_string();
    let with = [("GATE", running.gate.as_str()), ("PROPOSAL", proposal.id().as_str()), ("DIGEST", &digest)];
    let answer = shell(folder.path(), &vote, &with)?;
    ensure!(answer.contains("\"decision\":\"approve\""), "{answer}");
    house.within("a write", async || Ok((house.writes("cart") == 1).then_some(()))).await?;
    assert_eq!(house.arrivals("cart"), 1);
    Ok(())
}
