//! More memory for a container that the kernel kills at its limit as soon as it starts; and the old limit back, where a
//! person asks for it.

use super::{Case, no_plan};
use crate::actions::{self, raise_memory_limit};
use crate::investigate::{number, samples};
use crate::quantity::{MIB, bytes, mebibytes};
use crate::rules::Rules;
use crate::text::visible;
use nightshift_model::cause::Cause as Why;
use nightshift_model::evidence::{MemoryFacts, SampleLine};
use nightshift_model::{
    Action, Draft, Escalation, ExitClass, FieldChange, Finding, Got, MemoryChange, Policy, QuantityChange,
    Seconds, Shown, Tool, Wish,
};
use nightshift_playbooks::{Playbook, asked_for};

/// A run that ended after longer than this had its memory: it leaked, or met a peak.
const AT_START: Seconds = Seconds(120);
/// The playbook's question after the most that the containers used.
const WORKING_SET: &str = "working-set";

impl Case<'_> {
    /// # Errors
    /// The escalation: every reason, and the command that a person would type.
    #[allow(clippy::result_large_err)] // built once an incident
    pub(super) fn raise_memory(&self, playbook: &Playbook, rules: &Rules) -> Result<Draft, Escalation> {
        let (memory, facts) = self
            .more(&rules.registry.policy)
            .map_err(|reasons| no_plan(reasons, Some(self.look_at_memory())))?;
        let reasons = self.others();
        if !reasons.is_empty() {
            return Err(no_plan(reasons, Some(raise_memory_limit::by_hand(&self.workload.object, &memory))));
        }
        let cause = format!(
            "Container {} is killed at its memory limit of {} within {AT_START} of its start, again and again since {}.",
            memory.container,
            memory.limit.from,
            self.symptom.map_or(self.incident.opened_at, |s| s.since),
        );
        let hazards = self.of_more(&memory, facts);
        self.set(memory, cause, hazards, playbook, rules).map_err(|reasons| no_plan(reasons, None))
    }

    /// The old limit, as long as what was written stands.
    ///
    /// # Errors
    /// The escalation.
    #[allow(clippy::result_large_err)] // built once an incident
    pub(super) fn memory_back(
        &self,
        wish: &Wish,
        memory: &MemoryChange,
        playbook: &Playbook,
        rules: &Rules,
    ) -> Result<Draft, Escalation> {
        let by_hand = || Some(raise_memory_limit::by_hand(&self.workload.object, memory));
        let mut reasons = self.others();
        match self.facts(&memory.container) {
            Err(why) => reasons.push(why),
            Ok(facts) if facts.limit.as_deref().and_then(bytes) != bytes(&memory.limit.from) => {
                reasons.push(format!(
                    "the memory limit of {} is {} by now, not {} as it was written",
                    facts.container,
                    facts.limit.as_deref().unwrap_or("none"),
                    memory.limit.from
                ));
            }
            Ok(MemoryFacts { vpa: Some(vpa), .. }) => reasons.push(autoscaled(vpa)),
            Ok(_) => {}
        }
        if !reasons.is_empty() {
            return Err(no_plan(reasons, by_hand()));
        }
        let cause = format!(
            "{} asks to set the memory limit of container {} back from {} to {}. Because: {}",
            wish.person,
            memory.container,
            memory.limit.from,
            memory.limit.to,
            visible(&wish.because, 300),
        );
        let hazards = vec![
            "Every pod is replaced once.".to_owned(),
            format!("A container that uses more than {} by now is killed at once.", memory.limit.to),
        ];
        let draft = self.set(memory.clone(), cause, hazards, playbook, rules);
        let draft = draft.map_err(|reasons| no_plan(reasons, by_hand()))?;
        let (target, written) = (draft.action.target().clone(), actions::written(&draft.action));
        Ok(Draft { verification: asked_for(draft.verification, &target, written), ..draft })
    }

    fn set(
        &self,
        memory: MemoryChange,
        cause: String,
        hazards: Vec<String>,
        playbook: &Playbook,
        rules: &Rules,
    ) -> Result<Draft, Vec<String>> {
        let target = self.workload.object.clone();
        let shown = shown(&memory);
        let inverse = raise_memory_limit::inverse(&target, &memory);
        let action = Action::RaiseMemoryLimit { target, memory };
        Ok(Draft {
            playbook: playbook.name.clone(),
            verification: self.verification(playbook, &action, rules)?,
            risk: action.kind().risk(),
            action,
            cause,
            evidence: self.incident.evidence.iter().map(|e| e.id).collect(),
            hazards,
            shown,
            inverse,
            selector: self.workload.selector.clone(),
            blast: self.blast(),
        })
    }

    /// The change that evidence supports.
    ///
    /// # Errors
    /// Every reason why there is none.
    fn more(&self, policy: &Policy) -> Result<(MemoryChange, &MemoryFacts), Vec<String>> {
        let Some(symptom) = self.symptom.filter(|s| short(s)) else {
            return Err(vec!["the container did not end at its memory limit".to_owned()]);
        };
        // What the detector makes of it counts against more memory, never for it.
        if matches!(symptom.cause, Why::MemoryLeak | Why::NodeMemory) {
            return Err(vec![format!("{}: a higher limit mends nothing of that", symptom.cause.clause())]);
        }
        let name = self.container();
        let facts = self.facts(name).map_err(|why| vec![why])?;
        let mut no = self.kills(name);
        no.extend(facts.vpa.as_deref().map(autoscaled));
        let limit = match &facts.limit {
            Some(text) => amount(text, "limit"),
            None => Err(format!(
                "container {name} has no memory limit, so its node ran out of memory, or its pod's other containers did"
            )),
        };
        let to = limit.and_then(|old| self.new_limit(old, facts, policy));
        match to {
            Ok(to) if no.is_empty() => {
                let from = facts.limit.clone().unwrap_or_default();
                let same = |request: &&String| bytes(request) == bytes(&from);
                let request = facts.request.as_ref().filter(same);
                let memory = MemoryChange {
                    container: name.to_owned(),
                    index: facts.index,
                    request: request.map(|old| QuantityChange { from: old.clone(), to: to.clone() }),
                    limit: QuantityChange { from, to },
                };
                Ok((memory, facts))
            }
            Ok(_) => Err(no),
            Err(why) => {
                no.push(why);
                Err(no)
            }
        }
    }

    fn facts(&self, container: &str) -> Result<&MemoryFacts, String> {
        if let Some(facts) = self.memory.filter(|m| m.container == container) {
            return Ok(facts);
        }
        let asked = |t: &Tool| matches!(t, Tool::Memory { container: c, .. } if c == container);
        let answer = self.incident.evidence.iter().find(|e| asked(&e.tool)).map(|e| &e.got);
        let why = match answer {
            Some(Got::NotChecked { why, detail }) => format!("{} ({})", why.clause(), visible(detail, 200)),
            Some(Got::Facts(_)) | None => "nobody asked".to_owned(),
        };
        Err(format!("what bounds the memory of container {container} is not known: {why}"))
    }

    /// What speaks against a limit that is just too small: killed once only, or after it had run well.
    fn kills(&self, name: &str) -> Vec<String> {
        let runs: Vec<_> = self
            .pods
            .iter()
            .flat_map(|p| p.containers.iter().map(move |c| (&p.pod.name, c)))
            .filter(|(_, c)| c.name == name && !c.init && c.last_reason == "OOMKilled")
            .collect();
        let mut no = Vec::new();
        if !runs.iter().any(|(_, c)| c.restarts >= 2) {
            no.push(format!("no pod's container {name} was killed for memory at least twice"));
        }
        for (pod, run) in &runs {
            match (run.last_started, run.last_ended) {
                (Some(from), Some(to)) if to.since(from) <= AT_START => {}
                (Some(from), Some(to)) => no.push(format!(
                    "in {pod} it ran for {} before it was killed: that looks like a leak or a peak, and a higher limit \
                     would only put the next kill off",
                    to.since(from)
                )),
                (None, _) | (_, None) => no.push(format!("how long it ran in {pod} is not known")),
            }
        }
        no.truncate(5);
        no
    }

    /// Twice the old limit, or what is left below every bound.
    fn new_limit(&self, old: u64, facts: &MemoryFacts, policy: &Policy) -> Result<String, String> {
        let policy_cap = u64::from(policy.memory_limit_max_mib).saturating_mul(MIB);
        let mut bounds = vec![
            (old.saturating_mul(2), "twice the old limit".to_owned()),
            (policy_cap, "the policy's memory_limit_max_mib".to_owned()),
            (facts.largest_node.saturating_sub(1), "the largest node".to_owned()),
        ];
        bounds.extend(facts.ceilings.iter().map(|c| (c.bytes, c.by.clone())));
        let (most, by) = bounds.into_iter().min_by_key(|(bytes, _)| *bytes).unwrap_or_default();
        let mib = most / MIB;
        if mib.saturating_mul(MIB) < old.saturating_add(old / 4) {
            return Err(format!(
                "{by} leaves {mib} MiB, which is not a quarter more than the limit of {} MiB",
                old / MIB
            ));
        }
        if let Some(used) = self.used().filter(|used| *used > mib.saturating_mul(MIB) / 5 * 4) {
            return Err(format!(
                "it used up to {} MiB, and four fifths of {mib} MiB, the most that may be given, are less",
                used / MIB
            ));
        }
        Ok(mebibytes(mib))
    }

    /// The most that the workload's containers of that name used, where Prometheus knows.
    fn used(&self) -> Option<u64> {
        let ours = |line: &SampleLine| {
            let has =
                |label: &str, value: &str| line.labels.split(' ').any(|l| l == format!("{label}={value}"));
            has("container", self.container()) && self.pods.iter().any(|p| has("pod", &p.pod.name))
        };
        let lines = samples(self.incident, WORKING_SET).flat_map(|(_, lines)| lines);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // bytes, and `as` saturates
        let most = lines.filter(|l| ours(l)).filter_map(number).map(|v| v as u64).max();
        most
    }

    fn of_more(&self, memory: &MemoryChange, facts: &MemoryFacts) -> Vec<String> {
        let w = self.workload;
        let mut list = vec![
            "Every pod is replaced once.".to_owned(),
            "If the program leaks, this only puts the next kill off: look at its memory over the next days."
                .to_owned(),
        ];
        match (&memory.request, &facts.request) {
            (Some(r), _) => list.push(format!(
                "The request goes along to {}, so that the pods keep their class of service; each needs a node with that much free.",
                r.to
            )),
            (None, None) => list.push(format!(
                "The template names no request, so it follows the limit: each pod needs a node with {} free.",
                memory.limit.to
            )),
            (None, Some(request)) => list.push(format!(
                "The request stays at {request}: a full node kills what is furthest above its request first."
            )),
        }
        if self.used().is_none() {
            list.push("How much it used was not measured: no sample of its working set.".to_owned());
        }
        if let Some(helm) = &w.helm {
            list.push(format!(
                "Helm release {helm} still holds the old limit; its next upgrade brings it back."
            ));
        }
        if let Some(owner) = &w.gitops {
            list.push(format!("{owner} will show the object as out of sync; change the limit in Git too."));
        }
        if w.strategy == "Recreate" {
            list.push("Strategy Recreate: all pods stop before the first new one starts.".to_owned());
        }
        list
    }

    fn look_at_memory(&self) -> String {
        let o = &self.workload.object;
        let kind = o.kind.as_str().to_lowercase();
        format!(
            "kubectl -n {} top pod --containers -l '{}'\nkubectl -n {} get {kind}/{} -o jsonpath='{{.spec.template.spec.containers[*].resources}}'",
            o.namespace, self.workload.selector, o.namespace, o.name
        )
    }
}

/// Whether a container was killed at its memory limit.
pub(super) fn short(symptom: &Finding) -> bool {
    symptom.exit.as_ref().is_some_and(|e| e.class == ExitClass::OutOfMemory)
}

fn autoscaled(vpa: &str) -> String {
    format!("VerticalPodAutoscaler {vpa} sets its resources: raise its bounds instead")
}

fn amount(text: &str, what: &str) -> Result<u64, String> {
    bytes(text).filter(|b| *b > 0).ok_or_else(|| format!("its memory {what} `{text}` is no amount"))
}

/// The difference, in the form in which a dry run would show it.
fn shown(memory: &MemoryChange) -> Vec<FieldChange> {
    let change = |of: &str, c: &QuantityChange| FieldChange {
        path: format!("/spec/template/spec/containers/{}/resources/{of}/memory", memory.container),
        before: Shown::Value(c.from.clone()),
        after: Shown::Value(c.to.clone()),
    };
    let limit = change("limits", &memory.limit);
    std::iter::once(limit).chain(memory.request.as_ref().map(|r| change("requests", r))).collect()
}
