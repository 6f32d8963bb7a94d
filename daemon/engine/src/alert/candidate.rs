//! Labels to the object that they may be about. A label chooses which object is looked up, and nothing else.

use super::known::Known;
use nightshift_model::Kind;
use std::collections::BTreeMap;

/// What an alert's labels name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// A pod.
    Pod,
    /// A Deployment.
    Deployment,
    /// A StatefulSet.
    StatefulSet,
    /// A DaemonSet.
    DaemonSet,
    /// A Job.
    Job,
    /// An autoscaler, and through it what it scales.
    Autoscaler,
    /// A node.
    Node,
    /// A node, by the `instance` that kube-prometheus' own relabelling makes of it.
    InstanceNode,
    /// The node of the pod: the pod is the exporter's.
    NodeOfPod,
    /// A namespace, and in it what nightshift does not look up.
    Namespace,
    /// No single object.
    Cluster,
    /// It fires always; its absence is the incident.
    Watchdog,
    /// It exists for Alertmanager's own sake.
    Dropped,
}

impl Means {
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "pod" => Self::Pod,
            "deployment" => Self::Deployment,
            "statefulset" => Self::StatefulSet,
            "daemonset" => Self::DaemonSet,
            "job" => Self::Job,
            "autoscaler" => Self::Autoscaler,
            "node" => Self::Node,
            "instance-node" => Self::InstanceNode,
            "node-of-pod" => Self::NodeOfPod,
            "namespace" => Self::Namespace,
            "cluster" => Self::Cluster,
            "watchdog" => Self::Watchdog,
            "dropped" => Self::Dropped,
            _ => return None,
        })
    }

    /// The labels that name it, the namespace first.
    pub fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Pod | Self::NodeOfPod => &["namespace", "pod"],
            Self::Deployment => &["namespace", "deployment"],
            Self::StatefulSet => &["namespace", "statefulset"],
            Self::DaemonSet => &["namespace", "daemonset"],
            Self::Job => &["namespace", "job_name"],
            Self::Autoscaler => &["namespace", "horizontalpodautoscaler"],
            Self::Node => &["node"],
            Self::InstanceNode => &["instance"],
            Self::Namespace => &["namespace"],
            Self::Cluster | Self::Watchdog | Self::Dropped => &[],
        }
    }

    fn kind(self) -> Option<Kind> {
        Some(match self {
            Self::Pod | Self::NodeOfPod => Kind::Pod,
            Self::Deployment => Kind::Deployment,
            Self::StatefulSet => Kind::StatefulSet,
            Self::DaemonSet => Kind::DaemonSet,
            Self::Job => Kind::Job,
            Self::Autoscaler => Kind::HorizontalPodAutoscaler,
            Self::Node | Self::InstanceNode => Kind::Node,
            Self::Namespace => Kind::Namespace,
            Self::Cluster | Self::Watchdog | Self::Dropped => return None,
        })
    }
}

/// What is tried for an alert that stands in no table, the narrowest first.
const GUESSES: &[Means] = &[
    Means::Deployment,
    Means::StatefulSet,
    Means::DaemonSet,
    Means::Job,
    Means::Autoscaler,
    Means::Pod,
    Means::Node,
    Means::Namespace,
];

/// The place that labels name. Nothing is known of it yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// What it would be.
    pub kind: Kind,
    /// Where; empty for nodes and namespaces.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// What is looked up for an alert.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Candidate {
    /// This object, and from there its owner.
    Object(Place),
    /// The node that this pod runs on.
    NodeOf(Place),
    /// No single object: the cluster itself.
    Cluster,
}

/// The candidate of an alert's labels. A name that Kubernetes could not have given names nothing.
pub fn candidate(known: Option<&Known>, labels: &BTreeMap<String, String>) -> Candidate {
    match known {
        Some(known) => place(known.means, labels).unwrap_or_else(|| {
            // The object's label is missing or is no name: the namespace is all that can be said.
            let namespaced = known.means.labels().first() == Some(&"namespace");
            namespaced.then(|| place(Means::Namespace, labels)).flatten().unwrap_or(Candidate::Cluster)
        }),
        None => GUESSES.iter().find_map(|means| place(*means, labels)).unwrap_or(Candidate::Cluster),
    }
}

fn place(means: Means, labels: &BTreeMap<String, String>) -> Option<Candidate> {
    let kind = means.kind()?;
    let (namespace, name) = match means.labels() {
        [label] => ("", value(labels, label)?),
        [namespace, label] => (value(labels, namespace)?, value(labels, label)?),
        _ => return None,
    };
    let place = Place { kind, namespace: namespace.to_owned(), name: name.to_owned() };
    Some(if means == Means::NodeOfPod { Candidate::NodeOf(place) } else { Candidate::Object(place) })
}

/// A label's value if it can be a name. Where Prometheus kept the object's own label aside (`exported_pod`), that one
/// counts: the plain one is then the exporter's.
fn value<'a>(labels: &'a BTreeMap<String, String>, label: &str) -> Option<&'a str> {
    let text = labels.get(&format!("exported_{label}")).or_else(|| labels.get(label))?;
    is_name(text).then_some(text.as_str())
}

/// Whether Kubernetes could have given this name: letters, digits, `-` and `.`, at most 253 of them.
pub(super) fn is_name(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = text.as_bytes();
    bytes.len() <= 253 && bytes.iter().all(|b| inner(*b)) && edge(bytes.first()) && edge(bytes.last())
}

#[cfg(test)]
mod tests;
