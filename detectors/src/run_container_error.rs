//! RunContainerError: the container runtime cannot start a container that it has made.
//!
//! # Meaning
//! A container has waited with reason RunContainerError or StartError for half a minute. Most often it shows for a second
//! only and becomes CrashLoopBackOff, with the runtime's message in the last state; that is reported there.
//!
//! # Impact
//! The replica does not start.
//!
//! # Diagnosis
//! The runtime's message names the step that failed: the program (`executable file not found`, `permission denied`, `exec
//! format error`), a mount over a file (`not a directory`), a working directory that is not there.
//!
//! # Mitigation
//! Correct `command`, `args` or the mount. When a rollout brought it, go back to the revision before.

use crate::catalog::{Detector, Looked};
use crate::crash_loop_back_off::cause::start_error;
use crate::look::Look;
use crate::params::Params;
use crate::waiting::{Verdict, report, waiting};
use nightshift_model::Reason;

/// The detector.
#[derive(Debug)]
pub struct RunContainerError;

impl Detector for RunContainerError {
    fn reason(&self) -> Reason {
        Reason::RunContainerError
    }

    fn source(&self) -> &'static str {
        include_str!("run_container_error.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![("Time that it must stand", params.named_after.to_string())]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        report(at, self.reason(), &waiting(at, &["RunContainerError", "StartError"]), |waits| Verdict {
            grace: at.params.named_after,
            cause: start_error(waits.message),
            detail: waits.message.to_owned(),
            blames: None,
        })
    }
}
