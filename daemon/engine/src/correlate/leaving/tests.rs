#![allow(clippy::cloned_ref_to_slice_refs)] // tables of small cases

use super::*;
use crate::correlate::correlate;
use crate::samples::{at, finding, target};
use nightshift_model::apply::Place;
use nightshift_model::{Ids, Revision};

fn fold(change: &Correlated, before: Option<&Incident>, second: u64) -> Incident {
    let mut incident = before.cloned();
    for event in &change.events {
        let revision = incident.as_ref().map_or(Revision(1), |i| i.revision.next());
        let place = Place { id: change.id.clone(), revision, at: at(second) };
        incident = Some(Incident::apply(incident.as_ref(), &place, event).unwrap());
    }
    incident.unwrap()
}

fn other(reason: Reason) -> Finding {
    Finding { reason, ..finding("2") }
}

/// The look of a stage at a scope that leaves.
fn look(known: &[Incident], found: &[Finding], second: u64) -> Vec<Correlated> {
    let stays = told(known, &target(), found);
    let mut changes = correlate(known, &target(), &stays, &[], at(second), &mut Ids::new(7));
    end(&mut changes, known);
    changes
}

fn open() -> Incident {
    let opened = correlate(&[], &target(), &[finding("2")], &[], at(0), &mut Ids::new(7));
    fold(&opened[0], None, 0)
}

#[test]
fn nothing_opens_and_nothing_opens_again() {
    assert!(look(&[], &[finding("2"), other(Reason::FailedCreate)], 5).is_empty());
    let incident = open();
    let mut over = correlate(&[incident.clone()], &target(), &[], &[], at(10), &mut Ids::new(7));
    over[0].events.push(IncidentEvent::Closed { why: Closure::Healed });
    let over = fold(&over[0], Some(&incident), 10);
    assert!(look(&[over], &[finding("2")], 500).is_empty());
}

#[test]
fn what_is_open_goes_on_with_what_it_knows_and_ends_with_its_object() {
    let incident = open();
    assert!(look(&[incident.clone()], &[finding("2")], 5).is_empty(), "as it was");
    let both = look(&[incident.clone()], &[finding("2"), other(Reason::FailedCreate)], 5);
    assert!(both.is_empty(), "no more beside it: {both:?}");
    for found in [&[][..], &[other(Reason::FailedCreate)]] {
        let gone = look(&[incident.clone()], found, 9);
        let ended = fold(&gone[0], Some(&incident), 9);
        assert_eq!(ended.phase, Phase::Closed { why: Closure::Deleted }, "{found:?}");
    }
}

#[test]
fn an_object_that_does_not_go_is_told() {
    let opened = look(&[], &[other(Reason::Terminating), finding("2")], 5);
    let incident = fold(&opened[0], None, 5);
    assert_eq!(incident.findings.iter().map(|f| f.reason).collect::<Vec<_>>(), [Reason::Terminating]);
}

#[test]
fn a_fault_that_heals_while_its_object_stays_is_healed() {
    let incident = open();
    let gone = correlate(&[incident.clone()], &target(), &[], &[], at(9), &mut Ids::new(7));
    assert!(gone[0].events.iter().all(|e| !matches!(e, IncidentEvent::Closed { .. })));
}

#[test]
fn what_waits_is_taken_back_and_ends_once_its_object_is_being_deleted() {
    let sealed = || crate::samples::proposal(nightshift_model::Risk::Medium, crate::samples::nightshift());
    let waiting = Incident { phase: Phase::Proposed { proposal: sealed(), votes: Vec::new() }, ..open() };
    let look = |known: &Incident| {
        let mut changes = look(&[known.clone()], &[finding("2")], 9);
        withdraw(&mut changes, &[known.clone()], &target(), "its namespace is being deleted");
        changes
    };
    let [change] = &look(&waiting)[..] else { unreachable!("one incident changes") };
    let [IncidentEvent::Withdrawn { why: Withdrawal::TargetChanged { what } }, IncidentEvent::Closed { why }] =
        &change.events[..]
    else {
        unreachable!("{:?}", change.events)
    };
    assert_eq!((what.as_str(), why), ("its namespace is being deleted", &Closure::Deleted));
    assert_eq!(fold(change, Some(&waiting), 9).phase, Phase::Closed { why: Closure::Deleted });

    // What was wished for hears of it by its own way, and what is not sealed has nothing to take back.
    let wish = nightshift_model::Wish {
        person: "alice".into(),
        target: target(),
        wanted: nightshift_model::Wanted::Restart,
        because: "so".to_owned(),
        at: at(1),
        undoes: None,
    };
    let wished = Incident { wish: Some(wish), ..waiting.clone() };
    let [change] = &look(&wished)[..] else { unreachable!("one incident changes") };
    assert!(matches!(change.events[..], [IncidentEvent::Withdrawn { .. }]), "{:?}", change.events);
    assert!(look(&open()).is_empty());
    // Nor is it taken back twice.
    let gone = |known: &Incident| {
        let mut changes =
            super::super::correlate(&[known.clone()], &target(), &[], &[], at(9), &mut Ids::new(7));
        end(&mut changes, &[known.clone()]);
        let before = changes.clone();
        withdraw(&mut changes, &[known.clone()], &target(), "it is being deleted");
        (before, changes)
    };
    let (before, after) = gone(&waiting);
    assert_eq!(before, after);
}
