//! What labels name, and what they cannot name.

use super::*;
use crate::alert::known::{known, table};

fn labels(text: &str) -> BTreeMap<String, String> {
    let pair = |p: &str| p.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()));
    text.split_whitespace().filter_map(pair).collect()
}

fn said(candidate: &Candidate) -> String {
    match candidate {
        Candidate::Object(p) => format!("{} {}/{}", p.kind, p.namespace, p.name),
        Candidate::NodeOf(p) => format!("node of {} {}/{}", p.kind, p.namespace, p.name),
        Candidate::Cluster => "cluster".to_owned(),
    }
}

#[test]
fn labels_lead_to_the_object_that_the_table_says() {
    let table = [
        ("KubePodCrashLooping", "namespace=shop pod=cart-1 container=app", "Pod shop/cart-1"),
        ("KubePodCrashLooping", "namespace=shop deployment=cart", "Namespace /shop"),
        ("KubePodCrashLooping", "container=app", "cluster"),
        ("KubeDeploymentRolloutStuck", "namespace=shop deployment=cart pod=ksm", "Deployment shop/cart"),
        ("KubeStatefulSetReplicasMismatch", "namespace=shop statefulset=db", "StatefulSet shop/db"),
        ("KubeDaemonSetRolloutStuck", "namespace=kube-system daemonset=cni", "DaemonSet kube-system/cni"),
        ("KubeJobFailed", "namespace=shop job_name=night job=kube-state-metrics", "Job shop/night"),
        ("KubeHpaMaxedOut", "namespace=shop horizontalpodautoscaler=c", "HorizontalPodAutoscaler shop/c"),
        ("KubeNodeNotReady", "node=n1 instance=10.0.0.1:8080", "Node /n1"),
        ("NodeClockSkewDetected", "instance=n1 namespace=monitoring pod=exporter", "Node /n1"),
        ("NodeClockSkewDetected", "instance=10.0.0.1:9100", "cluster"),
        ("NodeNetworkInterfaceFlapping", "namespace=mon pod=exp-1 device=eth0", "node of Pod mon/exp-1"),
        ("KubePersistentVolumeFillingUp", "namespace=shop persistentvolumeclaim=data", "Namespace /shop"),
        ("KubeAPIDown", "namespace=shop pod=cart-1", "cluster"),
        (
            "KubePodNotReady",
            "namespace=mon pod=ksm exported_namespace=shop exported_pod=cart-1",
            "Pod shop/cart-1",
        ),
        ("CheckoutSlow", "namespace=shop pod=cart-1", "Pod shop/cart-1"),
        ("CheckoutSlow", "namespace=shop service=cart", "Namespace /shop"),
        ("CheckoutSlow", "team=shop", "cluster"),
    ];
    for (name, text, expected) in table {
        assert_eq!(said(&candidate(known(name), &labels(text))), expected, "{name} {text}");
    }
}

#[test]
fn every_default_alert_leads_somewhere_with_its_own_labels() {
    for known in table().values() {
        let own = known.labels.split(',').filter(|l| *l != "-");
        let own: BTreeMap<String, String> = own.map(|l| (l.to_owned(), format!("a-{}", l.len()))).collect();
        let told = candidate(Some(known), &own);
        let object = known.means.kind().is_some();
        assert_eq!(told != Candidate::Cluster, object, "{}: {told:?}", known.name);
    }
}

#[test]
fn what_can_be_no_name_names_nothing() {
    let bad = [
        "../../secrets/x",
        "a b",
        "Cart",
        "-a",
        "a-",
        "",
        "a/b",
        "a?x=1",
        "a%2fb",
        "a\u{202e}b",
        "a\n",
        "ä",
        "a\"} or vector(1)",
        "up{job=~\".*\"}",
    ];
    for name in bad.map(str::to_owned).into_iter().chain(["x".repeat(10_240), "x".repeat(254)]) {
        let labels: BTreeMap<String, String> =
            [("namespace".to_owned(), "shop".to_owned()), ("pod".to_owned(), name.clone())].into();
        assert_eq!(said(&candidate(known("KubePodCrashLooping"), &labels)), "Namespace /shop", "{name:.40}");
        let labels: BTreeMap<String, String> = [("namespace".to_owned(), name.clone())].into();
        assert_eq!(said(&candidate(None, &labels)), "cluster", "{name:.40}");
    }
}
