//! What persons, roles, owners, policy and playbooks say, in the words in which a change of them is told.
//!
//! It is written down so that the next start can say what differs, and it decides nothing: who may do what stands in
//! the files alone.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// By topic and name: short texts, of keys no more than a fingerprint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyFacts(pub BTreeMap<Topic, BTreeMap<String, Vec<String>>>);

/// What an entry is about, in the order in which changes are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// `mode:` and its namespaces.
    Mode,
    /// A person or a machine identity.
    Person,
    /// A program that carries votes.
    Bridge,
    /// A role.
    Role,
    /// Who owns namespaces.
    Owner,
    /// The owners in their order: the first that matches counts.
    OwnerOrder,
    /// Where passkeys are used.
    Passkeys,
    /// A number or a rule of the gate.
    Policy,
    /// A playbook, by a fingerprint of what it says.
    Playbook,
}

impl Topic {
    /// The word before a name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mode => "mode",
            Self::Person => "person",
            Self::Bridge => "bridge",
            Self::Role => "role",
            Self::Owner => "owner",
            Self::OwnerOrder => "owners",
            Self::Passkeys => "passkeys",
            Self::Policy => "policy",
            Self::Playbook => "playbook",
        }
    }
}
