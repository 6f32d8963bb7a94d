//! What a person asks for, over HTTP and from a page.

use nightshift_model::{Kind, ObjectRef, PersonId, Timestamp, Wanted, Wish};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of `POST /v1/proposals`: a wish that proves whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedWish {
    /// Who asks, as the registry has it.
    #[schema(value_type = String)]
    pub person: PersonId,
    /// The workload's namespace.
    #[schema(max_length = 253)]
    pub namespace: String,
    /// The workload's kind: `Deployment`, `StatefulSet` or `DaemonSet`.
    #[schema(value_type = String, max_length = 253)]
    pub kind: Kind,
    /// The workload's name.
    #[schema(max_length = 253)]
    pub name: String,
    /// What is to be done to it.
    pub wanted: AskedFor,
    /// Why: shown to everybody, and part of the statement.
    #[schema(max_length = 2000)]
    pub because: String,
    /// When it was signed; at most 300 s from now.
    #[schema(value_type = String, format = DateTime)]
    pub ts: Timestamp,
    /// The key's id in the registry.
    #[schema(max_length = 1364)]
    pub key: String,
    /// The Ed25519 signature over the statement, base64url.
    #[schema(max_length = 100)]
    pub signature: String,
}

/// What a person may ask for by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AskedFor {
    /// The revision that is to return, as the workload counts them.
    RollbackTo(u64),
    /// The pod of the workload that is to be deleted, so that its controller makes a new one.
    DeletePod(String),
    /// Every pod replaced by one of the same template.
    Restart,
}

impl SignedWish {
    /// What is asked for, as it was signed.
    pub fn wish(&self) -> Wish {
        Wish {
            person: self.person.clone(),
            target: ObjectRef::new(self.kind.clone(), &self.namespace, &self.name, ""),
            wanted: match &self.wanted {
                AskedFor::RollbackTo(revision) => Wanted::RollbackTo { revision: *revision },
                AskedFor::DeletePod(pod) => Wanted::DeletePod { pod: pod.clone() },
                AskedFor::Restart => Wanted::Restart,
            },
            because: self.because.clone(),
            at: self.ts,
            undoes: None,
        }
    }
}

/// Answer to a wish that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WishTaken {
    /// The incident that has it: `GET /v1/incidents/{id}` says what became of it.
    pub incident: String,
}

/// Body of `POST /p/<proposal>/inverse`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InversePost {
    /// The form's token.
    pub csrf: String,
    /// Why.
    #[serde(default)]
    pub because: String,
}
