//! The [`World`] over a [`Wire`]: carries out asks by the steps of this crate. Daemon and scenarios differ only in
//! their wire.

use crate::drive::World;
use crate::wire::Wire;
use crate::{evidence, execute, verify, vote_object};
use nightshift_model::effect::Raw;
use nightshift_model::{Answer, Ask, Proposal, Read, Sent, Timestamp, Write};

/// A world over one role's wire.
pub struct Shell<W>(pub W);

impl<W: Wire> World for Shell<W> {
    async fn ask(&self, ask: &Ask) -> Answer {
        let wire = &self.0;
        match ask {
            Ask::Fetch(request) => Answer::Raw(all(wire, &evidence::reads(request)).await),
            Ask::Preview(draft, op) => Answer::Preview(Box::new(execute::preview(wire, draft, op).await)),
            Ask::Recheck(plan, _) => Answer::Live(Box::new(execute::recheck(wire, plan).await)),
            Ask::Claim(plan, mark) => Answer::Claimed(execute::claim(wire, plan, mark).await),
            Ask::Recover { plan, stale, fresh } => {
                Answer::Recovered(execute::recover(wire, plan, stale, fresh).await)
            }
            Ask::Measure(request) => {
                let mut answers = Vec::with_capacity(request.measures.len());
                for measure in &request.measures {
                    answers.push(all(wire, &verify::reads(measure, &request.selector)).await);
                }
                Answer::Measured(answers)
            }
        }
    }

    async fn send(&self, write: &Write) -> Sent {
        execute::send(&self.0, write).await
    }

    async fn look(&self, proposal: &Proposal) -> vote_object::Look {
        let namespace = &proposal.plan().action.target().namespace;
        vote_object::look(&self.0, namespace, proposal.id()).await
    }

    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

async fn all<W: Wire>(wire: &W, reads: &[Read]) -> Raw {
    let mut parts = Vec::with_capacity(reads.len());
    for read in reads {
        parts.push(wire.read(read).await);
    }
    Raw { parts }
}
