//! InitContainerStuck: an init container runs and does not end.
//!
//! # Meaning
//! An init container has run for four minutes, and no pod of the same revision is Ready. One that fails and is started again is
//! CrashLoopBackOff. Jobs are not looked at: theirs may take as long as the work does. No Event is written about it.
//!
//! # Impact
//! The application's own containers are not even started. A rolling update waits; after a first deploy nothing serves.
//!
//! # Diagnosis
//! `kubectl logs POD -c CONTAINER`: most often a loop that waits for another service (`until nslookup db`), a migration that
//! waits for a lock, or a download that does not end. Does what it waits for exist, under that name, in that namespace?
//!
//! # Mitigation
//! Bring up what it waits for, and it goes on by itself. Give such loops an end, so that they fail and are seen.

use crate::catalog::{Detector, Looked};
use crate::earliest;
use crate::facts::{Container, PodFacts, Role, State};
use crate::look::Look;
use crate::params::Params;
use nightshift_model::{Finding, Kind, Reason, Timestamp};

/// The detector.
#[derive(Debug)]
pub struct InitContainerStuck;

impl Detector for InitContainerStuck {
    fn reason(&self) -> Reason {
        Reason::InitContainerStuck
    }

    fn source(&self) -> &'static str {
        include_str!("init_container_stuck.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![("Time that an init container runs", params.init_after.to_string())]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let mut looked = Looked::default();
        if matches!(at.scope.kind, Kind::Job | Kind::CronJob) {
            return looked;
        }
        let mut running: Vec<_> = at.staying().filter_map(|pod| Some((pod, running(pod)?))).collect();
        running.sort_by_key(|(pod, _)| at.age_of(pod).unwrap_or(at.sets.len()));
        for (pod, (container, since)) in running {
            let revision =
                |p: &PodFacts| (p.meta.labels.template_hash.clone(), p.meta.labels.revision_hash.clone());
            if at.staying().any(|other| other.is_ready() && revision(other) == revision(pod)) {
                continue;
            }
            let due = since + at.params.init_after;
            if due > at.now {
                looked.recheck_at = earliest(looked.recheck_at, Some(due));
                continue;
            }
            let finding = looked.finding.get_or_insert_with(|| Finding {
                affected: 0,
                container: container.name.to_string(),
                detail: format!("init container {} has not ended", container.name),
                ..at.about_pod(Reason::InitContainerStuck, pod, since)
            });
            finding.affected += 1;
            finding.since = finding.since.min(since);
        }
        looked
    }
}

/// The init container that runs, and since when.
fn running(pod: &PodFacts) -> Option<(&Container, Timestamp)> {
    pod.containers.iter().filter(|c| c.role == Role::Init).find_map(|c| match &c.state {
        State::Running { since } => Some((c, (*since)?)),
        State::Waiting(_) | State::Terminated(_) | State::Unknown => None,
    })
}
