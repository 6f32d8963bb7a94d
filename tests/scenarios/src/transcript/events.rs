//! One clause an event.

use super::look;
use nightshift_model::change::Shown;
use nightshift_model::incident::Reopening;
use nightshift_model::{
    Actor, Alert, Alerts, Closure, Diagnosis, Draft, Escalation, Evidence, Finding, Got, IncidentEvent as E,
    Recovered, Sent, SystemEvent as S, Withdrawal, Written,
};

/// An event of an incident.
pub(super) fn incident(event: &E) -> String {
    let more = match event {
        E::Opened { scope, .. } => scope.to_string(),
        E::FindingsChanged { findings } if findings.is_empty() => "nothing any more".to_owned(),
        E::FindingsChanged { findings } => findings.iter().map(finding).collect::<Vec<_>>().join("; "),
        E::BelowChanged { below } => nightshift_engine::digest::words::below(below, 10),
        E::AlertsChanged { alerts } => alerts_of(alerts),
        E::Unchecked { gaps } if gaps.is_empty() => "everything was seen".to_owned(),
        E::Unchecked { gaps } => gaps.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        E::Silenced { until, .. } => format!("until {until}"),
        E::SilenceOver => "what is still broken is told".to_owned(),
        E::BaseRate { rate } => rate.sentence(),
        E::Flapping { severity } => format!("told as {severity}"),
        E::Steady => "it holds still".to_owned(),
        E::Acknowledged { person } => format!("{person} has it"),
        E::Wished { wish } => {
            format!("{} asks to {}: {}", wish.person, wish.sentence(), wish.because)
        }
        E::EvidenceWanted { wanted } => wanted.iter().map(|w| w.tool.name()).collect::<Vec<_>>().join(", "),
        E::EvidenceGot { evidence } => got(evidence),
        E::Diagnosed { diagnosis } => diagnosed(diagnosis),
        E::Planned { draft } => draft_of(draft),
        E::Sealed { proposal } => {
            let plan = proposal.plan();
            let changes: Vec<String> = plan
                .shown
                .iter()
                .map(|c| format!("\n  {}: {} -> {}", c.path, value(&c.before), value(&c.after)))
                .collect();
            let by = match &plan.proposer {
                Actor::Person(person) => format!(" by {person}"),
                Actor::Nightshift(_) | Actor::Operator => String::new(),
            };
            format!("{}{by} until {}{}", plan.proposal, plan.not_after, changes.concat())
        }
        E::Voted { vote } => {
            let why = if vote.reason.is_empty() { String::new() } else { format!(" ({})", vote.reason) };
            format!("{} votes {} (vote {}){why}", vote.person, vote.decision.as_str(), vote.no)
        }
        E::Granted { grant } => {
            let persons: Vec<&str> = grant.persons.iter().map(nightshift_model::PersonId::as_str).collect();
            format!("by {} until {}", persons.join(", "), grant.until)
        }
        E::Claimed { mark } | E::Marked { mark } | E::Sending { mark } => mark.to_string(),
        E::Rechecked { .. } => "the target is as approved".to_owned(),
        E::Sent { sent } => match sent {
            Sent::Applied { status, .. } => format!("applied ({status})"),
            Sent::Refused { status, reason, message } => format!("refused: {status} {reason}: {message}"),
            Sent::NotSent { why } => format!("not sent: {why}"),
            Sent::Unknown { why } => format!("unknown: {why}"),
        },
        E::Recovered { mark, found } => match found {
            Recovered::Applied { .. } => format!("{mark} was applied"),
            Recovered::NotApplied => format!("{mark} was not applied"),
            Recovered::Absent => format!("{mark}: the target is gone"),
            Recovered::Unknown { why } => format!("{mark} unknown: {why}"),
        },
        E::Measured { measurement } => look(measurement),
        E::Judged { outcome } => match outcome.why() {
            "" => outcome.word().to_owned(),
            why => format!("{}: {why}", outcome.word()),
        },
        E::Withdrawn { why } => withdrawal(why),
        E::Escalated { why } => escalation(why),
        E::Reopened { why } => match why {
            Reopening::Relapse => "it came back".to_owned(),
            Reopening::Changed => "the fault changed".to_owned(),
            Reopening::CheckAgain { person } => format!("{person} says check again"),
            Reopening::Asked { person } => format!("{person} asks for a proposal"),
        },
        E::Closed { why } => match why {
            Closure::Verified { outcome } => format!("verified: {}", outcome.word()),
            Closure::Healed => "healed".to_owned(),
            Closure::Deleted => "its object is deleted".to_owned(),
            Closure::Resolved => "alerts resolved".to_owned(),
            Closure::GoneSince { written } => match written {
                Written::Perhaps => "gone; nobody can tell what was written".to_owned(),
                Written::Judged { outcome, .. } => format!("gone after a write that was {}", outcome.word()),
            },
            Closure::ByPerson { person, note } => format!("by {person}: {note}"),
            Closure::NotDone { why } => format!("not done: {}", escalation(why)),
        },
    };
    format!("{}: {more}", event.kind())
}

fn finding(f: &Finding) -> String {
    let exit = f.exit.as_ref().map_or_else(String::new, |e| format!(", exit {}", e.code));
    format!("{} {} of {}{exit}, {} affected, since {}", f.severity, f.reason, f.object, f.affected, f.since)
}

fn alerts_of(alerts: &Alerts) -> String {
    let one = |a: &Alert| {
        let state = if a.fires() { "firing" } else { "resolved" };
        let flags: Vec<&str> = a.flags.iter().map(|f| f.as_str()).collect();
        format!("{} {state} since {} [{}]", a.name, a.since, flags.join(" "))
    };
    let shown: Vec<String> = alerts.shown.iter().map(one).collect();
    format!("{} of {} fire: {}", alerts.firing, alerts.total, shown.join("; "))
}

fn got(evidence: &Evidence) -> String {
    match &evidence.got {
        Got::Facts(_) => format!("{} {}", evidence.id, evidence.tool.name()),
        Got::NotChecked { why, detail } => {
            format!("{} {} NOT CHECKED: {} ({detail})", evidence.id, evidence.tool.name(), why.clause())
        }
    }
}

fn diagnosed(diagnosis: &Diagnosis) -> String {
    let lines = nightshift_engine::digest::words::ranked(diagnosis).into_iter();
    let lines: Vec<String> = lines.map(|(depth, line)| format!("\n  {}{line}", "  ".repeat(depth))).collect();
    lines.concat()
}

fn draft_of(draft: &Draft) -> String {
    let hazards: Vec<String> = draft.hazards.iter().map(|h| format!("\n  hazard: {h}")).collect();
    format!(
        "{} of {} at {} risk, soak {}\n  cause: {}{}",
        draft.action.kind(),
        draft.action.target(),
        draft.risk,
        draft.verification.soak,
        draft.cause,
        hazards.concat()
    )
}

fn value(shown: &Shown) -> String {
    match shown {
        Shown::Absent => "(absent)".to_owned(),
        Shown::Value(text) => text.clone(),
        Shown::Hidden => "(hidden)".to_owned(),
    }
}

fn withdrawal(why: &Withdrawal) -> String {
    match why {
        Withdrawal::Denied { by, reason } => format!("denied by {by}: {reason}"),
        Withdrawal::Expired => "expired".to_owned(),
        Withdrawal::Superseded => "superseded".to_owned(),
        Withdrawal::TargetChanged { what } => format!("the target changed: {what}"),
        Withdrawal::PolicyChanged => "the policy changed".to_owned(),
        Withdrawal::Stopped => "stopped by the kill switch".to_owned(),
        Withdrawal::ByPerson { person } => format!("by {person}"),
    }
}

fn escalation(why: &Escalation) -> String {
    match why {
        Escalation::NoPlan { reasons, handover } => {
            let by_hand = handover.as_deref().unwrap_or_default().lines().map(|l| format!("\n  | {l}"));
            format!("no plan: {}{}", reasons.join("; "), by_hand.collect::<String>())
        }
        Escalation::Refused { reasons } => format!("refused: {}", reasons.join("; ")),
        Escalation::NotSealed { why } => format!("not sealed: {why}"),
        Escalation::Denied { by, .. } => format!("denied by {by}"),
        Escalation::Expired { .. } => "expired".to_owned(),
        Escalation::SupersededTwice => "its proposals were replaced twice within an hour".to_owned(),
        Escalation::GrantExpired => "the grant expired".to_owned(),
        Escalation::RecheckFailed { why } => format!("the re-check failed: {why}"),
        Escalation::NotApplied { why } => format!("not applied: {why}"),
        Escalation::NotVerified { outcome } => format!("not verified: {} {}", outcome.word(), outcome.why()),
        Escalation::Broken { why } => format!("broken: {why}"),
    }
}

/// An event of the system stream; `None` for what no story needs.
pub(super) fn system(event: &S) -> Option<String> {
    let kind = event.kind();
    Some(match event {
        S::Started { role, epoch, .. } => format!("{kind}: {} with epoch {}", role.as_str(), epoch.0),
        S::PolicyChanged { before, .. } => {
            format!("{kind}{}", if before.is_some() { "" } else { ": the first one" })
        }
        S::KillSwitchSet { by, reason } => format!("{kind}: {by} ({reason})"),
        S::KillSwitchClearing { by } | S::SilenceEnded { by, .. } => format!("{kind}: {by}"),
        S::SilenceAdded { silence } => {
            format!("{kind}: {} until {} ({}, {})", silence.of, silence.until, silence.because, silence.by)
        }
        S::SilenceUnread { object, why } => {
            format!("{kind}: {object}: {}", why.as_deref().unwrap_or("no longer"))
        }
        S::AlertmanagerChanged { silences, gap } => {
            format!("{kind}: {} silences{}", silences.len(), gap.as_ref().map_or("", |_| ", not known"))
        }
        S::IgnoreChanged { entries } => format!("{kind}: {} entries", entries.len()),
        S::KillSwitchCleared => kind.to_owned(),
        S::Inventory { entries } | S::InventoryCleared { entries } => match entries.as_slice() {
            [] => format!("{kind}: nothing"),
            [one] => format!("{kind}: {} {}", one.scope, one.reason),
            more => format!("{kind}: {} entries", more.len()),
        },
        S::HealthySeen { revision: r } => {
            format!("{kind}: {} revision {} since {}", r.workload, r.named(), r.since)
        }
        S::AuditClosed { why } => format!("{kind}: {why}"),
        S::ExecutorClosed { by, places } => {
            let each = places.iter().map(|place| format!("{:?} {}", place.namespace, place.why));
            format!("{kind}: {}: {}", by.as_str(), each.collect::<Vec<_>>().join("; "))
        }
        S::ExecutorOpened { by, .. } => format!("{kind}: {}", by.as_str()),
        S::AuditAdopted { because, .. } => format!("{kind}: {because}"),
        S::VoteRefused { person, why, .. } => format!("{kind}: {person}: {}", why.as_str()),
        S::Stopped { .. }
        | S::Quarantined { .. }
        | S::CoverageChanged { .. }
        | S::Invited { .. }
        | S::SessionOpened { .. }
        | S::SessionEnded { .. }
        | S::PageViewed { .. }
        | S::AnonymousRefused { .. }
        | S::CountersignRefused { .. }
        | S::Routed { .. }
        | S::Listed { .. }
        | S::ThreadChanged { .. }
        | S::Delivered { .. }
        | S::Undelivered { .. }
        | S::DigestSent { .. }
        | S::AuditRead { .. }
        | S::CheckpointKey { .. }
        | S::PolicyNoted { .. }
        | S::Quiet { .. } => return None,
    })
}
