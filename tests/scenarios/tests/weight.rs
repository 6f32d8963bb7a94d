//! What the view weighs. Alone in its process, because it asks the kernel what that holds.

use nightshift_detectors::{Delta, Fact, View};
use nightshift_model::{Kind, Timestamp};
use serde_json::{Value, json};

/// Enough that the rest of the process does not count.
const PODS: u64 = 5_000;
/// Pods of a workload.
const REPLICAS: u64 = 10;
/// What one may weigh, with its share of its workload. The benchmarks want 1,024; here the kernel may count by huge pages,
/// of which one is 400 bytes a pod.
const MOST: u64 = 1_400;

/// What this process holds in memory, in bytes.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux tells what a process holds");
    let resident = pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    resident.expect("its second word is a number") * 4096
}

/// A healthy pod with an init container and a sidecar.
fn pod(i: u64) -> Value {
    let n = i / REPLICAS;
    let set = format!("checkout-service-{n:04}-{:09x}", n * 7_654_321);
    let since = json!({"running": {"startedAt": format!("2026-03-01T02:{:02}:{:02}Z", i / 60 % 60, i % 60)}});
    let ended = json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": "2026-03-01T02:00:00Z", "finishedAt": "2026-03-01T02:00:01Z"}});
    let status = |name: &str, state: &Value| {
        json!({"name": name, "imageID": format!("registry.example.com/{name}@sha256:{n:064x}"),
        "ready": true, "started": true, "restartCount": 0, "state": state, "lastState": {}})
    };
    let spec = |name: &str| {
        json!({"name": name, "image": format!("registry.example.com/{name}:2.{n}"), "ports": [{"name": "http", "containerPort": 8080}],
        "resources": {"limits": {"memory": "1Gi"}}, "readinessProbe": {"periodSeconds": 10}})
    };
    let condition =
        |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": "2026-03-01T02:00:00Z"});
    json!({
        "metadata": {"name": format!("{set}-{:05}", i % 100_000), "namespace": format!("team-{:03}", n / 20), "uid": format!("{i:08x}-0000-4000-8000-{i:012x}"),
            "resourceVersion": i.to_string(), "creationTimestamp": "2026-03-01T02:00:00Z",
            "labels": {"app": format!("checkout-service-{n:04}"), "pod-template-hash": format!("{n:09x}"), "app.kubernetes.io/managed-by": "Helm"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": set, "uid": format!("{n:08x}-1111-4000-8000-{n:012x}"), "controller": true}]},
        "spec": {"nodeName": format!("node-{:04}", i % 100), "initContainers": [spec("migrate")], "containers": [spec("app"), spec("istio-proxy")],
            "volumes": [{"name": "config", "configMap": {"name": "config"}}]},
        "status": {"phase": "Running", "conditions": [condition("PodScheduled"), condition("Ready")],
            "initContainerStatuses": [status("migrate", &ended)], "containerStatuses": [status("app", &since), status("istio-proxy", &since)]},
    })
}

#[test]
fn a_healthy_pod_stays_light() {
    let (mut view, now) = (View::default(), "2026-03-01T02:30:00Z".parse::<Timestamp>().unwrap());
    let mut put = |range: std::ops::Range<u64>| {
        for i in range {
            let fact = Fact::parse(&Kind::Pod, pod(i).to_string().as_bytes()).unwrap();
            view.apply(Delta::Applied(fact), now);
        }
    };
    // The first ones bring the allocator's own beginnings.
    put(0..1_000);
    let before = resident();
    put(1_000..1_000 + PODS);
    let each = resident().saturating_sub(before) / PODS;
    println!("bench: {each} bytes a pod in the view");
    assert!(each > 100, "{each} bytes a pod cannot be");
    assert!(each <= MOST, "{each} bytes a pod");
}
