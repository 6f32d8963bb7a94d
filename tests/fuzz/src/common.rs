//! Keys and moments that never change, so that an input means the same tomorrow.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use nightshift_engine::proof::base64;
use nightshift_model::{KeyAlgorithm, KeyKind, PersonKey, Registry, Timestamp};
use sha2::{Digest as _, Sha256};

/// The clock of every target: 2026-03-01T02:00:00Z.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_772_330_400)
}

/// An Ed25519 key from a seed.
pub(crate) struct Signer(Ed25519KeyPair);

impl Signer {
    pub(crate) fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("32 bytes are a seed"))
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }

    pub(crate) fn public(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    pub(crate) fn entry(&self, id: &str) -> PersonKey {
        PersonKey {
            kind: KeyKind::Ed25519,
            id: id.to_owned(),
            public: base64(self.public()),
            alg: KeyAlgorithm::EdDSA,
            since: None,
            revoked: None,
        }
    }
}

/// alice signs with the key `alice-1`, bob with `bob-1`; passkeys are used at example.org.
pub(crate) fn registry() -> Registry {
    let mut registry: Registry = serde_json::from_value(serde_json::json!({
        "persons": [{"name": "alice", "roles": ["on-call"]}, {"name": "bob", "roles": ["on-call"]}],
        "roles": {"on-call": {"owners": ["shop"]}},
        "owners": [{"name": "shop", "namespaces": ["shop"]}],
        "passkeys": {"rp_id": "example.org", "origins": ["https://example.org"]},
    }))
    .expect("the registry");
    let keys = [Signer::new(1).entry("alice-1"), Signer::new(2).entry("bob-1")];
    registry.persons.iter_mut().zip(keys).for_each(|(person, key)| person.keys.push(key));
    registry
}

/// One bit of some bytes turned, chosen by the bytes themselves: repeatable, and each input tries another.
pub(crate) fn bent(bytes: &[u8]) -> Option<Vec<u8>> {
    let bits = bytes.len().checked_mul(8).filter(|bits| *bits > 0)?;
    let at = usize::try_from(choice(bytes) % u64::try_from(bits).ok()?).ok()?;
    let mut bent = bytes.to_vec();
    *bent.get_mut(at / 8)? ^= 1 << (at % 8);
    Some(bent)
}

/// A number that the bytes choose.
pub(crate) fn choice(bytes: &[u8]) -> u64 {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    hash.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// The next part of an input: two bytes of length, then as many bytes as there are.
pub(crate) fn part<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else { return &[] };
    let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
    let (part, rest) = rest.split_at(length);
    *bytes = rest;
    part
}

/// A part as [`part`] reads it.
pub(crate) fn boxed(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a part is short");
    [length.to_be_bytes().as_slice(), bytes].concat()
}

/// Bytes from hex digits.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digit = |c: char| c.to_digit(16).and_then(|d| u8::try_from(d).ok()).unwrap_or_default();
    let digits: Vec<u8> = text.chars().map(digit).collect();
    digits.chunks(2).map(|pair| pair.iter().fold(0, |sum, d| (sum << 4) | d)).collect()
}

/// Whether a text is as it may be shown: on one line, nothing hidden in it, at most so many characters.
pub(crate) fn is_shown(text: &str, most: usize) -> bool {
    text.chars().count() <= most && nightshift_engine::text::visible(text, usize::MAX) == text
}
