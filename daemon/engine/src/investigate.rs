//! Which questions an incident asks, in rounds: the workload first, then what it points at.

use crate::diagnose;
use nightshift_model::evidence::{GitOpsOwner, SampleLine, WorkloadFacts};
use nightshift_model::{
    ActionKind, EvidenceId, EvidenceRequest, ExitClass, Finding, Got, Incident, Kind, ObjectRef, Observed,
    Reason, Tool, Wanted,
};
use nightshift_playbooks::{Catalog, Cause, Situation};

/// Questions to ask now; empty when nothing more is worth asking. Bounded: at most four rounds, a dozen questions.
pub fn investigate(incident: &Incident, playbooks: &Catalog, prometheus: bool) -> Vec<EvidenceRequest> {
    let symptom = incident.shows();
    let wished = incident.wished().is_some();
    if symptom.is_none() && incident.alerts.is_empty() && !wished {
        return Vec::new();
    }
    let mut wanted = Vec::new();
    if ActionKind::rollback(&incident.scope.kind).is_some() {
        wanted.push(Tool::Workload { target: incident.scope.clone() });
        // Whoever asks names no uid, and another workload of the same name has another past.
        if !incident.scope.uid.is_empty() || !wished {
            wanted.push(Tool::Healthy { target: incident.scope.clone() });
        }
    }
    if incident.scope.kind == Kind::Job && symptom.is_some() {
        wanted.push(Tool::Job { target: incident.scope.clone() });
    }
    wanted.extend(symptom.and_then(|s| last_log(incident, s)));
    if let Some(symptom) = symptom.filter(|s| s.object.kind == Kind::Pod) {
        // What has not been placed, or waits for a volume, has no container that could have said anything.
        if !symptom.container.is_empty() {
            wanted.extend(logs(symptom));
        }
        wanted.push(Tool::Events { about: symptom.object.clone() });
    }
    wanted.extend(diagnose::needed(incident));
    if let Some(workload) = workload(incident) {
        if incident.scope.uid.is_empty() && wished {
            wanted.push(Tool::Healthy { target: workload.object.clone() });
        }
        wanted.extend(about_workload(workload));
        if let (Some(names), false) = (config_maps(incident), wished) {
            wanted.push(Tool::Changes { target: workload.object.clone(), config_maps: names });
        }
        if let Some(container) = short_of_memory(symptom).or(wished_back(incident)) {
            wanted.push(Tool::Memory { target: workload.object.clone(), container: container.to_owned() });
        }
    }
    if incident.scope.kind == Kind::Pod && symptom.is_none() {
        wanted.push(Tool::Events { about: incident.scope.clone() });
    }
    if let Some(node) = symptom.and_then(|s| node_of(incident, s)) {
        wanted.push(Tool::Node { name: node });
    }
    // What is measured explains at most: it must not take the time of what the plan rests on.
    let later = prometheus && !incident.evidence.is_empty();
    if let Some(symptom) = symptom.filter(|_| later) {
        wanted.extend(queries(playbooks, symptom, &incident.scope));
        wanted.extend(measured(symptom, &incident.scope));
    }
    let asked: Vec<&Tool> = incident.evidence.iter().map(|e| &e.tool).collect();
    let first = u16::try_from(incident.evidence.len()).unwrap_or(u16::MAX);
    wanted
        .into_iter()
        .filter(|tool| !asked.contains(&tool))
        .zip(1..)
        .map(|(tool, n)| EvidenceRequest { id: EvidenceId(first.saturating_add(n)), tool })
        .collect()
}

/// What a container said: before its end, and, of one that runs and answers no probe, what it says now.
fn logs(symptom: &Finding) -> Vec<Tool> {
    let (pod, container) = (symptom.object.clone(), symptom.container.clone());
    let runs = symptom.reason == Reason::Unhealthy;
    let ended = !runs || symptom.exit.is_some();
    let now = runs.then(|| Tool::Log { pod: pod.clone(), container: container.clone() });
    now.into_iter().chain(ended.then_some(Tool::PreviousLog { pod, container })).collect()
}

/// The log of the pod of a Job that ended last, as far as that is still there.
fn last_log(incident: &Incident, symptom: &Finding) -> Option<Tool> {
    let pod = crate::plan::job::observed(incident)?.last_pod.clone()?;
    let container = symptom.container.clone();
    (!container.is_empty()).then_some(Tool::Log { pod, container })
}

/// The container that was killed at its memory limit.
fn short_of_memory(symptom: Option<&Finding>) -> Option<&str> {
    let killed = |s: &&Finding| s.exit.as_ref().is_some_and(|e| e.class == ExitClass::OutOfMemory);
    symptom.filter(killed).map(|s| s.container.as_str()).filter(|name| !name.is_empty())
}

/// The container whose memory a person wants back.
fn wished_back(incident: &Incident) -> Option<&str> {
    match &incident.wished()?.wanted {
        Wanted::MemoryBack { memory } => Some(&memory.container),
        Wanted::RollbackTo { .. }
        | Wanted::RollbackToSet { .. }
        | Wanted::DeletePod { .. }
        | Wanted::Restart => None,
    }
}

/// The questions of every playbook that could be chosen for the symptom.
fn queries(playbooks: &Catalog, symptom: &Finding, scope: &ObjectRef) -> Vec<Tool> {
    let causes = [
        Some(Cause::Rollout),
        Some(Cause::OnePod),
        (symptom.reason == Reason::Unhealthy).then_some(Cause::Hang),
        short_of_memory(Some(symptom)).map(|_| Cause::MemoryLimit),
    ];
    let mut asked: Vec<Tool> = Vec::new();
    for cause in causes.into_iter().flatten() {
        let situation = Situation { reason: symptom.reason, kind: scope.kind.clone(), cause };
        let playbook = nightshift_playbooks::select(playbooks, &situation).playbook;
        let questions = nightshift_playbooks::questions(playbook, scope).unwrap_or_default();
        let tools = questions.into_iter().map(|q| Tool::Query { name: q.name, promql: q.promql });
        asked.extend(tools.filter(|tool| !asked.contains(tool)).collect::<Vec<_>>());
    }
    asked
}

/// What is measured of any container that runs and fails, whatever its playbook.
fn measured(symptom: &Finding, scope: &ObjectRef) -> Vec<Tool> {
    let runs = matches!(symptom.reason, Reason::CrashLoopBackOff | Reason::OOMKilled | Reason::Unhealthy);
    if !runs || symptom.object.kind != Kind::Pod {
        return Vec::new();
    }
    let asked = nightshift_playbooks::context(scope, &symptom.object).unwrap_or_default();
    asked.into_iter().map(|q| Tool::Query { name: q.name, promql: q.promql }).collect()
}

fn about_workload(workload: &WorkloadFacts) -> Vec<Tool> {
    let target = || workload.object.clone();
    let selector = || workload.selector.clone();
    let mut wanted = vec![
        Tool::Rollouts { target: target(), selector: selector() },
        Tool::Pods { target: target(), selector: selector() },
        Tool::Events { about: target() },
        Tool::Disruption { target: target() },
    ];
    match &workload.gitops {
        Some(owner @ (GitOpsOwner::ArgoCd { .. } | GitOpsOwner::FluxKustomization { .. })) => {
            wanted.push(Tool::GitOps { owner: owner.clone() });
        }
        Some(GitOpsOwner::FluxHelmRelease { .. }) | None => {}
    }
    wanted
}

/// The ConfigMaps that the newest revision refers to, once the revisions are known, or cannot be.
fn config_maps(incident: &Incident) -> Option<Vec<String>> {
    let answer = incident.evidence.iter().find(|e| matches!(e.tool, Tool::Rollouts { .. }))?;
    let references = match &answer.got {
        Got::Facts(Observed::Rollouts(r)) => r.revisions.first().map_or(&[][..], |r| r.references.as_slice()),
        Got::Facts(_) | Got::NotChecked { .. } => &[],
    };
    Some(references.iter().filter_map(|r| r.strip_prefix("ConfigMap ")).map(str::to_owned).collect())
}

/// Every answer to the query of a name, in the order in which they were asked.
pub(crate) fn samples<'a>(
    incident: &'a Incident,
    name: &str,
) -> impl DoubleEndedIterator<Item = (EvidenceId, &'a [SampleLine])> {
    incident.evidence.iter().filter_map(move |e| match (&e.tool, &e.got) {
        (Tool::Query { name: asked, .. }, Got::Facts(Observed::Samples(lines))) if asked == name => {
            Some((e.id, lines.as_slice()))
        }
        (_, Got::Facts(_) | Got::NotChecked { .. }) => None,
    })
}

/// A sample's number, if it is one that something can be measured by. Prometheus writes large ones as 1.34e+08.
pub(crate) fn number(line: &SampleLine) -> Option<f64> {
    line.value.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0)
}

/// The facts of the workload, if the question was answered.
pub fn workload(incident: &Incident) -> Option<&WorkloadFacts> {
    incident.evidence.iter().find_map(|e| match &e.got {
        Got::Facts(Observed::Workload(facts)) => Some(facts),
        Got::Facts(_) | Got::NotChecked { .. } => None,
    })
}

fn node_of(incident: &Incident, symptom: &Finding) -> Option<String> {
    let named = |object: &ObjectRef| object.name == symptom.object.name;
    incident.evidence.iter().find_map(|e| match &e.got {
        Got::Facts(Observed::Pods(pods)) => {
            pods.iter().find(|p| named(&p.pod) && !p.node.is_empty()).map(|p| p.node.clone())
        }
        Got::Facts(_) | Got::NotChecked { .. } => None,
    })
}
