//! Which cluster this is: the uid of its kube-system namespace binds an approval to it.

use super::client::Reader;
use nightshift_model::effect::{Accept, RawPart};
use nightshift_model::evidence::NotChecked;
use serde::Deserialize;
use std::time::Duration;

/// Why the cluster's uid is not known.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There was no answer.
    #[error("cannot read namespace kube-system: {}, {detail}", why.clause())]
    NoAnswer {
        /// The class.
        why: NotChecked,
        /// One clause.
        detail: String,
    },
    /// The API server refused.
    #[error("cannot read namespace kube-system: the API server answered {0}")]
    Refused(u16),
    /// The answer names no uid.
    #[error("namespace kube-system came without a uid")]
    NoUid,
}

/// The uid of namespace kube-system.
pub async fn cluster_uid(reader: &Reader, deadline: Duration) -> Result<String, IdentityError> {
    #[derive(Deserialize)]
    struct Named {
        metadata: Meta,
    }
    #[derive(Deserialize)]
    struct Meta {
        #[serde(default)]
        uid: String,
    }
    let path = "/api/v1/namespaces/kube-system";
    match reader.get(path, &[], Accept::Metadata, 64 << 10, deadline).await {
        RawPart::Failed { why, detail } => Err(IdentityError::NoAnswer { why, detail }),
        RawPart::Body { status: 200, body, .. } => serde_json::from_slice::<Named>(&body)
            .ok()
            .map(|named| named.metadata.uid)
            .filter(|uid| !uid.is_empty())
            .ok_or(IdentityError::NoUid),
        RawPart::Body { status, .. } => Err(IdentityError::Refused(status)),
    }
}
