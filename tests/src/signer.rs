//! A person with a key file, as far as tests sign votes themselves, and as far as they sign them wrongly.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use nightshift::api::vote::SignedVote;
use nightshift_engine::proof::base64;
use nightshift_engine::proof::request::Parameters;
use nightshift_model::{Proof, Proposal, Timestamp, Vote, VoteDecision};
use serde_json::{Value, json};

/// A key that signs.
pub struct Signer {
    /// Whose it is said to be.
    pub person: String,
    /// Its id.
    pub id: String,
    pair: Ed25519KeyPair,
}

impl Signer {
    /// A key made of a seed.
    ///
    /// # Errors
    /// When there is none of this seed.
    pub fn new(person: &str, seed: u8) -> anyhow::Result<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32])?;
        Ok(Self { person: person.to_owned(), id: format!("key-{seed}"), pair })
    }

    /// The line of the registry.
    pub fn entry(&self) -> Value {
        let public = base64(self.pair.public_key().as_ref());
        json!({"kind": "ed25519", "id": self.id, "alg": "EdDSA", "public": public})
    }

    /// A registry whose persons have these keys, in which nothing but signatures approves.
    #[must_use]
    pub fn registry(mut registry: Value, keys: &[&Self], approve: u32) -> Value {
        let persons = registry.get_mut("persons").and_then(Value::as_array_mut);
        for person in persons.into_iter().flatten().filter_map(Value::as_object_mut) {
            let named = |key: &&&Self| person.get("name") == Some(&json!(key.person));
            let mine: Vec<Value> = keys.iter().filter(named).map(|k| k.entry()).collect();
            person.insert("keys".to_owned(), mine.into());
        }
        let rule = json!({"approve": approve, "min_proof": "signed"});
        let two = json!({"approve": 2, "min_proof": "signed"});
        if let Some(policy) = registry.get_mut("policy").and_then(Value::as_object_mut) {
            policy.insert("approvals".to_owned(), json!({"low": rule, "medium": rule, "high": two}));
        }
        registry
    }

    /// A signed vote on what was sealed.
    pub fn vote(&self, proposal: &Proposal, decision: VoteDecision, no: u32, at: Timestamp) -> Vote {
        let mut vote = Vote {
            proposal: proposal.id().clone(),
            digest: proposal.digest(),
            decision,
            person: self.person.as_str().into(),
            no,
            at,
            reason: String::new(),
            interactive: true,
            proof: Proof::Attested { by: String::new() },
        };
        self.sign(&mut vote, &proposal.plan().cluster.uid);
        vote
    }

    /// Signs a vote as it stands.
    pub fn sign(&self, vote: &mut Vote, cluster_uid: &str) {
        let signature = base64(self.pair.sign(&vote.statement(cluster_uid)).as_ref());
        vote.proof = Proof::Ed25519 { key: self.id.clone(), signature };
    }

    /// A signature over any statement, base64url.
    pub fn signed(&self, statement: &[u8]) -> String {
        base64(self.pair.sign(statement).as_ref())
    }

    /// `Signature-Input` and `Signature` of a GET.
    pub fn headers(&self, path: &str, at: Timestamp) -> (String, String) {
        let parameters = Parameters { created: at.get().as_second(), key: self.id.clone() };
        parameters.headers(self.pair.sign(&parameters.base("GET", path)).as_ref())
    }
}

/// A vote as it is posted.
pub fn posted(vote: &Vote) -> SignedVote {
    SignedVote {
        decision: vote.decision,
        digest: vote.digest,
        person: vote.person.clone(),
        vote_no: vote.no,
        ts: vote.at,
        reason: vote.reason.clone(),
        interactive: vote.interactive,
        proof: vote.proof.clone(),
    }
}
