//! The normal form of a Kubernetes object: what is left when everything is taken away that changes without effect.

use nightshift_model::{Digest, digest_of};
use serde_json::{Map, Value};

/// Annotation that carries our mark while an operation runs.
pub const CLAIM: &str = "nightshift.dev/claim";

/// Annotations that move by themselves: our mark, and the numbers that the Deployment controller and, for a DaemonSet,
/// the API server count up.
const MOVING: [&str; 3] =
    [CLAIM, "deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation"];

/// Fields of `metadata` that every write moves.
const COUNTERS: [&str; 4] = ["resourceVersion", "generation", "managedFields", "selfLink"];

/// Label by which a ReplicaSet's template differs from the Deployment's.
const TEMPLATE_HASH: &str = "pod-template-hash";

/// The normal form of an object.
///
/// Left out: `status`; of `metadata` the `resourceVersion`, `generation`, `managedFields` and `selfLink`; of its
/// annotations our mark and the numbers that controllers count up; `creationTimestamp: null` of any `metadata`; and
/// `metadata`, `labels` and `annotations` that hold nothing. Everything else stays, lists in their order, so
/// `kubectl.kubernetes.io/last-applied-configuration` counts too: no write of ours moves it.
pub fn normal(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(top) = object.as_object_mut() {
        top.remove("status");
        if let Some(metadata) = top.get_mut("metadata").and_then(Value::as_object_mut) {
            for field in COUNTERS {
                metadata.remove(field);
            }
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
                for name in MOVING {
                    annotations.remove(name);
                }
            }
        }
    }
    tidy(&mut object);
    object
}

/// SHA-256 of the normal form of `spec`. `autoscaled` leaves out `replicas`, which an autoscaler owns.
pub fn spec_digest(object: &Value, autoscaled: bool) -> Digest {
    let mut spec = object.get("spec").cloned().unwrap_or(Value::Null);
    tidy(&mut spec);
    if autoscaled && let Some(fields) = spec.as_object_mut() {
        fields.remove("replicas");
    }
    digest_of("nightshift/spec/v1", &spec)
}

/// The normal form of a pod template: without the label that a ReplicaSet adds to it.
pub fn template(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(TEMPLATE_HASH);
    }
    tidy(&mut template);
    template
}

/// SHA-256 of a pod template's normal form: equal for a Deployment and for the ReplicaSet of that revision.
pub fn template_digest(pod_template: &Value) -> Digest {
    digest_of("nightshift/template/v1", &template(pod_template))
}

/// Drops `creationTimestamp: null` and then empty `labels`, `annotations` and `metadata`, at every depth.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                tidy(field);
                if name == "metadata"
                    && let Some(metadata) = field.as_object_mut()
                {
                    if metadata.get("creationTimestamp").is_some_and(Value::is_null) {
                        metadata.remove("creationTimestamp");
                    }
                    drop_empty(metadata, "labels");
                    drop_empty(metadata, "annotations");
                }
            }
            drop_empty(fields, "metadata");
        }
        Value::Array(entries) => entries.iter_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn drop_empty(fields: &mut Map<String, Value>, name: &str) {
    if fields.get(name).is_some_and(|f| f.is_null() || f.as_object().is_some_and(Map::is_empty)) {
        fields.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_moves_without_effect_is_left_out() {
        let before = json!({
            "metadata": {"name": "cart", "uid": "u1", "resourceVersion": "1", "generation": 3,
                "annotations": {"deployment.kubernetes.io/revision": "3"},
                "managedFields": [{"manager": "kubectl"}]},
            "spec": {"replicas": 2, "template": {"metadata": {"creationTimestamp": null, "labels": {"app": "cart"}}}},
            "status": {"replicas": 2},
        });
        let after = json!({
            "metadata": {"name": "cart", "uid": "u1", "resourceVersion": "9", "generation": 4,
                "annotations": {"nightshift.dev/claim": "pro-1.1:1.1"}},
            "spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": "cart"}}}},
        });
        assert_eq!(normal(&before), normal(&after));
        assert_eq!(normal(&before)["metadata"], json!({"name": "cart", "uid": "u1"}));
        let mut other = after.clone();
        other["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = json!("{}");
        assert_ne!(normal(&other), normal(&after));
    }

    #[test]
    fn replicas_count_unless_an_autoscaler_owns_them() {
        let (two, three) = (json!({"spec": {"replicas": 2}}), json!({"spec": {"replicas": 3}}));
        assert_ne!(spec_digest(&two, false), spec_digest(&three, false));
        assert_eq!(spec_digest(&two, true), spec_digest(&three, true));
        assert_ne!(spec_digest(&json!({}), true), spec_digest(&three, true));
    }

    #[test]
    fn a_revision_has_one_digest_in_deployment_and_replica_set() {
        let deployment = json!({"metadata": {"creationTimestamp": null, "labels": {"app": "cart"}},
            "spec": {"containers": [{"name": "a"}, {"name": "b"}]}});
        let replica_set = json!({"metadata": {"labels": {"app": "cart", "pod-template-hash": "5d4f"}},
            "spec": {"containers": [{"name": "a"}, {"name": "b"}]}});
        assert_eq!(template_digest(&deployment), template_digest(&replica_set));
        let swapped = json!({"metadata": {"labels": {"app": "cart"}},
            "spec": {"containers": [{"name": "b"}, {"name": "a"}]}});
        assert_ne!(template_digest(&deployment), template_digest(&swapped));
    }
}
