//! A failed Job as evidence: how it ended, and what stands against running it again.

use crate::canonical::Digest;
use crate::object::ObjectRef;
use serde::{Deserialize, Serialize};

/// One Job, as far as its failure matters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobLine {
    /// The Job with its uid.
    pub job: ObjectRef,
    /// Its resourceVersion.
    pub version: String,
    /// Label selector of its pods, as a query parameter.
    pub selector: String,
    /// The reason of its condition Failed; empty while it has not failed.
    pub failed: String,
    /// Pods that failed.
    pub tries: u32,
    /// Pods that run at once.
    pub parallel: u32,
    /// `container=image` of each container.
    pub images: Vec<String>,
    /// Whether its owner says that its work may be done twice.
    pub idempotent: bool,
    /// What else forbids to run it again, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbids: Vec<String>,
    /// SHA-256 of the Job that would be made, which is copied from it.
    pub body: Digest,
    /// Its pod that ended last, if one is still there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_pod: Option<ObjectRef>,
}

impl JobLine {
    /// How it stands, in one line.
    pub fn sentence(&self) -> String {
        match (self.failed.as_str(), self.idempotent) {
            ("", _) => "it has not failed".to_owned(),
            (why, true) => format!("{why}, pods that failed: {}; its work may be done twice", self.tries),
            (why, false) => {
                format!(
                    "{why}, pods that failed: {}; nobody says that its work may be done twice",
                    self.tries
                )
            }
        }
    }

    /// What it runs, and what forbids to run it again.
    pub fn lines(&self) -> Vec<String> {
        self.images.iter().chain(&self.forbids).cloned().collect()
    }
}
