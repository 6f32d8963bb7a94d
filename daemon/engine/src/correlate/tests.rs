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
    let opened = correlate(&[], &target(), &[finding("2")], at(0), &mut ids());
    let incident = fold(&opened, None, 0);
    let known = [incident.clone()];
    let mut counted = finding("2");
    counted.affected = 9;
    assert!(correlate(&known, &target(), &[counted], at(1), &mut ids()).is_empty(), "a counter is no change");
    let changed = correlate(&known, &target(), &[finding("3")], at(2), &mut ids());
    assert_eq!((changed.len(), changed[0].events.len()), (1, 1));
    let cleared = correlate(&known, &target(), &[], at(3), &mut ids());
    let incident = fold(&cleared, Some(incident), 3);
    assert!(correlate(&[incident], &target(), &[], at(4), &mut ids()).is_empty());
}

#[test]
fn a_fault_that_comes_back_within_a_day_is_the_same_incident() {
    let incident = fold(&correlate(&[], &target(), &[finding("2")], at(0), &mut ids()), None, 0);
    let cleared =
        fold(&correlate(&[incident.clone()], &target(), &[], at(10), &mut ids()), Some(incident.clone()), 10);
    let closed = close(cleared, 11);
    let back = correlate(&[closed.clone()], &target(), &[finding("2")], at(500), &mut ids());
    assert_eq!(back[0].id, closed.id);
    assert!(matches!(back[0].events[0], IncidentEvent::Reopened { why: Reopening::Relapse }));
    let later = correlate(&[closed], &target(), &[finding("2")], at(90_000), &mut ids());
    assert!(matches!(later[0].events[0], IncidentEvent::Opened { .. }));
    // Verified while the finding was still to clear: that is no relapse.
    let verified = close(incident, 20);
    assert!(correlate(&[verified], &target(), &[finding("2")], at(30), &mut ids()).is_empty());
}
