//! Findings of one scope become events of its incidents.

pub mod alerts;

use nightshift_model::incident::Reopening;
use nightshift_model::{
    Finding, Fingerprint, Ids, Incident, IncidentEvent, IncidentId, ObjectRef, Phase, Reason, Seconds,
    Timestamp, Withdrawal,
};

/// A fault that comes back within this time re-opens its incident instead of opening a new one.
pub const RELAPSE_WITHIN: Seconds = Seconds(24 * 3600);

/// Events for one incident; the first of a new one is `Opened`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correlated {
    /// The incident.
    pub id: IncidentId,
    /// Its events, never empty.
    pub events: Vec<IncidentEvent>,
}

/// Compares what is true of a scope now with the scope's incidents. `known` are the scope's incidents, open or
/// closed within [`RELAPSE_WITHIN`]; absence of a finding is clearing.
pub fn correlate(
    known: &[Incident],
    scope: &ObjectRef,
    findings: &[Finding],
    now: Timestamp,
    ids: &mut Ids,
) -> Vec<Correlated> {
    let mut reasons: Vec<Reason> = findings.iter().map(|f| f.reason).collect();
    reasons.sort_unstable();
    reasons.dedup();

    let (mut out, mut joined) = (Vec::new(), Vec::new());
    for reason in reasons {
        let cause = Finding::fingerprint(scope, reason);
        let now_true: Vec<Finding> = findings.iter().filter(|f| f.reason == reason).cloned().collect();
        let same = known.iter().filter(|i| about(i, scope, reason));
        let newest = same.max_by_key(|i| (is_open(i), i.opened_at)).filter(|i| is_open(i));
        // An alert came first: what nightshift sees itself joins the incident that the alert opened.
        let told = || known.iter().find(|i| awaits_a_finding(i, scope) && !joined.contains(&i.id));
        let over = || known.iter().filter(|i| about(i, scope, reason)).max_by_key(|i| i.opened_at);
        match newest.or_else(told).or_else(over) {
            Some(incident) if is_open(incident) => {
                joined.push(incident.id.clone());
                let events = changed(incident, now_true);
                if !events.is_empty() {
                    out.push(Correlated { id: incident.id.clone(), events });
                }
            }
            Some(incident) if now.since(incident.changed_at) <= RELAPSE_WITHIN => {
                if came_back(incident, &now_true) {
                    let events = vec![
                        IncidentEvent::Reopened { why: Reopening::Relapse },
                        IncidentEvent::FindingsChanged { findings: now_true },
                    ];
                    out.push(Correlated { id: incident.id.clone(), events });
                }
            }
            _ => out.push(Correlated { id: ids.incident(), events: opened(scope, cause, now_true) }),
        }
    }
    for incident in known.iter().filter(|i| is_open(i) && !i.findings.is_empty()) {
        let still = findings.iter().any(|f| about(incident, scope, f.reason));
        if !still {
            let events = vec![IncidentEvent::FindingsChanged { findings: Vec::new() }];
            out.push(Correlated { id: incident.id.clone(), events });
        }
    }
    out
}

fn is_open(incident: &Incident) -> bool {
    !matches!(incident.phase, Phase::Closed { .. })
}

/// Whether an incident is the fault that this reason names, whoever saw it first.
fn about(incident: &Incident, scope: &ObjectRef, reason: Reason) -> bool {
    let found = |i: &Incident| i.symptom.as_ref().is_some_and(|s| s.reason == reason);
    incident.cause == Finding::fingerprint(scope, reason)
        || (alerts::told_first(incident, scope) && found(incident))
}

/// Whether an alert opened it and nightshift has seen nothing itself so far.
fn awaits_a_finding(incident: &Incident, scope: &ObjectRef) -> bool {
    is_open(incident) && alerts::told_first(incident, scope) && incident.symptom.is_none()
}

fn opened(scope: &ObjectRef, cause: Fingerprint, findings: Vec<Finding>) -> Vec<IncidentEvent> {
    vec![IncidentEvent::Opened { scope: scope.clone(), cause }, IncidentEvent::FindingsChanged { findings }]
}

/// A closed incident relapses only by something that began after it was closed, or that had gone away before.
fn came_back(closed: &Incident, findings: &[Finding]) -> bool {
    closed.findings.is_empty() || findings.iter().any(|f| f.since > closed.changed_at)
}

/// A change of counters alone is no change. Another revision or another exit ends what was built on the old one.
fn changed(incident: &Incident, findings: Vec<Finding>) -> Vec<IncidentEvent> {
    let same = incident.findings.len() == findings.len()
        && incident.findings.iter().zip(&findings).all(|(a, b)| a.same(b));
    if same {
        return Vec::new();
    }
    let revision = |list: &[Finding]| list.first().map(|f| (f.template_hash.clone(), f.container.clone()));
    let before = incident.symptom.as_ref().map(|f| (f.template_hash.clone(), f.container.clone()));
    let other_revision = revision(&findings) != before;
    let mut events = vec![IncidentEvent::FindingsChanged { findings }];
    if other_revision {
        match incident.phase {
            Phase::Proposed { .. } | Phase::Granted { .. } => events.push(IncidentEvent::Withdrawn {
                why: Withdrawal::TargetChanged { what: "another revision is broken now".to_owned() },
            }),
            Phase::Drafted { .. } | Phase::Escalated { .. } => {
                events.push(IncidentEvent::Reopened { why: Reopening::Changed });
            }
            Phase::Investigating { .. }
            | Phase::Executing { .. }
            | Phase::Verifying { .. }
            | Phase::Closed { .. } => {}
        }
    }
    events
}

#[cfg(test)]
mod tests;
