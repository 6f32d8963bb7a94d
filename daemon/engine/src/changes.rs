//! What changed in the window before a fault, a dated sentence each: for the person who is to say what brought it.
//!
//! That one thing came shortly before another proves nothing, so none of this alone leads to an action.

use crate::investigate::workload;
use nightshift_model::evidence::{
    ChangeLine, ChangeSort, Changes, Disruption, PodLine, Rollouts, WorkloadFacts,
};
use nightshift_model::{
    Cause, FieldChange, Got, Incident, Kind, ObjectRef, Observed, Seconds, Shown, Timestamp,
};

/// How long before a fault a change is told.
pub const WINDOW: Seconds = Seconds(3600);
/// Changes that are told.
const TOLD: usize = 20;
/// Fields of a revision that a sentence names.
const FIELDS: usize = 3;

/// One change before the fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// When.
    pub at: Timestamp,
    /// A sentence without its end, as in `ConfigMap shop/env was changed 4m before, by kubectl-edit`.
    pub sentence: String,
    /// What would be the cause if this had brought the fault, and what a person would fix then.
    pub brings: Option<(Cause, Option<ObjectRef>)>,
}

/// What is known of an incident's surroundings.
struct Known<'a> {
    workload: &'a WorkloadFacts,
    rollouts: Option<&'a Rollouts>,
    changes: Option<&'a Changes>,
    pods: &'a [PodLine],
    disruption: Option<&'a Disruption>,
    fault: Timestamp,
    /// What pods of the revisions bear that are broken.
    broken: Vec<&'a str>,
}

/// What changed in the window before the fault of an incident's workload began, newest first; at most twenty.
pub fn before(incident: &Incident, window: Seconds) -> Vec<Before> {
    let Some(known) = Known::of(incident) else { return Vec::new() };
    let mut all = known.rollouts();
    all.extend(known.around());
    all.retain(|change| change.at <= known.fault && known.fault.since(change.at) <= window);
    all.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.sentence.cmp(&b.sentence)));
    all.dedup();
    all.truncate(TOLD);
    all
}

/// What an incident's investigation learnt of changes.
pub fn observed(incident: &Incident) -> Option<&Changes> {
    incident.evidence.iter().find_map(|e| match &e.got {
        Got::Facts(Observed::Changes(changes)) => Some(changes),
        Got::Facts(_) | Got::NotChecked { .. } => None,
    })
}

impl<'a> Known<'a> {
    fn of(incident: &'a Incident) -> Option<Self> {
        let symptom = incident.symptom.as_ref()?;
        let began = incident.began.as_ref().map(|b| b.at);
        let first = incident.began.as_ref().map(|b| b.template_hash.as_str());
        let hashes = first.into_iter().chain([symptom.template_hash.as_str()]);
        let mut known = Self {
            workload: workload(incident)?,
            rollouts: None,
            changes: observed(incident),
            pods: &[],
            disruption: None,
            broken: hashes.collect(),
            fault: began.map_or(symptom.since, |at| at.min(symptom.since)),
        };
        for evidence in &incident.evidence {
            match &evidence.got {
                Got::Facts(Observed::Rollouts(r)) => known.rollouts = Some(r),
                Got::Facts(Observed::Pods(p)) => known.pods = p,
                Got::Facts(Observed::Disruption(d)) => known.disruption = Some(d),
                Got::Facts(_) | Got::NotChecked { .. } => {}
            }
        }
        Some(known)
    }

    fn told(&self, at: Timestamp, what: &str, by: Option<&str>) -> Before {
        let by = by.map_or_else(String::new, |by| format!(", by {by}"));
        let ago = self.fault.since(at);
        let when = if ago.0 == 0 { "at the same time".to_owned() } else { format!("{ago} before") };
        Before { at, sentence: format!("{what} {when}{by}"), brings: None }
    }

    /// Each revision at the time when it was made; who wrote it is known of the newest only.
    fn rollouts(&self) -> Vec<Before> {
        let (w, mut all) = (self.workload, Vec::new());
        let revisions = self.rollouts.map_or(&[][..], |r| r.revisions.as_slice());
        let written = w.written_by.as_ref().and_then(|by| Some((by.at?, by.manager.as_str())));
        let mut told = false;
        for (n, revision) in revisions.iter().enumerate() {
            let Some(at) = revision.created else { continue };
            let earlier = revisions.get(n + 1);
            let difference = earlier.map_or_else(String::new, |before| {
                let images = images(&before.images, &revision.images);
                let fields = if n == 0 { self.fields(before.number) } else { String::new() };
                if images.is_empty() { fields } else { images }
            });
            let newest = revision.template == w.template;
            let who = newest.then(|| self.who(written.map(|(_, manager)| manager))).flatten();
            told |= newest && written.is_some_and(|(wrote, _)| wrote.since(at) <= Seconds(60));
            let what = format!("Revision {}{difference} was rolled out", revision.number);
            // The first one ever replaced nothing.
            let brings = earlier.map(|_| (Cause::NewRevision, None));
            all.push(Before { brings, ..self.told(at, &what, who.as_deref()) });
        }
        // Going back to a template that is kept makes no new revision object.
        if let Some((at, manager)) = written.filter(|_| !told) {
            all.push(self.told(at, &format!("{} was written", w.object), Some(manager)));
        }
        all
    }

    /// What else differs, where no image does.
    fn fields(&self, number: u64) -> String {
        let changes = self.rollouts.and_then(|r| r.changes.iter().find(|c| c.number == number));
        let Some(changes) = changes.map(|c| c.changes.as_slice()).filter(|c| !c.is_empty()) else {
            return String::new();
        };
        let mut names: Vec<String> = changes.iter().take(FIELDS).map(field).collect();
        let more = changes.len().saturating_sub(FIELDS);
        if more > 0 {
            names.push(format!("{more} more"));
        }
        format!(" ({})", names.join(", "))
    }

    fn who(&self, manager: Option<&str>) -> Option<String> {
        let w = self.workload;
        let owner = w.gitops.as_ref().map(ToString::to_string);
        let owner = owner.or_else(|| w.helm.as_ref().map(|release| format!("Helm release {release}")));
        let cause = w.change_cause.as_ref().map(|cause| format!("change cause: {cause}"));
        let more: Vec<String> = owner.into_iter().chain(cause).collect();
        let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join("; ")) };
        match manager {
            Some(manager) => Some(format!("{manager}{more}")),
            None if more.is_empty() => None,
            None => Some(format!("somebody{more}")),
        }
    }

    fn around(&self) -> Vec<Before> {
        let lines = self.changes.map_or(&[][..], |c| c.lines.as_slice());
        let told = lines.iter().filter(|line| self.concerns(line));
        told.map(|line| {
            let object = if line.object.namespace == self.workload.object.namespace {
                format!("{} {}", line.object.kind, line.object.name)
            } else {
                line.object.to_string()
            };
            let since = if line.sort == ChangeSort::Incident { ", since" } else { "" };
            let config = (line.sort == ChangeSort::Config).then(|| line.object.clone());
            let brings = config.map(|object| (Cause::ConfigChanged, Some(object)));
            let told = self.told(line.at, &format!("{object} {}{since}", line.what), line.by.as_deref());
            Before { brings, ..told }
        })
        .collect()
    }

    /// Whether a change can have to do with the workload.
    fn concerns(&self, line: &ChangeLine) -> bool {
        let name = line.object.name.as_str();
        match line.sort {
            ChangeSort::Config | ChangeSort::Bound => true,
            ChangeSort::Scaled => self
                .disruption
                .is_some_and(|d| d.autoscalers.iter().any(|a| a.split(' ').next() == Some(name))),
            // Of the pods' nodes; one that comes or goes may be where they were.
            ChangeSort::Node => {
                let moves = line.what.ends_with("the cluster");
                moves || self.pods.iter().any(|p| p.node == name)
            }
            // Crashes of what is broken are the fault itself, and no change before it.
            ChangeSort::Crashed => self.rollouts.is_some_and(|r| {
                let mut sets =
                    r.revisions.iter().filter(|r| !self.broken.contains(&r.template_hash.as_str()));
                sets.any(|r| is_of(name, &r.replica_set.name))
            }),
            ChangeSort::Incident => {
                line.object.kind != Kind::Node || self.pods.iter().any(|p| p.node == name)
            }
        }
    }
}

/// Whether a pod's name says that this ReplicaSet made it.
pub(crate) fn is_of(pod: &str, replica_set: &str) -> bool {
    pod.strip_prefix(replica_set).is_some_and(|rest| rest.starts_with('-'))
}

/// `: app web:1 -> web:2` for each container whose image differs.
fn images(before: &[String], after: &[String]) -> String {
    let split = |line: &'_ String| line.split_once('=').map(|(n, i)| (n.to_owned(), i.to_owned()));
    let old: Vec<(String, String)> = before.iter().filter_map(split).collect();
    let changed = after.iter().filter_map(split).filter_map(|(name, image)| {
        let was = old.iter().find(|(n, _)| *n == name).map(|(_, i)| i);
        match was {
            Some(was) if *was == image => None,
            Some(was) => Some(format!("{name} {was} -> {image}")),
            None => Some(format!("new container {name} {image}")),
        }
    });
    let all: Vec<String> = changed.take(FIELDS).collect();
    if all.is_empty() { String::new() } else { format!(" ({})", all.join(", ")) }
}

/// A field that differs; the list goes from the newest template to the earlier one.
fn field(change: &FieldChange) -> String {
    let path = change.path.strip_prefix("/spec/template/").unwrap_or(&change.path);
    let show = |shown: &Shown| match shown {
        Shown::Absent => "nothing".to_owned(),
        Shown::Hidden => "(hidden)".to_owned(),
        Shown::Value(value) => value.clone(),
    };
    if matches!((&change.before, &change.after), (Shown::Hidden, Shown::Hidden)) {
        return path.to_owned();
    }
    format!("{path} {} -> {}", show(&change.after), show(&change.before))
}

#[cfg(test)]
mod tests;
