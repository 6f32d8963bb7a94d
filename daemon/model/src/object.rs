//! Names of things in the cluster.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The cluster itself: the uid of its kube-system namespace and the name that people gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// uid of the namespace kube-system: it binds an approval to one cluster.
    pub uid: String,
    /// `cluster.name` of the configuration.
    pub name: String,
}

/// Kinds that nightshift speaks about; anything else keeps its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the names are Kubernetes' own
pub enum Kind {
    Pod,
    Deployment,
    ReplicaSet,
    ControllerRevision,
    StatefulSet,
    DaemonSet,
    Job,
    CronJob,
    Node,
    Namespace,
    Event,
    Service,
    PersistentVolumeClaim,
    ResourceQuota,
    EndpointSlice,
    Ingress,
    HorizontalPodAutoscaler,
    PodDisruptionBudget,
    StorageClass,
    ValidatingWebhookConfiguration,
    MutatingWebhookConfiguration,
    APIService,
    /// `Kind` or `Kind.group`.
    Other(String),
}

impl Kind {
    /// The kind's name as in `kind:` of a manifest.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pod => "Pod",
            Self::Deployment => "Deployment",
            Self::ReplicaSet => "ReplicaSet",
            Self::ControllerRevision => "ControllerRevision",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
            Self::Node => "Node",
            Self::Namespace => "Namespace",
            Self::Event => "Event",
            Self::Service => "Service",
            Self::PersistentVolumeClaim => "PersistentVolumeClaim",
            Self::ResourceQuota => "ResourceQuota",
            Self::EndpointSlice => "EndpointSlice",
            Self::Ingress => "Ingress",
            Self::HorizontalPodAutoscaler => "HorizontalPodAutoscaler",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::StorageClass => "StorageClass",
            Self::ValidatingWebhookConfiguration => "ValidatingWebhookConfiguration",
            Self::MutatingWebhookConfiguration => "MutatingWebhookConfiguration",
            Self::APIService => "APIService",
            Self::Other(name) => name,
        }
    }

    /// Reads a kind's name; never fails.
    pub fn parse(text: &str) -> Self {
        match text {
            "Pod" => Self::Pod,
            "Deployment" => Self::Deployment,
            "ReplicaSet" => Self::ReplicaSet,
            "ControllerRevision" => Self::ControllerRevision,
            "StatefulSet" => Self::StatefulSet,
            "DaemonSet" => Self::DaemonSet,
            "Job" => Self::Job,
            "CronJob" => Self::CronJob,
            "Node" => Self::Node,
            "Namespace" => Self::Namespace,
            "Event" => Self::Event,
            "Service" => Self::Service,
            "PersistentVolumeClaim" => Self::PersistentVolumeClaim,
            "ResourceQuota" => Self::ResourceQuota,
            "EndpointSlice" => Self::EndpointSlice,
            "Ingress" => Self::Ingress,
            "HorizontalPodAutoscaler" => Self::HorizontalPodAutoscaler,
            "PodDisruptionBudget" => Self::PodDisruptionBudget,
            "StorageClass" => Self::StorageClass,
            "ValidatingWebhookConfiguration" => Self::ValidatingWebhookConfiguration,
            "MutatingWebhookConfiguration" => Self::MutatingWebhookConfiguration,
            "APIService" => Self::APIService,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Path prefix of the kind's API group and its plural, for the kinds whose URL we build.
    pub fn api(&self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::Pod => ("/api/v1", "pods"),
            Self::Node => ("/api/v1", "nodes"),
            Self::Namespace => ("/api/v1", "namespaces"),
            Self::Event => ("/api/v1", "events"),
            Self::Deployment => ("/apis/apps/v1", "deployments"),
            Self::ReplicaSet => ("/apis/apps/v1", "replicasets"),
            Self::ControllerRevision => ("/apis/apps/v1", "controllerrevisions"),
            Self::StatefulSet => ("/apis/apps/v1", "statefulsets"),
            Self::DaemonSet => ("/apis/apps/v1", "daemonsets"),
            Self::Job => ("/apis/batch/v1", "jobs"),
            Self::CronJob => ("/apis/batch/v1", "cronjobs"),
            Self::Service => ("/api/v1", "services"),
            Self::PersistentVolumeClaim => ("/api/v1", "persistentvolumeclaims"),
            Self::ResourceQuota => ("/api/v1", "resourcequotas"),
            Self::EndpointSlice => ("/apis/discovery.k8s.io/v1", "endpointslices"),
            Self::Ingress => ("/apis/networking.k8s.io/v1", "ingresses"),
            Self::HorizontalPodAutoscaler => ("/apis/autoscaling/v2", "horizontalpodautoscalers"),
            Self::PodDisruptionBudget => ("/apis/policy/v1", "poddisruptionbudgets"),
            Self::StorageClass => ("/apis/storage.k8s.io/v1", "storageclasses"),
            Self::ValidatingWebhookConfiguration => {
                ("/apis/admissionregistration.k8s.io/v1", "validatingwebhookconfigurations")
            }
            Self::MutatingWebhookConfiguration => {
                ("/apis/admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations")
            }
            Self::APIService => ("/apis/apiregistration.k8s.io/v1", "apiservices"),
            Self::Other(_) => return None,
        })
    }

    /// `apiVersion` of a manifest of the kind, for the kinds whose URL we build.
    pub fn api_version(&self) -> Option<&'static str> {
        let (path, _) = self.api()?;
        path.strip_prefix("/apis/").or_else(|| path.strip_prefix("/api/"))
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Self::parse(&String::deserialize(d)?))
    }
}

/// One object. `namespace` is empty for cluster-scoped kinds; `uid` is empty only when the source did not say it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// What it is.
    pub kind: Kind,
    /// Where it lives; empty for nodes and other cluster-scoped objects.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid: two objects of one name at different times differ here.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
}

impl ObjectRef {
    /// A reference from its parts.
    pub fn new(kind: Kind, namespace: &str, name: &str, uid: &str) -> Self {
        Self { kind, namespace: namespace.to_owned(), name: name.to_owned(), uid: uid.to_owned() }
    }

    /// Path of the object at the API server, without query; `None` for kinds whose URL we do not build.
    pub fn path(&self) -> Option<String> {
        let (api, plural) = self.kind.api()?;
        Some(if self.namespace.is_empty() {
            format!("{api}/{plural}/{}", self.name)
        } else {
            format!("{api}/namespaces/{}/{plural}/{}", self.namespace, self.name)
        })
    }

    /// The namespace whose owner it concerns: its own, and of a namespace that one. Empty for what has none.
    pub fn owned_in(&self) -> &str {
        if self.kind == Kind::Namespace { &self.name } else { &self.namespace }
    }

    /// Same kind, namespace and name, whatever the uid.
    pub fn same_name(&self, other: &Self) -> bool {
        (&self.kind, &self.namespace, &self.name) == (&other.kind, &other.namespace, &other.name)
    }
}

impl std::fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// ` in shop` behind what is so in a namespace, and nothing behind what is so in the whole cluster.
#[derive(Clone, Copy, Debug)]
pub struct Within<'a>(pub &'a str);

impl std::fmt::Display for Within<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " in {}", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_knows_its_path_and_reads_back() {
        let d = ObjectRef::new(Kind::Deployment, "shop", "cart", "u1");
        assert_eq!(d.path().unwrap(), "/apis/apps/v1/namespaces/shop/deployments/cart");
        assert_eq!(ObjectRef::new(Kind::Node, "", "n1", "").path().unwrap(), "/api/v1/nodes/n1");
        assert_eq!(d.to_string(), "Deployment shop/cart");
        assert_eq!(d.owned_in(), "shop");
        assert_eq!(ObjectRef::new(Kind::Namespace, "", "shop", "").owned_in(), "shop");
        let json = serde_json::to_string(&d).unwrap();
        assert_eq!(serde_json::from_str::<ObjectRef>(&json).unwrap(), d);
        assert_eq!(d.kind.api_version(), Some("apps/v1"));
        assert_eq!(Kind::Pod.api_version(), Some("v1"));
        assert_eq!(Kind::parse("Rollout").api_version(), None);
        assert_eq!(format!("closed{}", Within("shop")), "closed in shop");
        assert_eq!(format!("closed{}", Within("")), "closed");
        let other = serde_json::from_str::<Kind>("\"Rollout\"").unwrap();
        assert_eq!(other, Kind::Other("Rollout".into()));
    }
}
