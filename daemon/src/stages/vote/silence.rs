//! Silences from the pages: an incident's workload for an hour, or whatever a person names for as long as they say.

use super::silences::{self, SilenceError};
use super::{Votes, failed, may};
use nightshift_engine::redact::redactor;
use nightshift_engine::text;
use nightshift_model::registry::{PersonKind, Power};
use nightshift_model::silence::BECAUSE;
use nightshift_model::vote::VoteRefusal;
use nightshift_model::{
    Actor, BadSilence, IncidentId, PersonId, Registry, Seconds, Selector, Silence, SilenceId, Source,
};

/// How long the incident's button keeps quiet.
const HOUR: Seconds = Seconds(3600);

/// What became of the button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quieted {
    /// Nobody is told for an hour.
    Silenced,
    /// There are too many silences, or this object has no workload's name.
    NotPossible,
}

/// What a person wants to be quiet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SilenceAsked {
    /// Of what.
    pub of: Selector,
    /// When it begins, from now.
    pub begins: Seconds,
    /// How long it lasts.
    pub lasts: Seconds,
    /// Why, for whoever finds it at night.
    pub because: String,
}

/// What became of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SilenceTaken {
    /// It is a silence.
    Silenced,
    /// It breaks a rule of silences.
    Bad(BadSilence),
    /// There are too many.
    TooMany,
}

/// What became of ending one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsilenced {
    /// It is over; what is still broken is told.
    Ended,
    /// An annotation of its object keeps it: it would begin anew.
    Annotated,
    /// It was over already, or there is none of that id.
    Over,
}

impl Votes {
    /// Silences an incident's workload for an hour, by a person who may approve in its namespace.
    ///
    /// # Errors
    /// The refusal: nothing is silenced then. An unknown incident is refused as one of another owner.
    pub async fn silence(&self, name: &PersonId, id: &IncidentId) -> Result<Quieted, VoteRefusal> {
        let rules = self.rules().await;
        let scope = self.incident(id).await?.ok_or(VoteRefusal::NoRole)?.scope;
        may(&rules.registry, name, Power::Approve, scope.owned_in())?;
        let of = Selector::Workload { namespace: scope.namespace, name: scope.name };
        let asked =
            SilenceAsked { of, begins: Seconds(0), lasts: HOUR, because: format!("from the page of {id}") };
        match self.silence_for(name, asked).await? {
            SilenceTaken::Silenced => {
                (self.wake)(Some(id.clone()));
                Ok(Quieted::Silenced)
            }
            SilenceTaken::Bad(_) | SilenceTaken::TooMany => Ok(Quieted::NotPossible),
        }
    }

    /// Silences what a person names, if the person may approve all of it.
    ///
    /// # Errors
    /// The refusal: nothing is silenced then.
    pub async fn silence_for(
        &self,
        name: &PersonId,
        asked: SilenceAsked,
    ) -> Result<SilenceTaken, VoteRefusal> {
        let (now, rules) = (self.clock.now(), self.rules().await);
        may_quiet(&rules.registry, name, &asked.of)?;
        let from = now + asked.begins;
        let by = Actor::Person(name.clone());
        // Judged before it is cut, so that nothing is lost without a word.
        let because = redactor().redact(asked.because.trim()).text;
        let silence = match Silence::new(asked.of, from, from + asked.lasts, &because, by) {
            Ok(silence) => Silence { because: text::visible(&silence.because, BECAUSE), ..silence },
            Err(why) => return Ok(SilenceTaken::Bad(why)),
        };
        match silences::add(&self.store, silence, now).await {
            Ok(()) => Ok(SilenceTaken::Silenced),
            Err(SilenceError::TooMany | SilenceError::NotFound(_)) => Ok(SilenceTaken::TooMany),
            Err(SilenceError::Store(error)) => Err(failed(&error)),
        }
    }

    /// Ends a silence before its time, by a person who could have added it.
    ///
    /// # Errors
    /// The refusal: it is as it was. One that this person may not end is refused as one that is not there.
    pub async fn unsilence(&self, name: &PersonId, id: &SilenceId) -> Result<Unsilenced, VoteRefusal> {
        let (now, rules) = (self.clock.now(), self.rules().await);
        let known = silences::in_force(&self.store, now).await.map_err(|e| failed(&e))?;
        let Some(silence) = known.into_iter().find(|silence| silence.id == *id) else {
            return Ok(Unsilenced::Over);
        };
        may_quiet(&rules.registry, name, &silence.of)?;
        match silence.source {
            Source::Here => {}
            Source::Annotation => return Ok(Unsilenced::Annotated),
        }
        match silences::end(&self.store, id, Actor::Person(name.clone()), now).await {
            Ok(_) => Ok(Unsilenced::Ended),
            Err(SilenceError::TooMany | SilenceError::NotFound(_)) => Ok(Unsilenced::Over),
            Err(SilenceError::Store(error)) => Err(failed(&error)),
        }
    }
}

/// Whoever may approve everything that it keeps quiet may make and end a silence: of a kind of fault that is everything.
///
/// # Errors
/// The refusal.
pub fn may_quiet(registry: &Registry, name: &PersonId, of: &Selector) -> Result<(), VoteRefusal> {
    match of {
        Selector::Namespace(namespace)
        | Selector::Workload { namespace, .. }
        | Selector::Object { namespace, .. } => may(registry, name, Power::Approve, namespace),
        Selector::Reason(_) => {
            let person = registry.person(name).ok_or(VoteRefusal::NoRole)?;
            if person.kind == PersonKind::Service {
                return Err(VoteRefusal::Service);
            }
            let all = registry.roles_may_all(&person.roles, Power::Approve);
            if all { Ok(()) } else { Err(VoteRefusal::NoRole) }
        }
    }
}
