//! Whether a workload's newest spec is rolled out, by what its controller says.

use super::Said;
use nightshift_model::Kind;
use serde_json::Value;

/// The controller has seen the newest spec, and every wanted replica is updated and available.
pub(super) fn rolled_out(workload: &Value, kind: &Kind) -> Said {
    let seen = number(workload, "/status/observedGeneration") >= number(workload, "/metadata/generation");
    let (done, text) = if *kind == Kind::DaemonSet {
        daemon_set(workload)
    } else if *kind == Kind::StatefulSet {
        stateful_set(workload)
    } else {
        deployment(workload)
    };
    if seen && done { Said::Holds(text) } else { Said::Fails(text) }
}

fn number(workload: &Value, pointer: &str) -> i64 {
    workload.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

fn wanted(workload: &Value) -> i64 {
    workload.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
}

fn deployment(live: &Value) -> (bool, String) {
    let wanted = wanted(live);
    let (updated, available) =
        (number(live, "/status/updatedReplicas"), number(live, "/status/availableReplicas"));
    let (total, unavailable) =
        (number(live, "/status/replicas"), number(live, "/status/unavailableReplicas"));
    let done = updated == wanted && available == wanted && total == wanted && unavailable == 0;
    (done, format!("{available} of {wanted} available, {updated} updated"))
}

/// The last step of a StatefulSet's rollout is that the newest revision becomes the current one. Nothing wanted proves
/// nothing.
fn stateful_set(live: &Value) -> (bool, String) {
    let wanted = wanted(live);
    let (updated, available) =
        (number(live, "/status/updatedReplicas"), number(live, "/status/availableReplicas"));
    let (total, ready) = (number(live, "/status/replicas"), number(live, "/status/readyReplicas"));
    let revision = |name: &str| live.pointer(name).and_then(Value::as_str);
    let one = revision("/status/currentRevision") == revision("/status/updateRevision");
    let all = [updated, available, total, ready].iter().all(|n| *n == wanted);
    (wanted > 0 && one && all, format!("{available} of {wanted} available, {updated} updated"))
}

/// On every node that should run it. No such node proves nothing.
fn daemon_set(live: &Value) -> (bool, String) {
    let count = |name: &str| number(live, &format!("/status/{name}"));
    let wanted = count("desiredNumberScheduled");
    let (updated, available) = (count("updatedNumberScheduled"), count("numberAvailable"));
    let all = [updated, available, count("currentNumberScheduled"), count("numberReady")];
    let done = wanted > 0 && all.iter().all(|n| *n == wanted) && count("numberUnavailable") == 0;
    (done, format!("{available} of {wanted} available, {updated} updated"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn holds(live: &Value, kind: &Kind) -> bool {
        matches!(rolled_out(live, kind), Said::Holds(_))
    }

    #[test]
    fn a_stateful_set_is_rolled_out_when_its_newest_revision_is_the_current_one_everywhere() {
        let good = json!({"metadata": {"generation": 3}, "spec": {"replicas": 3}, "status": {"observedGeneration": 3,
            "replicas": 3, "readyReplicas": 3, "availableReplicas": 3, "updatedReplicas": 3,
            "currentRevision": "db-2", "updateRevision": "db-2"}});
        assert!(holds(&good, &Kind::StatefulSet));
        for (pointer, value) in [
            ("/metadata/generation", json!(4)),
            ("/spec/replicas", json!(4)),
            ("/spec/replicas", json!(0)),
            ("/status/replicas", json!(4)),
            ("/status/readyReplicas", json!(2)),
            ("/status/availableReplicas", json!(2)),
            ("/status/updatedReplicas", json!(1)),
            ("/status/currentRevision", json!("db-1")),
            ("/status", json!({})),
        ] {
            let mut other = good.clone();
            *other.pointer_mut(pointer).unwrap() = value;
            assert!(!holds(&other, &Kind::StatefulSet), "{pointer}: {other}");
        }
        let mut none = good;
        none["spec"]["replicas"] = json!(0);
        none["status"] =
            json!({"observedGeneration": 3, "currentRevision": "db-2", "updateRevision": "db-2"});
        assert!(!holds(&none, &Kind::StatefulSet), "nothing wanted proves nothing");
    }

    #[test]
    fn a_daemon_set_is_rolled_out_when_every_node_runs_its_newest_revision() {
        let good = json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 2,
            "desiredNumberScheduled": 2, "currentNumberScheduled": 2, "updatedNumberScheduled": 2,
            "numberReady": 2, "numberAvailable": 2, "numberMisscheduled": 0}});
        assert_eq!(
            rolled_out(&good, &Kind::DaemonSet),
            Said::Holds("2 of 2 available, 2 updated".to_owned())
        );
        for (field, value) in [
            ("observedGeneration", 1),
            ("desiredNumberScheduled", 3),
            ("desiredNumberScheduled", 0),
            ("currentNumberScheduled", 1),
            ("updatedNumberScheduled", 1),
            ("numberReady", 1),
            ("numberAvailable", 1),
            ("numberUnavailable", 1),
        ] {
            let mut other = good.clone();
            other["status"][field] = json!(value);
            assert!(!holds(&other, &Kind::DaemonSet), "{field}: {value}");
        }
        assert!(!holds(&json!({}), &Kind::DaemonSet), "no node should run it");
    }
}
