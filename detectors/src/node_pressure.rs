//! NodePressure: a node runs short of memory, disk or process ids.
//!
//! # Meaning
//! Condition MemoryPressure, DiskPressure or PIDPressure of the node has been True for a minute. Conditions that other tools add
//! to a node are not looked at: what True means there is theirs.
//!
//! # Impact
//! The node takes no more pods, and the kubelet evicts those that are there, first what uses more than it requested. With DiskPressure it
//! also deletes images that are not in use.
//!
//! # Diagnosis
//! `kubectl describe node`: which pressure, and which pods use most against their requests (`kubectl top pods`). Disk: images, container logs, emptyDir
//! volumes. Processes: one workload that forks without end.
//!
//! # Mitigation
//! Give the pods that use most honest requests and limits, or move them; clear logs and images on the node; make the disk larger.
//! Cordon the node while you look.

use crate::catalog::{Detector, Looked};
use crate::facts::{Condition, NodeFacts, Truth};
use crate::look::Look;
use crate::node_not_ready::is_going;
use crate::params::Params;
use nightshift_model::{Cause, Finding, Reason, Severity};

/// The detector.
#[derive(Debug)]
pub struct NodePressure;

impl Detector for NodePressure {
    fn reason(&self) -> Reason {
        Reason::NodePressure
    }

    fn source(&self) -> &'static str {
        include_str!("node_pressure.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![("Time that the condition may be True", params.node_pressure.to_string())]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let Some(node) = at.facts::<NodeFacts>() else { return Looked::default() };
        if is_going(node) {
            return Looked::default();
        }
        let [memory, disk, processes] = &node.pressures;
        let all = [(memory, Cause::NodeMemory), (disk, Cause::NodeDisk), (processes, Cause::NodePids)];
        let seen = at.view.first_seen(&node.meta.uid);
        let since = |condition: &Condition| condition.since.or(seen).unwrap_or(at.now);
        let short = || all.iter().filter(|(condition, _)| condition.status == Truth::True);
        let Some((first, cause)) = short().min_by_key(|(condition, _)| since(condition)) else {
            return Looked::default();
        };
        let due = since(first) + at.params.node_pressure;
        if at.now < due {
            return Looked::later(due);
        }
        Looked::found(Finding {
            cause: *cause,
            detail: first.message.to_string(),
            ..at.finding(Reason::NodePressure, Severity::Warning, since(first))
        })
    }
}
