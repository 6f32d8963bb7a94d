//! Every pod replaced by one of the same template: where all of them hang, and where a person asks for it.

use super::{Case, no_plan};
use crate::actions::{self, restart};
use crate::rules::Rules;
use crate::text::visible;
use nightshift_model::cause::Cause as Why;
use nightshift_model::evidence::{GitOpsOwner, HealthyRevision, PodLine, Restarting};
use nightshift_model::{
    Action, Draft, Escalation, FieldChange, Kind, Reason, Seconds, Shown, Timestamp, Wish,
};
use nightshift_playbooks::{Playbook, asked_for};

/// ConfigMaps, Secrets and images that a hazard names.
const NAMED: usize = 10;
/// What stands in the probe's answer where the program itself gave one.
const ANSWERS: [&str; 2] = ["statuscode:", "responded with"];

impl<'a> Case<'a> {
    /// Whether every pod hangs: was Ready in the run that goes on, of a revision that was seen healthy and is the newest.
    ///
    /// # Errors
    /// What speaks against it.
    pub(super) fn hang(&self) -> Result<(), String> {
        self.healthy_before().map(|_| ())
    }

    /// The revision that hangs, as it was seen healthy.
    fn healthy_before(&self) -> Result<&'a HealthyRevision, String> {
        let probed =
            |s: &&nightshift_model::Finding| s.reason == Reason::Unhealthy && s.cause == Why::ReadinessProbe;
        let symptom = self.symptom.filter(probed).ok_or("no readiness probe fails")?;
        if let Some(answer) = ANSWERS.iter().find(|a| symptom.detail.contains(*a)) {
            let (_, said) = symptom.detail.split_once(answer).unwrap_or_default();
            return Err(format!(
                "its probe is answered ({answer}{}): the program runs and says that it is not well, so look at what it \
                 depends on first",
                visible(said, 60)
            ));
        }
        let seen = self.healthy.iter().filter(|h| h.template_hash == self.broken());
        let seen = seen.max_by_key(|h| h.at).ok_or("its revision was never seen healthy")?;
        if self.current().is_none_or(|c| c.template_hash != self.broken()) {
            return Err("the pods that hang are not of the newest revision".to_owned());
        }
        let fine = self.pods.iter().filter(|p| p.ready).count();
        if self.pods.is_empty() || fine > 0 {
            return Err(format!("{fine} of {} pods are Ready: it is not all of them", self.pods.len()));
        }
        match self.pods.iter().find(|p| hangs(p).is_none() || p.template_hash != self.broken()) {
            Some(other) => Err(format!(
                "pod {} does not hang: it was not Ready in its present run, or is of another revision",
                other.pod.name
            )),
            None => Ok(seen),
        }
    }

    /// # Errors
    /// The escalation: every reason, and the command that a person would type.
    #[allow(clippy::result_large_err)] // built once an incident
    pub(super) fn restart(&self, playbook: &Playbook, rules: &Rules) -> Result<Draft, Escalation> {
        let seen = self.healthy_before().map_err(|why| no_plan(vec![why], Some(self.restart_by_hand())))?;
        let since = self.pods.iter().filter_map(hangs).min();
        let cause = format!(
            "All {} pods of revision {} run and answer no probe since {}; that revision was seen healthy at {}, and nothing \
             was rolled out or crashed since.",
            self.pods.len(),
            seen.named(),
            since.unwrap_or(self.incident.opened_at),
            seen.at,
        );
        self.anew(cause, playbook, rules)
    }

    /// # Errors
    /// The escalation.
    #[allow(clippy::result_large_err)] // built once an incident
    pub(super) fn restart_asked(
        &self,
        wish: &Wish,
        playbook: &Playbook,
        rules: &Rules,
    ) -> Result<Draft, Escalation> {
        let cause = format!(
            "{} asks to restart {}. Because: {}",
            wish.person,
            self.workload.object,
            visible(&wish.because, 300)
        );
        let draft = self.anew(cause, playbook, rules)?;
        let (target, written) = (draft.action.target().clone(), actions::written(&draft.action));
        Ok(Draft { verification: asked_for(draft.verification, &target, written), ..draft })
    }

    #[allow(clippy::result_large_err)] // built once an incident
    fn anew(&self, cause: String, playbook: &Playbook, rules: &Rules) -> Result<Draft, Escalation> {
        let refused = |reasons| no_plan(reasons, Some(self.restart_by_hand()));
        let restarting = self.may_restart().map_err(refused)?;
        let target = self.workload.object.clone();
        let at = self.looked_at();
        let action = Action::Restart { target, at, template: restarting.template };
        let verification = self.verification(playbook, &action, rules).map_err(refused)?;
        let before = restarting.last.clone().map_or(Shown::Absent, Shown::Value);
        Ok(Draft {
            playbook: playbook.name.clone(),
            cause,
            evidence: self.incident.evidence.iter().map(|e| e.id).collect(),
            hazards: self.of_a_restart(restarting),
            risk: action.kind().risk(),
            action,
            shown: vec![FieldChange {
                path: restart::POINTER.to_owned(),
                before,
                after: Shown::Value(at.to_string()),
            }],
            verification,
            inverse: restart::inverse(),
            selector: self.workload.selector.clone(),
            blast: self.blast(),
        })
    }

    /// When the evidence was complete, in whole seconds as kubectl writes them.
    fn looked_at(&self) -> Timestamp {
        let newest = self.incident.evidence.iter().map(|e| e.at).max();
        Timestamp::from_second(newest.unwrap_or(self.incident.changed_at).get().as_second())
    }

    /// # Errors
    /// Every reason why a restart is not safe or would not come about.
    fn may_restart(&self) -> Result<&'a Restarting, Vec<String>> {
        let w = self.workload;
        let restarting =
            w.restarting.as_ref().ok_or_else(|| vec!["how its pods are replaced was not read".to_owned()])?;
        let mut no = self.held();
        no.extend(self.operated());
        if let Some(rolling) = &restarting.rolling {
            no.push(format!("a rollout is under way: {rolling}"));
        }
        let downtime = match w.replicas {
            0 => {
                no.push("it wants no pods, so there is nothing to restart".to_owned());
                None
            }
            1 => Some("it has a single replica, and none serves while that is replaced".to_owned()),
            _ if w.strategy == "Recreate" => {
                Some("strategy Recreate stops every pod before the first new one starts".to_owned())
            }
            all => (restarting.missing >= all).then(|| {
                format!(
                    "its strategy lets {} of {all} pods be missing at once, so none may serve",
                    restarting.missing
                )
            }),
        };
        no.extend(downtime.filter(|_| !restarting.downtime_accepted).map(|why| {
            format!(
                "{why}; the annotation {}: accepted on the {} says that nobody minds",
                restart::DOWNTIME,
                self.kind()
            )
        }));
        if no.is_empty() { Ok(restarting) } else { Err(no) }
    }

    fn of_a_restart(&self, restarting: &Restarting) -> Vec<String> {
        let w = self.workload;
        let mut list = vec![
            "Every pod is replaced once: what it holds in memory and in emptyDir volumes is gone, and with it what would \
             say why it hangs."
                .to_owned(),
        ];
        list.extend(self.taken_up());
        if restarting.downtime_accepted && (w.replicas == 1 || restarting.missing >= w.replicas) {
            list.push(format!(
                "For a while no pod serves: {} says that this is accepted.",
                restart::DOWNTIME
            ));
        }
        if w.object.kind == Kind::Deployment {
            if w.strategy != "Recreate" {
                list.push(
                    "New pods start before old ones end: they need room on the nodes and in quotas."
                        .to_owned(),
                );
            }
            list.push("It uses up one of the revisions that are kept for going back.".to_owned());
        }
        match &w.gitops {
            Some(
                owner @ (GitOpsOwner::ArgoCd { .. }
                | GitOpsOwner::FluxKustomization { .. }
                | GitOpsOwner::FluxHelmRelease { .. }),
            ) => list.push(format!("{owner} does not have this annotation and leaves it.")),
            None => {}
        }
        list.extend(self.pace());
        list
    }

    /// The change that hides in a restart: what pods read when they start.
    fn taken_up(&self) -> Vec<String> {
        let Some(current) = self.current() else {
            return vec![
                "New pods take up ConfigMaps, Secrets and images as they are now; which, could not be read."
                    .to_owned(),
            ];
        };
        let mut list = Vec::new();
        if !current.references.is_empty() {
            list.push(format!(
                "New pods read these as they are now, also what was changed since the old ones started: {}.",
                named(&current.references)
            ));
        }
        let moving: Vec<String> = current.images.iter().filter(|line| is_moving(line)).cloned().collect();
        if !moving.is_empty() {
            list.push(format!(
                "An image without a fixed version may be another one by now: {}.",
                named(&moving)
            ));
        }
        list
    }

    fn restart_by_hand(&self) -> String {
        let restart = restart::by_hand(&self.workload.object);
        self.deletes().map_or_else(|| restart.clone(), |delete| format!("{restart}\n{delete}"))
    }
}

/// How much later than its containers' start a pod turns unready that never was Ready: the kubelet reports both at once.
const LAG: Seconds = Seconds(5);

/// Since when a pod is not Ready that was, in the run of its containers that goes on.
fn hangs(pod: &PodLine) -> Option<Timestamp> {
    let since = pod.unready_since.filter(|_| !pod.leaving)?;
    let runs = pod.containers.iter().filter(|c| !c.init).map(|c| c.running_since);
    let last = runs.collect::<Option<Vec<_>>>()?.into_iter().max()?;
    (since > last + LAG).then_some(since)
}

/// The first of a list, and how many more.
fn named(all: &[String]) -> String {
    let shown = all.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = all.len().saturating_sub(NAMED);
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// Whether `container=image` names an image that is looked up by no tag or by `latest`.
fn is_moving(line: &str) -> bool {
    let image = line.split_once('=').map_or(line, |(_, image)| image);
    let last = image.rsplit('/').next().unwrap_or(image);
    !image.contains('@') && last.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

#[cfg(test)]
mod tests;
