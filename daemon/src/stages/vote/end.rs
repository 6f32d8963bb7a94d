//! A person ends an incident: the one way out of a write whose fate nobody can tell, and of everything that somebody
//! has settled by hand.

use super::{REASON_LENGTH, TRIES, Votes, failed, may};
use nightshift_engine::drive::{Store as _, StoreError};
use nightshift_engine::redact::redactor;
use nightshift_engine::text;
use nightshift_model::registry::Power;
use nightshift_model::vote::VoteRefusal;
use nightshift_model::{
    Appended, Closure, Ending, Incident, IncidentEvent, IncidentId, PersonId, Phase, Timestamp,
};

/// What a person posted to end an incident.
#[derive(Clone, Debug)]
pub struct EndPosted {
    /// Which.
    pub incident: IncidentId,
    /// When what is wrong had last changed as the person saw it.
    pub seen: Timestamp,
    /// Why, for everybody who looks later.
    pub note: String,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is over, and an open proposal with it.
    Ended,
    /// It was over already.
    Over,
    /// A write is under way or is being proven.
    UnderWay,
    /// What is wrong changed since the person looked: ending it would hide what nobody has read.
    Changed,
    /// The person gave no reason.
    NoNote,
}

impl Votes {
    /// Ends an incident in a person's name. The append compares the revision that was judged, so it never races a
    /// write: either the executor's claim is there first and this is refused, or the claim finds the incident closed.
    ///
    /// # Errors
    /// The refusal: nothing was ended then. An unknown incident is refused as one of another owner.
    pub async fn end(&self, name: &PersonId, posted: &EndPosted) -> Result<Ended, VoteRefusal> {
        let note = text::visible(&redactor().redact(posted.note.trim()).text, REASON_LENGTH);
        let why = Closure::ByPerson { person: name.clone(), note: note.clone() };
        let mine = Phase::Closed { why: why.clone() };
        for _ in 0..TRIES {
            let now = self.clock.now();
            let rules = self.rules().await;
            let Some(incident) = self.incident(&posted.incident).await? else {
                return Err(VoteRefusal::NoRole);
            };
            may(&rules.registry, name, Power::Approve, &incident.scope.namespace)?;
            match incident.phase.ending() {
                // After an unknown outcome the history is asked, not guessed.
                Ending::Over => return Ok(if incident.phase == mine { Ended::Ended } else { Ended::Over }),
                Ending::UnderWay => return Ok(Ended::UnderWay),
                Ending::Possible if incident.findings_at != posted.seen => return Ok(Ended::Changed),
                Ending::Possible if note.is_empty() => return Ok(Ended::NoNote),
                Ending::Possible => {}
            }
            let event = IncidentEvent::Closed { why: why.clone() };
            match self.append(&incident, event, name, &rules, now).await? {
                Appended::Committed => {
                    (self.wake)(Some(posted.incident.clone()));
                    return Ok(Ended::Ended);
                }
                Appended::Conflict | Appended::Fenced | Appended::Unknown => {}
            }
        }
        Err(VoteRefusal::StoreFailed)
    }

    /// What the history tells of an incident; `None` when there is none of this id.
    pub(super) async fn incident(&self, id: &IncidentId) -> Result<Option<Incident>, VoteRefusal> {
        match self.store.load(id).await {
            Ok(incident) => Ok(Some(incident)),
            Err(StoreError::NotFound(_)) => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }
}
