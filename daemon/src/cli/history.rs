//! What happened, one event a line, and the words for how things end.

use super::output::{Screen, wrapped};
use nightshift_engine::digest::words;
use nightshift_engine::text::visible;
use nightshift_model::history::Row;
use nightshift_model::incident::Reopening;
use nightshift_model::{
    Actor, HistoryEvent, IncidentEvent, Outcome, PersonId, Recovered, Sent, Timestamp, Withdrawal,
};
use serde_json::{Value, json};

/// Events, oldest first.
pub(super) fn told(screen: &Screen, rows: &[Row]) -> String {
    let mut out = String::new();
    for row in rows {
        let head = format!("  {} {:<9} ", second(screen, row.at), who(&row.actor));
        let text = wrapped(screen, head.chars().count(), &event(&row.event));
        out.push_str(&head);
        out.push_str(text.trim_start());
    }
    out
}

/// One event for programs.
pub(super) fn row(row: &Row) -> Value {
    json!({
        "seq": row.seq, "revision": row.revision, "at": row.at, "actor": row.actor, "event": row.event,
    })
}

/// The role, the person, or the operator.
fn who(actor: &Actor) -> String {
    match actor {
        Actor::Nightshift(role) => role.as_str().to_owned(),
        Actor::Person(name) => visible(name.as_str(), 60),
        Actor::Operator => actor.to_string(),
    }
}

fn second(screen: &Screen, at: Timestamp) -> String {
    at.get().to_zoned(screen.zone.clone()).strftime("%a %H:%M:%S").to_string()
}

fn event(event: &HistoryEvent) -> String {
    use IncidentEvent as E;
    let HistoryEvent::Incident(event) = event else { return event.kind().to_owned() };
    match event {
        E::Opened { scope, .. } => format!("opened on {scope}"),
        E::FindingsChanged { findings } if findings.is_empty() => "the symptom is gone".to_owned(),
        E::FindingsChanged { findings } => {
            let all: Vec<String> =
                findings.iter().map(|f| format!("{} ({})", f.reason, f.severity)).collect();
            format!("found: {}", all.join(", "))
        }
        E::Silenced { until, .. } => format!("silenced until {until}"),
        E::Wished { wish } => {
            let (what, because) = (visible(&wish.sentence(), 400), visible(&wish.because, 300));
            format!("{} asked to {what}: {because}", visible(wish.person.as_str(), 60))
        }
        E::SilenceOver => "the silence is over".to_owned(),
        E::BaseRate { rate } => rate.sentence(),
        E::Flapping { .. } => "it comes and goes: told once, and not again until it holds still".to_owned(),
        E::Steady => "it holds still".to_owned(),
        E::Acknowledged { person } => format!("{person} has it"),
        E::BelowChanged { below } if below.is_empty() => "no other scope shows it now".to_owned(),
        E::BelowChanged { below } => format!("also shown by {}", words::below(below, 5)),
        E::AlertsChanged { alerts } => format!("alerts: {}", words::alerts(alerts)),
        E::Unchecked { gaps } if gaps.is_empty() => "everything could be seen again".to_owned(),
        E::Unchecked { gaps } => {
            format!(
                "could not see: {}",
                gaps.iter().map(|gap| gap.what.as_str()).collect::<Vec<_>>().join(", ")
            )
        }
        E::EvidenceWanted { wanted } => format!("asked {} questions", wanted.len()),
        E::EvidenceGot { evidence } => format!("evidence {}: {}", evidence.id, evidence.source),
        E::Diagnosed { diagnosis } => format!("likeliest cause: {}", words::causes(diagnosis)),
        E::Planned { draft } => format!("planned: {}", words::action(&draft.action)),
        E::Sealed { proposal } => format!("sealed {}, digest {}", proposal.id(), proposal.digest().short()),
        E::Voted { vote } => {
            let reason = if vote.reason.is_empty() { String::new() } else { format!(": {}", vote.reason) };
            format!("voted {}{reason}", vote.decision.as_str())
        }
        E::Granted { grant } => format!("granted by {}", persons(&grant.persons)),
        E::Claimed { mark } => format!("claimed {mark}"),
        E::Rechecked { .. } => "the target is as approved".to_owned(),
        E::Marked { mark } => format!("marked the target {mark}"),
        E::Sending { .. } => "about to send the one request".to_owned(),
        E::Sent { sent } => match sent {
            Sent::Applied { status, .. } => format!("written ({status})"),
            Sent::Refused { status, reason, .. } => format!("refused by the API server ({status} {reason})"),
            Sent::NotSent { why } => format!("never sent: {why}"),
            Sent::Unknown { why } => format!("nobody can tell whether it was written: {why}"),
        },
        E::Recovered { found, .. } => match found {
            Recovered::Applied { .. } => "recovery found it written".to_owned(),
            Recovered::NotApplied => "recovery found it not written".to_owned(),
            Recovered::Absent => "recovery found the target gone".to_owned(),
            Recovered::Unknown { why } => format!("recovery cannot tell: {why}"),
        },
        E::Measured { measurement } => {
            let read: Vec<String> = measurement
                .readings
                .iter()
                .map(|r| format!("{} {}", r.name, words::value(&r.value)))
                .collect();
            format!("measured: {}", if read.is_empty() { "nothing".to_owned() } else { read.join(", ") })
        }
        E::Judged { outcome } => format!("judged {}", outcome_text(outcome)),
        E::Withdrawn { why } => format!("withdrawn: {}", withdrawal(why)),
        E::Escalated { why } => format!("a person is needed: {}", words::escalation(why)),
        E::Reopened { why } => match why {
            Reopening::Relapse => "it came back".to_owned(),
            Reopening::Changed => "what is broken changed".to_owned(),
            Reopening::CheckAgain { person } | Reopening::Asked { person } => {
                format!("{person} asked for a fresh look")
            }
        },
        E::Closed { why } => format!("closed: {}", words::closure(why)),
    }
}

/// The word and its reason.
pub(super) fn outcome_text(outcome: &Outcome) -> String {
    let why = outcome.why();
    if why.is_empty() { outcome.word().to_owned() } else { format!("{}: {why}", outcome.word()) }
}

/// Why a proposal ended.
pub(super) fn withdrawal(why: &Withdrawal) -> String {
    match why {
        Withdrawal::Denied { by, reason } if reason.is_empty() => format!("{by} said no"),
        Withdrawal::Denied { by, reason } => format!("{by} said no: {reason}"),
        Withdrawal::Expired => "nobody decided in time".to_owned(),
        Withdrawal::Superseded => "a newer plan replaced it".to_owned(),
        Withdrawal::TargetChanged { what } => format!("the target changed: {what}"),
        Withdrawal::PolicyChanged => "persons, policy or playbooks changed".to_owned(),
        Withdrawal::Stopped => "the kill switch was used".to_owned(),
        Withdrawal::ByPerson { person } => format!("{person} took it back"),
    }
}

/// Names in a row.
pub(super) fn persons(persons: &[PersonId]) -> String {
    persons.iter().map(PersonId::as_str).collect::<Vec<_>>().join(", ")
}
