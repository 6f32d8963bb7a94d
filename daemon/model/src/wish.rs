//! What a person asks for in their own name: one action on one workload, because of something.

use crate::action::{ActionKind, MemoryChange};
use crate::canonical::{canonical, digest};
use crate::ids::{IncidentId, PersonId, ProposalId};
use crate::object::ObjectRef;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A person's wish. It leads to a proposal like any other, on which that person does not vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// Who asks.
    pub person: PersonId,
    /// The workload; its uid is empty where the person named it, and is read from the cluster.
    pub target: ObjectRef,
    /// What is to be done to it.
    pub wanted: Wanted,
    /// Why, in the person's words: redacted and capped.
    pub because: String,
    /// When, by the asker's clock where the asker signed.
    pub at: Timestamp,
    /// The proposal that it takes back, where it is the inverse of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<ProposalId>,
}

/// What a person may ask for. The parameters that decide are read from the cluster, never from the wish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Wanted {
    /// Back to the revision of this number, as the workload counts when it is looked at.
    RollbackTo {
        /// The number.
        revision: u64,
    },
    /// Back to what this ReplicaSet or ControllerRevision holds: numbers move with every rollback, it does not.
    RollbackToSet {
        /// What holds the template, with its uid.
        replica_set: ObjectRef,
        /// The revision's number when it was last seen: shown, not compared.
        revision: u64,
    },
    /// A container's memory back to what it was before a write of ours. Taken from a sealed plan, and held against the
    /// cluster again.
    MemoryBack {
        /// From what stands there to what did.
        memory: MemoryChange,
    },
    /// One pod of the workload deleted.
    DeletePod {
        /// Its name.
        pod: String,
    },
    /// Every pod replaced by one of the same template.
    Restart,
}

impl Wish {
    /// The bytes that a person's key signs: a domain tag, a zero byte and the canonical statement.
    pub fn statement(&self, cluster_uid: &str) -> Vec<u8> {
        let fields = serde_json::json!({
            "cluster_uid": cluster_uid,
            "person": self.person,
            "target": self.target,
            "wanted": self.wanted,
            "because": self.because,
            "ts": self.at,
        });
        [b"nightshift/wish/v1\0".as_slice(), &canonical(&fields)].concat()
    }

    /// The incident that it opens where none is open: the same wish, sent twice, opens one.
    pub fn incident(&self) -> IncidentId {
        let content = digest("nightshift/wish/v1", &self.statement(""));
        IncidentId::of_wish(&content.to_string())
    }

    /// The action that is asked for; `None` where nothing can do it to the target.
    pub fn action(&self) -> Option<ActionKind> {
        match &self.wanted {
            Wanted::RollbackTo { .. } | Wanted::RollbackToSet { .. } => {
                ActionKind::rollback(&self.target.kind)
            }
            Wanted::MemoryBack { .. } => Some(ActionKind::RaiseMemoryLimit),
            // The workloads whose pods a controller makes anew are those that keep revisions.
            Wanted::DeletePod { .. } => {
                ActionKind::rollback(&self.target.kind).map(|_| ActionKind::DeletePod)
            }
            Wanted::Restart => ActionKind::rollback(&self.target.kind).map(|_| ActionKind::Restart),
        }
    }

    /// What is asked for, to stand after "asked to".
    pub fn sentence(&self) -> String {
        match &self.wanted {
            Wanted::RollbackTo { revision } | Wanted::RollbackToSet { revision, .. } => {
                format!("roll {} back to revision {revision}", self.target)
            }
            Wanted::MemoryBack { memory } => format!(
                "set the memory limit of container {} in {} back to {}",
                memory.container, self.target, memory.limit.to
            ),
            Wanted::DeletePod { pod } => format!("delete pod {pod} of {}", self.target),
            Wanted::Restart => format!("restart {}", self.target),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Kind;

    fn wish() -> Wish {
        Wish {
            person: "alice".into(),
            target: ObjectRef::new(Kind::Deployment, "shop", "payments", ""),
            wanted: Wanted::RollbackTo { revision: 11 },
            because: "the new one is slow".to_owned(),
            at: Timestamp::from_second(1_800_000_000),
            undoes: None,
        }
    }

    #[test]
    fn a_statement_covers_every_field_that_decides_and_the_cluster() {
        let one = wish();
        let others = [
            Wish { person: "bob".into(), ..wish() },
            Wish { target: ObjectRef::new(Kind::Deployment, "shop", "cart", ""), ..wish() },
            Wish { wanted: Wanted::RollbackTo { revision: 10 }, ..wish() },
            Wish { wanted: Wanted::Restart, ..wish() },
            Wish { because: String::new(), ..wish() },
            Wish { at: Timestamp::EPOCH, ..wish() },
        ];
        for other in &others {
            assert_ne!(one.statement("c"), other.statement("c"), "{other:?}");
            assert_ne!(one.incident(), other.incident(), "{other:?}");
        }
        assert_ne!(one.statement("c"), one.statement("d"));
        assert_eq!(one.incident(), wish().incident());
        assert!(one.statement("c").starts_with(b"nightshift/wish/v1\0{"));
    }

    #[test]
    fn a_wish_reads_back_and_unknown_fields_are_refused() {
        let text = serde_json::to_string(&wish()).unwrap();
        assert_eq!(serde_json::from_str::<Wish>(&text).unwrap(), wish());
        let restart = Wish { wanted: Wanted::Restart, ..wish() };
        let said = serde_json::to_string(&restart).unwrap();
        assert!(said.contains("\"wanted\":\"restart\""), "{said}");
        assert_eq!(serde_json::from_str::<Wish>(&said).unwrap(), restart);
        let more = text.replacen('{', "{\"risk\":\"low\",", 1);
        assert!(serde_json::from_str::<Wish>(&more).is_err());
    }
}
