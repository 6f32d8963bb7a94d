//! The one driver: daemon, scenarios, seeded runs and crash runs share this loop.

use crate::rules::Rules;
use crate::vote_object::{Look, wanted};
use crate::{accept, advance, next};
use nightshift_model::effect::Me;
use nightshift_model::{
    Answer, Append, Appended, Ask, Incident, IncidentEvent, IncidentId, Next, Proposal, Role, Sent,
    Timestamp, Write,
};
use std::future::Future;

/// Why the store could not answer. Nothing is executed while it cannot.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such incident.
    #[error("incident {0} is not in the history")]
    NotFound(IncidentId),
    /// The history holds something this program does not know, or does not verify.
    #[error("the history cannot be read: {0}")]
    Unreadable(String),
    /// The store cannot be written or read now.
    #[error("the store does not answer: {operation}")]
    Unavailable {
        /// What was tried.
        operation: &'static str,
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An event did not fit: a bug, told instead of written.
    #[error(transparent)]
    Illegal(#[from] nightshift_model::IllegalTransition),
}

/// The history, as the driver needs it. The daemon's writer task implements it, and in tests a list with a model
/// of torn commits.
pub trait Store: Sync {
    /// The fold of one stream.
    fn load(&self, id: &IncidentId) -> impl Future<Output = Result<Incident, StoreError>> + Send;
    /// One transaction.
    fn append(&self, append: Append) -> impl Future<Output = Result<Appended, StoreError>> + Send;
}

/// The outside, as the driver needs it. Failures are answers.
pub trait World: Sync {
    /// Carries one ask out. Repeating it is harmless.
    fn ask(&self, ask: &Ask) -> impl Future<Output = Answer> + Send;
    /// Sends the one request of an operation. Never repeated for the same `Sending`.
    fn send(&self, write: &Write) -> impl Future<Output = Sent> + Send;
    /// What the API server says about votes on a proposal, asked with this role's own identity.
    fn look(&self, proposal: &Proposal) -> impl Future<Output = Look> + Send;
    /// Now.
    fn now(&self) -> Timestamp;
}

/// How often a known answer is appended again after a conflict; then recovery finds it out.
const TELL: u32 = 20;

/// Runs one incident until it waits; `Some` is when to look again. At most one call per incident and role at a
/// time in a process.
///
/// # Errors
/// Those of the store. Nothing was sent unless `Sending` is in the history.
pub async fn drive<S: Store, W: World>(
    id: &IncidentId,
    me: &Me,
    rules: &Rules,
    store: &S,
    world: &W,
) -> Result<Option<Timestamp>, StoreError> {
    let mut looked = rules.clone();
    loop {
        let incident = store.load(id).await?;
        // Before every step that rests on votes: an object may have gone since the last one.
        if let Some(proposal) = wanted(&incident, &rules.registry) {
            let look = world.look(proposal).await;
            looked.standing.looks = looked.standing.looks.with(proposal.id().clone(), look);
        }
        let rules = &looked;
        let events = match next(&incident, rules, me.epoch, world.now()) {
            Next::Nothing => return Ok(None),
            Next::At(at) => return Ok(Some(at)),
            Next::Record(role, _) | Next::Ask(role, _) if role != me.role => return Ok(None), // the outbox woke it
            Next::Send(..) if me.role != Role::Executor => return Ok(None),
            Next::Record(_, events) => events,
            Next::Ask(_, ask) => {
                let answer = world.ask(&ask).await;
                accept(&incident, &ask, answer, rules, world.now())
            }
            Next::Send(intent, write) => {
                match commit(store, &incident, vec![intent], me, rules, world.now()).await? {
                    Appended::Committed => {}
                    Appended::Conflict | Appended::Unknown => continue,
                    Appended::Fenced => return Ok(None),
                }
                let sent = world.send(&write).await; // never reached again for this intent
                // Others may append to the incident meanwhile; what became of the request must still be told.
                for _ in 0..TELL {
                    let incident = store.load(id).await?;
                    let events = crate::sent(&incident, sent.clone());
                    match commit(store, &incident, events, me, rules, world.now()).await? {
                        Appended::Conflict => {}
                        Appended::Fenced => return Ok(None),
                        Appended::Committed | Appended::Unknown => break,
                    }
                }
                continue;
            }
        };
        // A conflict just means: look again.
        if commit(store, &incident, events, me, rules, world.now()).await? == Appended::Fenced {
            return Ok(None);
        }
    }
}

async fn commit<S: Store>(
    store: &S,
    incident: &Incident,
    events: Vec<IncidentEvent>,
    me: &Me,
    rules: &Rules,
    now: Timestamp,
) -> Result<Appended, StoreError> {
    let append = advance(
        Some(incident),
        &incident.id,
        events,
        Some((me.role, me.epoch)),
        me.actor.clone(),
        now,
        rules,
    )?;
    store.append(append).await
}
