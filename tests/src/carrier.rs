//! A bridge, as far as tests sign its messages themselves, and as far as they sign them wrongly.

use anyhow::Context as _;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nightshift::api::vote::{BridgeMessage, BridgeVote};
use nightshift_model::{Proposal, Timestamp, VoteDecision};
use serde_json::{Value, json};

/// A bridge with a key.
pub struct Carrier {
    /// Its name in the registry.
    pub name: String,
    pair: Ed25519KeyPair,
}

/// A message on its way: everything in it may be bent.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The proposal in the path.
    pub to: String,
    /// Headers, in order.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

impl Carrier {
    /// A bridge whose key is made of a seed.
    ///
    /// # Errors
    /// When there is none of this seed.
    pub fn new(name: &str, seed: u8) -> anyhow::Result<Self> {
        Ok(Self { name: name.to_owned(), pair: Ed25519KeyPair::from_seed_unchecked(&[seed; 32])? })
    }

    /// Its line of the registry.
    pub fn entry(&self, role: &str) -> Value {
        let public = format!("whpk_{}", STANDARD.encode(self.pair.public_key().as_ref()));
        json!({"name": self.name, "roles": [role], "keys": [{"public": public}]})
    }

    /// A vote in a person's name.
    pub fn vote(proposal: &Proposal, person: &str, decision: VoteDecision) -> BridgeVote {
        BridgeVote {
            proposal: proposal.id().clone(),
            digest: proposal.digest(),
            decision,
            person: person.into(),
            reason: String::new(),
        }
    }

    /// The message with a vote.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn letter(&self, id: &str, vote: &BridgeVote, at: Timestamp) -> anyhow::Result<Letter> {
        let message =
            BridgeMessage { r#type: "proposal.vote".to_owned(), timestamp: None, data: vote.clone() };
        Ok(self.sign(vote.proposal.as_str(), id, serde_json::to_string(&message)?, at))
    }

    /// A message with any body.
    pub fn sign(&self, to: &str, id: &str, body: String, at: Timestamp) -> Letter {
        let second = at.get().as_second();
        let signature = self.pair.sign(format!("{id}.{second}.{body}").as_bytes());
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", second.to_string()),
            ("webhook-signature", format!("v1a,{}", STANDARD.encode(signature.as_ref()))),
        ];
        Letter { to: to.to_owned(), headers, body }
    }
}

impl Letter {
    /// With one header changed, or taken away.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.extend(value.map(|value| (name, value.to_owned())));
        self
    }

    /// With a word of the body exchanged.
    #[must_use]
    pub fn body(mut self, from: &str, to: &str) -> Self {
        self.body = self.body.replace(from, to);
        self
    }

    /// Sent to another proposal.
    #[must_use]
    pub fn to(self, proposal: &str) -> Self {
        Self { to: proposal.to_owned(), ..self }
    }

    /// With one header twice.
    #[must_use]
    pub fn twice(mut self, name: &str) -> Self {
        let again: Vec<_> = self.headers.iter().filter(|(known, _)| *known == name).cloned().collect();
        self.headers.extend(again);
        self
    }

    /// Signed with a shared secret in place of a key.
    #[must_use]
    pub fn symmetric(self, secret: &[u8]) -> Self {
        let of = |name: &str| {
            self.headers.iter().find(|(known, _)| *known == name).map(|(_, v)| v.as_str()).unwrap_or_default()
        };
        let signed = format!("{}.{}.{}", of("webhook-id"), of("webhook-timestamp"), self.body);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
        let value = format!("v1,{}", STANDARD.encode(tag.as_ref()));
        self.header("webhook-signature", Some(&value))
    }

    /// Sends it to a gate: the status and the answer.
    ///
    /// # Errors
    /// When nobody answers, or not as JSON.
    pub async fn send(&self, http: &reqwest::Client, gate: &str) -> anyhow::Result<(u16, Value)> {
        let mut request = http.post(format!("{gate}/v1/proposals/{}/votes", self.to)).body(self.body.clone());
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        Ok((status, answer.json().await.context("the answer is JSON")?))
    }
}
