//! InvalidImageName: a container's image has a name that cannot be read.
//!
//! # Meaning
//! A container has waited with reason InvalidImageName for half a minute. No registry was asked.
//!
//! # Impact
//! No pod of this template ever starts. In a rolling update the old pods go on serving.
//!
//! # Diagnosis
//! Read the name as it stands in the pod: a variable that a pipeline did not replace (`${IMAGE}`), capital letters in the
//! repository, a scheme in front (`https://`), a blank, two colons, an empty tag.
//!
//! # Mitigation
//! Correct the name where the manifest is made. When a rollout brought it, go back to the revision before.

use crate::catalog::{Detector, Looked};
use crate::look::Look;
use crate::params::Params;
use crate::waiting::{Verdict, report, waiting};
use nightshift_model::{Cause, Reason};

/// The detector.
#[derive(Debug)]
pub struct InvalidImageName;

impl Detector for InvalidImageName {
    fn reason(&self) -> Reason {
        Reason::InvalidImageName
    }

    fn source(&self) -> &'static str {
        include_str!("invalid_image_name.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![("Time that it must stand", params.named_after.to_string())]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        report(at, self.reason(), &waiting(at, &["InvalidImageName"]), |waits| Verdict {
            grace: at.params.named_after,
            cause: Cause::Unknown,
            detail: waits.message.to_owned(),
            blames: None,
        })
    }
}
