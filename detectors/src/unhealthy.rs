//! Unhealthy: a container runs, does not restart, and its probe goes on failing.
//!
//! # Meaning
//! A pod has been Running and not Ready for 90 seconds because the readiness probe of a container that runs fails; one that
//! has not been Ready in this run yet is given the time of its probe on top, and that of its startup probe until that
//! has passed. Not counted: pods in a crash loop, pods on a node that does not work, failing liveness probes that have not
//! ended a container, and the failures of a normal start.
//!
//! # Impact
//! The pod gets no traffic from its Services. Critical when no pod of the workload is Ready. A rolling update stops here, and
//! with `maxUnavailable: 100%` it has taken everything away.
//!
//! # Diagnosis
//! The Event Unhealthy has the probe's answer. `connection refused`: nothing listens on that port; compare port and path with
//! those of the revision before. 404: a wrong path. 5xx: the program runs and says that it is not well; its log says why,
//! most often a dependency. A time-out: it hangs, or has too little cpu. All pods since one moment: look at what they
//! share. One pod of several: that pod.
//!
//! # Mitigation
//! Never Ready since a rollout: go back to the revision before. Was Ready and hangs: delete that one pod, or restart the
//! workload when all of them hang, after a thread dump. Do not take the probe away to make it green.

use crate::catalog::{Detector, Looked};
use crate::crash_loop_back_off::{LAG, loops};
use crate::earliest;
use crate::facts::{Container, Phase, PodFacts, Role, State, Truth};
use crate::look::Look;
use crate::params::Params;
use crate::unready::node_works_since;
use crate::waiting::{events, newest};
use nightshift_model::{Cause, Finding, Kind, Reason, Seconds, Timestamp};

/// The detector.
#[derive(Debug)]
pub struct Unhealthy;

impl Detector for Unhealthy {
    fn reason(&self) -> Reason {
        Reason::Unhealthy
    }

    fn source(&self) -> &'static str {
        include_str!("unhealthy.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![("Time not Ready, beyond what the probes take by themselves", params.unready_after.to_string())]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let mut unready: Vec<&PodFacts> = at.staying().filter(|pod| is_candidate(at, pod)).collect();
        if unready.is_empty() {
            return Looked::default();
        }
        let loops = loops(at);
        unready.retain(|pod| !loops.has(pod));
        unready.sort_by_key(|pod| at.age_of(pod).unwrap_or(at.sets.len()));
        let mut looked = Looked::default();
        for pod in unready {
            let Some(failing) = failing(at, pod) else { continue };
            if failing.due > at.now {
                looked.recheck_at = earliest(looked.recheck_at, Some(failing.due));
                continue;
            }
            let finding = looked.finding.get_or_insert_with(|| Finding {
                affected: 0,
                container: failing.container.name.to_string(),
                cause: failing.cause,
                detail: answer(at, pod, failing.cause),
                ..at.about_pod(Reason::Unhealthy, pod, failing.since)
            });
            finding.affected += 1;
            finding.since = finding.since.min(failing.since);
        }
        looked
    }
}

/// Runs, is not Ready, and its node works.
fn is_candidate(at: &Look<'_>, pod: &PodFacts) -> bool {
    let node_works = at.node_of(pod).is_none_or(|node| node.ready.status == Truth::True);
    pod.phase == Phase::Running
        && pod.ready.status == Truth::False
        && node_works
        && !matches!(at.scope.kind, Kind::Job | Kind::CronJob)
}

struct Failing<'a> {
    container: &'a Container,
    cause: Cause,
    since: Timestamp,
    /// From when on it is a finding.
    due: Timestamp,
}

/// The first container whose probe keeps the pod from being Ready; none while another one does not run.
fn failing<'a>(at: &Look<'_>, pod: &'a PodFacts) -> Option<Failing<'a>> {
    let mut found = None;
    for c in pod.containers.iter().filter(|c| c.role != Role::Init) {
        let State::Running { since: run } = &c.state else { return None };
        let starting = c.probes.startup && !c.started;
        if found.is_some() || c.ready || !(c.probes.readiness || starting) {
            continue;
        }
        let unready = pod.ready.since.or_else(|| at.view.first_seen(&pod.meta.uid))?;
        let since = [*run, node_works_since(at, pod)].into_iter().flatten().fold(unready, Timestamp::max);
        let never_ready = run.is_none_or(|run| unready <= run + LAG);
        let mut grace = at.params.unready_after.0;
        if never_ready {
            grace += u64::from(c.probes.readiness_takes);
        }
        if starting {
            grace += u64::from(c.probes.startup_takes);
        }
        let cause = if starting { Cause::StartupProbe } else { Cause::ReadinessProbe };
        found = Some(Failing { container: c, cause, since, due: since + Seconds(grace) });
    }
    found
}

/// What the probe got, in the kubelet's words.
fn answer(at: &Look<'_>, pod: &PodFacts, cause: Cause) -> String {
    let begins = if cause == Cause::StartupProbe { "Startup probe " } else { "Readiness probe " };
    let events = events(at, pod, &["Unhealthy"]).filter(|event| event.message.starts_with(begins));
    newest(events).map(|event| event.message.trim().to_owned()).unwrap_or_default()
}
