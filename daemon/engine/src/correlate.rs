//! Findings of one scope become events of its incidents.

pub mod alerts;
pub mod causes;
pub mod leaving;

use crate::redact::redactor;
use crate::text::visible;
use nightshift_model::incident::Reopening;
use nightshift_model::{
    Below, Closure, Finding, Fingerprint, Gap, Ids, Incident, IncidentEvent, IncidentId, ObjectRef, Phase,
    Reason, Seconds, Timestamp, Withdrawal,
};

/// A fault that comes back within this time re-opens its incident instead of opening a new one.
pub const RELAPSE_WITHIN: Seconds = Seconds(24 * 3600);
/// As many holes an incident lists; the last line says how many more there are.
pub const GAPS: usize = 12;
/// Characters that are kept of the cluster's own words for a finding.
pub const DETAIL: usize = 1024;

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
///
/// A scope has one open incident: several reasons are several symptoms of it, and the one that tells most comes first.
pub fn correlate(
    known: &[Incident],
    scope: &ObjectRef,
    findings: &[Finding],
    unchecked: &[Gap],
    now: Timestamp,
    ids: &mut Ids,
) -> Vec<Correlated> {
    let gaps = bounded(unchecked);
    let findings = kept(findings);
    let open: Vec<&Incident> = known.iter().filter(|i| is_open(i) && is_own(i, scope)).collect();
    let mut out = Vec::new();
    for (incident, share) in shares(&open, scope, &findings) {
        let events = if share.is_empty() {
            gone(incident)
        } else {
            with_gaps(incident, &gaps, changed(incident, share))
        };
        out.push(Correlated { id: incident.id.clone(), events });
    }
    let over: Vec<&Incident> = known.iter().filter(|i| !is_open(i) && is_own(i, scope)).collect();
    if open.is_empty() {
        match again(&over, scope, &findings, now) {
            Again::Nothing => {}
            Again::Opens => {
                let first = findings.first().map(|f| Finding::fingerprint(scope, f.reason));
                let events = first.map(|cause| opened(scope, cause, findings.clone(), &gaps));
                let events = events.unwrap_or_default();
                out.push(Correlated { id: ids.incident(), events });
            }
            Again::Reopens(incident, why) => {
                let found = IncidentEvent::FindingsChanged { findings: findings.clone() };
                let events = with_gaps(incident, &gaps, vec![IncidentEvent::Reopened { why }, found]);
                out.push(Correlated { id: incident.id.clone(), events });
            }
        }
    }
    for incident in over.iter().filter(|i| ended_standing(i)) {
        if !findings.iter().any(|f| knows(incident, scope, f.reason)) {
            out.push(Correlated { id: incident.id.clone(), events: gone(incident) });
        }
    }
    out.retain(|one| !one.events.is_empty());
    out
}

/// The same for a scope that others are listed below. Without a finding of its own, what tells most of theirs stands
/// for it.
pub fn correlate_host(
    known: &[Incident],
    scope: &ObjectRef,
    (own, below): (&[Finding], &causes::Listing<'_>),
    now: Timestamp,
    ids: &mut Ids,
) -> Vec<Correlated> {
    let found = if own.is_empty() { causes::stands_for(below) } else { own.to_vec() };
    let mut out = correlate(known, scope, &found, &[], now, ids);
    let list = Below::of(below.iter().copied());
    let open = known.iter().find(|i| is_open(i) && is_own(i, scope));
    // What is opened, or opens again, hears of its list at once.
    let at = open.map(|i| i.id.clone()).or_else(|| {
        let opens = |one: &&Correlated| {
            use IncidentEvent::{Opened, Reopened};
            matches!(one.events.first(), Some(Opened { .. } | Reopened { .. }))
        };
        out.iter().find(opens).map(|one| one.id.clone())
    });
    let Some(id) = at else { return out };
    let before = known.iter().find(|i| i.id == id).map(|i| &i.below);
    if before.map_or(!list.is_empty(), |before| !before.same(&list)) {
        let event = IncidentEvent::BelowChanged { below: list };
        match out.iter_mut().find(|one| one.id == id) {
            Some(one) => one.events.push(event),
            None => out.push(Correlated { id, events: vec![event] }),
        }
    }
    out
}

/// Findings as an incident keeps them: the one that tells most first, with the worst severity of all, for that is the
/// incident's; words of others without secrets.
fn kept(findings: &[Finding]) -> Vec<Finding> {
    let mut findings = findings.to_vec();
    findings.sort_by_key(|f| f.reason);
    let worst = findings.iter().map(|f| f.severity).max();
    if let (Some(first), Some(worst)) = (findings.first_mut(), worst) {
        first.severity = worst;
    }
    for finding in &mut findings {
        finding.detail = visible(&redactor().redact(&finding.detail).text, DETAIL);
    }
    findings
}

/// Which open incident each finding belongs to. There is more than one only in a history from before a scope had one:
/// then each keeps its own reason.
fn shares<'a>(
    open: &[&'a Incident],
    scope: &ObjectRef,
    findings: &[Finding],
) -> Vec<(&'a Incident, Vec<Finding>)> {
    let newest = |reason: Reason| {
        let same = open.iter().copied().filter(|i| about(i, scope, reason));
        same.max_by_key(|i| i.opened_at).map(|i| &i.id)
    };
    let first = findings.iter().find_map(|f| newest(f.reason));
    let first =
        first.or_else(|| open.iter().min_by_key(|i| (i.findings.is_empty(), i.opened_at)).map(|i| &i.id));
    let mine = |i: &Incident| {
        let here = |f: &&Finding| newest(f.reason).or(first) == Some(&i.id);
        findings.iter().filter(here).cloned().collect()
    };
    open.iter().map(|i| (*i, mine(i))).collect()
}

/// What becomes of findings at a scope without an open incident.
enum Again<'a> {
    /// They are what a closed incident leaves behind.
    Nothing,
    /// They are a new one.
    Opens,
    /// They are this one, again.
    Reopens(&'a Incident, Reopening),
}

/// Judged by the first reason that a closed incident does not explain.
fn again<'a>(over: &[&'a Incident], scope: &ObjectRef, findings: &[Finding], now: Timestamp) -> Again<'a> {
    for finding in findings {
        let same = over.iter().filter(|i| knows(i, scope, finding.reason) && remembered(i, now));
        match same.max_by_key(|i| i.opened_at) {
            Some(incident) => {
                if let Some(why) = came_back(incident, finding) {
                    return Again::Reopens(incident, why);
                }
            }
            None if over.iter().any(|i| remembered(i, now) && covers(i, finding, findings)) => {}
            None => return Again::Opens,
        }
    }
    Again::Nothing
}

fn is_open(incident: &Incident) -> bool {
    !matches!(incident.phase, Phase::Closed { .. })
}

/// Whether findings of a scope may be an incident's: of a namespace or the cluster alerts have incidents of their own.
fn is_own(incident: &Incident, scope: &ObjectRef) -> bool {
    !alerts::is_wide(scope) || incident.symptom.is_some()
}

/// Whether an incident is the fault that this reason names, whoever saw it first.
fn about(incident: &Incident, scope: &ObjectRef, reason: Reason) -> bool {
    incident.cause == Finding::fingerprint(scope, reason)
        || incident.symptom.as_ref().is_some_and(|s| s.reason == reason)
}

/// The same, with what stood beside its symptom.
fn knows(incident: &Incident, scope: &ObjectRef, reason: Reason) -> bool {
    about(incident, scope, reason) || incident.findings.iter().any(|f| f.reason == reason)
}

/// Whether a reason that a closed incident did not have follows from what it left standing: it tells less, hurts no
/// more, and began before the end, or a person has ended it all.
fn covers(closed: &Incident, finding: &Finding, now_true: &[Finding]) -> bool {
    let Some(first) = closed.findings.first() else { return false };
    let stands = now_true.iter().any(|f| f.reason == first.reason);
    let before = ended_standing(closed) || finding.since <= closed.changed_at;
    stands && before && finding.reason > first.reason && finding.severity <= first.severity
}

/// The symptom of an incident went away.
fn gone(incident: &Incident) -> Vec<IncidentEvent> {
    if incident.findings.is_empty() {
        return Vec::new();
    }
    vec![IncidentEvent::FindingsChanged { findings: Vec::new() }]
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
fn came_back(closed: &Incident, finding: &Finding) -> Option<Reopening> {
    if closed.findings.is_empty() {
        return Some(Reopening::Relapse);
    }
    if ended_standing(closed) {
        let known = closed.findings.iter().any(|f| f.same(finding));
        return (!known).then_some(Reopening::Changed);
    }
    (finding.since > closed.changed_at).then_some(Reopening::Relapse)
}

/// Whether two looks at one fault say the same, counters aside.
fn same(before: &[Finding], now: &[Finding]) -> bool {
    before.len() == now.len() && before.iter().zip(now).all(|(a, b)| a.same(b))
}

/// A change of counters alone is no change. Another revision or another exit ends what was built on the old one, and
/// so does a symptom that went away while something else stays. What only tells more is planned anew where nothing is
/// sealed yet.
fn changed(incident: &Incident, findings: Vec<Finding>) -> Vec<IncidentEvent> {
    if same(&incident.findings, &findings) {
        return Vec::new();
    }
    // What a person asked for stands on no finding: the wish is not over because something is seen now.
    let turn = if incident.wished().is_some() { Turn::Same } else { turn(incident, &findings) };
    let mut events = vec![IncidentEvent::FindingsChanged { findings }];
    match (turn, &incident.phase) {
        (Turn::Over(what), Phase::Proposed { .. } | Phase::Granted { .. }) => {
            events.push(IncidentEvent::Withdrawn { why: Withdrawal::TargetChanged { what } });
        }
        (Turn::Over(_) | Turn::More, Phase::Drafted { .. } | Phase::Escalated { .. }) => {
            events.push(IncidentEvent::Reopened { why: Reopening::Changed });
        }
        (
            Turn::Same | Turn::More | Turn::Over(_),
            Phase::Investigating { .. }
            | Phase::Drafted { .. }
            | Phase::Proposed { .. }
            | Phase::Granted { .. }
            | Phase::Executing { .. }
            | Phase::Verifying { .. }
            | Phase::Escalated { .. }
            | Phase::Closed { .. },
        ) => {}
    }
    events
}

/// What other findings mean for what was built on the symptom.
enum Turn {
    /// The symptom is the same.
    Same,
    /// Something that tells more stands beside it now.
    More,
    /// It is over: why, in a clause.
    Over(String),
}

fn turn(incident: &Incident, findings: &[Finding]) -> Turn {
    let (Some(before), Some(now)) = (&incident.symptom, findings.first()) else { return Turn::More };
    let other = before.template_hash != now.template_hash;
    let named = !before.template_hash.is_empty() && !now.template_hash.is_empty();
    if before.reason == now.reason {
        let same = !other && before.container == now.container;
        return if same { Turn::Same } else { Turn::Over("another revision is broken now".to_owned()) };
    }
    if other && named {
        return Turn::Over("another revision is broken now".to_owned());
    }
    if findings.iter().any(|f| f.reason == before.reason) {
        return Turn::More;
    }
    Turn::Over(format!("{} is gone and {} stays", before.reason, now.reason))
}

#[cfg(test)]
mod tests;
