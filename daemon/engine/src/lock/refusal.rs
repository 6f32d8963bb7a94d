//! Why a write of the executor is not countersigned: one sentence each, which the API server hands on.

use nightshift_model::{Epoch, OpId};

/// One reason. Its [`label`](Self::label) is metric and row of the history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the sentence says it
pub enum Refusal {
    #[error("{what} is nothing that the executor does")]
    NotListed { what: String },
    #[error("nothing is written in namespace {namespace}")]
    Namespace { namespace: String },
    #[error("it bears no mark of an operation")]
    NoMark,
    #[error("its mark is none that belongs on such a write")]
    OtherMark,
    #[error("no operation {what} waits for this")]
    UnknownOperation { what: String },
    #[error("operation {op} is about another object")]
    OtherObject { op: OpId },
    #[error("{field} differs, and no action of this operation changes that")]
    OtherField { field: String },
    #[error("the pod template asks for more than before: {what}")]
    MorePower { what: String },
    #[error("it is not what operation {op} was approved for: {why}")]
    OtherChange { op: OpId, why: String },
    #[error("operation {op} is not where this belongs")]
    OtherState { op: OpId },
    #[error("its epoch is over: {} is not {}", asked.0, current.0)]
    StaleEpoch { asked: Epoch, current: Epoch },
    #[error("operation {op} is not approved: the votes, counted now from their proofs, are not enough")]
    NotApproved { op: OpId },
    #[error("the approval of operation {op} has run out")]
    Expired { op: OpId },
    #[error("policy, persons or playbooks changed, so the votes on operation {op} are void")]
    Void { op: OpId },
    #[error("the kill switch is set: {reason}")]
    Stopped { reason: String },
    #[error("a delete must name the uid and the version that were looked at")]
    Unconditional,
    #[error("the Event tells of no operation that is under way")]
    OtherEvent,
    #[error("the history cannot be read, so nothing is countersigned")]
    Unreadable,
}

impl Refusal {
    /// One word: label of the metric, and what the history says.
    pub fn label(&self) -> &'static str {
        match self {
            Self::NotListed { .. } => "not-listed",
            Self::Namespace { .. } => "namespace",
            Self::NoMark => "no-mark",
            Self::OtherMark => "other-mark",
            Self::UnknownOperation { .. } => "unknown-operation",
            Self::OtherObject { .. } => "other-object",
            Self::OtherField { .. } => "other-field",
            Self::MorePower { .. } => "more-power",
            Self::OtherChange { .. } => "other-change",
            Self::OtherState { .. } => "other-state",
            Self::StaleEpoch { .. } => "stale-epoch",
            Self::NotApproved { .. } => "not-approved",
            Self::Expired { .. } => "expired",
            Self::Void { .. } => "void",
            Self::Stopped { .. } => "stopped",
            Self::Unconditional => "unconditional",
            Self::OtherEvent => "other-event",
            Self::Unreadable => "unreadable",
        }
    }
}
