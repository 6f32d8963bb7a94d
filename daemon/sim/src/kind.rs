//! The kinds that the simulator knows. Everything else answers 501.

/// When a write bumps `metadata.generation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// The kind has no generation.
    Never,
    /// A change of anything but metadata and status.
    Spec,
    /// As `Spec`, or a change of annotations (apps/v1 Deployment).
    SpecOrAnnotations,
}

/// What a PUT may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// Replaces without a resourceVersion too.
    Unconditional,
    /// Needs a resourceVersion, else 422.
    Versioned,
    /// Creates the object when it is missing.
    Creates,
}

/// One kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// API group, "" for core.
    pub group: &'static str,
    /// API version.
    pub version: &'static str,
    /// Kind, such as `Deployment`.
    pub kind: &'static str,
    /// Resource name in paths, such as `deployments`.
    pub plural: &'static str,
    /// True when objects live in a namespace.
    pub namespaced: bool,
    /// True when status is a subresource, so that a plain write cannot change it.
    pub status: bool,
    /// True for a custom resource: list items keep apiVersion and kind.
    pub custom: bool,
    /// When generation moves.
    pub generation: Generation,
    /// What a PUT may do.
    pub replace: Replace,
}

const fn kind(group: &'static str, version: &'static str, kind: &'static str, plural: &'static str) -> Kind {
    Kind {
        group,
        version,
        kind,
        plural,
        namespaced: true,
        status: false,
        custom: false,
        generation: Generation::Never,
        replace: Replace::Unconditional,
    }
}

const fn with_status(base: Kind, generation: Generation) -> Kind {
    Kind { status: true, generation, ..base }
}

const fn custom(base: Kind) -> Kind {
    Kind { custom: true, generation: Generation::Spec, replace: Replace::Versioned, ..base }
}

const HOOKS: &str = "admissionregistration.k8s.io";

const fn whole(group: &'static str, name: &'static str, plural: &'static str) -> Kind {
    Kind { namespaced: false, ..kind(group, "v1", name, plural) }
}

/// apps/v1 Deployment.
pub const DEPLOYMENT: Kind =
    with_status(kind("apps", "v1", "Deployment", "deployments"), Generation::SpecOrAnnotations);
/// apps/v1 ReplicaSet.
pub const REPLICA_SET: Kind = with_status(kind("apps", "v1", "ReplicaSet", "replicasets"), Generation::Spec);
/// apps/v1 StatefulSet.
pub const STATEFUL_SET: Kind =
    with_status(kind("apps", "v1", "StatefulSet", "statefulsets"), Generation::Spec);
/// apps/v1 DaemonSet.
pub const DAEMON_SET: Kind = with_status(kind("apps", "v1", "DaemonSet", "daemonsets"), Generation::Spec);
/// apps/v1 ControllerRevision.
pub const CONTROLLER_REVISION: Kind = kind("apps", "v1", "ControllerRevision", "controllerrevisions");
/// batch/v1 Job.
pub(crate) const JOB: Kind = with_status(kind("batch", "v1", "Job", "jobs"), Generation::Spec);
/// core/v1 Pod.
pub const POD: Kind = with_status(kind("", "v1", "Pod", "pods"), Generation::Spec);
/// core/v1 Event; events.k8s.io/v1 is another view of the same objects.
pub const EVENT: Kind = Kind { replace: Replace::Creates, ..kind("", "v1", "Event", "events") };
/// core/v1 Node.
pub const NODE: Kind = Kind { namespaced: false, status: true, ..kind("", "v1", "Node", "nodes") };
/// core/v1 Namespace.
pub const NAMESPACE: Kind = Kind {
    namespaced: false,
    status: true,
    replace: Replace::Versioned,
    ..kind("", "v1", "Namespace", "namespaces")
};
/// policy/v1 PodDisruptionBudget.
pub const PDB: Kind = Kind {
    replace: Replace::Versioned,
    ..with_status(kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"), Generation::Spec)
};

/// The kinds of a fresh simulator.
pub const KINDS: &[Kind] = &[
    DEPLOYMENT,
    REPLICA_SET,
    STATEFUL_SET,
    DAEMON_SET,
    CONTROLLER_REVISION,
    POD,
    EVENT,
    Kind { group: "events.k8s.io", ..EVENT },
    NODE,
    NAMESPACE,
    PDB,
    kind("", "v1", "ConfigMap", "configmaps"),
    kind("", "v1", "Service", "services"),
    Kind { replace: Replace::Versioned, ..kind("", "v1", "ServiceAccount", "serviceaccounts") },
    JOB,
    kind("batch", "v1", "CronJob", "cronjobs"),
    kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    kind("", "v1", "ResourceQuota", "resourcequotas"),
    kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"),
    kind("networking.k8s.io", "v1", "Ingress", "ingresses"),
    whole("storage.k8s.io", "StorageClass", "storageclasses"),
    whole(HOOKS, "ValidatingWebhookConfiguration", "validatingwebhookconfigurations"),
    whole(HOOKS, "MutatingWebhookConfiguration", "mutatingwebhookconfigurations"),
    whole("apiregistration.k8s.io", "APIService", "apiservices"),
    Kind { status: true, ..kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers") },
    Kind { replace: Replace::Creates, ..kind("coordination.k8s.io", "v1", "Lease", "leases") },
    custom(kind("argoproj.io", "v1alpha1", "Application", "applications")),
    Kind {
        status: true,
        ..custom(kind("kustomize.toolkit.fluxcd.io", "v1", "Kustomization", "kustomizations"))
    },
];

impl Kind {
    /// `apps/v1`, or `v1` for core.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.into() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `deployments.apps`, or `pods` for core: how error messages name a resource.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.into() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// Path of one object.
    pub fn path(&self, namespace: &str, name: &str) -> String {
        let root = if self.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", self.group) };
        let scope = if self.namespaced { format!("/namespaces/{namespace}") } else { String::new() };
        format!("{root}/{}{scope}/{}/{name}", self.version, self.plural)
    }

    /// True for the events.k8s.io view of Events.
    pub(crate) fn event_view(&self) -> bool {
        self.group == "events.k8s.io"
    }

    /// Key of an object of this kind.
    pub(crate) fn key(&self, namespace: &str, name: &str) -> Key {
        let group = if self.event_view() { "" } else { self.group };
        let ns = if self.namespaced { namespace } else { "" };
        Key { group, plural: self.plural, ns: ns.into(), name: name.into() }
    }
}

/// Where an object is stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) group: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) ns: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn is(&self, kind: &Kind) -> bool {
        self.plural == kind.plural && (self.group == kind.group || kind.event_view())
    }
}
