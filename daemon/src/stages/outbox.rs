//! Due rows of the outbox -> channels and wake-ups.
//!
//! At least once, each row on its own: a slow or dead endpoint holds nothing up but its own messages. Where a message
//! goes and why, what was told, and what was given up, is in the history.

mod deliver;
mod ledger;
mod list;
mod policy;
mod route;

use crate::clock::Clock;
use crate::notify::notice::{Around, Ballot, digest_notice, notice, vote_again};
use crate::notify::{Channel, Heard, Kind, Notice, Notifier, Outgoing};
use crate::store::outbox::{OutboxRow, UnreadableRow};
use crate::store::{HistoryStore as _, SqliteStore, SystemAppend};
use crate::telemetry::Metrics;
use deliver::{Done, To};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use ledger::Ledger;
use nightshift_engine::digest::Digest;
use nightshift_engine::route::Table;
use nightshift_engine::{Store as _, StoreError};
use nightshift_model::{
    Actor, Epoch, Incident, IncidentId, Message, MessageBody, Phase, ProposalId, Registry, Role, Seconds,
    SystemEvent, Timestamp,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Rows taken up in one turn.
const ROWS: u32 = 32;
/// Rows on their way at a time.
const AT_ONCE: usize = 8;
/// Nobody else sees a row that was taken up for so long: more than any attempt takes.
const HOLD: Seconds = Seconds(120);
/// Another process may have written a row without our being told.
const LOOK_AGAIN: Seconds = Seconds(5);
/// In place of a channel's name.
const EVERY_CHANNEL: &str = "every channel";

/// Wakes the loop of a role in this process; another process notices by itself.
pub type Wake = Arc<dyn Fn(Role, &IncidentId) + Send + Sync>;
/// Makes a link for one recipient: to a proposal's page or, without one, to the digest. `None` without a public URL.
pub type Mint = Arc<dyn Fn(Option<ProposalId>, String) -> BoxFuture<'static, Option<String>> + Send + Sync>;
/// The receiver of Alertmanager that pages somebody about an incident, if one does.
pub type PagedBy = Arc<dyn Fn(&Incident) -> Option<String> + Send + Sync>;
/// Tells a digest.
pub type TellDigest =
    Arc<dyn Fn(Timestamp, Timestamp) -> BoxFuture<'static, Result<Digest, StoreError>> + Send + Sync>;

/// What the stage is made of.
pub struct Outbox {
    /// The history and its outbox.
    pub store: SqliteStore,
    /// The channels.
    pub notifier: Notifier,
    /// Who hears of what.
    pub table: Table,
    /// Who owns what: messages are shared out fairly between owners.
    pub registry: Arc<Registry>,
    /// Where wake-ups go.
    pub wake: Wake,
    /// Where links come from.
    pub mint: Mint,
    /// Whom Alertmanager has woken already.
    pub paged: PagedBy,
    /// Where digests come from.
    pub tell: TellDigest,
    /// The clock.
    pub clock: Clock,
    /// `cluster.name`.
    pub cluster: String,
    /// The zone of local times.
    pub zone: jiff::tz::TimeZone,
    /// What is counted.
    pub metrics: Metrics,
    /// The responder's epoch, which must be current for every row written.
    pub fence: Option<(Role, Epoch)>,
    /// Who was told what; read from the history when it is needed first.
    pub book: Book,
}

/// Who was told what, in memory.
#[derive(Debug, Default)]
pub struct Book(tokio::sync::Mutex<Option<Ledger>>);

/// How long to wait after so many attempts; `None`: after a day it is over.
pub fn again(attempts: u64) -> Option<Seconds> {
    Some(Seconds(match attempts {
        0 | 1 => 5,
        2 => 30,
        3 => 120,
        4 => 600,
        5 => 1800,
        6..=28 => 3600,
        _ => return None,
    }))
}

impl Outbox {
    /// Turns until it is stopped; a turn under way is finished.
    pub async fn run(&self, stop: &CancellationToken) {
        let mut commits = self.store.commits();
        while !stop.is_cancelled() {
            let next = match self.turn().await {
                Ok(next) => next,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the outbox cannot be read");
                    None
                }
            };
            let now = self.clock.now();
            let soon = now + LOOK_AGAIN;
            let until = next.map_or(soon, |due| due.clamp(now, soon));
            let committed = async {
                match &mut commits {
                    Some(commits) => drop(commits.changed().await),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = committed => {}
                () = self.clock.sleep_until(until) => {}
            }
        }
    }

    /// Takes up what is due and hands it on; says when the next row is due.
    ///
    /// # Errors
    /// Those of taking rows; a row whose own handling failed is put off.
    pub async fn turn(&self) -> Result<Option<Timestamp>, StoreError> {
        let taken = self.store.outbox_take(self.clock.now(), HOLD, ROWS).await?;
        for row in &taken.unreadable {
            self.set_aside(row).await;
        }
        futures::stream::iter(in_order(taken.rows))
            .for_each_concurrent(AT_ONCE, |rows| async move {
                for row in rows {
                    if let Err(error) = self.handle(&row).await {
                        self.put_off(&row, &error).await;
                    }
                    self.metrics.outbox_step();
                }
            })
            .await;
        self.metrics.outbox_step();
        self.store.outbox_next().await
    }

    /// A row that cannot be read never will be: the history and the digest say so, and the others go on. When the
    /// store takes nothing, it comes up again by itself.
    async fn set_aside(&self, row: &UnreadableRow) {
        tracing::error!(message = row.key, why = row.why, "a message cannot be read: it is set aside");
        let (message, why) = (row.key.clone(), row.why.clone());
        let lost = SystemEvent::Undelivered { message, channel: EVERY_CHANNEL.to_owned(), why };
        let aside = match self.record(vec![lost]).await {
            Ok(()) => self.store.outbox_failed(row.id, &row.why).await,
            Err(error) => Err(error),
        };
        match aside {
            Ok(()) => self.metrics.message_set_aside(),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, message = row.key, "nor could it be set aside");
            }
        }
    }

    /// A row that could not even be tried. When the store takes nothing, it comes up again by itself.
    async fn put_off(&self, row: &OutboxRow, error: &StoreError) {
        let key = &row.message.key;
        tracing::warn!(
            error = error as &dyn std::error::Error,
            message = key,
            "a message could not be handled"
        );
        let why = error.to_string();
        let put = if let Some(wait) = again(row.attempts) {
            self.store.outbox_retry(row.id, self.clock.now() + wait, &why).await
        } else {
            let channel = EVERY_CHANNEL.to_owned();
            let lost = SystemEvent::Undelivered { message: key.clone(), channel, why: why.clone() };
            match self.record(vec![lost]).await {
                Ok(()) => self.store.outbox_failed(row.id, &why).await,
                Err(error) => Err(error),
            }
        };
        if let Err(error) = put {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                message = key,
                "nor could it be put off"
            );
        }
    }

    async fn handle(&self, row: &OutboxRow) -> Result<(), StoreError> {
        match &row.message.body {
            MessageBody::Wake { role, incident } => {
                (self.wake)(*role, incident);
                self.store.outbox_sent(row.id).await
            }
            MessageBody::Page { incident } => self.page(row, incident).await,
            MessageBody::Update { incident } => self.changed(row, Kind::Update, incident).await,
            MessageBody::Progress { incident } => self.changed(row, Kind::Progress, incident).await,
            MessageBody::Instead { incident, of } => self.instead(row, incident, of).await,
            MessageBody::List { channel, manner } => self.list(row, channel, *manner).await,
            MessageBody::PolicyChanged { epoch } => self.policy_changed(row, *epoch).await,
            MessageBody::Digest { from, to } => self.digest(row, *from, *to).await,
        }
    }

    /// A person must look, or may: where it goes is decided once and written down, then it goes there.
    async fn page(&self, row: &OutboxRow, incident: &IncidentId) -> Result<(), StoreError> {
        let incident = self.store.load(incident).await?;
        if incident.hush.is_some() && !incident.phase.is_unproven() {
            return self.about(row, &incident, Vec::new()).await; // it is owed, and told when the silence is over
        }
        // Somebody has it: a page that was on its way wakes nobody.
        if incident.held_by.is_some() && !incident.phase.is_unproven() {
            return self.changed(row, Kind::Update, &incident.id).await;
        }
        let to = self.routed(&row.message.key, &incident).await?;
        self.about(row, &incident, to).await
    }

    /// A page that one channel did not take: another takes it.
    async fn instead(&self, row: &OutboxRow, incident: &IncidentId, of: &str) -> Result<(), StoreError> {
        let incident = self.store.load(incident).await?;
        let to = match &incident.phase {
            Phase::Closed { .. } => Vec::new(), // nobody need look any more
            phase if is_quiet(&incident) && !phase.is_unproven() => Vec::new(),
            Phase::Investigating { .. }
            | Phase::Drafted { .. }
            | Phase::Proposed { .. }
            | Phase::Granted { .. }
            | Phase::Executing { .. }
            | Phase::Verifying { .. }
            | Phase::Escalated { .. } => self.routed_instead(&row.message.key, &incident, of).await?,
        };
        self.about(row, &incident, to).await
    }

    /// What was told changed: whoever was told hears of it.
    async fn changed(&self, row: &OutboxRow, kind: Kind, incident: &IncidentId) -> Result<(), StoreError> {
        let incident = self.store.load(incident).await?;
        let to = self.told(&incident).await?.into_iter().map(|channel| (channel, kind)).collect();
        self.about(row, &incident, to).await
    }

    async fn about(
        &self,
        row: &OutboxRow,
        incident: &Incident,
        to: Vec<(String, Kind)>,
    ) -> Result<(), StoreError> {
        let mut hearing = Vec::new();
        for (name, kind) in to {
            let channel = self.notifier.channels().iter().find(|c| c.name == name);
            if let Some(channel) = channel.filter(|channel| channel.hears(heard(kind))) {
                let thread = self.ledger(|ledger| ledger.thread(&incident.id, &name)).await?;
                hearing.push(To { channel, kind, thread });
            }
        }
        let render = |channel, kind| async move { self.render(channel, kind, incident).await };
        self.deliver(row, hearing, Some(&incident.id), render).await.map(drop)
    }

    async fn render(&self, channel: &Channel, kind: Kind, incident: &Incident) -> Outgoing {
        let link = match incident.phase.proposal() {
            Some(proposal) => (self.mint)(Some(proposal.id().clone()), channel.name.clone()).await,
            None if channel.links_incidents() => {
                let base = (self.mint)(None, channel.name.clone()).await;
                base.map(|base| format!("{base}/i/{}", incident.id))
            }
            None => None,
        };
        let (cluster, zone) = (self.cluster.clone(), self.zone.clone());
        let around = Around { cluster, zone, now: self.clock.now(), link };
        let ballot = Ballot::of(incident, &self.registry);
        let mut told = Notice { ballot, ..notice(incident, kind, &around) };
        told.lines.splice(..0, vote_again(incident, &self.registry));
        Outgoing::Incident(Box::new(told))
    }

    async fn digest(&self, row: &OutboxRow, from: Timestamp, to: Timestamp) -> Result<(), StoreError> {
        let digest = (self.tell)(from, to).await?;
        let digest = &digest;
        let channels = self.notifier.channels().iter().filter(|channel| channel.hears(Heard::Digest));
        let hearing = channels.map(|channel| To { channel, kind: Kind::Post, thread: None }).collect();
        let render = |channel: &'_ Channel, _| {
            let name = channel.name.clone();
            async move {
                let link = (self.mint)(None, name).await;
                Outgoing::Digest(Box::new(digest_notice(digest, link)))
            }
        };
        let done = self.deliver(row, hearing, None, render).await?;
        if done == Done::Told {
            self.record(vec![SystemEvent::DigestSent { window: format!("{from}/{to}") }]).await?;
        }
        Ok(())
    }

    async fn record(&self, events: Vec<SystemEvent>) -> Result<(), StoreError> {
        self.record_with(events, Vec::new()).await
    }

    /// Writes down, with rows that follow from it, and lets the ledger hear it.
    async fn record_with(&self, events: Vec<SystemEvent>, rows: Vec<Message>) -> Result<(), StoreError> {
        let (at, heard) = (self.clock.now(), events.clone());
        self.write(at, events, rows).await?;
        self.ledger(|ledger| heard.iter().for_each(|event| ledger.hear(at, event))).await
    }

    async fn write(
        &self,
        at: Timestamp,
        events: Vec<SystemEvent>,
        outbox: Vec<Message>,
    ) -> Result<(), StoreError> {
        let (fence, actor) = (self.fence, Actor::Nightshift(Role::Responder));
        self.store.append_system(SystemAppend { fence, actor, at, events, outbox }).await.map(drop)
    }

    /// Looks into the ledger, which is read from the history first if nobody did yet.
    async fn ledger<T>(&self, look: impl FnOnce(&mut Ledger) -> T) -> Result<T, StoreError> {
        let mut slot = self.book.0.lock().await;
        let ledger = if let Some(ledger) = slot.as_mut() {
            ledger
        } else {
            let now = self.clock.now();
            let rows = self.store.events(now - ledger::REACH, now + Seconds(1), &ledger::KINDS).await?;
            slot.insert(Ledger::of(&rows))
        };
        Ok(look(ledger))
    }
}

/// Nobody is woken: somebody has it, or a silence keeps it back.
fn is_quiet(incident: &Incident) -> bool {
    incident.held_by.is_some() || incident.hush.is_some()
}

fn heard(kind: Kind) -> Heard {
    match kind {
        Kind::Page => Heard::Page,
        Kind::Post => Heard::Post,
        Kind::Update => Heard::Update,
        Kind::Progress => Heard::Progress,
    }
}

/// Rows about one incident one after the other: what is true later must not be told first.
fn in_order(rows: Vec<OutboxRow>) -> Vec<Vec<OutboxRow>> {
    let mut groups: BTreeMap<String, Vec<OutboxRow>> = BTreeMap::new();
    for row in rows {
        let group = match &row.message.body {
            MessageBody::Page { incident }
            | MessageBody::Update { incident }
            | MessageBody::Progress { incident }
            | MessageBody::Instead { incident, .. } => incident.to_string(),
            MessageBody::Wake { .. }
            | MessageBody::List { .. }
            | MessageBody::PolicyChanged { .. }
            | MessageBody::Digest { .. } => format!("row {}", row.id),
        };
        groups.entry(group).or_default().push(row);
    }
    groups.into_values().collect()
}

#[cfg(test)]
mod tests;
