//! Votes: a person's decision about the digest of the exact bytes, with its proof.

use crate::canonical::{Digest, canonical};
use crate::ids::{BridgeId, PersonId, ProposalId};
use crate::time::{Seconds, Timestamp};
use serde::{Deserialize, Serialize};

/// What a person decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VoteDecision {
    /// Do exactly this.
    Approve,
    /// Do not; one is enough.
    Deny,
    /// Take an earlier vote back, until the grant is claimed.
    Withdraw,
}

impl VoteDecision {
    /// The word on the page and in the statement.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
            Self::Withdraw => "withdraw",
        }
    }
}

/// One vote. (proposal, person, no) is unique for ever; a higher number replaces a lower one, so a replay is
/// always older.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// What was voted on.
    pub proposal: ProposalId,
    /// The digest that the person saw.
    pub digest: Digest,
    /// The decision.
    pub decision: VoteDecision,
    /// Who.
    pub person: PersonId,
    /// The person's how-manieth vote on this proposal, from 1.
    pub no: u32,
    /// When.
    pub at: Timestamp,
    /// What the person wrote, redacted and capped.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Whether a person was at a page or a terminal.
    pub interactive: bool,
    /// The proof.
    pub proof: Proof,
}

/// How a vote proves itself, by rising strength. All forms are shaped here; whoever counts verifies each one itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "proof", rename_all = "lowercase")]
pub enum Proof {
    /// The responder's word: a session on the page, or a button in Slack.
    Attested {
        /// SHA-256 of the session's id, or `slack` and the member's id.
        by: String,
    },
    /// A bridge's word: `attested` as well, but whoever counts can see that the bridge said it.
    Bridge {
        /// Its name in the registry.
        bridge: BridgeId,
        /// The message's id; one message is one vote.
        id: String,
        /// The message as it was signed, with the vote's second as its time.
        body: String,
        /// Signature over id, time and message, base64 as it came.
        signature: String,
    },
    /// A signature by the person's own key over the statement.
    Ed25519 {
        /// Key id in the registry.
        key: String,
        /// Signature, base64url.
        signature: String,
    },
    /// A passkey's assertion whose challenge is the SHA-256 of the statement.
    Webauthn {
        /// Credential id, base64url.
        credential: String,
        /// authenticatorData, base64url.
        authenticator_data: String,
        /// clientDataJSON, base64url.
        client_data: String,
        /// Signature, base64url.
        signature: String,
    },
    /// A `Vote` object created with the person's own kubeconfig.
    Kubernetes {
        /// The object's uid.
        uid: String,
        /// Its resourceVersion.
        resource_version: String,
    },
}

/// How far the time in a statement may lie from ours.
pub const STATEMENT_LASTS: Seconds = Seconds(300);

/// What a proof is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// The responder's word, or a bridge's.
    Attested,
    /// The person's own key, passkey or cluster identity.
    Signed,
}

impl Proof {
    /// What it is worth once verified.
    pub fn strength(&self) -> Strength {
        match self {
            Self::Attested { .. } | Self::Bridge { .. } => Strength::Attested,
            Self::Ed25519 { .. } | Self::Webauthn { .. } | Self::Kubernetes { .. } => Strength::Signed,
        }
    }

    /// The bridge that said it, if one did.
    pub fn bridge(&self) -> Option<&BridgeId> {
        match self {
            Self::Bridge { bridge, .. } => Some(bridge),
            Self::Attested { .. }
            | Self::Ed25519 { .. }
            | Self::Webauthn { .. }
            | Self::Kubernetes { .. } => None,
        }
    }

    /// The proof's name for a person, with the bridge that said it.
    pub fn told(&self) -> String {
        match self.bridge() {
            Some(bridge) => format!("{} by bridge {bridge}", self.name()),
            None => self.name().to_owned(),
        }
    }

    /// The proof's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Attested { .. } | Self::Bridge { .. } => "attested",
            Self::Ed25519 { .. } => "ed25519",
            Self::Webauthn { .. } => "webauthn",
            Self::Kubernetes { .. } => "kubernetes",
        }
    }
}

impl Vote {
    /// The bytes that a proof covers: a domain tag, a zero byte and the canonical statement.
    pub fn statement(&self, cluster_uid: &str) -> Vec<u8> {
        let fields = serde_json::json!({
            "cluster_uid": cluster_uid,
            "proposal": self.proposal,
            "digest": self.digest,
            "decision": self.decision.as_str(),
            "person": self.person,
            "vote_no": self.no,
            "ts": self.at,
        });
        [b"nightshift/vote/v1\0".as_slice(), &canonical(&fields)].concat()
    }
}

/// A quorum was reached. Single use, and a cache that nobody trusts: the executor recomputes the tally.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// What was granted.
    pub proposal: ProposalId,
    /// Its digest.
    pub digest: Digest,
    /// Who approved.
    pub persons: Vec<PersonId>,
    /// When the last needed vote came.
    pub at: Timestamp,
    /// When the grant ends.
    pub until: Timestamp,
}

/// Why an attempt to vote was not taken. Told to the identified person, recorded, counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VoteRefusal {
    /// Too many attempts; try again later.
    RateLimited,
    /// No open session.
    NoSession,
    /// The request came from another origin, or from none.
    ForeignOrigin,
    /// The form's token does not fit the session and the proposal.
    BadForm,
    /// The proposal was decided, withdrawn or replaced.
    NotOpen,
    /// The proposal's time is over.
    Expired,
    /// The digest that was posted is not the proposal's.
    OtherDigest,
    /// The person has no role for this namespace.
    NoRole,
    /// The person is the proposer.
    Proposer,
    /// A service identity never votes.
    Service,
    /// The person has voted already.
    AlreadyVoted,
    /// The person was added to the registry after the proposal.
    AddedLater,
    /// The typed code is wrong.
    WrongCode,
    /// The proof does not verify.
    BadProof,
    /// The vote's number is not the person's next: it is a replay, or another vote came first.
    NotNext,
    /// The statement was signed too long ago, or by a clock that runs ahead.
    StaleStatement,
    /// The bridge has said yes to this proposal in another name.
    BridgeCounted,
    /// The message's id stood on another message before.
    IdUsed,
    /// Nobody was at a terminal, and policy does not take such a yes.
    NotInteractive,
    /// Policy asks for a stronger proof than this one.
    ControlsMissing,
    /// The kill switch is set.
    KillSwitch,
    /// The history cannot be written, so nothing may be decided.
    StoreFailed,
}

impl VoteRefusal {
    /// The reason as log field, metric label and enum of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited => "rate-limited",
            Self::NoSession => "no-session",
            Self::ForeignOrigin => "foreign-origin",
            Self::BadForm => "bad-form",
            Self::NotOpen => "not-open",
            Self::Expired => "expired",
            Self::OtherDigest => "other-digest",
            Self::NoRole => "no-role",
            Self::Proposer => "proposer",
            Self::Service => "service",
            Self::AlreadyVoted => "already-voted",
            Self::AddedLater => "added-later",
            Self::WrongCode => "wrong-code",
            Self::BadProof => "bad-proof",
            Self::NotNext => "not-next",
            Self::StaleStatement => "stale-statement",
            Self::BridgeCounted => "bridge-counted",
            Self::IdUsed => "id-used",
            Self::NotInteractive => "not-interactive",
            Self::ControlsMissing => "controls-missing",
            Self::KillSwitch => "kill-switch",
            Self::StoreFailed => "store-failed",
        }
    }

    /// One sentence for the person.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::RateLimited => "Too many attempts. Wait a minute and try again.",
            Self::NoSession => "You are not signed in. Open your sign-in link and try again.",
            Self::ForeignOrigin => {
                "The request did not come from this page. Open the link again and vote there."
            }
            Self::BadForm => "This form is no longer valid. Reload the page and vote again.",
            Self::NotOpen => "This proposal is no longer open. Nothing was done by your vote.",
            Self::Expired => "This proposal has expired. Use check again to get a fresh one.",
            Self::OtherDigest => "The plan is not the one you saw. Reload the page and read it again.",
            Self::NoRole => "Your roles do not cover this namespace. Ask an approver of its owner.",
            Self::Proposer => "You asked for this proposal, so somebody else must decide it.",
            Self::Service => "Service identities never vote.",
            Self::AlreadyVoted => "You have voted on this proposal already.",
            Self::AddedLater => "You were added after this proposal was made, so you cannot vote on it.",
            Self::WrongCode => "The code is wrong. Type the four characters that stand beside the change.",
            Self::BadProof => "The proof of your vote could not be verified.",
            Self::NotNext => "This vote's number was used already. Look at the proposal and vote again.",
            Self::StaleStatement => {
                "The vote was signed more than 5 minutes ago, or your clock is wrong. Sign it again."
            }
            Self::BridgeCounted => {
                "This bridge has approved the proposal already, and counts once whoever it names. Approve on the page."
            }
            Self::IdUsed => "The id of this message stood on another one before. Give each message its own.",
            Self::NotInteractive => {
                "Policy takes no approval that was given without a person at a terminal. Approve at a terminal."
            }
            Self::ControlsMissing => "Policy asks for a vote that you sign with your own key or passkey.",
            Self::KillSwitch => {
                "The kill switch is set, or the executor is closed. Nothing is executed until that is over."
            }
            Self::StoreFailed => "The history cannot be written, so nothing can be decided now.",
        }
    }
}
