//! What an answer means: one match on the ask, one call a line into the step's module.

use crate::rules::Rules;
use crate::{evidence, recheck, seal, verify};
use nightshift_model::{
    Answer, Ask, Escalation, Evidence, EvidenceRequest, Got, Incident, IncidentEvent, Mark, NotChecked,
    Phase, Sent, Timestamp,
};

/// A claim whose answer is lost is tried again with a higher mark, this often.
const CLAIMS: u32 = 5;

/// Events for an answer. Never empty: a failed ask is an event too, else the driver would spin.
pub fn accept(
    i: &Incident,
    asked: &Ask,
    answer: Answer,
    rules: &Rules,
    now: Timestamp,
) -> Vec<IncidentEvent> {
    match (asked, answer) {
        (Ask::Fetch(request), Answer::Raw(raw)) => {
            vec![IncidentEvent::EvidenceGot { evidence: evidence::read(request, &raw, now) }]
        }
        (Ask::Fetch(request), other) => vec![not_checked(request, &failure(other), now)],
        (Ask::Preview(draft, op), Answer::Preview(preview)) => {
            match seal::seal(i, draft, op, &preview, rules, now) {
                Ok(proposal) => vec![IncidentEvent::Sealed { proposal }],
                Err(why) => escalated(Escalation::NotSealed { why }),
            }
        }
        (Ask::Preview(..), other) => escalated(Escalation::NotSealed { why: failure(other) }),
        (Ask::Recheck(plan, _), Answer::Live(live)) => {
            let symptom = plan
                .wish
                .is_none()
                .then(|| i.symptom.as_ref().map_or(nightshift_model::Reason::CrashLoopBackOff, |s| s.reason));
            match recheck::recheck(plan, symptom, &live, rules.registry.policy.symptom_within) {
                Ok(live) => vec![IncidentEvent::Rechecked { live }],
                Err(why) => escalated(Escalation::RecheckFailed { why }),
            }
        }
        (Ask::Recheck(..), other) => escalated(Escalation::RecheckFailed { why: failure(other) }),
        (Ask::Claim(_, mark), Answer::Claimed(sent)) => claimed(mark, sent),
        (Ask::Claim(..), other) => escalated(Escalation::NotApplied { why: failure(other) }),
        (Ask::Recover { fresh, .. }, Answer::Recovered(found)) => {
            vec![IncidentEvent::Recovered { mark: fresh.clone(), found }]
        }
        (Ask::Recover { fresh, .. }, other) => {
            let found = nightshift_model::Recovered::Unknown { why: failure(other) };
            vec![IncidentEvent::Recovered { mark: fresh.clone(), found }]
        }
        (Ask::Measure(request), answer) => {
            let raw = if let Answer::Measured(raw) = answer { raw } else { Vec::new() };
            let max_age = match &i.phase {
                Phase::Granted { proposal, .. } | Phase::Verifying { proposal, .. } => {
                    proposal.plan().verification.max_age
                }
                Phase::Investigating { .. }
                | Phase::Drafted { .. }
                | Phase::Proposed { .. }
                | Phase::Executing { .. }
                | Phase::Escalated { .. }
                | Phase::Closed { .. } => nightshift_model::Seconds(120),
            };
            vec![IncidentEvent::Measured { measurement: verify::measurement(request, &raw, max_age, now) }]
        }
    }
}

/// Events for what became of the one request.
pub fn sent(_: &Incident, sent: Sent) -> Vec<IncidentEvent> {
    vec![IncidentEvent::Sent { sent }]
}

/// A claim changes nothing but our mark, so a lost answer is asked again under a higher one.
fn claimed(mark: &Mark, sent: Sent) -> Vec<IncidentEvent> {
    match sent {
        Sent::Applied { .. } => vec![IncidentEvent::Marked { mark: mark.clone() }],
        Sent::Unknown { .. } if mark.attempt < CLAIMS => {
            vec![IncidentEvent::Claimed { mark: mark.raised(mark.epoch) }]
        }
        Sent::Unknown { why } | Sent::NotSent { why } => escalated(Escalation::NotApplied { why }),
        Sent::Refused { status, reason, message } => {
            escalated(Escalation::NotApplied { why: format!("{status} {reason}: {message}") })
        }
    }
}

fn escalated(why: Escalation) -> Vec<IncidentEvent> {
    vec![IncidentEvent::Escalated { why }]
}

fn failure(answer: Answer) -> String {
    match answer {
        Answer::Failed(why) => why,
        Answer::Raw(_)
        | Answer::Live(_)
        | Answer::Preview(_)
        | Answer::Claimed(_)
        | Answer::Recovered(_)
        | Answer::Measured(_) => "the answer does not fit the question".to_owned(),
    }
}

fn not_checked(request: &EvidenceRequest, detail: &str, now: Timestamp) -> IncidentEvent {
    let evidence = Evidence {
        id: request.id,
        tool: request.tool.clone(),
        source: request.tool.name().to_owned(),
        at: now,
        got: Got::NotChecked { why: NotChecked::Unreachable, detail: crate::text::visible(detail, 200) },
    };
    IncidentEvent::EvidenceGot { evidence }
}
