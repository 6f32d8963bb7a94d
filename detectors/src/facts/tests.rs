use super::*;
use nightshift_model::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop_oneof!["\\PC{0,12}", "[0-9]{1,25}", "2026-03-01T02:00:00Z", "Running"].prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "metadata",
        "spec",
        "status",
        "name",
        "uid",
        "resourceVersion",
        "ownerReferences",
        "controller",
        "labels",
        "pod-template-hash",
        "annotations",
        "deployment.kubernetes.io/revision",
        "containers",
        "initContainers",
        "restartPolicy",
        "containerStatuses",
        "initContainerStatuses",
        "restartCount",
        "state",
        "lastState",
        "waiting",
        "running",
        "terminated",
        "startedAt",
        "finishedAt",
        "exitCode",
        "conditions",
        "type",
        "replicas",
        "involvedObject",
        "series",
        "count",
        "message",
        "x",
    ]);
    leaf.prop_recursive(6, 96, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..8)
                .prop_map(|map| map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<Value>()),
        ]
    })
}

proptest! {
    #[test]
    fn facts_are_read_from_any_json(value in any_json()) {
        prop_assert!(serde_json::from_value::<PodFacts>(value.clone()).is_ok());
        let text = value.to_string();
        for kind in Fact::KINDS {
            prop_assert!(Fact::parse(kind, text.as_bytes()).is_some(), "{kind}: {text}");
        }
    }

    #[test]
    fn one_wrong_field_costs_that_field_only(wrong in any_json()) {
        let pod = json!({
            "metadata": { "name": "p", "uid": "u", "labels": wrong, "creationTimestamp": wrong },
            "spec": { "nodeName": wrong, "containers": [wrong, { "name": "app", "image": wrong }] },
            "status": { "phase": wrong, "conditions": [wrong, { "type": "Ready", "status": "True" }],
                "containerStatuses": [wrong, { "name": "app", "restartCount": 4, "state": wrong }] },
        });
        let pod: PodFacts = serde_json::from_value(pod).unwrap();
        prop_assert_eq!((&*pod.meta.name, &*pod.meta.uid), ("p", "u"));
        prop_assert!(pod.is_ready());
        prop_assert!(pod.containers.iter().any(|c| &*c.name == "app" && c.restarts == 4));
    }
}

#[test]
fn numbers_come_as_text_too_and_never_is_no_time() {
    let pod: PodFacts = serde_json::from_value(json!({
        "metadata": { "resourceVersion": "48210137", "annotations": { "deployment.kubernetes.io/revision": "7" } },
        "status": { "containerStatuses": [{ "name": "a", "restartCount": "3", "lastState": { "terminated":
            { "exitCode": 128, "startedAt": "1970-01-01T00:00:00Z", "finishedAt": "2026-03-01T02:00:00Z" } } }] },
    }))
    .unwrap();
    assert_eq!((pod.meta.version, pod.meta.annotations.revision), (48_210_137, 7));
    let c = &pod.containers[0];
    let end = c.last.as_ref().unwrap();
    assert_eq!((c.restarts, end.started), (3, None));
    assert_eq!(end.finished, Some("2026-03-01T02:00:00Z".parse::<Timestamp>().unwrap()));
}

#[test]
fn the_controller_is_the_owner_and_keeps_its_group() {
    let owned = |api: &str, kind: &str| {
        let value = json!({ "metadata": { "namespace": "n", "ownerReferences": [
            { "apiVersion": "v1", "kind": "ConfigMap", "name": "other", "uid": "1" },
            { "apiVersion": api, "kind": kind, "name": "o", "uid": "2", "controller": true } ] } });
        serde_json::from_value::<PodFacts>(value).unwrap().meta.owner_ref().unwrap()
    };
    assert_eq!(owned("apps/v1", "ReplicaSet"), ObjectRef::new(Kind::ReplicaSet, "n", "o", "2"));
    assert_eq!(owned("v1", "Node"), ObjectRef::new(Kind::Node, "", "o", "2"));
    assert_eq!(owned("batch.volcano.sh/v1alpha1", "Job").kind, Kind::Other("Job.batch.volcano.sh".into()));
}

#[test]
fn containers_have_roles_and_wait_for_their_status() {
    let pod: PodFacts = serde_json::from_value(json!({
        "spec": { "initContainers": [{ "name": "migrate" }, { "name": "proxy", "restartPolicy": "Always" }],
            "containers": [{ "name": "app", "image": "cart:1" }, { "name": "new" }] },
        "status": { "initContainerStatuses": [{ "name": "proxy", "ready": true }],
            "containerStatuses": [{ "name": "app", "image": "mirror/cart:1", "imageID": "cart@sha256:1",
                "state": { "running": {} } }] },
    }))
    .unwrap();
    let roles: Vec<(&str, Role)> = pod.containers.iter().map(|c| (&*c.name, c.role)).collect();
    let expected =
        [("migrate", Role::Init), ("proxy", Role::Sidecar), ("app", Role::Main), ("new", Role::Main)];
    assert_eq!(roles, expected);
    assert!(pod.containers[1].ready);
    assert_eq!(pod.containers[2].state, State::Running { since: None });
    assert_eq!((&*pod.containers[2].image, &*pod.containers[2].image_id), ("cart:1", "cart@sha256:1"));
    assert_eq!(pod.containers[3].state, State::Unknown);
}

#[test]
fn an_event_is_capped_and_takes_the_newest_time() {
    let event: EventFacts = serde_json::from_value(json!({
        "message": format!("{}end", "é".repeat(900)), "type": "Warning", "count": 3, "lastTimestamp": null,
        "eventTime": "2026-03-01T02:00:00.000001Z", "series": { "count": 9, "lastObservedTime": "2026-03-01T02:05:00Z" },
        "involvedObject": { "apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "n1" },
    }))
    .unwrap();
    assert_eq!(event.message.chars().count(), MESSAGE_MAX);
    assert!(event.message.starts_with("éé") && event.message.ends_with("éend"), "{}", event.message);
    assert_eq!((event.count, event.last.unwrap().to_string().as_str()), (9, "2026-03-01T02:05:00Z"));
    assert_eq!(event.about.object(), ObjectRef::new(Kind::Node, "", "n1", ""));
    assert!(Fact::parse(&Kind::Event, b"{").is_none());
    assert!(Fact::parse(&Kind::Other("Thing.example.com".into()), b"{}").is_none());
}

#[test]
fn a_pod_stays_small() {
    let sizes = [size_of::<PodFacts>(), size_of::<Container>(), size_of::<Fact>()];
    assert!(sizes[0] <= 192 && sizes[1] <= 40 && sizes[2] == 16, "{sizes:?}");
}
