//! Terminating: an object is being deleted and does not go.
//!
//! # Meaning
//! Somebody deleted the object minutes ago, and a finalizer that nobody removes still holds it; or a namespace is left with
//! content that cannot be deleted, or cannot even be listed because an aggregated API does not answer. As it should be, and so not
//! reported: a claim that a pod still uses, an object that waits for its dependents, what lies in a namespace that is being deleted
//! itself, and pods that take their grace period.
//!
//! # Impact
//! The name cannot be used again: whoever deploys into the namespace, or makes the object anew, is refused. What the finalizer stands
//! for (a load balancer, a disk, a DNS record) may go on costing money.
//!
//! # Diagnosis
//! `metadata.finalizers` names who must let go: is that controller still installed, does it run, what does it log? For a namespace the
//! conditions in its status name the kinds that are left; `kubectl get apiservice` shows an API that is down.
//!
//! # Mitigation
//! Bring the controller back and let it finish: it knows what must be cleaned up outside. Only when it is gone for good, and after
//! cleaning up by hand, take its finalizer out of the object.

use crate::catalog::{Detector, Looked};
use crate::deletion;
use crate::look::Look;
use crate::params::Params;
use nightshift_model::Reason;

/// The detector.
#[derive(Debug)]
pub struct Terminating;

impl Detector for Terminating {
    fn reason(&self) -> Reason {
        Reason::Terminating
    }

    fn source(&self) -> &'static str {
        include_str!("terminating.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![
            ("Time that a finalizer may take", params.deletion.to_string()),
            ("The same for a node, and for a namespace whose pods end", params.slow_deletion.to_string()),
        ]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        deletion::objects(at)
    }
}
