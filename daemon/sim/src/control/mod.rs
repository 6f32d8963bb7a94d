//! Controllers and kubelet. Each piece of work looks at the present state and brings it one step nearer to what is
//! wanted; changes wake further work at the same instant, waiting queues it for later.

mod budget;
mod container;
mod daemon_set;
mod deployment;
mod event;
pub(crate) mod job;
mod pod;
mod replica_set;
mod revision;
mod rollout;
mod stateful_set;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Sim;
use crate::fault::Fault;
use crate::kind::{
    CONTROLLER_REVISION, DAEMON_SET, DEPLOYMENT, JOB, Key, NODE, PDB, POD, REPLICA_SET, STATEFUL_SET,
};
use crate::managed::By;
use crate::value::{list, put, stamp, text};

pub(crate) use pod::Run;

/// One piece of work. The order of the variants is the order at one instant: facts flow from pods upwards.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Work {
    /// Delete what the object of this uid owned.
    Collect(String),
    /// Schedule and run a pod.
    Pod(Key),
    /// Count a ReplicaSet's pods, create or delete some.
    ReplicaSet(Key),
    /// Make, delete or replace a StatefulSet's pods.
    StatefulSet(Key),
    /// The same for a DaemonSet.
    DaemonSet(Key),
    /// Count a Job's pods, and make the next one.
    Job(Key),
    /// Roll out.
    Deployment(Key),
    /// Count a disruption budget.
    Budget(Key),
    /// Another controller restores its template.
    Revert(Key),
}

/// One container restart, for `increase(...restarts...)`.
pub(crate) struct Restart {
    pub(crate) at: Timestamp,
    pub(crate) pod: Key,
}

impl Sim {
    pub(crate) fn work(&mut self, work: &Work) {
        match work {
            Work::Collect(uid) => self.collect(uid),
            Work::Pod(key) => self.sync_pod(key),
            Work::ReplicaSet(key) => self.sync_replica_set(key),
            Work::StatefulSet(key) => self.sync_stateful_set(key),
            Work::DaemonSet(key) => self.sync_daemon_set(key),
            Work::Job(key) => self.sync_job(key),
            Work::Deployment(key) => self.sync_deployment(key),
            Work::Budget(key) => self.sync_budget(key),
            Work::Revert(key) => self.revert(key),
        }
    }

    /// Background garbage collection: ReplicaSets, revisions and pods whose owner is gone.
    fn collect(&mut self, uid: &str) {
        let owned: Vec<_> = [REPLICA_SET, CONTROLLER_REVISION, POD]
            .iter()
            .flat_map(|kind| self.store.scan(kind, None))
            .filter(|(_, object)| owner(object).is_some_and(|owner| text(owner, "/uid") == uid))
            .map(|(key, _)| key.clone())
            .collect();
        for key in owned {
            self.delete(&key, None, &By::controller("kube-controller-manager"));
        }
    }

    fn revert(&mut self, key: &Key) {
        let Some((manager, template)) = self.wanted_elsewhere(key) else { return };
        self.edit(&DEPLOYMENT, key, &By::controller(&manager), |deployment| {
            put(deployment, &["spec", "template"], template);
        });
    }

    /// Manager and template of a `Fault::Revert` for that Deployment.
    fn wanted_elsewhere(&self, key: &Key) -> Option<(String, Value)> {
        self.faults.iter().find_map(|fault| {
            let Fault::Revert { namespace, deployment, manager, template, .. } = fault else { return None };
            let ours = *namespace == key.ns && *deployment == key.name;
            ours.then(|| (manager.clone(), template.clone()))
        })
    }
}

/// The controlling owner reference.
pub(crate) fn owner(object: &Value) -> Option<&Value> {
    list(object, "/metadata/ownerReferences")
        .iter()
        .find(|one| one.get("controller") == Some(&Value::Bool(true)))
}

/// An owner reference to `object`, as controllers write it.
pub(crate) fn owner_reference(object: &Value) -> Value {
    json!({"apiVersion": text(object, "/apiVersion"), "kind": text(object, "/kind"), "name": text(object, "/metadata/name"),
        "uid": text(object, "/metadata/uid"), "controller": true, "blockOwnerDeletion": true})
}

/// Wakes whoever looks after a changed object. `after` is `None` when it was deleted.
pub(crate) fn wake(sim: &mut Sim, key: &Key, before: Option<&Value>, after: Option<&Value>) {
    let Some(object) = after.or(before) else { return };
    let owned_by =
        owner(object).map(|owner| (text(owner, "/kind").to_owned(), text(owner, "/name").to_owned()));
    let owner_name = owned_by.as_ref().map(|(_, name)| name.clone());
    let owners = [DEPLOYMENT, REPLICA_SET, STATEFUL_SET, DAEMON_SET, JOB];
    if after.is_none() && owners.iter().any(|kind| key.is(kind)) {
        sim.soon(Work::Collect(text(object, "/metadata/uid").to_owned()));
    }
    if key.is(&DEPLOYMENT) {
        sim.soon(Work::Deployment(key.clone()));
        let seconds = sim.faults.iter().find_map(|fault| {
            let Fault::Revert { namespace, deployment, after, template, .. } = fault else { return None };
            let ours = *namespace == key.ns && *deployment == key.name;
            (ours && object.pointer("/spec/template") != Some(template)).then_some(*after)
        });
        // Only the first difference starts the other controller's clock.
        let waiting = sim.queue.iter().any(|(_, work)| matches!(work, Work::Revert(one) if one == key));
        if let (Some(seconds), false) = (seconds, waiting) {
            sim.later(seconds, Work::Revert(key.clone()));
        }
        wake_budgets(sim, &key.ns);
    } else if key.is(&STATEFUL_SET) {
        sim.soon(Work::StatefulSet(key.clone()));
    } else if key.is(&DAEMON_SET) {
        sim.soon(Work::DaemonSet(key.clone()));
    } else if key.is(&JOB) {
        sim.soon(Work::Job(key.clone()));
    } else if key.is(&REPLICA_SET) {
        sim.soon(Work::ReplicaSet(key.clone()));
        if let Some(name) = owner_name {
            sim.soon(Work::Deployment(DEPLOYMENT.key(&key.ns, &name)));
        }
    } else if key.is(&POD) {
        if after.is_some() {
            sim.soon(Work::Pod(key.clone()));
        } else {
            sim.runs.remove(text(object, "/metadata/uid"));
            sim.afflicted.remove(text(object, "/metadata/uid"));
        }
        let above = owned_by.as_ref().map(|(kind, name)| (kind.as_str(), name.as_str()));
        if let Some(("StatefulSet", name)) = above {
            sim.soon(Work::StatefulSet(STATEFUL_SET.key(&key.ns, name)));
        } else if let Some(("DaemonSet", name)) = above {
            sim.soon(Work::DaemonSet(DAEMON_SET.key(&key.ns, name)));
        } else if let Some(("Job", name)) = above {
            sim.soon(Work::Job(JOB.key(&key.ns, name)));
        } else if let Some(set) = owner_name.map(|name| REPLICA_SET.key(&key.ns, &name)) {
            let above = sim.store.get(&set).and_then(|set| Some(text(owner(set)?, "/name").to_owned()));
            if let (Some(name), None) = (above, after) {
                sim.soon(Work::Deployment(DEPLOYMENT.key(&key.ns, &name)));
            }
            sim.soon(Work::ReplicaSet(set));
        }
        wake_budgets(sim, &key.ns);
    } else if key.is(&PDB) {
        sim.soon(Work::Budget(key.clone()));
    } else if key.is(&NODE) {
        let waiting: Vec<_> = sim
            .store
            .scan(&POD, None)
            .filter(|(_, pod)| text(pod, "/spec/nodeName").is_empty())
            .map(|(key, _)| key.clone())
            .collect();
        for pod in waiting {
            sim.soon(Work::Pod(pod));
        }
        let sets: Vec<_> = sim.store.scan(&DAEMON_SET, None).map(|(key, _)| key.clone()).collect();
        for set in sets {
            sim.soon(Work::DaemonSet(set));
        }
    }
}

fn wake_budgets(sim: &mut Sim, ns: &str) {
    let budgets: Vec<_> = sim.store.scan(&PDB, Some(ns)).map(|(key, _)| key.clone()).collect();
    for budget in budgets {
        sim.soon(Work::Budget(budget));
    }
}

/// A status condition by type.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    list(object, "/status/conditions").iter().find(|one| text(one, "/type") == kind)
}

/// Sets a status condition; `lastTransitionTime` moves with the status only.
pub(crate) fn set_condition(
    object: &mut Value,
    kind: &str,
    status: &str,
    reason: &str,
    message: &str,
    now: Timestamp,
) {
    let old = condition(object, kind);
    let since = old
        .filter(|old| text(old, "/status") == status)
        .map(|old| text(old, "/lastTransitionTime").to_owned());
    let mut fresh =
        json!({"type": kind, "status": status, "lastTransitionTime": since.unwrap_or_else(|| stamp(now))});
    for (field, value) in [("reason", reason), ("message", message)] {
        if !value.is_empty() {
            put(&mut fresh, &[field], value);
        }
    }
    replace_condition(object, fresh);
}

/// Puts a condition in the place of the one of its type.
pub(crate) fn replace_condition(object: &mut Value, fresh: Value) {
    let mut all = list(object, "/status/conditions").to_vec();
    match all.iter_mut().find(|one| one.get("type") == fresh.get("type")) {
        Some(old) => *old = fresh,
        None => all.push(fresh),
    }
    put(object, &["status", "conditions"], all);
}
