//! CrashLoopBackOff: a container exits again and again, and the kubelet waits longer before each restart.
//!
//! # Meaning
//! A container, init container or sidecar waits with reason CrashLoopBackOff, or has ended and a restart is due. It is
//! a finding at once when the container had restarted three times before its last exit; after two restarts only if it
//! is not Ready 30 seconds after the exit, for healthy workloads that wait for another one restart twice. Running
//! between two restarts clears nothing. It is over when every such container has been Ready for ten minutes (and for
//! two back-off periods), when the pod is gone, or when its ReplicaSet is scaled to zero. Pods that are being deleted
//! or evicted, and pods that have ended, are not looked at. An exit after a long Ready run begins a new count, for the
//! kubelet forgets its back-off then too. A loop whose runs end by memory is reported as OOMKilled.
//!
//! # Impact
//! The replica serves nothing while it waits: 10 seconds after the first crash, doubling to five minutes. Critical
//! when no other pod of the workload is Ready; a warning when others serve, as in a rolling update whose new revision
//! cannot start.
//!
//! # Diagnosis
//! Look at how the last run ended, not at the state: `kubectl logs --previous`, exit code and reason in
//! `lastState.terminated`, Events of the pod. Exit code 0 may be a liveness kill: the Events Unhealthy and Killing tell.
//! 126, 127 and 128 with StartError are a wrong command; 134 and 139 a signal of the program's own making; 255 a lost code. Compare the
//! template hash with the revision that served before: a crash that came with a new revision was most likely brought
//! by it.
//!
//! # Mitigation
//! When the revision is new and an earlier one was seen healthy, go back to that one. When nothing was rolled out, find
//! what changed around it: configuration, a dependency, memory, the node. A restart by hand changes nothing: the kubelet
//! restarts it already.

use crate::catalog::{Detector, Looked};
use crate::earliest;
use crate::facts::{Container, PodFacts, RestartPolicy, Role, State, Termination};
use crate::look::Look;
use crate::params::Params;
use nightshift_model::{Exit, ExitClass, Finding, Reason, Seconds, Severity, Timestamp};

pub(crate) mod cause;

/// The detector.
#[derive(Debug)]
pub struct CrashLoopBackOff;

/// Condition Ready follows a container's exit or start by some seconds: below that it says nothing about the new run.
pub(crate) const LAG: Seconds = Seconds(10);

impl Detector for CrashLoopBackOff {
    fn reason(&self) -> Reason {
        Reason::CrashLoopBackOff
    }

    fn source(&self) -> &'static str {
        include_str!("crash_loop_back_off.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![
            ("Restarts before an exit that make it a finding at once", params.restarts.to_string()),
            ("One restart fewer: time to be Ready after the exit", params.early_after.to_string()),
            ("Ready time that clears it, at least", params.clear_after.to_string()),
            ("Back-off periods that clear it, at least", "2".to_owned()),
            (
                "Back-off, from first to longest",
                format!("{} to {}", params.backoff_first, params.backoff_most),
            ),
        ]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let loops = loops(at);
        let finding = if loops.by_memory(at) { None } else { loops.finding(at, Reason::CrashLoopBackOff) };
        Looked { finding, recheck_at: loops.recheck_at, unchecked: Vec::new() }
    }
}

/// Every crash loop of a scope.
pub(crate) struct Loops<'a> {
    looping: Vec<(&'a PodFacts, &'a Container, Timestamp)>,
    /// Whether another pod serves.
    serving: bool,
    /// When a loop begins or ends though nothing changes.
    pub(crate) recheck_at: Option<Timestamp>,
}

/// The crash loops of a scope, the newest revision first.
pub(crate) fn loops<'a>(at: &Look<'a>) -> Loops<'a> {
    let Look { view, now, params, .. } = *at;
    let mut all = Loops { looping: Vec::new(), serving: false, recheck_at: None };
    for pod in at.staying() {
        let seen = view.first_seen(&pod.meta.uid).unwrap_or(now);
        let mut broken = None;
        for container in &pod.containers {
            match judge(&Case { pod, container, seen, now, params }) {
                Verdict::Fine => {}
                Verdict::Wait(at) => all.recheck_at = earliest(all.recheck_at, Some(at)),
                Verdict::Looping { clears_at } => {
                    all.recheck_at = earliest(all.recheck_at, clears_at);
                    broken = broken.or(Some(container));
                }
            }
        }
        match broken {
            Some(container) => all.looping.push((pod, container, seen)),
            None => all.serving |= pod.is_ready(),
        }
    }
    // Pods without a ReplicaSet stand behind all revisions; by name within one, for the sort is stable.
    all.looping.sort_by_key(|(pod, ..)| at.age_of(pod).unwrap_or(at.sets.len()));
    all
}

impl Loops<'_> {
    /// Whether this pod loops.
    pub(crate) fn has(&self, pod: &PodFacts) -> bool {
        self.looping.iter().any(|(looping, ..)| looping.meta.uid == pod.meta.uid)
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.looping.is_empty()
    }

    /// Whether memory ends the runs of the first: then the loop is only how it shows.
    pub(crate) fn by_memory(&self, at: &Look<'_>) -> bool {
        self.looping.first().is_some_and(|(pod, c, _)| {
            last_exit(c, pod.restarts).is_some_and(|end| cause::is_memory(at, pod, c, end))
        })
    }

    /// All of them as one finding.
    pub(crate) fn finding(&self, at: &Look<'_>, reason: Reason) -> Option<Finding> {
        let (pod, container, _) = self.looping.first()?;
        let since = self.looping.iter().map(|(pod, c, seen)| since(pod, c, *seen)).min();
        let finding = about(at, reason, pod, container, since.unwrap_or(at.now));
        Some(Finding {
            severity: if self.serving { Severity::Warning } else { Severity::Critical },
            affected: u32::try_from(self.looping.len()).unwrap_or(u32::MAX),
            ..finding
        })
    }
}

/// A finding about a container and its last exit.
pub(crate) fn about(
    at: &Look<'_>,
    reason: Reason,
    pod: &PodFacts,
    c: &Container,
    since: Timestamp,
) -> Finding {
    let end = last_exit(c, pod.restarts);
    let why = end.map(|end| cause::why(at, pod, c, end)).unwrap_or_default();
    Finding {
        container: c.name.to_string(),
        exit: end.map(|end| Exit {
            code: end.code,
            class: ExitClass::of(end.code, &end.reason),
            at: end.finished,
        }),
        cause: why.cause,
        detail: why.detail,
        ..at.about_pod(reason, pod, since)
    }
}

/// One container at one moment.
struct Case<'a> {
    pod: &'a PodFacts,
    container: &'a Container,
    /// When the view first held the pod.
    seen: Timestamp,
    now: Timestamp,
    params: &'a Params,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// No crash loop, or it is over.
    Fine,
    /// It is one at this time, unless the container is Ready before.
    Wait(Timestamp),
    /// It is one, until this time if the container stays Ready.
    Looping { clears_at: Option<Timestamp> },
}

fn judge(case: &Case<'_>) -> Verdict {
    let Case { pod, container: c, params, now, .. } = *case;
    let backing_off = is_backing_off(c);
    let failing = backing_off || is_restart_due(c, pod.restarts);
    // What ran before the last exit had this many restarts behind it.
    let (run, restarts) = match &c.state {
        State::Running { since } => (*since, c.restarts.saturating_sub(1)),
        State::Terminated(end) if !failing => (end.started, c.restarts.saturating_sub(1)),
        State::Terminated(_) | State::Waiting(_) | State::Unknown => (None, c.restarts),
    };
    let Some(end) = last_exit(c, pod.restarts) else {
        // The kubelet says it loops and has lost the exit.
        let at_once = backing_off && restarts >= params.restarts;
        return if at_once { Verdict::Looping { clears_at: None } } else { Verdict::Fine };
    };
    if restarts.saturating_add(1) < params.restarts || (!backing_off && (is_lost(end) || forgets(case, end)))
    {
        return Verdict::Fine;
    }
    let exit_at = end.finished.or(run).unwrap_or(case.seen);
    let ready_since = c.ready.then(|| ready_since(case, exit_at));
    // A Ready time that is over: from the start of this run to the moment at which the pod was no longer Ready.
    let was_ready = run.zip(pod.ready.since).filter(|_| !c.ready && !pod.is_ready());
    let was_ready = was_ready.map_or(Seconds(0), |(run, until)| until.since(run + LAG));
    if restarts < params.restarts {
        let due_at = exit_at + params.early_after;
        let settled = match &c.state {
            State::Running { .. } | State::Terminated(_) if !failing => {
                ready_since.is_some_and(|at| at <= due_at)
                    || was_ready > Seconds(0)
                    || outlives(end, run, due_at)
            }
            State::Running { .. } | State::Terminated(_) | State::Waiting(_) | State::Unknown => !failing,
        };
        if settled {
            return Verdict::Fine;
        }
        if now < due_at {
            return Verdict::Wait(due_at);
        }
    }
    let clear = params.clear(c.restarts);
    let clears_at = ready_since.map(|at| at + clear);
    let over = clears_at.is_some_and(|at| at <= now) || was_ready >= clear;
    if over { Verdict::Fine } else { Verdict::Looping { clears_at } }
}

fn is_backing_off(c: &Container) -> bool {
    matches!(&c.state, State::Waiting(wait) if &*wait.reason == "CrashLoopBackOff")
}

/// Whether the kubelet will start it again: main containers by the pod's policy, sidecars always, init containers
/// until they end well.
fn is_restart_due(c: &Container, policy: RestartPolicy) -> bool {
    let State::Terminated(end) = &c.state else { return false };
    match (c.role, policy) {
        (Role::Sidecar, _) | (Role::Main, RestartPolicy::Always) => true,
        (Role::Init, RestartPolicy::Always | RestartPolicy::OnFailure)
        | (Role::Main, RestartPolicy::OnFailure) => end.code != 0,
        (Role::Init | Role::Main, RestartPolicy::Never) => false,
    }
}

/// The exit that the next restart is due for, or was.
pub(crate) fn last_exit(c: &Container, policy: RestartPolicy) -> Option<&Termination> {
    match &c.state {
        State::Terminated(end) if is_restart_due(c, policy) => Some(end),
        State::Terminated(_) | State::Running { .. } | State::Waiting(_) | State::Unknown => {
            c.last.as_deref()
        }
    }
}

/// The node or its runtime restarted and nobody knows how the container ended: not the program's doing.
fn is_lost(end: &Termination) -> bool {
    matches!(&*end.reason, "Unknown" | "ContainerStatusUnknown")
}

/// The run before the exit was long and Ready: the kubelet has reset its back-off, and this exit is a first one. Once the
/// next run is Ready nothing tells any more whether that one was; then it counts as Ready.
fn forgets(case: &Case<'_>, end: &Termination) -> bool {
    let (Some(from), Some(to)) = (end.started, end.finished) else { return false };
    let ready = &case.pod.ready;
    let never_ready = !case.pod.is_ready() && ready.since.is_some_and(|at| at <= from + LAG);
    to.since(from) >= case.params.clear(case.container.restarts) && !never_ready
}

/// Since when a container that is Ready now has been so, at the latest: condition Ready of the pod may be older than the
/// restart, and False for another container's sake.
fn ready_since(case: &Case<'_>, exit_at: Timestamp) -> Timestamp {
    let pod = case.pod.ready.since.filter(|_| case.pod.is_ready());
    let run = match &case.container.state {
        State::Running { since } => *since,
        State::Terminated(end) => end.finished,
        State::Waiting(_) | State::Unknown => None,
    };
    pod.into_iter().chain(run).fold(exit_at, Timestamp::max)
}

/// Whether the run after the exit was longer at that time than the one before: slow to start, not looping.
fn outlives(end: &Termination, run: Option<Timestamp>, at: Timestamp) -> bool {
    let before = end.started.zip(end.finished).map(|(from, to)| to.since(from));
    before.zip(run).is_some_and(|(before, run)| at.since(run) > before)
}

/// Since when the pod has suffered: it has not been Ready since, or the exit; else when the view first held it.
fn since(pod: &PodFacts, c: &Container, seen: Timestamp) -> Timestamp {
    let unready = pod.ready.since.filter(|_| !pod.is_ready());
    let exit = last_exit(c, pod.restarts).and_then(|end| end.finished);
    earliest(unready, exit).or(pod.meta.created).unwrap_or(seen)
}

#[cfg(test)]
mod tests;
