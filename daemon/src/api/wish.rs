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
    /// The Deployment's namespace.
    #[schema(max_length = 253)]
    pub namespace: String,
    /// The Deployment.
    #[schema(max_length = 253)]
    pub deployment: String,
    /// The revision that is to return, as the Deployment counts them.
    pub rollback_to: u64,
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

impl SignedWish {
    /// What is asked for, as it was signed.
    pub fn wish(&self) -> Wish {
        Wish {
            person: self.person.clone(),
            target: ObjectRef::new(Kind::Deployment, &self.namespace, &self.deployment, ""),
            wanted: Wanted::RollbackTo { revision: self.rollback_to },
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
