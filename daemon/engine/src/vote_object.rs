//! Votes as objects of the cluster: a person creates one with a kubeconfig of their own, and the API server vouches for the
//! name in it. Whoever counts reads the objects anew, with its own identity, and believes them only while the policy stands
//! that holds the name to the user. What the history says about them is a note and proves nothing.

pub mod policy;
mod read;
pub mod visit;

pub use read::{LIST, look};

use crate::proof::{BadProof, Context};
use crate::rules::Rules;
use nightshift_model::operation::OperationState;
use nightshift_model::registry::Person;
use nightshift_model::vote::Strength;
use nightshift_model::{
    Digest, Incident, Phase, Proof, Proposal, ProposalId, Registry, Timestamp, Vote, VoteDecision,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The API group of `Vote` and `Visit`.
pub const GROUP: &str = "nightshift.dev";
/// The label by which votes are listed; the policy holds it to `spec.proposal`.
pub const LABEL: &str = "nightshift.dev/proposal";

/// Everything that has to stand in the cluster, as people apply it: both kinds, the policy and its binding, the approvers'
/// role. docs/rbac/votes.yaml and the chart hold the same text.
pub const MANIFEST: &str = include_str!("vote_object/manifest.yaml");

/// One `Vote` object, as the API server gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoteObject {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`: another one is another object.
    pub resource_version: String,
    /// `metadata.creationTimestamp`: the API server's own clock.
    pub at: Timestamp,
    /// `spec.user`, which the policy held to whoever created it.
    pub user: String,
    /// `spec.clusterUid`.
    pub cluster_uid: String,
    /// `spec.proposal`.
    pub proposal: ProposalId,
    /// `spec.digest`.
    pub digest: Digest,
    /// `spec.decision`.
    pub decision: VoteDecision,
    /// `spec.voteNo`.
    pub no: u32,
    /// `spec.interactive`.
    pub interactive: bool,
    /// `spec.reason`, redacted and capped.
    pub reason: String,
}

/// What the API server said about the votes on one proposal when it was asked last.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Look {
    /// It was not asked.
    #[default]
    NotAsked,
    /// It did not say: no votes of this kind count.
    Unread {
        /// Why.
        why: String,
    },
    /// The policy that makes `spec.user` more than a claim is not in force: no votes of this kind count.
    Unlocked {
        /// What is wrong with it.
        why: String,
    },
    /// The objects that were created under the policy and are not being deleted.
    Read(Vec<VoteObject>),
}

impl Look {
    /// Why votes of this kind do not count now, in words that follow "because".
    pub fn why_not(&self) -> Option<String> {
        match self {
            Self::NotAsked => Some("the API server was not asked".to_owned()),
            Self::Unread { why } => Some(format!("they cannot be read: {why}")),
            Self::Unlocked { why } => {
                Some(format!("the policy {} does not hold them to their users: {why}", policy::NAME))
            }
            Self::Read(_) => None,
        }
    }

    /// The objects that may count.
    pub fn objects(&self) -> &[VoteObject] {
        match self {
            Self::NotAsked | Self::Unread { .. } | Self::Unlocked { .. } => &[],
            Self::Read(objects) => objects,
        }
    }
}

/// The last look at each proposal's votes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looks(BTreeMap<ProposalId, Arc<Look>>);

impl Looks {
    /// The look at one proposal's votes.
    pub fn of(&self, proposal: &ProposalId) -> &Look {
        self.0.get(proposal).map_or(&Look::NotAsked, |look| look)
    }

    /// The same looks with a newer one.
    #[must_use]
    pub fn with(mut self, proposal: ProposalId, look: Look) -> Self {
        self.0.insert(proposal, Arc::new(look));
        self
    }
}

/// The proposal whose votes must be looked at before the next step of an incident, if any may be objects.
pub fn wanted<'a>(incident: &'a Incident, registry: &Registry) -> Option<&'a Proposal> {
    let proposal = match &incident.phase {
        Phase::Proposed { proposal, .. } | Phase::Granted { proposal, .. } => proposal,
        Phase::Executing { proposal, operation, .. } => match operation.state {
            OperationState::Claimed { .. } | OperationState::Sending | OperationState::Unknown { .. } => {
                proposal
            }
            OperationState::Applied(_) | OperationState::NotApplied { .. } => return None,
        },
        Phase::Investigating { .. }
        | Phase::Drafted { .. }
        | Phase::Verifying { .. }
        | Phase::Escalated { .. }
        | Phase::Closed { .. } => return None,
    };
    registry.takes_objects().then_some(proposal)
}

/// Whether the votes cannot be counted now although some of them are objects: nothing is concluded from that, but waiting.
pub fn in_the_dark(proposal: &Proposal, votes: &[Vote], rules: &Rules) -> Option<String> {
    let any = votes.iter().any(|v| matches!(v.proof, Proof::Kubernetes { .. }));
    let why = rules.standing.looks.of(proposal.id()).why_not()?;
    any.then(|| format!("votes as Kubernetes objects do not count, because {why}"))
}

/// Whether a recorded vote is what an object says that stands in the cluster now. Towards doing nothing the record is enough:
/// a *no* or a *take it back* is not undone by deleting its object.
///
/// # Errors
/// [`BadProof`].
pub fn verify(vote: &Vote, uid: &str, version: &str, context: &Context) -> Result<Strength, BadProof> {
    match stands(vote, uid, version, context) {
        Ok(()) => Ok(Strength::Signed),
        Err(bad) => match vote.decision {
            VoteDecision::Approve => Err(bad),
            VoteDecision::Deny | VoteDecision::Withdraw => Ok(Strength::Attested),
        },
    }
}

fn stands(vote: &Vote, uid: &str, version: &str, context: &Context) -> Result<(), BadProof> {
    let person = context.registry.person(&vote.person).ok_or(BadProof::UnknownUser)?;
    let user = person.kubernetes.as_deref().ok_or(BadProof::UnknownUser)?;
    let objects = match context.look {
        Look::NotAsked | Look::Unread { .. } => return Err(BadProof::ObjectsUnread),
        Look::Unlocked { .. } => return Err(BadProof::ObjectsUnlocked),
        Look::Read(objects) => objects,
    };
    let object = objects.iter().find(|o| o.uid == uid && o.resource_version == version);
    let object = object.ok_or(BadProof::ObjectGone)?;
    if object.user != user {
        return Err(BadProof::OtherUser);
    }
    let same = object.cluster_uid == context.cluster_uid
        && object.at >= context.sealed_at - SKEW
        && Vote { reason: String::new(), ..vote.clone() }
            == Vote { reason: String::new(), ..object.vote(person) };
    if same { Ok(()) } else { Err(BadProof::OtherObject) }
}

/// How far the API server's clock may be behind the one that sealed the proposal.
const SKEW: nightshift_model::Seconds = nightshift_model::vote::STATEMENT_LASTS;

impl VoteObject {
    /// The vote that it is.
    pub fn vote(&self, person: &Person) -> Vote {
        Vote {
            proposal: self.proposal.clone(),
            digest: self.digest,
            decision: self.decision,
            person: person.name.clone(),
            no: self.no,
            at: self.at,
            reason: self.reason.clone(),
            interactive: self.interactive,
            proof: self.proof(),
        }
    }

    /// How a recorded vote names it.
    pub fn proof(&self) -> Proof {
        Proof::Kubernetes { uid: self.uid.clone(), resource_version: self.resource_version.clone() }
    }
}

/// Votes against a proposal that stand in the cluster and not in the history yet: whoever records them is not who counts.
pub(crate) fn unrecorded(proposal: &Proposal, votes: &[Vote], context: &Context) -> Vec<Vote> {
    let stops = |o: &&VoteObject| o.decision != VoteDecision::Approve && o.proposal == *proposal.id();
    let known = |o: &VoteObject| votes.iter().any(|v| v.proof == o.proof());
    let objects = context.look.objects().iter().filter(stops).filter(|o| !known(o));
    objects.filter_map(|o| context.registry.in_kubernetes(&o.user).map(|person| o.vote(person))).collect()
}

/// Whether a text can be the user name of a person.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn is_user(user: &str) -> Result<(), &'static str> {
    let plain = user.chars().all(|c| !c.is_control() && !c.is_whitespace());
    if user.is_empty() || user.len() > 256 || !plain {
        return Err("is no user name: `kubectl auth whoami` says yours");
    }
    if user.starts_with("system:") {
        return Err("is an identity of the cluster's own parts, and no person's");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
