//! The closed list of what nightshift can do to a cluster.

use crate::canonical::Digest;
use crate::object::{Kind, ObjectRef};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A typed action with its parameters. YAML can name a variant, nothing else: no shell, no templates, no verbs.
///
/// A new variant needs its file in `engine/src/actions`, a verification default, fixtures, a row in
/// docs/permissions.md and a catalogue page; `tests/tidy` asks for all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// Sets one container's memory limit in the pod template, at most twice or half of what it was.
    RaiseMemoryLimit {
        /// The Deployment, StatefulSet or DaemonSet.
        target: ObjectRef,
        /// The container and its numbers.
        memory: MemoryChange,
    },
    /// Puts the pod template of an earlier revision back, sealed by reference to its ControllerRevision.
    RollbackDaemonSet {
        /// The DaemonSet.
        target: ObjectRef,
        /// The revision that comes back.
        to: RevisionRef,
    },
    /// Puts the pod template of an earlier revision back, sealed by reference to its ReplicaSet.
    RollbackDeployment {
        /// The Deployment.
        target: ObjectRef,
        /// The revision that comes back.
        to: RevisionRef,
    },
    /// Puts the pod template of an earlier revision back, sealed by reference to its ControllerRevision.
    RollbackStatefulSet {
        /// The StatefulSet.
        target: ObjectRef,
        /// The revision that comes back.
        to: RevisionRef,
    },
    /// Deletes one pod, with its own grace period; its controller makes a new one.
    DeletePod {
        /// The pod.
        target: ObjectRef,
        /// The Deployment, StatefulSet or DaemonSet that it belongs to.
        workload: ObjectRef,
        /// Whether no other pod of it serves, and a person asked for it all the same.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        alone: bool,
    },
    /// Replaces every pod of a workload by one of the same template, as `kubectl rollout restart` does.
    Restart {
        /// The Deployment, StatefulSet or DaemonSet.
        target: ObjectRef,
        /// What the annotation will say: fixed when it is planned, so that a repeat changes nothing.
        at: Timestamp,
        /// SHA-256 of the template's normal form without that annotation: compared.
        template: Digest,
    },
    /// Makes a failed Job anew, under a name that follows from its uid; the failed one stays as it is.
    ReRunJob {
        /// The failed Job.
        target: ObjectRef,
        /// Its resourceVersion when it was looked at: whatever is written on it later ends the approval.
        version: String,
        /// SHA-256 of the new Job, which is copied from the failed one: compared. The copy itself is never stored.
        body: Digest,
    },
}

impl Action {
    /// The object that the request names.
    pub fn target(&self) -> &ObjectRef {
        match self {
            Self::RaiseMemoryLimit { target, .. }
            | Self::DeletePod { target, .. }
            | Self::RollbackDaemonSet { target, .. }
            | Self::RollbackDeployment { target, .. }
            | Self::RollbackStatefulSet { target, .. }
            | Self::Restart { target, .. }
            | Self::ReRunJob { target, .. } => target,
        }
    }

    /// The workload that it is done to, by which limits are counted and whose pods are looked at: the target, or what
    /// owns it.
    pub fn workload(&self) -> &ObjectRef {
        match self {
            Self::DeletePod { workload, .. } => workload,
            Self::RaiseMemoryLimit { .. }
            | Self::RollbackDaemonSet { .. }
            | Self::RollbackDeployment { .. }
            | Self::RollbackStatefulSet { .. }
            | Self::Restart { .. }
            | Self::ReRunJob { .. } => self.target(),
        }
    }

    /// Whether the target carries a mark while the operation runs. What is deleted cannot keep one, and what is made has none
    /// before: such a request guards itself, by uid and resourceVersion or by a name that can be taken once.
    pub fn marks(&self) -> bool {
        match self {
            Self::DeletePod { .. } | Self::ReRunJob { .. } => false,
            Self::RaiseMemoryLimit { .. }
            | Self::RollbackDaemonSet { .. }
            | Self::RollbackDeployment { .. }
            | Self::RollbackStatefulSet { .. }
            | Self::Restart { .. } => true,
        }
    }

    /// The action without its parameters.
    pub fn kind(&self) -> ActionKind {
        match self {
            Self::RaiseMemoryLimit { .. } => ActionKind::RaiseMemoryLimit,
            Self::DeletePod { .. } => ActionKind::DeletePod,
            Self::RollbackDaemonSet { .. } => ActionKind::RollbackDaemonSet,
            Self::RollbackDeployment { .. } => ActionKind::RollbackDeployment,
            Self::RollbackStatefulSet { .. } => ActionKind::RollbackStatefulSet,
            Self::Restart { .. } => ActionKind::Restart,
            Self::ReRunJob { .. } => ActionKind::ReRunJob,
        }
    }

    /// The revision that comes back, of an action that puts one back.
    pub fn revision(&self) -> Option<&RevisionRef> {
        match self {
            Self::RollbackDaemonSet { to, .. }
            | Self::RollbackDeployment { to, .. }
            | Self::RollbackStatefulSet { to, .. } => Some(to),
            Self::RaiseMemoryLimit { .. }
            | Self::DeletePod { .. }
            | Self::Restart { .. }
            | Self::ReRunJob { .. } => None,
        }
    }

    /// The rollback of a workload by its kind; `None` for a kind that keeps no revisions.
    pub fn rollback(target: ObjectRef, to: RevisionRef) -> Option<Self> {
        match ActionKind::rollback(&target.kind)? {
            ActionKind::RollbackDaemonSet => Some(Self::RollbackDaemonSet { target, to }),
            ActionKind::RollbackDeployment => Some(Self::RollbackDeployment { target, to }),
            ActionKind::RollbackStatefulSet => Some(Self::RollbackStatefulSet { target, to }),
            ActionKind::RaiseMemoryLimit
            | ActionKind::DeletePod
            | ActionKind::Restart
            | ActionKind::ReRunJob => None,
        }
    }
}

/// An action's name, as a playbook writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionKind {
    /// [`Action::RaiseMemoryLimit`].
    RaiseMemoryLimit,
    /// [`Action::RollbackDaemonSet`].
    RollbackDaemonSet,
    /// [`Action::RollbackDeployment`].
    RollbackDeployment,
    /// [`Action::RollbackStatefulSet`].
    RollbackStatefulSet,
    /// [`Action::DeletePod`].
    DeletePod,
    /// [`Action::Restart`].
    Restart,
    /// [`Action::ReRunJob`].
    ReRunJob,
}

impl ActionKind {
    /// Every action, in the order of the catalogue.
    pub const ALL: &'static [Self] = &[
        Self::RaiseMemoryLimit,
        Self::RollbackDaemonSet,
        Self::RollbackDeployment,
        Self::RollbackStatefulSet,
        Self::DeletePod,
        Self::Restart,
        Self::ReRunJob,
    ];

    /// Its name in playbooks, pages and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RaiseMemoryLimit => "raise-memory-limit",
            Self::RollbackDaemonSet => "rollback-daemon-set",
            Self::RollbackDeployment => "rollback-deployment",
            Self::RollbackStatefulSet => "rollback-stateful-set",
            Self::DeletePod => "delete-pod",
            Self::Restart => "restart",
            Self::ReRunJob => "re-run-job",
        }
    }

    /// How much can go wrong with it.
    pub fn risk(self) -> Risk {
        match self {
            Self::DeletePod => Risk::Low,
            Self::RaiseMemoryLimit
            | Self::RollbackDaemonSet
            | Self::RollbackDeployment
            | Self::RollbackStatefulSet
            | Self::Restart
            | Self::ReRunJob => Risk::Medium,
        }
    }

    /// The rollback of a kind of workload; `None` for a kind that keeps no revisions.
    pub fn rollback(kind: &Kind) -> Option<Self> {
        let by_kind = [
            (Kind::DaemonSet, Self::RollbackDaemonSet),
            (Kind::Deployment, Self::RollbackDeployment),
            (Kind::StatefulSet, Self::RollbackStatefulSet),
        ];
        by_kind.into_iter().find(|(of, _)| of == kind).map(|(_, action)| action)
    }
}

impl std::fmt::Display for ActionKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An earlier revision of a workload, by reference: the template itself is never stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionRef {
    /// What holds the template, with its uid: a Deployment's ReplicaSet; of StatefulSets and DaemonSets the
    /// ControllerRevision, under the name that plans had before those could be rolled back.
    pub replica_set: ObjectRef,
    /// The revision's number when it was chosen: shown, not compared.
    pub number: u64,
    /// SHA-256 of the template's normal form: compared.
    pub template: Digest,
    /// Images with the digests that ran when the revision was seen healthy.
    pub images: Vec<SeenImage>,
    /// When nightshift last recorded it healthy; `None`, on a person's wish only, when it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy_at: Option<Timestamp>,
}

/// A container of a pod template whose memory changes. Quantities stand as the template writes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryChange {
    /// The container's name: tested at its place.
    pub container: String,
    /// Its place in `spec.containers`, from 0.
    pub index: u32,
    /// `resources.limits.memory`.
    pub limit: QuantityChange,
    /// `resources.requests.memory`, where it equals the limit and so keeps the pod's class of service; `None` leaves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<QuantityChange>,
}

impl MemoryChange {
    /// The same, back.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self {
            limit: self.limit.reversed(),
            request: self.request.as_ref().map(QuantityChange::reversed),
            ..self.clone()
        }
    }
}

/// A quantity before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuantityChange {
    /// As it stands.
    pub from: String,
    /// As it will.
    pub to: String,
}

impl QuantityChange {
    fn reversed(&self) -> Self {
        Self { from: self.to.clone(), to: self.from.clone() }
    }
}

/// An image as it was seen running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenImage {
    /// The container's name.
    pub container: String,
    /// The image as written in the template.
    pub image: String,
    /// What the runtime resolved it to, with its digest.
    pub image_id: String,
}

/// How much can go wrong, derived from the action and its target, never taken from a label or a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// A pod at a time, nothing changes for good.
    Low,
    /// One workload changes and can change back.
    Medium,
    /// Data, a node, or no way back: two persons with their own signatures.
    High,
}

impl std::fmt::Display for Risk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        })
    }
}
