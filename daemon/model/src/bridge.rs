//! Bridges: programs that carry a person's decision here, such as a chat bot or a pager's automation. Each has a key of
//! its own in the registry's file; what it says is its word, and never more than that.

use crate::ids::BridgeId;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A program that may carry votes. There is none unless the registry names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bridge {
    /// Its name, as in votes.
    pub name: BridgeId,
    /// Roles by name: where it may carry votes at all. Whoever it names needs a role there too.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Its public keys: one, or two while it changes over.
    pub keys: Vec<BridgeKey>,
}

/// A public key of a bridge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BridgeKey {
    /// `whpk_` and base64 of the 32 bytes of an Ed25519 key, as Standard Webhooks writes it.
    pub public: String,
    /// When it was added: a key added after a proposal carries no vote on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// When it was taken back: it proves nothing since then, and nothing from before that is still open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
}

impl BridgeKey {
    /// Whether it can carry a vote on something sealed at that time: it was there before, and was not taken back.
    pub fn counts_for(&self, sealed_at: Timestamp) -> bool {
        self.revoked.is_none() && self.since.is_none_or(|since| since <= sealed_at)
    }
}
