//! *I have it*: a person looks after an incident. It stops pages and decides nothing.

use super::{TRIES, Votes, may};
use nightshift_model::registry::Power;
use nightshift_model::vote::VoteRefusal;
use nightshift_model::{Appended, IncidentEvent, IncidentId, PersonId, Phase};

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Had {
    /// It is the person's.
    Yours,
    /// The incident is over.
    Over,
}

impl Votes {
    /// Hands an incident to a person who may approve in its namespace. Who had it before has it no more.
    ///
    /// # Errors
    /// The refusal: nothing changed then. An unknown incident is refused as one of another owner.
    pub async fn have(&self, name: &PersonId, id: &IncidentId) -> Result<Had, VoteRefusal> {
        for _ in 0..TRIES {
            let now = self.clock.now();
            let rules = self.rules().await;
            let incident = self.incident(id).await?.ok_or(VoteRefusal::NoRole)?;
            may(&rules.registry, name, Power::Approve, incident.scope.owned_in())?;
            if matches!(incident.phase, Phase::Closed { .. }) {
                return Ok(Had::Over);
            }
            if incident.held_by.as_ref().is_some_and(|holder| holder.person == *name) {
                return Ok(Had::Yours);
            }
            let event = IncidentEvent::Acknowledged { person: name.clone() };
            match self.append(&incident, event, name, &rules, now).await? {
                Appended::Committed => {
                    (self.wake)(Some(id.clone()));
                    return Ok(Had::Yours);
                }
                Appended::Conflict | Appended::Fenced | Appended::Unknown => {}
            }
        }
        Err(VoteRefusal::StoreFailed)
    }
}
