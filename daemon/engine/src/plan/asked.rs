//! From a person's wish to a draft: any revision that exists may be named, and nothing needs to be wrong. What forbids a
//! rollback forbids this one too.

use super::{Case, no_plan, revision};
use crate::actions;
use crate::rules::Rules;
use crate::text::visible;
use nightshift_model::evidence::{HealthyRevision, RevisionLine, Rollouts};
use nightshift_model::{
    Action, Draft, Escalation, Got, Incident, RevisionRef, SeenImage, Tool, Wanted, Wish,
};
use nightshift_playbooks::{Playbook, asked_for, for_action};

/// Revisions that a refusal names.
const NAMED: usize = 20;
/// Letters of foreign words in a sentence.
const WORDS: usize = 300;

/// Plans what a person asked for.
///
/// # Errors
/// The escalation: every reason, and what a person can do.
#[allow(clippy::result_large_err)] // built once an incident
pub(super) fn plan(incident: &Incident, wish: &Wish, rules: &Rules) -> Result<Draft, Escalation> {
    let refused = |why: String| no_plan(vec![why], None);
    let action =
        wish.action().ok_or_else(|| refused(format!("nothing can do that to a {}", wish.target.kind)))?;
    let playbook = for_action(&rules.playbooks, action, &wish.target.kind)
        .ok_or_else(|| refused(format!("no playbook in force plans a {action} of a {}", wish.target.kind)))?;
    let case = Case::of(incident).ok_or_else(|| refused(unread(incident, wish)))?;
    match &wish.wanted {
        Wanted::MemoryBack { memory } => return case.memory_back(wish, memory, playbook, rules),
        Wanted::DeletePod { pod } => return case.delete_asked(wish, pod, playbook, rules),
        Wanted::Restart => return case.restart_asked(wish, playbook, rules),
        Wanted::RollbackTo { .. } | Wanted::RollbackToSet { .. } => {}
    }
    let (kept, current) = case.named(wish).map_err(refused)?;
    case.back(wish, playbook, (kept, current), rules)
        .map_err(|reasons| no_plan(reasons, case.by_hand(Some(kept))))
}

/// Why there is nothing to look at.
fn unread(incident: &Incident, wish: &Wish) -> String {
    let answer = incident.evidence.iter().find(|e| matches!(e.tool, Tool::Workload { .. }));
    let why = match answer.map(|e| &e.got) {
        Some(Got::NotChecked { why, detail }) if detail.is_empty() => format!(": {}", why.clause()),
        Some(Got::NotChecked { why, detail }) => format!(": {} ({})", why.clause(), visible(detail, WORDS)),
        Some(Got::Facts(_)) | None => String::new(),
    };
    format!("{} could not be read{why}", wish.target)
}

impl<'a> Case<'a> {
    /// The revision that a wish names, and the current one.
    fn named(&self, wish: &Wish) -> Result<(&'a RevisionLine, &'a RevisionLine), String> {
        let rollouts = self.rollouts.ok_or("the rollout history could not be read")?;
        let current = self.current().ok_or_else(|| self.no_current())?;
        let target = &self.workload.object;
        let has = || those(rollouts, current);
        let kept = match &wish.wanted {
            Wanted::MemoryBack { .. } | Wanted::DeletePod { .. } | Wanted::Restart => {
                return Err("what was asked for names no revision".to_owned());
            }
            Wanted::RollbackTo { revision } => rollouts
                .revisions
                .iter()
                .find(|r| r.number == *revision)
                .ok_or_else(|| format!("{target} keeps no revision {revision}; it has {}", has()))?,
            Wanted::RollbackToSet { replica_set, revision } => {
                rollouts.revisions.iter().find(|r| r.replica_set.uid == replica_set.uid).ok_or_else(|| {
                    let set = &replica_set.name;
                    format!(
                        "{target} no longer keeps {set}, its former revision {revision}; it has {}",
                        has()
                    )
                })?
            }
        };
        if kept.template == self.workload.template {
            return Err(format!("revision {} is what {target} runs already", kept.number));
        }
        Ok((kept, current))
    }

    fn seen_healthy(&self, kept: &RevisionLine) -> Option<&'a HealthyRevision> {
        let same = |h: &&HealthyRevision| h.is_kept_in(&kept.replica_set);
        self.healthy.iter().filter(same).max_by_key(|h| h.at)
    }

    fn back(
        &self,
        wish: &Wish,
        playbook: &Playbook,
        (kept, current): (&RevisionLine, &RevisionLine),
        rules: &Rules,
    ) -> Result<Draft, Vec<String>> {
        let reasons = self.refusals(kept, current);
        if !reasons.is_empty() {
            return Err(reasons);
        }
        let target = self.workload.object.clone();
        let seen = self.seen_healthy(kept);
        let to = RevisionRef {
            replica_set: kept.replica_set.clone(),
            number: kept.number,
            template: kept.template,
            images: seen.map_or_else(|| written(&kept.images), |h| h.images.clone()),
            healthy_at: seen.map(|h| h.at),
        };
        let action = Action::rollback(target.clone(), to).ok_or_else(|| vec![self.no_revisions()])?;
        let written = actions::written(&action);
        let verification = asked_for(self.verification(playbook, &action, rules)?, &target, written);
        let mut hazards = self.hazards(kept, current, "newer");
        if seen.is_none() {
            hazards.insert(0, format!("nightshift never saw revision {} healthy.", kept.number));
        }
        Ok(Draft {
            playbook: playbook.name.clone(),
            risk: action.kind().risk(),
            action,
            cause: because(wish, kept, current, seen),
            evidence: self.incident.evidence.iter().map(|e| e.id).collect(),
            hazards,
            shown: self.shown(kept),
            verification,
            inverse: revision::inverse(&target, current),
            selector: self.workload.selector.clone(),
            blast: self.blast(),
        })
    }
}

fn because(
    wish: &Wish,
    kept: &RevisionLine,
    current: &RevisionLine,
    seen: Option<&HealthyRevision>,
) -> String {
    let healthy = seen.map_or_else(
        || "which was never seen healthy".to_owned(),
        |h| format!("which was seen healthy at {}", h.at),
    );
    format!(
        "{} asks to go from revision {} ({}) back to revision {} ({}), {healthy}. Because: {}",
        wish.person,
        current.number,
        current.images.join(", "),
        kept.number,
        kept.images.join(", "),
        visible(&wish.because, WORDS),
    )
}

/// The revisions that there are, oldest first, the current one marked.
fn those(rollouts: &Rollouts, current: &RevisionLine) -> String {
    let mut numbers: Vec<u64> = rollouts.revisions.iter().map(|r| r.number).collect();
    numbers.sort_unstable();
    let left = numbers.len().saturating_sub(NAMED);
    let one = |n: &u64| if *n == current.number { format!("{n} (runs now)") } else { n.to_string() };
    let shown: Vec<String> = numbers.iter().skip(left).map(one).collect();
    let older = if left == 0 { String::new() } else { format!("{left} older ones, ") };
    format!("{older}{}", shown.join(", "))
}

/// Images as the template writes them: what they resolved to was never seen.
fn written(images: &[String]) -> Vec<SeenImage> {
    let one = |line: &String| {
        let (container, image) = line.split_once('=')?;
        Some(SeenImage { container: container.to_owned(), image: image.to_owned(), image_id: String::new() })
    };
    images.iter().filter_map(one).collect()
}
