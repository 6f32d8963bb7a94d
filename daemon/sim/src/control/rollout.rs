//! A rolling update's way down, and what the Deployment says of it.
//! Source: k8s.io/kubernetes `pkg/controller/deployment/{rolling,progress,sync}.go`.

use serde_json::{Value, json};

use super::deployment::{COMPONENT, MANAGER, Set, bounds, replicas, revision};
use super::{Work, condition, replace_condition, set_condition};
use crate::Sim;
use crate::kind::{DEPLOYMENT, Key};
use crate::managed::By;
use crate::value::{after, int, put, stamp, text, time};

/// `spec.progressDeadlineSeconds` that means none.
const NO_DEADLINE: i64 = 2_147_483_647;

fn count(object: &Value, field: &str) -> i64 {
    int(object, &format!("/status/{field}")).unwrap_or(0)
}

impl Sim {
    /// Scales old ReplicaSets down as far as availability allows: unhealthy pods first.
    pub(super) fn shrink(&mut self, deployment: &Value, newest: &Set, old: &[Set]) {
        let all = || old.iter().chain([newest]);
        let minimum = replicas(deployment) - bounds(deployment).1;
        let total: i64 = all().map(|(_, set)| replicas(set)).sum();
        let missing = replicas(&newest.1) - count(&newest.1, "availableReplicas");
        let mut room = total - minimum - missing;
        let mut left: Vec<i64> = old.iter().map(|(_, set)| replicas(set)).collect();
        for ((_, set), left) in old.iter().zip(&mut left) {
            let unhealthy = (*left - count(set, "availableReplicas")).clamp(0, room.max(0));
            *left -= unhealthy;
            room -= unhealthy;
        }
        let available: i64 = all().map(|(_, set)| count(set, "availableReplicas").min(replicas(set))).sum();
        let mut spare = (available - minimum).min(room).max(0);
        for left in &mut left {
            let down = spare.min(*left);
            *left -= down;
            spare -= down;
        }
        for (set, left) in old.iter().zip(left) {
            self.resize(deployment, set, left);
        }
    }

    /// Writes the Deployment's status and drops old ReplicaSets beyond the history limit.
    pub(super) fn report(&mut self, key: &Key) {
        let Some(deployment) = self.store.get(key).cloned() else { return };
        let (newest, old) = self.sets(key, &deployment);
        let sum =
            |field: &str| old.iter().chain(newest.iter()).map(|(_, set)| count(set, field)).sum::<i64>();
        let wanted: i64 = old.iter().chain(newest.iter()).map(|(_, set)| replicas(set)).sum();
        let available = sum("availableReplicas");
        let updated = newest.as_ref().map_or(0, |(_, set)| count(set, "replicas"));
        let mut status = json!({"observedGeneration": int(&deployment, "/metadata/generation").unwrap_or(0)});
        for (field, number) in [
            ("replicas", sum("replicas")),
            ("updatedReplicas", updated),
            ("readyReplicas", sum("readyReplicas")),
            ("availableReplicas", available),
            ("unavailableReplicas", (wanted - available).max(0)),
        ] {
            if number > 0 {
                put(&mut status, &[field], number);
            }
        }
        put(
            &mut status,
            &["conditions"],
            deployment.pointer("/status/conditions").cloned().unwrap_or_else(|| json!([])),
        );
        let mut next = json!({"status": status});
        let now = self.clock;
        let enough = available >= replicas(&deployment) - bounds(&deployment).1;
        let (word, reason, message) = if enough {
            ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        } else {
            ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
        };
        let same = condition(&deployment, "Available").is_some_and(|old| text(old, "/reason") == reason);
        if !same {
            set_condition(&mut next, "Available", word, reason, message, now);
            stamp_update(&mut next, "Available", &stamp(now));
        }
        let name = newest.as_ref().map_or_else(|| key.name.clone(), |(set, _)| set.name.clone());
        let done = self.judge(&deployment, &mut next, &name);
        self.edit(&DEPLOYMENT, key, &By::status(MANAGER), |deployment| {
            put(deployment, &["status"], next.get("status").cloned().unwrap_or_default());
        });
        if done {
            self.forget_history(&deployment, &old);
        }
        self.watch_deadline(key);
    }

    /// Sets the Progressing condition; true when the rollout is complete.
    fn judge(&mut self, old: &Value, next: &mut Value, set: &str) -> bool {
        let want = replicas(old);
        let current = condition(old, "Progressing");
        let reason = current.map_or("", |one| text(one, "/reason"));
        let complete = count(next, "updatedReplicas") == want
            && count(next, "replicas") == want
            && count(next, "availableReplicas") == want;
        let settled =
            count(next, "replicas") == count(next, "updatedReplicas") && reason == "NewReplicaSetAvailable";
        let paused = old.pointer("/spec/paused") == Some(&Value::Bool(true));
        if deadline(old).is_none() || settled || paused {
            return complete;
        }
        let outdated = |object: &Value| count(object, "replicas") - count(object, "updatedReplicas");
        let progress = count(next, "updatedReplicas") > count(old, "updatedReplicas")
            || outdated(next) < outdated(old)
            || count(next, "readyReplicas") > count(old, "readyReplicas")
            || count(next, "availableReplicas") > count(old, "availableReplicas");
        let verdict = if complete {
            let message = format!("ReplicaSet \"{set}\" has successfully progressed.");
            Some(("True", "NewReplicaSetAvailable", message))
        } else if progress {
            Some(("True", "ReplicaSetUpdated", format!("ReplicaSet \"{set}\" is progressing.")))
        } else if self.timed_out(old) {
            Some((
                "False",
                "ProgressDeadlineExceeded",
                format!("ReplicaSet \"{set}\" has timed out progressing."),
            ))
        } else {
            None
        };
        if let Some((status, verdict, message)) = verdict
            && (verdict != reason || progress)
        {
            set_condition(next, "Progressing", status, verdict, &message, self.clock);
            stamp_update(next, "Progressing", &stamp(self.clock));
        }
        complete
    }

    fn timed_out(&self, deployment: &Value) -> bool {
        let Some(current) = condition(deployment, "Progressing") else { return false };
        match text(current, "/reason") {
            "NewReplicaSetAvailable" => false,
            "ProgressDeadlineExceeded" => true,
            _ => due(deployment).is_some_and(|at| at < self.clock),
        }
    }

    /// Looks again when the deadline has passed.
    fn watch_deadline(&mut self, key: &Key) {
        let Some(deployment) = self.store.get(key) else { return };
        let Some(current) = condition(deployment, "Progressing") else { return };
        let waiting = !matches!(
            text(current, "/reason"),
            "NewReplicaSetAvailable" | "ProgressDeadlineExceeded" | "DeploymentPaused"
        );
        let at = due(deployment).filter(|_| waiting).map(|at| after(at, 1)).filter(|at| *at > self.clock);
        let ours = Work::Deployment(key.clone());
        self.queue.retain(|(due, work)| *due == self.clock || *work != ours);
        self.queue.extend(at.map(|at| (at, ours)));
    }

    /// Notes that a rollout was paused or goes on.
    pub(super) fn mark_paused(&mut self, key: &Key, paused: bool) {
        let Some(deployment) = self.store.get(key) else { return };
        let reason = condition(deployment, "Progressing").map_or("", |one| text(one, "/reason"));
        if deadline(deployment).is_none() || reason == "ProgressDeadlineExceeded" {
            return;
        }
        match (paused, reason == "DeploymentPaused") {
            (true, false) => self.progressing(key, "Unknown", "DeploymentPaused", "Deployment is paused"),
            (false, true) => self.progressing(key, "Unknown", "DeploymentResumed", "Deployment is resumed"),
            (true, true) | (false, false) => {}
        }
    }

    pub(super) fn made_set(&mut self, key: &Key, set: &str) {
        let message = format!("Created new replica set \"{set}\"");
        self.progressing(key, "True", "NewReplicaSetCreated", &message);
    }

    pub(super) fn found_set(&mut self, key: &Key, set: &str) {
        let unknown = self.store.get(key).is_some_and(|one| condition(one, "Progressing").is_none());
        if unknown {
            self.progressing(key, "True", "FoundNewReplicaSet", &format!("Found new replica set \"{set}\""));
        }
    }

    fn progressing(&mut self, key: &Key, status: &str, reason: &str, message: &str) {
        let now = self.clock;
        let Some(deployment) = self.store.get(key) else { return };
        if deadline(deployment).is_none() {
            return;
        }
        self.edit(&DEPLOYMENT, key, &By::status(MANAGER), |deployment| {
            set_condition(deployment, "Progressing", status, reason, message, now);
            stamp_update(deployment, "Progressing", &stamp(now));
        });
    }

    fn forget_history(&mut self, deployment: &Value, old: &[Set]) {
        let limit = int(deployment, "/spec/revisionHistoryLimit").unwrap_or(10);
        let mut idle: Vec<_> =
            old.iter().filter(|(_, set)| replicas(set) == 0 && count(set, "replicas") == 0).collect();
        idle.sort_by_key(|(_, set)| revision(set));
        let extra = idle.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
        for (key, _) in idle.into_iter().take(extra) {
            self.delete(key, None, &By::controller(COMPONENT));
        }
    }
}

/// `spec.progressDeadlineSeconds`, when there is one.
fn deadline(deployment: &Value) -> Option<i64> {
    int(deployment, "/spec/progressDeadlineSeconds").filter(|seconds| *seconds < NO_DEADLINE)
}

/// When the rollout counts as stuck.
fn due(deployment: &Value) -> Option<jiff::Timestamp> {
    let since = time(condition(deployment, "Progressing")?, "/lastUpdateTime")?;
    Some(after(since, deadline(deployment)?))
}

/// Sets `lastUpdateTime` of a condition.
fn stamp_update(object: &mut Value, kind: &str, now: &str) {
    if let Some(mut found) = condition(object, kind).cloned() {
        put(&mut found, &["lastUpdateTime"], now);
        replace_condition(object, found);
    }
}
