//! ContainerCreating: a pod has its node, and its containers are not made.
//!
//! # Meaning
//! No container of a pod was made within two and a half minutes after it had its node, and no volume is the reason that is
//! named (that is FailedMount). An image that is being pulled has fifteen minutes.
//!
//! # Impact
//! The replica does not start. Several workloads on one node mean that the node is broken, though it says that it is Ready.
//!
//! # Diagnosis
//! The Event FailedCreatePodSandBox has the runtime's or the network plugin's words: no address left in the node's range, a
//! CNI binary or configuration that is missing, a runtime class that the node does not have. No Event at all: is the kubelet
//! of that node busy or stuck (`journalctl -u kubelet`), or does it wait for a lock of the runtime?
//!
//! # Mitigation
//! Mend the network plugin of that node, or cordon the node and delete the pod so that it starts elsewhere.

use crate::catalog::{Detector, Looked};
use crate::creating::creating;
use crate::earliest;
use crate::look::Look;
use crate::params::Params;
use crate::waiting::{events, newest};
use nightshift_model::{Cause, Finding, Reason};

/// The detector.
#[derive(Debug)]
pub struct ContainerCreating;

impl Detector for ContainerCreating {
    fn reason(&self) -> Reason {
        Reason::ContainerCreating
    }

    fn source(&self) -> &'static str {
        include_str!("container_creating.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![
            ("Time without a container", params.creating_after.to_string()),
            ("The same while an image is being pulled", params.pulling_after.to_string()),
        ]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let all = creating(at);
        // A volume's fault is one fault, also for the pods whose Event has not come yet.
        if all.iter().any(|stuck| stuck.mount.is_some()) {
            return Looked::default();
        }
        let mut looked = Looked::default();
        for stuck in all {
            let pulls = newest(events(at, stuck.pod, &["Pulling", "Pulled", "Failed"]));
            let pulling = pulls.is_some_and(|event| &*event.reason == "Pulling");
            let grace = if pulling { at.params.pulling_after } else { at.params.creating_after };
            let due = stuck.since + grace;
            if due > at.now {
                looked.recheck_at = earliest(looked.recheck_at, Some(due));
                continue;
            }
            let finding = looked.finding.get_or_insert_with(|| {
                let sandbox = newest(events(at, stuck.pod, &["FailedCreatePodSandBox"]));
                let finding = at.about_pod(Reason::ContainerCreating, stuck.pod, stuck.since);
                Finding {
                    affected: 0,
                    cause: if sandbox.is_some() { Cause::Sandbox } else { Cause::Unknown },
                    detail: sandbox.map(|event| event.message.trim().to_owned()).unwrap_or_default(),
                    ..finding
                }
            });
            finding.affected += 1;
            finding.since = finding.since.min(stuck.since);
        }
        looked
    }
}
