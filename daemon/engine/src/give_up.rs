//! What is recorded when driving an incident broke the program again and again: a person takes over.

use nightshift_model::operation::OperationState;
use nightshift_model::{Escalation, IncidentEvent, Outcome, Phase, Role};

/// How an incident that cannot be driven reaches a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GiveUp {
    /// This event hands it over. Nothing is under way that it could cut off.
    Record(IncidentEvent),
    /// A request may be under way: the incident stays where it is, and a person is asked to look.
    Tell,
    /// A person has it already, it is over, or the other role still carries it.
    Leave,
}

/// What to do with an incident that broke `role` so many `times` in a row. Derived from the phase alone; the append's
/// expected revision keeps it from overtaking a drive of the other role.
pub fn give_up(phase: &Phase, role: Role, times: u32) -> GiveUp {
    let why = format!("the {} broke {times} times in a row while it worked on this", role.as_str());
    let hand_over = |why| GiveUp::Record(IncidentEvent::Escalated { why: Escalation::Broken { why } });
    match phase {
        Phase::Investigating { .. }
        | Phase::Drafted { .. }
        | Phase::Proposed { .. }
        | Phase::Granted { .. } => hand_over(why),
        Phase::Executing { operation, .. } => match (&operation.state, role) {
            (_, Role::Responder) => GiveUp::Leave,
            // Sending is committed before the request: in these two nothing is under way.
            (OperationState::Claimed { .. } | OperationState::NotApplied { .. }, Role::Executor) => {
                hand_over(why)
            }
            (
                OperationState::Sending | OperationState::Unknown { .. } | OperationState::Applied(_),
                Role::Executor,
            ) => GiveUp::Tell,
        },
        Phase::Verifying { .. } => GiveUp::Record(IncidentEvent::Judged { outcome: Outcome::Error { why } }),
        Phase::Escalated { .. } | Phase::Closed { .. } => GiveUp::Leave,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use nightshift_model::apply::Place;
    use nightshift_model::operation::Epoch;
    use nightshift_model::{Actor, Grant, Incident, IncidentId, Mark, Operation, Revision, Risk};

    fn executing(state: OperationState) -> Phase {
        let proposal = samples::proposal(Risk::Low, Actor::Nightshift(Role::Responder));
        let mark = Mark::first(proposal.plan().op.clone(), Epoch(1));
        let grant = Grant {
            proposal: proposal.id().clone(),
            digest: proposal.digest(),
            persons: Vec::new(),
            at: samples::at(5),
            until: samples::at(600),
        };
        Phase::Executing {
            proposal,
            votes: Vec::new(),
            grant,
            baseline: None,
            operation: Operation { mark, state },
        }
    }

    fn after(phase: Phase, event: &IncidentEvent) -> Incident {
        let place = |revision| Place { id: IncidentId::from("inc-a"), revision, at: samples::at(9) };
        let opened = IncidentEvent::Opened { scope: samples::target(), cause: "f".into() };
        let before = Incident { phase, ..Incident::apply(None, &place(Revision(1)), &opened).unwrap() };
        Incident::apply(Some(&before), &place(Revision(2)), event).unwrap()
    }

    #[test]
    fn what_may_be_under_way_is_never_cut_off_and_everything_else_reaches_a_person() {
        let claimed = || OperationState::Claimed { live: None, marked: false };
        let unknown = || OperationState::Unknown { why: "504".to_owned(), tried: Epoch(1) };
        for state in [OperationState::Sending, unknown()] {
            assert_eq!(give_up(&executing(state), Role::Executor, 3), GiveUp::Tell);
        }
        for state in [OperationState::Sending, unknown(), claimed()] {
            assert_eq!(give_up(&executing(state), Role::Responder, 3), GiveUp::Leave);
        }
        let verifying = Phase::Verifying {
            proposal: samples::proposal(Risk::Low, Actor::Nightshift(Role::Responder)),
            applied: nightshift_model::Applied {
                at: samples::at(6),
                resource_version: String::new(),
                recovered: false,
            },
            measured: Vec::new(),
        };
        let open = Phase::Investigating { wanted: Vec::new(), asked: false };
        for phase in [open, executing(claimed()), verifying] {
            let GiveUp::Record(event) = give_up(&phase, Role::Executor, 3) else { panic!("{phase:?}") };
            assert_eq!(after(phase, &event).phase.word(), "Escalated");
        }
    }
}
