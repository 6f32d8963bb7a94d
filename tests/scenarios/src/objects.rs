//! Objects that timelines put into the cluster, and what persons do to them by hand.

use crate::timeline::Deploy;
use nightshift_model::{Kind, ObjectRef};
use serde_json::{Value, json};

/// A workload as timelines name it: `web`, `sts/ledger`, `ds/agent`.
pub(crate) fn named(namespace: &str, text: &str) -> ObjectRef {
    let (kind, name) = match text.split_once('/') {
        Some(("sts", name)) => (Kind::StatefulSet, name),
        Some(("ds", name)) => (Kind::DaemonSet, name),
        Some(_) | None => (Kind::Deployment, text),
    };
    ObjectRef::new(kind, namespace, name, "")
}

/// The workload that a `deploy` step describes.
pub(crate) fn workload(d: &Deploy) -> Value {
    let target = named(&d.namespace, &d.name);
    let mut object = deployment(&Deploy { name: target.name.clone(), ..d.clone() });
    if target.kind != Kind::Deployment {
        set(&mut object, "kind", json!(target.kind.as_str()));
        let spec = object.get_mut("spec").expect("a spec");
        for field in ["strategy", "paused"] {
            spec.as_object_mut().expect("fields").remove(field);
        }
        if let Some(strategy) = &d.strategy {
            set(spec, "updateStrategy", strategy.clone());
        }
        if target.kind == Kind::DaemonSet {
            spec.as_object_mut().expect("fields").remove("replicas");
        } else if d.parallel {
            set(spec, "podManagementPolicy", json!("Parallel"));
        }
    }
    object
}

fn deployment(d: &Deploy) -> Value {
    let mut container = json!({"name": "app", "image": d.image});
    let mut pod = json!({});
    if d.probe {
        set(&mut container, "readinessProbe", json!({"httpGet": {"path": "/ready", "port": 8080}}));
    }
    if let Some(resources) = &d.resources {
        set(&mut container, "resources", resources.clone());
    }
    if let Some(account) = &d.service_account {
        set(&mut pod, "serviceAccountName", json!(account));
    }
    set(&mut pod, "containers", json!([container]));
    if !d.volumes.is_empty() {
        set(&mut pod, "volumes", json!(d.volumes));
    }
    let strategy = match &d.strategy {
        Some(strategy) => strategy.clone(),
        None => json!({"type": "RollingUpdate"}),
    };
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": d.name, "namespace": d.namespace, "labels": merged(&d.labels, &d.name),
            "annotations": d.annotations,
        },
        "spec": {
            "replicas": d.replicas, "strategy": strategy, "paused": d.paused,
            "selector": {"matchLabels": {"app": d.name}},
            "template": {"metadata": {"labels": {"app": d.name}}, "spec": pod},
        },
    })
}

fn merged(labels: &std::collections::BTreeMap<String, String>, app: &str) -> Value {
    let mut all = labels.clone();
    all.insert("app".to_owned(), app.to_owned());
    json!(all)
}

fn set(object: &mut Value, field: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
}

/// What `kubectl set image` sends, as a JSON Patch.
pub(crate) fn set_image(image: &str) -> Value {
    json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}])
}

/// What `kubectl rollout undo` sends: the template of a ReplicaSet, and its annotations in place of all that stand on
/// the Deployment. Source: k8s.io/kubectl `pkg/polymorphichelpers/rollback.go`.
pub(crate) fn undo(replica_set: &Value) -> Value {
    let mut template = replica_set.pointer("/spec/template").cloned().unwrap_or(Value::Null);
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove("pod-template-hash");
    }
    let mut annotations = replica_set.pointer("/metadata/annotations").cloned().unwrap_or_else(|| json!({}));
    if let Some(all) = annotations.as_object_mut() {
        all.retain(|name, _| !name.starts_with("deployment.kubernetes.io/"));
    }
    json!([
        {"op": "replace", "path": "/spec/template", "value": template},
        {"op": "add", "path": "/metadata/annotations", "value": annotations},
    ])
}
