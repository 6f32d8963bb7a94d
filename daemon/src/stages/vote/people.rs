//! Who is at the gate: sign-in links, sessions, and the links that only show. Secrets are handed to the store, which
//! keeps their hashes.

use crate::clock::Clock;
use crate::stages::RulesNow;
use crate::store::doors::{Link, Origin, Session};
use crate::store::{HistoryStore as _, SqliteStore, SystemAppend};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nightshift_engine::drive::StoreError;
use nightshift_model::registry::{Person, PersonKind, Power};
use nightshift_model::{Actor, Appended, Digest, PersonId, ProposalId, Seconds, SystemEvent, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How long a device stays signed in.
pub const SESSION_LASTS: Seconds = Seconds(30 * 86_400);
/// Sessions on a page.
pub const MOST_SESSIONS: usize = 200;
/// A use is written down when the last one that was is this old.
const USED_EVERY: Seconds = Seconds(300);
/// Sessions and tokens whose use is remembered; with more, all of them are written down once more.
const REMEMBERED: usize = 10_000;

/// The registry's people, as far as they come to the gate.
#[derive(Clone)]
pub struct People {
    store: SqliteStore,
    rules: RulesNow,
    clock: Clock,
    used: Arc<Mutex<BTreeMap<Digest, Timestamp>>>,
}

/// Where somebody is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// SHA-256 of the session's secret.
    pub id: Digest,
    /// Who.
    pub person: PersonId,
    /// Since when.
    pub since: Timestamp,
    /// When it was used last, within some minutes.
    pub last_used: Option<Timestamp>,
    /// With what it was opened; may be empty.
    pub how: String,
    /// From where; may be empty.
    pub from: String,
}

/// What became of ending a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEnd {
    /// It is over.
    Ended,
    /// It was over already.
    Over,
    /// It is another person's, and whoever asked is no admin.
    NotYours,
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
        Self { store, rules, clock, used: Arc::default() }
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

    /// Uses a sign-in link up and opens a session, from an address; the answer is the session's secret.
    ///
    /// # Errors
    /// Those of the store: nobody is signed in then.
    pub async fn sign_in(&self, invitation: &str, from: &str) -> Result<Option<String>, PeopleError> {
        let now = self.clock.now();
        let Some((name, made_by)) = self.store.invite_use(invitation.as_bytes(), now).await? else {
            return Ok(None);
        };
        let Some(person) = self.known(&name).await else { return Ok(None) };
        let secret = secret()?;
        let origin = Origin { how: format!("a sign-in link made by {made_by}"), from: from.to_owned() };
        self.store.session_open(secret.as_bytes(), &person.name, now, SESSION_LASTS, origin).await?;
        let opened = SystemEvent::SessionOpened { person: person.name.clone() };
        self.record(Actor::Person(person.name), opened).await?;
        Ok(Some(secret))
    }

    /// Who is signed in with a session's secret: open, and still in the registry.
    ///
    /// # Errors
    /// Those of the store: nobody is signed in then.
    pub async fn visitor(&self, secret: &str) -> Result<Option<Visitor>, StoreError> {
        let now = self.clock.now();
        let Some(session) = self.store.session(secret.as_bytes(), now).await? else { return Ok(None) };
        if self.is_due(session.id_hash, now) {
            let noted = self.store.session_used(session.id_hash, now).await;
            noted.unwrap_or_else(|error| tracing::warn!(%error, "the use of a session could not be noted"));
        }
        Ok(self.known(&session.person).await.map(|person| Visitor { person, session: session.id_hash }))
    }

    /// Ends a session, for its own person or an admin. It is written down; should that fail, it ends all the same.
    ///
    /// # Errors
    /// Those of the store: it may still be open then, or its end is not written down.
    pub async fn end(&self, by: &Person, session: Digest) -> Result<SessionEnd, StoreError> {
        let now = self.clock.now();
        let Some(open) = self.store.session_of(session, now).await? else { return Ok(SessionEnd::Over) };
        let registry = (self.rules)().await.registry;
        let admin = by.kind == PersonKind::Person && super::anywhere(&registry, by, &[Power::Admin]);
        if open.person != by.name && !admin {
            return Ok(SessionEnd::NotYours);
        }
        let actor = Actor::Person(by.name.clone());
        let event = SystemEvent::SessionEnded { person: open.person, by: actor.clone() };
        let recorded = self.record(actor, event).await;
        let ended = self.store.session_revoke(session, now).await?;
        recorded?;
        Ok(if ended { SessionEnd::Ended } else { SessionEnd::Over })
    }

    /// Where a person is signed in, or everybody; the newest first, and one more than [`MOST_SESSIONS`] at most.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn devices(&self, person: Option<&PersonId>) -> Result<Vec<Device>, StoreError> {
        let limit = u32::try_from(MOST_SESSIONS + 1).unwrap_or(u32::MAX);
        let open = self.store.sessions(person, self.clock.now(), limit).await?;
        Ok(open.into_iter().map(Device::of).collect())
    }

    /// Notes that a token of the registry is in use. A failure keeps nobody out.
    pub async fn token_used(&self, name: &str, sha256: Digest) {
        let now = self.clock.now();
        if self.is_due(sha256, now) {
            let noted = self.store.token_used(name, now).await;
            noted.unwrap_or_else(|error| tracing::warn!(%error, "the use of a token could not be noted"));
        }
    }

    /// When each token was used last, by its name.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn tokens_used(&self) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        self.store.tokens_used().await
    }

    /// Whether the use of a session or a token is to be written down now; asked once, it is not again for a while,
    /// whatever became of it: a store that is busy must not slow every request.
    fn is_due(&self, key: Digest, now: Timestamp) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.get(&key).is_some_and(|at| now.since(*at) < USED_EVERY) {
            return false;
        }
        if used.len() >= REMEMBERED {
            used.clear();
        }
        used.insert(key, now);
        true
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
        match self.store.append_system(append).await? {
            Appended::Committed => Ok(()),
            other @ (Appended::Conflict | Appended::Fenced | Appended::Unknown) => {
                Err(StoreError::Unavailable {
                    operation: "append to the system stream",
                    source: format!("{other:?}").into(),
                })
            }
        }
    }
}

impl Device {
    fn of(session: Session) -> Self {
        Self {
            id: session.id_hash,
            person: session.person,
            since: session.created_at,
            last_used: session.last_used,
            how: session.origin.how,
            from: session.origin.from,
        }
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
