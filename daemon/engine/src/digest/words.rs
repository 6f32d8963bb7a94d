//! Sentences for people, shared by digest and messages: the same reason reads the same everywhere.

use crate::digest::schema::NotDoneReason;
use nightshift_model::measure::Value;
use nightshift_model::{
    Action, Actor, Alert, Alerts, Below, Candidate, Cause, Closure, Diagnosis, Escalation, Finding, Incident,
    Listed, ObjectRef, Outcome, Phase, Plan, Timestamp, Wish, Withdrawal, Written,
};

/// Longest text of foreign origin in one place.
const LONGEST: usize = 300;

/// Text as it may be shown in a sentence: its first line, capped, with everything invisible made visible.
pub fn visible(text: &str) -> String {
    let plain = |byte: u8| (b' '..=b'~').contains(&byte);
    if text.len() <= LONGEST && text.bytes().all(plain) {
        return text.trim().to_owned(); // nearly every text, and there are many
    }
    let (first, rest) = text.trim().split_once('\n').unwrap_or((text.trim(), ""));
    let mut out = crate::text::visible(first.trim_end(), LONGEST);
    if !rest.trim().is_empty() {
        out.push_str(" …");
    }
    out
}

/// What is wrong with what.
pub fn trouble(scope: &ObjectRef, symptom: Option<&Finding>) -> String {
    symptom.map_or_else(
        || visible(&scope.to_string()),
        |f| format!("{} in {}", f.reason, visible(&scope.to_string())),
    )
}

/// The scopes below an incident, as many by name as there is room for: `4 more: Deployment shop/a, ...`.
pub fn below(below: &Below, room: usize) -> String {
    let total = usize::try_from(below.total).unwrap_or(usize::MAX);
    let named: Vec<String> = below.shown.iter().take(room).map(|l| visible(&l.scope.to_string())).collect();
    let rest = total.saturating_sub(named.len());
    let rest = if rest == 0 { String::new() } else { format!(" and {rest} more") };
    format!("{total} more: {}{rest}", named.join(", "))
}

/// How it behaves beside this time, a sentence each: that it comes and goes, and how faults like it ended.
pub fn habits(incident: &Incident) -> Vec<String> {
    let times = incident.relapses.len();
    let flaps = incident.flap.map(|_| {
        format!("It comes and goes, and came back {times} times: nobody is told again until it holds still or hurts more.")
    });
    let reason = incident.symptom.as_ref().map(|f| f.reason);
    let rate =
        incident.base_rate.zip(reason).map(|(rate, reason)| format!("{reason} here {}.", rate.sentence()));
    flaps.into_iter().chain(rate).collect()
}

/// One scope below an incident.
pub fn listed(listed: &Listed) -> String {
    format!("{}: {} ({})", visible(&listed.scope.to_string()), listed.reason, listed.severity)
}

/// What is wrong with what, as far as nightshift or an alert says.
pub fn trouble_of(incident: &Incident) -> String {
    let scope = visible(&incident.scope.to_string());
    match (&incident.symptom, incident.alerts.names().first()) {
        (None, Some(name)) => format!("alert {} on {scope}", visible(name)),
        (None, None) => incident.wish.as_ref().map_or(scope, asked),
        (symptom, _) => trouble(&incident.scope, symptom.as_ref()),
    }
}

/// One cause in one line: the word, and the clause about this very case.
pub fn candidate(candidate: &Candidate) -> String {
    format!("{}: {}", candidate.cause, visible(&candidate.sentence()))
}

/// The likeliest cause, and the words of the others.
pub fn causes(diagnosis: &Diagnosis) -> String {
    let Some(first) = diagnosis.first() else { return Cause::Unknown.clause().to_owned() };
    let others: Vec<&str> = diagnosis.causes.iter().skip(1).map(|c| c.cause.as_str()).collect();
    let others = if others.is_empty() { String::new() } else { format!("; or {}", others.join(", ")) };
    format!("{}{others}", candidate(first))
}

/// Every cause with what speaks for and against it, a line each: (how far it is indented, text).
pub fn ranked(diagnosis: &Diagnosis) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    for (cause, number) in diagnosis.causes.iter().zip(1..) {
        lines.push((0, format!("{number}. {}", candidate(cause))));
        lines.extend(cause.backing.iter().map(|g| (1, format!("for: {}", visible(&g.to_string())))));
        lines.extend(cause.against.iter().map(|g| (1, format!("against: {}", visible(&g.to_string())))));
    }
    lines
}

/// Who asked for what.
pub fn asked(wish: &Wish) -> String {
    format!("{} asked to {}", visible(wish.person.as_str()), visible(&wish.sentence()))
}

/// Who proposes a plan: nightshift itself, or the person who asked for it.
pub fn proposer(plan: &Plan) -> String {
    let because = plan.wish.as_ref().map_or_else(String::new, |w| format!(": {}", visible(&w.because)));
    match &plan.proposer {
        Actor::Person(person) => format!("{}, who asked for it{because}", visible(person.as_str())),
        Actor::Nightshift(_) => "nightshift".to_owned(),
        Actor::Operator => "the operator of nightshift's own machine".to_owned(),
    }
}

/// What Alertmanager says, in one line.
pub fn alerts(alerts: &Alerts) -> String {
    let names: Vec<String> = alerts.names().into_iter().map(visible).collect();
    let resolved = alerts.total.saturating_sub(alerts.firing);
    format!("{} ({} firing, {resolved} resolved)", names.join(", "), alerts.firing)
}

/// One alert in one line: state, since when, who was told, what is odd.
pub fn alert(alert: &Alert, local: impl Fn(Timestamp) -> String) -> String {
    let state = alert.ended.map_or_else(|| "firing".to_owned(), |at| format!("resolved {}", local(at)));
    let mut text = format!("{}: {state}, since {}", visible(&alert.name), local(alert.since));
    let parts = [(", severity ", &alert.severity), (", told by Alertmanager's receiver ", &alert.receiver)];
    for (before, part) in parts.into_iter().filter(|(_, part)| !part.is_empty()) {
        text.push_str(before);
        text.push_str(&visible(part));
    }
    for flag in &alert.flags {
        text.push_str("; ");
        text.push_str(flag.clause());
    }
    if !alert.summary.is_empty() {
        text.push_str(". It says: ");
        text.push_str(&visible(&alert.summary));
    }
    text
}

/// An action with its target, to stand after "would" or "to".
pub fn action(action: &Action) -> String {
    match action {
        Action::RollbackDaemonSet { target, to }
        | Action::RollbackDeployment { target, to }
        | Action::RollbackStatefulSet { target, to } => {
            format!("roll {} back to revision {}", visible(&target.to_string()), to.number)
        }
        Action::RaiseMemoryLimit { target, memory } => format!(
            "set the memory limit of container {} in {} from {} to {}",
            visible(&memory.container),
            visible(&target.to_string()),
            visible(&memory.limit.from),
            visible(&memory.limit.to)
        ),
        Action::DeletePod { target, workload, .. } => {
            format!("delete pod {} of {}", visible(&target.name), visible(&workload.to_string()))
        }
        Action::Restart { target, .. } => format!("restart {}", visible(&target.to_string())),
        Action::ReRunJob { target, .. } => format!("run {} again", visible(&target.to_string())),
    }
}

/// Why a person is needed, in one sentence.
pub fn escalation(why: &Escalation) -> String {
    match why {
        Escalation::NoPlan { reasons, handover: None } => format!("no safe action: {}", joined(reasons)),
        Escalation::NoPlan { reasons, handover: Some(_) } => {
            format!("somebody else's to change: {}", joined(reasons))
        }
        Escalation::Refused { reasons } => format!("refused by a guard: {}", joined(reasons)),
        Escalation::NotSealed { why } => {
            format!("the preview failed, so nothing was sealed: {}", visible(why))
        }
        Escalation::Denied { by, reason, .. } => denied(by.as_str(), reason),
        Escalation::Expired { .. } => "nobody decided in time".to_owned(),
        Escalation::SupersededTwice => {
            "replaced twice within an hour: the target does not stand still".to_owned()
        }
        Escalation::GrantExpired => "the grant ran out before it could be used".to_owned(),
        Escalation::RecheckFailed { why } => {
            format!("the target was not as approved, so nothing was written: {}", visible(why))
        }
        Escalation::NotApplied { why } => format!("nothing was written: {}", visible(why)),
        Escalation::NotVerified { outcome } => {
            format!("written, and verification ended {}: {}", outcome.word(), visible(outcome.why()))
        }
        Escalation::Broken { why } => format!("nightshift itself failed: {}", visible(why)),
    }
}

/// Why an incident ended, in one sentence that is true of what was written.
pub fn closure(why: &Closure) -> String {
    match why {
        Closure::Verified { .. } => "the write was carried out and every measure held".to_owned(),
        Closure::Healed => "it went away by itself; nothing was written".to_owned(),
        Closure::Deleted => {
            "its object is deleted, and the symptom goes with it; nothing was written".to_owned()
        }
        Closure::Resolved => {
            "its alerts are resolved, and nightshift sees nothing wrong; nothing was written".to_owned()
        }
        Closure::GoneSince { written: Written::Judged { outcome: Outcome::Successful, .. } } => {
            "it had come back after a proven write and is gone again; nothing was written since".to_owned()
        }
        Closure::GoneSince { written: Written::Judged { outcome, .. } } => format!(
            "written and not proven ({}: {}); the symptom is gone since, and nobody can say whether the write did it",
            outcome.word(),
            visible(outcome.why())
        ),
        Closure::GoneSince { written: Written::Perhaps } => {
            "the symptom is gone; nobody can tell whether the write before that took effect".to_owned()
        }
        Closure::NotDone { why } => format!("what was asked for was not done: {}", escalation(why)),
        Closure::ByPerson { person, note } if note.is_empty() => {
            format!("ended by {}", visible(person.as_str()))
        }
        Closure::ByPerson { person, note } => {
            format!("ended by {}: {}", visible(person.as_str()), visible(note))
        }
    }
}

/// What a person left behind who ended an incident; empty when nothing stood and nothing was written.
pub fn left_behind(incident: &Incident) -> Vec<String> {
    let Phase::Closed { why: Closure::ByPerson { .. } } = &incident.phase else { return Vec::new() };
    let mut left = Vec::new();
    match &incident.written {
        Some(Written::Perhaps) => {
            left.push("nobody can tell whether the write took effect".to_owned());
        }
        Some(Written::Judged { outcome, .. }) if *outcome != Outcome::Successful => {
            left.push(format!("the write stands and was not proven ({})", outcome.word()));
        }
        Some(Written::Judged { .. }) | None => {}
    }
    if let Some(finding) = incident.findings.first() {
        left.push(format!("{} still stands; it is told again when it changes", finding.reason));
    }
    left
}

/// What a person does next about it.
pub fn next_step(why: &Escalation) -> String {
    match why {
        Escalation::NoPlan { handover: Some(handover), .. } => visible(handover),
        Escalation::NoPlan { handover: None, .. } => {
            "read the evidence; the fault needs a fix that nightshift has no playbook for".to_owned()
        }
        Escalation::Refused { .. } => {
            "act by hand, or lift what refuses it and ask for a fresh look".to_owned()
        }
        Escalation::NotSealed { .. } => "see why the preview failed, then ask for a fresh look".to_owned(),
        Escalation::Denied { .. } => "act by hand, or ask again; whoever asks does not vote".to_owned(),
        Escalation::Expired { .. } => "press check again for a fresh proposal".to_owned(),
        Escalation::SupersededTwice => {
            "find out who changes the target, then ask for a fresh look".to_owned()
        }
        Escalation::GrantExpired | Escalation::RecheckFailed { .. } => {
            "look at the target, then ask for a fresh look".to_owned()
        }
        Escalation::NotApplied { .. } => {
            "see why the write was refused, then ask for a fresh look".to_owned()
        }
        Escalation::NotVerified { .. } => {
            "look at the workload now: the write stands and is not proven".to_owned()
        }
        Escalation::Broken { .. } => {
            "act by hand; nightshift's log holds the place where it broke, please report it".to_owned()
        }
    }
}

/// The class and sentence of a proposal that ended without being executed.
pub(super) fn withdrawal(why: &Withdrawal) -> (NotDoneReason, String) {
    match why {
        Withdrawal::Denied { by, reason } => (NotDoneReason::Denied, denied(by.as_str(), reason)),
        Withdrawal::Expired => (NotDoneReason::Expired, "nobody decided in time; silence is a no".to_owned()),
        Withdrawal::Superseded => (NotDoneReason::Superseded, "a newer plan replaced it".to_owned()),
        Withdrawal::TargetChanged { what } => {
            (NotDoneReason::TargetChanged, format!("the target changed: {}", visible(what)))
        }
        Withdrawal::PolicyChanged => (
            NotDoneReason::PolicyChanged,
            "persons, policy or playbooks changed, so votes were void".to_owned(),
        ),
        Withdrawal::Stopped => (NotDoneReason::Stopped, "the kill switch was used".to_owned()),
        Withdrawal::ByPerson { person } => {
            (NotDoneReason::TakenBack, format!("{} took it back", visible(person.as_str())))
        }
    }
}

/// The class of an escalation that means something was not done; `None` when it was done and not proven, or when
/// the withdrawal has said it.
pub(super) fn not_done(why: &Escalation) -> Option<NotDoneReason> {
    match why {
        Escalation::NoPlan { handover: None, .. } => Some(NotDoneReason::NoPlan),
        Escalation::NoPlan { handover: Some(_), .. } => Some(NotDoneReason::HandedOver),
        Escalation::Refused { .. } => Some(NotDoneReason::Refused),
        Escalation::NotSealed { .. } => Some(NotDoneReason::NotSealed),
        Escalation::SupersededTwice => Some(NotDoneReason::Superseded),
        Escalation::GrantExpired => Some(NotDoneReason::Expired),
        Escalation::RecheckFailed { .. } => Some(NotDoneReason::TargetChanged),
        Escalation::NotApplied { .. } => Some(NotDoneReason::NotApplied),
        Escalation::Broken { .. } => Some(NotDoneReason::Broken),
        Escalation::Denied { .. } | Escalation::Expired { .. } | Escalation::NotVerified { .. } => None,
    }
}

/// The reason's word in lists.
pub fn reason(reason: NotDoneReason) -> &'static str {
    match reason {
        NotDoneReason::Denied => "denied",
        NotDoneReason::Expired => "expired",
        NotDoneReason::Superseded => "superseded",
        NotDoneReason::TargetChanged => "target changed",
        NotDoneReason::PolicyChanged => "policy changed",
        NotDoneReason::Stopped => "kill switch",
        NotDoneReason::TakenBack => "taken back",
        NotDoneReason::NoPlan => "no safe action",
        NotDoneReason::HandedOver => "handed over",
        NotDoneReason::Refused => "refused by a guard",
        NotDoneReason::NotSealed => "not sealed",
        NotDoneReason::NotApplied => "not applied",
        NotDoneReason::Broken => "nightshift failed",
        NotDoneReason::Observing => "mode: observe",
    }
}

/// What a measure read.
pub fn value(value: &Value) -> String {
    match value {
        Value::Holds(text) | Value::Fails(text) => visible(text),
        Value::Reverted(manager) => format!("put back by {}", visible(manager)),
        Value::NoData { detail, .. } => format!("no data: {}", visible(detail)),
    }
}

fn denied(by: &str, reason: &str) -> String {
    if reason.is_empty() {
        format!("denied by {}", visible(by))
    } else {
        format!("denied by {}: {}", visible(by), visible(reason))
    }
}

fn joined(reasons: &[String]) -> String {
    visible(&reasons.join("; "))
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn foreign_text_is_one_visible_capped_line() {
        assert_eq!(visible("a\u{1b}[31mred"), "a␛[31mred");
        assert_eq!(visible("\u{202e}txt"), "\\u{202e}txt");
        assert_eq!(visible("first\nsecond"), "first …");
        assert_eq!(visible(&"x".repeat(400)).chars().count(), 300);
    }
}
