//! Who may vote, what counts, and whether it is enough. Responder, executor and countersign call the same function.

use nightshift_model::history::Actor;
use nightshift_model::registry::{Approval, Person, PersonKind, Power};
use nightshift_model::vote::{Strength, VoteRefusal};
use nightshift_model::{Digest, Grant, PersonId, Proposal, Registry, Risk, Timestamp, Vote, VoteDecision};
use std::collections::BTreeMap;

/// What the votes add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tally {
    /// Not enough yet.
    Waiting {
        /// Persons who approved.
        approved: Vec<PersonId>,
        /// How many are needed.
        needed: u32,
    },
    /// Enough.
    Approved(Grant),
    /// One said no.
    Denied {
        /// Who.
        by: PersonId,
        /// What they wrote.
        reason: String,
    },
}

/// Counts the votes on a proposal from their proofs. Only the latest vote of a person counts; a vote that is not
/// eligible, not about these bytes or not proven well enough counts for nothing.
pub fn tally(proposal: &Proposal, votes: &[Vote], registry: &Registry, proofs: Strength) -> Tally {
    let plan = proposal.plan();
    let rule = rule(registry, plan.risk);
    let mut latest: BTreeMap<&PersonId, &Vote> = BTreeMap::new();
    for vote in votes.iter().filter(|v| v.proposal == *proposal.id() && v.digest == proposal.digest()) {
        let slot = latest.entry(&vote.person).or_insert(vote);
        if vote.no > slot.no {
            *slot = vote;
        }
    }
    let eligible = |vote: &&Vote| {
        registry.person(&vote.person).is_some_and(|p| eligibility(proposal, p, registry).is_ok())
            && verified(vote, proofs).is_some()
    };
    let counted: Vec<&Vote> = latest.into_values().filter(eligible).collect();
    if let Some(no) = counted.iter().find(|v| v.decision == VoteDecision::Deny) {
        return Tally::Denied { by: no.person.clone(), reason: no.reason.clone() };
    }
    let mut yes: Vec<&Vote> = counted
        .into_iter()
        .filter(|v| v.decision == VoteDecision::Approve && v.at < plan.not_after)
        .filter(|v| verified(v, proofs).is_some_and(|strength| strength >= rule.min_proof))
        .collect();
    yes.sort_by_key(|v| v.at);
    let needed = usize::try_from(rule.approve).unwrap_or(usize::MAX);
    let approved: Vec<PersonId> = yes.iter().map(|v| v.person.clone()).collect();
    match yes.get(needed - 1) {
        Some(last) => {
            let until = plan.not_after.min(last.at + registry.policy.grant_valid);
            let persons = approved.into_iter().take(needed).collect();
            Tally::Approved(Grant {
                proposal: proposal.id().clone(),
                digest: proposal.digest(),
                persons,
                at: last.at,
                until,
            })
        }
        None => Tally::Waiting { approved, needed: rule.approve },
    }
}

/// The approval rule of a risk: at least one person, and for High never less than two with their own signatures.
fn rule(registry: &Registry, risk: Risk) -> Approval {
    let rule = registry.policy.approvals.get(risk);
    match risk {
        Risk::Low | Risk::Medium => Approval { approve: rule.approve.max(1), ..rule },
        Risk::High => Approval { approve: rule.approve.max(2), min_proof: Strength::Signed },
    }
}

/// The strength of a vote's proof, if this program can verify that kind of proof. An `attested` proof is the
/// responder's word: the append that carried it is its verification.
fn verified(vote: &Vote, proofs: Strength) -> Option<Strength> {
    let strength = vote.proof.strength();
    (strength <= proofs).then_some(strength)
}

/// Whether a person may vote on a proposal at all.
///
/// # Errors
/// The refusal, told to the person.
pub fn eligibility(proposal: &Proposal, person: &Person, registry: &Registry) -> Result<(), VoteRefusal> {
    let plan = proposal.plan();
    if person.kind == PersonKind::Service {
        return Err(VoteRefusal::Service);
    }
    if !registry.may(person, Power::Approve, &plan.action.target().namespace) {
        return Err(VoteRefusal::NoRole);
    }
    let proposer_may = registry.policy.proposer_may_vote_low && plan.risk == Risk::Low;
    if plan.proposer == Actor::Person(person.name.clone()) && !proposer_may {
        return Err(VoteRefusal::Proposer);
    }
    if person.since.is_some_and(|since| since > proposal.sealed_at) {
        return Err(VoteRefusal::AddedLater);
    }
    Ok(())
}

/// Whether a vote can be taken now: the proposal is open, the bytes are the same, the person may, and has not yet.
/// Denying and withdrawing stay possible where approving is held back.
///
/// # Errors
/// The refusal, told to the person.
pub fn admit(
    proposal: &Proposal,
    votes: &[Vote],
    person: &Person,
    decision: VoteDecision,
    posted: Digest,
    rules: &crate::Rules,
    now: Timestamp,
) -> Result<u32, VoteRefusal> {
    if now >= proposal.plan().not_after {
        return Err(VoteRefusal::Expired);
    }
    if posted != proposal.digest() {
        return Err(VoteRefusal::OtherDigest);
    }
    eligibility(proposal, person, &rules.registry)?;
    let mine = votes.iter().filter(|v| v.person == person.name).max_by_key(|v| v.no);
    match (mine.map(|v| v.decision), decision) {
        (None | Some(VoteDecision::Withdraw), VoteDecision::Approve | VoteDecision::Deny)
        | (Some(VoteDecision::Approve | VoteDecision::Deny), VoteDecision::Withdraw) => {}
        (None | Some(VoteDecision::Withdraw), VoteDecision::Withdraw) => return Err(VoteRefusal::NotOpen),
        (Some(VoteDecision::Approve | VoteDecision::Deny), VoteDecision::Approve | VoteDecision::Deny) => {
            return Err(VoteRefusal::AlreadyVoted);
        }
    }
    if decision == VoteDecision::Approve {
        if rule(&rules.registry, proposal.plan().risk).min_proof > rules.proofs {
            return Err(VoteRefusal::ControlsMissing);
        }
        if rules.standing.kill_switch != crate::rules::KillSwitch::Clear {
            return Err(VoteRefusal::KillSwitch);
        }
    }
    Ok(mine.map_or(1, |v| v.no + 1))
}

/// Whether anybody can ever approve a plan of this risk in this namespace with the proofs that exist here.
///
/// # Errors
/// One sentence that says what is missing.
pub fn decidable(registry: &Registry, namespace: &str, risk: Risk, proofs: Strength) -> Result<(), String> {
    let rule = rule(registry, risk);
    if rule.min_proof > proofs {
        return Err(format!(
            "policy asks for signed votes at {risk} risk, and this installation cannot verify them"
        ));
    }
    let there = registry.approvers(namespace).len();
    let needed = usize::try_from(rule.approve).unwrap_or(usize::MAX);
    if there < needed {
        return Err(format!(
            "{needed} approver(s) are needed in namespace {namespace}, the registry has {there}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
