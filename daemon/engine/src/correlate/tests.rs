//! One fault, one incident; the same fault again re-opens it.
#![allow(
    clippy::cloned_ref_to_slice_refs,
    clippy::float_cmp,
    clippy::format_collect,
    clippy::format_push_string,
    clippy::cast_precision_loss,
    clippy::needless_pass_by_value,
    clippy::single_element_loop,
    clippy::type_complexity,
    clippy::wildcard_enum_match_arm
)] // tables of small cases: clones and wildcards read better here

use super::*;
use crate::samples::{at, finding, target};
use nightshift_model::apply::Place;
use nightshift_model::{Closure, Revision};

fn ids() -> Ids {
    Ids::new(7)
}

fn fold(changes: &[Correlated], before: Option<Incident>, second: u64) -> Incident {
    let mut incident = before;
    for event in &changes[0].events {
        let revision = incident.as_ref().map_or(Revision(1), |i| i.revision.next());
        let place = Place { id: changes[0].id.clone(), revision, at: at(second) };
        incident = Some(Incident::apply(incident.as_ref(), &place, event).unwrap());
    }
    incident.unwrap()
}

fn close(incident: Incident, second: u64) -> Incident {
    let place = Place { id: incident.id.clone(), revision: incident.revision.next(), at: at(second) };
    Incident::apply(Some(&incident), &place, &IncidentEvent::Closed { why: Closure::Healed }).unwrap()
}

#[test]
fn a_fault_opens_once_changes_once_and_clears_once() {
    let opened = correlate(&[], &target(), &[finding("2")], &[], at(0), &mut ids());
    let incident = fold(&opened, None, 0);
    let known = [incident.clone()];
    let mut counted = finding("2");
    counted.affected = 9;
    assert!(
        correlate(&known, &target(), &[counted], &[], at(1), &mut ids()).is_empty(),
        "a counter is no change"
    );
    let changed = correlate(&known, &target(), &[finding("3")], &[], at(2), &mut ids());
    assert_eq!((changed.len(), changed[0].events.len()), (1, 1));
    let cleared = correlate(&known, &target(), &[], &[], at(3), &mut ids());
    let incident = fold(&cleared, Some(incident), 3);
    assert!(correlate(&[incident], &target(), &[], &[], at(4), &mut ids()).is_empty());
}

#[test]
fn a_fault_that_comes_back_within_a_day_is_the_same_incident() {
    let incident = fold(&correlate(&[], &target(), &[finding("2")], &[], at(0), &mut ids()), None, 0);
    let cleared = fold(
        &correlate(&[incident.clone()], &target(), &[], &[], at(10), &mut ids()),
        Some(incident.clone()),
        10,
    );
    let closed = close(cleared, 11);
    let back = correlate(&[closed.clone()], &target(), &[finding("2")], &[], at(500), &mut ids());
    assert_eq!(back[0].id, closed.id);
    assert!(matches!(back[0].events[0], IncidentEvent::Reopened { why: Reopening::Relapse }));
    let later = correlate(&[closed], &target(), &[finding("2")], &[], at(90_000), &mut ids());
    assert!(matches!(later[0].events[0], IncidentEvent::Opened { .. }));
    // Verified while the finding was still to clear: that is no relapse.
    let verified = close(incident, 20);
    assert!(correlate(&[verified], &target(), &[finding("2")], &[], at(30), &mut ids()).is_empty());
}

fn ended(incident: Incident, second: u64) -> Incident {
    let place = Place { id: incident.id.clone(), revision: incident.revision.next(), at: at(second) };
    let why = Closure::ByPerson { person: "alice".into(), note: "known, fixed tomorrow".into() };
    Incident::apply(Some(&incident), &place, &IncidentEvent::Closed { why }).unwrap()
}

#[test]
fn what_a_person_ended_while_it_stood_is_told_again_only_when_it_changes() {
    let open = fold(&correlate(&[], &target(), &[finding("2")], &[], at(0), &mut ids()), None, 0);
    let closed = ended(open, 20);
    // Every crash of a loop begins anew, minutes and days later: still the same.
    for second in [30, 900, 90_000, 700_000] {
        let mut again = finding("2");
        (again.since, again.affected) = (at(second), 7);
        assert!(remembered(&closed, at(second)), "{second}");
        let none = correlate(&[closed.clone()], &target(), &[again], &[], at(second), &mut ids());
        assert!(none.is_empty(), "after {second} s: {none:?}");
    }
    let changed = correlate(&[closed.clone()], &target(), &[finding("3")], &[], at(900), &mut ids());
    assert_eq!(changed[0].id, closed.id);
    assert!(matches!(changed[0].events[0], IncidentEvent::Reopened { why: Reopening::Changed }));
    fold(&changed, Some(closed.clone()), 900);

    // It goes away, which is noted once; then it is like any other that comes back.
    let gone = correlate(&[closed.clone()], &target(), &[], &[], at(1000), &mut ids());
    let gone = fold(&gone, Some(closed), 1000);
    assert!(gone.findings.is_empty() && matches!(gone.phase, Phase::Closed { .. }));
    assert!(correlate(&[gone.clone()], &target(), &[], &[], at(1001), &mut ids()).is_empty());
    let back = correlate(&[gone.clone()], &target(), &[finding("2")], &[], at(1100), &mut ids());
    assert!(matches!(back[0].events[0], IncidentEvent::Reopened { why: Reopening::Relapse }));
    assert!(!remembered(&gone, at(200_000)));
}

#[test]
fn what_was_not_seen_stands_in_the_incident_and_a_watch_that_comes_and_goes_writes_nothing() {
    let gap = |what: &str, why: &str| Gap { what: what.to_owned(), why: why.to_owned() };
    let look = |known: &[Incident], container: &str, gaps: &[Gap], second| {
        correlate(known, &target(), &[finding(container)], gaps, at(second), &mut ids())
    };
    let nodes = [gap("watch nodes", "403 Forbidden"), gap("watch nodes", "403 Forbidden")];
    let open = fold(&look(&[], "2", &nodes, 0), None, 0);
    assert_eq!(open.unchecked, [gap("watch nodes", "403 Forbidden")]);
    // Closed, open again, in other words: no event.
    for gaps in [&[][..], &nodes, &[gap("watch nodes", "no line for 90 s")]] {
        assert!(look(&[open.clone()], "2", gaps, 1).is_empty(), "{gaps:?}");
    }
    let more = [gap("watch nodes", "403 Forbidden"), gap("watch pods", "the first list is not complete")];
    let changed = look(&[open.clone()], "2", &more, 2);
    assert!(matches!(&changed[0].events[..], [IncidentEvent::Unchecked { gaps }] if gaps.len() == 2));
    let open = fold(&changed, Some(open), 2);
    // With a change of the fault the list is told anew.
    let open = fold(&look(&[open.clone()], "3", &[], 3), Some(open), 3);
    assert!(open.unchecked.is_empty());

    let many: Vec<Gap> = (0..40).map(|n| gap(&format!("watch {n:02}"), "403 Forbidden")).collect();
    let open = fold(&look(&[open.clone()], "3", &many, 4), Some(open), 4);
    assert_eq!((open.unchecked.len(), open.unchecked[GAPS - 1].what.as_str()), (GAPS, "29 more"));
    let others: Vec<Gap> = (50..99).map(|n| gap(&format!("watch {n}"), "403 Forbidden")).collect();
    assert!(look(&[open], "3", &others, 5).is_empty(), "a full list stays as it is");
}

/// What is seen of a workload for which a person asked something joins that incident, and does not take the wish back.
#[test]
fn a_finding_joins_what_a_person_asked_for() {
    use nightshift_model::{ObjectRef, Wanted, Wish};
    let wish = Wish {
        person: "alice".into(),
        target: ObjectRef { uid: String::new(), ..target() },
        wanted: Wanted::RollbackTo { revision: 1 },
        because: "slow".to_owned(),
        at: at(0),
        undoes: None,
    };
    let asking = crate::asking::Asking::Opens(wish.incident());
    let events = crate::asking::events(&asking, &wish);
    let asked = fold(&[Correlated { id: wish.incident(), events }], None, 0);
    assert!(correlate(&[asked.clone()], &target(), &[], &[], at(1), &mut ids()).is_empty());
    let joined = correlate(&[asked.clone()], &target(), &[finding("2")], &[], at(2), &mut ids());
    assert_eq!((joined.len(), &joined[0].id), (1, &asked.id), "no second incident");
    assert!(matches!(joined[0].events.as_slice(), [IncidentEvent::FindingsChanged { .. }]), "{joined:?}");
    let joined = fold(&joined, Some(asked), 2);
    assert!(joined.wished().is_some() && !joined.only_asked());
    let cleared = correlate(&[joined.clone()], &target(), &[], &[], at(3), &mut ids());
    let quiet = fold(&cleared, Some(joined), 3);
    assert!(quiet.wished().is_some() && quiet.findings.is_empty());
}

fn of(reason: Reason, severity: nightshift_model::Severity, template: &str) -> Finding {
    Finding { reason, severity, container: String::new(), ..finding(template) }
}

fn reasons(incident: &Incident) -> Vec<Reason> {
    incident.findings.iter().map(|f| f.reason).collect()
}

#[test]
fn reasons_of_one_scope_are_one_incident_and_the_first_tells_most() {
    use nightshift_model::Severity::{Critical, Warning};
    let look = |known: &[Incident], found: &[Finding], second| {
        correlate(known, &target(), found, &[], at(second), &mut ids())
    };
    let (stuck, image) =
        (of(Reason::ProgressDeadlineExceeded, Critical, ""), of(Reason::ImagePullBackOff, Warning, "2"));
    let opened = look(&[], &[stuck.clone(), image.clone()], 0);
    assert_eq!(opened.len(), 1, "{opened:?}");
    let open = fold(&opened, None, 0);
    assert_eq!(reasons(&open), [Reason::ImagePullBackOff, Reason::ProgressDeadlineExceeded]);
    assert_eq!(open.cause, Finding::fingerprint(&target(), Reason::ImagePullBackOff));
    assert_eq!(
        open.symptom.as_ref().unwrap().severity,
        Critical,
        "the incident is as bad as its worst symptom"
    );
    assert!(look(&[open.clone()], &[image.clone(), stuck.clone()], 1).is_empty(), "their order is no change");

    // One joins, whatever it tells; one that goes leaves the rest.
    let unready = of(Reason::ReplicasUnavailable, Warning, "");
    let joined = look(&[open.clone()], &[image.clone(), stuck.clone(), unready.clone()], 2);
    assert!(matches!(&joined[..], [one] if one.id == open.id && one.events.len() == 1), "{joined:?}");
    let open = fold(&joined, Some(open), 2);
    let fewer = fold(&look(&[open.clone()], &[image], 3), Some(open), 3);
    assert_eq!(reasons(&fewer), [Reason::ImagePullBackOff]);
    let over = fold(&look(&[fewer.clone()], &[], 4), Some(fewer), 4);
    assert!(over.findings.is_empty());
    let closed = close(over, 5);

    // By scope and reason it is the same again; another reason is another incident.
    let back = look(&[closed.clone()], &[of(Reason::ImagePullBackOff, Warning, "2"), stuck], 60);
    assert!(matches!(&back[..], [one] if one.id == closed.id && one.events.len() == 2), "{back:?}");
    let other = look(&[closed.clone()], &[unready], 60);
    assert!(
        matches!(&other[..], [one] if matches!(one.events[0], IncidentEvent::Opened { .. })),
        "{other:?}"
    );
}

#[test]
fn what_tells_more_becomes_the_symptom_and_takes_back_nothing_that_is_sealed() {
    use nightshift_model::Severity::Warning;
    let stuck = || of(Reason::ProgressDeadlineExceeded, Warning, "");
    let crash = |template: &str| of(Reason::CrashLoopBackOff, Warning, template);
    let look = |known: &Incident, found: &[Finding]| {
        let mut all = correlate(&[known.clone()], &target(), found, &[], at(9), &mut ids());
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0).events
    };
    let open = |first: Finding| {
        let opened = correlate(&[], &target(), &[first], &[], at(0), &mut ids());
        fold(&opened, None, 0)
    };
    let stands = |mut incident: Incident, phase: Phase| {
        incident.phase = phase;
        incident
    };
    let why = nightshift_model::Escalation::NoPlan { reasons: Vec::new(), handover: None };
    let escalated = || Phase::Escalated { why: why.clone() };
    let sealed = || Phase::Proposed {
        proposal: crate::samples::proposal(nightshift_model::Risk::Medium, crate::samples::nightshift()),
        votes: Vec::new(),
    };

    let more = look(&stands(open(stuck()), escalated()), &[stuck(), crash("2")]);
    assert!(matches!(more[..], [_, IncidentEvent::Reopened { why: Reopening::Changed }]), "{more:?}");
    let more = look(&stands(open(stuck()), sealed()), &[stuck(), crash("2")]);
    assert!(matches!(more[..], [IncidentEvent::FindingsChanged { .. }]), "{more:?}");
    let less = look(&stands(open(crash("2")), escalated()), &[stuck(), crash("2")]);
    assert!(matches!(less[..], [IncidentEvent::FindingsChanged { .. }]), "{less:?}");

    // Another revision, or a symptom that went away, ends what was sealed on it.
    for (found, said) in [
        (vec![stuck(), crash("3")], "another revision is broken now"),
        (vec![stuck()], "CrashLoopBackOff is gone and ProgressDeadlineExceeded stays"),
    ] {
        let events = look(&stands(open(crash("2")), sealed()), &found);
        assert!(
            matches!(&events[..], [_, IncidentEvent::Withdrawn { why: Withdrawal::TargetChanged { what } }] if what == said),
            "{events:?}"
        );
        let events = look(&stands(open(crash("2")), escalated()), &found);
        assert!(matches!(events[..], [_, IncidentEvent::Reopened { .. }]), "{events:?}");
    }
}

#[test]
fn what_follows_from_a_fault_that_a_person_ended_is_not_told_anew() {
    use nightshift_model::Severity::{Critical, Warning};
    let crash = of(Reason::CrashLoopBackOff, Warning, "2");
    let look = |known: &Incident, found: &[Finding]| {
        correlate(&[known.clone()], &target(), found, &[], at(900), &mut ids())
    };
    let closed =
        ended(fold(&correlate(&[], &target(), &[crash.clone()], &[], at(0), &mut ids()), None, 0), 20);
    let mut stuck = of(Reason::ProgressDeadlineExceeded, Warning, "");
    stuck.since = at(600);
    assert!(look(&closed, &[crash.clone(), stuck.clone()]).is_empty(), "it tells less");
    let worse = look(&closed, &[crash.clone(), of(Reason::ReplicasUnavailable, Critical, "")]);
    assert!(matches!(worse[0].events[0], IncidentEvent::Reopened { why: Reopening::Changed }), "{worse:?}");
    // Alone it is a fault of its own, and that the first went away is noted.
    let alone = look(&closed, &[stuck]);
    assert_eq!(alone.len(), 2, "{alone:?}");
    assert!(matches!(alone[0].events[0], IncidentEvent::Opened { .. }));
    assert!(
        matches!(&alone[1].events[..], [IncidentEvent::FindingsChanged { findings }] if findings.is_empty())
    );
}

/// A history from before a scope had one incident may hold two that are open: each keeps its own reason.
#[test]
fn two_open_incidents_of_one_scope_keep_their_reasons() {
    use nightshift_model::Severity::Warning;
    let (crash, stuck) =
        (of(Reason::CrashLoopBackOff, Warning, "2"), of(Reason::ProgressDeadlineExceeded, Warning, ""));
    let one = |finding: &Finding, seed| {
        let opened = correlate(&[], &target(), &[finding.clone()], &[], at(0), &mut Ids::new(seed));
        fold(&opened, None, 0)
    };
    let known = [one(&crash, 1), one(&stuck, 2)];
    let look = |found: &[Finding]| correlate(&known, &target(), found, &[], at(1), &mut ids());
    assert!(look(&[crash.clone(), stuck]).is_empty());
    let first = look(&[crash]);
    assert!(matches!(&first[..], [gone] if gone.id == known[1].id), "{first:?}");
}

#[test]
fn words_of_others_are_kept_without_secrets_and_capped() {
    let mut found = finding("2");
    found.detail = format!("Authorization: Bearer abcdef0123456789abcdef\n\u{1b}[31m {}", "x".repeat(5000));
    let open = fold(&correlate(&[], &target(), &[found], &[], at(0), &mut ids()), None, 0);
    let detail = &open.symptom.unwrap().detail;
    assert!(!detail.contains("abcdef0123456789") && !detail.contains('\u{1b}'), "{detail}");
    assert_eq!(detail.chars().count(), DETAIL);
}
