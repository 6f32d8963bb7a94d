//! The ReplicaSet controller. Source: k8s.io/kubernetes `pkg/controller/replicaset`.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::event::Note;
use super::{Work, condition, owner, owner_reference};
use crate::Sim;
use crate::kind::{Key, POD, REPLICA_SET};
use crate::managed::By;
use crate::selector::selects;
use crate::value::{after, int, list, put, suffix, text, time};

const MANAGER: &str = "kube-controller-manager";
const COMPONENT: &str = "replicaset-controller";

/// Since when a pod is ready.
fn ready_since(pod: &Value) -> Option<Timestamp> {
    let ready = condition(pod, "Ready").filter(|one| text(one, "/status") == "True")?;
    time(ready, "/lastTransitionTime")
}

impl Sim {
    pub(crate) fn sync_replica_set(&mut self, key: &Key) {
        let Some(set) = self.store.get(key).cloned() else { return };
        if set.pointer("/metadata/deletionTimestamp").is_some() {
            return;
        }
        let uid = text(&set, "/metadata/uid");
        let pods: Vec<_> = self
            .store
            .scan(&POD, Some(&key.ns))
            .filter(|(_, pod)| owner(pod).is_some_and(|owner| text(owner, "/uid") == uid))
            .filter(|(_, pod)| !matches!(text(pod, "/status/phase"), "Failed" | "Succeeded"))
            .filter(|(_, pod)| pod.pointer("/metadata/deletionTimestamp").is_none())
            .map(|(key, pod)| (key.clone(), pod.clone()))
            .collect();
        let wanted = usize::try_from(int(&set, "/spec/replicas").unwrap_or(1)).unwrap_or(0);
        for _ in pods.len()..wanted {
            self.add_pod(&set);
        }
        if pods.len() > wanted {
            let mut ranked = pods.clone();
            ranked.sort_by_key(|(_, pod)| rank(pod));
            for (victim, _) in ranked.iter().take(pods.len() - wanted) {
                self.delete(victim, None, &By::controller(MANAGER));
                let message = format!("Deleted pod: {}", victim.name);
                self.note(&set, COMPONENT, &Note::normal("SuccessfulDelete", message));
            }
        }
        // What was just created or deleted is counted by the sync that it wakes.
        self.count(key, &set, &pods);
    }

    fn count(&mut self, key: &Key, set: &Value, pods: &[(Key, Arc<Value>)]) {
        let wait = int(set, "/spec/minReadySeconds").unwrap_or(0);
        let labels = set.pointer("/spec/template/metadata/labels");
        let labelled = json!({"matchLabels": labels});
        let (mut ready, mut available, mut full) = (0, 0, 0);
        for (_, pod) in pods {
            full += i64::from(selects(Some(&labelled), pod.pointer("/metadata/labels")));
            let Some(since) = ready_since(pod) else { continue };
            ready += 1;
            let at = after(since, wait);
            if at <= self.clock {
                available += 1;
            } else {
                self.queue.insert((at, Work::ReplicaSet(key.clone())));
            }
        }
        let total = i64::try_from(pods.len()).unwrap_or(i64::MAX);
        self.edit(&REPLICA_SET, key, &By::status(MANAGER), |set| {
            let mut status = json!({"replicas": total});
            for (field, number) in
                [("fullyLabeledReplicas", full), ("readyReplicas", ready), ("availableReplicas", available)]
            {
                if number > 0 {
                    put(&mut status, &[field], number);
                }
            }
            put(&mut status, &["observedGeneration"], int(set, "/metadata/generation").unwrap_or(0));
            put(set, &["status"], status);
        });
    }

    fn add_pod(&mut self, set: &Value) {
        let chance = self.store.chance("pod");
        let name = format!("{}-{}", text(set, "/metadata/name"), suffix(&[&chance], 5));
        let template = set.pointer("/spec/template").cloned().unwrap_or_default();
        let mut pod = json!({"metadata": template.get("metadata").cloned().unwrap_or_else(|| json!({})),
            "spec": template.get("spec").cloned().unwrap_or_default()});
        put(&mut pod, &["metadata", "name"], name.as_str());
        put(&mut pod, &["metadata", "generateName"], format!("{}-", text(set, "/metadata/name")));
        put(&mut pod, &["metadata", "namespace"], text(set, "/metadata/namespace"));
        put(&mut pod, &["metadata", "ownerReferences"], json!([owner_reference(set)]));
        match self.create(&POD, pod, &By::controller(MANAGER)) {
            Ok(_) => {
                self.note(set, COMPONENT, &Note::normal("SuccessfulCreate", format!("Created pod: {name}")));
            }
            Err(refused) => {
                let message = format!("Error creating: {}", refused.message);
                self.note(set, COMPONENT, &Note::warning("FailedCreate", message));
            }
        }
    }
}

/// Who goes first: unscheduled, pending, not ready, most restarts, youngest.
fn rank(pod: &Value) -> (bool, bool, bool, i64, std::cmp::Reverse<String>, String) {
    let restarts: i64 = list(pod, "/status/containerStatuses")
        .iter()
        .filter_map(|one| int(one, "/restartCount"))
        .max()
        .unwrap_or(0);
    (
        !text(pod, "/spec/nodeName").is_empty(),
        text(pod, "/status/phase") == "Running",
        ready_since(pod).is_some(),
        -restarts,
        std::cmp::Reverse(text(pod, "/metadata/creationTimestamp").to_owned()),
        text(pod, "/metadata/name").to_owned(),
    )
}
