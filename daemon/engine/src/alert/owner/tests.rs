//! Every step of the way from a label to a workload, and every way to lie about it.

use super::*;
use crate::wire::HttpWrite;
use nightshift_model::{NotChecked, Timestamp};
use serde_json::json;
use std::collections::BTreeMap;
use std::future::Future as _;

/// An API server of a few objects by path; lists are found by the name in their field selector.
struct Few {
    objects: BTreeMap<String, Value>,
    forbidden: &'static str,
}

impl Wire for Few {
    async fn read(&self, read: &Read) -> RawPart {
        let Read::Get { path, query, .. } = read else { panic!("only the API server is asked") };
        let answer =
            |status, body: Value| RawPart::Body { status, body: body.to_string().into(), cut: false };
        if !self.forbidden.is_empty() && path.contains(self.forbidden) {
            return answer(403, json!({"reason": "Forbidden"}));
        }
        match query.first() {
            Some((_, selector)) => {
                let name = selector.strip_prefix("metadata.name=").unwrap();
                let item = self.objects.get(&format!("{path}/{name}"));
                answer(200, json!({"items": item.into_iter().collect::<Vec<_>>()}))
            }
            None => match self.objects.get(path) {
                Some(object) => answer(200, object.clone()),
                None => answer(404, json!({"reason": "NotFound"})),
            },
        }
    }
    async fn write(&self, _: &HttpWrite) -> RawPart {
        RawPart::Failed { why: NotChecked::Unreachable, detail: "an alert never writes".to_owned() }
    }
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }
}

fn object(namespace: &str, name: &str, uid: &str, owner: Option<(&str, &str, &str)>, spec: &Value) -> Value {
    let owners: Vec<Value> = owner
        .map(|(kind, name, uid)| json!({"kind": kind, "name": name, "uid": uid, "controller": true}))
        .into_iter()
        .collect();
    json!({"metadata": {"namespace": namespace, "name": name, "uid": uid, "labels": {"app": "cart"}, "ownerReferences": owners}, "spec": spec})
}

fn cart() -> Value {
    json!({"selector": {"matchLabels": {"app": "cart"}}})
}

fn cluster() -> Few {
    let namespace = json!({"metadata": {"name": "shop", "uid": "ns"}});
    let node = json!({"metadata": {"name": "n1", "uid": "node"}});
    let hpa = json!({"scaleTargetRef": {"kind": "Deployment", "name": "cart"}});
    let objects = [
        ("/api/v1/namespaces/shop", namespace.clone().replaced("/metadata/namespace", "")),
        ("/api/v1/nodes/n1", node),
        (
            "/api/v1/namespaces/shop/pods/cart-1",
            object("shop", "cart-1", "p", Some(("ReplicaSet", "cart-a", "rs")), &json!({"nodeName": "n1"})),
        ),
        (
            "/apis/apps/v1/namespaces/shop/replicasets/cart-a",
            object("shop", "cart-a", "rs", Some(("Deployment", "cart", "d")), &cart()),
        ),
        ("/apis/apps/v1/namespaces/shop/deployments/cart", object("shop", "cart", "d", None, &cart())),
        (
            "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/cart",
            object("shop", "cart", "h", None, &hpa),
        ),
        ("/api/v1/namespaces/shop/pods/alone", object("shop", "alone", "p2", None, &json!({}))),
        (
            "/api/v1/namespaces/shop/pods/db-0",
            object("shop", "db-0", "p3", Some(("StatefulSet", "db", "s")), &json!({})),
        ),
        ("/apis/apps/v1/namespaces/shop/statefulsets/db", object("shop", "db", "s", None, &cart())),
    ];
    Few { objects: objects.map(|(path, o)| (path.to_owned(), o)).into(), forbidden: "" }
}

trait Replaced {
    fn replaced(self, pointer: &str, with: &str) -> Self;
}

impl Replaced for Value {
    fn replaced(mut self, pointer: &str, with: &str) -> Self {
        if let Some(place) = self.pointer_mut(pointer) {
            *place = json!(with);
        }
        self
    }
}

fn of(few: &Few, kind: Kind, namespace: &str, name: &str) -> String {
    said(few, &Candidate::Object(at(kind, namespace, name)))
}

fn said(few: &Few, candidate: &Candidate) -> String {
    // Nothing here waits, so one poll answers.
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(found) = std::pin::pin!(find(few, candidate)).poll(&mut context) else {
        panic!("a read that waits")
    };
    let scope = found.scope.map_or_else(|| "cluster".to_owned(), |s| format!("{s} ({})", s.uid));
    found.flag.map_or_else(|| scope.clone(), |flag| format!("{scope}, {}", flag.as_str()))
}

#[test]
fn labels_lead_to_the_owning_workload() {
    let few = cluster();
    let hpa = Kind::HorizontalPodAutoscaler;
    assert_eq!(of(&few, Kind::Pod, "shop", "cart-1"), "Deployment shop/cart (d)");
    assert_eq!(of(&few, Kind::Deployment, "shop", "cart"), "Deployment shop/cart (d)");
    assert_eq!(of(&few, hpa, "shop", "cart"), "Deployment shop/cart (d)");
    assert_eq!(of(&few, Kind::Pod, "shop", "alone"), "Pod shop/alone (p2)");
    assert_eq!(of(&few, Kind::Pod, "shop", "db-0"), "StatefulSet shop/db (s)");
    assert_eq!(of(&few, Kind::Node, "", "n1"), "Node n1 (node)");
    assert_eq!(said(&few, &Candidate::NodeOf(at(Kind::Pod, "shop", "cart-1"))), "Node n1 (node)");
    assert_eq!(said(&few, &Candidate::Cluster), "cluster");
}

#[test]
fn what_is_not_there_chooses_nothing() {
    let few = cluster();
    assert_eq!(of(&few, Kind::Pod, "shop", "ghost"), "Namespace shop (ns), not-found");
    assert_eq!(of(&few, Kind::Pod, "ghost", "cart-1"), "cluster, not-found");
    assert_eq!(of(&few, Kind::Deployment, "shop", "ghost"), "Namespace shop (ns), not-found");
    assert_eq!(of(&few, Kind::Node, "", "ghost"), "cluster, not-found");
    let blind = Few { forbidden: "pods", ..cluster() };
    assert_eq!(of(&blind, Kind::Pod, "shop", "cart-1"), "Namespace shop (ns), not-read");
}

#[test]
fn an_owner_that_does_not_agree_owns_nothing() {
    const POD: &str = "/api/v1/namespaces/shop/pods/cart-1";
    const SET: &str = "/apis/apps/v1/namespaces/shop/replicasets/cart-a";
    const TOP: &str = "/apis/apps/v1/namespaces/shop/deployments/cart";
    let set = "ReplicaSet shop/cart-a (rs), not-owned";
    let pod = "Pod shop/cart-1 (p), not-owned";
    let lies = [
        ("the pod names a ReplicaSet by another uid", POD, "/metadata/ownerReferences/0/uid", "x", pod),
        ("the pod names one that is not there", POD, "/metadata/ownerReferences/0/name", "ghost", pod),
        ("the pod's owner is a path", POD, "/metadata/ownerReferences/0/name", "../../../secrets/x", pod),
        ("the pod has not the labels", POD, "/metadata/labels/app", "other", pod),
        ("the ReplicaSet names another Deployment", SET, "/metadata/ownerReferences/0/uid", "x", set),
        ("the Deployment does not choose the pod", TOP, "/spec/selector/matchLabels/app", "other", set),
    ];
    for (lie, path, pointer, with, expected) in lies {
        let mut few = cluster();
        let object = few.objects.remove(path).unwrap().replaced(pointer, with);
        few.objects.insert(path.to_owned(), object);
        assert_eq!(of(&few, Kind::Pod, "shop", "cart-1"), expected, "{lie}");
    }
    let mut few = cluster();
    let object = few.objects.remove(POD).unwrap();
    let mut labelled = object.clone();
    labelled["metadata"]["labels"]["app.kubernetes.io/name"] = json!("kube-state-metrics");
    few.objects.insert(POD.to_owned(), labelled);
    assert_eq!(of(&few, Kind::Pod, "shop", "cart-1"), "cluster, exporter");
}
