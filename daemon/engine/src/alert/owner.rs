//! From the place that labels name to a live object, and from there to the workload that a person would fix. Every
//! step is read from the API server and must be agreed by both ends: a pod counts for its owner only when the uid in
//! its owner reference is the owner's and the owner's selector matches its labels.

use super::candidate::{Candidate, Place, is_name};
use crate::evidence::selector;
use crate::evidence::text;
use crate::wire::Wire;
use nightshift_model::alert::Flag;
use nightshift_model::effect::{Accept, RawPart, Read};
use nightshift_model::{Kind, ObjectRef};
use serde_json::Value;

/// What was found for a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The object that a person would fix; `None` is the cluster itself.
    pub scope: Option<ObjectRef>,
    /// What kept it from being narrower.
    pub flag: Option<Flag>,
}

/// Exporters whose own pod is never what an alert is about.
const EXPORTERS: &[&str] = &["kube-state-metrics", "node-exporter", "prometheus-node-exporter"];

/// A live object, or the flag that says why there is none.
type Live = Result<Value, Flag>;

/// Looks a candidate up. Reads only, a handful at most.
pub async fn find<W: Wire>(wire: &W, candidate: &Candidate) -> Found {
    match candidate {
        Candidate::Cluster => Found { scope: None, flag: None },
        Candidate::Object(place) => object(wire, place).await,
        Candidate::NodeOf(place) => match get(wire, place).await {
            Ok(pod) => match text(&pod, "/spec/nodeName") {
                "" => Found { scope: None, flag: Some(Flag::NotFound) },
                node => Box::pin(object(wire, &at(Kind::Node, "", node))).await,
            },
            Err(flag) => Found { scope: None, flag: Some(flag) },
        },
    }
}

async fn object<W: Wire>(wire: &W, place: &Place) -> Found {
    let live = match get(wire, place).await {
        Ok(live) => live,
        Err(flag) => return wider(wire, place, flag).await,
    };
    if place.kind == Kind::Pod {
        if EXPORTERS.contains(&text(&live, "/metadata/labels/app.kubernetes.io~1name")) {
            return Found { scope: None, flag: Some(Flag::Exporter) };
        }
        return owner(wire, place, &live).await;
    }
    if place.kind == Kind::HorizontalPodAutoscaler {
        return scaled(wire, place, &live).await;
    }
    Found { scope: Some(reference(place, &live)), flag: None }
}

/// The object is not there or cannot be read: its namespace, if that is there.
async fn wider<W: Wire>(wire: &W, place: &Place, flag: Flag) -> Found {
    if place.namespace.is_empty() {
        return Found { scope: None, flag: Some(flag) };
    }
    let namespace = at(Kind::Namespace, "", &place.namespace);
    let live = get(wire, &namespace).await.ok();
    Found { scope: live.map(|live| reference(&namespace, &live)), flag: Some(flag) }
}

/// Up from a pod: the ReplicaSet, then its Deployment; or the one controller that it has.
async fn owner<W: Wire>(wire: &W, place: &Place, pod: &Value) -> Found {
    let itself = |flag| Found { scope: Some(reference(place, pod)), flag };
    let Some(above) = controller(place, pod) else { return itself(None) };
    if above.kind == Kind::Node || above.kind.api().is_none() {
        return itself(None);
    }
    let agreed = match agree(wire, &above, pod).await {
        Ok(live) => live,
        Err(flag) => return itself(Some(flag)),
    };
    let set = Found { scope: Some(above.clone()), flag: None };
    if above.kind != Kind::ReplicaSet {
        return set;
    }
    let Some(top) = controller(&at(above.kind, &above.namespace, &above.name), &agreed) else { return set };
    if top.kind != Kind::Deployment {
        return set;
    }
    match agree(wire, &top, pod).await {
        Ok(_) => Found { scope: Some(top), flag: None },
        Err(flag) => Found { flag: Some(flag), ..set },
    }
}

/// The owner as it stands, if it is the one that was named and its selector takes the pod.
async fn agree<W: Wire>(wire: &W, owner: &ObjectRef, pod: &Value) -> Live {
    let live = get(wire, &at(owner.kind.clone(), &owner.namespace, &owner.name))
        .await
        .map_err(|flag| if flag == Flag::NotFound { Flag::NotOwned } else { flag })?;
    let takes = selector::matches(live.pointer("/spec/selector"), pod.pointer("/metadata/labels"));
    let same = !owner.uid.is_empty() && text(&live, "/metadata/uid") == owner.uid;
    if same && takes { Ok(live) } else { Err(Flag::NotOwned) }
}

/// What an autoscaler scales, if it is a workload that is there.
async fn scaled<W: Wire>(wire: &W, place: &Place, live: &Value) -> Found {
    let (kind, name) = (text(live, "/spec/scaleTargetRef/kind"), text(live, "/spec/scaleTargetRef/name"));
    let target = at(Kind::parse(kind), &place.namespace, name);
    if !matches!(target.kind, Kind::Deployment | Kind::StatefulSet) {
        return wider(wire, place, Flag::NotFound).await;
    }
    match get(wire, &target).await {
        Ok(live) => Found { scope: Some(reference(&target, &live)), flag: None },
        Err(flag) => wider(wire, place, flag).await,
    }
}

/// The controller that an object's owner references name.
fn controller(place: &Place, object: &Value) -> Option<ObjectRef> {
    let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
    let owner = owners.iter().find(|o| o.get("controller").and_then(Value::as_bool) == Some(true))?;
    let (kind, name) = (Kind::parse(text(owner, "/kind")), text(owner, "/name"));
    let namespace = if kind == Kind::Node { "" } else { &place.namespace };
    Some(ObjectRef::new(kind, namespace, name, text(owner, "/uid")))
}

/// The live object of a place. Kinds that the responder may only list are listed by name.
async fn get<W: Wire>(wire: &W, place: &Place) -> Live {
    if !is_name(&place.name) {
        return Err(Flag::NotFound); // an owner reference may hold any text
    }
    let object = ObjectRef::new(place.kind.clone(), &place.namespace, &place.name, "");
    let listed = match &place.kind {
        Kind::Pod => Some("/api/v1/namespaces/{}/pods"),
        Kind::ReplicaSet => Some("/apis/apps/v1/namespaces/{}/replicasets"),
        Kind::HorizontalPodAutoscaler => Some("/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers"),
        Kind::Deployment
        | Kind::ControllerRevision
        | Kind::StatefulSet
        | Kind::DaemonSet
        | Kind::Job
        | Kind::CronJob
        | Kind::Node
        | Kind::Namespace
        | Kind::Event
        | Kind::Service
        | Kind::PersistentVolumeClaim
        | Kind::ResourceQuota
        | Kind::EndpointSlice
        | Kind::Ingress
        | Kind::PodDisruptionBudget
        | Kind::StorageClass
        | Kind::ValidatingWebhookConfiguration
        | Kind::MutatingWebhookConfiguration
        | Kind::APIService
        | Kind::Other(_) => None,
    };
    let read = if let Some(path) = listed {
        Read::Get {
            path: path.replace("{}", &place.namespace),
            query: vec![("fieldSelector".to_owned(), format!("metadata.name={}", place.name))],
            accept: Accept::Json,
        }
    } else {
        Read::Get { path: object.path().ok_or(Flag::NotFound)?, query: Vec::new(), accept: Accept::Json }
    };
    let part = wire.read(&read).await;
    if let RawPart::Body { status: 404, .. } = part {
        return Err(Flag::NotFound);
    }
    let value: Value = part.ok().and_then(|body| serde_json::from_slice(body).ok()).ok_or(Flag::NotRead)?;
    let named = |v: &Value| {
        text(v, "/metadata/name") == place.name && text(v, "/metadata/namespace") == place.namespace
    };
    if listed.is_none() {
        return if named(&value) { Ok(value) } else { Err(Flag::NotRead) };
    }
    let items = value.get("items").and_then(Value::as_array).ok_or(Flag::NotRead)?;
    items.iter().find(|item| named(item)).cloned().ok_or(Flag::NotFound)
}

fn at(kind: Kind, namespace: &str, name: &str) -> Place {
    Place { kind, namespace: namespace.to_owned(), name: name.to_owned() }
}

fn reference(place: &Place, live: &Value) -> ObjectRef {
    ObjectRef::new(place.kind.clone(), &place.namespace, &place.name, text(live, "/metadata/uid"))
}

#[cfg(test)]
mod tests;
