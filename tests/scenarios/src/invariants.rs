//! What must hold in every run, whatever happened: the invariants of the failure catalogue that a history, the
//! outbox and the API server's own list of accepted requests can show.

use crate::history::Log;
use crate::wire::{step, user};
use nightshift_engine::actions::{re_run_job, restart};
use nightshift_engine::normal::template_digest;
use nightshift_model::measure::Value as Said;
use nightshift_model::{
    Action, Closure, Epoch, HistoryEvent, Incident, IncidentEvent, IncidentId, Mark, MessageBody, OpId,
    OperationState, Phase, Plan, Proposal, Role, Sealed, Stream, Timestamp,
};
use nightshift_sim::Accepted;
use serde_json::Value;
use std::collections::BTreeMap;

/// Requests of approved operations that had an effect: claims and no-ops aside.
pub(crate) fn effective(accepted: &[Accepted]) -> impl Iterator<Item = &Accepted> {
    accepted
        .iter()
        .filter(|w| w.user == user(Role::Executor) && w.changed && step(Some(w.method), &w.body) == "apply")
}

/// Every breach, as a sentence.
pub(crate) fn breaches(log: &Log, accepted: &[Accepted]) -> Vec<String> {
    let mut wrong = Vec::new();
    wrong.extend(grants(log, accepted));
    wrong.extend(epochs(accepted));
    wrong.extend(pages(log));
    wrong.extend(at_rest(log));
    wrong.extend(verified(log));
    wrong.extend(timers(log));
    if accepted.iter().any(|w| w.user == user(Role::Responder)) {
        wrong.push("I10: the responder has written to the cluster".to_owned());
    }
    wrong
}

/// The plan and the window of every grant, from the history alone.
fn granted(log: &Log) -> BTreeMap<OpId, (Plan, Timestamp, Timestamp)> {
    let mut sealed: BTreeMap<&IncidentId, &Proposal> = BTreeMap::new();
    let mut all = BTreeMap::new();
    for row in &log.rows {
        let (Stream::Incident(id), HistoryEvent::Incident(event)) = (&row.stream, &row.event) else {
            continue;
        };
        if let IncidentEvent::Sealed { proposal } = event {
            sealed.insert(id, proposal);
        }
        if let (IncidentEvent::Granted { grant }, Some(proposal)) = (event, sealed.get(id))
            && grant.digest == proposal.digest()
        {
            let plan = proposal.plan().clone();
            all.insert(plan.op.clone(), (plan, grant.at, grant.until));
        }
    }
    all
}

/// I1: one grant to every accepted write, inside its window, at its path, with its content. I2: one effect at most.
fn grants(log: &Log, accepted: &[Accepted]) -> Vec<String> {
    let granted = granted(log);
    let mut effects: BTreeMap<OpId, u32> = BTreeMap::new();
    let mut wrong = Vec::new();
    for write in accepted.iter().filter(|w| w.user == user(Role::Executor)) {
        let Some(op) = op_of(&write.body).or_else(|| guarded(write, &granted)) else {
            wrong.push(format!("I1: a write to {} carries no mark", write.path));
            continue;
        };
        let Some((plan, from, until)) = granted.get(&op) else {
            wrong.push(format!("I1: {op} was written without a grant"));
            continue;
        };
        let at = Timestamp::new(write.at);
        let what = step(Some(write.method), &write.body);
        // Recovery may have to bar a lost request after the grant is over; it changes nothing but the mark.
        if at < *from || (at >= *until && what != "reclaim") {
            wrong.push(format!("I1: {what} of {op} at {at}, granted from {from} until {until}"));
        }
        if write.path != plan.request.path {
            wrong.push(format!("I1: {op} was written to {}", write.path));
        }
        if what == "apply" {
            if !content(&write.body, plan) {
                wrong.push(format!("I1: {op} wrote something else than was approved"));
            }
            if write.changed {
                *effects.entry(op).or_default() += 1;
            }
        }
    }
    wrong.extend(
        effects.iter().filter(|(_, n)| **n > 1).map(|(op, n)| format!("I2: {op} took effect {n} times")),
    );
    wrong
}

/// The operation of a request that carries no mark: the one that was granted for this object, by method, path and uid.
fn guarded(write: &Accepted, granted: &BTreeMap<OpId, (Plan, Timestamp, Timestamp)>) -> Option<OpId> {
    let method = format!("{:?}", write.method).to_uppercase();
    let same = |plan: &Plan| {
        let request = &plan.request;
        !plan.action.marks()
            && request.method == method
            && request.path == write.path
            && content(&write.body, plan)
    };
    granted.iter().find(|(_, (plan, ..))| same(plan)).map(|(op, _)| op.clone())
}

fn marks(body: &[u8]) -> Vec<String> {
    let patch: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let on_mark = |op: &&Value| {
        op.get("path").and_then(Value::as_str) == Some("/metadata/annotations/nightshift.dev~1claim")
    };
    let all = patch.as_array().into_iter().flatten().filter(on_mark);
    all.filter_map(|op| Some(op.get("value")?.as_str()?.to_owned())).collect()
}

fn op_of(body: &[u8]) -> Option<OpId> {
    let last = marks(body).pop()?;
    last.strip_prefix("done:").map(OpId::from).or_else(|| Mark::parse(&last).ok().map(|m| m.op))
}

/// The one replaced value is the one that was sealed by its hash, and nothing else is replaced but the mark.
fn content(body: &[u8], plan: &Plan) -> bool {
    if let (Action::ReRunJob { body: sealed, .. }, Ok(sent)) = (&plan.action, serde_json::from_slice(body)) {
        let sent: Value = sent;
        let mark = sent.pointer("/metadata/annotations/nightshift.dev~1claim").and_then(Value::as_str);
        return re_run_job::is_sealed(&sent, *sealed) && mark == Some(format!("done:{}", plan.op).as_str());
    }
    let patch: Vec<Value> = serde_json::from_slice(body).unwrap_or_default();
    let field = |op: &Value, name: &str| op.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let ours = |op: &&Value| field(op, "path").contains("nightshift.dev~1claim");
    let changes: Vec<&Value> = patch.iter().filter(|op| field(op, "op") != "test" && !ours(op)).collect();
    match &plan.request.body {
        Sealed::Reference { value, pointers, .. } => {
            if let Action::Restart { at, .. } = &plan.action {
                return restart::is_sealed(&patch, *at, *value);
            }
            matches!(changes.as_slice(), [one] if pointers.contains(&field(one, "path"))
                && one.get("value").is_some_and(|v| template_digest(v) == *value))
        }
        // Nothing but the sealed options, and the version as a second precondition.
        Sealed::Bytes(text) if !plan.action.marks() => {
            let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or(Value::Null);
            let (mut sent, sealed) = (read(body), read(text.as_bytes()));
            let version = sent.get_mut("preconditions").and_then(Value::as_object_mut);
            let version = version.and_then(|fields| fields.remove("resourceVersion"));
            version.is_some_and(|v| v.is_string()) && sent == sealed
        }
        // Nothing but the sealed bytes and the mark's frame, in their order.
        Sealed::Bytes(text) => {
            let sealed: Vec<Value> = serde_json::from_str(text).unwrap_or_default();
            !sealed.is_empty() && patch.into_iter().filter(|op| !ours(&op)).collect::<Vec<_>>() == sealed
        }
    }
}

/// I3: after a newer epoch has claimed a target, nothing of an older one is accepted there.
fn epochs(accepted: &[Accepted]) -> Vec<String> {
    let mut newest: BTreeMap<&str, Epoch> = BTreeMap::new();
    let mut wrong = Vec::new();
    for write in accepted.iter().filter(|w| w.user == user(Role::Executor)) {
        let epoch = marks(&write.body).iter().filter_map(|m| Mark::parse(m).ok()).map(|m| m.epoch).max();
        let Some(epoch) = epoch else { continue };
        let known = newest.entry(&write.path).or_default();
        if epoch < *known {
            wrong.push(format!("I3: epoch {} wrote to {} after epoch {}", epoch.0, write.path, known.0));
        }
        *known = epoch.max(*known);
    }
    wrong
}

/// I5: whoever must decide or act is told once, and nobody is told of what needs nobody.
fn pages(log: &Log) -> Vec<String> {
    let mut wrong = Vec::new();
    for (id, projected) in &log.incidents {
        let needs = log.rows.iter().filter(|row| row.stream == Stream::Incident(id.clone()));
        let needs = needs.filter(|row| {
            matches!(
                &row.event,
                HistoryEvent::Incident(
                    IncidentEvent::Sealed { .. }
                        | IncidentEvent::Escalated { .. }
                        | IncidentEvent::Planned { .. }
                        | IncidentEvent::Withdrawn { .. }
                        | IncidentEvent::Judged { .. }
                        | IncidentEvent::Sent { .. }
                        | IncidentEvent::Recovered { .. }
                )
            )
        });
        let most = needs.count();
        let told =
            log.outbox.iter().filter(|(_, m)| m.body == MessageBody::Page { incident: id.clone() }).count();
        let waits = matches!(projected.incident.phase, Phase::Proposed { .. } | Phase::Escalated { .. });
        if told > most || (waits && told == 0) {
            wrong.push(format!("I5: {id} was paged {told} times for {most} reasons"));
        }
    }
    wrong
}

/// I7: at rest no operation is between states; one that nobody can tell has been paged.
fn at_rest(log: &Log) -> Vec<String> {
    let mut wrong = Vec::new();
    for (id, projected) in &log.incidents {
        let Phase::Executing { operation, .. } = &projected.incident.phase else { continue };
        let paged = log.outbox.iter().any(|(at, m)| {
            m.body == MessageBody::Page { incident: id.clone() } && *at >= unknown_since(log, id)
        });
        let fine = matches!(operation.state, OperationState::Unknown { .. }) && paged;
        if !fine {
            wrong.push(format!("I7: {id} is left in {:?}", operation.state));
        }
    }
    wrong
}

fn unknown_since(log: &Log, id: &IncidentId) -> Timestamp {
    let sending = |row: &&nightshift_model::history::Row| {
        row.stream == Stream::Incident(id.clone())
            && matches!(&row.event, HistoryEvent::Incident(IncidentEvent::Sending { .. }))
    };
    log.rows.iter().filter(sending).map(|row| row.at).next_back().unwrap_or(Timestamp::EPOCH)
}

/// I12: verified means that the last look was taken after the write and that every measure held with data.
fn verified(log: &Log) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut last: BTreeMap<&Stream, (Option<Timestamp>, bool)> = BTreeMap::new();
    for row in &log.rows {
        let HistoryEvent::Incident(event) = &row.event else { continue };
        match event {
            IncidentEvent::Sending { .. } => {
                last.insert(&row.stream, (Some(row.at), false));
            }
            IncidentEvent::Measured { measurement } => {
                let slot = last.entry(&row.stream).or_default();
                let holds = measurement.readings.iter().all(|r| matches!(r.value, Said::Holds(_)));
                slot.1 = slot.0.is_some_and(|sent| measurement.at > sent)
                    && holds
                    && !measurement.readings.is_empty();
            }
            IncidentEvent::Closed { why: Closure::Verified { .. } }
            | IncidentEvent::Judged { outcome: nightshift_model::Outcome::Successful }
                if !last.get(&row.stream).is_some_and(|(_, good)| *good) =>
            {
                wrong.push(format!("I12: {} is verified without proof", row.stream.as_str()));
            }
            _ => {}
        }
    }
    wrong
}

/// A phase that moves by time has a durable timer, no later than what it waits for.
fn timers(log: &Log) -> Vec<String> {
    let late = |i: &Incident, wake: Option<Timestamp>| match &i.phase {
        Phase::Proposed { proposal, .. } => wake.is_none_or(|at| at > proposal.plan().not_after),
        Phase::Granted { grant, .. } => wake.is_none_or(|at| at > grant.until),
        Phase::Verifying { .. } | Phase::Investigating { .. } => wake.is_none(),
        Phase::Drafted { .. } | Phase::Executing { .. } | Phase::Escalated { .. } | Phase::Closed { .. } => {
            false
        }
    };
    let all = log.incidents.values().filter(|p| late(&p.incident, p.wake_at));
    all.map(|p| format!("{} has no timer in phase {}", p.incident.id, p.incident.phase.word())).collect()
}
