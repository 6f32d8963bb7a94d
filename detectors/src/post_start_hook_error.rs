//! PostStartHookError: the hook that runs right after a container's start fails, and the container with it.
//!
//! # Meaning
//! A container has waited with reason PostStartHookError for half a minute. Most often it becomes CrashLoopBackOff before
//! that, and is reported there with this cause.
//!
//! # Impact
//! The program itself may be well; it is killed all the same after each start.
//!
//! # Diagnosis
//! The Event FailedPostStartHook has the hook's answer. The hook runs beside the program, not after it is ready: a hook that
//! asks the program too early fails.
//!
//! # Mitigation
//! Let the hook wait for what it needs, or move its work to an init container. When a rollout brought it, go back.

use crate::catalog::{Detector, Looked};
use crate::look::Look;
use crate::params::Params;
use crate::waiting::{Verdict, report, waiting};
use nightshift_model::{Cause, Reason};

/// The detector.
#[derive(Debug)]
pub struct PostStartHookError;

impl Detector for PostStartHookError {
    fn reason(&self) -> Reason {
        Reason::PostStartHookError
    }

    fn source(&self) -> &'static str {
        include_str!("post_start_hook_error.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![("Time that it must stand", params.named_after.to_string())]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        report(at, self.reason(), &waiting(at, &["PostStartHookError"]), |waits| Verdict {
            grace: at.params.named_after,
            cause: Cause::PostStartHook,
            detail: waits.message.to_owned(),
            blames: None,
        })
    }
}
