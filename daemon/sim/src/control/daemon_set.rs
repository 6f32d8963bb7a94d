//! The DaemonSet controller: one pod a node, bound to it at once; every node counts. `maxSurge` and `minReadySeconds`
//! are not simulated. Source: k8s.io/kubernetes `pkg/controller/daemon/{daemon_controller,update}.go`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::event::Note;
use super::owner;
use super::revision::{BORNE, member};
use super::stateful_set::{borne, is_leaving, is_ready};
use crate::Sim;
use crate::kind::{DAEMON_SET, Key, NODE, POD};
use crate::managed::By;
use crate::value::{int, put, share, suffix, text};

const MANAGER: &str = "kube-controller-manager";
const COMPONENT: &str = "daemonset-controller";

impl Sim {
    pub(crate) fn sync_daemon_set(&mut self, key: &Key) {
        let Some(set) = self.store.get(key).cloned() else { return };
        if is_leaving(&set) {
            return;
        }
        let Some((_, newest)) = self.snapshot(&set, BORNE) else { return };
        let uid = text(&set, "/metadata/uid");
        let pods: Vec<(Key, Arc<Value>)> = self
            .store
            .scan(&POD, Some(&key.ns))
            .filter(|(_, pod)| owner(pod).is_some_and(|owner| text(owner, "/uid") == uid))
            .map(|(key, pod)| (key.clone(), pod.clone()))
            .collect();
        let nodes: Vec<String> = self.store.scan(&NODE, None).map(|(key, _)| key.name.clone()).collect();
        for node in &nodes {
            if !pods.iter().any(|(_, pod)| text(pod, "/spec/nodeName") == node) {
                self.add_daemon(&set, node, &newest);
            }
        }
        if text(&set, "/spec/updateStrategy/type") != "OnDelete" {
            self.replace_daemons(&set, &pods, &newest, nodes.len());
        }
        let count = |one: &dyn Fn(&Value) -> bool| pods.iter().filter(|(_, pod)| one(pod)).count();
        let ready = count(&is_ready);
        let mut status = json!({"desiredNumberScheduled": nodes.len(), "currentNumberScheduled": pods.len(),
            "numberMisscheduled": 0, "numberReady": ready});
        for (field, number) in [
            ("numberAvailable", ready),
            ("numberUnavailable", nodes.len().saturating_sub(ready)),
            ("updatedNumberScheduled", count(&|pod| borne(pod) == newest)),
        ] {
            if number > 0 {
                put(&mut status, &[field], number);
            }
        }
        put(&mut status, &["observedGeneration"], int(&set, "/metadata/generation").unwrap_or(0));
        self.edit(&DAEMON_SET, key, &By::status(MANAGER), |set| put(set, &["status"], status));
    }

    fn add_daemon(&mut self, set: &Value, node: &str, newest: &str) {
        let chance = self.store.chance("pod");
        let name = format!("{}-{}", text(set, "/metadata/name"), suffix(&[&chance], 5));
        let mut pod = member(set, &name, newest);
        put(&mut pod, &["spec", "nodeName"], node);
        if self.create(&POD, pod, &By::controller(MANAGER)).is_ok() {
            self.note(set, COMPONENT, &Note::normal("SuccessfulCreate", format!("Created pod: {name}")));
        }
    }

    /// Old pods that are not available go at once, the others as `maxUnavailable` allows.
    fn replace_daemons(&mut self, set: &Value, pods: &[(Key, Arc<Value>)], newest: &str, nodes: usize) {
        let total = i64::try_from(nodes).unwrap_or(i64::MAX);
        let most = share(set.pointer("/spec/updateStrategy/rollingUpdate/maxUnavailable"), total, true);
        let available = |pod: &Value| is_ready(pod) && !is_leaving(pod);
        let up = pods.iter().filter(|(_, pod)| available(pod)).count();
        let down = total - i64::try_from(up).unwrap_or(i64::MAX);
        let spare = usize::try_from(most.unwrap_or(1) - down).unwrap_or(0);
        let old = || pods.iter().filter(|(_, pod)| borne(pod) != newest && !is_leaving(pod));
        let broken = old().filter(|(_, pod)| !available(pod));
        for (key, _) in broken.chain(old().filter(|(_, pod)| available(pod)).take(spare)) {
            self.delete(key, None, &By::controller(MANAGER));
            self.note(
                set,
                COMPONENT,
                &Note::normal("SuccessfulDelete", format!("Deleted pod: {}", key.name)),
            );
        }
    }
}
