//! Whether a vote proves itself. Responder and executor call the same function, each with its own registry.

pub mod assertion;
pub mod bridge;
pub mod cbor;
mod counter;
pub mod enrol;
mod key;
pub mod request;

pub use counter::Counters;
pub use key::{BadKey, PublicKey};

use crate::vote_object::{self, Look};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nightshift_model::vote::Strength;
use nightshift_model::{BridgeKey, KeyKind, Person, PersonKey, Proof, Registry, Timestamp, Vote, Wish};
use sha2::{Digest as _, Sha256};

/// Why a proof counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadProof {
    /// Not among this person's keys.
    #[error("the registry has no such key of this person")]
    UnknownKey,
    /// Added after the proposal, or taken back.
    #[error("the key was added after this proposal, or was taken back")]
    KeyNotInForce,
    /// A passkey where a key file was named, or the other way round.
    #[error("the key is of another kind")]
    OtherKind,
    /// The registry's own entry cannot be read.
    #[error("the registry's key cannot be used: {0}")]
    Key(BadKey),
    /// What was sent is not of its form.
    #[error("the proof's {0} cannot be read")]
    Malformed(&'static str),
    /// The registry does not say where passkeys are used.
    #[error("the registry has no `passkeys` section, so no passkey counts")]
    NoSite,
    /// Not the kind of answer that was asked for.
    #[error("the passkey answered another kind of question")]
    OtherCeremony,
    /// Not over this vote: another digest, decision, number or time.
    #[error("the passkey signed something else than this vote")]
    OtherChallenge,
    /// A page that is not ours asked.
    #[error("another site asked for the signature")]
    ForeignOrigin,
    /// Our page stood within another one.
    #[error("the page stood within another site's page")]
    CrossOrigin,
    /// Bound to another domain.
    #[error("the passkey belongs to another domain")]
    OtherDomain,
    /// Nobody touched the device.
    #[error("nobody was at the device")]
    NobodyThere,
    /// The device did not ask who it was.
    #[error("the device did not check who was there (PIN, fingerprint or face)")]
    NotVerified,
    /// The signature is not the key's.
    #[error("the signature does not fit")]
    BadSignature,
    /// The passkey was copied.
    #[error("the passkey's counter went back: there may be a copy of it")]
    CounterWentBack,
    /// A bridge's message is about another vote, or names nobody.
    #[error("the bridge's message says something else than this vote")]
    OtherMessage,
    /// A proof that only the cluster could confirm.
    #[error("votes as objects of the cluster are not checked here")]
    NotCheckedHere,
    /// The registry gives the person no user name in the cluster.
    #[error("the registry does not say which user of the cluster this person is")]
    UnknownUser,
    /// The API server did not say which votes there are.
    #[error("the votes in the cluster could not be read")]
    ObjectsUnread,
    /// `spec.user` is only a claim.
    #[error("the policy that holds votes in the cluster to their users is not in force")]
    ObjectsUnlocked,
    /// Deleted, changed, older than the policy, or never there.
    #[error("there is no such Vote in the cluster")]
    ObjectGone,
    /// Somebody else's.
    #[error("the Vote in the cluster is another user's")]
    OtherUser,
    /// Another decision, digest, number, time or cluster.
    #[error("the Vote in the cluster says something else than this vote")]
    OtherObject,
}

/// What is needed to verify besides the vote.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Our own registry.
    pub registry: &'a Registry,
    /// Our own cluster.
    pub cluster_uid: &'a str,
    /// When the proposal was sealed.
    pub sealed_at: Timestamp,
    /// The counters that votes have shown so far.
    pub counters: &'a Counters,
    /// What the API server said about votes on this proposal.
    pub look: &'a Look,
}

/// What a vote's proof is worth, if it holds. An attested one rests on the responder's word: there is nothing to verify,
/// and it is worth no more than that. A bridge's is verified, and worth no more either.
///
/// # Errors
/// [`BadProof`]: the vote counts for nothing.
pub fn verify(vote: &Vote, context: &Context) -> Result<Strength, BadProof> {
    if let Proof::Kubernetes { uid, resource_version } = &vote.proof {
        return vote_object::verify(vote, uid, resource_version, context);
    }
    let (key, count) = match identify(vote, context.registry, context.cluster_uid)? {
        Shown::Nothing => return Ok(Strength::Attested),
        Shown::Bridge(key) if key.counts_for(context.sealed_at) => return Ok(Strength::Attested),
        Shown::Bridge(_) => return Err(BadProof::KeyNotInForce),
        Shown::Key(key) => (key, None),
        Shown::Passkey(key, count) => (key, Some(count)),
    };
    if !key.counts_for(context.sealed_at) {
        return Err(BadProof::KeyNotInForce);
    }
    if count.is_some_and(|count| !context.counters.rises(&key.id, vote, count)) {
        return Err(BadProof::CounterWentBack);
    }
    Ok(Strength::Signed)
}

/// What a proof has shown: the key that signed, and a passkey's counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown<'a> {
    /// Attested: nothing.
    Nothing,
    /// A bridge's key: who decided is the bridge's word.
    Bridge(&'a BridgeKey),
    /// A key file's key.
    Key(&'a PersonKey),
    /// A passkey, with its counter.
    Passkey(&'a PersonKey, u32),
}

/// Whether the person named in a vote signed exactly this vote with a key that is not taken back, whatever the proposal
/// is. This identifies the person; whether it counts is for [`verify`] to say.
///
/// # Errors
/// [`BadProof`].
pub fn identify<'a>(vote: &Vote, registry: &'a Registry, cluster_uid: &str) -> Result<Shown<'a>, BadProof> {
    let statement = || vote.statement(cluster_uid);
    let person = || registry.person(&vote.person).ok_or(BadProof::UnknownKey);
    match &vote.proof {
        Proof::Attested { .. } => Ok(Shown::Nothing),
        Proof::Bridge { bridge: name, id, body, signature } => {
            bridge::identify(vote, name, (id, body, signature), registry).map(Shown::Bridge)
        }
        Proof::Kubernetes { .. } => Err(BadProof::NotCheckedHere),
        Proof::Ed25519 { key, signature } => {
            Ok(Shown::Key(by_key_file(person()?, key, signature, &statement())?))
        }
        Proof::Webauthn { credential, authenticator_data, client_data, signature } => {
            let site = registry.passkeys.as_ref().ok_or(BadProof::NoSite)?;
            let key = own(person()?, credential, KeyKind::Passkey)?;
            let public = PublicKey::of(key).map_err(BadProof::Key)?;
            let challenge = Sha256::digest(statement()).into();
            let sent = assertion::Sent { authenticator_data, client_data, signature };
            Ok(Shown::Passkey(key, assertion::check(&sent, &public, challenge, site)?))
        }
    }
}

/// Whose key file signed a wish: the person that it names, with a key that is not taken back.
///
/// # Errors
/// [`BadProof`]: nobody is known by it.
pub fn wished<'a>(
    wish: &Wish,
    key: &str,
    signature: &str,
    registry: &'a Registry,
    cluster_uid: &str,
) -> Result<&'a Person, BadProof> {
    let person = registry.person(&wish.person).ok_or(BadProof::UnknownKey)?;
    by_key_file(person, key, signature, &wish.statement(cluster_uid)).map(|_| person)
}

fn by_key_file<'a>(
    person: &'a Person,
    key: &str,
    signature: &str,
    statement: &[u8],
) -> Result<&'a PersonKey, BadProof> {
    let key = own(person, key, KeyKind::Ed25519)?;
    let signature = unbase64(signature, 64).ok_or(BadProof::Malformed("base64url"))?;
    let public = PublicKey::of(key).map_err(BadProof::Key)?;
    if public.signed(statement, &signature) { Ok(key) } else { Err(BadProof::BadSignature) }
}

/// Whether a person has a key, or a user name in the cluster, that could prove a vote on something sealed then.
pub fn can_sign(person: &Person, registry: &Registry, sealed_at: Timestamp) -> bool {
    let usable = |key: &&PersonKey| match key.kind {
        KeyKind::Ed25519 => true,
        KeyKind::Passkey => registry.passkeys.is_some(),
    };
    person.kubernetes.is_some() || person.keys.iter().filter(usable).any(|key| key.counts_for(sealed_at))
}

fn own<'a>(person: &'a Person, id: &str, kind: KeyKind) -> Result<&'a PersonKey, BadProof> {
    let key = person.keys.iter().find(|key| key.id == id).ok_or(BadProof::UnknownKey)?;
    if key.revoked.is_some() {
        return Err(BadProof::KeyNotInForce);
    }
    if key.kind == kind { Ok(key) } else { Err(BadProof::OtherKind) }
}

/// The four characters that a person types at a terminal: from the digest alone, so that who shows the difference can say
/// them too. They stop reflexes and robots and prove nobody's identity.
pub fn code(digest: nightshift_model::Digest) -> String {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let hash = Sha256::digest([b"nightshift/code/v1\0".as_slice(), &digest.0].concat());
    let letter = |byte: &u8| LETTERS.get(usize::from(byte % 32)).copied().unwrap_or(b'0');
    hash.iter().take(4).map(letter).map(char::from).collect()
}

/// Base64url without padding, as keys and proofs are written.
pub fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Back from [`base64()`], if there are no more than `most` bytes.
pub fn unbase64(text: &str, most: usize) -> Option<Vec<u8>> {
    if text.len() > most.saturating_mul(4).div_ceil(3) {
        return None;
    }
    URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() <= most)
}

#[cfg(test)]
pub(crate) mod make;
#[cfg(test)]
mod tests;
