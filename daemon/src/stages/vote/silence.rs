//! A silence from the page: one workload, one hour.

use super::silences::{self, SilenceError};
use super::{Votes, failed, may};
use nightshift_model::registry::Power;
use nightshift_model::vote::VoteRefusal;
use nightshift_model::{Actor, IncidentId, PersonId, Seconds, Selector, Silence};

/// How long the page's button keeps quiet.
const HOUR: Seconds = Seconds(3600);

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quieted {
    /// Nobody is told for an hour.
    Silenced,
    /// There are too many silences, or this object has no workload's name.
    NotPossible,
}

impl Votes {
    /// Silences an incident's workload for an hour, by a person who may approve in its namespace.
    ///
    /// # Errors
    /// The refusal: nothing is silenced then. An unknown incident is refused as one of another owner.
    pub async fn silence(&self, name: &PersonId, id: &IncidentId) -> Result<Quieted, VoteRefusal> {
        let now = self.clock.now();
        let rules = self.rules().await;
        let incident = self.incident(id).await?.ok_or(VoteRefusal::NoRole)?;
        may(&rules.registry, name, Power::Approve, incident.scope.owned_in())?;
        let of = Selector::Workload {
            namespace: incident.scope.namespace.clone(),
            name: incident.scope.name.clone(),
        };
        let because = format!("from the page of {id}");
        let by = Actor::Person(name.clone());
        let Ok(silence) = Silence::new(of, now, now + HOUR, &because, by) else {
            return Ok(Quieted::NotPossible);
        };
        match silences::add(&self.store, silence, now).await {
            Ok(()) => {
                (self.wake)(Some(id.clone()));
                Ok(Quieted::Silenced)
            }
            Err(SilenceError::TooMany | SilenceError::NotFound(_)) => Ok(Quieted::NotPossible),
            Err(SilenceError::Store(error)) => Err(failed(&error)),
        }
    }
}
