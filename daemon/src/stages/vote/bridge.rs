//! Votes that bridges carry. A message is dealt with once: its id is noted before anything is decided, and whoever sends
//! it again gets the first answer.

use super::{By, Code, Posted, Votes, failed};
use crate::store::HistoryStore as _;
use nightshift_engine::Store as _;
use nightshift_engine::proof::bridge::{Message, Said};
use nightshift_engine::redact::redactor;
use nightshift_engine::text;
use nightshift_model::registry::Power;
use nightshift_model::vote::VoteRefusal;
use nightshift_model::{
    Actor, BridgeId, Digest, HistoryEvent, IncidentEvent, IncidentId, PersonId, Proof, ProposalId, Role,
    Stream, SystemEvent, Timestamp,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// A name longer than any of the registry is cut where it is written down.
const NAME_LENGTH: usize = 100;

/// A message as it came, with the bridge whose signature it bears.
#[derive(Clone, Debug)]
pub struct Carried {
    /// Whose.
    pub bridge: BridgeId,
    /// The message's id.
    pub id: String,
    /// Its second.
    pub second: i64,
    /// Its body.
    pub body: String,
    /// The signature that showed the bridge.
    pub signature: String,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The vote counts.
    Taken {
        /// Where the incident stood after it.
        phase: String,
    },
    /// It does not.
    Refused(VoteRefusal),
    /// There is no such proposal, or none that this bridge may see.
    NotFound,
}

impl Carried {
    /// When it was signed.
    pub fn at(&self) -> Timestamp {
        Timestamp::from_second(self.second)
    }

    /// The proof that goes along with the vote.
    pub(super) fn proof(&self) -> Proof {
        Proof::Bridge {
            bridge: self.bridge.clone(),
            id: self.id.clone(),
            body: self.body.clone(),
            signature: self.signature.clone(),
        }
    }

    /// What the message says; attempts to send one message differ in time and signature only.
    fn hash(&self) -> Digest {
        Digest(Sha256::digest(&self.body).into())
    }
}

/// Whether words can be kept as they were signed: one line that the redactor leaves alone.
pub fn keeps(reason: &str) -> bool {
    text::visible(&redactor().redact(reason).text, super::REASON_LENGTH) == reason
}

impl Votes {
    /// Takes one message of a bridge.
    pub async fn carry(&self, carried: &Carried, said: &Said) -> Outcome {
        let _one_at_a_time = self.carrying.lock().await;
        match self.dealt_with(carried, said).await {
            Ok(outcome) => outcome,
            Err(why) => Outcome::Refused(why),
        }
    }

    /// An error is an answer that is not kept: the sender may try again.
    async fn dealt_with(&self, carried: &Carried, said: &Said) -> Result<Outcome, VoteRefusal> {
        let Carried { bridge, id, .. } = carried;
        let heard = self.store.bridge_hear(bridge, id, carried.hash(), self.clock.now()).await;
        if let Some(heard) = heard.map_err(|e| failed(&e))? {
            if !bool::from(heard.hash.0.ct_eq(&carried.hash().0)) {
                self.not_carried(bridge, said, VoteRefusal::IdUsed).await;
                return Ok(Outcome::Refused(VoteRefusal::IdUsed));
            }
            match heard.result.as_deref().map(serde_json::from_str) {
                Some(Ok(outcome)) => return Ok(outcome),
                Some(Err(error)) => {
                    tracing::error!(%bridge, id, %error, "what is kept of a bridge's message cannot be read");
                    return Err(VoteRefusal::StoreFailed);
                }
                None => {}
            }
        }
        let outcome = self.decided(carried, said).await?;
        let kept = serde_json::to_string(&outcome).unwrap_or_default();
        if let Err(error) = self.store.bridge_answered(bridge, id, kept).await {
            tracing::error!(%bridge, id, %error, "the answer to a bridge's message is not kept: the history has it");
        }
        Ok(outcome)
    }

    async fn decided(&self, carried: &Carried, said: &Said) -> Result<Outcome, VoteRefusal> {
        let rules = self.rules().await;
        let Some(incident) = self.store.incident_of(&said.proposal).await.map_err(|e| failed(&e))? else {
            return Ok(Outcome::NotFound);
        };
        let namespace = self.store.load(&incident).await.map_err(|e| failed(&e))?.scope.namespace;
        let roles = rules.registry.bridge(&carried.bridge).map(|bridge| bridge.roles.as_slice());
        if !roles.is_some_and(|roles| rules.registry.roles_may(roles, Power::View, &namespace)) {
            return Ok(Outcome::NotFound);
        }
        if !self.voted(&incident, carried).await? {
            let posted = posted(carried, said);
            match self.try_cast(&said.person, &posted).await {
                Ok(()) => {}
                Err(why @ (VoteRefusal::StoreFailed | VoteRefusal::RateLimited)) => return Err(why),
                Err(why) => {
                    self.not_carried(&carried.bridge, said, why).await;
                    return Ok(Outcome::Refused(why));
                }
            }
        }
        let after = self.store.load(&incident).await;
        Ok(Outcome::Taken { phase: after.map(|i| i.phase.word().to_owned()).unwrap_or_default() })
    }

    /// Whether a message's vote stands in the history: then only its answer was lost.
    async fn voted(&self, incident: &IncidentId, carried: &Carried) -> Result<bool, VoteRefusal> {
        let rows = self.store.stream_events(&Stream::Incident(incident.clone())).await;
        Ok(rows.map_err(|e| failed(&e))?.iter().any(|row| match &row.event {
            HistoryEvent::Incident(IncidentEvent::Voted { vote }) => match &vote.proof {
                Proof::Bridge { bridge, id, .. } => *bridge == carried.bridge && *id == carried.id,
                Proof::Attested { .. }
                | Proof::Ed25519 { .. }
                | Proof::Webauthn { .. }
                | Proof::Kubernetes { .. } => false,
            },
            HistoryEvent::Incident(_) | HistoryEvent::System(_) => false,
        }))
    }

    /// Records that a vote was not taken. The bridge did this, whoever it named.
    async fn not_carried(&self, bridge: &BridgeId, said: &Said, why: VoteRefusal) {
        let event = SystemEvent::VoteRefused {
            person: PersonId(text::visible(said.person.as_str(), NAME_LENGTH)),
            proposal: ProposalId(text::visible(said.proposal.as_str(), NAME_LENGTH)),
            why,
            bridge: Some(bridge.clone()),
        };
        self.noted(Actor::Nightshift(Role::Responder), event).await;
    }
}

/// There is no code to type: a bridge says that a person decided, and its word is worth no more than that.
fn posted(carried: &Carried, said: &Said) -> Posted {
    Posted {
        proposal: said.proposal.clone(),
        digest: said.digest,
        decision: said.decision,
        reason: said.reason.clone(),
        code: Code::Right,
        by: By::Bridge(carried.clone()),
    }
}

/// The message that a bridge signed.
impl<'a> From<&'a Carried> for Message<'a> {
    fn from(carried: &'a Carried) -> Self {
        Self { id: &carried.id, second: carried.second, body: &carried.body }
    }
}
