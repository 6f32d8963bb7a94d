//! One write to one target: its mark, its states, what was sent and what became of it.

use crate::canonical::Digest;
use crate::ids::OpId;
use crate::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Number of an event within its stream, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl Revision {
    /// The next one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Fencing number of a role: one higher at every start or takeover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// The two identities. The responder reads and grades, the executor writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Watches, diagnoses, serves the gate, verifies, digests; reads only.
    Responder,
    /// Previews and executes granted proposals, nothing else.
    Executor,
}

impl Role {
    /// The role's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Responder => "responder",
            Self::Executor => "executor",
        }
    }
}

/// What stands on the target while an operation runs: `op:epoch.attempt`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// The operation.
    pub op: OpId,
    /// The executor's epoch.
    pub epoch: Epoch,
    /// Raised by every recovery.
    pub attempt: u32,
}

impl Mark {
    /// The first mark of an operation in an epoch.
    pub fn first(op: OpId, epoch: Epoch) -> Self {
        Self { op, epoch, attempt: 1 }
    }

    /// A mark that no earlier request can carry.
    #[must_use]
    pub fn raised(&self, epoch: Epoch) -> Self {
        Self { op: self.op.clone(), epoch: epoch.max(self.epoch), attempt: self.attempt + 1 }
    }

    /// The value that replaces the mark when the write is done.
    pub fn done(&self) -> String {
        format!("done:{}", self.op)
    }

    /// Reads `op:epoch.attempt`.
    ///
    /// # Errors
    /// A sentence that says what a mark looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a mark of the form op:epoch.attempt");
        let (op, rest) = text.rsplit_once(':').ok_or_else(wrong)?;
        let (epoch, attempt) = rest.split_once('.').ok_or_else(wrong)?;
        Ok(Self {
            op: OpId(op.to_owned()),
            epoch: Epoch(epoch.parse().map_err(|_| wrong())?),
            attempt: attempt.parse().map_err(|_| wrong())?,
        })
    }
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}.{}", self.op, self.epoch.0, self.attempt)
    }
}

impl Serialize for Mark {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mark {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(d)?).map_err(de::Error::custom)
    }
}

/// What the executor saw of the target right before the claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveFacts {
    /// The target's uid.
    pub uid: String,
    /// Its resourceVersion: a precondition for deletes.
    pub resource_version: String,
    /// SHA-256 of the difference that the dry run answered, in normal form.
    pub difference: Digest,
    /// When it was read.
    pub at: Timestamp,
}

/// One operation within `Phase::Executing`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// The mark in force.
    pub mark: Mark,
    /// Its state.
    pub state: OperationState,
}

/// Operation states; each says where it goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationState {
    /// Intent recorded, nothing sent: -> `Sending`, `NotApplied`, or again `Claimed` in a new epoch.
    Claimed {
        /// Set once the target was re-read and found as approved.
        live: Option<LiveFacts>,
        /// Set once the mark stands on the target.
        marked: bool,
    },
    /// The one request may be on its way: -> `Applied`, `NotApplied`, `Unknown`, or `Claimed` by recovery.
    Sending,
    /// It took effect; the incident goes on to `Verifying`.
    Applied(Applied),
    /// It did not take effect and will not: -> the incident escalates.
    NotApplied {
        /// Why.
        why: String,
    },
    /// Nobody can tell. Pages; asked again once an epoch; otherwise ended by a person only.
    Unknown {
        /// Why.
        why: String,
        /// The epoch that tried recovery last.
        tried: Epoch,
    },
}

/// A write that took effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// When it was known.
    pub at: Timestamp,
    /// The target's resourceVersion after it; empty when recovery found it done.
    pub resource_version: String,
    /// Whether recovery found it, after a crash or a lost answer.
    pub recovered: bool,
}

/// What became of one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "sent", rename_all = "kebab-case")]
pub enum Sent {
    /// 2xx.
    Applied {
        /// The status.
        status: u16,
        /// The target's new resourceVersion.
        resource_version: String,
    },
    /// The API server refused it: nothing was written.
    Refused {
        /// The status.
        status: u16,
        /// `reason` of the Status object.
        reason: String,
        /// Its message, redacted and capped.
        message: String,
    },
    /// It was never sent.
    NotSent {
        /// Why.
        why: String,
    },
    /// A time-out, a reset or a 5xx: it may have been written.
    Unknown {
        /// What was seen.
        why: String,
    },
}

/// What recovery found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "found", rename_all = "kebab-case")]
pub enum Recovered {
    /// The write had taken effect.
    Applied {
        /// The target's resourceVersion when it was found.
        resource_version: String,
    },
    /// It had not, and the fresh mark now bars any late request.
    NotApplied,
    /// The target is gone.
    Absent,
    /// Nobody can tell.
    Unknown {
        /// What was seen.
        why: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_reads_back_and_recovery_always_raises_it() {
        let mark = Mark::first(OpId::from("pro-abc.1"), Epoch(7));
        assert_eq!(mark.to_string(), "pro-abc.1:7.1");
        assert_eq!(Mark::parse(&mark.to_string()).unwrap(), mark);
        assert!(mark.raised(Epoch(7)) > mark);
        assert!(mark.raised(Epoch(8)) > mark.raised(Epoch(7)));
        assert!(mark.raised(Epoch(3)) > mark, "an older epoch never lowers a mark");
        for wrong in ["", "a", "a:1", "a:x.1", "a:1.x", "done:pro-abc.1"] {
            assert!(Mark::parse(wrong).is_err(), "{wrong}");
        }
    }
}
