//! Silences: added and ended in the history, and the incidents that they concern are looked at anew.

use crate::store::{Filter, HistoryStore as _, SqliteStore, SystemAppend};
use nightshift_engine::StoreError;
use nightshift_engine::standing::System;
use nightshift_model::silence::MOST;
use nightshift_model::{
    Actor, Appended, HistoryEvent, Incident, Message, MessageBody, Role, Selector, Silence, SilenceId,
    SystemEvent, Timestamp,
};

/// Why a silence is not added, or not ended.
#[derive(Debug, thiserror::Error)]
pub enum SilenceError {
    /// There are too many already.
    #[error("{MOST} silences are in force already: end some first")]
    TooMany,
    /// There is no such silence, or it is over.
    #[error("no silence in force has the id {0}")]
    NotFound(SilenceId),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Silences in force at an instant, in the order in which they were added.
///
/// # Errors
/// Those of the store.
pub async fn in_force(store: &SqliteStore, now: Timestamp) -> Result<Vec<Silence>, StoreError> {
    let mut system = System::default();
    for row in store.system_events(&["silence-added", "silence-ended"]).await? {
        if let HistoryEvent::System(event) = &row.event {
            system.fold(row.at, event);
        }
    }
    system.silences.retain(|silence| silence.until > now);
    Ok(system.silences)
}

/// Adds a silence.
///
/// # Errors
/// [`SilenceError`]: nothing is silenced then.
pub async fn add(store: &SqliteStore, silence: Silence, now: Timestamp) -> Result<(), SilenceError> {
    if in_force(store, now).await?.len() >= MOST {
        return Err(SilenceError::TooMany);
    }
    let (of, by) = (silence.of.clone(), silence.by.clone());
    let key = format!("{}:added", silence.id);
    append(store, &of, by, &key, SystemEvent::SilenceAdded { silence }, now).await
}

/// Ends a silence before its time; what is still broken speaks now.
///
/// # Errors
/// [`SilenceError`]: the silence is as it was.
pub async fn end(
    store: &SqliteStore,
    id: &SilenceId,
    by: Actor,
    now: Timestamp,
) -> Result<Silence, SilenceError> {
    let known = in_force(store, now).await?.into_iter().find(|silence| silence.id == *id);
    let silence = known.ok_or_else(|| SilenceError::NotFound(id.clone()))?;
    let event = SystemEvent::SilenceEnded { silence: id.clone(), by: by.clone() };
    append(store, &silence.of, by, &format!("{id}:ended"), event, now).await?;
    Ok(silence)
}

/// The event, with a wake-up for every open incident that it concerns: also of a process that runs beside this one.
async fn append(
    store: &SqliteStore,
    of: &Selector,
    by: Actor,
    key: &str,
    event: SystemEvent,
    now: Timestamp,
) -> Result<(), SilenceError> {
    let wake = |incident: Incident| {
        of.covers(&incident).then(|| Message {
            key: format!("{key}:{}", incident.id),
            body: MessageBody::Wake { role: Role::Responder, incident: incident.id },
        })
    };
    let outbox = store.each(&Filter::open(), wake).await?;
    let append = SystemAppend { fence: None, actor: by, at: now, events: vec![event], outbox };
    match store.append_system(append).await? {
        Appended::Committed => Ok(()),
        other @ (Appended::Conflict | Appended::Fenced | Appended::Unknown) => {
            Err(SilenceError::Store(StoreError::Unavailable {
                operation: "append to the system stream",
                source: format!("{other:?}").into(),
            }))
        }
    }
}
