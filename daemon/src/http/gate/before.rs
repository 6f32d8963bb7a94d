//! Why an incident happened and what came of it, for its page: the cause as the newest plan tells it, what had changed
//! before, and what became of what was proposed.

use super::course::told;
use super::render::clock;
use crate::stages::query::Course;
use jiff::tz::TimeZone;
use nightshift_model::evidence::{RevisionLine, Rollouts, WorkloadFacts};
use nightshift_model::{Got, HistoryEvent, Incident, IncidentEvent, Observed, Timestamp};

/// Fields that are compared; of more the rest is counted.
const FIELDS: usize = 20;
/// Lines about what became of proposals.
const RESULTS: usize = 12;

/// What had changed before: the newest revision beside the one before it.
#[derive(Clone, Debug, Default)]
pub(super) struct ChangedView {
    /// Which revisions.
    pub(super) lead: String,
    /// Path, as it was, as it is.
    pub(super) fields: Vec<(String, String, String)>,
    /// How many more differ.
    pub(super) more: usize,
    /// Who or what wrote it, as far as the objects say.
    pub(super) notes: Vec<String>,
}

/// The cause, in the words of the newest plan.
pub(super) fn cause(course: &Course) -> String {
    let told = course.rows.iter().rev().find_map(|row| match &row.event {
        HistoryEvent::Incident(IncidentEvent::Sealed { proposal }) => Some(proposal.plan().cause.clone()),
        HistoryEvent::Incident(IncidentEvent::Planned { draft }) => Some(draft.cause.clone()),
        HistoryEvent::Incident(_) | HistoryEvent::System(_) => None,
    });
    told.unwrap_or_default()
}

/// What had changed; nothing where no evidence compares two revisions.
pub(super) fn changed(incident: &Incident, now: Timestamp, zone: &TimeZone) -> Option<ChangedView> {
    let seen = || incident.evidence.iter().rev();
    let rollouts = seen().find_map(|piece| match &piece.got {
        Got::Facts(Observed::Rollouts(rollouts)) => Some(rollouts),
        Got::Facts(_) | Got::NotChecked { .. } => None,
    })?;
    let workload = seen().find_map(|piece| match &piece.got {
        Got::Facts(Observed::Workload(facts)) => Some(facts),
        Got::Facts(_) | Got::NotChecked { .. } => None,
    });
    let (current, earlier) = newest(rollouts)?;
    let when = current.created.map(|at| format!(", made {}", clock(at, now, zone))).unwrap_or_default();
    let compared = rollouts.changes.iter().find(|change| change.number == earlier.number);
    let all = compared.map(|change| change.changes.as_slice()).unwrap_or_default();
    // Evidence tells what a way back would change; what had changed is the same the other way round.
    let field =
        |f: &nightshift_model::FieldChange| (f.path.clone(), f.after.to_string(), f.before.to_string());
    let same = if all.is_empty() { ": their templates do not differ, or were not compared" } else { "" };
    let mut notes = workload.map(notes).unwrap_or_default();
    let refers: Vec<&str> =
        current.references.iter().filter(|r| !earlier.references.contains(r)).map(String::as_str).collect();
    if !refers.is_empty() {
        notes.push(format!("It refers to what revision {} did not: {}.", earlier.number, refers.join(", ")));
    }
    Some(ChangedView {
        lead: format!("Revision {}{when}, beside revision {}{same}.", current.number, earlier.number),
        fields: all.iter().take(FIELDS).map(field).collect(),
        more: all.len().saturating_sub(FIELDS),
        notes,
    })
}

/// The current revision and the one before it.
fn newest(rollouts: &Rollouts) -> Option<(&RevisionLine, &RevisionLine)> {
    match rollouts.revisions.as_slice() {
        [current, earlier, ..] => Some((current, earlier)),
        [_] | [] => None,
    }
}

fn notes(facts: &WorkloadFacts) -> Vec<String> {
    let cause = facts.change_cause.as_ref().map(|cause| format!("Its change-cause says: {cause}"));
    let wrote =
        facts.written_by.as_ref().map(|who| format!("Its template was last written by {}.", who.manager));
    let gitops = facts.gitops.as_ref().map(|_| "It is kept by GitOps; see the evidence.".to_owned());
    [cause, wrote, gitops].into_iter().flatten().collect()
}

/// What became of what was proposed: yes or no, the write, the judgement; the newest lines.
pub(super) fn results(course: &Course, now: Timestamp, zone: &TimeZone) -> Vec<String> {
    let lines = course.rows.iter().filter_map(|row| {
        let HistoryEvent::Incident(event) = &row.event else { return None };
        let counts = matches!(
            event,
            IncidentEvent::Granted { .. }
                | IncidentEvent::Sent { .. }
                | IncidentEvent::Recovered { .. }
                | IncidentEvent::Judged { .. }
                | IncidentEvent::Withdrawn { .. }
        );
        counts.then(|| format!("{}: {}", clock(row.at, now, zone), told(&row.event)))
    });
    let all: Vec<String> = lines.collect();
    all.into_iter().rev().take(RESULTS).rev().collect()
}
