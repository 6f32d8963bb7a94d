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
