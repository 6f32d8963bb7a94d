//! A start with other persons and another policy: whoever voted hears that it is void, and everybody hears what changed,
//! once.

use nightshift::config::Config;
use nightshift::runtime::tell;
use nightshift_model::{IncidentEvent, Phase, SystemEvent, Withdrawal};
use nightshift_tests::house::{House, Plan};
use nightshift_tests::voices::Voices;
use serde_json::{Value, json};

/// A line of a public key, of which no message says more than a fingerprint.
const KEY: &str = "c4naryPublicKeyOfDave00000000000000000000000";

/// Three must say yes, so that two yeses wait.
fn plan() -> Plan {
    let three = json!({"approve": 3, "min_proof": "attested"});
    Plan::default().policy("approvals", json!({"low": three, "medium": three, "high": three}))
}

/// alice only looks from now on, carol left, dave came, and one number is another.
fn other(registry: &mut Value) {
    if let Some(persons) = registry.get_mut("persons").and_then(Value::as_array_mut) {
        persons.retain(|person| person["name"] != "carol");
        for person in persons.iter_mut().filter(|person| person["name"] == "alice") {
            person["roles"] = json!(["looker"]);
        }
        let key = json!({"kind": "ed25519", "id": "dave-1", "public": KEY, "alg": "EdDSA"});
        persons.push(json!({"name": "dave", "roles": ["shop"], "keys": [key]}));
    }
    if let Some(policy) = registry.get_mut("policy").and_then(Value::as_object_mut) {
        policy.insert("cool_down".to_owned(), json!("7m"));
    }
}

fn lines(data: &Value) -> Vec<String> {
    let lines = data["lines"].as_array().cloned().unwrap_or_default();
    lines.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_changed_registry_is_told_once_and_says_who_must_vote_again() -> anyhow::Result<()> {
    let mut house = House::build(plan()).await?;
    let heard = Voices::open(0).await?;
    let folder = tempfile::tempdir()?;
    let text = json!({"notify": heard.hook(folder.path())?}).to_string();
    let config = Config::parse(&folder.path().join("nightshift.yaml"), &text)?;
    house.speak(tell::voices(&config.notify, &config.network)?)?;
    let (scope, proposal) = house.proposed("cart").await?;
    house.approve("alice", &proposal).await?;
    house.approve("bob", &proposal).await?;
    house.within("the page", async || Ok((heard.actions() == ["trigger"]).then_some(()))).await?;
    assert!(heard.hooked("policy.changed").is_empty(), "the first start changes nothing");
    house.stop().await;

    house.register(other);
    house.start().await?;
    house.speak(tell::voices(&config.notify, &config.network)?)?;
    let told = async || Ok(heard.hooked("policy.changed").first().cloned());
    let told = house.within("what changed", told).await?;
    assert_eq!(told["title"], "Persons, policy, playbooks or mode changed");
    let said = lines(&told);
    assert_eq!(said[0], "person alice: role shop -> role looker");
    assert_eq!(said[1], "person carol removed; it was: role looker");
    assert!(said[2].starts_with("person dave added: role shop, ed25519 key "), "{said:#?}");
    assert_eq!(said[3], "policy cool_down: 15m -> 7m");
    assert_eq!(told["count"], 4);

    // The proposal is made anew, and its thread says why.
    let anew = |i: &nightshift_model::Incident| matches!(&i.phase, Phase::Proposed { proposal: p, votes } if p.id() != proposal.id() && votes.is_empty());
    let incident = house.incident("a new proposal", &scope, anew).await?;
    let withdrawn = IncidentEvent::Withdrawn { why: Withdrawal::PolicyChanged };
    assert!(house.events(&incident.id).await?.contains(&withdrawn));
    let again = async || {
        let updates = [heard.hooked("incident.update"), heard.hooked("incident.post")].concat();
        let says = |data: &&Value| lines(data).iter().any(|line| line.starts_with("To vote again"));
        Ok(updates.iter().find(says).cloned())
    };
    let update = house.within("who must vote again", again).await?;
    assert_eq!(update["incident"], json!(incident.id));
    let said = lines(&update);
    assert_eq!(
        said[0],
        "Votes are void: persons, policy, playbooks or mode changed. The yes of alice and bob counts no more."
    );
    assert_eq!(said[1], "To vote again on what is proposed next: bob.");
    assert_eq!(said[2], "Not asked any more, by the registry of now: alice.");
    house.stop().await;

    // The same files again: nothing is said, and the digest tells the night in one line.
    house.start().await?;
    house.speak(tell::voices(&config.notify, &config.network)?)?;
    let running = house.running()?;
    let rows = running.store().outbox_next().await?;
    assert!(rows.is_none_or(|due| due > house.clock.now()), "nothing waits to be said: {rows:?}");
    let started = house.system(&["started"]).await?.len();
    assert_eq!(started, 6, "both roles, three times");
    let changed = house.system(&["policy-changed"]).await?;
    assert_eq!(changed.len(), 2, "the first start, and the one with other files");
    assert!(matches!(changed[0], SystemEvent::PolicyChanged { before: None, .. }));
    house.clock.sleep_real(std::time::Duration::from_millis(500)).await;
    assert_eq!(heard.hooked("policy.changed").len(), 1);
    assert!(heard.posts().is_empty(), "the table posts nothing there");
    for event in heard.events() {
        assert!(!event.body.to_string().contains("cool_down"), "it never pages: {}", event.body);
    }
    let digests = tell::digests(
        running,
        nightshift::stages::digest::Daily {
            at: jiff::civil::time(8, 0, 0, 0),
            zone: jiff::tz::TimeZone::UTC,
        },
    );
    let now = house.clock.now();
    let digest = digests.tell(now - nightshift_model::Seconds(86_400), now).await?;
    let text = nightshift_engine::digest::text(&digest, 2_000);
    let about: Vec<&str> = text.lines().filter(|line| line.contains("playbooks or mode changed")).collect();
    let [line] = about.as_slice() else { anyhow::bail!("{text}") };
    assert!(line.contains("person alice: role shop -> role looker; person carol removed"), "{line}");
    assert!(line.contains("policy cool_down: 15m -> 7m"), "{line}");

    let file = house.file();
    house.stop().await;
    let said = heard.all();
    let kept = ["history.db", "history.db-wal"]
        .map(|name| std::fs::read(file.with_file_name(name)).unwrap_or_default());
    for bytes in kept.iter().map(Vec::as_slice).chain([said.as_bytes()]) {
        assert!(!bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()), "a key stands somewhere");
    }
    house.finish().await.map(drop)
}
