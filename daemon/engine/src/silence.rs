//! What a silence does: a page that is due is owed instead, and spoken once when the silence is over.
//!
//! It never touches a vote, and never keeps quiet what nightshift wrote and cannot prove.

pub mod annotation;
pub mod foreign;

use crate::rules::{Mode, Rules};
use nightshift_model::incident::Before;
use nightshift_model::{Incident, IncidentEvent, Message, MessageBody, Next, Phase, Role, Timestamp};

/// Until when an incident is silenced now, by whomever.
pub fn until(i: &Incident, rules: &Rules, now: Timestamp) -> Option<Timestamp> {
    let own =
        rules.standing.silences.iter().filter(|silence| silence.covers(i, now)).map(|silence| silence.until);
    own.chain(foreign::until(i, &rules.standing.foreign, now)).max()
}

/// Objects that ask for a silence of an incident in words that are none, each in one sentence.
pub fn unread(i: &Incident, rules: &Rules) -> Vec<String> {
    let asked = annotation::places(&i.scope);
    let said = rules.standing.unread.iter().filter(|(object, _)| asked.iter().any(|o| o.same_name(object)));
    said.map(|(object, why)| {
        format!("The annotation {} of {object} silences nothing: {why}.", annotation::ANNOTATION)
    })
    .collect()
}

/// What becomes of what one step would tell.
pub(crate) enum Said {
    /// It goes out.
    Out(Vec<Message>),
    /// Nobody hears of it now; this is recorded with it.
    Owed(IncidentEvent),
    /// Nobody hears of it; it is owed already, or nobody was told of the beginning either.
    Nothing,
}

/// Judges the messages of one step. `before` says whether anybody was told of the incident so far.
pub(crate) fn judge(
    after: &Incident,
    said: Vec<Message>,
    before: Before,
    rules: &Rules,
    now: Timestamp,
) -> Said {
    let Some(message) = said.first() else { return Said::Out(said) };
    let due = match &message.body {
        MessageBody::Page { .. } => true,
        MessageBody::Update { .. } => !matches!(after.phase, Phase::Closed { .. }),
        MessageBody::Progress { .. } => false,
        MessageBody::Wake { .. }
        | MessageBody::List { .. }
        | MessageBody::Instead { .. }
        | MessageBody::PolicyChanged { .. }
        | MessageBody::Digest { .. } => return Said::Out(said),
    };
    if after.phase.is_unproven() {
        return Said::Out(said);
    }
    match (&after.hush, due) {
        (Some(_), true) => Said::Nothing,
        (Some(hush), false) => match hush.before {
            Before::Told => Said::Out(said),
            Before::Untold => Said::Nothing,
        },
        (None, false) => Said::Out(said),
        (None, true) => match until(after, rules, now) {
            Some(until) => Said::Owed(IncidentEvent::Silenced { until, before }),
            None => Said::Out(said),
        },
    }
}

/// Where an incident waits anyway, its silence is looked at: it begins for what was told already, and when it is
/// over what is still broken speaks.
pub(crate) fn around(i: &Incident, rules: &Rules, now: Timestamp, step: Next) -> Next {
    let waits = match &step {
        Next::At(at) => Some(*at),
        Next::Nothing => None,
        Next::Record(..) | Next::Ask(..) | Next::Send(..) => return step,
    };
    let (open, told) = match &i.phase {
        Phase::Investigating { .. } => (true, false),
        Phase::Drafted { .. } => (true, rules.mode == Mode::Observe),
        Phase::Proposed { .. } => (true, true),
        Phase::Escalated { .. } => (!i.phase.is_unproven(), true),
        Phase::Granted { .. } | Phase::Executing { .. } | Phase::Verifying { .. } | Phase::Closed { .. } => {
            (false, false)
        }
    };
    if !open {
        return step;
    }
    match (&i.hush, until(i, rules, now)) {
        (None, Some(until)) if told => {
            Next::Record(Role::Responder, vec![IncidentEvent::Silenced { until, before: Before::Told }])
        }
        (None, _) => step, // nothing is silenced, or nobody was told of anything yet
        (Some(_), Some(until)) => Next::At(waits.map_or(until, |at| at.min(until))),
        (Some(_), None) => Next::Record(Role::Responder, vec![IncidentEvent::SilenceOver]),
    }
}

#[cfg(test)]
mod tests;
