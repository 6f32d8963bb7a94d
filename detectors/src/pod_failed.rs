//! PodFailed: a pod that nobody starts again has failed.
//!
//! # Meaning
//! A pod without an owner, with `restartPolicy: Never` or OnFailure, has stood in phase Failed for half a minute. No Event is
//! written about it. Not counted: pods of Jobs and other controllers, for which a failed try is part of the plan; pods that
//! somebody ended on purpose (a drain, a preemption, a node that was shut down); pods that are being deleted.
//!
//! # Impact
//! What it was to do is not done, and nobody tries again.
//!
//! # Diagnosis
//! `kubectl logs POD` still has the log, as long as the pod stands. The exit code and the reason tell how it ended:
//! OOMKilled, or 137 with a memory limit, is memory; 126 and 127 a wrong command. `status.message` has the kubelet's words
//! when it ended the pod (evicted, deadline, admission refused).
//!
//! # Mitigation
//! Mend the cause, delete the pod, run it again. Work that must be done belongs in a Job, which tries again.

use crate::catalog::{Detector, Looked};
use crate::crash_loop_back_off::cause::why;
use crate::facts::{Container, Phase, PodFacts, Role, State, Termination};
use crate::look::Look;
use crate::params::Params;
use nightshift_model::{Cause, Exit, ExitClass, Finding, Kind, Reason, Severity};

/// The detector.
#[derive(Debug)]
pub struct PodFailed;

impl Detector for PodFailed {
    fn reason(&self) -> Reason {
        Reason::PodFailed
    }

    fn source(&self) -> &'static str {
        include_str!("pod_failed.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![("Time that it must stand", params.named_after.to_string())]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        if at.scope.kind != Kind::Pod {
            return Looked::default();
        }
        let Some(pod) = at.facts::<PodFacts>().filter(|pod| is_failed(pod)) else { return Looked::default() };
        let ended = failed(pod);
        let finished = ended.and_then(|(_, end)| end.finished).or(pod.ready.since);
        let since = finished.or_else(|| at.view.first_seen(&pod.meta.uid)).unwrap_or(at.now);
        let due = since + at.params.named_after;
        if due > at.now {
            return Looked::later(due);
        }
        let finding = at.about_pod(Reason::PodFailed, pod, since);
        let mut finding = Finding { severity: Severity::Warning, detail: pod.message.to_string(), ..finding };
        if &*pod.reason == "Evicted" {
            finding.cause = crate::evicted::cause(&pod.message);
        } else if &*pod.reason == "DeadlineExceeded" {
            finding.cause = Cause::Deadline;
        } else if let Some((c, end)) = ended {
            let why = why(at, pod, c, end);
            finding.cause = why.cause;
            if finding.detail.is_empty() {
                finding.detail = why.detail;
            }
        }
        if let Some((c, end)) = ended {
            finding.container = c.name.to_string();
            let class = ExitClass::of(end.code, &end.reason);
            finding.exit = Some(Exit { code: end.code, class, at: end.finished });
        }
        Looked::found(finding)
    }
}

/// Failed, nobody's, and not on purpose.
fn is_failed(pod: &PodFacts) -> bool {
    // A node that shuts down ends its pods with these reasons.
    let shut =
        matches!(&*pod.reason, "NodeShutdown" | "Terminated" | "Shutdown" | "Preempting" | "Preempted");
    let evicted = &*pod.reason == "Evicted";
    pod.phase == Phase::Failed
        && pod.meta.owner.is_none()
        && pod.meta.deleting.is_none()
        && (!pod.disrupted || evicted)
        && !shut
}

/// The container that ended last with an error.
fn failed(pod: &PodFacts) -> Option<(&Container, &Termination)> {
    let ends = pod.containers.iter().filter(|c| c.role != Role::Sidecar).filter_map(|c| match &c.state {
        State::Terminated(end) => Some((c, &**end)),
        State::Running { .. } | State::Waiting(_) | State::Unknown => None,
    });
    ends.filter(|(_, end)| end.code != 0).max_by_key(|(_, end)| end.finished)
}
