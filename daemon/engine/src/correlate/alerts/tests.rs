//! An alert and a finding of one fault are one incident, whichever comes first.

use super::*;
use crate::correlate::{Correlated, correlate};
use crate::next;
use crate::samples::{at, finding, rules, target};
use nightshift_model::apply::Place;
use nightshift_model::{Closure, Epoch, Escalation, Ids, Next, Revision};

fn ids() -> Ids {
    Ids::new(7)
}

fn alert(name: &str, since: u64, ended: Option<u64>) -> Alert {
    Alert {
        fingerprint: format!("{name:0>16}"),
        started: at(since),
        since: at(since),
        ended: ended.map(at),
        name: name.to_owned(),
        severity: "warning".to_owned(),
        summary: "it is slow".to_owned(),
        receiver: "nightshift".to_owned(),
        labels: std::collections::BTreeMap::new(),
        flags: Vec::new(),
    }
}

fn one(alert: &Alert) -> Alerts {
    standing(vec![alert.clone()], u32::from(alert.fires()), 1)
}

fn fold(before: Option<Incident>, id: &IncidentId, events: &[IncidentEvent], second: u64) -> Incident {
    let mut incident = before;
    for event in events {
        let revision = incident.as_ref().map_or(Revision(1), |i| i.revision.next());
        let place = Place { id: id.clone(), revision, at: at(second) };
        incident = Some(Incident::apply(incident.as_ref(), &place, event).unwrap());
    }
    incident.unwrap()
}

fn opened(scope: &ObjectRef, told: &Alert, second: u64) -> Incident {
    fold(None, &ids().incident(), &opens(scope, &told.name, one(told)), second)
}

fn grown(incident: &Incident, events: &[IncidentEvent], second: u64) -> Incident {
    fold(Some(incident.clone()), &incident.id, events, second)
}

fn found(incident: &Incident, second: u64) -> Vec<Correlated> {
    correlate(std::slice::from_ref(incident), &target(), &[finding("2")], &[], at(second), &mut ids())
}

#[test]
fn a_finding_joins_the_incident_that_an_alert_opened_and_starts_a_fresh_look() {
    let told = alert("KubePodCrashLooping", 0, None);
    let incident = opened(&target(), &told, 10);
    let joined = found(&incident, 20);
    assert_eq!((joined.len(), &joined[0].id), (1, &incident.id));
    let incident = grown(&incident, &joined[0].events, 20);
    assert!(found(&incident, 21).is_empty(), "and stays there");

    // Escalated on the alert's word, then nightshift sees it too.
    let alone = opened(&target(), &told, 10);
    let why = Escalation::NoPlan { reasons: Vec::new(), handover: None };
    let escalated = grown(&alone, &[IncidentEvent::Escalated { why }], 50);
    let joined = found(&escalated, 60);
    assert_eq!(joined[0].id, alone.id);
    let looked = grown(&escalated, &joined[0].events, 60);
    assert!(matches!(looked.phase, Phase::Investigating { .. }), "{:?}", looked.phase);

    // It clears and comes back: the same incident.
    let cleared = correlate(std::slice::from_ref(&looked), &target(), &[], &[], at(70), &mut ids());
    let closed = grown(&looked, &cleared[0].events, 70);
    let closed = grown(&closed, &[IncidentEvent::Closed { why: Closure::Healed }], 71);
    let back = found(&closed, 500);
    assert_eq!(back[0].id, alone.id);
    assert!(matches!(back[0].events[0], IncidentEvent::Reopened { why: Reopening::Relapse }));
}

#[test]
fn an_alert_joins_the_incident_that_a_finding_opened() {
    let seen = correlate(&[], &target(), &[finding("2")], &[], at(0), &mut ids());
    let incident = fold(None, &seen[0].id, &seen[0].events, 0);
    let told = alert("KubePodCrashLooping", 100, None);
    assert_eq!(
        belongs(std::slice::from_ref(&incident), &target(), &told, at(110)),
        Belongs::Joins(incident.id.clone())
    );
    let events = hears(&incident, one(&told), false);
    assert_eq!(events.len(), 1);
    let heard = grown(&incident, &events, 110);
    assert_eq!((heard.phase.word(), heard.changed_at), (incident.phase.word(), incident.changed_at));
    assert!(hears(&heard, one(&told), false).is_empty(), "a repeat is no event");
    // An open one with a symptom of its own comes before one that alerts opened.
    let alone = opened(&target(), &told, 120);
    assert_eq!(belongs(&[alone, heard.clone()], &target(), &told, at(130)), Belongs::Joins(heard.id));
}

#[test]
fn resolved_closes_only_what_alerts_alone_opened() {
    let told = alert("KubePodNotReady", 0, None);
    let over = alert("KubePodNotReady", 0, Some(40));
    let alone = opened(&target(), &told, 10);
    let resolved = grown(&alone, &hears(&alone, one(&over), false), 50);
    let next_of = |i: &Incident| next(i, &rules(), Epoch(1), at(60));
    let closes = |n: &Next| matches!(n, Next::Record(_, e) if matches!(e[0], IncidentEvent::Closed { why: Closure::Resolved }));
    assert!(closes(&next_of(&resolved)), "{:?}", next_of(&resolved));

    let seen = grown(&alone, &found(&alone, 20)[0].events, 20);
    let both = grown(&seen, &hears(&seen, one(&over), false), 50);
    let next = next_of(&both);
    assert!(!matches!(&next, Next::Record(_, e) if matches!(e[0], IncidentEvent::Closed { .. })), "{next:?}");
}

#[test]
fn an_alert_that_began_before_the_end_belongs_to_what_ended_and_a_later_one_does_not() {
    let seen = correlate(&[], &target(), &[finding("2")], &[], at(0), &mut ids());
    let incident = fold(None, &seen[0].id, &seen[0].events, 0);
    let cleared = correlate(std::slice::from_ref(&incident), &target(), &[], &[], at(300), &mut ids());
    let closed = grown(&incident, &cleared[0].events, 300);
    let closed = [grown(&closed, &[IncidentEvent::Closed { why: Closure::Healed }], 301)];
    let late = alert("KubePodCrashLooping", 299, None);
    assert_eq!(belongs(&closed, &target(), &late, at(900)), Belongs::Joins(closed[0].id.clone()));
    let new = alert("KubePodCrashLooping", 800, None);
    assert_eq!(belongs(&closed, &target(), &new, at(900)), Belongs::Opens);

    let told = alert("KubePodNotReady", 0, Some(40));
    let resolved = opened(&target(), &told, 10);
    let resolved = [grown(&resolved, &[IncidentEvent::Closed { why: Closure::Resolved }], 50)];
    let again = alert("KubePodNotReady", 4000, None);
    assert_eq!(belongs(&resolved, &target(), &again, at(4010)), Belongs::Reopens(resolved[0].id.clone()));
    let events = hears(&resolved[0], one(&again), true);
    assert!(matches!(grown(&resolved[0], &events, 4010).phase, Phase::Investigating { .. }));
    assert_eq!(belongs(&resolved, &target(), &again, at(200_000)), Belongs::Opens, "a day later it is new");
}

#[test]
fn without_a_single_object_only_alerts_of_one_name_are_one_incident() {
    let cluster = ObjectRef::new(Kind::Other(CLUSTER.to_owned()), "", "lab", "");
    let first = [opened(&cluster, &alert("KubeAPIDown", 0, None), 10)];
    let same = belongs(&first, &cluster, &alert("KubeAPIDown", 5, None), at(20));
    assert_eq!(same, Belongs::Joins(first[0].id.clone()));
    assert_eq!(belongs(&first, &cluster, &alert("KubeletDown", 5, None), at(20)), Belongs::Opens);
}

#[test]
fn an_alert_alone_is_escalated_and_never_planned_for() {
    let mut told = alert("Mine", 0, None);
    told.flags = vec![nightshift_model::alert::Flag::Unknown];
    let mut incident = opened(&target(), &told, 10);
    incident.alerts.total = 3;
    assert!(matches!(next(&incident, &rules(), Epoch(1), at(11)), Next::Record(..)), "questions first");
    let Err(Escalation::NoPlan { reasons, .. }) = crate::plan::plan(&incident, &rules()) else {
        panic!("an alert alone was planned for")
    };
    let text = reasons.join("\n");
    for part in ["alert Mine and 2 more", "sees nothing wrong", "it is slow", "does not know this alert"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn only_the_first_few_are_shown_those_that_fire_first() {
    let mut many: Vec<Alert> = (0..40).map(|n| alert(&format!("a{n}"), 100 - n, Some(200))).collect();
    many.push(alert("firing", 150, None));
    let standing = standing(many, 1, 41);
    assert_eq!((standing.shown.len(), standing.shown[0].name.as_str()), (SHOWN, "firing"));
    assert_eq!(standing.shown[1].name, "a39", "then the oldest");
}
