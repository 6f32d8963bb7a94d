//! A Job that used its retries up, made anew where its owner says that its work may be done twice.

use super::no_plan;
use crate::actions::{self, re_run_job};
use crate::changes;
use crate::rules::Rules;
use nightshift_model::cause::Cause as Why;
use nightshift_model::evidence::JobLine;
use nightshift_model::plan::Blast;
use nightshift_model::rerun::RERUN_OF;
use nightshift_model::{
    Action, Draft, Escalation, ExitClass, FieldChange, Finding, Got, Incident, Observed, Seconds, Shown,
};
use nightshift_playbooks::{Playbook, verification};

/// What is known of the Job, if the question was answered.
pub(crate) fn observed(incident: &Incident) -> Option<&JobLine> {
    incident.evidence.iter().find_map(|e| match &e.got {
        Got::Facts(Observed::Job(line)) => Some(line),
        Got::Facts(_) | Got::NotChecked { .. } => None,
    })
}

/// # Errors
/// The escalation: every reason, and the command that a person would type.
#[allow(clippy::result_large_err)] // built once an incident
pub(super) fn plan(
    incident: &Incident,
    symptom: &Finding,
    playbook: &Playbook,
    rules: &Rules,
) -> Result<Draft, Escalation> {
    let target = &incident.scope;
    let by_hand = Some(re_run_job::by_hand(target));
    let Some(job) = observed(incident) else {
        return Err(no_plan(vec![format!("{target} could not be read")], None));
    };
    let mut reasons = against(job, symptom);
    if !reasons.is_empty() {
        let changed = changes::before(incident, changes::WINDOW);
        reasons.extend(changed.into_iter().take(super::CHANGES).map(|c| c.sentence));
        return Err(no_plan(reasons, by_hand));
    }
    let action = Action::ReRunJob { target: job.job.clone(), version: job.version.clone(), body: job.body };
    let verification = verification(
        playbook,
        &rules.registry.policy,
        action.kind().risk(),
        target,
        &actions::written(&action),
        rules.prometheus,
        Seconds(0),
    )
    .map_err(|why| no_plan(vec![why.to_string()], by_hand))?;
    let made = re_run_job::made(target);
    let added = |path: &str, value: &str| FieldChange {
        path: path.to_owned(),
        before: Shown::Absent,
        after: Shown::Value(value.to_owned()),
    };
    let label = format!("/metadata/labels/{}", RERUN_OF.replace('/', "~1"));
    Ok(Draft {
        playbook: playbook.name.clone(),
        cause: sentence(job, symptom),
        evidence: incident.evidence.iter().map(|e| e.id).collect(),
        hazards: hazards(job),
        risk: action.kind().risk(),
        shown: vec![added(&label, &target.uid), added("/metadata/name", &made.name)],
        verification,
        inverse: re_run_job::inverse(target),
        selector: job.selector.clone(),
        blast: Blast { objects: 1, replicas: job.parallel, available: 0 },
        action,
    })
}

/// Everything that speaks against it.
fn against(job: &JobLine, symptom: &Finding) -> Vec<String> {
    let mut no = Vec::new();
    if !job.idempotent {
        no.push(re_run_job::not_declared(&job.job));
    }
    if job.failed.is_empty() {
        no.push(format!("{} has not failed", job.job));
    }
    if symptom.cause != Why::BackoffLimit {
        no.push(format!("{}: whether another run would end otherwise is for a person to say", job.failed));
    }
    no.extend(again(symptom));
    no.extend(job.forbids.iter().cloned());
    no
}

/// Why the next run would end as the last one did, whatever it depends on.
fn again(symptom: &Finding) -> Option<String> {
    let exit = symptom.exit.as_ref()?;
    let ends = match exit.class {
        ExitClass::OutOfMemory => "was out of memory",
        ExitClass::Runtime | ExitClass::NotExecutable | ExitClass::NotFound | ExitClass::StartError => {
            "could not be started"
        }
        ExitClass::Aborted | ExitClass::Segfault => "crashed by a fault of the program",
        ExitClass::Completed
        | ExitClass::Application
        | ExitClass::Interrupted
        | ExitClass::Killed
        | ExitClass::Terminated
        | ExitClass::OutOfRange => return None,
    };
    Some(format!("container {} {ends} (exit code {}), and would be again", symptom.container, exit.code))
}

fn sentence(job: &JobLine, symptom: &Finding) -> String {
    let exit = symptom.exit.as_ref();
    let last = exit.map_or_else(String::new, |exit| {
        format!(", the last with exit code {} of container {}", exit.code, symptom.container)
    });
    let pods = if job.tries == 1 { "one pod".to_owned() } else { format!("{} pods", job.tries) };
    format!(
        "{} failed for good at {} ({} after {pods}{last}). Its owner says that its work may be done twice.",
        job.job, symptom.since, job.failed
    )
}

fn hazards(job: &JobLine) -> Vec<String> {
    vec![
        format!("What the failed run did already is done again, by {}.", job.images.join(", ")),
        "If what it failed for is still so, it fails again; there is no third run.".to_owned(),
        "The failed Job stays, and alerts that count failed Jobs fire until somebody deletes it.".to_owned(),
    ]
}

#[cfg(test)]
mod tests;
