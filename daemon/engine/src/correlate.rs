//! Findings of one scope become events of its incidents.

pub mod alerts;

use nightshift_model::incident::Reopening;
use nightshift_model::{
    Closure, Finding, Fingerprint, Gap, Ids, Incident, IncidentEvent, IncidentId, ObjectRef, Phase, Reason,
    Seconds, Timestamp, Withdrawal,
};

/// A fault that comes back within this time re-opens its incident instead of opening a new one.
pub const RELAPSE_WITHIN: Seconds = Seconds(24 * 3600);
/// As many holes an incident lists; the last line says how many more there are.
pub const GAPS: usize = 12;

/// Events for one incident; the first of a new one is `Opened`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correlated {
    /// The incident.
    pub id: IncidentId,
    /// Its events, never empty.
    pub events: Vec<IncidentEvent>,
}

/// Whether what is seen of a scope must still be compared with an incident: it is open, it was closed so lately that
/// a relapse is its own, or a person ended it while the symptom stood, which stays so until the symptom changes.
pub fn remembered(incident: &Incident, now: Timestamp) -> bool {
    is_open(incident) || ended_standing(incident) || now.since(incident.changed_at) <= RELAPSE_WITHIN
}

/// Compares what is true of a scope now with the scope's incidents. `known` are the scope's incidents that are
/// [`remembered`]; absence of a finding is clearing. `unchecked` is what could not be seen meanwhile.
pub fn correlate(
    known: &[Incident],
    scope: &ObjectRef,
    findings: &[Finding],
    unchecked: &[Gap],
    now: Timestamp,
    ids: &mut Ids,
) -> Vec<Correlated> {
    let mut reasons: Vec<Reason> = findings.iter().map(|f| f.reason).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let gaps = bounded(unchecked);

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
                let events = with_gaps(incident, &gaps, changed(incident, now_true));
                if !events.is_empty() {
                    out.push(Correlated { id: incident.id.clone(), events });
                }
            }
            Some(incident) if remembered(incident, now) => {
                if let Some(why) = came_back(incident, &now_true) {
                    let events = vec![
                        IncidentEvent::Reopened { why },
                        IncidentEvent::FindingsChanged { findings: now_true },
                    ];
                    out.push(Correlated {
                        id: incident.id.clone(),
                        events: with_gaps(incident, &gaps, events),
                    });
                }
            }
            _ => out.push(Correlated { id: ids.incident(), events: opened(scope, cause, now_true, &gaps) }),
        }
    }
    let standing = |i: &&Incident| (is_open(i) && !i.findings.is_empty()) || ended_standing(i);
    for incident in known.iter().filter(standing) {
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

/// A person ended it and the symptom has not gone away since.
fn ended_standing(incident: &Incident) -> bool {
    let by_person = matches!(&incident.phase, Phase::Closed { why: Closure::ByPerson { .. } });
    by_person && !incident.findings.is_empty()
}

/// A bounded list in an order of its own.
fn bounded(unchecked: &[Gap]) -> Vec<Gap> {
    let mut gaps = unchecked.to_vec();
    gaps.sort_unstable();
    gaps.dedup();
    if gaps.len() > GAPS {
        let more = gaps.len() - (GAPS - 1);
        gaps.truncate(GAPS - 1);
        gaps.push(Gap { what: format!("{more} more"), why: "the list ends here".to_owned() });
    }
    gaps
}

/// A hole that the incident does not know of is worth an event of its own. That one was closed, or is told in other
/// words, is noted only beside something that happened: a watch that comes and goes writes nothing.
fn with_gaps(incident: &Incident, gaps: &[Gap], mut events: Vec<IncidentEvent>) -> Vec<IncidentEvent> {
    let full = incident.unchecked.len() >= GAPS;
    let new = |gap: &Gap| !full && !incident.unchecked.iter().any(|known| known.what == gap.what);
    if gaps != incident.unchecked && (!events.is_empty() || gaps.iter().any(new)) {
        let place = usize::from(matches!(events.first(), Some(IncidentEvent::Reopened { .. })));
        events.insert(place, IncidentEvent::Unchecked { gaps: gaps.to_vec() });
    }
    events
}

fn opened(scope: &ObjectRef, cause: Fingerprint, findings: Vec<Finding>, gaps: &[Gap]) -> Vec<IncidentEvent> {
    let mut events = vec![IncidentEvent::Opened { scope: scope.clone(), cause }];
    if !gaps.is_empty() {
        events.push(IncidentEvent::Unchecked { gaps: gaps.to_vec() });
    }
    events.push(IncidentEvent::FindingsChanged { findings });
    events
}

/// A closed incident relapses only by something that began after it was closed, or that had gone away before. What a
/// person ended while it stood begins anew with every crash, so there only another fault counts.
fn came_back(closed: &Incident, findings: &[Finding]) -> Option<Reopening> {
    if closed.findings.is_empty() {
        return Some(Reopening::Relapse);
    }
    if ended_standing(closed) {
        return (!same(&closed.findings, findings)).then_some(Reopening::Changed);
    }
    findings.iter().any(|f| f.since > closed.changed_at).then_some(Reopening::Relapse)
}

/// Whether two looks at one fault say the same, counters aside.
fn same(before: &[Finding], now: &[Finding]) -> bool {
    before.len() == now.len() && before.iter().zip(now).all(|(a, b)| a.same(b))
}

/// A change of counters alone is no change. Another revision or another exit ends what was built on the old one.
fn changed(incident: &Incident, findings: Vec<Finding>) -> Vec<IncidentEvent> {
    if same(&incident.findings, &findings) {
        return Vec::new();
    }
    let revision = |list: &[Finding]| list.first().map(|f| (f.template_hash.clone(), f.container.clone()));
    let before = incident.symptom.as_ref().map(|f| (f.template_hash.clone(), f.container.clone()));
    // What a person asked for stands on no finding: the wish is not over because something is seen now.
    let other_revision = revision(&findings) != before && incident.wished().is_none();
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
