//! What is said where there is no plan.

use super::*;
use crate::samples::{at, finding, rules};
use nightshift_model::apply::Place;
use nightshift_model::{
    Evidence, EvidenceId, IncidentEvent, IncidentId, NotChecked, ObjectRef, Revision, Severity,
};

/// An incident about a scope, of which nothing was asked yet.
fn incident(scope: &ObjectRef, reason: Reason) -> Incident {
    let finding = Finding { reason, severity: Severity::Warning, object: scope.clone(), ..finding("") };
    let events = [
        IncidentEvent::Opened { scope: scope.clone(), cause: Finding::fingerprint(scope, reason) },
        IncidentEvent::FindingsChanged { findings: vec![finding] },
    ];
    let mut incident = None;
    for (event, number) in events.iter().zip(1..) {
        let place = Place { id: IncidentId::from("inc-a"), revision: Revision(number), at: at(number) };
        incident = Some(Incident::apply(incident.as_ref(), &place, event).unwrap());
    }
    incident.unwrap()
}

fn first_reason(incident: &Incident) -> String {
    let Err(Escalation::NoPlan { reasons, .. }) = plan(incident, &rules()) else {
        unreachable!("nothing fits it")
    };
    reasons[0].clone()
}

#[test]
fn what_has_no_rollout_is_not_called_unread_and_what_could_not_be_read_says_why() {
    let ingress = ObjectRef::new(Kind::Ingress, "shop", "front", "u1");
    let without = incident(&ingress, Reason::BackendMissing);
    assert_eq!(first_reason(&without), "Ingress shop/front has no rollout that could be put back");

    let target = ObjectRef::new(Kind::Deployment, "shop", "cart", "u2");
    let mut unread = incident(&target, Reason::Unhealthy);
    unread.evidence.push(Evidence {
        id: EvidenceId(1),
        tool: Tool::Workload { target },
        source: "GET deployments".to_owned(),
        at: at(5),
        got: Got::NotChecked { why: NotChecked::Forbidden, detail: String::new() },
    });
    let why = NotChecked::Forbidden.clause();
    assert_eq!(first_reason(&unread), format!("Deployment shop/cart could not be read: {why}"));
}
