//! Who is at the gate: sign-in links, sessions, and the links that only show. Secrets are handed to the store, which
//! keeps their hashes.

use crate::clock::Clock;
use crate::stages::RulesNow;
use crate::store::doors::Link;
use crate::store::{HistoryStore as _, SqliteStore, SystemAppend};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nightshift_engine::drive::StoreError;
use nightshift_model::registry::Person;
use nightshift_model::{Actor, Digest, PersonId, ProposalId, Seconds, SystemEvent, Timestamp};

/// How long a device stays signed in.
pub const SESSION_LASTS: Seconds = Seconds(30 * 86_400);

/// The registry's people, as far as they come to the gate.
#[derive(Clone)]
pub struct People {
    store: SqliteStore,
    rules: RulesNow,
    clock: Clock,
}

/// A person with an open session.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// As the registry has it now.
    pub person: Person,
    /// SHA-256 of the session's secret.
    pub session: Digest,
}

/// Why somebody is not signed in, or a link is not made.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// Not in the registry.
    #[error("{0} is not in the registry")]
    Unknown(PersonId),
    /// The system has no randomness to give.
    #[error("the system gave no random bytes")]
    NoChance,
    /// The store does not answer.
    #[error("the store does not answer")]
    Store(#[from] StoreError),
}

impl People {
    /// The people of a store.
    pub fn new(store: SqliteStore, rules: RulesNow, clock: Clock) -> Self {
        Self { store, rules, clock }
    }

    /// Makes a sign-in link's secret for a person of the registry. Valid once, for ten minutes.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn invite(&self, person: &PersonId, by: &Actor) -> Result<String, PeopleError> {
        let known = self.known(person).await.ok_or_else(|| PeopleError::Unknown(person.clone()))?;
        let secret = secret()?;
        self.store.invite(secret.as_bytes(), &known.name, by, self.clock.now()).await?;
        self.record(by.clone(), SystemEvent::Invited { person: known.name, by: by.clone() }).await?;
        Ok(secret)
    }

    /// Whose sign-in link it is, without using it.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn invited(&self, secret: &str) -> Result<Option<PersonId>, StoreError> {
        match self.store.invited(secret.as_bytes(), self.clock.now()).await? {
            Some(person) => Ok(self.known(&person).await.map(|p| p.name)),
            None => Ok(None),
        }
    }

    /// Uses a sign-in link up and opens a session; the answer is the session's secret.
    ///
    /// # Errors
    /// Those of the store: nobody is signed in then.
    pub async fn sign_in(&self, invitation: &str) -> Result<Option<String>, PeopleError> {
        let now = self.clock.now();
        let Some(name) = self.store.invite_use(invitation.as_bytes(), now).await? else { return Ok(None) };
        let Some(person) = self.known(&name).await else { return Ok(None) };
        let secret = secret()?;
        self.store.session_open(secret.as_bytes(), &person.name, now, SESSION_LASTS).await?;
        let opened = SystemEvent::SessionOpened { person: person.name.clone() };
        self.record(Actor::Person(person.name), opened).await?;
        Ok(Some(secret))
    }

    /// Who is signed in with a session's secret: open, and still in the registry.
    ///
    /// # Errors
    /// Those of the store: nobody is signed in then.
    pub async fn visitor(&self, secret: &str) -> Result<Option<Visitor>, StoreError> {
        let Some(session) = self.store.session(secret.as_bytes(), self.clock.now()).await? else {
            return Ok(None);
        };
        Ok(self.known(&session.person).await.map(|person| Visitor { person, session: session.id_hash }))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// Those of the store: it may still be open then.
    pub async fn sign_out(&self, session: Digest) -> Result<(), StoreError> {
        self.store.session_revoke(session, self.clock.now()).await.map(drop)
    }

    /// Makes a link's nonce valid.
    ///
    /// # Errors
    /// Those of the store: the link does not work then.
    pub async fn link_make(
        &self,
        nonce: &[u8],
        recipient: &str,
        proposal: &ProposalId,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let link = Link { proposal: proposal.clone(), recipient: recipient.to_owned(), expires_at: until };
        self.store.link_make(nonce, &link).await
    }

    /// Whether a link's nonce is valid for this proposal.
    ///
    /// # Errors
    /// Those of the store: the link shows nothing then.
    pub async fn link_works(&self, nonce: &[u8], proposal: &ProposalId) -> Result<bool, StoreError> {
        let link = self.store.link(nonce, self.clock.now()).await?;
        Ok(link.is_some_and(|link| link.proposal == *proposal))
    }

    async fn known(&self, name: &PersonId) -> Option<Person> {
        (self.rules)().await.registry.person(name).cloned()
    }

    async fn record(&self, actor: Actor, event: SystemEvent) -> Result<(), StoreError> {
        let at = self.clock.now();
        let append = SystemAppend { fence: None, actor, at, events: vec![event], outbox: Vec::new() };
        self.store.append_system(append).await.map(drop)
    }
}

/// 32 random bytes as text.
///
/// # Errors
/// [`PeopleError::NoChance`].
pub fn secret() -> Result<String, PeopleError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|_| PeopleError::NoChance)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
