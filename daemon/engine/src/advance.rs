//! From events to one transaction. The only maker of an `Append`.

use crate::flap;
use crate::next;
use crate::rules::{Mode, Rules};
use crate::silence::{self, Said};
use nightshift_model::apply::Place;
use nightshift_model::incident::Before;
use nightshift_model::operation::Epoch;
use nightshift_model::operation::OperationState;
use nightshift_model::{
    Actor, Append, HistoryEvent, IllegalTransition, Incident, IncidentEvent, IncidentId, Message,
    MessageBody, Next, Phase, Revision, Role, Stream, SystemEvent, Timestamp,
};
use std::collections::VecDeque;

/// Folds the events onto an incident and adds snapshot, wake-up and outbox rows.
///
/// # Errors
/// [`IllegalTransition`] when an event does not fit: nothing is appended then.
pub fn advance(
    before: Option<&Incident>,
    id: &IncidentId,
    events: Vec<IncidentEvent>,
    fence: Option<(Role, Epoch)>,
    actor: Actor,
    now: Timestamp,
    rules: &Rules,
) -> Result<Append, IllegalTransition> {
    let expect = before.map_or(Revision(0), |i| i.revision);
    let mut current = before.cloned();
    let (mut outbox, mut recorded) = (Vec::new(), Vec::with_capacity(events.len()));
    let mut coming: VecDeque<IncidentEvent> = events.into();
    while let Some(event) = coming.pop_front() {
        let place = Place {
            id: id.clone(),
            revision: current.as_ref().map_or(Revision(1), |i| i.revision.next()),
            at: now,
        };
        let after = Incident::apply(current.as_ref(), &place, &event)?;
        let told = current.as_ref().is_some_and(|b| was_told(b, rules));
        let before = if told { Before::Told } else { Before::Untold };
        let said = messages(current.as_ref(), &after, rules);
        match silence::judge(&after, said, before, rules, now) {
            Said::Out(messages) => {
                let (messages, event) = flap::judge(&after, messages, rules, now);
                outbox.extend(messages);
                if let Some(event) = event {
                    coming.push_front(event);
                }
            }
            Said::Owed(event) => coming.push_front(event),
            Said::Nothing => {}
        }
        recorded.push(event);
        current = Some(after);
    }
    let wake_at = current.as_ref().and_then(|i| wake(i, rules, now));
    Ok(Append {
        stream: Stream::Incident(id.clone()),
        expect,
        fence,
        actor,
        at: now,
        events: recorded.into_iter().map(HistoryEvent::Incident).collect(),
        snapshot: current,
        wake_at,
        outbox,
    })
}

/// The same for the one system stream: no snapshot, no wake-up.
pub fn system(
    events: Vec<SystemEvent>,
    expect: Revision,
    fence: Option<(Role, Epoch)>,
    actor: Actor,
    now: Timestamp,
) -> Append {
    Append {
        stream: Stream::System,
        expect,
        fence,
        actor,
        at: now,
        events: events.into_iter().map(HistoryEvent::System).collect(),
        snapshot: None,
        wake_at: None,
        outbox: Vec::new(),
    }
}

/// The durable timer says what `next` says: wait until then, or at once.
fn wake(incident: &Incident, rules: &Rules, now: Timestamp) -> Option<Timestamp> {
    match next(incident, rules, Epoch(0), now) {
        Next::At(at) => Some(at),
        Next::Nothing => None,
        Next::Record(..) | Next::Ask(..) | Next::Send(..) => Some(now),
    }
}

/// What people and the other role must hear of one step.
fn messages(before: Option<&Incident>, after: &Incident, rules: &Rules) -> Vec<Message> {
    let incident = || after.id.clone();
    let told = before.is_some_and(|b| was_told(b, rules));
    if before.is_some_and(|b| b.held_by != after.held_by) && after.held_by.is_some() {
        // Not a step of the phase: somebody has it now, for whoever was told.
        let body = told.then(|| MessageBody::Progress { incident: incident() });
        return message(after, body);
    }
    if let Some(body) = before.and_then(|before| flap::steady(before, after)) {
        return message(after, Some(body));
    }
    // Whoever has it is not woken about it again, unless nightshift wrote and cannot prove it.
    let page = || {
        if after.held_by.is_some() && !after.phase.is_unproven() {
            MessageBody::Update { incident: incident() }
        } else {
            MessageBody::Page { incident: incident() }
        }
    };
    if before.is_some_and(|b| b.hush.is_some()) && after.hush.is_none() {
        return message(after, speaks(after, rules).then(page));
    }
    let body = match (before.map(|b| &b.phase), &after.phase) {
        (Some(Phase::Drafted { .. }), Phase::Drafted { .. })
        | (Some(Phase::Proposed { .. }), Phase::Proposed { .. })
        | (Some(Phase::Escalated { .. }), Phase::Escalated { .. })
        | (Some(Phase::Closed { .. }), Phase::Closed { .. }) => None,
        (_, Phase::Drafted { .. }) => Some(match rules.mode {
            Mode::Observe => page(),
            Mode::Approve { .. } => MessageBody::Wake { role: Role::Executor, incident: incident() },
        }),
        // Nothing is broken: it is over with the next step, and whoever was told of the proposal hears that.
        (_, Phase::Escalated { .. }) if for_the_asker_only(after) => None,
        (_, Phase::Proposed { .. } | Phase::Escalated { .. }) => Some(page()),
        // Who voted thinks it is decided: whoever was told hears at once that it is not.
        (Some(Phase::Proposed { .. } | Phase::Granted { .. }), Phase::Investigating { .. })
            if after.voided().is_some() =>
        {
            told.then(|| MessageBody::Update { incident: incident() })
        }
        (Some(Phase::Proposed { .. }), Phase::Granted { .. }) => {
            Some(MessageBody::Progress { incident: incident() })
        }
        (Some(Phase::Granted { baseline: None, .. }), Phase::Granted { baseline: Some(_), .. }) => {
            Some(MessageBody::Wake { role: Role::Executor, incident: incident() })
        }
        (Some(Phase::Executing { .. }), Phase::Verifying { .. }) => {
            Some(MessageBody::Wake { role: Role::Responder, incident: incident() })
        }
        (Some(Phase::Executing { operation, .. }), Phase::Executing { operation: now, .. }) => {
            // A lost answer is looked for at once; a person hears of it only when that found nothing either.
            let asked = |tried: &Epoch| *tried > Epoch(0);
            let unknown =
                |s: &OperationState| matches!(s, OperationState::Unknown { tried, .. } if asked(tried));
            (unknown(&now.state) && !unknown(&operation.state)).then(page)
        }
        (_, Phase::Closed { .. }) => told.then(|| MessageBody::Update { incident: incident() }),
        _ => None,
    };
    message(after, body)
}

fn message(after: &Incident, body: Option<MessageBody>) -> Vec<Message> {
    body.map(|body| Message { key: format!("{}:{}", after.id, after.revision.0), body }).into_iter().collect()
}

/// Whether what a silence kept back is still worth a message when it is over.
fn speaks(incident: &Incident, rules: &Rules) -> bool {
    match &incident.phase {
        Phase::Drafted { .. } => rules.mode == Mode::Observe,
        Phase::Proposed { .. } => true,
        Phase::Escalated { .. } => !incident.phase.is_unproven(), // that was told at once
        Phase::Investigating { .. }
        | Phase::Granted { .. }
        | Phase::Executing { .. }
        | Phase::Verifying { .. }
        | Phase::Closed { .. } => false,
    }
}

/// Whether an incident waits for nobody but who asked for something that is not done.
fn for_the_asker_only(incident: &Incident) -> bool {
    incident.only_asked() && !incident.phase.is_unproven()
}

/// Whether somebody was paged about an incident before: only then is its end worth a message.
fn was_told(incident: &Incident, rules: &Rules) -> bool {
    if incident.hush.as_ref().is_some_and(|hush| hush.before == Before::Untold) {
        return false;
    }
    let would_have = matches!(incident.phase, Phase::Drafted { .. }) && rules.mode == Mode::Observe;
    let escalated = matches!(incident.phase, Phase::Escalated { .. }) && !for_the_asker_only(incident);
    would_have || !incident.proposals.is_empty() || escalated
}
