//! Scheduler and kubelet for one pod.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::container::{Around, Container};
use super::event::Note;
use super::{Restart, Work, condition, set_condition};
use crate::Sim;
use crate::kind::{Key, NODE, POD};
use crate::managed::By;
use crate::program::Program;
use crate::value::{after, list, put, stamp, text};

/// Seconds that containers take to stop.
const STOPPING: i64 = 1;

/// The kubelet's memory of one pod.
pub(crate) struct Run {
    containers: Vec<Container>,
    started: Timestamp,
    ip: String,
    gone_at: Option<Timestamp>,
}

impl Run {
    /// A container by name.
    pub(crate) fn container(&self, name: &str) -> Option<&Container> {
        self.containers.iter().find(|one| one.name == name)
    }
}

impl Sim {
    pub(crate) fn sync_pod(&mut self, key: &Key) {
        let Some(pod) = self.store.get(key).cloned() else { return };
        let uid = text(&pod, "/metadata/uid").to_owned();
        if text(&pod, "/spec/nodeName").is_empty() {
            self.schedule(key);
            return;
        }
        let now = self.clock;
        let next = self.store.rv;
        let mut run = self.runs.remove(&uid).unwrap_or_else(|| Run {
            containers: list(&pod, "/spec/containers").iter().map(|spec| Container::new(spec, now)).collect(),
            started: now,
            ip: format!("10.244.{}.{}", next / 250 % 250, next % 250 + 1),
            gone_at: None,
        });
        if pod.pointer("/metadata/deletionTimestamp").is_some() {
            self.stop(key, &pod, &mut run);
            // The pod may be gone by now; then its memory is not kept.
            if self.store.get(key).is_some() {
                self.runs.insert(uid, run);
            }
            return;
        }
        let identity = format!("{}_{}({uid})", key.name, key.ns);
        let mut notes = Vec::new();
        let mut due = Vec::new();
        for container in &mut run.containers {
            let default = (Program::default(), Timestamp::MIN);
            let own = self.afflicted.get(&uid);
            let (program, programmed) =
                own.or_else(|| self.programs.get(&container.image)).unwrap_or(&default);
            let policy = text(&pod, "/spec/restartPolicy");
            let around = Around { program, programmed: *programmed, now, policy, pod: &identity };
            let before = container.restarts;
            due.extend(container.step(&around, &mut notes));
            if container.restarts > before {
                self.restarts.push(Restart { at: now, pod: key.clone() });
            }
        }
        self.edit(&POD, key, &By::status("kubelet"), |pod| render(pod, &run, &identity, now));
        self.runs.insert(uid, run);
        for note in notes {
            self.note(&pod, "kubelet", &note);
        }
        if let Some(at) = due.into_iter().min() {
            self.queue.insert((at, Work::Pod(key.clone())));
        }
    }

    /// Ends a pod that is being deleted.
    fn stop(&mut self, key: &Key, pod: &Value, run: &mut Run) {
        match run.gone_at {
            None => {
                run.gone_at = Some(after(self.clock, STOPPING));
                for container in run.containers.iter().filter(|one| one.has_run()) {
                    let message = format!("Stopping container {}", container.name);
                    let field = format!("spec.containers{{{}}}", container.name);
                    self.note(pod, "kubelet", &Note { field, ..Note::normal("Killing", message) });
                }
                self.later(STOPPING, Work::Pod(key.clone()));
            }
            Some(at) if self.clock >= at && list(pod, "/metadata/finalizers").is_empty() => self.forget(key),
            Some(_) => {}
        }
    }

    /// Binds a pod to the ready, schedulable node with the fewest pods, or says why not.
    fn schedule(&mut self, key: &Key) {
        let Some(pod) = self.store.get(key).cloned() else { return };
        let now = self.clock;
        let usable = |node: &Value| {
            node.pointer("/spec/unschedulable") != Some(&Value::Bool(true))
                && condition(node, "Ready").is_some_and(|ready| text(ready, "/status") == "True")
        };
        let nodes =
            self.store.scan(&NODE, None).filter(|(_, node)| usable(node)).map(|(key, _)| key.name.clone());
        let load = |name: &String| {
            self.store.scan(&POD, None).filter(|(_, pod)| text(pod, "/spec/nodeName") == name).count()
        };
        let Some(node) = nodes.min_by_key(load) else {
            let total = self.store.scan(&NODE, None).count();
            let message =
                format!("0/{total} nodes are available: {total} node(s) were unschedulable or not ready.");
            let told = self.edit(&POD, key, &By::status("kube-scheduler"), |pod| {
                set_condition(pod, "PodScheduled", "False", "Unschedulable", &message, now);
            });
            if told {
                self.note(&pod, "default-scheduler", &Note::warning("FailedScheduling", message));
            }
            return;
        };
        let mut bound = Value::clone(&pod);
        put(&mut bound, &["spec", "nodeName"], node.as_str());
        set_condition(&mut bound, "PodScheduled", "True", "", "", now);
        self.commit(key, &pod, bound);
        let message = format!("Successfully assigned {}/{} to {node}", key.ns, key.name);
        self.note(&pod, "default-scheduler", &Note::normal("Scheduled", message));
    }
}

/// Writes the kubelet's view into a pod's status.
fn render(pod: &mut Value, run: &Run, identity: &str, now: Timestamp) {
    let rests: Vec<_> = run.containers.iter().filter_map(Container::rests).collect();
    let over = rests.len() == run.containers.len() && !rests.is_empty();
    let phase = match (over, rests.iter().all(|code| *code == 0)) {
        (true, true) => "Succeeded",
        (true, false) => "Failed",
        (false, _) if run.containers.iter().all(Container::has_run) => "Running",
        (false, _) => "Pending",
    };
    let unready: Vec<_> =
        run.containers.iter().filter(|one| !one.ready).map(|one| one.name.as_str()).collect();
    let message = format!("containers with unready status: [{}]", unready.join(" "));
    let reason = if phase == "Succeeded" { "PodCompleted" } else { "ContainersNotReady" };
    set_condition(pod, "PodReadyToStartContainers", "True", "", "", now);
    set_condition(pod, "Initialized", "True", "", "", now);
    for kind in ["Ready", "ContainersReady"] {
        match (unready.is_empty(), phase) {
            (true, _) => set_condition(pod, kind, "True", "", "", now),
            (false, "Succeeded") => set_condition(pod, kind, "False", reason, "", now),
            (false, _) => set_condition(pod, kind, "False", reason, &message, now),
        }
    }
    let statuses: Vec<_> = run.containers.iter().map(|one| one.status(identity)).collect();
    put(pod, &["status", "phase"], phase);
    put(pod, &["status", "containerStatuses"], statuses);
    put(pod, &["status", "hostIP"], "192.0.2.1");
    put(pod, &["status", "podIP"], run.ip.as_str());
    put(pod, &["status", "podIPs"], json!([{"ip": run.ip}]));
    put(pod, &["status", "startTime"], stamp(run.started));
}
