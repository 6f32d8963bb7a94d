//! Telling people: the outbox with its channels, and the digest at its hour.

pub use super::channels::{ChannelError, Voices, channels, heartbeat, voices};
use super::heartbeat::Beating;
use super::{Running, chat, doors::Doors};

use crate::http::gate::Digests;
use crate::http::rest::{Tell, Wanted};
use crate::notify::Notifier;
use crate::stages::digest::{Daily, DigestStage, Sees, sheet};
use crate::stages::outbox::{Book, Outbox};
use nightshift_engine::digest::Acting;
use nightshift_engine::rules::Mode;
use nightshift_model::{IncidentId, ProposalId, Role};
use std::sync::{Arc, Mutex};

/// The digest of a running nightshift.
pub fn digests(running: &Running, daily: Daily) -> Arc<DigestStage> {
    let fixed = &running.rules.fixed;
    Arc::new(DigestStage {
        store: running.store(),
        daily,
        registry: Arc::clone(&fixed.registry),
        cluster: fixed.cluster.name.clone(),
        mode: if fixed.mode == Mode::Observe { Acting::Observe } else { Acting::Approve },
        clock: running.clock(),
        fence: running.epoch(Role::Responder),
        queued: Mutex::new(None),
        verified: tokio::sync::Mutex::default(),
    })
}

/// Digests as the gate shows them, and which there are.
pub fn sheets(digests: &Arc<DigestStage>) -> Digests {
    let (one, all) = (Arc::clone(digests), Arc::clone(digests));
    Digests {
        of: Arc::new(move |date, sees| {
            let digests = Arc::clone(&one);
            Box::pin(async move {
                match digests.of(date, &*sees).await {
                    Ok(digest) => digest.as_ref().map(sheet),
                    Err(error) => {
                        tracing::error!(%error, "the digest cannot be told");
                        None
                    }
                }
            })
        }),
        days: Arc::new(move |before, sees| {
            let digests = Arc::clone(&all);
            Box::pin(async move { digests.days(before, &*sees).await })
        }),
    }
}

/// Digests as `/v1` tells them: to each reader, of what that reader may see.
pub fn told(digests: &Arc<DigestStage>) -> Tell {
    let digests = Arc::clone(digests);
    Arc::new(move |wanted, reader| {
        let digests = Arc::clone(&digests);
        Box::pin(async move {
            let window = match wanted {
                Wanted::Between(from, to) => Some((from, to)),
                Wanted::Last => digests.daily.last(digests.clock.now()).map(|(_, from, to)| (from, to)),
                Wanted::Of(date) => digests.window(date),
            };
            let Some((from, to)) = window else { return Ok(None) };
            let sees = |namespace: &str| reader.sees(namespace);
            let some: Option<Sees<'_>> = if reader.sees_all() { None } else { Some(&sees) };
            digests.tell_of(from, to, some).await.map(Some)
        })
    })
}

/// Starts the outbox and the digest's clock.
pub fn start(running: &Running, doors: &Doors, digests: Arc<DigestStage>, voices: impl Into<Voices>) {
    let voices = voices.into();
    chat::start(running, doors, &voices.channels);
    let wakers = running.wakers.clone();
    let telling = Arc::clone(&digests);
    let outbox = Outbox {
        store: running.store(),
        notifier: Notifier::new(voices.channels),
        table: voices.table,
        registry: Arc::clone(&digests.registry),
        wake: Arc::new(move |_, id: &IncidentId| wakers.iter().for_each(|waker| waker.wake(id.clone()))),
        mint: mint(running, doors),
        paged: {
            let paged = running.paged.clone();
            Arc::new(move |incident| paged.of(incident))
        },
        tell: Arc::new(move |from, to| {
            let telling = Arc::clone(&telling);
            Box::pin(async move { telling.tell(from, to).await })
        }),
        clock: running.clock(),
        cluster: digests.cluster.clone(),
        zone: digests.daily.zone.clone(),
        fence: digests.fence,
        metrics: running.metrics.clone(),
        book: Book::default(),
    };
    if let Some((heartbeat, every)) = voices.heartbeat {
        let beating = Beating {
            heartbeat,
            every,
            clock: running.clock(),
            store: running.store(),
            watches: running.coverage.clone(),
            synced: Arc::clone(&running.seen.synced),
            looks: Arc::clone(&running.seen.looks),
            metrics: running.metrics.clone(),
        };
        running.tasks.spawn(beating.run(running.stop.clone()));
    }
    let stop = running.stop.clone();
    running.tasks.spawn(async move { outbox.run(&stop).await });
    let stop = running.stop.clone();
    running.tasks.spawn(async move { digests.run(&stop).await });
}

/// Links are made when a message is sent, for its recipient. Without a public URL there are none: messages then carry
/// the command to type.
fn mint(running: &Running, doors: &Doors) -> crate::stages::outbox::Mint {
    let (gate, store, public) = (Arc::clone(&doors.gate), running.store(), doors.gate.public());
    Arc::new(move |proposal: Option<ProposalId>, recipient: String| {
        let (gate, store, public) = (Arc::clone(&gate), store.clone(), public.clone());
        Box::pin(async move {
            let base = public?;
            let Some(id) = proposal else { return Some(base) };
            let incident = crate::store::HistoryStore::incident_of(&store, &id).await.ok()??;
            let incident = crate::store::HistoryStore::snapshot(&store, &incident).await.ok()?;
            gate.link(&recipient, incident.phase.proposal()?).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "no link could be made");
                None
            })
        })
    })
}
