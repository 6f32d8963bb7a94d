//! Who may vote, what counts, and whether it is enough. Responder, executor and countersign call the same function.

use crate::proof;
use crate::rules::{KillSwitch, Rules};
use crate::vote_object::unrecorded;
use nightshift_model::history::Actor;
use nightshift_model::registry::{Approval, Person, PersonKind, Power};
use nightshift_model::vote::{Strength, VoteRefusal};
use nightshift_model::{
    Bridge, BridgeId, Digest, Grant, PersonId, Proof, Proposal, Registry, Risk, Timestamp, Vote, VoteDecision,
};
use std::collections::{BTreeMap, BTreeSet};

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

/// Counts the votes on a proposal from their proofs, each verified here and now. A vote that is not eligible, not about
/// these bytes or not proven counts for nothing; of the others one counts for each person, and of the approvals that one
/// bridge carried one at all. A *no* that stands in the cluster as an object counts also before it is recorded.
pub fn tally(proposal: &Proposal, votes: &[Vote], rules: &Rules) -> Tally {
    count(proposal, votes, &context(proposal, rules))
}

/// The same, for whoever has a registry and no rules.
pub fn count(proposal: &Proposal, votes: &[Vote], context: &proof::Context) -> Tally {
    let plan = proposal.plan();
    let (registry, rule) = (context.registry, rule(context.registry, plan.risk));
    let more = unrecorded(proposal, votes, context);
    let mut proven: Vec<(&Vote, Strength)> = votes
        .iter()
        .chain(&more)
        .filter(|v| v.proposal == *proposal.id() && v.digest == proposal.digest())
        .filter(|v| registry.person(&v.person).is_some_and(|p| eligibility(proposal, p, registry).is_ok()))
        .filter(|v| v.proof.bridge().is_none_or(|name| carries(proposal, registry.bridge(name), registry)))
        .filter_map(|v| proof::verify(v, context).ok().map(|strength| (v, strength)))
        .collect();
    proven.sort_by_key(|(v, _)| v.no);
    let mut messages = BTreeSet::new();
    proven.retain(|(v, _)| message(v).is_none_or(|message| messages.insert(message)));
    let mut counted: BTreeMap<&PersonId, (&Vote, Strength)> = BTreeMap::new();
    for (vote, strength) in proven {
        match counted.get(&vote.person) {
            Some((before, held)) if vote.no == before.no || !replaces(vote, strength, before, *held) => {}
            _ => {
                counted.insert(&vote.person, (vote, strength));
            }
        }
    }
    let counted: Vec<(&Vote, Strength)> = counted.into_values().collect();
    if let Some((no, _)) = counted.iter().find(|(v, _)| v.decision == VoteDecision::Deny) {
        return Tally::Denied { by: no.person.clone(), reason: no.reason.clone() };
    }
    let mut yes: Vec<&Vote> = counted
        .into_iter()
        .filter(|(v, strength)| v.decision == VoteDecision::Approve && *strength >= rule.min_proof)
        .map(|(v, _)| v)
        .filter(|v| v.at < plan.not_after && (v.interactive || registry.policy.accept_non_interactive))
        .collect();
    yes.sort_by_key(|v| v.at);
    let mut bridges = BTreeSet::new();
    yes.retain(|v| v.proof.bridge().is_none_or(|bridge| bridges.insert(bridge)));
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

/// The message that a bridge's vote came with: it is one vote, once.
fn message(vote: &Vote) -> Option<(&BridgeId, &str)> {
    match &vote.proof {
        Proof::Bridge { bridge, id, .. } => Some((bridge, id)),
        Proof::Attested { .. }
        | Proof::Ed25519 { .. }
        | Proof::Webauthn { .. }
        | Proof::Kubernetes { .. } => None,
    }
}

/// Whether a bridge may carry votes on a proposal: it is known, and its roles approve there.
fn carries(proposal: &Proposal, bridge: Option<&Bridge>, registry: &Registry) -> bool {
    let namespace = &proposal.plan().action.target().namespace;
    bridge.is_some_and(|bridge| registry.roles_may(&bridge.roles, Power::Approve, namespace))
}

/// Whether a later vote of a person takes an earlier one's place. What the person signed is not undone by our word,
/// except towards doing nothing: else whoever stole the responder could turn a signed no into silence.
fn replaces(vote: &Vote, strength: Strength, before: &Vote, held: Strength) -> bool {
    strength >= held
        || match vote.decision {
            VoteDecision::Deny => true,
            VoteDecision::Withdraw => before.decision == VoteDecision::Approve,
            VoteDecision::Approve => false,
        }
}

/// What proofs of votes on a proposal are verified against.
pub fn context<'a>(proposal: &Proposal, rules: &'a Rules) -> proof::Context<'a> {
    proof::Context {
        registry: &rules.registry,
        cluster_uid: &rules.cluster.uid,
        sealed_at: proposal.sealed_at,
        counters: &rules.standing.counters,
        look: rules.standing.looks.of(proposal.id()),
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
    if plan.proposer == Actor::Person(person.name.clone()) && !proposer_may_vote(registry, plan.risk) {
        return Err(VoteRefusal::Proposer);
    }
    if person.since.is_some_and(|since| since > proposal.sealed_at) {
        return Err(VoteRefusal::AddedLater);
    }
    Ok(())
}

/// Whether policy lets whoever asked for a proposal of this risk vote on it: at Low, if it says so, and never above.
fn proposer_may_vote(registry: &Registry, risk: Risk) -> bool {
    registry.policy.proposer_may_vote_low && risk == Risk::Low
}

/// A vote before it is one: who decides what about which bytes, and how it would be proven.
#[derive(Clone, Copy, Debug)]
pub struct Ballot<'a> {
    /// Who.
    pub person: &'a Person,
    /// What.
    pub decision: VoteDecision,
    /// The digest that the person saw.
    pub digest: Digest,
    /// What the proof is worth, if it verifies.
    pub strength: Strength,
    /// Whether a person was at a page or a terminal.
    pub interactive: bool,
}

/// Whether a vote can be taken now: the proposal is open, the bytes are the same, the person may, and has not yet.
/// Denying and withdrawing stay possible where approving is held back. The answer is the vote's number.
///
/// # Errors
/// The refusal, told to the person.
pub fn admit(
    proposal: &Proposal,
    votes: &[Vote],
    ballot: &Ballot,
    rules: &Rules,
    now: Timestamp,
) -> Result<u32, VoteRefusal> {
    if now >= proposal.plan().not_after {
        return Err(VoteRefusal::Expired);
    }
    if ballot.digest != proposal.digest() {
        return Err(VoteRefusal::OtherDigest);
    }
    eligibility(proposal, ballot.person, &rules.registry)?;
    let mine = votes.iter().filter(|v| v.person == ballot.person.name).max_by_key(|v| v.no);
    match (mine.map(|v| v.decision), ballot.decision) {
        (None | Some(VoteDecision::Withdraw), VoteDecision::Approve | VoteDecision::Deny)
        | (Some(VoteDecision::Approve | VoteDecision::Deny), VoteDecision::Withdraw) => {}
        (None | Some(VoteDecision::Withdraw), VoteDecision::Withdraw) => return Err(VoteRefusal::NotOpen),
        (Some(VoteDecision::Approve | VoteDecision::Deny), VoteDecision::Approve | VoteDecision::Deny) => {
            return Err(VoteRefusal::AlreadyVoted);
        }
    }
    if ballot.decision == VoteDecision::Approve {
        if rule(&rules.registry, proposal.plan().risk).min_proof > ballot.strength {
            return Err(VoteRefusal::ControlsMissing);
        }
        if !ballot.interactive && !rules.registry.policy.accept_non_interactive {
            return Err(VoteRefusal::NotInteractive);
        }
        if rules.standing.held(proposal.plan().action.workload().owned_in()) != KillSwitch::Clear {
            return Err(VoteRefusal::KillSwitch);
        }
    }
    Ok(mine.map_or(1, |v| v.no + 1))
}

/// The same for a vote that a bridge carries. It approves once, whoever it names, and its no is taken where the person
/// said yes before: that only stops things.
///
/// # Errors
/// The refusal, told to the bridge.
pub fn admit_carried(
    bridge: &Bridge,
    proposal: &Proposal,
    votes: &[Vote],
    ballot: &Ballot,
    rules: &Rules,
    now: Timestamp,
) -> Result<u32, VoteRefusal> {
    let admitted = admit(proposal, votes, ballot, rules, now);
    if !carries(proposal, Some(bridge), &rules.registry) {
        return Err(VoteRefusal::NoRole);
    }
    let last = |person: &PersonId| votes.iter().filter(|v| v.person == *person).max_by_key(|v| v.no);
    let no = or_stops(admitted, votes, ballot)?;
    let standing = votes.iter().filter(|v| v.proof.bridge() == Some(&bridge.name));
    let counted = standing
        .filter(|v| v.decision == VoteDecision::Approve)
        .any(|v| last(&v.person).is_some_and(|last| last.no == v.no));
    if ballot.decision == VoteDecision::Approve && counted {
        return Err(VoteRefusal::BridgeCounted);
    }
    Ok(no)
}

/// The same for a vote that is an object of the cluster: its no, too, is taken where the person said yes before.
///
/// # Errors
/// The refusal, recorded for the person.
pub fn admit_object(
    proposal: &Proposal,
    votes: &[Vote],
    ballot: &Ballot,
    rules: &Rules,
    now: Timestamp,
) -> Result<u32, VoteRefusal> {
    or_stops(admit(proposal, votes, ballot, rules, now), votes, ballot)
}

/// A no takes the place of the person's own yes, where nobody can be asked to take that back first.
fn or_stops(admitted: Result<u32, VoteRefusal>, votes: &[Vote], ballot: &Ballot) -> Result<u32, VoteRefusal> {
    let own = votes.iter().filter(|v| v.person == ballot.person.name).max_by_key(|v| v.no);
    match (admitted, ballot.decision, own) {
        (Err(VoteRefusal::AlreadyVoted), VoteDecision::Deny, Some(own))
            if own.decision == VoteDecision::Approve =>
        {
            Ok(own.no + 1)
        }
        (admitted, _, _) => admitted,
    }
}

/// The weakest proof that counts for approving at a risk.
pub fn min_proof(registry: &Registry, risk: Risk) -> Strength {
    rule(registry, risk).min_proof
}

/// Whether anybody can ever approve a plan of this risk in this namespace. Whoever asked for it counts only where
/// policy lets them vote: a page that nobody may answer wakes people for nothing.
///
/// # Errors
/// One sentence that says what is missing.
pub fn decidable(
    registry: &Registry,
    namespace: &str,
    risk: Risk,
    asked_by: Option<&PersonId>,
    now: Timestamp,
) -> Result<(), String> {
    let rule = rule(registry, risk);
    let asker = asked_by.filter(|_| !proposer_may_vote(registry, risk));
    let mut there = registry.approvers(namespace);
    there.retain(|p| Some(&p.name) != asker);
    let besides =
        asker.map_or_else(String::new, |a| format!(" besides {a}, who asked and does not vote on it"));
    let needed = usize::try_from(rule.approve).unwrap_or(usize::MAX);
    if there.len() < needed {
        return Err(format!(
            "{needed} approver(s) are needed in namespace {namespace}{besides}, the registry has {}",
            there.len()
        ));
    }
    let signing = there.iter().filter(|p| proof::can_sign(p, registry, now)).count();
    if rule.min_proof == Strength::Signed && signing < needed {
        return Err(format!(
            "policy asks for signed votes at {risk} risk: {needed} approver(s) with a key of their own are needed in \
             namespace {namespace}{besides}, the registry has {signing}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
