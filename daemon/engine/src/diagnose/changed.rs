//! What changed shortly before: that it came before proves nothing, so it stands behind whatever the fault itself says.

use crate::changes::{WINDOW, before};
use nightshift_model::{Evidence, EvidenceId, Ground, Incident, Ranking, Tool};

/// It came shortly before, no more is known.
const COINCIDES: u8 = 15;
/// The fault itself names its cause.
const SETTLED: i32 = 100;

/// Weighs the newest change of each sort that could have brought the fault.
pub(super) fn weigh(incident: &Incident, ranking: &mut Ranking) {
    if ranking.candidates().iter().any(|candidate| candidate.weight() >= SETTLED) {
        return;
    }
    let mut told = Vec::new();
    for change in before(incident, WINDOW) {
        let Some((cause, blames)) = change.brings.filter(|brings| !told.contains(brings)) else { continue };
        let asked = answer(incident, |tool| match blames {
            Some(_) => matches!(tool, Tool::Changes { .. }),
            None => matches!(tool, Tool::Rollouts { .. }),
        });
        let ground = Ground { evidence: asked, ..Ground::new(COINCIDES, change.sentence) };
        ranking.back(cause, blames.as_ref(), ground);
        told.push((cause, blames));
    }
}

fn answer(incident: &Incident, is: impl Fn(&Tool) -> bool) -> Option<EvidenceId> {
    incident.evidence.iter().find(|e: &&Evidence| is(&e.tool)).map(|e| e.id)
}

#[cfg(test)]
mod tests {
    use crate::diagnose::diagnose;
    use crate::plan::testing::{Known, incident, known};
    use crate::samples::at;
    use nightshift_model::evidence::{ChangeLine, ChangeSort};
    use nightshift_model::{Cause, Kind, ObjectRef};

    fn causes(known: &Known, cause: Cause) -> Vec<(Cause, String)> {
        let mut incident = incident(known);
        for found in incident.findings.iter_mut().chain(incident.symptom.as_mut()) {
            found.cause = cause;
        }
        let diagnosis = diagnose(&incident);
        diagnosis.causes.into_iter().map(|c| (c.cause, c.backing[0].text.clone())).collect()
    }

    fn written(second: u64, name: &str) -> ChangeLine {
        let object = ObjectRef::new(Kind::Other("ConfigMap".into()), "shop", name, "");
        ChangeLine {
            at: at(second),
            sort: ChangeSort::Config,
            object,
            what: "was changed".to_owned(),
            by: None,
        }
    }

    #[test]
    fn what_changed_stands_behind_what_the_fault_says() {
        let mut all = known();
        all.changes_around = vec![written(800, "env"), written(700, "env"), written(750, "flags")];
        let told = causes(&all, Cause::ProgramError);
        let words: Vec<(Cause, &str)> =
            told.iter().skip(1).map(|(cause, text)| (*cause, text.as_str())).collect();
        assert_eq!(told[0].0, Cause::ProgramError);
        assert_eq!(
            words,
            [
                (Cause::NewRevision, "Revision 2 (app cart:1 -> cart:2) was rolled out 40s before"),
                (Cause::ConfigChanged, "ConfigMap env was changed 4m before"),
                (Cause::ConfigChanged, "ConfigMap flags was changed 4m50s before"),
            ]
        );
    }

    #[test]
    fn a_fault_that_names_its_cause_needs_no_coincidence() {
        let told: Vec<Cause> =
            causes(&known(), Cause::MemoryLimit).into_iter().map(|(cause, _)| cause).collect();
        assert_eq!(told, [Cause::MemoryLimit]);
    }

    #[test]
    fn the_first_revision_replaced_nothing() {
        let mut first = known();
        first.revisions.truncate(1);
        first.changes.clear();
        assert!(causes(&first, Cause::ProgramError).iter().all(|(cause, _)| *cause != Cause::NewRevision));
    }
}
