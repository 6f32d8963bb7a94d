//! Jobs: retries, the end, and what the API server adds to one and refuses of another's.

use super::*;
use crate::Program;

const JOBS: &str = "/apis/batch/v1/namespaces/shop/jobs";
const SYNC: &str = "/apis/batch/v1/namespaces/shop/jobs/sync";

fn job(name: &str, more: &Value) -> Value {
    let mut object = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"backoffLimit": 1, "template": {"spec": {"restartPolicy": "Never",
            "containers": [{"name": "app", "image": "sync:1"}]}}}});
    for (field, value) in more.as_object().unwrap() {
        object["spec"][field] = value.clone();
    }
    object
}

fn says(sim: &Sim, condition: &str) -> bool {
    let live = sim.get(SYNC).unwrap();
    let all = live["status"]["conditions"].as_array().cloned().unwrap_or_default();
    all.iter().any(|c| c["type"] == condition && c["status"] == "True")
}

#[test]
fn a_job_retries_with_a_pause_and_then_has_failed_for_good() {
    let mut sim = Sim::new(7, at(0));
    sim.program("sync:1", Program::exits(2, 1));
    sim.apply(job("sync", &json!({})), at(0)).unwrap();
    sim.tick(at(5));
    assert_eq!(sim.get_all(PODS).len(), 1, "the second waits for ten seconds");
    assert!(!says(&sim, "Failed"));
    sim.tick(at(60));
    assert_eq!(sim.get_all(PODS).len(), 2);
    assert!(says(&sim, "Failed") && says(&sim, "FailureTarget") && !says(&sim, "Complete"));
    let live = sim.get(SYNC).unwrap();
    assert_eq!((&live["status"]["failed"], live["status"].get("active")), (&json!(2), None));
    sim.program("sync:1", Program::exits(2, 0));
    sim.tick(at(600));
    assert_eq!(sim.get_all(PODS).len(), 2, "what has failed for good is not taken up again");
}

#[test]
fn a_job_is_complete_when_its_pod_succeeds_and_its_pods_go_with_it() {
    let mut sim = Sim::new(7, at(0));
    sim.program("sync:1", Program::exits(2, 0));
    sim.apply(job("sync", &json!({})), at(0)).unwrap();
    sim.tick(at(1));
    assert_eq!(sim.get(SYNC).unwrap()["status"]["active"], 1);
    sim.tick(at(30));
    assert!(says(&sim, "Complete") && !says(&sim, "Failed"));
    assert_eq!(sim.get(SYNC).unwrap()["status"]["succeeded"], 1);
    let pod = sim.get_all(PODS).remove(0);
    let uid = sim.get(SYNC).unwrap()["metadata"]["uid"].clone();
    assert_eq!(pod["metadata"]["labels"]["batch.kubernetes.io/controller-uid"], uid);
    assert_eq!(pod["metadata"]["ownerReferences"][0]["uid"], uid);
    send(&mut sim, &ApiRequest::new(Method::Delete, SYNC, "admin"), 31);
    sim.tick(at(60));
    assert!(sim.get_all(PODS).is_empty());
}

#[test]
fn the_api_server_names_a_job_and_refuses_the_name_of_another() {
    let mut sim = Sim::new(7, at(0));
    sim.apply(job("sync", &json!({})), at(0)).unwrap();
    let first = sim.get(SYNC).unwrap();
    let uid = first["metadata"]["uid"].clone();
    assert_eq!(
        first["spec"]["selector"],
        json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}})
    );
    assert_eq!(first["metadata"]["labels"]["job-name"], "sync", "a Job without labels gets its template's");
    let same = post(&mut sim, JOBS, &job("sync", &json!({})), 1);
    assert_eq!((same.status, same.value()["reason"].as_str()), (409, Some("AlreadyExists")));
    let taken = json!({"selector": first["spec"]["selector"]});
    assert_eq!(post(&mut sim, JOBS, &job("other", &taken), 2).status, 422);
    let template = json!({"template": first["spec"]["template"]});
    assert_eq!(post(&mut sim, JOBS, &job("other", &template), 3).status, 422);
    let always = json!({"template": {"spec": {"containers": [{"name": "app", "image": "sync:1"}]}}});
    assert_eq!(post(&mut sim, JOBS, &job("other", &always), 4).status, 422);
    let dry = post(&mut sim, &format!("{JOBS}?dryRun=All"), &job("other", &json!({})), 5);
    assert_eq!(dry.status, 201);
    assert_eq!(sim.get_all(JOBS).len(), 1, "a dry run stores nothing");
}
