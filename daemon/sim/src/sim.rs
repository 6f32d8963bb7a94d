//! The machine: state, time, and what tests set.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::{Accepted, ApiRequest, Method, Reply, WatchId};
use crate::control::{Restart, Run, Work};
use crate::fault::Fault;
use crate::kind::{KINDS, Key, Kind, NAMESPACE, NODE, POD, Replace};
use crate::managed::By;
use crate::program::Program;
use crate::prometheus::PromValue;
use crate::store::Store;
use crate::value::{after, put, remove, stamp, text};
use crate::watch::Watch;

/// A simulated cluster.
pub struct Sim {
    pub(crate) store: Store,
    /// The time of what is happening now; never goes back.
    pub(crate) clock: Timestamp,
    pub(crate) kinds: Vec<Kind>,
    /// What is due, by time; at one instant pods come before ReplicaSets before Deployments.
    pub(crate) queue: BTreeSet<(Timestamp, Work)>,
    /// The kubelet's memory, by pod uid.
    pub(crate) runs: BTreeMap<String, Run>,
    pub(crate) restarts: Vec<Restart>,
    pub(crate) programs: BTreeMap<String, (Program, Timestamp)>,
    /// What the containers of one pod do instead, by its uid.
    pub(crate) afflicted: BTreeMap<String, (Program, Timestamp)>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) accepted: Vec<Accepted>,
    pub(crate) watches: BTreeMap<WatchId, Watch>,
    pub(crate) next_watch: u64,
    /// Event of an object uid, reason and message, for counting repeats.
    pub(crate) events: BTreeMap<(String, String, String), Key>,
    pub(crate) prometheus: BTreeMap<String, PromValue>,
}

impl Sim {
    /// A cluster with namespaces `default` and `kube-system` and one ready node, `node-1`.
    pub fn new(seed: u64, now: Timestamp) -> Self {
        let mut sim = Self {
            store: Store::new(seed),
            clock: now,
            kinds: KINDS.to_vec(),
            queue: BTreeSet::new(),
            runs: BTreeMap::new(),
            restarts: Vec::new(),
            programs: BTreeMap::new(),
            afflicted: BTreeMap::new(),
            faults: Vec::new(),
            accepted: Vec::new(),
            watches: BTreeMap::new(),
            next_watch: 1,
            events: BTreeMap::new(),
            prometheus: BTreeMap::new(),
        };
        let boot = By::controller("kube-apiserver");
        for name in ["default", "kube-system"] {
            let labels = json!({"kubernetes.io/metadata.name": name});
            // Cannot be refused: the store is empty.
            let _ = sim.create(&NAMESPACE, json!({"metadata": {"name": name, "labels": labels}}), &boot);
        }
        let condition = |kind: &str, status: &str, reason: &str, message: &str| {
            json!({"type": kind, "status": status, "reason": reason, "message": message,
                "lastHeartbeatTime": stamp(now), "lastTransitionTime": stamp(now)})
        };
        let capacity = json!({"cpu": "4", "memory": "8Gi", "pods": "110"});
        let node = json!({
            "metadata": {"name": "node-1", "labels": {"kubernetes.io/hostname": "node-1", "kubernetes.io/os": "linux"}},
            "spec": {"podCIDR": "10.244.0.0/24"},
            "status": {
                "capacity": capacity, "allocatable": capacity,
                "addresses": [{"type": "InternalIP", "address": "192.0.2.1"}, {"type": "Hostname", "address": "node-1"}],
                "conditions": [
                    condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
                    condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
                    condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
                    condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
                ],
                "nodeInfo": {"kubeletVersion": "v1.35.4", "operatingSystem": "linux", "architecture": "amd64"},
            },
        });
        let _ = sim.create(&NODE, node, &By::controller("kubelet"));
        sim
    }

    /// Runs controllers and kubelet up to and including `now`, in time order.
    pub fn tick(&mut self, now: Timestamp) {
        self.run_while(now, |due| due <= now);
    }

    /// Runs what is due before `now`.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        self.run_while(now, |due| due < now);
    }

    fn run_while(&mut self, now: Timestamp, ready: impl Fn(Timestamp) -> bool) {
        while let Some((due, work)) = self.queue.pop_first() {
            if !ready(due) {
                self.queue.insert((due, work));
                break;
            }
            self.clock = self.clock.max(due);
            self.work(&work);
        }
        self.clock = self.clock.max(now);
    }

    /// When `tick` would next do something; `None` in a cluster at rest.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.queue.first().map(|(due, _)| *due)
    }

    /// The time that the simulator has reached.
    pub fn now(&self) -> Timestamp {
        self.clock
    }

    pub(crate) fn soon(&mut self, work: Work) {
        self.queue.insert((self.clock, work));
    }

    pub(crate) fn later(&mut self, seconds: i64, work: Work) {
        self.queue.insert((after(self.clock, seconds), work));
    }

    /// Sets what containers of an image do. Running ones follow from the simulator's present time on: an exit or
    /// readiness delay counts from now for them.
    pub fn program(&mut self, image: &str, program: Program) {
        self.programs.insert(image.into(), (program, self.clock));
        let pods: Vec<_> = self.store.scan(&POD, None).map(|(key, _)| key.clone()).collect();
        for pod in pods {
            self.soon(Work::Pod(pod));
        }
    }

    /// Sets what the containers of one pod do from now on, whatever their image. A pod that is made in its place has
    /// nothing of it.
    pub fn afflict(&mut self, ns: &str, pod: &str, program: Program) {
        let key = POD.key(ns, pod);
        let Some(uid) = self.store.get(&key).map(|pod| text(pod, "/metadata/uid").to_owned()) else { return };
        self.afflicted.insert(uid, (program, self.clock));
        self.soon(Work::Pod(key));
    }

    /// Adds a fault. `CompactAll` happens at once, the others stand until spent or cleared.
    pub fn fault(&mut self, fault: Fault) {
        if fault == Fault::CompactAll {
            self.store.compact();
            return;
        }
        if let Fault::Revert { namespace, deployment, after, .. } = &fault {
            self.later(*after, Work::Revert(crate::kind::DEPLOYMENT.key(namespace, deployment)));
        }
        self.faults.push(fault);
    }

    /// Ends every standing fault.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// Every mutating request that was accepted and was no dry run, oldest first.
    pub fn accepted(&self) -> &[Accepted] {
        &self.accepted
    }

    /// Makes one more kind known, stored only.
    pub fn define(&mut self, kind: Kind) {
        self.kinds.push(kind);
    }

    /// Creates or replaces an object as user `admin`, through the API; faults apply. The namespace defaults to
    /// `default` and is created when missing. Answers the stored object, or the Status object of the refusal.
    pub fn apply(&mut self, object: Value, now: Timestamp) -> Result<Value, Value> {
        let mut object = object;
        let api_version = text(&object, "/apiVersion").to_owned();
        let named = text(&object, "/kind").to_owned();
        let found =
            self.kinds.iter().find(|kind| kind.kind == named && kind.api_version() == api_version).copied();
        let Some(kind) = found else {
            return Err(
                crate::failure::Failure::not_simulated(&format!("kind {api_version} {named}")).status()
            );
        };
        if kind.namespaced && text(&object, "/metadata/namespace").is_empty() {
            put(&mut object, &["metadata", "namespace"], "default");
        }
        let (ns, name) =
            (text(&object, "/metadata/namespace").to_owned(), text(&object, "/metadata/name").to_owned());
        if kind.namespaced && self.store.get(&NAMESPACE.key("", &ns)).is_none() {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ns}});
            self.apply(namespace, now)?;
        }
        let path = kind.path(&ns, &name);
        let live = self.store.get(&kind.key(&ns, &name)).cloned();
        remove(&mut object, "/metadata", "resourceVersion");
        let (method, target) = match &live {
            Some(live) => {
                if kind.replace != Replace::Unconditional {
                    put(
                        &mut object,
                        &["metadata", "resourceVersion"],
                        text(live, "/metadata/resourceVersion"),
                    );
                }
                (Method::Put, path.as_str())
            }
            None => (Method::Post, path.rsplit_once('/').map_or("", |(collection, _)| collection)),
        };
        let request = ApiRequest::new(method, target, "admin").body("application/json", &object);
        match self.handle(&request, now) {
            Reply::Once(answer) if (200..300).contains(&answer.status) => Ok(answer.value()),
            Reply::Once(answer) => Err(answer.value()),
            Reply::Watch(_) => Err(Value::Null),
        }
    }

    /// Wakes whoever looks after a changed object.
    pub(crate) fn changed(&mut self, key: &Key, before: Option<&Arc<Value>>, after: Option<&Arc<Value>>) {
        crate::control::wake(self, key, before.map(Arc::as_ref), after.map(Arc::as_ref));
    }
}
