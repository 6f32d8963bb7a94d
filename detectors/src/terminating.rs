//! Terminating: a pod or another object is being deleted and does not go.
//!
//! # Meaning
//! A pod is still there two minutes after the grace period of its deletion has ended: a long preStop hook is within its grace; a
//! finalizer, a kubelet that does not report and a volume that cannot be unmounted are not. Or another object was deleted minutes
//! ago and a finalizer that nobody removes still holds it; or a namespace is left with content that cannot be deleted, or cannot
//! even be listed because an aggregated API does not answer. As it should be, and so not reported: a claim that a pod still uses, an
//! object that waits for its dependents, what lies in a namespace that is being deleted itself.
//!
//! # Impact
//! The name is taken: a StatefulSet does not make the pod's successor, a volume is not attached elsewhere, and whoever deploys into
//! the namespace, or makes the object anew, is refused. What the finalizer stands for (a load balancer, a disk, a DNS record) may go on
//! costing money. A pod of a Deployment has its successor already and hurts less.
//!
//! # Diagnosis
//! `metadata.finalizers` names who must let go: is that controller still installed, does it run, what does it log? A pod without
//! finalizers: look at its node. NotReady: its kubelet cannot tell that the process has ended. Ready: the kubelet's log about that pod
//! (unmount, CNI teardown). For a namespace the conditions in its status name the kinds that are left; `kubectl get apiservice`
//! shows an API that is down.
//!
//! # Mitigation
//! Bring the controller back and let it finish: it knows what must be cleaned up outside. Only when it is gone for good, and after
//! cleaning up by hand, take its finalizer out of the object. A node that is gone for good: delete the Node, or taint it
//! `node.kubernetes.io/out-of-service`. Deleting a StatefulSet's pod by force while its process may still run can put two writers on
//! one volume.

use crate::catalog::{Detector, Looked};
use crate::deletion;
use crate::earliest;
use crate::facts::{NamespaceFacts, PodFacts, Truth};
use crate::look::Look;
use crate::params::Params;
use nightshift_model::{Cause, Finding, Kind, ObjectRef, Reason, Severity};

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
            ("A pod: time after the grace period of its deletion", params.terminating_after.to_string()),
            ("Another object: time that a finalizer may take", params.deletion.to_string()),
            ("The same for a node, and for a namespace whose pods end", params.slow_deletion.to_string()),
        ]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let mut looked = deletion::objects(at);
        if looked.finding.is_some() {
            return looked;
        }
        let around = at.view.by_name::<NamespaceFacts>("", &at.scope.namespace);
        if around.is_some_and(NamespaceFacts::is_going) {
            return looked; // the namespace is what does not go
        }
        for pod in &at.pods {
            let Some(deadline) = pod.meta.deleting else { continue };
            let due = deadline + at.params.terminating_after;
            if due > at.now {
                looked.recheck_at = earliest(looked.recheck_at, Some(due));
                continue;
            }
            let finding = looked.finding.get_or_insert_with(|| {
                let (cause, detail, blames) = why(at, pod);
                let finding = at.about_pod(Reason::Terminating, pod, deadline);
                Finding { affected: 0, severity: Severity::Warning, cause, detail, blames, ..finding }
            });
            finding.affected += 1;
            finding.since = finding.since.min(deadline);
        }
        looked
    }
}

fn why(at: &Look<'_>, pod: &PodFacts) -> (Cause, String, Option<ObjectRef>) {
    let silent = at.node_of(pod).filter(|node| node.ready.status != Truth::True);
    if let Some(node) = silent {
        let detail = format!("node {} is not Ready: {}", node.meta.name, node.ready.message);
        return (Cause::KubeletSilent, detail, Some(node.meta.object(Kind::Node)));
    }
    if pod.meta.finalizers.is_empty() {
        return (Cause::Unknown, String::new(), None);
    }
    let detail = format!("held by the finalizers {}", pod.meta.finalizers.join(", "));
    (Cause::Finalizer, detail, None)
}
