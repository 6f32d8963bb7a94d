//! Annotations that ask for a silence: looked at before an incident is worked on, and again and again while it is open
//! or the silence lasts. What they say becomes history; what cannot be read changes nothing.

use crate::store::{Filter, HistoryStore as _, SqliteStore, SystemAppend};
use futures::StreamExt as _;
use nightshift_engine::StoreError;
use nightshift_engine::silence::annotation::{Said, ask, changes, places};
use nightshift_engine::standing::System;
use nightshift_engine::wire::Wire;
use nightshift_model::effect::Me;
use nightshift_model::{
    Appended, Incident, IncidentId, Kind, ObjectRef, Seconds, Selector, Source, SystemEvent, Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::Mutex;

/// An object that was looked at is looked at again after so long.
pub const EVERY: Seconds = Seconds(30);
/// Objects that are looked at in one turn: in a storm each is looked at more rarely.
const TURN: usize = 200;
/// Of those at a time, so that investigations have their turn between them.
const AT_ONCE: usize = 4;
/// The events that say what is known.
const KINDS: &[&str] = &["silence-added", "silence-ended", "silence-unread"];

/// Wakes an incident that is silenced from now on, or no longer.
pub type Wake = Box<dyn Fn(IncidentId) + Send + Sync>;

/// The stage. One a process, shared by the drives.
pub struct Annotations {
    store: SqliteStore,
    me: Me,
    wake: Wake,
    looked: Mutex<BTreeMap<ObjectRef, Timestamp>>,
    // One comparison with the history at a time.
    writing: Mutex<()>,
}

impl Annotations {
    /// Nothing was looked at yet.
    pub fn new(store: SqliteStore, me: Me, wake: Wake) -> Self {
        Self { store, me, wake, looked: Mutex::default(), writing: Mutex::default() }
    }

    /// Before an incident is worked on: its workload and its namespace, unless they were looked at just now.
    ///
    /// # Errors
    /// Those of the store: what was known holds.
    pub async fn before<W: Wire>(&self, wire: &W, id: &IncidentId) -> Result<(), StoreError> {
        let scope = self.store.snapshot(id).await?.scope;
        self.look(wire, places(&scope)).await
    }

    /// A turn over what is open and what is silenced; the longest unseen first.
    ///
    /// # Errors
    /// As [`Annotations::before`].
    pub async fn turn<W: Wire>(&self, wire: &W) -> Result<(), StoreError> {
        let open = self.store.each(&Filter::open(), |i| Some(i.scope)).await?;
        let mut all: BTreeSet<ObjectRef> = open.iter().flat_map(places).map(unnumbered).collect();
        let known = self.known().await?;
        let annotated = known.silences.iter().filter(|s| s.source == Source::Annotation);
        all.extend(annotated.filter_map(|s| object(&s.of)).chain(known.unread.keys().cloned()));
        let mut order: Vec<(Option<Timestamp>, ObjectRef)> = {
            let looked = self.looked.lock().await;
            all.into_iter().map(|object| (looked.get(&object).copied(), object)).collect()
        };
        order.sort();
        self.look(wire, order.into_iter().take(TURN).map(|(_, object)| object).collect()).await
    }

    async fn look<W: Wire>(&self, wire: &W, objects: Vec<ObjectRef>) -> Result<(), StoreError> {
        let now = wire.now();
        let due: Vec<ObjectRef> = {
            let mut looked = self.looked.lock().await;
            looked.retain(|_, at| now.since(*at) < EVERY);
            let due: Vec<ObjectRef> =
                objects.into_iter().map(unnumbered).filter(|object| !looked.contains_key(object)).collect();
            looked.extend(due.iter().map(|object| (object.clone(), now)));
            due
        };
        let answers = due.into_iter().map(|object| async move {
            let said = ask(wire, &object).await;
            (object, said)
        });
        let mut answers = futures::stream::iter(answers).buffered(AT_ONCE);
        while let Some((object, said)) = answers.next().await {
            match said {
                Some(said) => self.record(&object, &said, wire.now()).await?,
                None => {
                    tracing::debug!(%object, "whether an annotation asks for a silence could not be read");
                }
            }
        }
        Ok(())
    }

    async fn known(&self) -> Result<System, StoreError> {
        Ok(System::of(&self.store.system_events(KINDS).await?))
    }

    async fn record(&self, object: &ObjectRef, said: &Said, now: Timestamp) -> Result<(), StoreError> {
        let _one = self.writing.lock().await;
        let events = changes(object, said, &self.known().await?, &self.me.actor, now);
        if events.is_empty() {
            return Ok(());
        }
        for event in &events {
            tell(object, event);
        }
        let fence = Some((self.me.role, self.me.epoch));
        let append =
            SystemAppend { fence, actor: self.me.actor.clone(), at: now, events, outbox: Vec::new() };
        match self.store.append_system(append).await? {
            Appended::Committed => {
                let of = Selector::object(object);
                let held = |i: Incident| of.holds(&i.scope).then_some(i.id);
                for id in self.store.each(&Filter::open(), held).await? {
                    (self.wake)(id);
                }
                Ok(())
            }
            Appended::Fenced => Ok(()),
            other @ (Appended::Conflict | Appended::Unknown) => Err(StoreError::Unavailable {
                operation: "record what an annotation says",
                source: format!("{other:?}").into(),
            }),
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm)] // three kinds out of a growing list
fn tell(object: &ObjectRef, event: &SystemEvent) {
    match event {
        SystemEvent::SilenceAdded { silence } => {
            tracing::info!(%object, until = %silence.until, "an annotation silences it");
        }
        SystemEvent::SilenceEnded { .. } => tracing::info!(%object, "an annotation no longer silences it"),
        SystemEvent::SilenceUnread { why: Some(why), .. } => {
            tracing::warn!(%object, why, "an annotation asks for a silence in words that are none: it is not silenced");
        }
        _ => {}
    }
}

/// Without uid: an annotation is compared by name.
fn unnumbered(object: ObjectRef) -> ObjectRef {
    ObjectRef { uid: String::new(), ..object }
}

/// The object whose annotation a selector came from.
fn object(of: &Selector) -> Option<ObjectRef> {
    match of {
        Selector::Namespace(name) => Some(ObjectRef::new(Kind::Namespace, "", name, "")),
        Selector::Object { kind, namespace, name } => Some(ObjectRef::new(kind.clone(), namespace, name, "")),
        Selector::Workload { .. } | Selector::Reason(_) => None,
    }
}
