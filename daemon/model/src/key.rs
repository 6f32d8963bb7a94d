//! Keys with which persons prove their votes. Only public parts, and only from the registry's file: what a database
//! says about keys counts for nothing.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One public key of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonKey {
    /// What holds the private part.
    pub kind: KeyKind,
    /// Names the key in proofs: of a passkey its credential id, base64url. Unique in the registry.
    pub id: String,
    /// The public part, base64url: 32 bytes of an Ed25519 key, or a passkey's COSE key as the authenticator gave it.
    pub public: String,
    /// What it signs with.
    pub alg: KeyAlgorithm,
    /// When it was added: a key added after a proposal cannot prove a vote on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// When it was taken back: it proves nothing since then, and nothing from before that is still open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
}

/// What holds the private part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// A file on the person's machine; the command line signs with it.
    Ed25519,
    /// A device or a password manager; a browser signs with it.
    Passkey,
}

/// Signature algorithms, named as in JOSE and COSE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum KeyAlgorithm {
    /// Ed25519.
    EdDSA,
    /// ECDSA over P-256 with SHA-256.
    ES256,
    /// RSA PKCS#1 v1.5 with SHA-256, 2048 bits or more.
    RS256,
}

/// Where passkeys are used. The executor needs it too, so it stands in the registry and not in the gate's own part of
/// the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasskeySite {
    /// The domain that passkeys are bound to: the gate's host name or a parent of it.
    pub rp_id: String,
    /// Origins of pages that may ask for a signature, as `https://nightshift.example.com`.
    pub origins: Vec<String>,
}

impl KeyKind {
    /// The word in the registry.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::Passkey => "passkey",
        }
    }
}

impl KeyAlgorithm {
    /// The name in the registry.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EdDSA => "EdDSA",
            Self::ES256 => "ES256",
            Self::RS256 => "RS256",
        }
    }
}

impl PersonKey {
    /// Whether it can prove a vote on something sealed at that time: it was there before, and was not taken back.
    pub fn counts_for(&self, sealed_at: Timestamp) -> bool {
        self.revoked.is_none() && self.since.is_none_or(|since| since <= sealed_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_late_or_taken_back_counts_for_nothing() {
        let at = Timestamp::from_second;
        let key = |since: Option<i64>, revoked: Option<i64>| PersonKey {
            kind: KeyKind::Ed25519,
            id: "k".to_owned(),
            public: String::new(),
            alg: KeyAlgorithm::EdDSA,
            since: since.map(at),
            revoked: revoked.map(at),
        };
        assert!(key(None, None).counts_for(at(10)));
        assert!(key(Some(10), None).counts_for(at(10)));
        assert!(!key(Some(11), None).counts_for(at(10)));
        assert!(!key(None, Some(99)).counts_for(at(10)), "a revocation has no grace");
    }

    #[test]
    fn unknown_fields_and_kinds_are_refused() {
        let good = serde_json::json!({"kind": "ed25519", "id": "k", "public": "p", "alg": "EdDSA"});
        assert!(serde_json::from_value::<PersonKey>(good.clone()).is_ok());
        for (field, value) in [("kind", "ssh"), ("alg", "HS256"), ("private", "x"), ("since", "yesterday")] {
            let mut bad = good.clone();
            bad[field] = value.into();
            assert!(serde_json::from_value::<PersonKey>(bad).is_err(), "{field}");
        }
    }
}
