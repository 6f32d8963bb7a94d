//! From evidence to a draft, or to the reasons why there is none.

mod asked;
pub(crate) mod job;
mod memory;
mod one_pod;
mod restart;
mod rollout;
#[cfg(test)]
pub(crate) mod testing;

use crate::actions::{self, revision};
use crate::changes;
use crate::investigate::workload;
use crate::rules::Rules;
use nightshift_model::alert::Flag;
use nightshift_model::evidence::{
    Changes, Disruption, GitOpsOwner, GitSource, HealthyRevision, MemoryFacts, NodeFacts, PodLine,
    RevisionLine, Rollouts, WorkloadFacts,
};
use nightshift_model::plan::Blast;
use nightshift_model::{
    Action, ActionKind, Draft, Escalation, FieldChange, Finding, Got, Incident, Kind, Observed, Reason,
    RevisionRef, Seconds, Tool, VerificationSpec,
};
use nightshift_playbooks::schema::Plan as Allowed;
use nightshift_playbooks::{Cause, Playbook, Situation};

/// Plans an incident whose questions are all answered.
///
/// # Errors
/// The escalation: every reason, and what a person can do.
#[allow(clippy::result_large_err)] // built once an incident
pub fn plan(incident: &Incident, rules: &Rules) -> Result<Draft, Escalation> {
    if let Some(wish) = incident.wished() {
        return asked::plan(incident, wish, rules);
    }
    let Some(symptom) = incident.symptom.as_ref() else {
        return Err(no_plan(told_only(incident), None));
    };
    let case = Case::of(incident);
    let situation = situated(incident, symptom, case.as_ref());
    let cause = situation.cause;
    let selected = nightshift_playbooks::select(&rules.playbooks, &situation);
    let reasons = || {
        let mut why = case.as_ref().map_or_else(|| vec![unread(incident)], Case::why_unknown);
        if cause == Cause::Rollout {
            why = selected
                .passed_over
                .iter()
                .map(|(name, why)| format!("playbook {name}: {}", why.as_str()))
                .collect();
        }
        let changed = changes::before(incident, changes::WINDOW);
        why.extend(changed.into_iter().take(CHANGES).map(|c| c.sentence));
        why
    };
    match (&selected.playbook.plan, &case) {
        (
            Allowed::Action(
                ActionKind::RollbackDaemonSet
                | ActionKind::RollbackDeployment
                | ActionKind::RollbackStatefulSet,
            ),
            Some(case),
        ) => case.rollback(selected.playbook, rules).map_err(|reasons| no_plan(reasons, case.handover())),
        (Allowed::Action(ActionKind::RaiseMemoryLimit), Some(case)) => {
            case.raise_memory(selected.playbook, rules)
        }
        (Allowed::Action(ActionKind::DeletePod), Some(case)) => case.delete_pod(selected.playbook, rules),
        (Allowed::Action(ActionKind::Restart), Some(case)) => case.restart(selected.playbook, rules),
        (Allowed::Action(ActionKind::ReRunJob), _) => job::plan(incident, symptom, selected.playbook, rules),
        (Allowed::Action(_), None) => Err(no_plan(reasons(), None)),
        (Allowed::Escalate(advice), case) => {
            let by_hand = case.as_ref().and_then(Case::handover);
            Err(no_plan(
                reasons(),
                Some(by_hand.map_or_else(|| advice.clone(), |h| format!("{advice}\n{h}"))),
            ))
        }
    }
}

/// Why nothing is known of a workload: there is none, or it was asked for in vain.
fn unread(incident: &Incident) -> String {
    let asked = incident.evidence.iter().find_map(|e| {
        let (Tool::Workload { target }, Got::NotChecked { why, .. }) = (&e.tool, &e.got) else { return None };
        Some((target, why.clause()))
    });
    match asked {
        Some((target, why)) => format!("{target} could not be read: {why}"),
        None => format!("{} has no rollout that could be put back", incident.scope),
    }
}

/// What a playbook is chosen by, as far as the evidence shows; `None` while nothing is known of the symptom.
pub fn situation(incident: &Incident) -> Option<Situation> {
    let symptom = incident.symptom.as_ref()?;
    Some(situated(incident, symptom, Case::of(incident).as_ref()))
}

fn situated(incident: &Incident, symptom: &Finding, case: Option<&Case<'_>>) -> Situation {
    let cause = case.map_or(Cause::Unknown, Case::cause);
    Situation { reason: symptom.reason, kind: incident.scope.kind.clone(), cause }
}

/// An alert alone never leads to a plan: what it says, and what is odd about it.
fn told_only(incident: &Incident) -> Vec<String> {
    let Some(first) = incident.alerts.shown.first() else {
        return vec!["nothing is known of the symptom".to_owned()];
    };
    let more = incident.alerts.total.saturating_sub(1);
    let others = if more == 0 { String::new() } else { format!(" and {more} more") };
    let mut reasons = vec![format!(
        "alert {}{others} is all there is: nightshift itself sees nothing wrong with {}, and no alert alone is acted on",
        first.name, incident.scope
    )];
    if !first.summary.is_empty() {
        reasons.push(format!("the alert says: {}", first.summary));
    }
    let mut flags: Vec<Flag> = incident.alerts.shown.iter().flat_map(|a| a.flags.clone()).collect();
    flags.sort_unstable();
    flags.dedup();
    reasons.extend(flags.iter().map(|f| f.clause().to_owned()));
    reasons
}

fn no_plan(reasons: Vec<String>, handover: Option<String>) -> Escalation {
    Escalation::NoPlan { reasons, handover }
}

/// Changes before the fault that a page tells of.
const CHANGES: usize = 3;

/// The answers that a plan rests on.
struct Case<'a> {
    incident: &'a Incident,
    symptom: Option<&'a Finding>,
    workload: &'a WorkloadFacts,
    rollouts: Option<&'a Rollouts>,
    healthy: &'a [HealthyRevision],
    pods: &'a [PodLine],
    disruption: Option<&'a Disruption>,
    git: Option<&'a GitSource>,
    memory: Option<&'a MemoryFacts>,
    node: Option<&'a NodeFacts>,
    changes: Option<&'a Changes>,
}

impl<'a> Case<'a> {
    fn of(incident: &'a Incident) -> Option<Self> {
        let mut case = Self {
            incident,
            symptom: incident.symptom.as_ref(),
            workload: workload(incident)?,
            rollouts: None,
            healthy: &[],
            pods: &[],
            disruption: None,
            git: None,
            memory: None,
            node: None,
            changes: crate::changes::observed(incident),
        };
        for evidence in &incident.evidence {
            let Got::Facts(facts) = &evidence.got else { continue };
            match facts {
                Observed::Rollouts(r) => case.rollouts = Some(r),
                Observed::Healthy(h) => case.healthy = h,
                Observed::Pods(p) => case.pods = p,
                Observed::Disruption(d) => case.disruption = Some(d),
                Observed::GitOps(g) => case.git = Some(g),
                Observed::Memory(m) => case.memory = Some(m),
                Observed::Node(n) => case.node = Some(n),
                Observed::Workload(_)
                | Observed::Job(_)
                | Observed::Log(_)
                | Observed::Service(_)
                | Observed::Events(_)
                | Observed::Changes(_)
                | Observed::Samples(_) => {}
            }
        }
        ActionKind::rollback(&incident.scope.kind).is_some().then_some(case)
    }

    /// The revision whose template is the workload's own.
    fn current(&self) -> Option<&'a RevisionLine> {
        self.rollouts?
            .revisions
            .iter()
            .filter(|r| r.template == self.workload.template)
            .max_by_key(|r| r.number)
    }

    /// The broken revision's `pod-template-hash`; empty while nothing is known to be broken.
    fn broken(&self) -> &'a str {
        self.symptom.map_or("", |s| s.template_hash.as_str())
    }

    /// The latest revision that nightshift saw healthy, that still exists and differs from the current one.
    fn target(&self) -> Result<(&'a RevisionLine, &'a HealthyRevision), String> {
        let rollouts = self.rollouts.ok_or("the rollout history could not be read")?;
        if self.healthy.is_empty() {
            return Err("nightshift has not seen any earlier revision healthy".to_owned());
        }
        let mut seen: Vec<&HealthyRevision> = self.healthy.iter().collect();
        seen.sort_by_key(|h| std::cmp::Reverse(h.at));
        seen.into_iter()
            .filter(|h| h.template_hash != self.broken())
            .find_map(|h| {
                let kept = rollouts.revisions.iter().find(|r| h.is_kept_in(&r.replica_set))?;
                (kept.template != self.workload.template).then_some((kept, h))
            })
            .ok_or_else(|| {
                format!("the revisions that were seen healthy are no longer kept by the {}", self.kind())
            })
    }

    fn rollback(&self, playbook: &Playbook, rules: &Rules) -> Result<Draft, Vec<String>> {
        let (kept, seen) = self.target().map_err(|why| vec![why])?;
        let current = self.current().ok_or_else(|| vec!["the current revision is not known".to_owned()])?;
        let reasons = self.refusals(kept, current);
        if !reasons.is_empty() {
            return Err(reasons);
        }
        let target = self.workload.object.clone();
        let to = RevisionRef {
            replica_set: kept.replica_set.clone(),
            number: kept.number,
            template: kept.template,
            images: seen.images.clone(),
            healthy_at: Some(seen.at),
        };
        let action = Action::rollback(target.clone(), to).ok_or_else(|| vec![self.no_revisions()])?;
        let verification = self.verification(playbook, &action, rules)?;
        Ok(Draft {
            playbook: playbook.name.clone(),
            risk: action.kind().risk(),
            action,
            cause: self.sentence(current, kept, seen),
            evidence: self.incident.evidence.iter().map(|e| e.id).collect(),
            hazards: self.hazards(kept, current, "broken"),
            shown: self.shown(kept),
            verification,
            inverse: revision::inverse(&target, current),
            selector: self.workload.selector.clone(),
            blast: self.blast(),
        })
    }

    fn verification(
        &self,
        playbook: &Playbook,
        action: &Action,
        rules: &Rules,
    ) -> Result<VerificationSpec, Vec<String>> {
        nightshift_playbooks::verification(
            playbook,
            &rules.registry.policy,
            action.kind().risk(),
            &self.workload.object,
            &actions::written(action),
            rules.prometheus,
            self.longest_gap(),
        )
        .map_err(|why| vec![why.to_string()])
    }

    fn shown(&self, kept: &RevisionLine) -> Vec<FieldChange> {
        self.rollouts
            .and_then(|r| r.changes.iter().find(|c| c.number == kept.number))
            .map(|c| c.changes.clone())
            .unwrap_or_default()
    }

    fn blast(&self) -> Blast {
        Blast { objects: 1, replicas: self.workload.replicas, available: self.workload.available }
    }

    fn kind(&self) -> &'a str {
        self.workload.object.kind.as_str()
    }

    fn no_current(&self) -> String {
        format!("the {} keeps no revision with its present template yet", self.kind())
    }

    fn no_revisions(&self) -> String {
        format!("a {} keeps no revisions", self.kind())
    }

    /// Pods that a StatefulSet's controller waits for: the one that is broken, and what is not Ready. A container
    /// between two crashes may look Ready for a moment.
    fn broken_pods(&self) -> Vec<&'a str> {
        let symptom = self.symptom.filter(|s| s.object.kind == Kind::Pod).map(|s| s.object.name.as_str());
        let unready = self.pods.iter().filter(|p| !p.ready).map(|p| p.pod.name.as_str());
        let all: std::collections::BTreeSet<&str> = symptom.into_iter().chain(unready).collect();
        all.into_iter().collect()
    }

    /// With `OrderedReady` the controller waits for a pod that is not Ready, whatever the template says
    /// (kubernetes/kubernetes#67250): the template alone would mend nothing.
    fn waits_for_a_broken_pod(&self) -> Option<String> {
        let broken = self.broken_pods();
        let first = broken.first().filter(|_| self.workload.replacing.ordered)?;
        let more = broken.len() - 1;
        let others = if more == 0 { String::new() } else { format!(" and {more} more") };
        Some(format!(
            "policy OrderedReady waits until pod {first}{others} is Ready and replaces no pod before that, also when the \
             template is changed: the pod has to be deleted after the change, and nothing here does both"
        ))
    }

    /// What a person types after the rollback, where the controller waits for broken pods.
    fn deletes(&self) -> Option<String> {
        let broken = self.broken_pods();
        (self.workload.replacing.ordered && !broken.is_empty()).then(|| {
            let namespace = &self.workload.object.namespace;
            format!("kubectl -n {namespace} delete pod {}", broken.join(" "))
        })
    }

    /// What keeps a change of the template from reaching every pod.
    fn held(&self) -> Vec<String> {
        let w = self.workload;
        let mut no = Vec::new();
        if w.paused {
            no.push("the rollout is paused: a paused Deployment ignores template changes".to_owned());
        }
        if let Some(held) = &w.replacing.held {
            no.push(format!("the template would not reach every pod: {held}"));
        }
        no.extend(self.waits_for_a_broken_pod());
        no
    }

    fn operated(&self) -> Option<String> {
        let w = self.workload;
        let operator = w.operator.as_ref()?;
        Some(format!("{operator} controls the {} and would put the fields back", w.object.kind))
    }

    /// Who else sets the template, or keeps a change of it from coming about.
    fn others(&self) -> Vec<String> {
        let w = self.workload;
        let mut no = self.held();
        match (&w.gitops, self.git) {
            (Some(owner @ GitOpsOwner::FluxKustomization { .. }), _) => {
                no.push(format!("{owner} owns the fields and would put them back"));
            }
            (Some(owner @ GitOpsOwner::ArgoCd { .. }), Some(git)) if git.reverts => {
                no.push(format!("{owner} heals itself and would put the fields back"));
            }
            (Some(owner @ GitOpsOwner::ArgoCd { .. }), None) => {
                no.push(format!("{owner} owns the object, and whether it heals itself could not be read"));
            }
            (Some(GitOpsOwner::ArgoCd { .. } | GitOpsOwner::FluxHelmRelease { .. }) | None, _) => {}
        }
        no.extend(self.operated());
        no
    }

    /// What forbids this rollback, whatever people say.
    fn refusals(&self, kept: &RevisionLine, current: &RevisionLine) -> Vec<String> {
        let w = self.workload;
        let mut no = self.others();
        if let Some(floor) = &w.rollback_floor {
            match floor.parse::<u64>() {
                Ok(floor) if kept.number < floor => {
                    no.push(format!(
                        "revision {} is below nightshift.dev/rollback-floor {floor}",
                        kept.number
                    ));
                }
                Ok(_) => {}
                Err(_) => no.push("nightshift.dev/rollback-floor is not a revision number".to_owned()),
            }
        }
        if kept.service_account != current.service_account {
            no.push(format!(
                "revision {} runs as another service account ({})",
                kept.number, kept.service_account
            ));
        }
        for privilege in kept.privileges.iter().filter(|p| !current.privileges.contains(p)) {
            no.push(format!("revision {} asks for more: {privilege}", kept.number));
        }
        for secret in
            kept.references.iter().filter(|r| r.starts_with("Secret ") && !current.references.contains(r))
        {
            no.push(format!("revision {} refers to {secret}, which the current one does not", kept.number));
        }
        if current.migration_hints.iter().any(|h| h.contains("nightshift.dev/migrates")) {
            no.push("the current revision is marked as migrating data".to_owned());
        }
        no
    }

    /// `newer` is what the revision that runs now is called.
    fn hazards(&self, kept: &RevisionLine, current: &RevisionLine, newer: &str) -> Vec<String> {
        let w = self.workload;
        let mut list = vec![
            "Only the pod template returns: not replicas, ConfigMaps, Secrets, or data that the new revision wrote."
                .to_owned(),
            format!("The next deployment brings the {newer} revision back unless its source is fixed."),
        ];
        for hint in &current.migration_hints {
            list.push(format!(
                "The current revision may migrate data ({hint}); going back does not undo that."
            ));
        }
        for config in
            kept.references.iter().filter(|r| !r.starts_with("Secret ") && !current.references.contains(r))
        {
            list.push(format!(
                "Revision {} refers to {config}; whether it still exists was not checked.",
                kept.number
            ));
        }
        if let Some(helm) = &w.helm {
            list.push(format!(
                "Helm release {helm} still records the new revision; its next upgrade overwrites this."
            ));
        }
        if let Some(owner) = &w.gitops {
            list.push(format!("{owner} will show the object as out of sync."));
        }
        if let Some(d) = self.disruption {
            list.extend(
                d.autoscalers.iter().map(|a| format!("Autoscaler {a} keeps its own say over replicas.")),
            );
        }
        list.extend(self.configured_anew(kept));
        list.extend(self.pace());
        if w.strategy == "Recreate" {
            list.push("Strategy Recreate: all pods stop before the earlier revision starts.".to_owned());
        }
        list
    }

    /// How the controller brings the earlier template to the pods, where that is not as people know it of Deployments.
    fn pace(&self) -> Option<String> {
        let w = self.workload;
        if w.object.kind == Kind::DaemonSet {
            return Some(format!(
                "It reaches every node that runs it ({}), broken pods first, then as maxUnavailable allows.",
                w.replicas
            ));
        }
        (w.object.kind == Kind::StatefulSet).then(|| {
            let stops = if w.replacing.ordered {
                "; one that does not become Ready stops it, and has to be deleted by hand"
            } else {
                ""
            };
            format!("Pods are replaced one at a time, highest ordinal first{stops}.")
        })
    }

    fn sentence(&self, current: &RevisionLine, kept: &RevisionLine, seen: &HealthyRevision) -> String {
        let exit = self
            .symptom
            .and_then(|s| s.exit.as_ref())
            .map_or_else(String::new, |e| format!(" (exit code {}: {})", e.code, e.class.meaning()));
        let what = match self.symptom {
            Some(s) if s.reason == Reason::FailedScheduling => {
                format!(
                    "finds no node ({}), for it asks for {}",
                    s.cause.clause(),
                    rollout::asked(current, kept)
                )
            }
            Some(s) if s.reason != Reason::CrashLoopBackOff && s.cause.is_unknown() => {
                format!("is broken ({})", s.reason)
            }
            Some(s) if s.reason != Reason::CrashLoopBackOff => {
                format!("is broken ({}: {})", s.reason, s.cause.clause())
            }
            Some(_) | None => "crash-loops".to_owned(),
        };
        let who = self.who();
        format!(
            "{who} of revision {} ({}) {what} since {}{exit}. This revision was never seen healthy; \
             revision {} ({}) was, at {}.",
            current.number,
            current.images.join(", "),
            self.symptom.map_or(self.incident.opened_at, |s| s.since),
            kept.number,
            kept.images.join(", "),
            seen.at,
        )
    }

    fn who(&self) -> String {
        if self.container().is_empty() {
            "A pod".to_owned()
        } else {
            format!("Container {}", self.container())
        }
    }

    /// Whether there is a pod to look at, and no run of its container that a log could tell of.
    fn never_ran(&self) -> bool {
        self.symptom
            .is_some_and(|s| s.object.kind == Kind::Pod && s.exit.is_none() && s.reason != Reason::Unhealthy)
    }

    /// The kubelet's longest wait so far: 10 s, doubled with every restart, at most 5 minutes.
    fn longest_gap(&self) -> Seconds {
        let restarts = self.pods.iter().flat_map(|p| &p.containers).map(|c| c.restarts).max().unwrap_or(0);
        Seconds((10_u64 << restarts.saturating_sub(1).min(5)).min(300))
    }

    fn container(&self) -> &'a str {
        self.symptom.map_or("", |s| s.container.as_str())
    }

    /// What a person would type, and for GitOps the change to commit. An earlier revision is named only where the
    /// rollout is the cause.
    fn handover(&self) -> Option<String> {
        let caused = self.cause() == Cause::Rollout;
        self.by_hand(self.target().ok().map(|(kept, _)| kept).filter(|_| caused))
    }

    fn by_hand(&self, target: Option<&RevisionLine>) -> Option<String> {
        let w = self.workload;
        if let (Some(git), Some(kept)) = (self.git, target) {
            let changes = self.rollouts.and_then(|r| r.changes.iter().find(|c| c.number == kept.number))?;
            let lines: Vec<String> = changes
                .changes
                .iter()
                .map(|c| format!("  {}\n  - {}\n  + {}", c.path, c.before, c.after))
                .collect();
            return Some(format!(
                "Revert it in Git, where {} takes it from: repository {}, path {}, revision {}.\n{}",
                git.owner,
                git.repository,
                git.path,
                git.revision,
                lines.join("\n")
            ));
        }
        let object = &w.object;
        Some(match target {
            Some(kept) => {
                let undo = revision::undo(object, kept.number);
                self.deletes().map_or_else(|| undo.clone(), |delete| format!("{undo}\n{delete}"))
            }
            None if self.never_ran() => {
                let pod = self.symptom.map_or("", |s| s.object.name.as_str());
                format!("kubectl -n {} describe pod {pod}", object.namespace)
            }
            None => format!(
                "kubectl -n {} logs {}/{} -c {} --previous",
                object.namespace,
                revision::typed(&object.kind),
                object.name,
                self.container()
            ),
        })
    }
}

#[cfg(test)]
mod tests;
