//! A posted vote, as a form or as JSON, and its answer.

use nightshift_model::{Digest, PersonId, Proof, ProposalId, Timestamp, VoteDecision};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Body of `POST /p/<proposal>/votes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VotePost {
    /// What was decided.
    pub decision: VoteDecision,
    /// The digest that was shown, 64 hex digits.
    pub digest: String,
    /// The four characters that stand beside the change.
    #[serde(default)]
    pub code: String,
    /// What the person writes.
    #[serde(default)]
    pub reason: String,
    /// The form's token for this decision. A page with several buttons sends one field for each instead.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub csrf: String,
    /// The token for approving.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub csrf_approve: String,
    /// The token for denying.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub csrf_deny: String,
    /// `webauthn` when a passkey signed: then the fields below hold what it signed and how.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub proof: String,
    /// The vote's number in the statement.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub vote_no: String,
    /// The statement's time.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ts: String,
    /// Credential id, base64url.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub credential: String,
    /// authenticatorData, base64url.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub authenticator_data: String,
    /// clientDataJSON, base64url.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_data: String,
    /// Signature, base64url.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub signature: String,
}

/// Which decision a passkey is to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementQuery {
    /// The decision.
    pub decision: VoteDecision,
}

/// What a passkey is to sign: SHA-256 over `nightshift/vote/v1`, a zero byte and `statement`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementAsk {
    /// The canonical JSON of the statement.
    pub statement: String,
    /// Its number.
    pub vote_no: u32,
    /// Its time.
    pub ts: Timestamp,
    /// The domain that the passkeys are bound to.
    pub rp_id: String,
    /// The visitor's passkeys, base64url.
    pub credentials: Vec<String>,
}

/// Body of `POST /passkey`: a new passkey, as the browser made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasskeyPost {
    /// The form's token.
    pub csrf: String,
    /// When the page was made.
    pub ts: String,
    /// attestationObject, base64url.
    pub attestation: String,
    /// clientDataJSON, base64url.
    pub client_data: String,
}

impl VotePost {
    /// The token that was sent for the decision.
    pub fn token(&self) -> &str {
        let own = match self.decision {
            VoteDecision::Approve => &self.csrf_approve,
            VoteDecision::Deny => &self.csrf_deny,
            VoteDecision::Withdraw => &self.csrf,
        };
        if own.is_empty() { &self.csrf } else { own }
    }
}

/// Body of `POST /v1/proposals/{id}/votes`: a vote that proves itself. Neither session nor token comes with it; the
/// signature over the statement says who votes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedVote {
    /// What was decided: `approve`, `deny` or `withdraw`.
    #[schema(value_type = String)]
    pub decision: VoteDecision,
    /// The digest of the bytes that the person saw, 64 hex digits.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Who votes, as the registry has it.
    #[schema(value_type = String)]
    pub person: PersonId,
    /// The person's how-manieth vote on this proposal, from 1.
    pub vote_no: u32,
    /// When it was signed; at most 300 s from now.
    #[schema(value_type = String, format = DateTime)]
    pub ts: Timestamp,
    /// What the person writes, shown to everybody; not part of the statement.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub reason: String,
    /// Whether a person was at a terminal.
    #[serde(default)]
    pub interactive: bool,
    /// An `ed25519` or `webauthn` proof over the statement.
    #[schema(value_type = Object)]
    pub proof: Proof,
}

impl SignedVote {
    /// Reads a body that was sent as `application/json`; `None` for everything else.
    pub fn read(content_type: &str, body: &[u8]) -> Option<Self> {
        if is_json(content_type) { serde_json::from_slice(body).ok() } else { None }
    }
}

/// Whether a `Content-Type` is JSON's.
pub fn is_json(content_type: &str) -> bool {
    content_type.split(';').next().is_some_and(|kind| kind.trim() == "application/json")
}

/// What `POST /v1/proposals/{id}/votes` takes: a person's own vote, or a bridge's message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum VoteBody {
    /// By a person with a key.
    Signed(SignedVote),
    /// By a bridge, with the three headers of Standard Webhooks.
    Bridge(BridgeMessage),
}

/// Headers of a bridge's message. A person's own vote has none of them.
#[derive(Clone, Debug, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code)] // read by the generator only
pub struct BridgeHeaders {
    /// The same for every attempt to send one message; no dot in it.
    #[param(rename = "webhook-id", max_length = 128)]
    pub id: Option<String>,
    /// When this attempt was signed, in seconds since 1970; at most 300 s from now.
    #[param(rename = "webhook-timestamp", max_length = 11)]
    pub timestamp: Option<String>,
    /// `v1a,` and base64 of the signature; two of them, with a blank between, while keys change.
    #[param(rename = "webhook-signature", max_length = 512)]
    pub signature: Option<String>,
}

/// A bridge's message: at most 4,096 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BridgeMessage {
    /// Always `proposal.vote`.
    pub r#type: String,
    /// When it happened; nothing depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub timestamp: Option<Timestamp>,
    /// The vote.
    pub data: BridgeVote,
}

/// What a bridge says that a person decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BridgeVote {
    /// On what; the same as in the path.
    #[schema(value_type = String)]
    pub proposal: ProposalId,
    /// The digest of the sealed bytes that the person saw, 64 hex digits.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// `approve`, `deny` or `withdraw`.
    #[schema(value_type = String)]
    pub decision: VoteDecision,
    /// Who decided, as the registry has it.
    #[schema(value_type = String)]
    pub person: PersonId,
    /// What the person wrote: one line, shown to everybody.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub reason: String,
}

/// Answer to a vote that was taken, when it was posted as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VoteTaken {
    /// The proposal.
    pub proposal: String,
    /// The decision.
    #[schema(value_type = String)]
    pub decision: VoteDecision,
    /// Where the incident stands after it.
    pub phase: String,
}

/// Body of `POST /p/<proposal>/again`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgainPost {
    /// The form's token.
    pub csrf: String,
}

/// Body of `POST /silences`, as the person wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SilencePost {
    /// The form's token.
    pub csrf: String,
    /// Of what.
    #[serde(default)]
    pub of: SilenceOf,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// When it begins, from now; empty for at once.
    #[serde(default)]
    pub begins: String,
    /// How long it lasts.
    #[serde(default)]
    pub lasts: String,
    /// Why.
    #[serde(default)]
    pub because: String,
}

/// What a silence is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SilenceOf {
    /// One workload.
    #[default]
    Workload,
    /// A namespace.
    Namespace,
    /// A kind of fault, everywhere.
    Reason,
}

impl SilenceOf {
    /// The word in the form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Workload => "workload",
            Self::Namespace => "namespace",
            Self::Reason => "reason",
        }
    }
}

/// Body of `POST /i/<incident>/end`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndPost {
    /// The form's token.
    pub csrf: String,
    /// When what is wrong had last changed, as the page showed it.
    pub seen: Timestamp,
    /// Why it ends.
    #[serde(default)]
    pub note: String,
}

/// Body of `POST /killswitch`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwitchPost {
    /// What to do.
    pub switch: SwitchTo,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// The form's token.
    pub csrf: String,
}

/// What to do with the kill switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SwitchTo {
    /// Hold every execution back.
    Set,
    /// Let them go on.
    Clear,
}

/// Body of `POST /signin`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignInPost {
    /// The sign-in link's secret.
    pub token: String,
}

/// Body of `POST /signout`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignOutPost {
    /// The form's token.
    pub csrf: String,
}
