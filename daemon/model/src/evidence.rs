//! Evidence: what was asked, what came back, and what could not be checked and why.

mod changes;
mod job;
mod pod;

use crate::action::SeenImage;
use crate::canonical::Digest;
use crate::change::FieldChange;
use crate::ids::EvidenceId;
pub use crate::memory::{Ceiling, MemoryFacts};
pub use crate::needs::{Dependency, ServiceFacts};
use crate::object::ObjectRef;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

pub use changes::{ChangeLine, ChangeSort, Changes, OtherIncident};
pub use job::JobLine;
pub use pod::{ContainerLine, Keeps, PodLine};

/// A read-only question. `engine::evidence` turns it into requests and reads the raw answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceRequest {
    /// Its number within the incident.
    pub id: EvidenceId,
    /// The tool and its typed parameters.
    pub tool: Tool,
}

/// The diagnosis tools: scoped, typed, read-only, never a shell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "tool", rename_all = "kebab-case")]
pub enum Tool {
    /// The workload itself: strategy, conditions, owners, GitOps marks.
    Workload {
        /// The Deployment, StatefulSet or DaemonSet.
        target: ObjectRef,
    },
    /// Its pods: container states, last terminations, images.
    Pods {
        /// The workload whose pods are meant.
        target: ObjectRef,
        /// Label selector as a query parameter.
        selector: String,
    },
    /// The tail of the previous container's log.
    PreviousLog {
        /// The pod.
        pod: ObjectRef,
        /// The container.
        container: String,
    },
    /// The tail of the log of the container that runs, or that has ended and is not started again.
    Log {
        /// The pod.
        pod: ObjectRef,
        /// The container.
        container: String,
    },
    /// Whether the Service of a namespace that something needs has anybody who answers.
    Service {
        /// Its namespace: always the incident's own.
        namespace: String,
        /// The Service's name, or an IPv4 address that may be its own.
        host: String,
    },
    /// Events about one object.
    Events {
        /// The object.
        about: ObjectRef,
    },
    /// The revisions of a workload and what changed between them.
    Rollouts {
        /// The workload.
        target: ObjectRef,
        /// Label selector as a query parameter.
        selector: String,
    },
    /// Conditions of the node that a pod runs on.
    Node {
        /// The node's name.
        name: String,
    },
    /// A Job that failed: how it ended, and whether it may be run again.
    Job {
        /// The Job.
        target: ObjectRef,
    },
    /// Autoscalers and disruption budgets that touch the workload.
    Disruption {
        /// The workload.
        target: ObjectRef,
    },
    /// A container's memory in the template, and everything that bounds it.
    Memory {
        /// The workload.
        target: ObjectRef,
        /// The container.
        container: String,
    },
    /// The GitOps object that owns the workload: repository, path, revision.
    GitOps {
        /// The owner as found on the workload.
        owner: GitOpsOwner,
    },
    /// What changed lately around the workload: what it is configured from, its quota, its autoscalers, nodes, and what else
    /// is broken.
    Changes {
        /// The workload.
        target: ObjectRef,
        /// ConfigMaps that its template refers to, by name.
        config_maps: Vec<String>,
    },
    /// Revisions that nightshift itself saw healthy, from the history.
    Healthy {
        /// The workload.
        target: ObjectRef,
    },
    /// One query of the playbook.
    Query {
        /// Its name in the playbook.
        name: String,
        /// The query text, parameters bound.
        promql: String,
    },
}

impl Tool {
    /// The tool's name: metric label and sentence.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Workload { .. } => "workload",
            Self::Pods { .. } => "pods",
            Self::PreviousLog { .. } => "previous-log",
            Self::Log { .. } => "log",
            Self::Service { .. } => "service",
            Self::Events { .. } => "events",
            Self::Rollouts { .. } => "rollouts",
            Self::Node { .. } => "node",
            Self::Job { .. } => "job",
            Self::Disruption { .. } => "disruption",
            Self::Memory { .. } => "memory",
            Self::GitOps { .. } => "gitops",
            Self::Changes { .. } => "changes",
            Self::Healthy { .. } => "healthy",
            Self::Query { .. } => "query",
        }
    }
}

/// One answered question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The request's number.
    pub id: EvidenceId,
    /// The question.
    pub tool: Tool,
    /// Where the answer came from, as a person would type it.
    pub source: String,
    /// When it was read.
    pub at: Timestamp,
    /// The answer.
    pub got: Got,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Got {
    /// Facts, already redacted and capped.
    Facts(Observed),
    /// Not checked: evidence of its own.
    NotChecked {
        /// The class of the reason.
        why: NotChecked,
        /// One clause of detail, redacted.
        detail: String,
    },
}

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotChecked {
    /// 401 or 403.
    Forbidden,
    /// 404: the object or the API is not there.
    NotFound,
    /// No answer in time.
    TimedOut,
    /// No connection, or a 5xx.
    Unreachable,
    /// The budget of calls, bytes or seconds was used up.
    OverBudget,
    /// The source is not configured (no Prometheus).
    NotConfigured,
    /// The answer could not be read.
    Unreadable,
}

impl NotChecked {
    /// One clause, to stand after "not checked, because".
    pub fn clause(self) -> &'static str {
        match self {
            Self::Forbidden => "permission was refused",
            Self::NotFound => "it was not found",
            Self::TimedOut => "no answer came in time",
            Self::Unreachable => "the source could not be reached",
            Self::OverBudget => "the budget for this incident was used up",
            Self::NotConfigured => "the source is not configured",
            Self::Unreadable => "the answer could not be read",
        }
    }
}

/// The facts that the tools read. All text in it is redacted, capped and has control characters made visible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observed {
    /// Of [`Tool::Workload`].
    Workload(WorkloadFacts),
    /// Of [`Tool::Pods`].
    Pods(Vec<PodLine>),
    /// Of [`Tool::PreviousLog`] and [`Tool::Log`].
    Log(LogExcerpt),
    /// Of [`Tool::Service`]; `None` when there is no such Service.
    Service(Option<ServiceFacts>),
    /// Of [`Tool::Events`].
    Events(Vec<EventLine>),
    /// Of [`Tool::Rollouts`].
    Rollouts(Rollouts),
    /// Of [`Tool::Node`].
    Node(NodeFacts),
    /// Of [`Tool::Job`].
    Job(JobLine),
    /// Of [`Tool::Disruption`].
    Disruption(Disruption),
    /// Of [`Tool::Memory`].
    Memory(MemoryFacts),
    /// Of [`Tool::GitOps`].
    GitOps(GitSource),
    /// Of [`Tool::Changes`].
    Changes(Changes),
    /// Of [`Tool::Healthy`].
    Healthy(Vec<HealthyRevision>),
    /// Of [`Tool::Query`]: decimal strings as Prometheus wrote them.
    Samples(Vec<SampleLine>),
}

/// What matters of a workload for planning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadFacts {
    /// The object with its uid.
    pub object: ObjectRef,
    /// Label selector as a query parameter.
    pub selector: String,
    /// `deployment.kubernetes.io/revision`, 0 when missing.
    pub revision: u64,
    /// `metadata.generation`.
    pub generation: i64,
    /// Wanted replicas; of a DaemonSet the nodes that should run it.
    pub replicas: u32,
    /// Those that are available.
    pub available: u32,
    /// Those of the newest revision.
    pub updated: u32,
    /// `spec.paused`.
    pub paused: bool,
    /// The type of `spec.strategy` or `spec.updateStrategy`.
    pub strategy: String,
    /// The service account of the template.
    pub service_account: String,
    /// SHA-256 of the template's normal form.
    pub template: Digest,
    /// GitOps system that owns the object, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gitops: Option<GitOpsOwner>,
    /// Helm release that owns the object, as `namespace/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helm: Option<String>,
    /// Controlling owner that is not a built-in workload (an operator), as `Kind name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// `nightshift.dev/rollback-floor`: the oldest revision number that may come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_floor: Option<String>,
    /// `kubernetes.io/change-cause` of the current revision, redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_cause: Option<String>,
    /// Who wrote the template last, from managedFields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_by: Option<FieldWriter>,
    /// Conditions as `Type=Status Reason`.
    pub conditions: Vec<String>,
    /// How its pods are replaced.
    #[serde(default, skip_serializing_if = "Replacing::is_plain")]
    pub replacing: Replacing,
    /// Since when a Deployment has had too few available pods, from its condition; `None` while it has enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable_since: Option<Timestamp>,
    /// Hosts that its template names in environment and arguments, as far as they look like Services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<Dependency>,
    /// What a restart would find; `None` in what was read before there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarting: Option<Restarting>,
}

/// What a restart rests on and would cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restarting {
    /// SHA-256 of the template's normal form without the annotation that a restart sets.
    pub template: Digest,
    /// That annotation, as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// Why its last rollout is not over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolling: Option<String>,
    /// How many pods its strategy lets be missing at once.
    pub missing: u32,
    /// Whether `nightshift.dev/restart-downtime: accepted` stands on it: nobody minds that for a while none serves.
    pub downtime_accepted: bool,
}

/// How a controller brings a changed template to its pods, as far as an action depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replacing {
    /// Why a changed template does not reach every pod by itself: `OnDelete`, or a partition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// A StatefulSet of policy `OrderedReady`: its controller waits for a broken pod and never replaces it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ordered: bool,
}

impl Replacing {
    /// Whether there is nothing to say about it.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// A field manager and when it last wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldWriter {
    /// The manager's name.
    pub manager: String,
    /// The time of its entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// Who owns a workload's fields in Git.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "system", rename_all = "kebab-case")]
pub enum GitOpsOwner {
    /// An Argo CD Application, from the tracking-id annotation.
    ArgoCd {
        /// The Application's name.
        application: String,
        /// Its namespace, as far as the tracking id says; empty means Argo CD's own.
        namespace: String,
    },
    /// A Flux Kustomization, from its labels.
    FluxKustomization {
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: String,
    },
    /// A Flux HelmRelease, from its labels.
    FluxHelmRelease {
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: String,
    },
}

impl std::fmt::Display for GitOpsOwner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ArgoCd { application, .. } => write!(f, "Argo CD Application {application}"),
            Self::FluxKustomization { name, namespace } => write!(f, "Flux Kustomization {namespace}/{name}"),
            Self::FluxHelmRelease { name, namespace } => write!(f, "Flux HelmRelease {namespace}/{name}"),
        }
    }
}

/// Where the owned manifests come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitSource {
    /// The owner.
    pub owner: GitOpsOwner,
    /// Whether the owner reverts live edits by itself.
    pub reverts: bool,
    /// Repository URL, or the source object's name when only that is known.
    pub repository: String,
    /// Path inside the repository.
    pub path: String,
    /// The revision that is applied.
    pub revision: String,
}

/// A redacted tail of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogExcerpt {
    /// Lines, oldest first.
    pub lines: Vec<String>,
    /// Whether something was cut, and what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<String>,
    /// How many places were redacted.
    pub redacted: u32,
}

/// One event about an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventLine {
    /// When it was last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Its type, Normal or Warning.
    pub kind: String,
    /// Its reason.
    pub reason: String,
    /// Its message, redacted and capped.
    pub message: String,
    /// How often.
    pub count: u32,
}

/// The revisions of a workload, newest first, and what changed from the healthy one to the current one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollouts {
    /// Revisions, newest first.
    pub revisions: Vec<RevisionLine>,
    /// Field difference between each revision and the current template.
    pub changes: Vec<RevisionChange>,
}

/// One revision of a workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionLine {
    /// What holds its template: a Deployment's ReplicaSet; of StatefulSets and DaemonSets the ControllerRevision.
    pub replica_set: ObjectRef,
    /// `deployment.kubernetes.io/revision`; of a ControllerRevision its `revision`.
    pub number: u64,
    /// What its pods bear: `pod-template-hash`; of a ControllerRevision `controller-revision-hash`.
    pub template_hash: String,
    /// SHA-256 of the template's normal form.
    pub template: Digest,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// `container=image` of each container.
    pub images: Vec<String>,
    /// Service account of the template.
    pub service_account: String,
    /// Wanted replicas; 0 for a ControllerRevision, which counts no pods.
    pub replicas: u32,
    /// Ready replicas; 0 for a ControllerRevision.
    pub ready: u32,
    /// Names of ConfigMaps and Secrets that the template refers to.
    pub references: Vec<String>,
    /// Hints that the revision migrates data (an init container or argument that says so).
    pub migration_hints: Vec<String>,
    /// Whether host namespaces, privilege or host paths are asked for.
    pub privileges: Vec<String>,
    /// Keys of ConfigMaps and Secrets that it cannot do without, as `ConfigMap name key`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// What one pod of it asks of a node.
    #[serde(default, skip_serializing_if = "Requests::is_none")]
    pub requests: Requests,
}

/// What a pod asks of a node, as the scheduler adds it up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    /// Thousandths of a core.
    #[serde(default)]
    pub cpu_milli: u64,
    /// Bytes.
    #[serde(default)]
    pub memory: u64,
}

impl Requests {
    /// Whether nothing is asked for.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What a rollback to one earlier revision would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionChange {
    /// The earlier revision.
    pub number: u64,
    /// From the current template to that revision's.
    pub changes: Vec<FieldChange>,
}

/// Conditions of one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFacts {
    /// Its name.
    pub name: String,
    /// Whether it is Ready.
    pub ready: bool,
    /// Whether it is cordoned.
    pub cordoned: bool,
    /// Pressures and other conditions that are not as they should be.
    pub problems: Vec<String>,
    /// Images on the node, as far as it lists them.
    pub images: u32,
}

/// Autoscalers and disruption budgets on a workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disruption {
    /// HorizontalPodAutoscalers that scale it, as `name min-max`.
    pub autoscalers: Vec<String>,
    /// Budgets whose selector matches its pods, as `name disruptionsAllowed=n`.
    pub budgets: Vec<String>,
    /// Those that have fewer healthy pods than they want already: nobody may leave, not even a pod that is not Ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<String>,
}

/// A revision that nightshift saw healthy: all wanted replicas available for `healthy_after`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthyRevision {
    /// The workload.
    pub workload: ObjectRef,
    /// What holds its template: a Deployment's ReplicaSet with its uid; of StatefulSets and DaemonSets the ControllerRevision,
    /// whose uid is not known to who watches.
    pub replica_set: ObjectRef,
    /// `deployment.kubernetes.io/revision` at that time; 0 for a ControllerRevision.
    pub number: u64,
    /// What its pods bear as `pod-template-hash` or `controller-revision-hash`.
    pub template_hash: String,
    /// Images with the digests that ran.
    pub images: Vec<SeenImage>,
    /// Since when it was healthy.
    pub since: Timestamp,
    /// When nightshift was satisfied.
    pub at: Timestamp,
}

impl HealthyRevision {
    /// Whether this object holds its template: by uid where it is known, else by the name, which is made of the
    /// template's hash.
    pub fn is_kept_in(&self, holder: &ObjectRef) -> bool {
        let known = &self.replica_set;
        if known.uid.is_empty() { known.same_name(holder) } else { known.uid == holder.uid }
    }

    /// Its number; the name of what holds it where no number is known, as of a ControllerRevision.
    pub fn named(&self) -> String {
        if self.number == 0 { self.replica_set.name.clone() } else { self.number.to_string() }
    }
}

/// One sample of an instant query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleLine {
    /// Labels as `name=value`, redacted and capped.
    pub labels: String,
    /// The value as Prometheus wrote it.
    pub value: String,
}
