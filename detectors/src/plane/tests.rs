use super::*;
use crate::facts::{Fact, LabelSet};
use crate::tests::make::{at, pod};
use crate::view::Delta;

fn node(name: &str, labels: &[(&str, &str)], provider: &str) -> Fact {
    let mut node = NodeFacts { provider: provider.into(), ..NodeFacts::default() };
    (node.meta.name, node.meta.uid) = (name.into(), name.into());
    node.meta.labels.all = LabelSet(labels.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect());
    node.into()
}

fn view(facts: impl IntoIterator<Item = Fact>) -> View {
    let mut view = View::default();
    for fact in facts {
        view.apply(Delta::Applied(fact), at(0));
    }
    view.apply(Delta::Synced { kind: Kind::Node }, at(0));
    view
}

#[test]
fn a_managed_control_plane_is_known_by_its_nodes() {
    let eks = || node("n1", &[("eks.amazonaws.com/nodegroup", "a"), ("role", "web")], "aws");
    let gke = || node("n2", &[("cloud.google.com/gke-nodepool", "a")], "gce");
    let role = ("node-role.kubernetes.io/control-plane", "");
    for (facts, expected, why) in [
        (vec![eks(), node("n3", &[], "aws")], Some(Plane::Eks), "one node tells it"),
        (vec![gke()], Some(Plane::Gke), ""),
        (vec![node("n", &[("kubernetes.azure.com/cluster", "a")], "azure")], Some(Plane::Aks), ""),
        (vec![node("n", &[("node.openshift.io/os_id", "rhcos")], "")], Some(Plane::OpenShift), "hosted"),
        (vec![node("n", &[("node.openshift.io/os_id", "rhcos"), role], "")], None, "with masters of its own"),
        (vec![node("n", &[role], "k3s")], Some(Plane::K3s), "its role says nothing"),
        (vec![node("n", &[role], "")], None, "its own"),
        (vec![node("n", &[], "aws")], None, "a machine of a cloud is no control plane of it"),
        (vec![eks(), gke()], None, "two providers"),
        (vec![], None, "no node"),
    ] {
        assert_eq!(plane(&view(facts)), expected, "{why}");
    }
    let mut scheduler = pod("x", 1, 0, 0);
    (scheduler.meta.namespace, scheduler.meta.name) = ("kube-system".into(), "kube-scheduler-n1".into());
    assert_eq!(plane(&view([eks(), scheduler.into()])), None, "its scheduler is there");
    let mut unlisted = View::default();
    unlisted.apply(Delta::Applied(eks()), at(0));
    assert_eq!(plane(&unlisted), None, "the first list is not complete");
}

#[test]
fn only_what_can_never_be_true_is_muted() {
    for (alert, hosted, k3s) in [
        ("KubeSchedulerDown", true, true),
        ("KubeControllerManagerDown", true, true),
        ("etcdInsufficientMembers", true, false),
        ("etcd", false, false),
        ("etcdbackup", false, false),
        ("KubeAPIDown", false, false),
        ("KubeletDown", false, false),
        ("kubeschedulerdown", false, false),
    ] {
        assert_eq!(Plane::Gke.mutes(alert).is_some(), hosted, "{alert}");
        assert_eq!(Plane::K3s.mutes(alert).is_some(), k3s, "{alert}");
    }
    assert!(Plane::Eks.mutes("KubeSchedulerDown").unwrap().contains("Amazon EKS"));
}

#[test]
fn a_nodes_provider_is_the_scheme_of_its_id() {
    let read = |spec: &str| {
        let json = format!(r#"{{"metadata":{{"name":"n","uid":"n"}},"spec":{spec}}}"#);
        let Some(Fact::Node(node)) = Fact::parse(&Kind::Node, json.as_bytes()) else { panic!("no node") };
        node.provider.to_string()
    };
    assert_eq!(read(r#"{"providerID":"aws:///eu-west-1a/i-0"}"#), "aws");
    assert_eq!(read(r#"{"providerID":"k3s://server"}"#), "k3s");
    assert_eq!(read(r#"{"providerID":"kind"}"#), "");
    assert_eq!(read(r#"{"providerID":7}"#), "");
    assert_eq!(read("{}"), "");
}

#[test]
fn each_provider_has_its_usual_cause_and_who_is_none_of_them_hears_all() {
    for (plane, names) in [
        (Plane::Gke, ["firewall rule", "TCP 9443"].as_slice()),
        (Plane::Eks, &["security group", "TCP 9443", "overlay network", "countersign.mode: policy"]),
        (Plane::Aks, &["konnectivity-agent"]),
        (Plane::OpenShift, &["konnectivity-agent"]),
        (Plane::K3s, &["egress-selector-mode"]),
    ] {
        let told = unreached(Some(plane), 9443);
        assert!(names.iter().all(|name| told.contains(name)) && told.starts_with(plane.name()), "{told}");
        let strange = [("GKE", Plane::Gke), ("EKS", Plane::Eks), ("AKS", Plane::Aks)];
        assert!(strange.iter().all(|(name, of)| *of == plane || !told.contains(name)), "{told}");
    }
    let all = unreached(None, 10_250);
    for name in ["GKE", "firewall rule", "EKS", "security group", "AKS", "konnectivity-agent", "TCP 10250"] {
        assert!(all.contains(name), "{name}: {all}");
    }
}
