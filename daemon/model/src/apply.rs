//! The one state machine: (phase, event) -> phase.

use crate::finding::Finding;
use crate::flap::{Flap, RELAPSES};
use crate::ids::{IncidentId, PersonId};
use crate::incident::{
    Before, Began, Closure, Escalation, Holder, Hush, IllegalTransition, Incident, IncidentEvent,
    PastProposal, Phase, Reopening, Withdrawal, Written,
};
use crate::measure::{Measurement, Outcome, Stage};
use crate::operation::{Applied, Mark, Operation, OperationState, Recovered, Revision, Sent};
use crate::plan::Proposal;
use crate::time::{Seconds, Timestamp};
use crate::vote::{Vote, VoteDecision};
use std::collections::BTreeMap;

/// Where an event stands in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The stream.
    pub id: IncidentId,
    /// The event's number.
    pub revision: Revision,
    /// When it was recorded.
    pub at: Timestamp,
}

impl Incident {
    /// Folds one event. `before` is `None` only for `Opened`.
    ///
    /// # Errors
    /// [`IllegalTransition`] when the event does not fit the phase or its number is not the next.
    #[expect(clippy::wildcard_enum_match_arm)] // whatever does not open a stream is illegal before it is open
    pub fn apply(
        before: Option<&Self>,
        place: &Place,
        event: &IncidentEvent,
    ) -> Result<Self, IllegalTransition> {
        let illegal = |detail: String| IllegalTransition {
            incident: place.id.clone(),
            phase: before.map_or("none", |i| i.phase.word()),
            event: event.kind(),
            detail,
        };
        let Some(before) = before else {
            return match event {
                IncidentEvent::Opened { scope, cause } if place.revision == Revision(1) => Ok(Self {
                    id: place.id.clone(),
                    revision: place.revision,
                    opened_at: place.at,
                    changed_at: place.at,
                    scope: scope.clone(),
                    cause: cause.clone(),
                    findings: Vec::new(),
                    symptom: None,
                    findings_at: place.at,
                    began: None,
                    below: crate::below::Below::default(),
                    alerts: crate::alert::Alerts::default(),
                    unchecked: Vec::new(),
                    coverage: Vec::new(),
                    evidence: Vec::new(),
                    diagnosis: None,
                    written: None,
                    proposals: Vec::new(),
                    asked_by: None,
                    wish: None,
                    held_by: None,
                    relapses: Vec::new(),
                    flap: None,
                    base_rate: None,
                    was_held: false,
                    hush: None,
                    phase: Phase::Investigating { wanted: Vec::new(), asked: false },
                }),
                _ => Err(illegal(String::new())),
            };
        };
        if place.revision != before.revision.next() || place.id != before.id {
            return Err(illegal(format!(": event {} follows {}", place.revision.0, before.revision.0)));
        }
        let mut after = before.clone();
        after.revision = place.revision;
        if !is_beside(event) {
            after.changed_at = place.at;
        }
        after.phase = step(&mut after, place.at, event).ok_or_else(|| illegal(String::new()))?;
        if matches!(after.phase, Phase::Closed { .. }) {
            after.was_held |= after.held_by.take().is_some();
        } else {
            after.was_held = false;
        }
        // What cannot be proven is told, silence or not.
        if let (true, Some(hush)) = (after.phase.is_unproven(), &mut after.hush) {
            hush.before = Before::Told;
        }
        Ok(after)
    }
}

/// Whether an event stands beside the course of an incident and moves none of it.
fn is_beside(event: &IncidentEvent) -> bool {
    matches!(
        event,
        IncidentEvent::AlertsChanged { .. }
            | IncidentEvent::BelowChanged { .. }
            | IncidentEvent::Acknowledged { .. }
            | IncidentEvent::Silenced { .. }
            | IncidentEvent::SilenceOver
            | IncidentEvent::BaseRate { .. }
            | IncidentEvent::Flapping { .. }
            | IncidentEvent::Steady
    )
}

/// The match on (phase, event). `i` is the incident with its old phase; facts beside the phase are folded here too.
fn step(i: &mut Incident, at: Timestamp, event: &IncidentEvent) -> Option<Phase> {
    use IncidentEvent as E;
    use Phase as P;
    let phase = i.phase.clone();
    Some(match (phase, event) {
        (phase, E::FindingsChanged { findings }) if !matches!(phase, P::Closed { .. }) => {
            i.symptom = findings.first().cloned().or(i.symptom.take());
            i.began = began(i, findings, at);
            i.findings.clone_from(findings);
            i.findings_at = at;
            phase
        }
        (phase, E::BelowChanged { below }) if !matches!(phase, P::Closed { .. }) => {
            i.below.clone_from(below);
            phase
        }
        (phase, E::AlertsChanged { alerts }) => {
            i.alerts.clone_from(alerts);
            phase
        }
        // What a person ended while it stood is told again only when it changes: so that it went away is noted.
        (phase @ P::Closed { why: Closure::ByPerson { .. } }, E::FindingsChanged { findings })
            if findings.is_empty() && !i.findings.is_empty() =>
        {
            i.findings.clear();
            i.findings_at = at;
            phase
        }
        (phase, E::Unchecked { gaps }) if !matches!(phase, P::Closed { .. }) => {
            i.unchecked.clone_from(gaps);
            phase
        }
        (phase, E::Acknowledged { person }) if !matches!(phase, P::Closed { .. }) => {
            i.held_by = Some(Holder { person: person.clone(), at });
            phase
        }
        (
            phase @ (P::Drafted { .. } | P::Proposed { .. } | P::Escalated { .. }),
            E::Silenced { until, before },
        ) => {
            i.hush = Some(Hush { until: *until, before: *before });
            phase
        }
        (
            phase @ (P::Investigating { .. } | P::Drafted { .. } | P::Proposed { .. } | P::Escalated { .. }),
            E::SilenceOver,
        ) => {
            i.hush.take()?;
            phase
        }
        (phase @ P::Investigating { .. }, E::BaseRate { rate }) => {
            i.base_rate = Some(*rate);
            phase
        }
        (phase, E::Flapping { severity }) if !matches!(phase, P::Closed { .. }) => {
            i.flap = Some(Flap { told_at: at, severity: *severity });
            phase
        }
        (phase, E::Steady) => {
            i.flap.take()?;
            phase
        }
        (P::Investigating { .. } | P::Escalated { .. }, E::Wished { wish }) => {
            i.asked_by = Some(wish.person.clone());
            i.wish = Some(wish.clone());
            investigating(i)
        }
        (P::Investigating { mut wanted, .. }, E::EvidenceWanted { wanted: more }) => {
            wanted.extend(more.iter().cloned());
            P::Investigating { wanted, asked: true }
        }
        (P::Investigating { mut wanted, asked }, E::EvidenceGot { evidence }) => {
            let place = wanted.iter().position(|w| w.id == evidence.id)?;
            wanted.remove(place);
            if let crate::evidence::Got::NotChecked { why, detail } = &evidence.got {
                let why = if detail.is_empty() {
                    why.clause().to_owned()
                } else {
                    format!("{}: {detail}", why.clause())
                };
                i.coverage.push(crate::coverage::Gap { what: evidence.source.clone(), why });
            }
            i.evidence.push(evidence.clone());
            P::Investigating { wanted, asked }
        }
        (
            phase @ (P::Investigating { .. } | P::Drafted { .. } | P::Proposed { .. } | P::Escalated { .. }),
            E::Diagnosed { diagnosis },
        ) => {
            i.diagnosis = Some(diagnosis.clone());
            phase
        }
        (P::Investigating { wanted, .. }, E::Planned { draft }) if wanted.is_empty() => {
            P::Drafted { draft: draft.clone() }
        }
        (P::Drafted { .. }, E::Sealed { proposal }) => {
            i.proposals.push(PastProposal {
                id: proposal.id().clone(),
                digest: proposal.digest(),
                action: proposal.plan().action.kind(),
                at,
                withdrawn: None,
                withdrawn_at: None,
                written_at: None,
                approved_by: Vec::new(),
            });
            P::Proposed { proposal: proposal.clone(), votes: Vec::new() }
        }
        (P::Proposed { proposal, mut votes }, E::Voted { vote }) if vote.proposal == *proposal.id() => {
            votes.push(vote.clone());
            P::Proposed { proposal, votes }
        }
        (P::Granted { proposal, mut votes, grant, baseline }, E::Voted { vote })
            if vote.proposal == *proposal.id() =>
        {
            votes.push(vote.clone());
            P::Granted { proposal, votes, grant, baseline }
        }
        (P::Proposed { proposal, votes }, E::Granted { grant }) if grant.digest == proposal.digest() => {
            P::Granted { proposal, votes, grant: grant.clone(), baseline: None }
        }
        (P::Granted { proposal, votes, grant, .. }, E::Measured { measurement })
            if measurement.stage == Stage::Before =>
        {
            P::Granted { proposal, votes, grant, baseline: Some(measurement.clone()) }
        }
        (P::Granted { proposal, votes, grant, baseline }, E::Claimed { mark })
            if mark.op == proposal.plan().op =>
        {
            P::Executing {
                proposal,
                votes,
                grant,
                baseline,
                operation: Operation { mark: mark.clone(), state: claimed() },
            }
        }
        (P::Executing { proposal, votes, grant, baseline, operation }, event) => {
            return executing(i, at, event, Running { proposal, votes, grant, baseline, operation });
        }
        (P::Verifying { proposal, applied, mut measured }, E::Measured { measurement })
            if measurement.stage == Stage::After =>
        {
            measured.push(measurement.clone());
            P::Verifying { proposal, applied, measured }
        }
        (P::Verifying { .. }, E::Judged { outcome }) => {
            i.written = Some(Written::Judged { at, outcome: outcome.clone() });
            let outcome = outcome.clone();
            if outcome == Outcome::Successful {
                i.began = None;
                P::Closed { why: Closure::Verified { outcome } }
            } else {
                P::Escalated { why: Escalation::NotVerified { outcome } }
            }
        }
        (P::Proposed { proposal, votes } | P::Granted { proposal, votes, .. }, E::Withdrawn { why }) => {
            withdrawn(i, at, (&proposal, &votes), why)
        }
        (
            P::Investigating { .. } | P::Drafted { .. } | P::Proposed { .. } | P::Granted { .. },
            E::Escalated { why },
        ) => P::Escalated { why: why.clone() },
        // Another finding asks for another look; whoever asked for this one has still asked.
        (P::Drafted { .. }, E::Reopened { why: Reopening::Changed | Reopening::Relapse }) => investigating(i),
        (P::Closed { .. }, E::Reopened { why: why @ Reopening::Relapse }) => {
            i.relapses.push(at);
            let over = i.relapses.len().saturating_sub(RELAPSES);
            i.relapses.drain(..over);
            reopened(i, why)
        }
        (P::Drafted { .. } | P::Escalated { .. } | P::Closed { .. }, E::Reopened { why }) => reopened(i, why),
        (
            P::Investigating { .. }
            | P::Drafted { .. }
            | P::Proposed { .. }
            | P::Granted { .. }
            | P::Escalated { .. },
            E::Closed { why },
        ) => P::Closed { why: why.clone() },
        _ => return None,
    })
}

/// Trouble that comes back so soon had not ended.
const PAUSE: Seconds = Seconds(600);

/// Where the trouble began that these findings are part of. `i` has what was seen before them.
fn began(i: &Incident, findings: &[Finding], at: Timestamp) -> Option<Began> {
    let goes_on = !i.findings.is_empty() || at.since(i.findings_at) <= PAUSE;
    let before = i.began.clone().filter(|_| goes_on || findings.is_empty());
    let first = || findings.iter().filter(|f| !f.template_hash.is_empty()).min_by_key(|f| f.since);
    before.or_else(|| first().map(|f| Began { at: f.since, template_hash: f.template_hash.clone() }))
}

/// What `Phase::Executing` holds, taken apart.
struct Running {
    proposal: crate::plan::Proposal,
    votes: Vec<crate::vote::Vote>,
    grant: crate::vote::Grant,
    baseline: Option<Measurement>,
    operation: Operation,
}

impl Running {
    fn now(self, mark: Mark, state: OperationState) -> Phase {
        Phase::Executing {
            proposal: self.proposal,
            votes: self.votes,
            grant: self.grant,
            baseline: self.baseline,
            operation: Operation { mark, state },
        }
    }

    fn applied(self, i: &mut Incident, applied: Applied) -> Phase {
        for past in i.proposals.iter_mut().filter(|p| p.id == *self.proposal.id()) {
            past.written_at = Some(applied.at);
        }
        Phase::Verifying { proposal: self.proposal, applied, measured: self.baseline.into_iter().collect() }
    }
}

fn claimed() -> OperationState {
    OperationState::Claimed { live: None, marked: false }
}

/// The match on (operation state, event).
fn executing(i: &mut Incident, at: Timestamp, event: &IncidentEvent, run: Running) -> Option<Phase> {
    use IncidentEvent as E;
    use OperationState as S;
    let mark = run.operation.mark.clone();
    Some(match (run.operation.state.clone(), event) {
        (S::Claimed { .. }, E::Claimed { mark: fresh }) if *fresh > mark => run.now(fresh.clone(), claimed()),
        (S::Claimed { live: None, .. }, E::Rechecked { live }) => {
            run.now(mark, S::Claimed { live: Some(live.clone()), marked: false })
        }
        (S::Claimed { live: live @ Some(_), marked: false }, E::Marked { mark: stood })
            if *stood == mark && run.proposal.plan().action.marks() =>
        {
            run.now(mark, S::Claimed { live, marked: true })
        }
        (S::Claimed { live: Some(_), marked }, E::Sending { mark: sent })
            if *sent == mark && marked == run.proposal.plan().action.marks() =>
        {
            run.now(mark, S::Sending)
        }
        (S::Sending, E::Sent { sent: Sent::Applied { resource_version, .. } }) => {
            run.applied(i, Applied { at, resource_version: resource_version.clone(), recovered: false })
        }
        (S::Sending, E::Sent { sent: Sent::Refused { status, reason, message } }) => {
            run.now(mark, S::NotApplied { why: format!("{status} {reason}: {message}") })
        }
        (S::Sending, E::Sent { sent: Sent::NotSent { why } }) => {
            run.now(mark, S::NotApplied { why: why.clone() })
        }
        (S::Sending, E::Sent { sent: Sent::Unknown { why } }) => {
            // Not recovered yet in any epoch: the driver asks at once.
            run.now(mark, S::Unknown { why: why.clone(), tried: crate::operation::Epoch(0) })
        }
        (S::Sending | S::Unknown { .. }, E::Recovered { mark: fresh, found }) if *fresh > mark => {
            match found {
                Recovered::Applied { resource_version } => run
                    .applied(i, Applied { at, resource_version: resource_version.clone(), recovered: true }),
                Recovered::NotApplied => run.now(fresh.clone(), claimed()),
                Recovered::Absent => {
                    let why = "the target is gone".to_owned();
                    run.now(fresh.clone(), S::Unknown { why, tried: fresh.epoch })
                }
                Recovered::Unknown { why } => {
                    run.now(fresh.clone(), S::Unknown { why: why.clone(), tried: fresh.epoch })
                }
            }
        }
        // Before anything was sent, and after a refusal, a person is needed.
        (S::Claimed { .. } | S::NotApplied { .. }, E::Escalated { why }) => {
            Phase::Escalated { why: why.clone() }
        }
        // The kill switch, before anything was sent.
        (S::Claimed { .. }, E::Withdrawn { why }) => withdrawn(i, at, (&run.proposal, &run.votes), why),
        // Only a person ends what nobody can tell.
        (S::Unknown { .. }, E::Closed { why: why @ Closure::ByPerson { .. } }) => {
            i.written = Some(Written::Perhaps);
            Phase::Closed { why: why.clone() }
        }
        _ => return None,
    })
}

/// Denied and expired leave the fault standing with a person; every other end of a proposal leads to a fresh look.
fn withdrawn(
    i: &mut Incident,
    at: Timestamp,
    (proposal, votes): (&Proposal, &[Vote]),
    why: &Withdrawal,
) -> Phase {
    let proposal = proposal.id();
    for past in i.proposals.iter_mut().filter(|p| p.id == *proposal) {
        past.withdrawn = Some(why.clone());
        past.withdrawn_at = Some(at);
        past.approved_by = approving(votes);
    }
    match why {
        Withdrawal::Denied { by, reason } => Phase::Escalated {
            why: Escalation::Denied { proposal: proposal.clone(), by: by.clone(), reason: reason.clone() },
        },
        Withdrawal::Expired => Phase::Escalated { why: Escalation::Expired { proposal: proposal.clone() } },
        Withdrawal::Superseded
        | Withdrawal::TargetChanged { .. }
        | Withdrawal::PolicyChanged
        | Withdrawal::Stopped
        | Withdrawal::ByPerson { .. } => investigating(i),
    }
}

/// Whose last word is a yes.
fn approving(votes: &[Vote]) -> Vec<PersonId> {
    let last: BTreeMap<&PersonId, VoteDecision> = votes.iter().map(|v| (&v.person, v.decision)).collect();
    let yes = last.into_iter().filter(|(_, decision)| *decision == VoteDecision::Approve);
    yes.map(|(person, _)| person.clone()).collect()
}

/// A plain fresh look: what somebody wished for before is over, and with it who may not vote on it.
fn reopened(i: &mut Incident, why: &Reopening) -> Phase {
    i.wish = None;
    i.asked_by = match why {
        Reopening::Asked { person } => Some(person.clone()),
        Reopening::Relapse | Reopening::Changed | Reopening::CheckAgain { .. } => None,
    };
    investigating(i)
}

/// A fresh round: old answers are no longer evidence.
fn investigating(i: &mut Incident) -> Phase {
    i.evidence.clear();
    i.diagnosis = None;
    i.coverage.clear();
    Phase::Investigating { wanted: Vec::new(), asked: false }
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
