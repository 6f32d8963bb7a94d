//! The Job controller: one pod after the other until one succeeds, or retries are used up. One completion; deadlines, indexes
//! and failure policies are not simulated. Source: k8s.io/kubernetes `pkg/controller/job/job_controller.go`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::event::Note;
use super::stateful_set::is_leaving;
use super::{Work, condition, owner, owner_reference, set_condition};
use crate::Sim;
use crate::kind::{JOB, Key, POD};
use crate::managed::By;
use crate::value::{int, put, stamp, suffix, text};

const MANAGER: &str = "kube-controller-manager";
const COMPONENT: &str = "job-controller";
/// Seconds after the first failed pod; doubled with each.
const BACK_OFF: i64 = 10;

/// The labels that a Job's pods bear, and that name it.
pub(crate) fn generated(uid: &str, name: &str) -> [(&'static str, String); 4] {
    [
        ("batch.kubernetes.io/controller-uid", uid.to_owned()),
        ("batch.kubernetes.io/job-name", name.to_owned()),
        ("controller-uid", uid.to_owned()),
        ("job-name", name.to_owned()),
    ]
}

impl Sim {
    pub(crate) fn sync_job(&mut self, key: &Key) {
        let Some(job) = self.store.get(key).cloned() else { return };
        let over = ["Complete", "Failed"].iter().any(|kind| condition(&job, kind).is_some());
        if is_leaving(&job) || over {
            return;
        }
        let uid = text(&job, "/metadata/uid");
        let mine = |pod: &Value| owner(pod).is_some_and(|owner| text(owner, "/uid") == uid);
        let pods: Vec<Arc<Value>> = self
            .store
            .scan(&POD, Some(&key.ns))
            .filter(|(_, pod)| mine(pod))
            .map(|(_, p)| p.clone())
            .collect();
        let count = |phase: &str| {
            let all = pods.iter().filter(|pod| text(pod, "/status/phase") == phase).count();
            i64::try_from(all).unwrap_or(i64::MAX)
        };
        let (failed, succeeded) = (count("Failed"), count("Succeeded"));
        let running = i64::try_from(pods.len()).unwrap_or(i64::MAX) - failed - succeeded;
        let limit = int(&job, "/spec/backoffLimit").unwrap_or(6);
        let (done, gave_up) = (succeeded > 0, failed > limit && running == 0);
        let mut active = running;
        if !done && !gave_up && running == 0 {
            let ended = pods.iter().filter_map(|pod| {
                crate::value::time(pod, "/status/containerStatuses/0/state/terminated/finishedAt")
            });
            let wait = BACK_OFF << (failed - 1).clamp(0, 5);
            let due = ended.max().map(|at| crate::value::after(at, wait));
            if let Some(at) = due.filter(|at| *at > self.clock) {
                self.queue.insert((at, Work::Job(key.clone())));
            } else {
                self.add_worker(&job);
                active = 1;
            }
        }
        let now = self.clock;
        self.edit(&JOB, key, &By::status(MANAGER), |job| {
            let mut status = job.get("status").cloned().unwrap_or_else(|| json!({}));
            if status.get("startTime").is_none() {
                put(&mut status, &["startTime"], stamp(now));
            }
            for (field, number) in [("active", active), ("failed", failed), ("succeeded", succeeded)] {
                crate::value::remove(&mut status, "", field);
                if number > 0 {
                    put(&mut status, &[field], number);
                }
            }
            put(job, &["status"], status);
            if done {
                let message = "Reached expected number of succeeded pods";
                set_condition(job, "SuccessCriteriaMet", "True", "CompletionsReached", message, now);
                set_condition(job, "Complete", "True", "CompletionsReached", message, now);
                put(job, &["status", "completionTime"], stamp(now));
            } else if gave_up {
                let message = "Job has reached the specified backoff limit";
                for kind in ["FailureTarget", "Failed"] {
                    set_condition(job, kind, "True", "BackoffLimitExceeded", message, now);
                }
            }
        });
        if done {
            self.note(&job, COMPONENT, &Note::normal("Completed", "Job completed".into()));
        } else if gave_up {
            let message = "Job has reached the specified backoff limit".into();
            self.note(&job, COMPONENT, &Note::warning("BackoffLimitExceeded", message));
        }
    }

    fn add_worker(&mut self, job: &Value) {
        let chance = self.store.chance("pod");
        let name = format!("{}-{}", text(job, "/metadata/name"), suffix(&[&chance], 5));
        let template = job.pointer("/spec/template").cloned().unwrap_or_default();
        let mut pod = json!({"metadata": template.get("metadata").cloned().unwrap_or_else(|| json!({})),
            "spec": template.get("spec").cloned().unwrap_or_default()});
        put(&mut pod, &["metadata", "name"], name.as_str());
        put(&mut pod, &["metadata", "namespace"], text(job, "/metadata/namespace"));
        put(&mut pod, &["metadata", "ownerReferences"], json!([owner_reference(job)]));
        if self.create(&POD, pod, &By::controller(MANAGER)).is_ok() {
            self.note(job, COMPONENT, &Note::normal("SuccessfulCreate", format!("Created pod: {name}")));
        }
    }
}
