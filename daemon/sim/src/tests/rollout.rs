//! Deployments, ReplicaSets, budgets.

use super::*;
use crate::Program;

fn number(object: &Value, field: &str) -> i64 {
    object["status"][field].as_i64().unwrap_or(0)
}

/// Runs second by second and hands the Deployment to a check.
fn each_second(sim: &mut Sim, from: i64, to: i64, mut check: impl FnMut(i64, &Sim)) {
    for second in from..=to {
        sim.tick(at(second));
        check(second, sim);
    }
}

#[test]
fn a_fresh_deployment_becomes_available() {
    let sim = healthy(3);
    let live = web(&sim);
    for field in ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"] {
        assert_eq!(number(&live, field), 3, "{field}");
    }
    assert_eq!(live["status"].get("unavailableReplicas"), None);
    assert_eq!(live["status"]["observedGeneration"], 1);
    assert_eq!(condition(&live, "Progressing")["reason"], "NewReplicaSetAvailable");
    assert_eq!(condition(&live, "Available")["reason"], "MinimumReplicasAvailable");
    let pod = pod_of(&sim, "web:1");
    let set = &sim.get_all(SETS)[0];
    assert_eq!(pod["metadata"]["ownerReferences"][0]["uid"], set["metadata"]["uid"]);
    assert_eq!(
        pod["metadata"]["labels"]["pod-template-hash"],
        set["metadata"]["labels"]["pod-template-hash"]
    );
    assert!(pod["status"]["containerStatuses"][0]["imageID"].as_str().unwrap().starts_with("web@sha256:"));
    assert_eq!(pod["status"]["phase"], "Running");
    assert_eq!(sim.next_due(), None, "a healthy cluster is at rest");
}

#[test]
fn a_healthy_rolling_update_keeps_availability() {
    for replicas in [1, 3, 4, 10] {
        let mut sim = healthy(replicas);
        sim.program("web:2", Program::serves(3));
        sim.apply(deployment("web:2", replicas), at(31)).unwrap();
        let floor = replicas - replicas / 4;
        let ceiling = replicas + (replicas + 3) / 4;
        each_second(&mut sim, 31, 120, |second, sim| {
            let live = web(sim);
            assert!(
                number(&live, "availableReplicas") >= floor,
                "{replicas} at {second}: {}",
                live["status"]
            );
            assert!(number(&live, "replicas") <= ceiling, "{replicas} at {second}: {}", live["status"]);
        });
        let live = web(&sim);
        assert_eq!(number(&live, "updatedReplicas"), replicas);
        assert_eq!(condition(&live, "Progressing")["reason"], "NewReplicaSetAvailable");
        assert_eq!(sim.get_all(PODS).len(), usize::try_from(replicas).unwrap());
    }
}

#[test]
fn a_rollback_reuses_its_replica_set_and_raises_its_revision() {
    let mut sim = healthy(2);
    sim.program("web:2", Program::exits(0, 1));
    sim.apply(deployment("web:2", 2), at(31)).unwrap();
    sim.tick(at(60));
    assert_eq!(number(&web(&sim), "availableReplicas"), 2, "the old revision serves on");
    assert_eq!(number(&web(&sim), "updatedReplicas"), 1);
    let first = sim
        .get_all(SETS)
        .into_iter()
        .find(|set| set["spec"]["template"]["spec"]["containers"][0]["image"] == "web:1")
        .unwrap();
    let body = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "web:1"}]);
    patch(&mut sim, WEB, JSON, &body, 61);
    sim.tick(at(70));
    let sets = sim.get_all(SETS);
    assert_eq!(sets.len(), 2);
    let again = sets.iter().find(|set| set["metadata"]["uid"] == first["metadata"]["uid"]).unwrap();
    assert_eq!(again["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "3");
    assert_eq!(web(&sim)["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "3");
    assert_eq!(number(&web(&sim), "updatedReplicas"), 2);
    assert_eq!(condition(&web(&sim), "Progressing")["reason"], "NewReplicaSetAvailable");
}

#[test]
fn annotations_reach_the_replica_set_but_not_all() {
    let mut sim = Sim::new(1, at(0));
    let mut object = deployment("web:1", 1);
    object["metadata"]["annotations"] =
        json!({"team": "shop", "kubectl.kubernetes.io/last-applied-configuration": "{}"});
    sim.apply(object, at(0)).unwrap();
    sim.tick(at(10));
    let notes = &sim.get_all(SETS)[0]["metadata"]["annotations"];
    assert_eq!(notes["team"], "shop");
    assert_eq!(notes.get("kubectl.kubernetes.io/last-applied-configuration"), None);
    assert_eq!(notes["deployment.kubernetes.io/desired-replicas"], "1");
    assert_eq!(notes["deployment.kubernetes.io/max-replicas"], "2");
}

#[test]
fn a_stuck_rollout_exceeds_its_deadline_once() {
    let mut sim = healthy(2);
    sim.program("web:2", Program::new(crate::Behaviour::NeverReady));
    let mut object = deployment("web:2", 2);
    object["spec"]["progressDeadlineSeconds"] = json!(60);
    sim.apply(object, at(31)).unwrap();
    sim.tick(at(80));
    assert_eq!(condition(&web(&sim), "Progressing")["status"], "True");
    sim.tick(at(110));
    let stuck = condition(&web(&sim), "Progressing");
    assert_eq!((&stuck["reason"], &stuck["status"]), (&json!("ProgressDeadlineExceeded"), &json!("False")));
    sim.tick(at(300));
    assert_eq!(condition(&web(&sim), "Progressing"), stuck);
    sim.program("web:2", Program::serves(1));
    sim.tick(at(320));
    assert_eq!(condition(&web(&sim), "Progressing")["reason"], "NewReplicaSetAvailable");
}

#[test]
fn recreate_has_no_two_revisions_at_once() {
    let mut sim = Sim::new(1, at(0));
    let make = |image: &str| {
        let mut object = deployment(image, 2);
        object["spec"]["strategy"] = json!({"type": "Recreate"});
        object
    };
    sim.apply(make("web:1"), at(0)).unwrap();
    sim.tick(at(10));
    sim.apply(make("web:2"), at(11)).unwrap();
    each_second(&mut sim, 11, 30, |_, sim| {
        let images: std::collections::BTreeSet<_> =
            sim.get_all(PODS).iter().map(|pod| pod["spec"]["containers"][0]["image"].to_string()).collect();
        assert!(images.len() <= 1);
    });
    assert_eq!(number(&web(&sim), "updatedReplicas"), 2);
}

#[test]
fn pause_min_ready_and_history() {
    let mut sim = healthy(2);
    patch(&mut sim, WEB, MERGE, &json!({"spec": {"paused": true}}), 31);
    sim.tick(at(32));
    let body = json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}}});
    patch(&mut sim, WEB, STRATEGIC, &body, 33);
    sim.tick(at(50));
    assert_eq!(condition(&web(&sim), "Progressing")["reason"], "DeploymentPaused");
    assert_eq!(sim.get_all(SETS).len(), 1);
    patch(
        &mut sim,
        WEB,
        MERGE,
        &json!({"spec": {"paused": false, "minReadySeconds": 20, "revisionHistoryLimit": 1}}),
        51,
    );
    sim.tick(at(58));
    assert_eq!(number(&web(&sim), "updatedReplicas"), 1, "the first new pod is not available yet");
    sim.tick(at(120));
    assert_eq!(condition(&web(&sim), "Progressing")["reason"], "NewReplicaSetAvailable");
    for image in ["web:3", "web:4"] {
        let second = if image == "web:3" { 121 } else { 221 };
        patch(
            &mut sim,
            WEB,
            JSON,
            &json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}]),
            second,
        );
        sim.tick(at(second + 90));
    }
    assert_eq!(sim.get_all(SETS).len(), 2);
}

#[test]
fn scaling_and_deleting() {
    let mut sim = healthy(2);
    patch(&mut sim, WEB, MERGE, &json!({"spec": {"replicas": 5}}), 31);
    sim.tick(at(40));
    assert_eq!(number(&web(&sim), "availableReplicas"), 5);
    patch(&mut sim, WEB, MERGE, &json!({"spec": {"replicas": 1}}), 41);
    sim.tick(at(50));
    assert_eq!(sim.get_all(PODS).len(), 1);
    let answer = send(&mut sim, &ApiRequest::new(Method::Delete, WEB, "nightshift"), 51);
    assert_eq!((answer.status, answer.value()["status"].as_str()), (200, Some("Success")));
    sim.tick(at(60));
    assert!(sim.get_all(SETS).is_empty() && sim.get_all(PODS).is_empty());
    let reasons: Vec<_> = sim.get_all("/api/v1/events").iter().map(|one| one["reason"].to_string()).collect();
    for reason in
        ["Scheduled", "Pulled", "Created", "Started", "Killing", "SuccessfulCreate", "ScalingReplicaSet"]
    {
        assert!(reasons.contains(&format!("\"{reason}\"")), "{reason}");
    }
}

#[test]
fn an_eviction_respects_the_budget() {
    let mut sim = healthy(2);
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}});
    sim.apply(budget, at(31)).unwrap();
    let names: Vec<_> =
        sim.get_all(PODS).iter().map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect();
    let mut evict = |name: &str| {
        let body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}});
        post(&mut sim, &format!("{PODS}/{name}/eviction"), &body, 32)
    };
    assert_eq!(evict(&names[0]).status, 201);
    let refused = evict(&names[1]);
    assert_eq!((refused.status, refused.value()["reason"].as_str()), (429, Some("TooManyRequests")));
    assert_eq!(refused.value()["details"]["causes"][0]["reason"], "DisruptionBudget");
    sim.tick(at(60));
    let budget = sim.get("/apis/policy/v1/namespaces/shop/poddisruptionbudgets/web").unwrap();
    assert_eq!((number(&budget, "currentHealthy"), number(&budget, "disruptionsAllowed")), (2, 1));
}

#[test]
fn a_cordoned_node_leaves_pods_pending() {
    let mut sim = healthy(1);
    patch(&mut sim, "/api/v1/nodes/node-1", MERGE, &json!({"spec": {"unschedulable": true}}), 31);
    patch(&mut sim, WEB, MERGE, &json!({"spec": {"replicas": 2}}), 31);
    sim.tick(at(40));
    let pending: Vec<_> =
        sim.get_all(PODS).into_iter().filter(|pod| pod["status"]["phase"] == "Pending").collect();
    assert_eq!(condition(&pending[0], "PodScheduled")["reason"], "Unschedulable");
    patch(&mut sim, "/api/v1/nodes/node-1", MERGE, &json!({"spec": {"unschedulable": null}}), 41);
    sim.tick(at(50));
    assert_eq!(number(&web(&sim), "availableReplicas"), 2);
}
