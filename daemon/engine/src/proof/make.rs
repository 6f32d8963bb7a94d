//! Signers for tests: keys made on the spot, and a passkey whose every part can be bent.

use super::base64;
use super::bridge::Message;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nightshift_model::{Bridge, BridgeKey, KeyAlgorithm, KeyKind, PasskeySite, PersonKey, Proof, Vote};
use sha2::{Digest as _, Sha256};

pub(crate) fn site() -> PasskeySite {
    PasskeySite { rp_id: "night.example".to_owned(), origins: vec!["https://night.example".to_owned()] }
}

/// A key file's key.
pub(crate) struct File(Ed25519KeyPair, String);

impl File {
    pub(crate) fn new(id: &str, seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap(), id.to_owned())
    }

    pub(crate) fn entry(&self) -> PersonKey {
        PersonKey {
            kind: KeyKind::Ed25519,
            id: self.1.clone(),
            public: base64(self.0.public_key().as_ref()),
            alg: KeyAlgorithm::EdDSA,
            since: None,
            revoked: None,
        }
    }

    pub(crate) fn raw(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }

    pub(crate) fn sign(&self, vote: &mut Vote, cluster: &str) {
        let signature = base64(self.0.sign(&vote.statement(cluster)).as_ref());
        vote.proof = Proof::Ed25519 { key: self.1.clone(), signature };
    }
}

/// A passkey, with what it and its browser would say.
pub(crate) struct Passkey {
    pair: EcdsaKeyPair,
    pub(crate) rp_id: String,
    pub(crate) kind: &'static str,
    pub(crate) client: serde_json::Value,
    pub(crate) flags: u8,
    pub(crate) count: u32,
    pub(crate) tail: Vec<u8>,
}

impl Passkey {
    pub(crate) fn new() -> Self {
        Self {
            pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(),
            rp_id: site().rp_id,
            kind: "webauthn.get",
            client: serde_json::json!({"origin": "https://night.example", "crossOrigin": false}),
            flags: 0x05,
            count: 0,
            tail: Vec::new(),
        }
    }

    pub(crate) fn id() -> String {
        base64(b"credential-1")
    }

    pub(crate) fn cose(&self) -> Vec<u8> {
        let point = self.pair.public_key().as_ref();
        let head = [0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 0x20];
        [&head, &point[1..33], &[0x22, 0x58, 0x20], &point[33..]].concat()
    }

    pub(crate) fn entry(&self) -> PersonKey {
        PersonKey {
            kind: KeyKind::Passkey,
            id: Self::id(),
            public: base64(&self.cose()),
            alg: KeyAlgorithm::ES256,
            since: None,
            revoked: None,
        }
    }

    pub(crate) fn data(&self) -> Vec<u8> {
        let hash = Sha256::digest(self.rp_id.as_bytes());
        [hash.as_slice(), &[self.flags], &self.count.to_be_bytes(), &self.tail].concat()
    }

    pub(crate) fn client(&self, challenge: &[u8]) -> Vec<u8> {
        let mut said = self.client.clone();
        said["type"] = self.kind.into();
        said["challenge"] = base64(challenge).into();
        said.to_string().into_bytes()
    }

    pub(crate) fn sign(&self, vote: &mut Vote, cluster: &str) {
        self.sign_over(vote, &Sha256::digest(vote.statement(cluster)));
    }

    pub(crate) fn sign_over(&self, vote: &mut Vote, challenge: &[u8]) {
        let (data, client) = (self.data(), self.client(challenge));
        let message = [data.as_slice(), &Sha256::digest(&client)].concat();
        let signature = self.pair.sign(&SystemRandom::new(), &message).unwrap();
        vote.proof = Proof::Webauthn {
            credential: Self::id(),
            authenticator_data: base64(&data),
            client_data: base64(&client),
            signature: base64(signature.as_ref()),
        };
    }

    /// The attestation of a new passkey, as `none`.
    pub(crate) fn attestation(&self) -> Vec<u8> {
        let id = b"credential-1";
        let length = u16::try_from(id.len()).unwrap().to_be_bytes();
        let mut made = Self { tail: Vec::new(), ..self.bent() };
        made.flags |= 0x40;
        made.tail = [[0; 16].as_slice(), &length, id, &self.cose()].concat();
        let data = made.data();
        let length = u16::try_from(data.len()).unwrap().to_be_bytes();
        let head = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59";
        [head.as_slice(), &length, &data].concat()
    }

    fn bent(&self) -> Self {
        Self { rp_id: self.rp_id.clone(), flags: self.flags, count: self.count, ..Self::new() }
    }
}

/// A bridge.
pub(crate) struct Hook(File, String);

impl Hook {
    pub(crate) fn new(name: &str, seed: u8) -> Self {
        Self(File::new(name, seed), name.to_owned())
    }

    pub(crate) fn entry(&self) -> Bridge {
        let public = format!("whpk_{}", STANDARD.encode(self.0.0.public_key().as_ref()));
        let key = BridgeKey { public, since: None, revoked: None };
        Bridge { name: self.1.as_str().into(), roles: vec!["on-call".to_owned()], keys: vec![key] }
    }

    pub(crate) fn signature(&self, message: &Message) -> String {
        format!("v1a,{}", STANDARD.encode(self.0.raw(&message.content())))
    }

    /// Makes a vote one that came through this bridge.
    pub(crate) fn carry(&self, vote: &mut Vote, id: &str) {
        let data = serde_json::json!({
            "proposal": vote.proposal, "digest": vote.digest, "decision": vote.decision,
            "person": vote.person, "reason": vote.reason,
        });
        let body = serde_json::json!({"type": "proposal.vote", "data": data}).to_string();
        let message = Message { id, second: vote.at.get().as_second(), body: &body };
        let signature = self.signature(&message).replace("v1a,", "");
        vote.proof = Proof::Bridge { bridge: self.1.as_str().into(), id: id.to_owned(), body, signature };
    }
}
