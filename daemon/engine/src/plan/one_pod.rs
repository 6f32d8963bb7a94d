//! One pod of several that is broken by what it alone has, and is mended by a new one.
//!
//! That its siblings serve shows that neither the template nor what they share is at fault. It does not show that a new
//! pod would be better: so there must be something that this pod has and a new one has not.

use super::rollout::of_the_template;
use super::{Case, no_plan};
use crate::actions::{self, delete_pod};
use crate::rules::Rules;
use crate::text::visible;
use nightshift_model::evidence::{HealthyRevision, PodLine};
use nightshift_model::{
    Action, Cause as Why, Draft, Escalation, FieldChange, Kind, Reason, Seconds, Shown, Wish,
};
use nightshift_playbooks::{Playbook, asked_for};

/// Condition Ready follows the start of a container by some seconds.
const LAG: Seconds = Seconds(10);
/// Within this time after it took a pod up the kubelet says first that it is not Ready.
const FIRST_WORD: Seconds = Seconds(2);
/// Pods that a refusal names.
const NAMED: usize = 20;

/// What the pod has that a new one has not.
pub(super) enum Own {
    /// It runs, was Ready in this run, and is so no more.
    Hangs,
    /// It crash-loops, and was Ready before with the same template: what survives its restarts is an `emptyDir`.
    Keeps,
    /// It is of a revision that its StatefulSet has left, and the controller waits for it.
    Left,
}

impl Own {
    fn sentence(&self, pod: &PodLine) -> String {
        match self {
            Self::Hangs => {
                "It was Ready since its containers were started and is not any more: it hangs".to_owned()
            }
            Self::Keeps => {
                "It was Ready before, and starting its containers again does not help: they find the same \
                            emptyDir each time, a new pod begins with an empty one"
                    .to_owned()
            }
            Self::Left => format!(
                "It is of revision {}, which the StatefulSet has left; under the policy OrderedReady the controller waits \
                 for it and replaces nothing",
                pod.template_hash
            ),
        }
    }
}

impl<'a> Case<'a> {
    /// The pod, if it alone is broken and by what it alone has.
    pub(super) fn broken_by_itself(&self) -> Option<(&'a PodLine, Own)> {
        let symptom = self.symptom.filter(|s| s.affected == 1 && s.object.kind == Kind::Pod)?;
        let same = |p: &&PodLine| p.pod.name == symptom.object.name && p.pod.uid == symptom.object.uid;
        let pod = self.pods.iter().find(same)?;
        let current = self.current()?;
        let ended = |p: &&PodLine| matches!(p.phase.as_str(), "Succeeded" | "Failed");
        let others: Vec<&PodLine> = self.siblings(pod).filter(|p| !ended(p)).collect();
        let fine = others.iter().all(|p| p.ready && !p.leaving && p.template_hash == current.template_hash);
        // As many as there should be: nothing is rolled out, scaled or drained at the moment, and no page was cut.
        let complete = u32::try_from(others.len() + 1).ok() == Some(self.workload.replicas);
        if !fine || !complete || others.is_empty() || pod.leaving {
            return None;
        }
        if pod.template_hash != current.template_hash {
            return self.is_left_behind().then_some((pod, Own::Left));
        }
        // Of two pods one may be meant to stand by: then they were never Ready at once.
        let seen =
            self.healthy.iter().filter(|h| h.template_hash == current.template_hash).max_by_key(|h| h.at);
        if seen.is_none() && others.len() < 2 {
            return None;
        }
        let own = self.hangs(pod).then_some(Own::Hangs);
        own.or_else(|| self.keeps(pod, seen).then_some(Own::Keeps)).map(|own| (pod, own))
    }

    fn siblings(&self, pod: &'a PodLine) -> impl Iterator<Item = &'a PodLine> {
        self.pods.iter().filter(move |p| p.pod != pod.pod)
    }

    /// A readiness probe that fails after the pod was Ready in this run of its containers.
    fn hangs(&self, pod: &PodLine) -> bool {
        let probe = self.symptom.is_some_and(|s| {
            matches!(s.reason, Reason::Unhealthy | Reason::ReplicasUnavailable)
                && s.cause == Why::ReadinessProbe
        });
        let running = pod.containers.iter().filter(|c| !c.init || c.state == "running");
        let started: Option<Vec<_>> = running.map(|c| c.running_since).collect();
        let started = started.and_then(|all| all.into_iter().max());
        probe && matches!((started, pod.unready_since), (Some(run), Some(since)) if since > run + LAG)
    }

    /// A crash loop of a pod that was Ready once, whose volumes come and go with it. A DaemonSet's new pod would run on the
    /// same node, and find what the node has.
    fn keeps(&self, pod: &PodLine, seen: Option<&HealthyRevision>) -> bool {
        let own = self.symptom.is_some_and(|s| {
            s.reason == Reason::CrashLoopBackOff && matches!(s.cause, Why::Unknown | Why::ProgramError)
        });
        let of_a_node = self.workload.object.kind == Kind::DaemonSet;
        let among_the_healthy = pod.started.zip(seen).is_some_and(|(started, seen)| started <= seen.since);
        let served = among_the_healthy || self.was_ready_once(pod);
        own && !of_a_node && served && pod.keeps.scratch && !pod.keeps.lasting
    }

    /// Whether it was Ready in an earlier run of the container that crashes and in no later one: condition Ready became
    /// False after the kubelet had taken the pod up, and did not move when the last run began.
    fn was_ready_once(&self, pod: &PodLine) -> bool {
        let last = pod.containers.iter().find(|c| c.name == self.container()).and_then(|c| c.last_started);
        let (Some(started), Some(since), Some(last)) = (pod.started, pod.unready_since, last) else {
            return false;
        };
        started + FIRST_WORD < since && since < last
    }

    fn is_left_behind(&self) -> bool {
        let replacing = &self.workload.replacing;
        self.symptom.is_some_and(of_the_template) && replacing.ordered && replacing.held.is_none()
    }

    /// Plans it.
    #[allow(clippy::result_large_err)] // built once an incident
    pub(super) fn delete_pod(&self, playbook: &Playbook, rules: &Rules) -> Result<Draft, Escalation> {
        let Some((pod, own)) = self.broken_by_itself() else {
            return Err(no_plan(vec!["no pod is broken by itself among healthy ones".to_owned()], None));
        };
        let refused = |reasons| no_plan(reasons, Some(delete_pod::by_hand(&pod.pod)));
        let reasons = self.forbids(pod);
        if !reasons.is_empty() {
            return Err(refused(reasons));
        }
        let action = self.deletion(pod, false);
        let verification = self.verification(playbook, &action, rules).map_err(refused)?;
        let what = self.symptom.map_or_else(String::new, |s| {
            let why = if s.cause.is_unknown() { String::new() } else { format!(": {}", s.cause.clause()) };
            format!("({}{why}) since {}", s.reason, s.since)
        });
        let cause = format!(
            "Pod {} is broken {what}, and it alone: the other {} of {} serve{}. {}.",
            pod.pod.name,
            self.pods.len() - 1,
            self.workload.object,
            if matches!(own, Own::Left) { "" } else { " with the same template" },
            own.sentence(pod),
        );
        Ok(self.draft(playbook, action, cause, self.of_deletion(pod), verification))
    }

    /// Plans it on a person's word: nothing needs to be wrong with the pod.
    #[allow(clippy::result_large_err)] // built once an incident
    pub(super) fn delete_asked(
        &self,
        wish: &Wish,
        name: &str,
        playbook: &Playbook,
        rules: &Rules,
    ) -> Result<Draft, Escalation> {
        let Some(pod) = self.pods.iter().find(|p| p.pod.name == name) else {
            return Err(no_plan(vec![self.no_such(name)], None));
        };
        let refused = |reasons| no_plan(reasons, Some(delete_pod::by_hand(&pod.pod)));
        if pod.leaving {
            return Err(refused(vec![format!("{} is being deleted already", pod.pod)]));
        }
        let alone = !self.siblings(pod).any(|p| p.ready && !p.leaving);
        if alone && pod.ready {
            return Err(refused(vec![format!("{} is the only pod of its workload that is Ready", pod.pod)]));
        }
        let action = self.deletion(pod, alone);
        let written = actions::written(&action);
        let verification = self.verification(playbook, &action, rules).map_err(refused)?;
        let verification = asked_for(verification, &self.workload.object, written);
        let ready = if pod.ready { "Ready" } else { "not Ready" };
        let cause = format!(
            "{} asks to delete pod {} of {}, which is {ready}. Because: {}",
            wish.person,
            pod.pod.name,
            self.workload.object,
            visible(&wish.because, 300)
        );
        let mut hazards = self.of_deletion(pod);
        if alone {
            hazards.insert(0, "No other pod of the workload is Ready.".to_owned());
        }
        Ok(self.draft(playbook, action, cause, hazards, verification))
    }

    fn deletion(&self, pod: &PodLine, alone: bool) -> Action {
        Action::DeletePod { target: pod.pod.clone(), workload: self.workload.object.clone(), alone }
    }

    fn draft(
        &self,
        playbook: &Playbook,
        action: Action,
        cause: String,
        hazards: Vec<String>,
        verification: nightshift_model::VerificationSpec,
    ) -> Draft {
        let gone = |field: &str, value: &str| FieldChange {
            path: format!("/metadata/{field}"),
            before: Shown::Value(value.to_owned()),
            after: Shown::Absent,
        };
        let pod = action.target();
        Draft {
            playbook: playbook.name.clone(),
            shown: vec![gone("name", &pod.name), gone("uid", &pod.uid)],
            cause,
            evidence: self.incident.evidence.iter().map(|e| e.id).collect(),
            hazards,
            risk: action.kind().risk(),
            verification,
            inverse: delete_pod::inverse(),
            selector: self.workload.selector.clone(),
            blast: self.blast(),
            action,
        }
    }

    /// What forbids it, as far as evidence shows. The executor asks the budgets again.
    fn forbids(&self, pod: &PodLine) -> Vec<String> {
        let mut no = Vec::new();
        match self.node.filter(|n| n.name == pod.node) {
            None => no.push(format!("how its node {} is could not be read", pod.node)),
            Some(n) if !n.ready => no.push(format!("its node {} is not Ready", n.name)),
            Some(n) if n.cordoned => no.push(format!("its node {} is cordoned", n.name)),
            Some(n) if !n.problems.is_empty() => {
                no.push(format!("its node {} has problems of its own: {}", n.name, n.problems.join(", ")));
            }
            Some(_) => {}
        }
        match self.disruption {
            None => no.push("whether a disruption budget forbids it could not be read".to_owned()),
            Some(d) => no.extend(d.broken.iter().map(|name| {
                format!("PodDisruptionBudget {name} wants more healthy pods than there are, so no pod may go")
            })),
        }
        no
    }

    fn of_deletion(&self, pod: &PodLine) -> Vec<String> {
        let w = self.workload;
        let mut list = vec![
            "What the pod keeps goes with it: its memory, its logs, and its emptyDir volumes.".to_owned(),
            "Its other pods carry its load until the new one is Ready; the same node may be chosen again."
                .to_owned(),
        ];
        if pod.keeps.lasting {
            list.push("It has a volume that outlives it: the new pod finds it as it is.".to_owned());
        }
        if w.object.kind == Kind::StatefulSet {
            list.push(
                "The new pod has the same name; what relies on a quorum has one member less until then."
                    .to_owned(),
            );
        }
        if let Some(operator) = &w.operator {
            list.push(format!("{operator} controls the {} and may act on it too.", w.object.kind));
        }
        list
    }

    fn no_such(&self, name: &str) -> String {
        let names: Vec<&str> = self.pods.iter().take(NAMED).map(|p| p.pod.name.as_str()).collect();
        let has = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        format!("{} has no pod {}; it has {has}", self.workload.object, visible(name, 100))
    }
}
