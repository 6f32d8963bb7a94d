//! The workload's pods: container states, last terminations, images.

use super::answer::{Refusal, entry, flag, items, list, number, text, time, word};
use super::{get, list_of};
use crate::seal::is_ready;
use nightshift_model::effect::Accept;
use nightshift_model::evidence::{ContainerLine, Keeps, PodLine};
use nightshift_model::{Kind, ObjectRef, Observed, RawPart, Read, Timestamp};
use serde_json::Value;

/// Pods asked for: at some 20 KB each a quarter of the budget.
const LIMIT: &str = "50";

pub(super) fn reads(target: &ObjectRef, selector: &str) -> Vec<Read> {
    let path = list_of("/api/v1", &target.namespace, "pods").filter(|_| !selector.is_empty());
    get(path, &[("labelSelector", selector), ("limit", LIMIT)], Accept::Json)
}

pub(super) fn observe(parts: &[RawPart], target: &ObjectRef) -> Result<Observed, Refusal> {
    let pods = items(parts, 0)?;
    let mut lines: Vec<PodLine> = pods.iter().filter(|pod| owned(pod, target)).map(line).collect();
    lines.sort_by(|a, b| a.pod.cmp(&b.pod));
    Ok(Observed::Pods(lines))
}

/// Whether the pod is the workload's: labels alone prove nothing. A Deployment's pods are controlled by a
/// ReplicaSet that is named after it and the template's hash.
pub(crate) fn owned(pod: &Value, target: &ObjectRef) -> bool {
    let owner = list(pod, "/metadata/ownerReferences").iter().find(|o| flag(o, "/controller"));
    let Some(owner) = owner else { return false };
    let (kind, name) = (text(owner, "/kind"), text(owner, "/name"));
    if target.kind == Kind::Deployment {
        let hash = entry(pod, "/metadata/labels", "pod-template-hash");
        let named = name.strip_prefix(&target.name).and_then(|rest| rest.strip_prefix('-'));
        return kind == "ReplicaSet" && named.is_some_and(|rest| hash.is_empty() || rest == hash);
    }
    kind == target.kind.as_str()
        && name == target.name
        && (target.uid.is_empty() || text(owner, "/uid") == target.uid)
}

fn line(pod: &Value) -> PodLine {
    let get = |pointer: &str| word(text(pod, pointer));
    let ready = is_ready(pod);
    let init = list(pod, "/spec/initContainers").iter().map(|spec| (spec, true));
    let all = init.chain(list(pod, "/spec/containers").iter().map(|spec| (spec, false)));
    PodLine {
        pod: ObjectRef::new(
            Kind::Pod,
            &get("/metadata/namespace"),
            &get("/metadata/name"),
            &get("/metadata/uid"),
        ),
        node: get("/spec/nodeName"),
        phase: get("/status/phase"),
        ready,
        template_hash: word(template_hash(pod)),
        started: time(pod, "/status/startTime"),
        unready_since: unready_since(pod),
        leaving: pod.pointer("/metadata/deletionTimestamp").is_some(),
        keeps: keeps(pod),
        containers: all.take(50).map(|(spec, init)| container(pod, spec, init)).collect(),
    }
}

/// When condition Ready was last said to be otherwise, of a pod that is not Ready.
fn unready_since(pod: &Value) -> Option<Timestamp> {
    let ready = list(pod, "/status/conditions").iter().find(|c| text(c, "/type") == "Ready")?;
    if text(ready, "/status") == "True" { None } else { time(ready, "/lastTransitionTime") }
}

/// Kinds of volume that hold what others put there, and nothing that the pod wrote.
const GIVEN: [&str; 4] = ["configMap", "secret", "projected", "downwardAPI"];
/// Kinds of volume that come and go with the pod.
const SCRATCH: [&str; 2] = ["emptyDir", "ephemeral"];

/// What outlives a container. A kind of volume that is not known may outlive the pod.
fn keeps(pod: &Value) -> Keeps {
    let mut keeps = Keeps::default();
    for volume in list(pod, "/spec/volumes") {
        let kinds = volume.as_object().into_iter().flat_map(|fields| fields.keys());
        for kind in kinds.map(String::as_str).filter(|kind| *kind != "name") {
            keeps.scratch |= SCRATCH.contains(&kind);
            keeps.lasting |= !SCRATCH.contains(&kind) && !GIVEN.contains(&kind);
        }
    }
    keeps
}

/// A Deployment's pods bear one label, those of StatefulSets and DaemonSets the other.
fn template_hash(pod: &Value) -> &str {
    match entry(pod, "/metadata/labels", "pod-template-hash") {
        "" => entry(pod, "/metadata/labels", "controller-revision-hash"),
        hash => hash,
    }
}

fn container(pod: &Value, spec: &Value, init: bool) -> ContainerLine {
    let statuses = if init { "/status/initContainerStatuses" } else { "/status/containerStatuses" };
    let name = text(spec, "/name");
    let none = Value::Null;
    let status = list(pod, statuses).iter().find(|s| text(s, "/name") == name).unwrap_or(&none);
    let last = status.pointer("/lastState/terminated").unwrap_or(&none);
    ContainerLine {
        name: word(name),
        init,
        image: word(text(spec, "/image")),
        image_id: word(text(status, "/imageID")),
        state: state(status),
        restarts: number(status, "/restartCount"),
        ready: flag(status, "/ready"),
        last_exit: last.get("exitCode").and_then(Value::as_i64).and_then(|code| i32::try_from(code).ok()),
        last_reason: word(text(last, "/reason")),
        running_since: time(status, "/state/running/startedAt"),
        last_ended: time(last, "/finishedAt"),
        last_started: time(last, "/startedAt"),
    }
}

fn state(status: &Value) -> String {
    for state in ["waiting", "terminated"] {
        if let Some(found) = status.pointer(&format!("/state/{state}")) {
            return word(&format!("{state}: {}", text(found, "/reason")));
        }
    }
    if status.pointer("/state/running").is_some() { "running".to_owned() } else { "not started".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_outlives_a_container_and_what_outlives_the_pod_are_told_apart() {
        let of = |volume: &Value| keeps(&json!({"spec": {"volumes": [volume]}}));
        let table = [
            (json!({"name": "a", "emptyDir": {}}), true, false),
            (json!({"name": "a", "ephemeral": {"volumeClaimTemplate": {}}}), true, false),
            (json!({"name": "a", "persistentVolumeClaim": {"claimName": "data"}}), false, true),
            (json!({"name": "a", "hostPath": {"path": "/data"}}), false, true),
            (json!({"name": "a", "somethingNew": {}}), false, true),
            (json!({"name": "a", "configMap": {"name": "c"}}), false, false),
            (json!({"name": "a", "projected": {"sources": []}}), false, false),
            (json!({"name": "a"}), false, false),
            (json!("odd"), false, false),
        ];
        for (volume, scratch, lasting) in table {
            assert_eq!(of(&volume), Keeps { scratch, lasting }, "{volume}");
        }
        assert!(keeps(&json!({})).is_nothing());
    }

    #[test]
    fn since_when_it_is_not_ready_is_said_of_a_pod_that_is_not() {
        let at = "2026-03-01T10:00:00Z";
        let ready = |status: &str| json!({"type": "Ready", "status": status, "lastTransitionTime": at});
        let pod = |status: &str| json!({"status": {"conditions": [ready(status)]}});
        assert_eq!(unready_since(&pod("False")), at.parse().ok());
        assert_eq!(unready_since(&pod("Unknown")), at.parse().ok());
        assert_eq!(unready_since(&pod("True")), None);
        assert_eq!(unready_since(&json!({})), None);
    }
}
