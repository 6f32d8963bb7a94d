use super::*;
use crate::Rules;
use serde_json::json;

fn registry(change: impl FnOnce(&mut Value)) -> Registry {
    let mut all = json!({
        "persons": [
            {"name": "alice", "roles": ["shop"], "keys": [
                {"kind": "ed25519", "id": "k1", "public": "c4nary-public-one", "alg": "EdDSA"},
            ]},
            {"name": "bot", "kind": "service", "roles": ["shop"]},
        ],
        "roles": {"shop": {"owners": ["shop"]}, "all": {"owners": ["*"], "may": ["view", "approve", "admin"]}},
        "owners": [
            {"name": "shop", "namespaces": ["shop", "shop-*"]}, {"name": "bank", "namespaces": ["bank"]},
        ],
        "bridges": [{"name": "chatbot", "roles": ["shop"], "keys": [{"public": "whpk_c4nary"}]}],
        "passkeys": {"rp_id": "gate.example.com", "origins": ["https://gate.example.com"]},
    });
    change(&mut all);
    serde_json::from_value(all).unwrap()
}

fn mode() -> Mode {
    Mode::Approve { namespaces: vec!["shop".to_owned()] }
}

fn said(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let playbooks = Catalog::embedded();
    let (before, after) = (registry(|_| {}), registry(change));
    assert_ne!(
        Rules::policy_digest(&before, &playbooks, &mode()),
        Rules::policy_digest(&after, &playbooks, &mode()),
        "only what voids votes is told here"
    );
    changes(Some(&facts(&before, &playbooks, &mode())), Some(&facts(&after, &playbooks, &mode())))
}

#[test]
fn every_change_that_voids_votes_is_said_by_name() {
    let bob = |all: &mut Value| {
        all["persons"]
            .as_array_mut()
            .unwrap()
            .push(json!({"name": "bob", "roles": ["shop", "all"], "slack": "U1"}));
    };
    assert_eq!(said(bob), ["person bob added: role shop, role all, Slack member U1"]);
    let gone = |all: &mut Value| drop(all["persons"].as_array_mut().unwrap().remove(1));
    assert_eq!(said(gone), ["person bot removed; it was: a service, which never votes, role shop"]);
    assert_eq!(
        said(|all| all["persons"][0]["roles"] = json!(["shop", "all"])),
        ["person alice: now role all"]
    );
    assert_eq!(
        said(|all| all["roles"]["shop"]["may"] = json!(["view"])),
        ["role shop: no longer may approve"]
    );
    assert_eq!(
        said(|all| all["owners"][1]["namespaces"] = json!(["vault"])),
        ["owner bank: namespace bank -> namespace vault"]
    );
    assert_eq!(said(|all| all["policy"] = json!({"cool_down": "5m"})), ["policy cool_down: 15m -> 5m"]);
    let rule = |all: &mut Value| {
        let one = |proof: &str| json!({"approve": 1, "min_proof": proof});
        let (one, weak) = (one("signed"), one("attested"));
        all["policy"] = json!({"approvals": {"low": weak, "medium": weak, "high": one}});
    };
    assert_eq!(said(rule), ["policy approvals.high.approve: 2 -> 1"]);
    assert_eq!(
        said(|all| all["passkeys"]["origins"] = json!(["https://gate.example.org"])),
        ["passkeys: now origin https://gate.example.org; no longer origin https://gate.example.com"]
    );
    assert_eq!(
        said(|all| all["owners"].as_array_mut().unwrap().reverse()),
        ["owners stand in another order, and the first that matches counts: bank, shop"]
    );
}

#[test]
fn of_a_key_no_more_than_a_fingerprint_is_noted_or_said() {
    let other = |all: &mut Value| {
        all["persons"][0]["keys"][0]["public"] = json!("c4nary-public-two");
        all["bridges"][0]["keys"] = json!([{"public": "whpk_c4nary2"}]);
    };
    let lines = said(other);
    assert!(
        lines[0].starts_with("person alice: now ed25519 key ")
            && lines[0].contains("; no longer ed25519 key ")
    );
    assert!(lines[1].starts_with("bridge chatbot: now key "), "{lines:?}");
    let revoked = said(|all| all["persons"][0]["keys"][0]["revoked"] = json!("2026-03-01T00:00:00Z"));
    assert!(revoked[0].contains(" revoked 2026-03-01T00:00:00Z; no longer"), "{revoked:?}");
    let kept = serde_json::to_string(&facts(&registry(other), &Catalog::embedded(), &mode())).unwrap();
    assert!(!kept.contains("c4nary") && !lines.concat().contains("c4nary"), "{kept}");
}

#[test]
fn a_mode_and_a_playbook_are_said_too() {
    let (registry, playbooks) = (registry(|_| {}), Catalog::embedded());
    let was = facts(&registry, &playbooks, &mode());
    let observing = facts(&registry, &playbooks, &Mode::Observe);
    assert_eq!(changes(Some(&was), Some(&observing)), ["mode: approve in shop -> observe"]);
    let mut edited = was.clone();
    let playbook = edited.0.get_mut(&Topic::Playbook).unwrap().values_mut().next().unwrap();
    playbook[0] = "other".to_owned();
    assert_eq!(changes(Some(&was), Some(&edited)), ["playbook delete-pod changed"]);
    assert!(changes(Some(&was), Some(&was)).is_empty());
    assert!(changes(None, Some(&was))[0].starts_with("what differs cannot be told"));
}

#[test]
fn hostile_names_and_long_lists_stay_lines_of_text() {
    let hostile = "eve\u{1b}[2J\u{202e}\nadmin";
    let lines = said(|all| {
        let persons = all["persons"].as_array_mut().unwrap();
        persons.push(json!({"name": hostile, "roles": vec!["x".repeat(50); 900]}));
    });
    assert_eq!(lines.len(), 1);
    assert!(!lines[0].contains(['\u{1b}', '\u{202e}', '\n']) && lines[0].len() < 1_000, "{lines:?}");
    let many = |n: usize| {
        registry(|all| {
            all["persons"] = (0..n).map(|i| json!({"name": format!("p{i:05}")})).collect();
        })
    };
    let playbooks = Catalog::embedded();
    let (before, after) =
        (facts(&many(3_000), &playbooks, &mode()), facts(&many(3_001), &playbooks, &mode()));
    assert!(before.0[&Topic::Person].len() <= NAMES + 1);
    let lines = changes(Some(&before), Some(&after));
    assert!(
        lines.len() == 1 && lines[0].contains("2000 more, ") && lines[0].contains("2001 more, "),
        "{lines:?}"
    );
}

#[test]
fn one_change_is_one_message_and_the_first_start_none() {
    let (one, two) = (digest("t", b"1"), digest("t", b"2"));
    let kinds = |known: Known, after| {
        let (events, messages) = noted(&known, after, PolicyFacts::default(), Epoch(7));
        (events.iter().map(SystemEvent::kind).collect::<Vec<_>>(), messages)
    };
    let known = |policy, facts| Known { policy, facts };
    assert_eq!(kinds(known(None, None), one), (vec!["policy-changed", "policy-noted"], vec![]));
    assert_eq!(kinds(known(Some(one), Some(one)), one), (vec![], vec![]));
    assert_eq!(kinds(known(Some(one), None), one), (vec!["policy-noted"], vec![]), "an earlier program");
    let (events, messages) = kinds(known(Some(one), Some(one)), two);
    assert_eq!(events, ["policy-changed", "policy-noted"]);
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].key, "policy-changed:epoch-7");
    assert_eq!(messages[0].body, MessageBody::PolicyChanged { epoch: Epoch(7) });
}
