//! CreateContainerConfigError: what a container is configured from is missing or forbidden.
//!
//! # Meaning
//! A container has waited with reason CreateContainerConfigError for longer than a ConfigMap or Secret that is applied
//! just after its user takes to be noticed. The kubelet's message names the object, or the key that it lacks; that object
//! is blamed, for one missing object stops every workload that reads it.
//!
//! # Impact
//! The replica does not start. Pods that run already keep what they read and go on: a deleted ConfigMap is noticed only
//! when the next pod starts, often days later in a drain.
//!
//! # Diagnosis
//! `kubectl get configmap,secret -n NAMESPACE` and compare with the name and the key in the message. Was it renamed,
//! deleted, or is it made by an operator (sealed or external secrets) that has failed? `container has runAsNonRoot and
//! image will run as root` is no missing object: the image's USER is root and the pod forbids that.
//!
//! # Mitigation
//! Make the object or the key; the kubelet tries again by itself. When a rollout brought the reference, go back to the
//! revision before. For runAsNonRoot set `runAsUser`, or build the image with a USER.

use crate::catalog::{Detector, Looked};
use crate::look::Look;
use crate::params::Params;
use crate::waiting::{Verdict, Waits, missing, report, waiting};
use nightshift_model::{Cause, Reason};

/// The detector.
#[derive(Debug)]
pub struct CreateContainerConfigError;

impl Detector for CreateContainerConfigError {
    fn reason(&self) -> Reason {
        Reason::CreateContainerConfigError
    }

    fn source(&self) -> &'static str {
        include_str!("create_container_config_error.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![("Time that it must stand", params.missing_after.to_string())]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let all = waiting(at, &["CreateContainerConfigError"]);
        report(at, self.reason(), &all, |waits| judge(at, waits))
    }
}

fn judge(at: &Look<'_>, waits: &Waits<'_>) -> Verdict {
    let root = ["container has runAsNonRoot and image", "container's runAsUser breaks non-root policy"];
    let (cause, blames) = if root.iter().any(|words| waits.message.starts_with(words)) {
        (Cause::RunAsRoot, None)
    } else {
        missing(waits.pod, waits.message).unwrap_or_default()
    };
    Verdict { grace: at.params.missing_after, cause, detail: waits.message.to_owned(), blames }
}
