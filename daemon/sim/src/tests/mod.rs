//! Tests over the public API.

mod api;
mod crash;
mod faults;
mod jobs;
mod rollout;
mod sets;
mod watches;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{ApiRequest, ApiResponse, Method, Reply, Sim, WatchId, WatchPoll};

pub(super) const WEB: &str = "/apis/apps/v1/namespaces/shop/deployments/web";
pub(super) const PODS: &str = "/api/v1/namespaces/shop/pods";
pub(super) const SETS: &str = "/apis/apps/v1/namespaces/shop/replicasets";
pub(super) const MERGE: &str = "application/merge-patch+json";
pub(super) const JSON: &str = "application/json-patch+json";
pub(super) const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// Seconds after the start of the story.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap() + SignedDuration::from_secs(seconds)
}

pub(super) fn deployment(image: &str, replicas: i64) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": image}]}}}})
}

/// A cluster with a healthy Deployment `shop/web`, at rest at second 30.
pub(super) fn healthy(replicas: i64) -> Sim {
    let mut sim = Sim::new(7, at(0));
    sim.apply(deployment("web:1", replicas), at(0)).unwrap();
    sim.tick(at(30));
    sim
}

pub(super) fn send(sim: &mut Sim, request: &ApiRequest, seconds: i64) -> ApiResponse {
    match sim.handle(request, at(seconds)) {
        Reply::Once(answer) => answer,
        Reply::Watch(_) => panic!("a watch"),
    }
}

pub(super) fn get(sim: &mut Sim, target: &str, seconds: i64) -> ApiResponse {
    send(sim, &ApiRequest::new(Method::Get, target, "nightshift"), seconds)
}

pub(super) fn patch(sim: &mut Sim, target: &str, kind: &str, body: &Value, seconds: i64) -> ApiResponse {
    send(sim, &ApiRequest::new(Method::Patch, target, "nightshift").body(kind, body), seconds)
}

pub(super) fn post(sim: &mut Sim, target: &str, body: &Value, seconds: i64) -> ApiResponse {
    send(sim, &ApiRequest::new(Method::Post, target, "nightshift").body("application/json", body), seconds)
}

pub(super) fn open(sim: &mut Sim, target: &str, seconds: i64) -> WatchId {
    match sim.handle(&ApiRequest::new(Method::Get, target, "nightshift"), at(seconds)) {
        Reply::Watch(id) => id,
        Reply::Once(answer) => panic!("{}", answer.value()),
    }
}

pub(super) fn lines(sim: &mut Sim, id: WatchId, seconds: i64) -> Vec<Value> {
    match sim.poll_watch(id, at(seconds)) {
        WatchPoll::Lines(lines) => lines.iter().map(|line| serde_json::from_slice(line).unwrap()).collect(),
        WatchPoll::Closed => panic!("closed"),
    }
}

pub(super) fn web(sim: &Sim) -> Value {
    sim.get(WEB).unwrap()
}

pub(super) fn version(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()
}

pub(super) fn condition(object: &Value, kind: &str) -> Value {
    let all = object["status"]["conditions"].as_array().unwrap();
    all.iter().find(|one| one["type"] == kind).cloned().unwrap_or(Value::Null)
}

/// The one pod of an image.
pub(super) fn pod_of(sim: &Sim, image: &str) -> Value {
    let pods = sim.get_all(PODS);
    pods.into_iter().find(|pod| pod["spec"]["containers"][0]["image"] == image).unwrap_or(Value::Null)
}

#[test]
fn same_seed_and_same_calls_give_the_same_bytes() {
    let story = |seed| {
        let mut sim = Sim::new(seed, at(0));
        sim.program("web:2", crate::Program::exits(3, 1));
        sim.apply(deployment("web:1", 3), at(0)).unwrap();
        sim.tick(at(10));
        sim.apply(deployment("web:2", 3), at(10)).unwrap();
        sim.tick(at(200));
        let mut bytes = get(&mut sim, PODS, 200).body;
        bytes.extend(get(&mut sim, "/api/v1/events", 200).body);
        bytes
    };
    assert_eq!(story(1), story(1));
    assert_ne!(story(1), story(2));
}
