//! FailedMount: a pod has its node, and a volume cannot be mounted or attached there.
//!
//! # Meaning
//! No container of a pod was made within 75 seconds after it had its node, and an Event FailedMount, FailedAttachVolume or
//! FailedMapVolume names a volume. One such Event alone is nothing: a Secret that comes a moment later, or a volume that is
//! still being detached elsewhere, writes them too.
//!
//! # Impact
//! The replica does not start. The kubelet tries again, up to two minutes apart, for ever.
//!
//! # Diagnosis
//! The newest Event has the reason. A missing ConfigMap or Secret, or a key of it: that object is blamed. `Multi-Attach error`:
//! the volume is still attached to another node, by a pod that runs there or by a node that is gone. `driver name ... not found in
//! the list of registered CSI drivers`: the driver's DaemonSet does not run on this node. `mount failed: exit status 32`:
//! the node cannot reach the server or lacks the helper (nfs-common). `hostPath type check failed`: the path is not there.
//!
//! # Mitigation
//! Make the missing object; the kubelet goes on by itself. Multi-Attach: end the pod on the other node; for a node that is gone
//! for good, taint it `node.kubernetes.io/out-of-service`. When a rollout brought the volume, go back to the revision before.

use crate::catalog::{Detector, Looked};
use crate::creating::{Creating, creating};
use crate::earliest;
use crate::look::Look;
use crate::params::Params;
use crate::waiting::missing;
use nightshift_model::{Cause, Finding, Kind, ObjectRef, Reason};

/// The detector.
#[derive(Debug)]
pub struct FailedMount;

impl Detector for FailedMount {
    fn reason(&self) -> Reason {
        Reason::FailedMount
    }

    fn source(&self) -> &'static str {
        include_str!("failed_mount.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![("Time without a container", params.mount_after.to_string())]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let mut looked = Looked::default();
        for stuck in creating(at) {
            let Some(event) = stuck.mount else { continue };
            let due = stuck.since + at.params.mount_after;
            if due > at.now {
                looked.recheck_at = earliest(looked.recheck_at, Some(due));
                continue;
            }
            let finding = looked.finding.get_or_insert_with(|| {
                let (cause, blames) = why(&stuck, &event.message);
                let finding = at.about_pod(Reason::FailedMount, stuck.pod, stuck.since);
                Finding { affected: 0, cause, blames, detail: event.message.trim().to_owned(), ..finding }
            });
            finding.affected += 1;
            finding.since = finding.since.min(stuck.since);
        }
        looked
    }
}

fn why(stuck: &Creating<'_>, message: &str) -> (Cause, Option<ObjectRef>) {
    if let Some(found) = missing(stuck.pod, message) {
        return found;
    }
    let claim = |stuck: &Creating<'_>| match &*stuck.pod.claims {
        [name] => Some(ObjectRef::new(Kind::PersistentVolumeClaim, &stuck.pod.meta.namespace, name, "")),
        _ => None,
    };
    if message.starts_with("Multi-Attach error for volume") {
        (Cause::MultiAttach, claim(stuck))
    } else {
        (Cause::Unknown, None)
    }
}
