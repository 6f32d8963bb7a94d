//! Messages of bridges: Standard Webhooks with asymmetric signatures (`v1a`, Ed25519) over `id.second.body`. A shared
//! secret (`v1`) proves nothing here: whoever can check such a signature can make one.

use super::{BadKey, BadProof, PublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nightshift_model::registry::PersonKind;
use nightshift_model::{
    Bridge, BridgeId, BridgeKey, Digest, PersonId, ProposalId, Registry, Timestamp, Vote, VoteDecision,
};
use serde::Deserialize;

/// Bytes of a message; it is kept with the vote.
pub const LONGEST: usize = 4_096;
/// Characters of a message's id.
const LONGEST_ID: usize = 128;
/// What a message is about.
const KIND: &str = "proposal.vote";
/// Bridges of one registry, and keys of one bridge: nothing names the key of a message, so all of them are tried.
pub const MOST: (usize, usize) = (8, 2);
/// Signatures of one message: the active key's, and while keys change the one before.
const MOST_SIGNATURES: usize = 2;

/// A message as it was signed.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its id, the same for every attempt to send it.
    pub id: &'a str,
    /// When this attempt was made.
    pub second: i64,
    /// The very bytes of the body.
    pub body: &'a str,
}

/// What a bridge says that a person decided.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// On what.
    pub proposal: ProposalId,
    /// The digest of the sealed bytes.
    pub digest: Digest,
    /// The decision.
    pub decision: VoteDecision,
    /// Who decided, as the registry has it.
    pub person: PersonId,
    /// What the person wrote.
    #[serde(default)]
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    r#type: String,
    #[serde(default, rename = "timestamp")]
    _timestamp: Option<Timestamp>,
    data: Said,
}

/// Why a message is nobody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSender {
    /// Only signatures with a shared secret.
    Symmetric,
    /// None that a key of the registry made.
    Unknown,
}

impl<'a> Message<'a> {
    /// The bytes that are signed.
    pub fn content(&self) -> Vec<u8> {
        format!("{}.{}.{}", self.id, self.second, self.body).into_bytes()
    }

    /// What it says; `None` when it is no vote.
    pub fn said(&self) -> Option<Said> {
        let body: Body = serde_json::from_str(self.body).ok()?;
        (body.r#type == KIND).then_some(body.data)
    }

    /// Whether it is of a form that can be signed without two readings: a dot would end the id.
    pub fn is_plain(&self) -> bool {
        let plain = |c: char| c.is_ascii_graphic() && c != '.';
        !self.id.is_empty()
            && self.id.len() <= LONGEST_ID
            && self.id.chars().all(plain)
            && self.body.len() <= LONGEST
    }

    /// Whose message it is by the value of `webhook-signature`, with the signature that shows it. Keys that were taken
    /// back are nobody's.
    ///
    /// # Errors
    /// [`NoSender`].
    pub fn sender(&self, value: &'a str, registry: &'a Registry) -> Result<(&'a Bridge, &'a str), NoSender> {
        let signatures: Vec<&str> = value.split(' ').filter_map(|one| one.strip_prefix("v1a,")).collect();
        if signatures.is_empty() && value.split(' ').any(|one| one.starts_with("v1,")) {
            return Err(NoSender::Symmetric);
        }
        if signatures.len() > MOST_SIGNATURES || !self.is_plain() {
            return Err(NoSender::Unknown);
        }
        let keys = || registry.bridges.iter().flat_map(|b| b.keys.iter().map(move |key| (b, key)));
        let found = signatures.into_iter().find_map(|signature| {
            let mut all = keys();
            all.find(|(_, key)| key.revoked.is_none() && self.signed(key, signature))
                .map(|(bridge, _)| (bridge, signature))
        });
        found.ok_or(NoSender::Unknown)
    }

    fn signed(&self, key: &BridgeKey, signature: &str) -> bool {
        let decoded = if signature.len() <= 88 { STANDARD.decode(signature).ok() } else { None };
        let (Some(signature), Ok(key)) = (decoded, public(key)) else { return false };
        key.signed(&self.content(), &signature)
    }
}

/// Reads a bridge's key of the registry.
///
/// # Errors
/// [`BadKey`]: it verifies nothing then.
pub fn public(key: &BridgeKey) -> Result<PublicKey, BadKey> {
    PublicKey::ed25519(&raw(key).ok_or(BadKey::Bridge)?)
}

/// The bytes of a bridge's key, to tell it from others.
pub fn raw(key: &BridgeKey) -> Option<Vec<u8>> {
    let text = key.public.strip_prefix("whpk_").filter(|text| text.len() == 44)?;
    STANDARD.decode(text).ok().filter(|bytes| bytes.len() == 32)
}

/// Whether the bridge named in a vote signed a message that says exactly this vote, with a key that is not taken back.
pub(super) fn identify<'a>(
    vote: &Vote,
    name: &BridgeId,
    (id, body, signature): (&str, &str, &str),
    registry: &'a Registry,
) -> Result<&'a BridgeKey, BadProof> {
    let bridge = registry.bridge(name).ok_or(BadProof::UnknownKey)?;
    let second = vote.at.get().as_second();
    let message = Message { id, second, body };
    if !message.is_plain() || Timestamp::from_second(second) != vote.at {
        return Err(BadProof::Malformed("message"));
    }
    let key = bridge.keys.iter().find(|key| message.signed(key, signature)).ok_or(BadProof::BadSignature)?;
    if key.revoked.is_some() {
        return Err(BadProof::KeyNotInForce);
    }
    let said = message.said().ok_or(BadProof::Malformed("message"))?;
    let vote = Said {
        proposal: vote.proposal.clone(),
        digest: vote.digest,
        decision: vote.decision,
        person: vote.person.clone(),
        reason: vote.reason.clone(),
    };
    // A bridge speaks for persons; a name that the registry has as a machine's is nobody's decision.
    let person = registry.person(&vote.person).is_some_and(|p| p.kind == PersonKind::Person);
    if said == vote && person { Ok(key) } else { Err(BadProof::OtherMessage) }
}

#[cfg(test)]
mod tests;
