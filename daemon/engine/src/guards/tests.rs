//! Each guard refuses alone, and says so.

use super::*;
use crate::rules::{Denial, Execution};
use crate::samples::{at, draft, finding, rules, target};
use nightshift_model::apply::Place;
use nightshift_model::{ActionKind, IncidentEvent, IncidentId, Revision, Risk};

fn incident() -> Incident {
    let id = IncidentId::from("inc-a");
    let cause = nightshift_model::Finding::fingerprint(&target(), finding("2").reason);
    let opened = IncidentEvent::Opened { scope: target(), cause };
    Incident::apply(None, &Place { id, revision: Revision(1), at: at(0) }, &opened).unwrap()
}

fn refusal(change: impl FnOnce(&mut Rules), risk: Risk) -> String {
    let mut rules = rules();
    change(&mut rules);
    match decide(&draft(risk), &incident(), &rules, at(1000)) {
        Decision::Propose => String::new(),
        Decision::Refuse(reasons) => reasons.join("; "),
    }
}

fn execution(incident: &str, second: u64, running: bool) -> Execution {
    Execution { incident: IncidentId::from(incident), workload: target(), at: at(second), running }
}

#[test]
fn nothing_stands_against_an_ordinary_draft() {
    assert_eq!(refusal(|_| (), Risk::Medium), "");
}

#[test]
fn a_person_who_asks_needs_another_who_can_decide() {
    let asked = Incident { asked_by: Some("bob".into()), ..incident() };
    let mut rules = rules();
    assert_eq!(decide(&draft(Risk::Medium), &asked, &rules, at(1000)), Decision::Propose);
    let mut registry = (*rules.registry).clone();
    registry.persons.retain(|p| p.name.as_str() == "bob");
    rules.registry = registry.into();
    assert_eq!(decide(&draft(Risk::Medium), &incident(), &rules, at(1000)), Decision::Propose);
    let Decision::Refuse(why) = decide(&draft(Risk::Medium), &asked, &rules, at(1000)) else {
        unreachable!("nobody is left to decide")
    };
    assert!(why.join("; ").contains("who asked and does not vote"), "{why:?}");
}

#[test]
fn every_guard_refuses_alone() {
    let day = |n: u64| (0..n).map(|i| execution("inc-b", i, false)).collect::<Vec<_>>();
    let denial = Denial {
        uid: target().uid,
        action: ActionKind::RollbackDeployment,
        cause: incident().cause,
        at: at(500),
    };
    let forbid = |r: &mut Rules| {
        let mut registry = (*r.registry).clone();
        registry.policy.forbidden_namespaces = vec!["shop".to_owned()];
        r.registry = registry.into();
    };
    let cool = |r: &mut Rules| {
        let mut registry = (*r.registry).clone();
        registry.policy.cool_down = Seconds(0);
        r.registry = registry.into();
        r.standing.executions = day(3);
    };
    assert!(refusal(|r| r.mode = Mode::Observe, Risk::Low).contains("mode observe"));
    let elsewhere = Mode::Approve { namespaces: vec!["bank".to_owned()] };
    assert!(refusal(|r| r.mode = elsewhere, Risk::Low).contains("not among those"));
    assert!(refusal(forbid, Risk::Low).contains("never writes in namespace shop"));
    assert!(refusal(|r| r.home = "shop".to_owned(), Risk::Low).contains("never writes"));
    let set = KillSwitch::Set { reason: "drill".to_owned() };
    assert!(refusal(|r| r.standing.kill_switch = set, Risk::Low).contains("drill"));
    assert!(refusal(|_| (), Risk::High).contains("with a key of their own"));
    assert!(refusal(|r| r.standing.nodes_not_ready = 2, Risk::Low).contains("larger failure"));
    assert!(
        refusal(|r| r.standing.executions = vec![execution("inc-b", 900, false)], Risk::Low)
            .contains("cool-down")
    );
    assert!(refusal(cool, Risk::Low).contains("the limit is 3"));
    assert!(refusal(|r| r.standing.denials = vec![denial], Risk::Low).contains("denied the same"));
}

#[test]
fn an_incidents_own_running_write_does_not_hold_it_back() {
    assert_eq!(refusal(|r| r.standing.executions = vec![execution("inc-a", 990, true)], Risk::Low), "");
}

/// What a person asked for is carried out only for the person who proposes it, and only while that person may ask.
#[test]
fn a_wish_is_worth_as_much_as_its_asker() {
    let sealed = crate::samples::proposal(Risk::Medium, Actor::Person("bob".into()));
    let wish = |person: &str| Wish {
        person: person.into(),
        target: target(),
        wanted: nightshift_model::Wanted::RollbackTo { revision: 1 },
        because: "it is slow".to_owned(),
        at: at(0),
        undoes: None,
    };
    let judged = |proposer: Actor, person: &str, rules: &Rules| {
        let plan = nightshift_model::Plan { proposer, wish: Some(wish(person)), ..sealed.plan().clone() };
        match recheck(&plan, &incident(), rules, at(1000)) {
            Decision::Propose => String::new(),
            Decision::Refuse(reasons) => reasons.join("; "),
        }
    };
    let (bob, rules) = (|| Actor::Person("bob".into()), rules());
    assert_eq!(judged(bob(), "bob", &rules), "");
    for proposer in [crate::samples::nightshift(), Actor::Person("alice".into()), Actor::Operator] {
        let why = judged(proposer, "bob", &rules);
        assert!(why.contains("bob is not who proposes"), "{why}");
    }
    assert!(judged(Actor::Person("guest".into()), "guest", &rules).contains("no role that may ask"));
    let mut registry = (*rules.registry).clone();
    registry.persons.retain(|p| p.name.as_str() != "bob");
    let rules = Rules { registry: registry.into(), ..rules };
    assert!(judged(bob(), "bob", &rules).contains("bob has no role"), "taken out of the registry since");
}
