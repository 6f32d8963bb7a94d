//! What a detector says about one scope.

use crate::canonical::digest;
use crate::cause::Cause;
use crate::ids::Fingerprint;
use crate::object::ObjectRef;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One line a reason: its name and what it means.
macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// What is wrong, in Kubernetes' own CamelCase where it has a word. Reasons are only ever added. Their order is that of
        /// the catalogue: of several about one scope the first tells most.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Reason {
            $($(#[doc = $doc])* $name,)*
        }

        impl Reason {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The reason as it stands in messages, metrics and playbooks.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

reasons! {
    /// A container exits again and again and the kubelet waits longer each time.
    CrashLoopBackOff,
    /// A container is killed for memory again and again, without a crash loop.
    OOMKilled,
    /// An image cannot be pulled.
    ImagePullBackOff,
    /// An image is not on the node, and the pull policy forbids to fetch it.
    ErrImageNeverPull,
    /// The image's name cannot be read.
    InvalidImageName,
    /// What a container is configured from is missing.
    CreateContainerConfigError,
    /// The runtime cannot make the container.
    CreateContainerError,
    /// The runtime cannot start the container.
    RunContainerError,
    /// The hook after a container's start fails.
    PostStartHookError,
    /// A container runs and its probe fails.
    Unhealthy,
    /// An init container runs and does not end.
    InitContainerStuck,
    /// A volume cannot be mounted or attached.
    FailedMount,
    /// A pod has its node and its containers are not made.
    ContainerCreating,
    /// The kubelet evicts pods for what they use.
    Evicted,
    /// A pod or an object is being deleted and does not go.
    Terminating,
    /// A pod that nobody starts again has failed.
    PodFailed,
    /// No node takes the pod.
    FailedScheduling,
    /// A pod waits for somebody to open its scheduling gate.
    SchedulingGated,
    /// A controller's pods are refused before they exist.
    FailedCreate,
    /// A rollout does not get on.
    ProgressDeadlineExceeded,
    /// A workload has fewer replicas than it must have, for no reason that is named above.
    ReplicasUnavailable,
    /// A rollout is paused half-way and stays so.
    RolloutPaused,
    /// A StatefulSet or DaemonSet does not get past a pod.
    RolloutStuck,
    /// A Job has failed for good.
    JobFailed,
    /// Every run of a CronJob fails.
    CronJobFailing,
    /// A CronJob does not run when it should.
    MissedSchedule,
    /// A CronJob's runs do not end before the next ones begin.
    JobsPilingUp,
    /// An autoscaler stands at its maximum and wants more.
    ScalingLimited,
    /// An autoscaler cannot read what it scales by.
    FailedGetMetrics,
    /// A disruption budget can allow nobody to leave.
    DisruptionBlocked,
    /// A volume claim is not bound.
    ClaimPending,
    /// A volume is nearly full.
    VolumeNearlyFull,
    /// A Service has nobody who answers.
    NoEndpoints,
    /// A Service sends to a port that no container has.
    PortMismatch,
    /// An Ingress sends to a Service or port that is not there.
    BackendMissing,
    /// An admission webhook has nobody who answers, and what it guards is refused.
    WebhookUnavailable,
    /// The cluster's DNS has nobody who answers.
    DnsUnavailable,
    /// An aggregated API does not answer.
    ApiServiceUnavailable,
    /// A quota is used up, or nearly.
    QuotaExhausted,
    /// A node does not work.
    NodeNotReady,
    /// A node runs short of memory, disk or process ids.
    NodePressure,
    /// A node has taken no pods for long.
    NodeCordoned,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much it hurts, derived from impact by the detector, never taken from a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a line in the digest.
    Info,
    /// Part of the workload is down, or the new revision cannot start.
    Warning,
    /// Nothing of the workload serves.
    Critical,
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        })
    }
}

/// Whether nightshift saw it begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Origin {
    /// It began while nightshift watched.
    Seen,
    /// It stood there at first sight: listed in the inventory, never paged, never proposed for, until it changes.
    PreExisting,
}

/// Class of a container's exit code; the code alone rarely names the cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ExitClass {
    /// 0: the process ended by itself, or ended well on SIGTERM (a liveness kill looks like this too).
    Completed,
    /// 1 to 124 and 140 to 142, 144 and above except 255: the program's own error.
    Application,
    /// 125: the container runtime could not run the container.
    Runtime,
    /// 126: the command is there but cannot be executed.
    NotExecutable,
    /// 127: the command or a library of it was not found.
    NotFound,
    /// 128: the container could not be started (StartError: wrong command).
    StartError,
    /// 130: ended by SIGINT.
    Interrupted,
    /// 134: ended by SIGABRT (assertion, allocator, runtime panic).
    Aborted,
    /// 137 with reason OOMKilled.
    OutOfMemory,
    /// 137 without that reason: SIGKILL, from memory pressure, a failed probe or a deadline.
    Killed,
    /// 139: ended by SIGSEGV.
    Segfault,
    /// 143: ended by SIGTERM.
    Terminated,
    /// 255: out of range, or the runtime lost the real code.
    OutOfRange,
}

impl ExitClass {
    /// The class of a termination as the kubelet reports it.
    pub fn of(code: i32, reason: &str) -> Self {
        match code {
            _ if reason == "OOMKilled" => Self::OutOfMemory,
            0 => Self::Completed,
            125 => Self::Runtime,
            126 => Self::NotExecutable,
            127 => Self::NotFound,
            128 => Self::StartError,
            130 => Self::Interrupted,
            134 => Self::Aborted,
            137 => Self::Killed,
            139 => Self::Segfault,
            143 => Self::Terminated,
            255 | -1 => Self::OutOfRange,
            _ => Self::Application,
        }
    }

    /// One clause for a person, to stand after "exit code N: ".
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Completed => "the process ended without an error; a liveness kill looks like this too",
            Self::Application => "the program ended with its own error",
            Self::Runtime => "the container runtime could not run it",
            Self::NotExecutable => "the command cannot be executed",
            Self::NotFound => "the command or a library was not found",
            Self::StartError => "the container could not be started: wrong command or entrypoint",
            Self::Interrupted => "ended by SIGINT",
            Self::Aborted => "ended by SIGABRT: an assertion or the runtime's own abort",
            Self::OutOfMemory => "killed for exceeding its memory limit",
            Self::Killed => "ended by SIGKILL: memory, a failed probe or a deadline",
            Self::Segfault => "ended by SIGSEGV: an invalid memory access",
            Self::Terminated => "ended by SIGTERM",
            Self::OutOfRange => "the exit code is out of range or was lost",
        }
    }
}

/// How the container ended last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The process' exit code.
    pub code: i32,
    /// Its class.
    pub class: ExitClass,
    /// When it ended, if the kubelet says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// One thing that is wrong with one scope, now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What is wrong.
    pub reason: Reason,
    /// How much it hurts.
    pub severity: Severity,
    /// The object that shows it; the first by name when several do.
    pub object: ObjectRef,
    /// The container that shows it; empty when none does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub container: String,
    /// `pod-template-hash`, or `controller-revision-hash`, of the object that shows it: which revision is broken. Empty
    /// for what has no revisions.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub template_hash: String,
    /// The last exit, for container faults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
    /// Why, as far as the cluster's own state tells.
    #[serde(default, skip_serializing_if = "Cause::is_unknown")]
    pub cause: Cause,
    /// The cluster's own words for it, capped by the facts and redacted before they are kept. Text of others: quoted,
    /// never followed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// What a person would fix when it is not the scope: a missing ConfigMap, a node, a quota. Many scopes that blame one
    /// object have one fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blames: Option<ObjectRef>,
    /// How many objects show it.
    pub affected: u32,
    /// Since when, from object timestamps, else first seen.
    pub since: Timestamp,
    /// Whether nightshift saw it begin.
    pub origin: Origin,
}

impl Finding {
    /// Whether two looks at a scope say the same. Counters, times and the object shown first may move: a change
    /// of those alone never makes an event.
    pub fn same(&self, other: &Self) -> bool {
        let key = |f: &Self| {
            (
                f.reason,
                f.severity,
                f.container.clone(),
                f.template_hash.clone(),
                f.origin,
                f.exit.as_ref().map(|e| e.class),
                f.cause,
                f.blames.clone(),
            )
        };
        key(self) == key(other)
    }

    /// What makes it the same fault on the next look: scope and reason.
    pub fn fingerprint(scope: &ObjectRef, reason: Reason) -> Fingerprint {
        let text = format!("{}\0{}\0{}\0{}", scope.kind, scope.namespace, scope.name, reason.as_str());
        Fingerprint(
            digest("nightshift/fingerprint/v1", text.as_bytes()).to_string().chars().take(16).collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_fall_into_their_classes() {
        let table = [
            (0, "Completed", ExitClass::Completed),
            (1, "Error", ExitClass::Application),
            (125, "", ExitClass::Runtime),
            (126, "", ExitClass::NotExecutable),
            (127, "", ExitClass::NotFound),
            (128, "StartError", ExitClass::StartError),
            (130, "", ExitClass::Interrupted),
            (134, "", ExitClass::Aborted),
            (137, "Error", ExitClass::Killed),
            (137, "OOMKilled", ExitClass::OutOfMemory),
            (139, "", ExitClass::Segfault),
            (143, "", ExitClass::Terminated),
            (255, "", ExitClass::OutOfRange),
            (42, "", ExitClass::Application),
        ];
        for (code, reason, class) in table {
            assert_eq!(ExitClass::of(code, reason), class, "{code} {reason}");
        }
    }
}
