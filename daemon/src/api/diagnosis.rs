//! Why an incident is there, over HTTP.

use nightshift_model::{Candidate, Diagnosis, Ground, ObjectRef};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One cause that may be it. Of a list the first is the likeliest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CauseLine {
    /// The cause as one word.
    pub cause: String,
    /// What it is in this very case, one clause.
    pub sentence: String,
    /// The object that a person would fix, when it is not the incident's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub blames: Option<ObjectRef>,
    /// What speaks for it less what speaks against it.
    pub weight: i32,
    /// What speaks for it, the weightiest first.
    #[serde(rename = "for")]
    pub backing: Vec<GroundLine>,
    /// What speaks against it.
    pub against: Vec<GroundLine>,
}

/// One reason for or against a cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroundLine {
    /// One short sentence.
    pub text: String,
    /// How much it counts, up to 100.
    pub weight: u8,
    /// The answer that it comes from, as in `e3`; absent for what the cluster's own state says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
}

impl CauseLine {
    /// The lines of a diagnosis.
    pub fn all(diagnosis: &Diagnosis) -> Vec<Self> {
        diagnosis.causes.iter().map(Self::from).collect()
    }
}

impl From<&Candidate> for CauseLine {
    fn from(candidate: &Candidate) -> Self {
        let lines = |grounds: &[Ground]| grounds.iter().map(GroundLine::from).collect();
        Self {
            cause: candidate.cause.to_string(),
            sentence: candidate.sentence(),
            blames: candidate.blames.clone(),
            weight: candidate.weight(),
            backing: lines(&candidate.backing),
            against: lines(&candidate.against),
        }
    }
}

impl From<&Ground> for GroundLine {
    fn from(ground: &Ground) -> Self {
        Self {
            text: ground.text.clone(),
            weight: ground.weight,
            evidence: ground.evidence.map(|id| id.to_string()),
        }
    }
}
