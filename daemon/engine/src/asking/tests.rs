//! Who may ask for what, and where it goes.

use super::*;
use crate::rules::KillSwitch;
use crate::samples::{at, finding, proposal, rules, target};
use nightshift_model::apply::Place;
use nightshift_model::history::{Actor, Quarantine};
use nightshift_model::incident::{Closure, Escalation, PastProposal};
use nightshift_model::{Action, Kind, ObjectRef, Revision, Risk, Seconds};

type Change = Box<dyn FnOnce(&mut Rules)>;

fn wish(person: &str) -> Wish {
    Wish {
        person: person.into(),
        target: ObjectRef { uid: String::new(), ..target() },
        wanted: Wanted::RollbackTo { revision: 1 },
        because: "it is slow".to_owned(),
        at: at(1000),
        undoes: None,
    }
}

fn told(known: &[Incident], wish: &Wish, change: impl FnOnce(&mut Rules)) -> String {
    let mut rules = rules();
    change(&mut rules);
    match judge(known, wish, &rules, at(1000)) {
        Ok(asking) => format!("{asking:?}"),
        Err(why) => format!("{}: {why}", why.as_str()),
    }
}

/// The target's incident after some events.
fn incident(events: &[IncidentEvent]) -> Incident {
    let id = IncidentId::from("inc-a");
    let opened = IncidentEvent::Opened { scope: target(), cause: "f".into() };
    let mut incident = None;
    for (n, event) in (1..).zip([&opened].into_iter().chain(events)) {
        let place = Place { id: id.clone(), revision: Revision(n), at: at(n) };
        incident = Some(Incident::apply(incident.as_ref(), &place, event).unwrap());
    }
    incident.unwrap()
}

#[test]
fn only_a_person_who_may_approve_there_asks() {
    let opens = format!("{:?}", Asking::Opens(wish("bob").incident()));
    assert_eq!(told(&[], &wish("bob"), |_| ()), opens);
    for (person, expected) in [("guest", "no-role"), ("robot", "service"), ("nobody", "no-role")] {
        let got = told(&[], &wish(person), |_| ());
        assert!(got.starts_with(expected), "{person}: {got}");
    }
    let elsewhere = Wish { target: ObjectRef::new(Kind::Deployment, "bank", "cart", ""), ..wish("bob") };
    assert!(told(&[], &elsewhere, |_| ()).starts_with("no-role"));
}

#[test]
fn what_is_no_wish_is_refused_by_name() {
    let named = |kind, namespace: &str, name: &str| Wish {
        target: ObjectRef::new(kind, namespace, name, ""),
        ..wish("bob")
    };
    for (bad, expected) in [
        (named(Kind::Deployment, "shop", "../cart"), "bad-name"),
        (named(Kind::Deployment, "shop", ""), "bad-name"),
        (named(Kind::Job, "shop", "cart"), "bad-name"),
        (named(Kind::Other("Rollout".to_owned()), "shop", "cart"), "bad-name"),
        (Wish { because: " \n".to_owned(), ..wish("bob") }, "no-reason"),
        (Wish { at: at(1000) - Seconds(301), ..wish("bob") }, "stale-statement"),
        (Wish { at: at(1301), ..wish("bob") }, "stale-statement"),
    ] {
        let got = told(&[], &bad, |_| ());
        assert!(got.starts_with(expected), "{bad:?}: {got}");
    }
    for kind in [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet] {
        let got = told(&[], &named(kind.clone(), "shop", "cart"), |_| ());
        assert!(got.starts_with("Opens"), "{kind}: {got}");
    }
}

#[test]
fn what_no_vote_could_carry_out_is_not_asked() {
    let held = Quarantine { workload: target(), why: "unknown mark".to_owned() };
    let cases: [(&str, Change); 6] = [
        ("mode observe", Box::new(|r| r.mode = crate::rules::Mode::Observe)),
        ("not among those", Box::new(|r| r.mode = crate::rules::Mode::Approve { namespaces: Vec::new() })),
        ("never writes in namespace", Box::new(|r| r.home = "shop".to_owned())),
        (
            "the kill switch is set: hands off",
            Box::new(|r| r.standing.kill_switch = KillSwitch::Set { reason: "hands off".to_owned() }),
        ),
        ("quarantine", Box::new(|r| r.standing.quarantine = vec![held])),
        (
            "besides bob, who asked",
            Box::new(|r| {
                let mut registry = (*r.registry).clone();
                registry.persons.retain(|p| p.name.as_str() == "bob");
                r.registry = registry.into();
            }),
        ),
    ];
    for (expected, change) in cases {
        let got = told(&[], &wish("bob"), change);
        assert!(got.starts_with("refused: ") && got.contains(expected), "{expected}: {got}");
    }
}

#[test]
fn a_wish_goes_to_the_open_incident_and_waits_for_nobody_elses() {
    let found = IncidentEvent::FindingsChanged { findings: vec![finding("2")] };
    let joins = format!("{:?}", Asking::Joins("inc-a".into()));
    let investigating = incident(std::slice::from_ref(&found));
    assert_eq!(told(&[investigating], &wish("bob"), |_| ()), joins);
    let escalated = IncidentEvent::Escalated { why: Escalation::SupersededTwice };
    assert_eq!(told(&[incident(&[found.clone(), escalated])], &wish("bob"), |_| ()), joins);
    let closed = IncidentEvent::Closed { why: Closure::Healed };
    assert!(told(&[incident(&[found.clone(), closed])], &wish("bob"), |_| ()).starts_with("Opens"));

    let planned = IncidentEvent::Planned { draft: crate::samples::draft(Risk::Medium) };
    let drafted = told(&[incident(&[found.clone(), planned.clone()])], &wish("bob"), |_| ());
    assert!(drafted.starts_with("drafted") && drafted.contains("inc-a"), "{drafted}");
    let sealed = IncidentEvent::Sealed {
        proposal: proposal(Risk::Medium, Actor::Nightshift(nightshift_model::Role::Responder)),
    };
    let waits = told(&[incident(&[found, planned, sealed])], &wish("bob"), |_| ());
    assert!(waits.starts_with("proposal-waits: proposal pro-"), "{waits}");
    let asked = incident(&[IncidentEvent::Wished { wish: Wish { at: at(3), ..wish("alice") } }]);
    let got = told(&[asked], &wish("bob"), |_| ());
    assert!(got.starts_with("asked-already: alice has asked"), "{got}");
}

#[test]
fn the_same_words_of_the_same_moment_are_taken_once() {
    let joined = incident(&[IncidentEvent::Wished { wish: wish("bob") }]);
    assert_eq!(told(&[joined], &wish("bob"), |_| ()), format!("{:?}", Asking::Taken("inc-a".into())));
    let closed = Incident {
        id: wish("bob").incident(),
        ..incident(&[IncidentEvent::Closed { why: Closure::NotDone { why: Escalation::SupersededTwice } }])
    };
    let taken = format!("{:?}", Asking::Taken(wish("bob").incident()));
    assert_eq!(told(&[closed], &wish("bob"), |_| ()), taken, "also when it is over");
    assert!(events(&Asking::Taken("inc-a".into()), &wish("bob")).is_empty());
}

#[test]
fn an_inverse_is_offered_for_what_was_written_and_is_over() {
    let sealed = proposal(Risk::Medium, crate::samples::nightshift());
    let plan = sealed.plan();
    let past = |written_at| PastProposal {
        id: plan.proposal.clone(),
        digest: sealed.digest(),
        action: plan.action.kind(),
        at: at(10),
        withdrawn: None,
        withdrawn_at: None,
        written_at,
        approved_by: Vec::new(),
    };
    let over = |written| Incident {
        proposals: vec![past(written)],
        ..incident(&[IncidentEvent::Closed { why: Closure::Healed }])
    };
    let ask = |i: &Incident| inverse(i, plan, &"bob".into(), "worse", at(2000));
    assert_eq!(ask(&over(None)), None, "nothing was written");
    let wish = ask(&over(Some(at(20)))).unwrap();
    assert_eq!(wish.undoes, Some(plan.proposal.clone()));
    let Some(Action::RollbackDeployment { to, .. }) = &plan.inverse.action else { panic!("a rollback") };
    assert!(
        matches!(&wish.wanted, Wanted::RollbackToSet { replica_set, .. } if *replica_set == to.replica_set)
    );
    let phase = Phase::Proposed { proposal: sealed.clone(), votes: Vec::new() };
    assert_eq!(ask(&Incident { phase, ..over(Some(at(20))) }), None, "it is in force");
}
