//! One turn of one message: an attempt at each channel that does not have it yet, and what follows from the answers.

use super::{Outbox, again};
use crate::notify::{Channel, Handed, Kind, Outgoing};
use crate::store::{HistoryStore as _, OutboxRow};
use futures::future::join_all;
use nightshift_engine::StoreError;
use nightshift_model::{HistoryEvent, IncidentId, Message, MessageBody, Seconds, SystemEvent, Thread};
use std::collections::BTreeSet;

/// How far back it is looked up which channels have a message already: longer than a message is tried.
const TRIED: Seconds = Seconds(2 * 86_400);
/// After so many attempts without an answer (two and a half minutes) another channel pages instead.
const INSTEAD: u64 = 3;

/// One channel that a message goes to.
pub(super) struct To<'c> {
    pub(super) channel: &'c Channel,
    pub(super) kind: Kind,
    pub(super) thread: Option<Thread>,
}

/// What became of a row in this turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    Told,
    Waiting,
    Lost,
}

/// What is settled about a message.
#[derive(Default)]
struct Settled {
    /// The channels that have it.
    told: BTreeSet<String>,
    /// The channels that will never have it.
    lost: BTreeSet<String>,
}

impl Outbox {
    /// One attempt at each of these channels that does not have the message yet.
    pub(super) async fn deliver<'c, F>(
        &'c self,
        row: &OutboxRow,
        to: Vec<To<'c>>,
        about: Option<&IncidentId>,
        render: impl Fn(&'c Channel, Kind) -> F,
    ) -> Result<Done, StoreError>
    where
        F: Future<Output = Outgoing>,
    {
        let key = &row.message.key;
        let settled = if row.attempts > 1 { self.settled(key).await? } else { Settled::default() };
        let nobody = to.is_empty();
        let mut paged = to.iter().any(|to| to.kind == Kind::Page && settled.told.contains(&to.channel.name));
        let missing = to.into_iter().filter(|to| {
            let name = &to.channel.name;
            !settled.told.contains(name) && !settled.lost.contains(name)
        });
        let attempts = missing.map(|to| {
            let message = render(to.channel, to.kind);
            async move {
                let message = message.await;
                let handed = to.channel.hand(key, &message, to.thread.as_ref(), self.clock.now()).await;
                (to.channel, to.kind, handed)
            }
        });
        let mut told = !settled.told.is_empty();
        let mut events = Vec::new();
        let mut unpaged: Option<String> = None;
        let mut later: Option<(Seconds, String)> = None;
        for (channel, kind, handed) in join_all(attempts).await {
            let Channel { name, .. } = channel;
            self.metrics.message(channel.way(), handed.word());
            let lost =
                |why: String| SystemEvent::Undelivered { message: key.clone(), channel: name.clone(), why };
            let had = || SystemEvent::Delivered { message: key.clone(), channel: name.clone() };
            let page = kind == Kind::Page;
            match handed {
                Handed::Delivered => {
                    (told, paged) = (true, paged || page);
                    events.push(had());
                }
                Handed::Threaded(thread) => {
                    (told, paged) = (true, paged || page);
                    events.push(had());
                    if let Some(incident) = about {
                        let (channel, incident) = (name.clone(), incident.clone());
                        events.push(SystemEvent::ThreadChanged { channel, incident, thread });
                    }
                }
                Handed::Never { why } => {
                    unpaged = unpaged.or_else(|| page.then(|| name.clone()));
                    events.push(lost(why));
                }
                Handed::Later { after, why } => match again(row.attempts) {
                    None => events.push(lost(format!("{why}; given up after a day"))),
                    Some(wait) => {
                        if page && row.attempts == INSTEAD {
                            unpaged = unpaged.or_else(|| Some(name.clone()));
                        }
                        let wait = wait.max(after.unwrap_or_default());
                        let why = format!("{name}: {why}");
                        tracing::info!(message = key, channel = name, why, "a message will be tried again");
                        later = Some(match later {
                            Some((sooner, reasons)) => (sooner.min(wait), format!("{reasons}; {why}")),
                            None => (wait, why),
                        });
                    }
                },
            }
        }
        let instead = unpaged.filter(|_| !paged).and_then(|of| instead(row, of));
        if !events.is_empty() || instead.is_some() {
            self.record_with(events, instead.into_iter().collect()).await?;
        }
        match later {
            Some((wait, why)) => {
                self.store.outbox_retry(row.id, self.clock.now() + wait, &why).await?;
                Ok(Done::Waiting)
            }
            None if told || nobody => {
                self.store.outbox_sent(row.id).await?;
                Ok(Done::Told)
            }
            None => {
                self.store.outbox_failed(row.id, "no channel took it").await?;
                Ok(Done::Lost)
            }
        }
    }

    /// The channels that have a message, or will never have it.
    async fn settled(&self, key: &str) -> Result<Settled, StoreError> {
        let now = self.clock.now();
        let kinds = ["delivered", "undelivered"];
        let mut settled = Settled::default();
        for row in self.store.events(now - TRIED, now + Seconds(1), &kinds).await? {
            match row.event {
                HistoryEvent::System(SystemEvent::Delivered { message, channel }) if message == key => {
                    settled.told.insert(channel);
                }
                HistoryEvent::System(SystemEvent::Undelivered { message, channel, .. }) if message == key => {
                    settled.lost.insert(channel);
                }
                HistoryEvent::System(_) | HistoryEvent::Incident(_) => {}
            }
        }
        Ok(settled)
    }
}

/// The row by which another channel pages, once: what stands in for a page has no stand-in.
fn instead(row: &OutboxRow, of: String) -> Option<Message> {
    let MessageBody::Page { incident } = &row.message.body else { return None };
    let body = MessageBody::Instead { incident: incident.clone(), of };
    Some(Message { key: format!("{}:instead", row.message.key), body })
}
