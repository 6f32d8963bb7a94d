//! Who runs the control plane, as far as nodes and kube-system tell. Where a provider does, or one process is all of it, scheduler and
//! controller manager have no pods, and rules that ask for them fire for ever.

use crate::facts::NodeFacts;
use crate::view::View;
use nightshift_model::Kind;
use std::collections::BTreeSet;

/// A control plane that is not there as pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Plane {
    /// Amazon EKS.
    Eks,
    /// Google GKE.
    Gke,
    /// Azure AKS.
    Aks,
    /// OpenShift, with a control plane that is hosted elsewhere.
    OpenShift,
    /// k3s: one process is all of it.
    K3s,
}

/// Whose nodes carry labels that begin so.
const LABELS: &[(&str, Plane)] = &[
    ("eks.amazonaws.com/", Plane::Eks),
    ("cloud.google.com/gke-", Plane::Gke),
    ("kubernetes.azure.com/", Plane::Aks),
    ("node.openshift.io/", Plane::OpenShift),
];
/// What a node of a control plane is labelled with.
const ROLES: &[&str] = &["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];
/// Pods of a control plane that is there.
const PARTS: &[&str] = &["kube-scheduler-", "kube-controller-manager-"];
/// Alerts that say that no scrape target of a part was found.
const ABSENT: &[&str] = &[
    "KubeSchedulerDown",
    "KubeSchedulerInstanceUnreachable",
    "KubeControllerManagerDown",
    "KubeControllerManagerInstanceUnreachable",
];

impl Plane {
    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Eks => "Amazon EKS",
            Self::Gke => "Google GKE",
            Self::Aks => "Azure AKS",
            Self::OpenShift => "OpenShift with a hosted control plane",
            Self::K3s => "k3s",
        }
    }

    /// Why an alert of this name opens nothing here, in a clause; `None` for one that may be true. The provider's etcd cannot be
    /// scraped at all; that of k3s may be.
    pub fn mutes(self, alert: &str) -> Option<String> {
        let etcd =
            alert.strip_prefix("etcd").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()));
        let hosted = match self {
            Self::Eks | Self::Gke | Self::Aks | Self::OpenShift => true,
            Self::K3s => false,
        };
        let why = if hosted {
            "its provider runs the control plane"
        } else {
            "one process is all of its control plane"
        };
        (ABSENT.contains(&alert) || (etcd && hosted))
            .then(|| format!("the cluster is {}: {why}, and nothing of it can be scraped", self.name()))
    }
}

/// What usually keeps the API server from a Pod that serves an admission webhook at this port, and what to do.
pub fn unreached(plane: Option<Plane>, port: u16) -> String {
    let (gke, eks, tunnel) = (
        format!(
            "on a private cluster it reaches nodes and Pods at 443 and 10250 alone: add a firewall rule that lets the control \
             plane's range (masterIpv4CidrBlock) reach TCP {port} of the nodes"
        ),
        format!(
            "let the cluster's security group reach TCP {port} of the nodes' and Pods' groups. Where Pods have no address of \
             the VPC (an overlay network of Calico, Cilium or Weave) it has no way to any Pod outside the host's network, and \
             this one is outside: set countersign.mode: policy"
        ),
        "it reaches Pods through a tunnel: see that the konnectivity-agent Pods in kube-system run, and that no NetworkPolicy \
         or security group cuts them off",
    );
    match plane {
        Some(Plane::Gke) => format!("Google GKE: {gke}"),
        Some(Plane::Eks) => format!("Amazon EKS: {eks}"),
        Some(plane @ (Plane::Aks | Plane::OpenShift)) => format!("{}: {tunnel}", plane.name()),
        Some(Plane::K3s) => {
            "k3s: a server that runs no agent reaches Pods only with egress-selector-mode: cluster or pod"
                .to_owned()
        }
        None => format!(
            "let the control plane reach TCP {port} of nodes and Pods. On GKE {gke}. On EKS {eks}. On AKS, and with other \
             hosted control planes, {tunnel}"
        ),
    }
}

/// The control plane, if it is one of those. A part of it that is there as a pod, or a node of its own, speaks against it; so do
/// nodes of two providers.
pub fn plane(view: &View) -> Option<Plane> {
    let part = |name: &str| PARTS.iter().any(|part| name.starts_with(part));
    if !view.synced_kind(&Kind::Node) || view.pods_in("kube-system").any(|pod| part(&pod.meta.name)) {
        return None;
    }
    let nodes = || view.all::<NodeFacts>("");
    if nodes().any(|node| &*node.provider == "k3s") {
        return Some(Plane::K3s);
    }
    let labels = || nodes().flat_map(|node| node.meta.labels.all.pairs());
    if labels().any(|(key, _)| ROLES.contains(&key)) {
        return None;
    }
    let of = |key: &str| LABELS.iter().find(|(begins, _)| key.starts_with(begins)).map(|(_, plane)| *plane);
    let told: BTreeSet<Plane> = labels().filter_map(|(key, _)| of(key)).collect();
    told.first().copied().filter(|_| told.len() == 1)
}

#[cfg(test)]
mod tests;
