//! Votes that persons sign: over HTTP with everything that can be wrong with them, and with the real program at a real
//! terminal.

use anyhow::{Context as _, ensure};
use nightshift::clock::Clock;
use nightshift_engine::proof::code;
use nightshift_model::{Digest, Proof, Proposal, Seconds, Vote, VoteDecision};
use nightshift_tests::house::{House, Plan, program};
use nightshift_tests::person::Browser;
use nightshift_tests::signer::{Signer, posted};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

struct Gate {
    http: reqwest::Client,
    base: String,
}

impl Gate {
    async fn post(
        &self,
        proposal: &str,
        body: String,
        kind: &str,
        token: bool,
    ) -> anyhow::Result<(u16, Value)> {
        let url = format!("{}/v1/proposals/{proposal}/votes", self.base);
        let mut request = self.http.post(url).header("content-type", kind).body(body);
        if token {
            request = request.bearer_auth("some-token");
        }
        let answer = request.send().await?;
        Ok((answer.status().as_u16(), answer.json().await.unwrap_or_default()))
    }

    async fn vote(&self, vote: &Vote) -> anyhow::Result<(u16, String)> {
        let body = serde_json::to_string(&posted(vote))?;
        let (status, said) = self.post(vote.proposal.as_str(), body, "application/json", false).await?;
        Ok((status, said.get("reason").and_then(Value::as_str).unwrap_or_default().to_owned()))
    }
}

#[tokio::test]
async fn a_signed_vote_counts_and_no_other_does() -> anyhow::Result<()> {
    let (alice, bob) = (Signer::new("alice", 1)?, Signer::new("bob", 2)?);
    let (carol, bot, dan) = (Signer::new("carol", 3)?, Signer::new("bot", 4)?, Signer::new("dan", 5)?);
    let plan = Plan::default();
    let mut registry = plan.registry.clone();
    registry["persons"].as_array_mut().context("persons")?.push(json!({"name": "dan", "roles": ["bank"]}));
    registry["roles"]["bank"] = json!({"owners": ["bank"]});
    registry["owners"]
        .as_array_mut()
        .context("owners")?
        .push(json!({"name": "bank", "namespaces": ["bank"]}));
    let registry = Signer::registry(registry, &[&alice, &bob, &carol, &bot, &dan], 1);
    let house = House::build(Plan { registry, ..plan }).await?;
    let (scope, proposal) = house.proposed("cart").await?;
    let gate = Gate { http: reqwest::Client::new(), base: house.doors()?.origin() };
    let uid = proposal.plan().cluster.uid.clone();
    let now = || house.clock.now();
    let yes = |signer: &Signer| signer.vote(&proposal, VoteDecision::Approve, 1, now());
    let bent = |bend: &dyn Fn(&mut Vote)| {
        let mut vote = yes(&alice);
        bend(&mut vote);
        alice.sign(&mut vote, &uid);
        vote
    };
    let table: Vec<(&str, Vote, (u16, &str))> = vec![
        ("another's name", Vote { person: "bob".into(), ..yes(&alice) }, (401, "bad-proof")),
        ("changed afterwards", Vote { decision: VoteDecision::Deny, ..yes(&alice) }, (401, "bad-proof")),
        (
            "nobody",
            Signer::new("eve", 9)?.vote(&proposal, VoteDecision::Approve, 1, now()),
            (401, "bad-proof"),
        ),
        (
            "our word",
            Vote { proof: Proof::Attested { by: "me".to_owned() }, ..yes(&alice) },
            (401, "bad-proof"),
        ),
        (
            "another cluster",
            {
                let mut v = yes(&alice);
                alice.sign(&mut v, "elsewhere");
                v
            },
            (401, "bad-proof"),
        ),
        ("no such proposal", bent(&|v| v.proposal = "pro-0000000000".into()), (404, "not-found")),
        ("another team's person", yes(&dan), (404, "not-found")),
        ("another digest", bent(&|v| v.digest = Digest([7; 32])), (409, "other-digest")),
        ("who may only look", yes(&carol), (403, "no-role")),
        ("a machine", yes(&bot), (403, "service")),
        ("signed too long ago", bent(&|v| v.at = v.at - Seconds(400)), (422, "stale-statement")),
        ("signed by a fast clock", bent(&|v| v.at = v.at + Seconds(400)), (422, "stale-statement")),
        ("not the next number", bent(&|v| v.no = 2), (409, "not-next")),
        ("nobody at a terminal", bent(&|v| v.interactive = false), (403, "not-interactive")),
        ("nothing to take back", bent(&|v| v.decision = VoteDecision::Withdraw), (409, "not-open")),
    ];
    for (what, vote, expected) in &table {
        let got = gate.vote(vote).await?;
        assert_eq!((got.0, got.1.as_str()), *expected, "{what}");
    }
    let good = serde_json::to_string(&posted(&yes(&alice)))?;
    let id = proposal.id().as_str();
    for (what, body, kind, token, expected) in [
        ("a bearer credential", good.clone(), "application/json", true, 403),
        ("a form", good.clone(), "application/x-www-form-urlencoded", false, 400),
        ("no JSON", "{".to_owned(), "application/json", false, 400),
        ("a field too many", good.replacen('{', "{\"x\":1,", 1), "application/json", false, 400),
        ("a field twice", good.replacen('{', "{\"vote_no\":1,", 1), "application/json", false, 400),
        ("too much", format!("{good}{}", " ".repeat(200_000)), "application/json", false, 413),
    ] {
        assert_eq!(gate.post(id, body, kind, token).await?.0, expected, "{what}");
    }
    house.clock.sleep(Duration::from_secs(60)).await;
    assert_eq!(house.touches("cart"), 0, "no refused vote writes");
    let refused = house.system(&["vote-refused"]).await?.len();
    assert_eq!(refused, 8, "only identified attempts are written down");

    // A signed-in session alone does not approve where policy wants signatures: the page offers only the no.
    let mut browser = house.person("alice").await?;
    let ballot = browser.ballot(&format!("/p/{id}")).await?;
    assert!(!ballot.fields.contains_key("csrf_approve"), "{ballot:?}");
    let attested = browser.cast(&ballot.decide("approve")).await?;
    assert_eq!(attested.status, 403, "{}", attested.text);

    // What was signed is taken once.
    let first = yes(&alice);
    assert_eq!(gate.vote(&Vote { decision: VoteDecision::Deny, ..first.clone() }).await?.0, 401);
    assert_eq!(gate.vote(&first).await?.0, 200);
    let twice = gate.vote(&first).await?;
    assert!([(409, "already-voted"), (409, "not-open")].contains(&(twice.0, twice.1.as_str())), "{twice:?}");
    house.over(&scope).await?;
    assert_eq!((house.writes("cart"), house.arrivals("cart")), (1, 1));
    house.finish().await?;
    Ok(())
}

#[tokio::test]
async fn a_vote_replayed_after_it_was_taken_back_is_refused() -> anyhow::Result<()> {
    let (alice, bob) = (Signer::new("alice", 1)?, Signer::new("bob", 2)?);
    let plan = Plan::default();
    let registry = Signer::registry(plan.registry.clone(), &[&alice, &bob], 2);
    let house = House::build(Plan { registry, ..plan }).await?;
    let (_, proposal) = house.proposed("cart").await?;
    let gate = Gate { http: reqwest::Client::new(), base: house.doors()?.origin() };
    let first = alice.vote(&proposal, VoteDecision::Approve, 1, house.clock.now());
    assert_eq!(gate.vote(&first).await?.0, 200);
    let back = alice.vote(&proposal, VoteDecision::Withdraw, 2, house.clock.now());
    assert_eq!(gate.vote(&back).await?.0, 200);
    assert_eq!(gate.vote(&first).await?, (409, "not-next".to_owned()));
    assert_eq!(gate.vote(&back).await?, (409, "not-open".to_owned()));
    let bobs = bob.vote(&proposal, VoteDecision::Approve, 1, house.clock.now());
    assert_eq!(gate.vote(&bobs).await?.0, 200);
    house.clock.sleep(Duration::from_secs(60)).await;
    assert_eq!(house.touches("cart"), 0, "one of two");

    // The sealed bytes and the votes are for who signs for them, and for nobody else.
    let path = format!("/v1/proposals/{}/sealed", proposal.id());
    let url = format!("{}{path}", gate.base);
    assert_eq!(gate.http.get(&url).send().await?.status(), 401);
    let (input, signature) = alice.headers(&path, house.clock.now());
    let ask = |input: String, signature: String, url: &str| {
        gate.http.get(url).header("signature-input", input).header("signature", signature).send()
    };
    let bytes = ask(input.clone(), signature.clone(), &url).await?.bytes().await?;
    assert_eq!(bytes, proposal.bytes().as_bytes());
    assert_eq!(ask(input.clone(), signature.clone(), &format!("{url}?x=1")).await?.status(), 401);
    let votes = url.replace("/sealed", "/votes");
    assert_eq!(ask(input, signature, &votes).await?.status(), 401, "signed for another path");
    house.finish().await?;
    Ok(())
}

/// The page to make a passkey carries a challenge with its time: what is answered too late makes no line, whatever it holds.
#[tokio::test]
async fn a_page_for_a_passkey_that_is_too_old_makes_none_and_offers_a_new_one() -> anyhow::Result<()> {
    let mut plan = Plan::default();
    plan.registry["passkeys"] = json!({"rp_id": "localhost", "origins": ["http://localhost:8080"]});
    let house = House::build(plan).await?;
    let mut alice = house.person("alice").await?;
    let page = alice.get("/passkey").await?;
    let form = alice.form(&page.text, "/passkey").context("no form")?;
    let form = form.with("attestation", "AAAA").with("client_data", "e30");
    let fresh = alice.cast(&form).await?;
    assert_eq!(fresh.status, 422, "{}", fresh.text);
    assert!(fresh.text.contains("The passkey cannot be used"), "in time it is read: {}", fresh.text);

    house.clock.sleep(Duration::from_secs(310)).await;
    let late = alice.cast(&form).await?;
    assert_eq!(late.status, 422, "{}", late.text);
    assert!(
        late.text.contains("This page is too old. Make the passkey within five minutes."),
        "{}",
        late.text
    );
    assert!(late.text.contains("No passkey was taken.") && !late.text.contains("cannot be used"));
    assert_eq!(late.text.matches(">Try again<").count(), 1, "one next step: {}", late.text);
    // A younger time does not fit the token that was made for the older one.
    let now = house.clock.now().to_string();
    let moved = alice.cast(&form.clone().with("ts", &now)).await?;
    assert!(moved.status == 422 && !moved.text.contains("cannot be used"), "{}", moved.text);
    let again = alice.get("/passkey").await?;
    let again = alice.form(&again.text, "/passkey").context("no form")?;
    assert_ne!(again.fields["ts"], form.fields["ts"], "the page of now has a time of now");
    let foreign = again.with("attestation", "AAAA").with("client_data", "e30");
    let foreign = foreign.from(Some("https://evil.example"), Some("cross-site"));
    assert_eq!(alice.cast(&foreign).await?.status, 403);
    house.finish().await.map(drop)
}

/// What `person key new` printed, as the registry takes it. Its time lies after the proposal's, so it is left out.
pub(crate) fn entry(line: &str) -> anyhow::Result<Value> {
    let field = |name: &str| {
        let rest = line.split_once(&format!("{name}: ")).map(|(_, rest)| rest).context("no such field")?;
        let word = rest.split([',', ' ', '}']).next().unwrap_or_default();
        anyhow::Ok(word.trim_matches('"').to_owned())
    };
    Ok(json!({"kind": field("kind")?, "id": field("id")?, "alg": field("alg")?, "public": field("public")?}))
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// `nightshift` at a terminal of its own, with what a person types.
fn at_terminal(words: &[&str], typed: &str) -> anyhow::Result<Output> {
    let program = program::binary()?;
    let line: Vec<String> = std::iter::once(program.display().to_string().as_str())
        .chain(words.iter().copied())
        .map(|word| format!("'{word}'"))
        .collect();
    let mut command = Command::new("script");
    command.args(["-qec", &line.join(" "), "/dev/null"]).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("stdin")?.write_all(format!("{typed}\n").as_bytes())?;
    Ok(child.wait_with_output()?)
}

fn unattended(words: &[&str]) -> anyhow::Result<Output> {
    Ok(program::command()?.args(words).output()?)
}

async fn waiting(key: Value) -> anyhow::Result<(House, Proposal)> {
    let start = Some(Clock::wall().now() - Seconds(420));
    let plan = Plan::default();
    let mut registry = Signer::registry(plan.registry.clone(), &[], 1);
    let first = registry.pointer_mut("/persons/0").and_then(Value::as_object_mut).context("alice")?;
    first.insert("keys".to_owned(), json!([key]));
    let mut house = House::build(Plan { start, registry, ..plan }).await?;
    let (_, proposal) = house.proposed("cart").await?;
    house.stop().await;
    house.catch_up().await;
    Ok((house, proposal))
}

#[tokio::test]
async fn a_person_signs_at_a_terminal() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let key = folder.path().join("alice.pem");
    let key = key.to_str().context("a path")?;
    let made = unattended(&["person", "key", "new", "alice", "--out", key])?;
    ensure!(made.status.success(), "{}", said(&made));
    let text = String::from_utf8(made.stdout)?;
    let line = text.lines().find(|l| l.trim().starts_with("- { kind: ed25519")).context("no line")?;
    let (house, proposal) = waiting(entry(line)?).await?;
    let running = house.process().await?;
    let (id, gate) = (proposal.id().as_str(), running.gate.as_str());
    let whole = proposal.digest().to_string();
    let approve = ["approve", id, "--server", gate, "--key", key];

    let nobody = unattended(&approve)?;
    assert_eq!(nobody.status.code(), Some(2), "{}", said(&nobody));
    let refused = unattended(&[&approve[..], &["--digest", &whole]].concat())?;
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(said(&refused).contains("not-interactive"), "{}", said(&refused));
    let other = unattended(&[&approve[..], &["--digest", &"0".repeat(64)]].concat())?;
    assert!(said(&other).contains("not the one that you named"), "{}", said(&other));
    let wrong = at_terminal(&approve, "----")?;
    assert_eq!(wrong.status.code(), Some(1), "{}", said(&wrong));
    let shown = said(&wrong);
    for part in ["web:2", "web:1", "What will change", &whole, &code(proposal.digest()), "the code is wrong"]
    {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    house.clock.sleep_real(Duration::from_secs(2)).await;
    assert_eq!(house.touches("cart"), 0);

    let yes = at_terminal(&approve, &code(proposal.digest()).to_lowercase())?;
    assert!(yes.status.success() && said(&yes).contains("You approved"), "{}", said(&yes));
    house.within("a write", async || Ok((house.writes("cart") == 1).then_some(()))).await?;
    assert_eq!(house.arrivals("cart"), 1);
    let late = at_terminal(&["withdraw", id, "--server", gate, "--key", key], &code(proposal.digest()))?;
    assert_eq!(late.status.code(), Some(1), "{}", said(&late));

    let mut browser = Browser::new(gate)?;
    browser.sign_in(&running.invite("alice")?).await?;
    let page = browser.get(&format!("/p/{id}")).await?;
    assert!(page.text.contains("ed25519"), "the page says how the vote was proven");
    let log = std::fs::read_to_string(house.folder.path().join("log.jsonl"))?;
    let secret = std::fs::read_to_string(Path::new(key))?;
    let secret = secret.lines().nth(2).and_then(|l| l.get(20..)).context("the key's text")?;
    assert!(!log.contains(secret) && !text.contains(secret), "the private part is nowhere");
    Ok(())
}
