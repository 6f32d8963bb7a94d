//! NodeCordoned: a node has taken no pods for long.
//!
//! # Meaning
//! Somebody cordoned the node (`spec.unschedulable`) hours ago and nobody gave it back. Nodes that are being deleted or that an
//! autoscaler takes away are not looked at.
//!
//! # Impact
//! Its room is missing: pods pend earlier, and the other nodes are fuller than they look. A line in the digest, nothing to wake for.
//!
//! # Diagnosis
//! Ask who cordoned it: the Node's managedFields name the manager and the time. A maintenance that was forgotten, a drain that never
//! ended, an upgrade that stopped half-way.
//!
//! # Mitigation
//! `kubectl uncordon` when the maintenance is over; otherwise end it: drain the node and delete it.

use crate::catalog::{Detector, Looked};
use crate::facts::NodeFacts;
use crate::look::Look;
use crate::node_not_ready::is_going;
use crate::params::Params;
use nightshift_model::{Reason, Severity};

/// The detector.
#[derive(Debug)]
pub struct NodeCordoned;

/// The taint that stands for `spec.unschedulable`; the control plane writes when it came.
const TAINT: &str = "node.kubernetes.io/unschedulable";

impl Detector for NodeCordoned {
    fn reason(&self) -> Reason {
        Reason::NodeCordoned
    }

    fn source(&self) -> &'static str {
        include_str!("node_cordoned.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![("Time that it may be cordoned", params.node_cordoned.to_string())]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let Some(node) = at.facts::<NodeFacts>().filter(|node| node.cordoned && !is_going(node)) else {
            return Looked::default();
        };
        let added = node.taints.iter().find(|taint| &*taint.key == TAINT).and_then(|taint| taint.added);
        let since = added.or(at.view.first_seen(&node.meta.uid)).unwrap_or(at.now);
        let due = since + at.params.node_cordoned;
        if at.now < due {
            return Looked::later(due);
        }
        Looked::found(at.finding(Reason::NodeCordoned, Severity::Info, since))
    }
}
