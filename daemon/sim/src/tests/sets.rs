//! StatefulSets and DaemonSets.

use super::*;
use crate::Program;

const DB: &str = "/apis/apps/v1/namespaces/shop/statefulsets/db";
const AGENT: &str = "/apis/apps/v1/namespaces/shop/daemonsets/agent";
const REVISIONS: &str = "/apis/apps/v1/namespaces/shop/controllerrevisions";

fn workload(kind: &str, name: &str, image: &str, more: &Value) -> Value {
    let mut object = json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": {"metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "app", "image": image, "readinessProbe": {"httpGet": {"port": 1}}}]}}}});
    for (field, value) in more.as_object().unwrap() {
        object["spec"][field] = value.clone();
    }
    object
}

fn set(image: &str, policy: &str) -> Value {
    workload("StatefulSet", "db", image, &json!({"replicas": 3, "podManagementPolicy": policy}))
}

fn image(template: &str) -> Value {
    json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": template}])
}

/// Name and image of the pods, in order.
fn pods(sim: &Sim) -> Vec<(String, String)> {
    let text = |pod: &Value, pointer: &str| pod.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    sim.get_all(PODS)
        .iter()
        .map(|pod| (text(pod, "/metadata/name"), text(pod, "/spec/containers/0/image")))
        .collect()
}

fn named(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(name, image)| ((*name).to_owned(), (*image).to_owned())).collect()
}

#[test]
fn a_stateful_set_makes_its_pods_in_order_and_says_when_it_is_done() {
    let mut sim = Sim::new(7, at(0));
    sim.program("db:1", Program::serves(3));
    sim.apply(set("db:1", "OrderedReady"), at(0)).unwrap();
    sim.tick(at(3));
    assert_eq!(pods(&sim), named(&[("db-0", "db:1")]), "the second waits for the first");
    sim.tick(at(30));
    let live = sim.get(DB).unwrap();
    for field in ["replicas", "readyReplicas", "availableReplicas", "updatedReplicas", "currentReplicas"] {
        assert_eq!(live["status"][field], 3, "{field}");
    }
    let [revision] = sim.get_all(REVISIONS).try_into().unwrap();
    assert_eq!(revision["revision"], 1);
    assert_eq!(revision["data"]["spec"]["template"]["$patch"], "replace");
    assert_eq!(live["status"]["updateRevision"], revision["metadata"]["name"]);
    assert_eq!(live["status"]["currentRevision"], live["status"]["updateRevision"]);
    let pod = &sim.get_all(PODS)[1];
    assert_eq!(pod["metadata"]["labels"]["controller-revision-hash"], revision["metadata"]["name"]);
    assert_eq!(pod["metadata"]["ownerReferences"][0]["uid"], live["metadata"]["uid"]);
    assert_eq!(sim.next_due(), None, "at rest");
}

/// kubernetes/kubernetes#67250: what makes a rollback of a StatefulSet different from all others.
#[test]
fn ordered_ready_waits_for_a_broken_pod_and_parallel_replaces_it() {
    for (policy, after) in [("OrderedReady", "db:2"), ("Parallel", "db:1")] {
        let mut sim = Sim::new(7, at(0));
        sim.program("db:2", Program::new(crate::Behaviour::NeverReady));
        sim.apply(set("db:1", policy), at(0)).unwrap();
        sim.tick(at(60));
        patch(&mut sim, DB, JSON, &image("db:2"), 61);
        sim.tick(at(120));
        let broken = named(&[("db-0", "db:1"), ("db-1", "db:1"), ("db-2", "db:2")]);
        assert_eq!(pods(&sim), broken, "{policy}: it stops at the highest ordinal");
        assert_ne!(
            sim.get(DB).unwrap()["status"]["currentRevision"],
            sim.get(DB).unwrap()["status"]["updateRevision"]
        );
        patch(&mut sim, DB, JSON, &image("db:1"), 121);
        sim.tick(at(180));
        let now = named(&[("db-0", "db:1"), ("db-1", "db:1"), ("db-2", after)]);
        assert_eq!(pods(&sim), now, "{policy}");
        let revisions = sim.get_all(REVISIONS);
        let numbers: Vec<i64> = revisions.iter().map(|one| one["revision"].as_i64().unwrap()).collect();
        assert_eq!(
            (numbers.len(), numbers.iter().max()),
            (2, Some(&3)),
            "an old revision is made the newest"
        );
        send(&mut sim, &ApiRequest::new(Method::Delete, &format!("{PODS}/db-2"), "bob"), 181);
        sim.tick(at(240));
        assert_eq!(
            pods(&sim).last().unwrap().1,
            "db:1",
            "{policy}: once it is deleted it comes back as it should"
        );
        let status = &sim.get(DB).unwrap()["status"];
        assert_eq!(
            (&status["updatedReplicas"], &status["currentRevision"]),
            (&json!(3), &status["updateRevision"])
        );
    }
}

#[test]
fn on_delete_and_a_partition_keep_pods_as_they_are() {
    for (strategy, changed) in [
        (json!({"type": "OnDelete"}), 0),
        (json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}), 1),
    ] {
        let mut sim = Sim::new(7, at(0));
        let mut object = set("db:1", "OrderedReady");
        object["spec"]["updateStrategy"] = strategy;
        sim.apply(object, at(0)).unwrap();
        sim.tick(at(60));
        patch(&mut sim, DB, JSON, &image("db:2"), 61);
        sim.tick(at(120));
        assert_eq!(pods(&sim).iter().filter(|(_, image)| image == "db:2").count(), changed);
    }
}

#[test]
fn a_stateful_set_shrinks_from_the_highest_ordinal_and_goes_with_all_it_made() {
    let mut sim = Sim::new(7, at(0));
    sim.apply(set("db:1", "OrderedReady"), at(0)).unwrap();
    sim.tick(at(60));
    patch(&mut sim, DB, MERGE, &json!({"spec": {"replicas": 1}}), 61);
    sim.tick(at(120));
    assert_eq!(pods(&sim), named(&[("db-0", "db:1")]));
    let refused = patch(&mut sim, DB, MERGE, &json!({"spec": {"podManagementPolicy": "Parallel"}}), 121);
    assert_eq!(refused.status, 422);
    send(&mut sim, &ApiRequest::new(Method::Delete, DB, "bob"), 122);
    sim.tick(at(180));
    assert_eq!((pods(&sim).len(), sim.get_all(REVISIONS).len()), (0, 0));
}

#[test]
fn a_daemon_set_runs_on_every_node_and_replaces_broken_pods_at_once() {
    let mut sim = Sim::new(7, at(0));
    let node = |name: &str| {
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    };
    for name in ["node-2", "node-3"] {
        sim.apply(node(name), at(0)).unwrap();
    }
    sim.program("agent:2", Program::new(crate::Behaviour::NeverReady));
    sim.apply(workload("DaemonSet", "agent", "agent:1", &json!({})), at(0)).unwrap();
    sim.tick(at(30));
    let status = |sim: &Sim, field: &str| sim.get(AGENT).unwrap()["status"][field].clone();
    for field in [
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "numberAvailable",
        "updatedNumberScheduled",
    ] {
        assert_eq!(status(&sim, field), 3, "{field}");
    }
    let templates = |sim: &Sim| {
        sim.get(AGENT).unwrap()["metadata"]["annotations"]["deprecated.daemonset.template.generation"].clone()
    };
    assert_eq!(templates(&sim), "1");
    patch(&mut sim, AGENT, JSON, &image("agent:2"), 31);
    sim.tick(at(90));
    assert_eq!(templates(&sim), "2");
    assert_eq!(pods(&sim).iter().filter(|(_, image)| image == "agent:2").count(), 1, "one at a time");
    assert_eq!(status(&sim, "numberUnavailable"), 1);
    let before: Vec<_> = sim.get_all(PODS).iter().map(|pod| pod["metadata"]["uid"].clone()).collect();
    patch(&mut sim, AGENT, JSON, &image("agent:1"), 91);
    sim.tick(at(150));
    assert_eq!(pods(&sim).iter().filter(|(_, image)| image == "agent:1").count(), 3);
    let same = sim.get_all(PODS).iter().filter(|pod| before.contains(&pod["metadata"]["uid"])).count();
    assert_eq!(same, 2, "only the broken pod was replaced");
    assert_eq!(sim.get_all(REVISIONS).len(), 2);
    assert_eq!(sim.next_due(), None, "at rest");
}

#[test]
fn what_is_not_simulated_says_so() {
    for (object, status) in [
        (workload("StatefulSet", "db", "db:1", &json!({"minReadySeconds": 5})), 501),
        (workload("StatefulSet", "db", "db:1", &json!({"volumeClaimTemplates": [{}]})), 501),
        (
            workload(
                "DaemonSet",
                "agent",
                "agent:1",
                &json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}),
            ),
            501,
        ),
        (workload("StatefulSet", "db", "db:1", &json!({"selector": {"matchLabels": {"app": "x"}}})), 422),
    ] {
        let refused = Sim::new(7, at(0)).apply(object.clone(), at(0)).unwrap_err();
        assert_eq!(refused["code"], status, "{object}");
    }
}
