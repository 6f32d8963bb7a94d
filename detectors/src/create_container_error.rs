//! CreateContainerError: the container runtime refuses to make a container.
//!
//! # Meaning
//! A container has waited with reason CreateContainerError for half a minute. The image is there and the configuration
//! complete; the runtime says no.
//!
//! # Impact
//! The replica does not start on this node. When the node lacks something, others may do.
//!
//! # Diagnosis
//! The runtime's message says what it refuses: a seccomp or AppArmor profile that the node does not have, a command that is
//! empty (`no command specified`), a name that is still in use after a node's restart (`name is reserved`), a device or
//! a mount that is not there.
//!
//! # Mitigation
//! Put the profile on every node, or use RuntimeDefault. Give the container a command. A reserved name: delete the pod once;
//! if it comes back, restart the runtime of that node.

use crate::catalog::{Detector, Looked};
use crate::look::Look;
use crate::params::Params;
use crate::waiting::{Verdict, report, waiting};
use nightshift_model::{Cause, Reason};

/// The detector.
#[derive(Debug)]
pub struct CreateContainerError;

impl Detector for CreateContainerError {
    fn reason(&self) -> Reason {
        Reason::CreateContainerError
    }

    fn source(&self) -> &'static str {
        include_str!("create_container_error.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![("Time that it must stand", params.missing_after.to_string())]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let all = waiting(at, &["CreateContainerError", "PreCreateHookError", "PreStartHookError"]);
        report(at, self.reason(), &all, |waits| Verdict {
            grace: at.params.missing_after,
            cause: if waits.message.contains("no command specified") {
                Cause::WrongCommand
            } else {
                Cause::Unknown
            },
            detail: waits.message.to_owned(),
            blames: None,
        })
    }
}
