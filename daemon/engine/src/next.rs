//! What happens next: one match on the phase, one call a line into the step's module.

use crate::guards::{self, Decision};
use crate::rules::{KillSwitch, Mode, Rules};
use crate::tally::{Tally, tally};
use crate::vote_object::in_the_dark;
use crate::{diagnose, flap, heals, investigate, plan, silence, verify};
use nightshift_model::effect::MeasureRequest;
use nightshift_model::measure::Stage;
use nightshift_model::operation::{Epoch, Operation, OperationState};
use nightshift_model::{
    Ask, Closure, Draft, Escalation, Grant, Incident, IncidentEvent, Mark, Measurement, Next, OpId, Phase,
    Plan, Proposal, ProposalId, Recovered, Role, Seconds, Timestamp, Vote, Withdrawal, Write, Written,
};

/// How often the executor looks again while another operation holds it back.
const WAIT: Seconds = Seconds(5);

/// How long a draft waits for an executor that is closed without a person: two looks of whatever closed it.
const CLOSED: Seconds = Seconds(150);
/// How often it is looked whether it is open again, while what became of a request is not known.
const AJAR: Seconds = Seconds(60);

/// How long nightshift looks for a symptom of its own before an alert alone calls a person.
const OWN_LOOK: Seconds = Seconds(30);

/// The next step of an incident, for whichever role it belongs to. Derived from state alone: asking twice is
/// harmless. `me` is the caller's epoch; it matters to the executor only.
pub fn next(i: &Incident, rules: &Rules, me: Epoch, now: Timestamp) -> Next {
    let step = flap::around(i, rules, now, step(i, rules, me, now));
    silence::around(i, rules, now, step)
}

fn step(i: &Incident, rules: &Rules, me: Epoch, now: Timestamp) -> Next {
    match &i.phase {
        Phase::Investigating { .. }
        | Phase::Drafted { .. }
        | Phase::Proposed { .. }
        | Phase::Granted { .. }
        | Phase::Escalated { .. }
            if healed(i) =>
        {
            let why = i.written.clone().map_or(Closure::Healed, |written| Closure::GoneSince { written });
            record(Role::Responder, IncidentEvent::Closed { why })
        }
        // Not while the executor is about to preview: it would not be woken again.
        Phase::Drafted { .. } if rules.mode == Mode::Observe && outdated(i) => {
            record(Role::Responder, IncidentEvent::Diagnosed { diagnosis: diagnose::diagnose(i) })
        }
        Phase::Proposed { .. } | Phase::Escalated { .. } if outdated(i) => {
            record(Role::Responder, IncidentEvent::Diagnosed { diagnosis: diagnose::diagnose(i) })
        }
        // Nothing is broken, so nobody is needed: the asker hears why, and may ask anew.
        Phase::Escalated { why } if i.only_asked() && !i.phase.is_unproven() => {
            record(Role::Responder, IncidentEvent::Closed { why: Closure::NotDone { why: why.clone() } })
        }
        Phase::Investigating { .. } | Phase::Escalated { .. } if told_and_over(i) => {
            record(Role::Responder, IncidentEvent::Closed { why: Closure::Resolved })
        }
        Phase::Investigating { wanted, .. } => match wanted.first() {
            Some(request) => Next::Ask(Role::Responder, Ask::Fetch(request.clone())),
            None => planning(i, rules, now),
        },
        Phase::Drafted { draft } => drafted(i, draft, rules, now),
        Phase::Proposed { proposal, votes } => proposed(proposal, votes, rules, now),
        Phase::Granted { proposal, votes, grant, baseline } => {
            granted(i, &Held { proposal, votes, grant, baseline: baseline.as_ref() }, rules, me, now)
        }
        Phase::Executing { proposal, votes, grant, operation, .. } => {
            executing(i, &Begun { proposal, votes, grant, operation }, rules, me, now)
        }
        Phase::Verifying { proposal, applied, measured } => {
            match verify::progress(&proposal.plan().verification, applied, measured, now) {
                verify::Progress::Judged(outcome) => {
                    let outcome = verify::while_quiet(outcome, proposal.plan(), &i.findings);
                    record(Role::Responder, IncidentEvent::Judged { outcome })
                }
                verify::Progress::Look => Next::Ask(
                    Role::Responder,
                    Ask::Measure(Box::new(measure(proposal.plan(), Stage::After, Some(applied.at)))),
                ),
                verify::Progress::Wait(at) => Next::At(at),
            }
        }
        Phase::Escalated { .. } | Phase::Closed { .. } => Next::Nothing,
    }
}

fn record(role: Role, event: IncidentEvent) -> Next {
    Next::Record(role, vec![event])
}

/// The symptom is gone, and nobody wished for anything else. After a remedy that was not proven it must go *after* the verdict: what was quiet already when
/// the verdict fell is no news, and closing on it would turn Inconclusive into a success.
fn healed(i: &Incident) -> bool {
    let gone = i.findings.is_empty() && i.symptom.is_some() && i.wished().is_none();
    let unproven = matches!(&i.phase, Phase::Escalated { why: Escalation::NotVerified { .. } });
    let after = match &i.written {
        Some(Written::Judged { at, .. }) => i.findings_at > *at || i.findings_at == i.changed_at,
        Some(Written::Perhaps) | None => true,
    };
    gone && (!unproven || after)
}

/// The cluster names another cause now than when the answers were judged: an Event came late.
fn outdated(i: &Incident) -> bool {
    let (Some(judged), Some(first)) = (&i.diagnosis, i.findings.first()) else { return false };
    let known = first.cause.is_unknown() || judged.causes.iter().any(|c| c.cause == first.cause);
    !known && diagnose::diagnose(i) != *judged
}

/// All that ever was wrong is what alerts said, and they are resolved.
fn told_and_over(i: &Incident) -> bool {
    i.symptom.is_none() && i.alerts.resolved() && i.wished().is_none()
}

fn planning(i: &Incident, rules: &Rules, now: Timestamp) -> Next {
    let wanted = investigate::investigate(i, &rules.playbooks, rules.prometheus);
    if !wanted.is_empty() {
        return record(Role::Responder, IncidentEvent::EvidenceWanted { wanted });
    }
    let own_look = i.opened_at + OWN_LOOK;
    if i.symptom.is_none() && !i.alerts.is_empty() && i.wished().is_none() && now < own_look {
        return Next::At(own_look);
    }
    if let Some(until) = heals::waits(i, rules, now) {
        return Next::At(until);
    }
    if guards::superseded_twice(i, now) {
        return record(Role::Responder, IncidentEvent::Escalated { why: Escalation::SupersededTwice });
    }
    let diagnosis = diagnose::diagnose(i);
    let news = Some(&diagnosis) != i.diagnosis.as_ref() && !diagnosis.is_empty();
    let diagnosed = news.then_some(IncidentEvent::Diagnosed { diagnosis });
    let planned = match plan::plan(i, rules) {
        Ok(mut draft) => {
            draft.hazards.extend(heals::hazard(i));
            IncidentEvent::Planned { draft }
        }
        Err(why) => IncidentEvent::Escalated { why },
    };
    Next::Record(Role::Responder, diagnosed.into_iter().chain([planned]).collect())
}

fn drafted(i: &Incident, draft: &Draft, rules: &Rules, now: Timestamp) -> Next {
    if rules.mode == Mode::Observe {
        return Next::Nothing;
    }
    let patience = i.changed_at + CLOSED;
    if now < patience && rules.standing.closings.within(draft.action.workload().owned_in()).is_some() {
        return Next::At(patience);
    }
    match guards::decide(draft, i, rules, now) {
        Decision::Refuse(reasons) => {
            record(Role::Responder, IncidentEvent::Escalated { why: Escalation::Refused { reasons } })
        }
        Decision::Propose => {
            let op = OpId::of(&ProposalId::of(&i.id, i.revision.0), 1);
            Next::Ask(Role::Executor, Ask::Preview(Box::new(draft.clone()), op))
        }
    }
}

/// What ends a proposal whatever the votes say: another policy, or a kill switch that was cleared since.
pub(crate) fn void(proposal: &Proposal, rules: &Rules) -> Option<Withdrawal> {
    if rules.mode == Mode::Observe || proposal.plan().policy != rules.policy {
        return Some(Withdrawal::PolicyChanged);
    }
    rules.standing.cleared_at.filter(|at| *at > proposal.sealed_at).map(|_| Withdrawal::Stopped)
}

fn proposed(proposal: &Proposal, votes: &[Vote], rules: &Rules, now: Timestamp) -> Next {
    let withdraw = |why| record(Role::Responder, IncidentEvent::Withdrawn { why });
    if let Some(why) = void(proposal, rules) {
        return withdraw(why);
    }
    match tally(proposal, votes, rules) {
        Tally::Denied { by, reason } => withdraw(Withdrawal::Denied { by, reason }),
        _ if now >= proposal.plan().not_after => withdraw(Withdrawal::Expired),
        Tally::Approved(grant) => record(Role::Responder, IncidentEvent::Granted { grant }),
        Tally::Waiting { .. } => Next::At(proposal.plan().not_after),
    }
}

/// What `Phase::Granted` holds.
struct Held<'a> {
    proposal: &'a Proposal,
    votes: &'a [Vote],
    grant: &'a Grant,
    baseline: Option<&'a Measurement>,
}

fn granted(i: &Incident, held: &Held, rules: &Rules, me: Epoch, now: Timestamp) -> Next {
    let withdraw = |why| record(Role::Responder, IncidentEvent::Withdrawn { why });
    if let Some(why) = void(held.proposal, rules) {
        return withdraw(why);
    }
    let grant = match tally(held.proposal, held.votes, rules) {
        Tally::Denied { by, reason } => return withdraw(Withdrawal::Denied { by, reason }),
        // That nobody can be asked takes no vote back; without an answer nothing is claimed, and the grant ends by itself.
        Tally::Waiting { .. } if in_the_dark(held.proposal, held.votes, rules).is_some() => {
            if now >= held.grant.until {
                return record(Role::Responder, IncidentEvent::Escalated { why: Escalation::GrantExpired });
            }
            return Next::At(held.grant.until.min(now + WAIT));
        }
        Tally::Waiting { .. } => {
            let last = held.votes.last().map(|v| v.person.clone());
            return withdraw(last.map_or(Withdrawal::Superseded, |person| Withdrawal::ByPerson { person }));
        }
        Tally::Approved(grant) => grant,
    };
    let until = grant.until.min(held.grant.until);
    if now >= until {
        return record(Role::Responder, IncidentEvent::Escalated { why: Escalation::GrantExpired });
    }
    if rules.standing.held(target(held.proposal)) != KillSwitch::Clear {
        return Next::At(until);
    }
    if held.baseline.is_none() {
        return Next::Ask(
            Role::Responder,
            Ask::Measure(Box::new(measure(held.proposal.plan(), Stage::Before, None))),
        );
    }
    if guards::must_wait(i, rules) {
        return Next::At(until.min(now + WAIT));
    }
    match guards::recheck(held.proposal.plan(), i, rules, now) {
        Decision::Refuse(reasons) => {
            record(Role::Responder, IncidentEvent::Escalated { why: Escalation::Refused { reasons } })
        }
        Decision::Propose => {
            let mark = Mark::first(held.proposal.plan().op.clone(), me);
            record(Role::Executor, IncidentEvent::Claimed { mark })
        }
    }
}

/// What `Phase::Executing` holds.
struct Begun<'a> {
    proposal: &'a Proposal,
    votes: &'a [Vote],
    grant: &'a Grant,
    operation: &'a Operation,
}

/// Nothing here rests on the history's word that a grant was claimed: whoever can write rows can write that one. The
/// votes are counted again before every step that touches the target.
fn executing(i: &Incident, begun: &Begun, rules: &Rules, me: Epoch, now: Timestamp) -> Next {
    let (p, operation) = (begun.proposal, begun.operation);
    let plan = || Box::new(p.plan().clone());
    let mark = &operation.mark;
    let counted = match tally(p, begun.votes, rules) {
        Tally::Approved(grant) => Some(grant),
        Tally::Waiting { .. } | Tally::Denied { .. } => None,
    };
    let escalate = |why| record(Role::Executor, IncidentEvent::Escalated { why });
    match &operation.state {
        OperationState::Claimed { .. }
            if rules.standing.held(target(p)) != KillSwitch::Clear || void(p, rules).is_some() =>
        {
            record(Role::Executor, IncidentEvent::Withdrawn { why: Withdrawal::Stopped })
        }
        OperationState::Claimed { live, marked } => {
            let Some(counted) = counted else {
                let dark = in_the_dark(p, begun.votes, rules);
                let why = dark.unwrap_or_else(|| "the votes do not add up to an approval".to_owned());
                return escalate(Escalation::Refused { reasons: vec![why] });
            };
            match (live, marked) {
                // Nothing can have been sent: a new epoch starts again with a mark of its own.
                _ if mark.epoch < me => {
                    record(Role::Executor, IncidentEvent::Claimed { mark: mark.raised(me) })
                }
                _ if now >= begun.grant.until.min(counted.until) => escalate(Escalation::GrantExpired),
                (None, _) => match guards::recheck(p.plan(), i, rules, now) {
                    Decision::Refuse(reasons) => escalate(Escalation::Refused { reasons }),
                    Decision::Propose => Next::Ask(Role::Executor, Ask::Recheck(plan(), mark.clone())),
                },
                (Some(_), false) if p.plan().action.marks() => {
                    Next::Ask(Role::Executor, Ask::Claim(plan(), mark.clone()))
                }
                (Some(live), _) => Next::Send(
                    IncidentEvent::Sending { mark: mark.clone() },
                    Write { mark: mark.clone(), version: live.resource_version.clone(), plan: plan() },
                ),
            }
        }
        // Finding out may write a mark: a closed executor writes nothing, so it is asked once it opens.
        OperationState::Sending | OperationState::Unknown { .. }
            if rules.standing.closings.within(target(p)).is_some() =>
        {
            Next::At(now + AJAR)
        }
        // Barring a late request writes a mark: not for a plan that nobody approved.
        OperationState::Sending | OperationState::Unknown { .. }
            if counted.is_none() && in_the_dark(p, begun.votes, rules).is_some() =>
        {
            // Finding out writes a mark, so it waits until the votes can be counted.
            let open = !matches!(&operation.state, OperationState::Unknown { tried, .. } if *tried >= me);
            if open { Next::At(now + WAIT) } else { Next::Nothing }
        }
        OperationState::Sending | OperationState::Unknown { .. } if counted.is_none() => {
            let tried =
                if let OperationState::Unknown { tried, .. } = &operation.state { *tried } else { Epoch(0) };
            if tried >= me {
                return Next::Nothing;
            }
            let why =
                "the votes do not add up to an approval, so nothing is looked for on the target".to_owned();
            let found = Recovered::Unknown { why };
            record(Role::Executor, IncidentEvent::Recovered { mark: mark.raised(me), found })
        }
        // Loaded in this state the request may be under way: never send, always ask.
        OperationState::Sending => recover(plan(), mark, me),
        OperationState::Unknown { tried, .. } if *tried < me => recover(plan(), mark, me),
        OperationState::Unknown { .. } | OperationState::Applied(_) => Next::Nothing,
        OperationState::NotApplied { why } => escalate(Escalation::NotApplied { why: why.clone() }),
    }
}

/// The namespace that a proposal writes in.
fn target(proposal: &Proposal) -> &str {
    proposal.plan().action.workload().owned_in()
}

fn recover(plan: Box<Plan>, stale: &Mark, me: Epoch) -> Next {
    Next::Ask(Role::Executor, Ask::Recover { plan, stale: stale.clone(), fresh: stale.raised(me) })
}

fn measure(plan: &Plan, stage: Stage, since: Option<Timestamp>) -> MeasureRequest {
    MeasureRequest {
        stage,
        measures: plan.verification.measures.clone(),
        selector: plan.preconditions.selector.clone(),
        since,
    }
}

#[cfg(test)]
mod tests;
