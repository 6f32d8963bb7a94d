//! Draft, plan and proposal: from an idea to the exact bytes that people approve.

use crate::action::{Action, Risk};
use crate::canonical::{Digest, canonical, digest};
use crate::change::FieldChange;
use crate::history::Actor;
use crate::ids::{EvidenceId, IncidentId, OpId, ProposalId};
use crate::measure::VerificationSpec;
use crate::object::{Cluster, ObjectRef};
use crate::time::Timestamp;
use crate::wish::Wish;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Version of the sealed form. A reader that does not know a version refuses it.
pub const PLAN_VERSION: u32 = 1;

/// What the playbook and the evidence lead to, before anything was sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The playbook that was selected.
    pub playbook: String,
    /// The action.
    pub action: Action,
    /// Why, in one sentence from rules.
    pub cause: String,
    /// The evidence it rests on.
    pub evidence: Vec<EvidenceId>,
    /// What could go wrong, in sentences from rules.
    pub hazards: Vec<String>,
    /// How much can go wrong.
    pub risk: Risk,
    /// The difference as computed from evidence: what *would have been proposed* in `mode: observe`.
    pub shown: Vec<FieldChange>,
    /// How it will be proven.
    pub verification: VerificationSpec,
    /// How it is undone.
    pub inverse: Inverse,
    /// Label selector of the target's pods, as a query parameter.
    pub selector: String,
    /// How many wanted and available replicas the target has.
    pub blast: Blast,
}

/// How much of the world the write can touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blast {
    /// Objects written: always one.
    pub objects: u32,
    /// Wanted replicas of the workload.
    pub replicas: u32,
    /// Replicas available when the draft was made.
    pub available: u32,
}

/// The literal request, without the mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// HTTP method.
    pub method: String,
    /// Path at the API server, without query.
    pub path: String,
    /// `Content-Type` of the body.
    pub content_type: String,
    /// `fieldManager` parameter.
    pub field_manager: String,
    /// The body.
    pub body: Sealed,
}

/// A body as it was sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sealed {
    /// The bytes themselves, before the mark is framed around them.
    Bytes(String),
    /// By reference: the bytes may hold secrets, so they are built in memory only and compared by hash.
    Reference {
        /// The object that holds the value, with its uid.
        source: ObjectRef,
        /// SHA-256 of the value's normal form.
        value: Digest,
        /// JSON pointers of the fields that change.
        pointers: Vec<String>,
    },
}

/// What must still be true of the target when the write is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preconditions {
    /// The target's uid.
    pub uid: String,
    /// SHA-256 of the normal form of `spec` without the fields that an autoscaler owns.
    pub spec: Digest,
    /// `metadata.generation` when sealed: shown, not compared (annotations move it).
    pub generation: i64,
    /// Whether an autoscaler owned `spec.replicas` when sealed.
    pub autoscaled: bool,
    /// Label selector of the target's pods, as a query parameter: where the symptom is looked for.
    pub selector: String,
}

/// How the write is undone: a new proposal with its own votes, never this grant again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inverse {
    /// The action that would undo it; `None` for what there is nothing to undo of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// One sentence for people.
    pub sentence: String,
}

/// Everything that determines the effect. People approve the digest of its canonical bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`PLAN_VERSION`].
    pub version: u32,
    /// The cluster.
    pub cluster: Cluster,
    /// The incident.
    pub incident: IncidentId,
    /// The proposal's own id.
    pub proposal: ProposalId,
    /// The operation's id, fixed before sealing.
    pub op: OpId,
    /// The playbook.
    pub playbook: String,
    /// The action.
    pub action: Action,
    /// Version of the action's code.
    pub action_version: u32,
    /// The literal request.
    pub request: Request,
    /// The difference that page and command line render, redacted.
    pub shown: Vec<FieldChange>,
    /// SHA-256 of the unredacted previewed difference in normal form.
    pub difference: Digest,
    /// What must still be true.
    pub preconditions: Preconditions,
    /// How much it can touch.
    pub blast: Blast,
    /// Why.
    pub cause: String,
    /// What could go wrong.
    pub hazards: Vec<String>,
    /// How much can go wrong.
    pub risk: Risk,
    /// How it is proven.
    pub verification: VerificationSpec,
    /// How it is undone.
    pub inverse: Inverse,
    /// Hash over policy, persons, roles, owners and playbooks.
    pub policy: Digest,
    /// The evidence it rests on.
    pub evidence: Vec<EvidenceId>,
    /// Who proposes. A person who does never votes on it.
    pub proposer: Actor,
    /// What a person asked for, if this is it: then no symptom is needed, and none is looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wish: Option<Wish>,
    /// When the proposal ends by itself.
    pub not_after: Timestamp,
}

/// A sealed plan: the bytes and, read from them, the plan. Only [`Proposal::seal`] and reading back make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    bytes: String,
    plan: Plan,
    digest: Digest,
    /// When it was sealed.
    pub sealed_at: Timestamp,
}

impl Proposal {
    /// Seals a plan.
    pub fn seal(plan: Plan, at: Timestamp) -> Self {
        let bytes = String::from_utf8_lossy(&canonical(&plan)).into_owned();
        let digest = digest("nightshift/plan/v1", bytes.as_bytes());
        Self { bytes, plan, digest, sealed_at: at }
    }

    /// Reads a sealed plan back from its bytes.
    ///
    /// # Errors
    /// When the bytes are not a plan of a version we know, or are not canonical.
    pub fn open(bytes: String, sealed_at: Timestamp) -> Result<Self, String> {
        let plan: Plan = serde_json::from_str(&bytes).map_err(|e| format!("sealed plan: {e}"))?;
        if plan.version != PLAN_VERSION {
            return Err(format!(
                "sealed plan has version {}, this program knows {PLAN_VERSION}",
                plan.version
            ));
        }
        if canonical(&plan) != bytes.as_bytes() {
            return Err("sealed plan is not in canonical form".to_owned());
        }
        let digest = digest("nightshift/plan/v1", bytes.as_bytes());
        Ok(Self { bytes, plan, digest, sealed_at })
    }

    /// The proposal's id.
    pub fn id(&self) -> &ProposalId {
        &self.plan.proposal
    }

    /// The plan, as read from the bytes.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The bytes that the digest covers.
    pub fn bytes(&self) -> &str {
        &self.bytes
    }

    /// What people approve: SHA-256 of the bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

#[derive(Serialize, Deserialize)]
struct Wire {
    sealed: String,
    sealed_at: Timestamp,
}

impl Serialize for Proposal {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        Wire { sealed: self.bytes.clone(), sealed_at: self.sealed_at }.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Proposal {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(d)?;
        Self::open(wire.sealed, wire.sealed_at).map_err(de::Error::custom)
    }
}
