//! The Deployment controller: finds or makes the newest ReplicaSet, moves replicas.
//! Source: k8s.io/kubernetes `pkg/controller/deployment`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::event::Note;
use super::{owner, owner_reference};
use crate::Sim;
use crate::kind::{DEPLOYMENT, Key, POD, REPLICA_SET};
use crate::managed::By;
use crate::value::{canonical, default, int, put, remove, share, suffix, text};

pub(super) const MANAGER: &str = "kube-controller-manager";
pub(super) const COMPONENT: &str = "deployment-controller";
pub(super) const HASH: &str = "pod-template-hash";
const REVISION: &str = "deployment.kubernetes.io/revision";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MAX: &str = "deployment.kubernetes.io/max-replicas";

/// Annotations of a Deployment that its ReplicaSets do not copy.
const OWN: &[&str] = &[
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    "deployment.kubernetes.io/revision-history",
    DESIRED,
    MAX,
    "deprecated.deployment.rollback.to",
];

/// A ReplicaSet with its key.
pub(super) type Set = (Key, Arc<Value>);

/// `spec.replicas` of a Deployment or ReplicaSet.
pub(super) fn replicas(object: &Value) -> i64 {
    int(object, "/spec/replicas").unwrap_or(1)
}

/// An annotation that holds a revision.
pub(super) fn revision(object: &Value) -> i64 {
    object
        .pointer("/metadata/annotations")
        .and_then(|all| all.get(REVISION)?.as_str()?.parse().ok())
        .unwrap_or(0)
}

/// maxSurge and maxUnavailable in pods; both 0 becomes 0 and 1. Recreate has neither.
pub(super) fn bounds(deployment: &Value) -> (i64, i64) {
    if text(deployment, "/spec/strategy/type") == "Recreate" {
        return (0, 0);
    }
    let field = |name: &str, up: bool| {
        let value = deployment.pointer(&format!("/spec/strategy/rollingUpdate/{name}"));
        share(value, replicas(deployment), up).unwrap_or(0)
    };
    match (field("maxSurge", true), field("maxUnavailable", false)) {
        (0, 0) => (0, 1),
        both => both,
    }
}

impl Sim {
    pub(crate) fn sync_deployment(&mut self, key: &Key) {
        let Some(deployment) = self.store.get(key).cloned() else { return };
        if deployment.pointer("/metadata/deletionTimestamp").is_some() {
            return;
        }
        let paused = deployment.pointer("/spec/paused") == Some(&Value::Bool(true));
        let recreate = text(&deployment, "/spec/strategy/type") == "Recreate";
        self.mark_paused(key, paused);
        let (newest, old) = self.sets(key, &deployment);
        if recreate && !paused {
            for set in &old {
                self.resize(&deployment, set, 0);
            }
            if newest.is_none() && self.old_pods_left(key, &old) {
                self.report(key);
                return;
            }
        }
        let newest = self.newest(key, &deployment, newest, &old, paused);
        if paused {
            // A paused Deployment still follows its replica count when one ReplicaSet serves it.
            let mut serving = old.iter().chain(newest.iter()).filter(|(_, set)| replicas(set) > 0);
            if let (Some(only), None) = (serving.next(), serving.next()) {
                self.resize(&deployment, only, replicas(&deployment));
            }
        } else if let Some(newest) = &newest {
            let total: i64 = old.iter().chain([newest]).map(|(_, set)| replicas(set)).sum();
            let want = grown(&deployment, replicas(&newest.1), total, recreate);
            if recreate && self.old_pods_left(key, &old) {
                // Wait for the last old pod.
            } else if !self.resize(&deployment, newest, want) && !recreate {
                self.shrink(&deployment, newest, &old);
            }
        }
        self.report(key);
    }

    /// The ReplicaSets of a Deployment: the one of its present template, and the others, oldest first.
    pub(super) fn sets(&self, key: &Key, deployment: &Value) -> (Option<Set>, Vec<Set>) {
        let uid = text(deployment, "/metadata/uid");
        let mut all: Vec<Set> = self
            .store
            .scan(&REPLICA_SET, Some(&key.ns))
            .filter(|(_, set)| owner(set).is_some_and(|owner| text(owner, "/uid") == uid))
            .map(|(key, set)| (key.clone(), set.clone()))
            .collect();
        let age = |set: &Value| (text(set, "/metadata/creationTimestamp").to_owned(), revision(set));
        all.sort_by_key(|(key, set)| (age(set), key.name.clone()));
        let wanted = deployment.pointer("/spec/template");
        let fits = |set: &Value| {
            let mut template = set.pointer("/spec/template").cloned().unwrap_or_default();
            remove(&mut template, "/metadata/labels", HASH);
            Some(&template) == wanted
        };
        let at = all.iter().position(|(_, set)| fits(set));
        let newest = at.map(|at| all.remove(at));
        (newest, all)
    }

    /// Makes the ReplicaSet of the present template, or brings its annotations up to date.
    fn newest(
        &mut self,
        key: &Key,
        deployment: &Value,
        found: Option<Set>,
        old: &[Set],
        paused: bool,
    ) -> Option<Set> {
        let next = old.iter().map(|(_, set)| revision(set)).max().unwrap_or(0) + 1;
        let found = if let Some((set_key, set)) = found {
            let wanted = next.max(revision(&set));
            self.edit(&REPLICA_SET, &set_key, &By::controller(MANAGER), |set| {
                annotate(set, deployment, wanted);
                crate::value::copy(deployment, set, &["spec", "minReadySeconds"]);
            });
            self.found_set(key, &set_key.name);
            self.store.get(&set_key).map(|set| (set_key.clone(), set.clone()))?
        } else if paused {
            return None;
        } else {
            self.make_set(key, deployment, old, next)?
        };
        let revision = revision(&found.1).to_string();
        // Through status, as the real controller: the generation does not move.
        self.edit(&DEPLOYMENT, key, &By::status(MANAGER), |deployment| {
            put(deployment, &["metadata", "annotations", REVISION], revision);
        });
        Some(found)
    }

    fn make_set(&mut self, key: &Key, deployment: &Value, old: &[Set], next: i64) -> Option<Set> {
        let mut template = deployment.pointer("/spec/template").cloned().unwrap_or_default();
        let hash = suffix(&[&canonical(&template), text(deployment, "/metadata/uid")], 10);
        put(&mut template, &["metadata", "labels", HASH], hash.as_str());
        let mut selector = deployment.pointer("/spec/selector").cloned().unwrap_or_default();
        put(&mut selector, &["matchLabels", HASH], hash.as_str());
        let total: i64 = old.iter().map(|(_, set)| replicas(set)).sum();
        let recreate = text(deployment, "/spec/strategy/type") == "Recreate";
        let count = grown(deployment, 0, total, recreate);
        let name = format!("{}-{hash}", key.name);
        let mut set = json!({
            "metadata": {"name": name, "namespace": key.ns, "ownerReferences": [owner_reference(deployment)],
                "labels": template.pointer("/metadata/labels")},
            "spec": {"replicas": count, "selector": selector, "template": template},
        });
        crate::value::copy(deployment, &mut set, &["spec", "minReadySeconds"]);
        annotate(&mut set, deployment, next);
        let stored = self.create(&REPLICA_SET, set, &By::controller(MANAGER)).ok()?;
        if count > 0 {
            let message = format!("Scaled up replica set {name} from 0 to {count}");
            self.note(deployment, COMPONENT, &Note::normal("ScalingReplicaSet", message));
        }
        self.made_set(key, &name);
        Some((REPLICA_SET.key(&key.ns, &name), stored))
    }

    /// Sets a ReplicaSet's replicas; true when that changed something.
    pub(super) fn resize(&mut self, deployment: &Value, set: &Set, count: i64) -> bool {
        let (key, set) = set;
        let have = replicas(set);
        if have == count {
            return false;
        }
        self.edit(&REPLICA_SET, key, &By::controller(MANAGER), |set| {
            put(set, &["spec", "replicas"], count);
            limits(set, deployment);
        });
        let word = if count > have { "up" } else { "down" };
        let message = format!("Scaled {word} replica set {} from {have} to {count}", key.name);
        self.note(deployment, COMPONENT, &Note::normal("ScalingReplicaSet", message));
        true
    }

    /// True while a pod of an old ReplicaSet is still there, also while it is stopping.
    fn old_pods_left(&self, key: &Key, old: &[Set]) -> bool {
        let uids: Vec<_> = old.iter().map(|(_, set)| text(set, "/metadata/uid")).collect();
        self.store.scan(&POD, Some(&key.ns)).any(|(_, pod)| {
            !matches!(text(pod, "/status/phase"), "Failed" | "Succeeded")
                && owner(pod).is_some_and(|owner| uids.contains(&text(owner, "/uid")))
        })
    }
}

/// The replicas that the newest ReplicaSet may have now: the surge bounds the sum.
fn grown(deployment: &Value, have: i64, total: i64, recreate: bool) -> i64 {
    let want = replicas(deployment);
    if recreate || have >= want {
        return want;
    }
    let room = want + bounds(deployment).0 - total;
    have + room.clamp(0, want - have)
}

/// Copies a Deployment's annotations to its ReplicaSet and sets the revision.
fn annotate(set: &mut Value, deployment: &Value, revision: i64) {
    let notes = deployment.pointer("/metadata/annotations").and_then(Value::as_object);
    for (name, value) in notes.into_iter().flatten().filter(|(name, _)| !OWN.contains(&name.as_str())) {
        put(set, &["metadata", "annotations", name], value.clone());
    }
    put(set, &["metadata", "annotations", REVISION], revision.to_string());
    limits(set, deployment);
    default(set, &["metadata", "labels"], json!({}));
}

fn limits(set: &mut Value, deployment: &Value) {
    let want = replicas(deployment);
    put(set, &["metadata", "annotations", DESIRED], want.to_string());
    put(set, &["metadata", "annotations", MAX], (want + bounds(deployment).0).to_string());
}
