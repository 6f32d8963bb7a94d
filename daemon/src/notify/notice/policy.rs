//! That persons, policy or playbooks changed, to everybody; and what it means for one incident, in its own thread.

use nightshift_engine::digest::words;
use nightshift_model::{Incident, PersonId, Phase, Registry};
use serde::Serialize;

/// Changes that a message names.
const CHANGES: usize = 20;
/// Persons that a line names.
const PERSONS: usize = 6;

/// Who may decide, or by which rules, is not what it was at the start before this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyNotice {
    /// `cluster.name`.
    pub cluster: String,
    /// That it changed.
    pub title: String,
    /// What changed, a line each; then what follows from it.
    pub lines: Vec<String>,
    /// How many changes there are.
    pub count: usize,
    /// Where to look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What to type where there is no link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// The message about a change.
pub fn policy_notice(cluster: &str, mut changes: Vec<String>, link: Option<String>) -> PolicyNotice {
    let count = changes.len();
    changes.truncate(CHANGES);
    let mut lines = changes;
    if count == 0 {
        lines.push("No more than the order of entries.".to_owned());
    }
    if count > lines.len() {
        lines.push(format!("and {} more", count - lines.len()));
    }
    lines.push(
        "Votes on what was open are void: each incident's own messages say who must vote again.".to_owned(),
    );
    lines.push("If you did not expect this, find out who restarted nightshift with other files.".to_owned());
    PolicyNotice {
        cluster: words::visible(cluster),
        title: "Persons, policy, playbooks or mode changed".to_owned(),
        lines,
        count,
        command: link.is_none().then(|| "nightshift incidents".to_owned()),
        link,
    }
}

/// That votes on an incident's last proposal are void, and who must vote again.
pub fn vote_again(incident: &Incident, registry: &Registry) -> Vec<String> {
    let Some(past) = incident.voided() else { return Vec::new() };
    match &incident.phase {
        Phase::Investigating { .. }
        | Phase::Drafted { .. }
        | Phase::Proposed { .. }
        | Phase::Escalated { .. } => {}
        Phase::Granted { .. } | Phase::Executing { .. } | Phase::Verifying { .. } | Phase::Closed { .. } => {
            return Vec::new();
        }
    }
    let now: Vec<&PersonId> = registry.approvers(incident.scope.owned_in()).iter().map(|p| &p.name).collect();
    let (again, out): (Vec<&PersonId>, Vec<&PersonId>) =
        past.approved_by.iter().partition(|person| now.contains(person));
    let changed = "persons, policy, playbooks or mode changed";
    let mut lines = vec![if past.approved_by.is_empty() {
        format!("The proposal from before is void: {changed}. Nobody had said yes to it.")
    } else {
        format!(
            "Votes are void: {changed}. The yes of {} counts no more.",
            named(&past.approved_by.iter().collect::<Vec<_>>())
        )
    }];
    if !again.is_empty() {
        lines.push(format!("To vote again on what is proposed next: {}.", named(&again)));
    }
    if !out.is_empty() {
        lines.push(format!("Not asked any more, by the registry of now: {}.", named(&out)));
    }
    if again.is_empty() {
        lines.push(if now.is_empty() {
            "Nobody may approve it now.".to_owned()
        } else {
            format!("Who may approve it now: {}.", named(&now))
        });
    }
    lines
}

fn named(persons: &[&PersonId]) -> String {
    let mut names: Vec<String> =
        persons.iter().take(PERSONS).map(|person| words::visible(person.as_str())).collect();
    if persons.len() > PERSONS {
        names.push(format!("{} more", persons.len() - PERSONS));
    }
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((only, _)) => only.clone(),
        None => String::new(),
    }
}
