//! OOMKilled: a container is killed again and again because it wants more memory than it may have.
//!
//! # Meaning
//! Either a crash loop (as CrashLoopBackOff has it) whose runs end by memory, or two kills with less than an hour between
//! them though the container was well in between. Counted as memory: reason OOMKilled, and exit code 137 of a container
//! with a memory limit that neither a probe nor a deletion has killed, for the runtime loses the reason in some of a hundred
//! kills. One single kill is no finding.
//!
//! # Impact
//! Everything in flight in that container is lost each time, without a chance to end well. Critical when no other pod of
//! the workload is Ready.
//!
//! # Diagnosis
//! How long does a run last? Killed at once: the limit is below what the program needs to start; compare it with the
//! revision before. Killed after minutes or hours, each time a little sawtooth in `container_memory_working_set_bytes`:
//! a leak, or a cache without a bound. Killed under load only: the limit does not fit the load. Runtimes with their own
//! heap size (JVM, Node.js, Go with GOMEMLIMIT) must be told the limit. A container without a limit that is killed shows
//! that the node itself ran out of memory.
//!
//! # Mitigation
//! When a rollout brought it, go back to the revision before. A limit that was always too low: raise it, as far as the
//! nodes allow. A leak: more memory only delays the next kill; find what grows. Node out of memory: requests that tell
//! the truth, so that the scheduler does not overfill it.

use crate::catalog::{Detector, Looked};
use crate::crash_loop_back_off::{about, cause::is_memory, last_exit, loops};
use crate::earliest;
use crate::facts::{Container, PodFacts};
use crate::look::Look;
use crate::params::Params;
use nightshift_model::{Reason, Timestamp};

/// The detector.
#[derive(Debug)]
pub struct OomKilled;

impl Detector for OomKilled {
    fn reason(&self) -> Reason {
        Reason::OOMKilled
    }

    fn source(&self) -> &'static str {
        include_str!("oom_killed.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![
            ("Kills that are no crash loop belong together within", params.oom_window.to_string()),
            (
                "A run that is killed later than this has grown until then: a leak",
                params.leak_after.to_string(),
            ),
        ]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let loops = loops(at);
        if !loops.is_empty() {
            let finding = if loops.by_memory(at) { loops.finding(at, self.reason()) } else { None };
            return Looked { finding, ..Looked::default() };
        }
        let mut looked = Looked::default();
        for pod in at.staying() {
            let killed = pod.containers.iter().find_map(|c| Some((c, again(at, pod, c)?)));
            let Some((container, killed_at)) = killed else { continue };
            looked.recheck_at = earliest(looked.recheck_at, Some(killed_at + at.params.oom_window));
            let finding = looked.finding.get_or_insert_with(|| {
                let mut finding = about(at, self.reason(), pod, container, killed_at);
                finding.affected = 0;
                finding
            });
            finding.affected += 1;
            finding.since = finding.since.min(killed_at);
        }
        looked
    }
}

/// When memory killed a container, if the run before began with a restart less than an hour before that.
fn again(at: &Look<'_>, pod: &PodFacts, c: &Container) -> Option<Timestamp> {
    if c.restarts < 2 {
        return None;
    }
    let end = last_exit(c, pod.restarts)?;
    let (from, to) = end.started.zip(end.finished)?;
    let window = at.params.oom_window;
    let recent = at.now.since(to) < window && to.since(from) < window;
    (recent && is_memory(at, pod, c, end)).then_some(to)
}
