//! A fault that heals and comes back is told a few times, then once more that it comes and goes; after that nobody is told
//! until it holds still, or hurts more. What nightshift wrote and cannot prove is told whatever it does.

use crate::rules::Rules;
use nightshift_model::{
    Closure, Incident, IncidentEvent, Message, MessageBody, Next, Phase, Role, Severity, Timestamp,
};

/// How often it came back within the time that counts.
pub fn times(i: &Incident, rules: &Rules, now: Timestamp) -> usize {
    let within = rules.noise.flapping.within;
    i.relapses.iter().filter(|at| now.since(**at) < within).count()
}

/// What of the messages of one step goes out, and the event that is recorded with it.
pub(crate) fn judge(
    after: &Incident,
    said: Vec<Message>,
    rules: &Rules,
    now: Timestamp,
) -> (Vec<Message>, Option<IncidentEvent>) {
    let Some(message) = said.first() else { return (said, None) };
    let (again, over) = match (&message.body, &after.phase) {
        (MessageBody::Page { .. }, _)
        | (
            MessageBody::Update { .. },
            Phase::Drafted { .. } | Phase::Proposed { .. } | Phase::Escalated { .. },
        ) => (true, false),
        (
            MessageBody::Update { .. },
            Phase::Closed { why: Closure::Healed | Closure::Deleted | Closure::Resolved },
        ) => (false, true),
        (
            MessageBody::Update { .. },
            Phase::Investigating { .. }
            | Phase::Granted { .. }
            | Phase::Executing { .. }
            | Phase::Verifying { .. }
            | Phase::Closed { .. },
        )
        | (
            MessageBody::Wake { .. }
            | MessageBody::Progress { .. }
            | MessageBody::List { .. }
            | MessageBody::Instead { .. }
            | MessageBody::PolicyChanged { .. }
            | MessageBody::Digest { .. },
            _,
        ) => (false, false),
    };
    if after.phase.is_unproven() || !(again || over) {
        return (said, None);
    }
    let severity = after.severity().unwrap_or(Severity::Info);
    let flaps = times(after, rules, now) >= usize::try_from(rules.noise.flapping.after).unwrap_or(usize::MAX);
    match after.flap {
        Some(flap) if over || severity <= flap.severity => (Vec::new(), None),
        Some(_) => (said, Some(IncidentEvent::Flapping { severity })),
        None if again && flaps => (said, Some(IncidentEvent::Flapping { severity })),
        None => (said, None),
    }
}

/// Where an incident waits anyway: once it did not come back for long enough it holds still.
pub(crate) fn around(i: &Incident, rules: &Rules, now: Timestamp, step: Next) -> Next {
    let still = i.case_began() + rules.noise.flapping.within;
    match step {
        Next::Record(..) | Next::Ask(..) | Next::Send(..) => step,
        Next::At(_) | Next::Nothing if i.flap.is_none() => step,
        Next::At(_) | Next::Nothing if now >= still => {
            Next::Record(Role::Responder, vec![IncidentEvent::Steady])
        }
        Next::At(at) => Next::At(at.min(still)),
        Next::Nothing => Next::At(still),
    }
}

/// What people hear once it holds still: whoever was told that it comes and goes.
pub(crate) fn steady(before: &Incident, after: &Incident) -> Option<MessageBody> {
    let waits = match &after.phase {
        Phase::Drafted { .. } | Phase::Proposed { .. } | Phase::Escalated { .. } | Phase::Closed { .. } => {
            true
        }
        Phase::Investigating { .. }
        | Phase::Granted { .. }
        | Phase::Executing { .. }
        | Phase::Verifying { .. } => false,
    };
    let over = before.flap.is_some() && after.flap.is_none();
    (over && waits).then(|| MessageBody::Update { incident: after.id.clone() })
}

#[cfg(test)]
mod tests;
