//! A person asks for an action in their own name. The engine says whether; this appends it to the workload's open
//! incident, or opens one that says so.

use super::{REASON_LENGTH, TRIES, Votes};
use nightshift_engine::asking::{self, Asking, NotAsked};
use nightshift_engine::drive::{Store as _, StoreError};
use nightshift_engine::proof::{self, BadProof};
use nightshift_engine::redact::redactor;
use nightshift_engine::{advance, text};
use nightshift_model::{Actor, Appended, Incident, IncidentId, Message, MessageBody, Role, Wish};

/// Why nothing was asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The engine's refusal.
    #[error(transparent)]
    Refused(#[from] NotAsked),
    /// The signature shows nobody.
    #[error(transparent)]
    Unproven(#[from] BadProof),
    /// The history did not take it.
    #[error("the history does not answer, so nothing was asked")]
    Store(#[from] StoreError),
    /// The incident changed faster than it could be asked for.
    #[error("the incident changes too fast: nothing was asked")]
    Moving,
}

/// A signature over a wish's own statement.
#[derive(Clone, Debug)]
pub struct SignedBy {
    /// The key's id in the registry.
    pub key: String,
    /// The signature, base64url.
    pub signature: String,
}

impl Votes {
    /// Takes a wish that its asker's key file signed.
    ///
    /// # Errors
    /// [`AskError`]: nothing was asked then.
    pub async fn ask_signed(&self, wish: Wish, by: &SignedBy) -> Result<IncidentId, AskError> {
        let rules = self.rules().await;
        proof::wished(&wish, &by.key, &by.signature, &rules.registry, &rules.cluster.uid)?;
        self.ask(wish).await
    }

    /// Takes a wish of a person who is known already, by a session. The answer is the incident that has it.
    ///
    /// # Errors
    /// [`AskError`]: nothing was asked then.
    pub async fn ask(&self, wish: Wish) -> Result<IncidentId, AskError> {
        let because = text::visible(&redactor().redact(wish.because.trim()).text, REASON_LENGTH);
        let wish = Wish { because, ..wish };
        for _ in 0..TRIES {
            let now = self.clock.now();
            let rules = self.rules().await;
            let known = self.about(&wish).await?;
            let asking = asking::judge(&known, &wish, &rules, now)?;
            let (Asking::Opens(id) | Asking::Joins(id) | Asking::Taken(id)) = &asking;
            let events = asking::events(&asking, &wish);
            if events.is_empty() {
                return Ok(id.clone());
            }
            let before = known.iter().find(|i| i.id == *id);
            let actor = Actor::Person(wish.person.clone());
            let mut append =
                advance(before, id, events, None, actor, now, &rules).map_err(StoreError::from)?;
            // Also for a process that runs beside this one.
            let body = MessageBody::Wake { role: Role::Responder, incident: id.clone() };
            append.outbox.push(Message { key: format!("{id}:{}:asked", append.expect.0), body });
            match self.store.append(append).await? {
                Appended::Committed => {
                    tracing::info!(person = %wish.person, workload = %wish.target, incident = %id, "a person asked for a rollback");
                    (self.wake)(Some(id.clone()));
                    return Ok(id.clone());
                }
                // After a lost race or an unknown outcome the history is asked, not guessed.
                Appended::Conflict | Appended::Fenced | Appended::Unknown => {}
            }
        }
        Err(AskError::Moving)
    }

    /// The open incidents of the workload, and the one that this very wish opened before.
    async fn about(&self, wish: &Wish) -> Result<Vec<Incident>, StoreError> {
        let mut known = Vec::new();
        for id in self.store.open_about(&wish.target).await? {
            known.push(self.store.load(&id).await?);
        }
        let own = wish.incident();
        if !known.iter().any(|i| i.id == own) {
            match self.store.load(&own).await {
                Ok(incident) => known.push(incident),
                Err(StoreError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(known)
    }
}
