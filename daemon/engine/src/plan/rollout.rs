//! Whether the newest revision brought the fault, or only stands there. A rollback is proposed for the first alone, so
//! whatever speaks for the second ends the suspicion, and is said.

use super::{Case, memory};
use crate::changes::{WINDOW, is_of};
use crate::quantity::MIB;
use nightshift_model::cause::Cause as Why;
use nightshift_model::evidence::{ChangeLine, ChangeSort, HealthyRevision, PodLine, RevisionLine};
use nightshift_model::{Finding, Kind, ObjectRef, Reason, Timestamp};
use nightshift_playbooks::Cause;

/// Conditions of a node that break pods of any revision.
const BREAKS: [&str; 5] =
    ["Ready=", "MemoryPressure=", "DiskPressure=", "PIDPressure=", "NetworkUnavailable="];
/// Names that a sentence lists.
const NAMED: usize = 3;

/// Whether a pod template can bring what is seen. What the registry, the node or the volume's other user do to it
/// stays as it is under an earlier template. Whether it raised what it asks of a node is looked at by [`Case::fits`].
pub(super) fn of_the_template(symptom: &Finding) -> bool {
    let reason = matches!(
        symptom.reason,
        Reason::CrashLoopBackOff
            | Reason::OOMKilled
            | Reason::ImagePullBackOff
            | Reason::ErrImageNeverPull
            | Reason::InvalidImageName
            | Reason::CreateContainerConfigError
            | Reason::CreateContainerError
            | Reason::RunContainerError
            | Reason::PostStartHookError
            | Reason::Unhealthy
            | Reason::InitContainerStuck
            | Reason::FailedMount
    );
    let around = matches!(
        symptom.cause,
        Why::Unauthorized | Why::RegistryUnreachable | Why::RateLimited | Why::NodeMemory | Why::MultiAttach
    );
    // What a registry meant that nobody understood may be an outage.
    let unread = symptom.reason == Reason::ImagePullBackOff && symptom.cause.is_unknown();
    reason && !around && !unread
}

/// Whether the image could not be had.
fn of_the_image(symptom: &Finding) -> bool {
    matches!(symptom.reason, Reason::ImagePullBackOff | Reason::ErrImageNeverPull | Reason::InvalidImageName)
}

/// What each revision asks of a node, as a person writes it.
pub(super) fn asked(current: &RevisionLine, kept: &RevisionLine) -> String {
    let write =
        |r: &RevisionLine| format!("{}m cpu and {} MiB", r.requests.cpu_milli, r.requests.memory / MIB);
    format!("{} where revision {} asked for {}", write(current), kept.number, write(kept))
}

impl<'a> Case<'a> {
    /// *Caused by the rollout* only while the broken revision is the newest one and was never seen healthy, what is seen is
    /// of the kind that a template brings, and nothing speaks against it.
    pub(super) fn cause(&self) -> Cause {
        let memory = self.symptom.is_some_and(memory::short);
        match self.suspected() && self.innocent().is_empty() {
            true => Cause::Rollout,
            false if memory && self.around().is_empty() => Cause::MemoryLimit,
            false if self.around().is_empty() && self.broken_by_itself().is_some() => Cause::OnePod,
            false if self.around().is_empty() && self.hang().is_ok() => Cause::Hang,
            false => Cause::Unknown,
        }
    }

    fn suspected(&self) -> bool {
        let earlier = self.rollouts.is_some_and(|r| r.revisions.len() > 1);
        self.brought() && self.is_newest() && self.broken_was_healthy().is_none() && earlier
    }

    fn is_newest(&self) -> bool {
        self.current().is_some_and(|c| c.template_hash == self.broken())
    }

    fn broken_was_healthy(&self) -> Option<&'a HealthyRevision> {
        self.healthy.iter().find(|h| h.template_hash == self.broken())
    }

    fn brought(&self) -> bool {
        self.symptom.is_some_and(|s| of_the_template(s) || self.fits(s))
    }

    /// Whether no node takes the newest revision because it asks for more of what is short, while a pod of the revision
    /// before has its place.
    fn fits(&self, symptom: &Finding) -> bool {
        let (Some(current), Ok((kept, _))) = (self.current(), self.target()) else { return false };
        let (now, before, cause) = (current.requests, kept.requests, symptom.cause);
        let raised = (cause == Why::InsufficientMemory && now.memory > before.memory)
            || (cause == Why::InsufficientCpu && now.cpu_milli > before.cpu_milli);
        let serves = self.pods_of(kept).any(|p| p.ready && !p.leaving);
        symptom.reason == Reason::FailedScheduling && raised && serves
    }

    /// Why the rollout is not held to be the cause, although it could be: a clause each.
    pub(super) fn innocent(&self) -> Vec<String> {
        let mut why = self.around();
        if let (Ok((kept, seen)), Some(current)) = (self.target(), self.current()) {
            why.extend(self.began_before(kept, seen));
            why.extend(self.kept_is_broken(kept));
            why.extend(self.shares(kept, current));
        }
        why
    }

    /// What breaks pods of any revision.
    fn around(&self) -> Vec<String> {
        let mut why = Vec::new();
        if let Some(node) = self.node {
            let bad = node.problems.iter().filter(|p| BREAKS.iter().any(|b| p.starts_with(b)));
            let bad: Vec<&str> = bad.map(String::as_str).take(NAMED).collect();
            if !bad.is_empty() {
                why.push(format!("node {} is not as it should be ({})", node.name, bad.join(", ")));
            }
        }
        let name = self.container();
        let has =
            |c: &RevisionLine| c.images.iter().any(|i| i.split_once('=').is_some_and(|(n, _)| n == name));
        if let Some(current) = self.current().filter(|c| !name.is_empty() && !has(c)) {
            why.push(format!(
                "container {name} is none of revision {}: something else puts it into the pods",
                current.number
            ));
        }
        let lines = self.changes.map_or(&[][..], |c| c.lines.as_slice()).iter();
        let others = lines.filter(|l| l.sort == ChangeSort::Incident && self.rests_on(l));
        why.extend(others.take(NAMED).map(|l| format!("{} {}", l.object, l.what)));
        why
    }

    /// Whether another incident is about something that the pods cannot do without: their node, the cluster's names, what
    /// they are configured from.
    fn rests_on(&self, line: &ChangeLine) -> bool {
        let (kind, name) = (line.object.kind.as_str(), line.object.name.as_str());
        let node = line.object.kind == Kind::Node && self.node.is_some_and(|n| n.name == name);
        let kept = self.target().ok().map(|(kept, _)| kept);
        let config = kept.is_some_and(|k| k.references.contains(&format!("{kind} {name}")));
        let cordoned = line.what.contains(Reason::NodeCordoned.as_str());
        (node && !cordoned) || config || line.what.contains(Reason::DnsUnavailable.as_str())
    }

    /// A rollout that came after the fault began did not bring it: somebody tried to mend what was broken.
    fn began_before(&self, kept: &RevisionLine, seen: &HealthyRevision) -> Option<String> {
        // All that was rolled out since the revision that would return.
        let later = self.rollouts?.revisions.iter().filter(|r| r.number > kept.number);
        let first = later.filter(|r| r.created.is_some()).min_by_key(|r| r.created)?;
        let rolled_out = first.created?;
        let well_since = |at| seen.at > at;
        if let Some(began) = self.incident.began.as_ref().filter(|b| !well_since(b.at)) {
            if began.template_hash == kept.template_hash {
                return Some(format!(
                    "revision {} was broken itself since {}, and revision {} was rolled out at {rolled_out}",
                    kept.number, began.at, first.number
                ));
            }
            if began.at < rolled_out {
                return Some(format!(
                    "the fault began at {}, and revision {} was rolled out at {rolled_out}",
                    began.at, first.number
                ));
            }
        }
        if let Some(crashed) = self.crashed_before(kept, seen, rolled_out) {
            return Some(crashed);
        }
        // With Recreate the old pods stop before the new revision is made.
        let since = self.workload.unavailable_since.filter(|at| *at < rolled_out && !well_since(*at));
        since.filter(|_| self.workload.strategy != "Recreate").map(|since| {
            format!(
                "too few pods were available since {since}, and revision {} was rolled out at {rolled_out}",
                first.number
            )
        })
    }

    /// A pod of the revision that would return had crashed before anything newer was rolled out.
    fn crashed_before(
        &self,
        kept: &RevisionLine,
        seen: &HealthyRevision,
        rolled_out: Timestamp,
    ) -> Option<String> {
        let lines = self.changes.map_or(&[][..], |c| c.lines.as_slice()).iter();
        let before = |at: Timestamp| seen.at < at && at < rolled_out && rolled_out.since(at) <= WINDOW;
        let crashed = lines.filter(|l| l.sort == ChangeSort::Crashed && before(l.at));
        let first = crashed.filter(|l| is_of(&l.object.name, &kept.replica_set.name)).min_by_key(|l| l.at)?;
        Some(format!(
            "pod {} of revision {} crash-looped at {} already, before anything newer was rolled out",
            first.object.name, kept.number, first.at
        ))
    }

    /// What the earlier revision is configured from was changed lately: said beside the rollback, for it stays changed.
    pub(super) fn configured_anew(&self, kept: &RevisionLine) -> Vec<String> {
        let Some(symptom) = self.symptom else { return Vec::new() };
        let lines = self.changes.map_or(&[][..], |c| c.lines.as_slice()).iter();
        let near = |at: Timestamp| symptom.since.since(at) <= WINDOW;
        let config = lines.filter(|l| l.sort == ChangeSort::Config && near(l.at));
        let shared = config.filter(|l| kept.references.contains(&format!("ConfigMap {}", l.object.name)));
        let by = |l: &ChangeLine| l.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        shared
            .map(|l| {
                format!(
                    "ConfigMap {} {} at {}{}; revision {} refers to it as well, and it stays as it is.",
                    l.object.name,
                    l.what,
                    l.at,
                    by(l),
                    kept.number
                )
            })
            .collect()
    }

    fn pods_of(&self, revision: &RevisionLine) -> impl Iterator<Item = &'a PodLine> {
        self.pods.iter().filter(move |p| p.template_hash == revision.template_hash)
    }

    /// The revision that would return does not do well either.
    fn kept_is_broken(&self, kept: &RevisionLine) -> Option<String> {
        let ended = |p: &PodLine| matches!(p.phase.as_str(), "Failed" | "Succeeded");
        let unready = self.pods_of(kept).filter(|p| !p.ready && !p.leaving && !ended(p));
        let names: Vec<&str> = unready.map(|p| p.pod.name.as_str()).collect();
        let first = names.first()?;
        let more = names.len() - 1;
        let number = kept.number;
        Some(match more {
            0 => format!("pod {first} of revision {number} is not Ready either"),
            more => format!("pod {first} and {more} more of revision {number} are not Ready either"),
        })
    }

    /// What is wrong is the same under the revision that would return.
    fn shares(&self, kept: &RevisionLine, current: &RevisionLine) -> Option<String> {
        let symptom = self.symptom?;
        let (now, before) = (current.number, kept.number);
        if self.same_containers(kept) {
            return Some(format!(
                "revision {now} runs the same containers as revision {before}: only annotations and labels differ"
            ));
        }
        if of_the_image(symptom)
            && let Some(image) = current.images.iter().find(|i| {
                i.split_once('=').is_some_and(|(n, _)| n == symptom.container) && kept.images.contains(i)
            })
        {
            return Some(format!("revision {before} runs the same image ({image})"));
        }
        missing(symptom, kept, current).map(|what| format!("revision {before} refers to {what} too"))
    }

    /// Whether going back would change nothing that a container is made from, as after `kubectl rollout restart`.
    fn same_containers(&self, kept: &RevisionLine) -> bool {
        let changes = self.rollouts.and_then(|r| r.changes.iter().find(|c| c.number == kept.number));
        changes.is_some_and(|c| c.changes.iter().all(|f| f.path.starts_with("/spec/template/metadata/")))
    }

    pub(super) fn why_unknown(&self) -> Vec<String> {
        let Some(rollouts) = self.rollouts else {
            return vec!["the rollout history could not be read".to_owned()];
        };
        let Some(current) = self.current() else { return vec![self.no_current()] };
        if let Some(h) = self.broken_was_healthy() {
            let (which, at) = (h.named(), h.at);
            let seen = format!("revision {which} was seen healthy at {at}, so the rollout is not the cause");
            let unhealthy = self.symptom.is_some_and(|s| s.reason == Reason::Unhealthy);
            let hang = self.hang().err().filter(|_| unhealthy);
            return std::iter::once(seen).chain(hang).collect();
        }
        if rollouts.revisions.len() < 2 {
            return vec!["there is no earlier revision to go back to".to_owned()];
        }
        if !self.is_newest() {
            return vec![format!("what is broken is not of the newest revision ({})", current.number)];
        }
        let mut why = self.innocent();
        if why.is_empty() {
            why.push(match self.symptom {
                Some(s) if !s.cause.is_unknown() => {
                    format!("an earlier revision would not mend that: {}", s.cause.clause())
                }
                Some(s) => format!("nothing shows that the rollout brought it ({})", s.reason),
                None => "nothing is known of the symptom".to_owned(),
            });
        }
        why
    }
}

/// What a container misses that the revision to return asks for as well.
fn missing(symptom: &Finding, kept: &RevisionLine, current: &RevisionLine) -> Option<String> {
    let keys = symptom.cause == Why::MissingKey;
    let config_map = keys || symptom.cause == Why::MissingConfigMap;
    let secret = keys || symptom.cause == Why::MissingSecret;
    let of_kind = |line: &&String| {
        config_map && line.starts_with("ConfigMap ") || secret && line.starts_with("Secret ")
    };
    let blamed = |line: &&String| symptom.blames.as_ref().is_none_or(|b| is_in(b, line));
    let list = |r: &'_ RevisionLine| if keys { r.keys.clone() } else { r.references.clone() };
    let asked = list(current);
    let asked: Vec<&String> = asked.iter().filter(of_kind).filter(blamed).collect();
    // What the cluster's words name; all that it can be where they name nothing.
    let said = |line: &&&String| line.rsplit(' ').next().is_some_and(|name| names(&symptom.detail, name));
    let named: Vec<&String> = asked.iter().filter(said).copied().collect();
    let candidates = if named.is_empty() { asked } else { named };
    let kept = list(kept);
    candidates.into_iter().find(|line| kept.contains(line)).cloned()
}

fn is_in(object: &ObjectRef, line: &str) -> bool {
    let mut words = line.split(' ');
    words.next() == Some(object.kind.as_str()) && words.next() == Some(object.name.as_str())
}

/// Whether a text holds a name as a word of its own.
fn names(text: &str, name: &str) -> bool {
    let part = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'));
    text.split(part).any(|word| word.trim_end_matches('.') == name)
}

#[cfg(test)]
mod tests;
