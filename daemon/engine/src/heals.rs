//! How often a fault of one reason at one workload goes away by itself, and how long one that mostly does is given.

use crate::rules::Rules;
use nightshift_model::{
    BaseRate, Closure, HistoryEvent, Incident, IncidentEvent, ObjectRef, Phase, Reason, Seconds, Severity,
    Timestamp,
};

/// As many endings a rate rests on, the newest.
pub const CASES: u32 = 50;
/// And none that is older.
pub const KEPT: Seconds = Seconds(90 * 86_400);

/// One case that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Where.
    pub scope: ObjectRef,
    /// What it was.
    pub reason: Reason,
    /// When it ended.
    pub at: Timestamp,
    /// How long after it was noticed.
    pub took: Seconds,
    /// Whether it went away by itself: nothing was written, nobody ended it, nobody had it.
    pub alone: bool,
}

/// The case that these events end. What went with its object, what only alerts told and what was only asked for says
/// nothing about healing.
pub fn ended(events: &[HistoryEvent], after: &Incident) -> Option<Case> {
    let closes = |e: &HistoryEvent| {
        matches!(e, HistoryEvent::Incident(IncidentEvent::Closed { .. } | IncidentEvent::Judged { .. }))
    };
    let Phase::Closed { why } = &after.phase else { return None };
    let alone = match why {
        Closure::Healed => !after.was_held,
        Closure::Verified { .. } | Closure::GoneSince { .. } | Closure::ByPerson { .. } => false,
        Closure::Deleted | Closure::Resolved | Closure::NotDone { .. } => return None,
    };
    let symptom = after.symptom.as_ref().filter(|_| events.iter().any(closes))?;
    let at = after.changed_at;
    let took = at.since(after.case_began());
    Some(Case { scope: after.scope.clone(), reason: symptom.reason, at, took, alone })
}

/// The rate of the cases of one reason at one workload, each with whether it healed alone and how long that took.
pub fn rate(cases: &[(bool, Seconds)]) -> Option<BaseRate> {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let mut took: Vec<Seconds> = cases.iter().filter(|(alone, _)| *alone).map(|(_, took)| *took).collect();
    took.sort_unstable();
    // Nine of ten, rounded up: of few the longest.
    let place = (took.len() * 9).div_ceil(10).saturating_sub(1);
    let within = took.get(place).copied().unwrap_or(Seconds(0));
    (!cases.is_empty()).then(|| BaseRate { cases: number(cases.len()), alone: number(took.len()), within })
}

/// Whether a change begins a case: then the rate is looked up and told with it.
pub fn begins(events: &[IncidentEvent]) -> Option<Reason> {
    use IncidentEvent as E;
    use nightshift_model::incident::Reopening;
    let begins = |e: &E| matches!(e, E::Opened { .. } | E::Reopened { why: Reopening::Relapse });
    events.iter().find(|e| begins(e))?;
    events.iter().find_map(|e| {
        if let E::FindingsChanged { findings } = e { findings.first().map(|f| f.reason) } else { None }
    })
}

/// Until when nobody is told of an incident and nothing is proposed for it, because faults like it mostly heal alone. Never for
/// what is critical, and never for what a person asked about.
pub fn waits(i: &Incident, rules: &Rules, now: Timestamp) -> Option<Timestamp> {
    let numbers = rules.noise.self_heal;
    let rate = i.base_rate.filter(|rate| rate.cases >= numbers.cases && rate.percent() >= numbers.percent)?;
    let seen = i.severity()? >= Severity::Critical;
    let told = i.alerts.shown.iter().any(|a| a.fires() && a.severity == "critical");
    let asked = i.asked_by.is_some() || i.wish.is_some();
    let until = i.case_began() + rate.within.min(numbers.wait);
    (!seen && !told && !asked && rate.within <= numbers.wait && now < until).then_some(until)
}

/// What whoever decides must know: it may be over without anybody's doing.
pub(crate) fn hazard(i: &Incident) -> Option<String> {
    let rate = i.base_rate.filter(|rate| rate.alone > 0)?;
    Some(format!("It may be over without this: {} {}.", i.symptom.as_ref()?.reason, rate.sentence()))
}

#[cfg(test)]
mod tests;
