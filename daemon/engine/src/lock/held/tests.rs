//! A template, and what it may and may not gain.

use super::*;
use serde_json::json;

fn template() -> Value {
    json!({"metadata": {"labels": {"app": "cart"}}, "spec": {
        "serviceAccountName": "cart",
        "containers": [{"name": "app", "image": "a:2",
            "env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "cart", "key": "token"}}}],
            "securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}}],
        "volumes": [{"name": "data", "emptyDir": {}}, {"name": "host", "hostPath": {"path": "/var/log"}}],
    }})
}

/// The template, with one field set.
fn with(pointer: &str, value: Value) -> Value {
    let mut one = template();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match one.pointer_mut(parent).unwrap() {
        Value::Object(fields) => drop(fields.insert(name.to_owned(), value)),
        Value::Array(list) => list.push(value),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => panic!("{other}"),
    }
    one
}

#[test]
fn an_image_may_differ_and_power_may_only_shrink() {
    assert_eq!(no_more(&template(), &template()), Ok(()));
    assert_eq!(no_more(&template(), &with("/spec/containers/0/image", json!("a:1"))), Ok(()));
    let harmless = json!({"name": "helper", "image": "b", "env": [{"name": "A", "value": "b"}]});
    assert_eq!(no_more(&template(), &with("/spec/containers/-", harmless)), Ok(()));
    for (pointer, value) in [
        ("/spec/volumes", json!([])),
        ("/spec/containers/0/env", json!([])),
        ("/spec/containers/0/securityContext", json!({})),
        ("/spec/hostNetwork", json!(false)),
    ] {
        assert_eq!(no_more(&template(), &with(pointer, value)), Ok(()), "{pointer}");
    }
}

#[test]
fn what_is_new_is_named() {
    let sidecar = |context: Value| json!({"name": "helper", "image": "b", "securityContext": context});
    for (pointer, value, what) in [
        ("/spec/serviceAccountName", json!("admin"), "serviceAccountName"),
        ("/spec/serviceAccount", json!("admin"), "serviceAccount"),
        ("/spec/hostNetwork", json!(true), "namespace of the node hostNetwork"),
        ("/spec/hostPID", json!(true), "namespace of the node hostPID"),
        ("/spec/hostIPC", json!(true), "namespace of the node hostIPC"),
        ("/spec/containers/0/securityContext/privileged", json!(true), "privileged container app"),
        ("/spec/containers/0/securityContext/capabilities/add/-", json!("SYS_ADMIN"), "capability SYS_ADMIN"),
        ("/spec/containers/-", sidecar(json!({"privileged": true})), "privileged container helper"),
        (
            "/spec/initContainers",
            json!([sidecar(json!({"privileged": true}))]),
            "privileged container helper",
        ),
        ("/spec/volumes/-", json!({"name": "x", "hostPath": {"path": "/"}}), "path of the node /"),
        ("/spec/volumes/-", json!({"name": "x", "secret": {"secretName": "root"}}), "Secret root"),
        (
            "/spec/volumes/-",
            json!({"name": "x", "projected": {"sources": [{"secret": {"name": "root"}}]}}),
            "Secret root",
        ),
        (
            "/spec/volumes/-",
            json!({"name": "x", "csi": {"driver": "d", "nodePublishSecretRef": {"name": "root"}}}),
            "Secret root",
        ),
        ("/spec/containers/0/envFrom", json!([{"secretRef": {"name": "root"}}]), "Secret root"),
        (
            "/spec/containers/0/env/-",
            json!({"name": "X", "valueFrom": {"secretKeyRef": {"name": "root", "key": "k"}}}),
            "Secret root",
        ),
        ("/spec/imagePullSecrets", json!([{"name": "root"}]), "Secret root"),
    ] {
        let told = no_more(&template(), &with(pointer, value));
        assert_eq!(told, Err(Refusal::MorePower { what: what.to_owned() }), "{pointer}");
    }
}

#[test]
fn of_what_is_no_template_nothing_is_taken_for_harmless() {
    let named = |what: &str| Err(Refusal::MorePower { what: what.to_owned() });
    assert_eq!(no_more(&Value::Null, &template()), named("serviceAccountName"));
    assert_eq!(no_more(&template(), &json!("x")), named("serviceAccountName"));
}
