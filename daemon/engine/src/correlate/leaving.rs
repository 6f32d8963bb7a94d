//! Scopes that are on their way out: nothing new opens there, and an incident whose symptom goes with its object was not
//! healed.

use super::{Correlated, is_open, is_own, knows};
use nightshift_model::{Closure, Finding, Incident, IncidentEvent, ObjectRef, Phase, Reason, Withdrawal};

/// What of it is told: what an open incident of the scope knows already, and that the object does not go. A crash loop that ends as pods that
/// are refused is no other fault.
pub fn told(known: &[Incident], scope: &ObjectRef, findings: &[Finding]) -> Vec<Finding> {
    let open = || known.iter().filter(|i| is_open(i) && is_own(i, scope));
    let stands = |f: &&Finding| f.reason == Reason::Terminating || open().any(|i| knows(i, scope, f.reason));
    findings.iter().filter(stands).cloned().collect()
}

/// What its being on its way out means for the incidents of a scope; `for_good` is why it does not come back, a clause.
pub fn leave(changes: &mut Vec<Correlated>, known: &[Incident], scope: &ObjectRef, for_good: Option<&str>) {
    end(changes, known);
    if let Some(why) = for_good {
        withdraw(changes, known, scope, why);
    }
}

/// Ends what the last finding has just left, where nothing was written and nobody wished for anything. What is being
/// written goes on: it is judged by its own measures.
fn end(changes: &mut [Correlated], known: &[Incident]) {
    for change in changes {
        let gone = |e: &IncidentEvent| matches!(e, IncidentEvent::FindingsChanged { findings } if findings.is_empty());
        let before = known.iter().find(|i| i.id == change.id);
        let Some(before) = before.filter(|_| change.events.iter().any(gone)) else { continue };
        let under_way = match &before.phase {
            Phase::Investigating { .. }
            | Phase::Drafted { .. }
            | Phase::Proposed { .. }
            | Phase::Granted { .. }
            | Phase::Escalated { .. } => false,
            Phase::Executing { .. } | Phase::Verifying { .. } | Phase::Closed { .. } => true,
        };
        if !under_way && before.written.is_none() && before.wished().is_none() {
            change.events.push(IncidentEvent::Closed { why: Closure::Deleted });
        }
    }
}

/// Takes back what waits for a vote or for its write, and with it ends what nobody else works on: what is being deleted
/// is not mended. `why` is a clause.
fn withdraw(changes: &mut Vec<Correlated>, known: &[Incident], scope: &ObjectRef, why: &str) {
    let waits = |i: &&Incident| match &i.phase {
        Phase::Proposed { .. } | Phase::Granted { .. } => is_own(i, scope),
        Phase::Investigating { .. }
        | Phase::Drafted { .. }
        | Phase::Executing { .. }
        | Phase::Verifying { .. }
        | Phase::Escalated { .. }
        | Phase::Closed { .. } => false,
    };
    for incident in known.iter().filter(waits) {
        let place = changes.iter().position(|change| change.id == incident.id).unwrap_or(changes.len());
        if place == changes.len() {
            changes.push(Correlated { id: incident.id.clone(), events: Vec::new() });
        }
        let Some(Correlated { events, .. }) = changes.get_mut(place) else { continue };
        let over =
            |e: &IncidentEvent| matches!(e, IncidentEvent::Withdrawn { .. } | IncidentEvent::Closed { .. });
        if events.iter().any(over) {
            continue;
        }
        events.push(IncidentEvent::Withdrawn { why: Withdrawal::TargetChanged { what: why.to_owned() } });
        if incident.written.is_none() && incident.wished().is_none() {
            events.push(IncidentEvent::Closed { why: Closure::Deleted });
        }
    }
}

#[cfg(test)]
mod tests;
