//! What a detector says about one scope.

use crate::canonical::digest;
use crate::ids::Fingerprint;
use crate::object::ObjectRef;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What is wrong, in Kubernetes' own CamelCase. Reasons are only ever added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// A container exits again and again and the kubelet waits longer each time.
    CrashLoopBackOff,
}

impl Reason {
    /// The reason as it stands in messages, metrics and playbooks.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CrashLoopBackOff => "CrashLoopBackOff",
        }
    }
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
    /// `pod-template-hash` of the object that shows it: which revision is broken. Empty outside Deployments.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub template_hash: String,
    /// The last exit, for container faults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
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
