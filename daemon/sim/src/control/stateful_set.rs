//! The StatefulSet controller: pods by ordinal, one step a look. Claims, `minReadySeconds` and `maxUnavailable` are not
//! simulated. Source: k8s.io/kubernetes `pkg/controller/statefulset/stateful_set_control.go`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::event::Note;
use super::revision::{BORNE, member};
use super::{condition, owner};
use crate::Sim;
use crate::kind::{Key, POD, STATEFUL_SET};
use crate::managed::By;
use crate::value::{int, put, text};

const MANAGER: &str = "kube-controller-manager";
const COMPONENT: &str = "statefulset-controller";

type Pods = BTreeMap<i64, (Key, Arc<Value>)>;

pub(super) fn is_leaving(pod: &Value) -> bool {
    pod.pointer("/metadata/deletionTimestamp").is_some()
}

pub(super) fn is_ready(pod: &Value) -> bool {
    text(pod, "/status/phase") == "Running"
        && condition(pod, "Ready").is_some_and(|one| text(one, "/status") == "True")
}

/// The revision that a pod was made of.
pub(super) fn borne(pod: &Value) -> &str {
    pod.pointer("/metadata/labels").and_then(|all| all.get(BORNE)?.as_str()).unwrap_or_default()
}

impl Sim {
    pub(crate) fn sync_stateful_set(&mut self, key: &Key) {
        let Some(set) = self.store.get(key).cloned() else { return };
        if is_leaving(&set) {
            return;
        }
        let Some((newest, _)) = self.snapshot(&set, "controller.kubernetes.io/hash") else { return };
        let uid = text(&set, "/metadata/uid");
        let ordinal = |pod: &Key| pod.name.rsplit_once('-').and_then(|(_, number)| number.parse().ok());
        let pods: Pods = self
            .store
            .scan(&POD, Some(&key.ns))
            .filter(|(_, pod)| owner(pod).is_some_and(|owner| text(owner, "/uid") == uid))
            .filter_map(|(key, pod)| Some((ordinal(key)?, (key.clone(), pod.clone()))))
            .collect();
        self.step_set(&set, &pods, &newest);
        self.count_set(key, &set, &pods, &newest);
    }

    /// Makes, deletes or replaces pods. `OrderedReady` waits for the first that is not as it should be, which is why a
    /// broken pod is never replaced by it: kubernetes/kubernetes#67250.
    fn step_set(&mut self, set: &Value, pods: &Pods, newest: &str) {
        let ordered = text(set, "/spec/podManagementPolicy") != "Parallel";
        let replicas = int(set, "/spec/replicas").unwrap_or(1);
        for ordinal in 0..replicas {
            let waits = match pods.get(&ordinal) {
                None => {
                    self.add_member(set, ordinal, newest);
                    true
                }
                Some((_, pod)) => is_leaving(pod) || !is_ready(pod),
            };
            if waits && ordered {
                return;
            }
        }
        for (_, (key, pod)) in pods.range(replicas..).rev() {
            if !is_leaving(pod) {
                self.drop_member(set, key);
            }
            if ordered {
                return;
            }
        }
        if text(set, "/spec/updateStrategy/type") == "OnDelete" {
            return;
        }
        let partition = int(set, "/spec/updateStrategy/rollingUpdate/partition").unwrap_or(0);
        for ordinal in (partition..replicas).rev() {
            let Some((key, pod)) = pods.get(&ordinal) else { return };
            if borne(pod) != newest && !is_leaving(pod) {
                self.drop_member(set, key);
                return;
            }
            if is_leaving(pod) || !is_ready(pod) {
                return;
            }
        }
    }

    fn add_member(&mut self, set: &Value, ordinal: i64, newest: &str) {
        let (name, of) =
            (format!("{}-{ordinal}", text(set, "/metadata/name")), text(set, "/metadata/name").to_owned());
        let mut pod = member(set, &name, newest);
        put(&mut pod, &["metadata", "labels", "statefulset.kubernetes.io/pod-name"], name.as_str());
        put(&mut pod, &["metadata", "labels", "apps.kubernetes.io/pod-index"], ordinal.to_string());
        put(&mut pod, &["spec", "hostname"], name.as_str());
        if self.create(&POD, pod, &By::controller(MANAGER)).is_ok() {
            let message = format!("create Pod {name} in StatefulSet {of} successful");
            self.note(set, COMPONENT, &Note::normal("SuccessfulCreate", message));
        }
    }

    fn drop_member(&mut self, set: &Value, key: &Key) {
        self.delete(key, None, &By::controller(MANAGER));
        let message =
            format!("delete Pod {} in StatefulSet {} successful", key.name, text(set, "/metadata/name"));
        self.note(set, COMPONENT, &Note::normal("SuccessfulDelete", message));
    }

    fn count_set(&mut self, key: &Key, set: &Value, pods: &Pods, newest: &str) {
        let current = match text(set, "/status/currentRevision") {
            "" => newest,
            name => name,
        };
        let there = || pods.values().map(|(_, pod)| pod.as_ref());
        let count = |one: &dyn Fn(&Value) -> bool| there().filter(|pod| one(pod)).count();
        let standing = |pod: &Value, revision: &str| !is_leaving(pod) && borne(pod) == revision;
        let (ready, updated) = (count(&is_ready), count(&|pod| standing(pod, newest)));
        let wanted = usize::try_from(int(set, "/spec/replicas").unwrap_or(1)).unwrap_or(0);
        // The last step of a rollout: the newest revision becomes the current one.
        let done = updated == wanted && ready == wanted;
        let current = if done { newest } else { current };
        let mut status = json!({"replicas": pods.len(), "availableReplicas": ready, "collisionCount": 0,
            "currentRevision": current, "updateRevision": newest});
        for (field, number) in [
            ("readyReplicas", ready),
            ("currentReplicas", count(&|pod| standing(pod, current))),
            ("updatedReplicas", updated),
        ] {
            if number > 0 {
                put(&mut status, &[field], number);
            }
        }
        put(&mut status, &["observedGeneration"], int(set, "/metadata/generation").unwrap_or(0));
        self.edit(&STATEFUL_SET, key, &By::status(MANAGER), |set| put(set, &["status"], status));
    }
}
