//! Why an incident is there: every rule weighs in, and the causes are ranked. Pure, and computed once a round, when all
//! questions are answered.
//!
//! What the cluster itself says (a memory kill, an image that is not there) settles it. Where it knows an exit code only,
//! answers may lift another cause above it. A diagnosis explains: it chooses no playbook, no action and no target.

mod changed;
mod kills;
mod log;
mod measured;
mod prior;
mod words;

pub(crate) use log::{Target, host as host_of, is_address, service_of};
pub(crate) use words::needed;

use nightshift_model::{Diagnosis, Incident, RankedBy, Ranking};

/// Judges the answers of the current round.
pub fn diagnose(incident: &Incident) -> Diagnosis {
    let mut ranking = Ranking::default();
    prior::weigh(incident, &mut ranking);
    kills::weigh(incident, &mut ranking);
    words::weigh(incident, &mut ranking);
    measured::weigh(incident, &mut ranking);
    changed::weigh(incident, &mut ranking);
    ranking.ranked(RankedBy::Rules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::next;
    use crate::samples::{at, finding, investigated, rules};
    use nightshift_model::operation::Epoch;
    use nightshift_model::{Cause, Escalation, IncidentEvent, Next, Phase};

    #[test]
    fn a_cause_that_is_named_late_is_judged_anew_once() {
        let mut i = investigated(vec![finding("h")], Vec::new());
        let mut name = |cause| {
            for found in &mut i.findings {
                found.cause = cause;
            }
            i.phase = Phase::Escalated { why: Escalation::SupersededTwice };
            let told = match next(&i, &rules(), Epoch(1), at(50)) {
                Next::Record(_, events) => match events.as_slice() {
                    [IncidentEvent::Diagnosed { diagnosis }] => Some(diagnosis.clone()),
                    _ => panic!("{events:?}"),
                },
                Next::Nothing => None,
                other @ (Next::Ask(..) | Next::Send(..) | Next::At(_)) => panic!("{other:?}"),
            };
            i.diagnosis = told.clone().or(i.diagnosis.take()).or_else(|| Some(diagnose(&i)));
            told.and_then(|d| d.first().map(|first| first.cause))
        };
        assert_eq!(name(Cause::CleanExit), None, "an old incident without a diagnosis is left as it is");
        assert_eq!(name(Cause::CleanExit), None);
        assert_eq!(name(Cause::LivenessProbe), Some(Cause::LivenessProbe));
        assert_eq!(name(Cause::LivenessProbe), None);
        assert_eq!(name(Cause::Unknown), None, "what is no longer named takes nothing away");
    }
}
