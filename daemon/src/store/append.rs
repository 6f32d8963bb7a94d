//! One append: what is written for it, and the two comparisons that it must pass.

use super::StoreError;
use super::row::{self, SYSTEM, body, column, number, ts_text};
use nightshift_engine::heals::{self, Case};
use nightshift_model::effect::Me;
use nightshift_model::{
    Actor, Append, Appended, Digest, Epoch, HistoryEvent, IllegalTransition, Incident, IncidentId, Message,
    Phase, Revision, Role, Stream, SystemEvent, Timestamp, canonical,
};
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;
use std::collections::HashMap;

/// An append to the system stream, which nobody folds before: it goes behind whatever is last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemAppend {
    /// The role's epoch that must be current.
    pub fence: Option<(Role, Epoch)>,
    /// Who.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
    /// What, in order.
    pub events: Vec<SystemEvent>,
    /// Messages that go out because of it.
    pub outbox: Vec<Message>,
}

impl SystemAppend {
    /// One event that a role writes for itself.
    pub fn by(me: &Me, at: Timestamp, event: SystemEvent) -> Self {
        let (fence, actor) = (Some((me.role, me.epoch)), me.actor.clone());
        Self { fence, actor, at, events: vec![event], outbox: Vec::new() }
    }
}

/// An append as rows, all but what only the writer knows. Made by the caller, so that JSON is not the writer's work.
pub(super) struct Prepared {
    stream: String,
    incident: Option<IncidentId>,
    /// `None`: behind whatever is last.
    expect: Option<Revision>,
    fence: Option<(Role, Epoch)>,
    actor: Actor,
    at: Timestamp,
    events: Vec<Event>,
    snapshot: Option<Snapshot>,
    /// The case that these events end.
    ended: Option<Case>,
    wake_at: Option<Timestamp>,
    outbox: Vec<(String, String)>,
}

struct Event {
    kind: &'static str,
    proposal: Option<String>,
    /// Canonical JSON of the event alone.
    json: Vec<u8>,
}

struct Snapshot {
    incident: Box<Incident>,
    json: String,
}

impl Prepared {
    /// # Errors
    /// [`StoreError::Illegal`] when events and snapshot do not fit the stream: a bug of the caller, told instead of
    /// written.
    pub(super) fn new(append: Append) -> Result<Self, StoreError> {
        fits(&append)?;
        let Append { stream, expect, fence, actor, at, events, snapshot, wake_at, outbox } = append;
        let ended = snapshot.as_ref().and_then(|after| heals::ended(&events, after));
        let snapshot =
            snapshot.map(|i| to_json(&i).map(|json| Snapshot { incident: Box::new(i), json })).transpose()?;
        let incident = match &stream {
            Stream::Incident(id) => Some(id.clone()),
            Stream::System => None,
        };
        Ok(Self {
            stream: stream.as_str().to_owned(),
            incident,
            expect: Some(expect),
            fence,
            actor,
            at,
            events: events.iter().map(Event::new).collect(),
            snapshot,
            ended,
            wake_at,
            outbox: messages(outbox)?,
        })
    }

    pub(super) fn system(append: SystemAppend) -> Result<Self, StoreError> {
        let SystemAppend { fence, actor, at, events, outbox } = append;
        Ok(Self {
            stream: SYSTEM.to_owned(),
            incident: None,
            expect: None,
            fence,
            actor,
            at,
            events: events.into_iter().map(|e| Event::new(&HistoryEvent::System(e))).collect(),
            snapshot: None,
            ended: None,
            wake_at: None,
            outbox: messages(outbox)?,
        })
    }

    /// About how many bytes it writes.
    pub(super) fn size(&self) -> usize {
        self.events.iter().map(|e| e.json.len() + 256).sum::<usize>()
            + self.snapshot.as_ref().map_or(0, |s| s.json.len())
            + self.outbox.iter().map(|(key, body)| key.len() + body.len()).sum::<usize>()
    }
}

impl Event {
    fn new(event: &HistoryEvent) -> Self {
        Self { kind: event.kind(), proposal: row::proposal_of(event).map(|p| p.0), json: canonical(event) }
    }
}

fn messages(outbox: Vec<Message>) -> Result<Vec<(String, String)>, StoreError> {
    outbox.into_iter().map(|m| Ok((m.key, to_json(&m.body)?))).collect()
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    let failed =
        |e: serde_json::Error| StoreError::Unavailable { operation: "write as JSON", source: e.into() };
    serde_json::to_string(value).map_err(failed)
}

/// An incident's stream takes incident events and always its fold after them; the system stream has no fold.
fn fits(append: &Append) -> Result<(), StoreError> {
    let illegal = |detail: &str| {
        Err(StoreError::Illegal(IllegalTransition {
            incident: IncidentId::from(append.stream.as_str()),
            phase: append.snapshot.as_ref().map_or("none", |i| i.phase.word()),
            event: append.events.first().map_or("none", HistoryEvent::kind),
            detail: format!(": {detail}"),
        }))
    };
    let incident_events = append.events.iter().filter(|e| matches!(e, HistoryEvent::Incident(_))).count();
    match (&append.stream, &append.snapshot) {
        (Stream::Incident(id), Some(fold)) => {
            let last = append.expect.0 + u64::try_from(append.events.len()).unwrap_or(u64::MAX);
            if incident_events != append.events.len() {
                illegal("a system event in an incident's stream")
            } else if fold.id != *id || fold.revision.0 != last {
                illegal("the snapshot is not the fold of these events")
            } else {
                Ok(())
            }
        }
        (Stream::Incident(_), None) => illegal("an incident's append without its snapshot"),
        (Stream::System, None) if incident_events == 0 => Ok(()),
        (Stream::System, _) => illegal("an incident's event or snapshot in the system stream"),
    }
}

/// What the writer knows within one transaction; everything in it was read under the lock.
#[derive(Default)]
pub(super) struct Seen {
    /// Next sequence number and the hash before it.
    head: Option<(u64, Digest)>,
    streams: HashMap<String, Revision>,
    epochs: HashMap<Role, Option<Epoch>>,
}

impl Seen {
    /// After a statement that may have changed the leaders.
    pub(super) fn forget_epochs(&mut self) {
        self.epochs.clear();
    }

    async fn head(&mut self, connection: &mut SqliteConnection) -> Result<(u64, Digest), sqlx::Error> {
        if let Some(head) = self.head {
            return Ok(head);
        }
        let last = sqlx::query("SELECT seq, hash FROM audit_event ORDER BY seq DESC LIMIT 1")
            .fetch_optional(&mut *connection)
            .await?;
        let head = if let Some(row) = last {
            let hash: Vec<u8> = row.try_get("hash")?;
            let hash = hash.try_into().map_err(|_| sqlx::Error::Decode("a hash has 32 bytes".into()))?;
            (number(row.try_get("seq")?) + 1, Digest(hash))
        } else {
            let log_id: String = sqlx::query("SELECT value FROM meta WHERE key = 'log_id'")
                .fetch_one(&mut *connection)
                .await?
                .try_get("value")?;
            (0, row::genesis(&log_id))
        };
        self.head = Some(head);
        Ok(head)
    }

    async fn last(
        &mut self,
        connection: &mut SqliteConnection,
        stream: &str,
    ) -> Result<Revision, sqlx::Error> {
        if let Some(last) = self.streams.get(stream) {
            return Ok(*last);
        }
        let last: i64 =
            sqlx::query("SELECT coalesce(max(revision), 0) AS last FROM audit_event WHERE stream = ?")
                .bind(stream)
                .fetch_one(connection)
                .await?
                .try_get("last")?;
        Ok(Revision(number(last)))
    }

    async fn epoch(
        &mut self,
        connection: &mut SqliteConnection,
        role: Role,
    ) -> Result<Option<Epoch>, sqlx::Error> {
        if let Some(epoch) = self.epochs.get(&role) {
            return Ok(*epoch);
        }
        let epoch = super::leader::epoch(connection, role).await?;
        self.epochs.insert(role, epoch);
        Ok(epoch)
    }
}

/// Writes one append within the open transaction, or nothing of it when one of the two comparisons fails.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    seen: &mut Seen,
    append: &Prepared,
) -> Result<Appended, sqlx::Error> {
    if let Some((role, epoch)) = append.fence
        && seen.epoch(connection, role).await? != Some(epoch)
    {
        return Ok(Appended::Fenced);
    }
    let last = seen.last(connection, &append.stream).await?;
    if append.expect.is_some_and(|expect| expect != last) {
        return Ok(Appended::Conflict);
    }
    let revision = events(connection, seen, append, last).await?;
    seen.streams.insert(append.stream.clone(), revision);
    if let Some(snapshot) = &append.snapshot {
        write_snapshot(connection, snapshot, append.wake_at).await?;
    }
    if let (Some(case), Some(incident)) = (&append.ended, &append.incident) {
        super::endings::write(connection, incident, revision, case).await?;
    }
    for (key, body) in &append.outbox {
        sqlx::query("INSERT INTO outbox (key, body, due_at) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING")
            .bind(key)
            .bind(body)
            .bind(append.at.micros())
            .execute(&mut *connection)
            .await?;
    }
    Ok(Appended::Committed)
}

/// Chains the events behind the head; the answer is the stream's new last revision.
async fn events(
    connection: &mut SqliteConnection,
    seen: &mut Seen,
    append: &Prepared,
    last: Revision,
) -> Result<Revision, sqlx::Error> {
    let (mut seq, mut prev) = seen.head(connection).await?;
    let (mut revision, ts, actor) = (last, ts_text(append.at), append.actor.to_string());
    let epoch = append.fence.map(|(_, epoch)| epoch);
    for event in &append.events {
        revision = revision.next();
        let body = body(&append.actor, epoch, &event.json, revision, &append.stream);
        let hash = row::chain(seq, &ts, event.kind, &body, &prev);
        sqlx::query(
            "INSERT INTO audit_event (seq, ts_utc, kind, actor, stream, revision, epoch, incident_id, proposal_id, \
             body, prev_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(column(seq))
        .bind(&ts)
        .bind(event.kind)
        .bind(&actor)
        .bind(&append.stream)
        .bind(column(revision.0))
        .bind(epoch.map(|e| column(e.0)))
        .bind(append.incident.as_ref().map(IncidentId::as_str))
        .bind(&event.proposal)
        .bind(body)
        .bind(prev.0.as_slice())
        .bind(hash.0.as_slice())
        .execute(&mut *connection)
        .await?;
        (seq, prev) = (seq + 1, hash);
    }
    seen.head = Some((seq, prev));
    Ok(revision)
}

async fn write_snapshot(
    connection: &mut SqliteConnection,
    snapshot: &Snapshot,
    wake_at: Option<Timestamp>,
) -> Result<(), sqlx::Error> {
    let i = &snapshot.incident;
    sqlx::query(
        "INSERT INTO incident (id, revision, phase, kind, namespace, name, cause, opened_at, changed_at, wake_at, open, \
         snapshot) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, phase = excluded.phase, kind = excluded.kind, \
         namespace = excluded.namespace, name = excluded.name, cause = excluded.cause, \
         opened_at = excluded.opened_at, changed_at = excluded.changed_at, wake_at = excluded.wake_at, \
         open = excluded.open, snapshot = excluded.snapshot",
    )
    .bind(i.id.as_str())
    .bind(column(i.revision.0))
    .bind(i.phase.word())
    .bind(i.scope.kind.as_str())
    .bind(&i.scope.namespace)
    .bind(&i.scope.name)
    .bind(i.cause.as_str())
    .bind(i.opened_at.micros())
    .bind(i.changed_at.micros())
    .bind(wake_at.map(Timestamp::micros))
    .bind(!matches!(i.phase, Phase::Closed { .. }))
    .bind(&snapshot.json)
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod crash;
#[cfg(test)]
mod tests;
