//! Identifiers: short enough to read aloud on a phone, derived or seeded, never drawn from hidden randomness.

use crate::canonical::digest;
use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

text_id!(
    /// One incident: `inc-` and ten letters or digits.
    IncidentId
);
text_id!(
    /// One sealed proposal: `pro-` and ten letters or digits, derived from the incident and the revision it was
    /// sealed at.
    ProposalId
);
text_id!(
    /// One operation: the proposal's id, a dot and the step. Fixed before sealing.
    OpId
);
text_id!(
    /// One silence: `sil-` and ten letters or digits.
    SilenceId
);
text_id!(
    /// A person's name in the registry.
    PersonId
);
text_id!(
    /// A bridge's name in the registry.
    BridgeId
);
text_id!(
    /// What makes two findings the same fault: a hash of scope and reason, 16 hex digits.
    Fingerprint
);

/// The number of a piece of evidence within its incident, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EvidenceId(pub u16);

impl std::fmt::Display for EvidenceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "e{}", self.0)
    }
}

impl ProposalId {
    /// The proposal that is sealed on top of a given revision of an incident.
    pub fn of(incident: &IncidentId, revision: u64) -> Self {
        Self(format!("pro-{}", short("nightshift/proposal", &format!("{incident}:{revision}"))))
    }
}

impl SilenceId {
    /// The silence with this content.
    pub fn of(content: &str) -> Self {
        Self(format!("sil-{}", short("nightshift/silence", content)))
    }
}

impl IncidentId {
    /// The incident that a person's wish opens.
    pub fn of_wish(content: &str) -> Self {
        Self(format!("inc-{}", short("nightshift/wish", content)))
    }
}

impl OpId {
    /// The operation of one step of a proposal.
    pub fn of(proposal: &ProposalId, step: u32) -> Self {
        Self(format!("{proposal}.{step}"))
    }

    /// The proposal that this operation belongs to.
    pub fn proposal(&self) -> ProposalId {
        ProposalId(self.0.rsplit_once('.').map_or(self.0.as_str(), |(head, _)| head).to_owned())
    }
}

/// A seeded source of incident ids: the seed comes from the caller, so a run can be repeated.
#[derive(Clone, Debug)]
pub struct Ids {
    seed: u64,
    made: u64,
}

impl Ids {
    /// A source that always yields the same ids for the same seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, made: 0 }
    }

    /// The next incident id.
    pub fn incident(&mut self) -> IncidentId {
        self.made += 1;
        IncidentId(format!("inc-{}", short("nightshift/incident", &format!("{}:{}", self.seed, self.made))))
    }
}

/// Ten characters of a 32-letter alphabet without `i l o u`, 50 bits of a hash.
fn short(domain: &str, text: &str) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let hash = digest(domain, text.as_bytes());
    hash.0
        .iter()
        .take(10)
        .map(|byte| char::from(ALPHABET.get(usize::from(byte % 32)).copied().unwrap_or(b'0')))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_repeat_for_a_seed_and_differ_within_it() {
        let (mut a, mut b) = (Ids::new(7), Ids::new(7));
        let first = a.incident();
        assert_eq!(first, b.incident());
        assert_ne!(first, a.incident());
        assert_eq!(first.as_str().len(), 14);
    }

    #[test]
    fn an_operation_names_its_proposal() {
        let proposal = ProposalId::of(&IncidentId::from("inc-x"), 4);
        assert_eq!(OpId::of(&proposal, 1).proposal(), proposal);
    }
}
