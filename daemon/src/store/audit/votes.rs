//! The votes of what was carried out: whether they stand, whether they are enough, and what proves them.

use nightshift_engine::proof::{self, Context, Counters};
use nightshift_engine::tally::{Tally, count};
use nightshift_engine::vote_object::{Look, VoteObject};
use nightshift_model::vote::Strength;
use nightshift_model::{
    Digest, Grant, Incident, PersonId, Phase, Proof, Proposal, ProposalId, Registry, Risk, Vote, VoteDecision,
};

/// Who may decide, as whoever verifies has it.
#[derive(Clone, Debug)]
pub struct Recount {
    /// Persons, roles, owners, policy.
    pub registry: Registry,
    /// The digest that plans sealed under it carry.
    pub policy: Digest,
}

/// What proves the approvals of what was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct VoteProofs {
    /// Proposals that were claimed.
    pub carried_out: u64,
    /// Of them those whose votes were counted again, under the very policy that they were sealed with.
    pub recounted: u64,
    /// Approvals that rest on the responder's word, or a bridge's.
    pub attested: u64,
    /// Approvals that the person's own key proves.
    pub proven: u64,
    /// Approvals whose signature could not be verified here.
    pub unproven: u64,
}

/// Whoever the grant names must have approved these bytes, and must not have taken it back; and they must be enough.
/// Later claims of the same operation rest on the first. The answer is one sentence a fault.
pub(super) fn claimed(before: &Incident, recount: Option<&Recount>, told: &mut VoteProofs) -> Vec<String> {
    let Phase::Granted { proposal, votes, grant, .. } = &before.phase else { return Vec::new() };
    told.carried_out += 1;
    let mut persons: Vec<&PersonId> = grant.persons.iter().collect();
    persons.sort();
    persons.dedup();
    let id = proposal.id();
    if persons.is_empty() || persons.len() != grant.persons.len() {
        return vec![format!("proposal {id} was claimed with a grant that names nobody, or somebody twice")];
    }
    let mut faults = Vec::new();
    if grant.proposal != *id || grant.digest != proposal.digest() {
        faults.push(format!("proposal {id} was claimed with a grant for other bytes"));
    }
    for person in &persons {
        match standing(votes, person, proposal) {
            Some(vote) => prove(vote, proposal, recount, told),
            None => faults.push(format!("proposal {id} was claimed without a standing approval by {person}")),
        }
    }
    faults.extend(enough(proposal, votes, grant, recount, told));
    faults
}

/// The vote with the highest number counts.
fn standing<'a>(votes: &'a [Vote], person: &PersonId, proposal: &Proposal) -> Option<&'a Vote> {
    let theirs = votes.iter().filter(|v| v.person == *person && v.proposal == *proposal.id());
    theirs
        .max_by_key(|v| v.no)
        .filter(|v| v.decision == VoteDecision::Approve && v.digest == proposal.digest())
}

/// Under the policy that the plan was sealed with, the whole tally; under another one, the floor that no policy lowers.
fn enough(
    proposal: &Proposal,
    votes: &[Vote],
    grant: &Grant,
    recount: Option<&Recount>,
    told: &mut VoteProofs,
) -> Option<String> {
    let plan = proposal.plan();
    if let Some(recount) = recount.filter(|r| r.policy == plan.policy) {
        told.recounted += 1;
        let look = recorded(proposal, votes, &recount.registry);
        let counters = Counters::default();
        return match count(proposal, votes, &context(proposal, &recount.registry, &counters, &look)) {
            Tally::Approved(_) => None,
            Tally::Waiting { approved, needed } => Some(format!(
                "proposal {} was claimed with {} of {needed} approvals that count",
                proposal.id(),
                approved.len()
            )),
            Tally::Denied { by, .. } => {
                Some(format!("proposal {} was claimed although {by} denied it", proposal.id()))
            }
        };
    }
    let floor = match plan.risk {
        Risk::Low | Risk::Medium => 1,
        Risk::High => 2,
    };
    let id: &ProposalId = proposal.id();
    (grant.persons.len() < floor).then(|| {
        format!(
            "proposal {id} is of {} risk and was claimed with {} approval",
            plan.risk,
            grant.persons.len()
        )
    })
}

/// The one place where an approval's proof is looked at: against the registry that is at hand, if one is. Counters of
/// passkeys are the executor's to judge; the order of votes in other incidents is not known here.
fn prove(vote: &Vote, proposal: &Proposal, recount: Option<&Recount>, told: &mut VoteProofs) {
    let counters = Counters::default();
    let look = Look::NotAsked;
    let verified = recount.map(|r| proof::verify(vote, &context(proposal, &r.registry, &counters, &look)));
    match (&vote.proof, verified) {
        (Proof::Attested { .. } | Proof::Bridge { .. }, _) => told.attested += 1,
        // The object was the executor's to see; later nobody can.
        (_, Some(Ok(Strength::Signed))) => told.proven += 1,
        (_, Some(Ok(Strength::Attested) | Err(_)) | None) => told.unproven += 1,
    }
}

fn context<'a>(
    proposal: &'a Proposal,
    registry: &'a Registry,
    counters: &'a Counters,
    look: &'a Look,
) -> Context<'a> {
    let cluster_uid = &proposal.plan().cluster.uid;
    Context { registry, cluster_uid, sealed_at: proposal.sealed_at, counters, look }
}

/// Votes as objects, as the history has them: whether they were enough can be counted again, what proves them cannot.
fn recorded(proposal: &Proposal, votes: &[Vote], registry: &Registry) -> Look {
    let object = |vote: &Vote| {
        let Proof::Kubernetes { uid, resource_version } = &vote.proof else { return None };
        Some(VoteObject {
            uid: uid.clone(),
            resource_version: resource_version.clone(),
            at: vote.at,
            user: registry.person(&vote.person)?.kubernetes.clone()?,
            cluster_uid: proposal.plan().cluster.uid.clone(),
            proposal: vote.proposal.clone(),
            digest: vote.digest,
            decision: vote.decision,
            no: vote.no,
            interactive: vote.interactive,
            reason: vote.reason.clone(),
        })
    };
    Look::Read(votes.iter().filter_map(object).collect())
}
