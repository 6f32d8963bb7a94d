use super::*;
use crate::samples::{at, rules, target};
use crate::{advance, next};
use nightshift_model::apply::Place;
use nightshift_model::incident::Hush;
use nightshift_model::{
    Actor, Closure, Epoch, Escalation, Finding, HistoryEvent, IncidentId, Kind, ObjectRef, Outcome, Reason,
    Revision, Selector, Silence,
};

fn silenced(of: Selector, until: u64) -> Rules {
    let mut rules = rules();
    rules.standing.silences = vec![Silence::new(of, at(0), at(until), "x", Actor::Operator).unwrap()];
    rules
}

fn shop() -> Selector {
    Selector::Namespace("shop".to_owned())
}

fn opened(scope: ObjectRef) -> Incident {
    let cause = Finding::fingerprint(&scope, Reason::CrashLoopBackOff);
    let place = Place { id: IncidentId::from("inc-1"), revision: Revision(1), at: at(1) };
    Incident::apply(None, &place, &IncidentEvent::Opened { scope, cause }).unwrap()
}

/// The kinds recorded, the incident after them, and what is told.
fn step(
    i: &Incident,
    event: IncidentEvent,
    rules: &Rules,
    now: u64,
) -> (Vec<String>, Incident, Vec<MessageBody>) {
    let append = advance(Some(i), &i.id, vec![event], None, Actor::Operator, at(now), rules).unwrap();
    let kinds = append.events.iter().map(|e: &HistoryEvent| e.kind().to_owned()).collect();
    let told = append.outbox.into_iter().map(|message| message.body).collect();
    (kinds, append.snapshot.unwrap(), told)
}

fn escalated() -> IncidentEvent {
    IncidentEvent::Escalated { why: Escalation::SupersededTwice }
}

#[test]
fn exact_names_and_an_exact_end() {
    let cart = opened(target());
    let workload = |namespace: &str, name: &str| Selector::Workload {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    for (of, now, covered) in [
        (shop(), 5, true),
        (shop(), 99, true),
        (shop(), 100, false),
        (Selector::Namespace("shop-eu".to_owned()), 5, false),
        (workload("shop", "cart"), 5, true),
        (workload("shop", "car"), 5, false),
        (workload("bank", "cart"), 5, false),
        (Selector::Reason(Reason::CrashLoopBackOff), 5, false), // nothing was found yet
    ] {
        assert_eq!(until(&cart, &silenced(of.clone(), 100), at(now)).is_some(), covered, "{of} at {now}");
    }
    let node = opened(ObjectRef::new(Kind::Node, "", "n1", "u"));
    assert_eq!(until(&node, &silenced(shop(), 100), at(5)), None);
}

#[test]
fn a_page_is_owed_once_and_spoken_at_the_end() {
    let quiet = silenced(shop(), 100);
    let (kinds, owed, told) = step(&opened(target()), escalated(), &quiet, 10);
    assert_eq!(kinds, ["escalated", "silenced"]);
    assert_eq!((told, &owed.hush), (vec![], &Some(Hush { until: at(100), before: Before::Untold })));
    assert_eq!(next(&owed, &quiet, Epoch(0), at(20)), Next::At(at(100)));
    let over = Next::Record(Role::Responder, vec![IncidentEvent::SilenceOver]);
    assert_eq!(next(&owed, &quiet, Epoch(0), at(100)), over);
    assert_eq!(next(&owed, &rules(), Epoch(0), at(20)), over, "ended before its time");
    let (_, spoken, told) = step(&owed, IncidentEvent::SilenceOver, &quiet, 100);
    assert_eq!(told, [MessageBody::Page { incident: owed.id.clone() }]);
    assert_eq!(next(&spoken, &quiet, Epoch(0), at(100)), Next::Nothing, "once");
    let healed = IncidentEvent::Closed { why: Closure::Healed };
    let (_, _, told) = step(&owed, healed.clone(), &quiet, 50);
    assert_eq!(told, [], "nobody heard of its beginning");
    let (_, _, told) = step(&spoken, healed, &quiet, 120);
    assert_eq!(told, [MessageBody::Update { incident: owed.id }]);
}

#[test]
fn what_was_told_is_told_again_at_the_end_and_its_own_end_in_between() {
    let (_, told, said) = step(&opened(target()), escalated(), &rules(), 10);
    assert_eq!(said.len(), 1);
    let quiet = silenced(shop(), 100);
    let Next::Record(Role::Responder, events) = next(&told, &quiet, Epoch(0), at(20)) else { panic!() };
    let (_, owed, said) = step(&told, events[0].clone(), &quiet, 20);
    assert_eq!((said, owed.hush.as_ref().unwrap().before), (vec![], Before::Told));
    let (_, _, said) = step(&owed, IncidentEvent::SilenceOver, &quiet, 100);
    assert_eq!(said, [MessageBody::Page { incident: owed.id.clone() }]);
    let (_, _, said) = step(&owed, IncidentEvent::Closed { why: Closure::Healed }, &quiet, 50);
    assert_eq!(said, [MessageBody::Update { incident: owed.id }]);
}

#[test]
fn nothing_keeps_quiet_what_cannot_be_proven() {
    let outcome = Outcome::Failed { why: "w".to_owned(), reverted_by: None };
    let unproven = IncidentEvent::Escalated { why: Escalation::NotVerified { outcome } };
    let (kinds, after, told) = step(&opened(target()), unproven, &silenced(shop(), 100), 10);
    assert_eq!((kinds.len(), told), (1, vec![MessageBody::Page { incident: after.id.clone() }]));
    assert_eq!(next(&after, &silenced(shop(), 100), Epoch(0), at(20)), Next::Nothing);
}

#[test]
fn whoever_has_it_is_not_paged_at_the_end_either() {
    let quiet = silenced(shop(), 100);
    let (_, owed, _) = step(&opened(target()), escalated(), &quiet, 10);
    let has = IncidentEvent::Acknowledged { person: "alice".into() };
    let (_, had, told) = step(&owed, has, &quiet, 20);
    assert_eq!(told, []);
    let (_, _, told) = step(&had, IncidentEvent::SilenceOver, &quiet, 100);
    assert_eq!(told, [MessageBody::Update { incident: had.id }]);
}
