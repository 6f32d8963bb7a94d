//! The drives: at most one per incident and role at a time, woken by commits and timers.

mod rest;
mod turns;

use super::annotations::Looking;
use super::checkpoint::Keeper;
use super::rules::RuleBook;
use super::world::{Outside, RoleWorld};
use crate::store::{HistoryStore as _, SqliteStore, SystemAppend};
use nightshift_engine::give_up::{GiveUp, give_up};
use nightshift_engine::{Rules, Store as _, StoreError, advance, drive};
use nightshift_model::effect::Me;
use nightshift_model::{IncidentId, Message, MessageBody, Timestamp};
use rest::PATIENCE;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use turns::Turns;

/// Wake-ups that may wait; one more is dropped, and the sweep brings it back.
const WAITING: usize = 4_096;

/// Wakes one role's loop.
#[derive(Clone)]
pub struct Waker(mpsc::Sender<IncidentId>);

impl Waker {
    /// Asks for a drive of an incident. A wake-up carries no input: the drive reads the state.
    pub fn wake(&self, id: IncidentId) {
        if self.0.try_send(id).is_err() {
            tracing::debug!("the wake queue is full; the sweep comes back to it");
        }
    }
}

/// One role's loop.
pub struct Drives {
    /// Who drives.
    pub me: Me,
    /// How many incidents at a time. The executor takes one: limits are counted between two of its drives.
    pub at_once: usize,
    /// While true, no new drive begins: the demo shows what happens meanwhile.
    pub hold: tokio::sync::watch::Receiver<bool>,
    /// The executor's: it drives nothing on a history that is not the one it signed.
    pub keeper: Option<Arc<Keeper>>,
    /// The responder's: whether an annotation silences an incident is known before anybody is told of it.
    pub looking: Option<Looking>,
    /// The rules.
    pub rules: RuleBook,
    /// The history.
    pub store: SqliteStore,
    /// The role's outside.
    pub outside: Outside,
}

/// Starts a role's queue: the waker, and what the loop takes.
pub fn queue() -> (Waker, mpsc::Receiver<IncidentId>) {
    let (tx, rx) = mpsc::channel(WAITING);
    (Waker(tx), rx)
}

impl Drives {
    /// Runs until stopped; drives that are under way reach a safe point first.
    pub async fn run(self, woken: mpsc::Receiver<IncidentId>, stop: CancellationToken) {
        let turns = Turns {
            role: self.me.role,
            at_once: self.at_once,
            hold: self.hold,
            clock: self.outside.clock,
            metrics: self.outside.metrics.clone(),
        };
        let (me, rules, store, outside) = (self.me, self.rules, self.store, self.outside);
        let (keeper, looking) = (self.keeper, self.looking);
        let over = Arc::new(AtomicBool::new(false));
        let drive = move |id: IncidentId, panics| {
            let one = one(me.clone(), rules.clone(), store.clone(), outside.clone(), id.clone(), panics);
            let (keeper, looking) = (keeper.clone(), looking.clone());
            let (me, store, over) = (me.clone(), store.clone(), Arc::clone(&over));
            async move {
                if !leads(&store, &me, &over).await {
                    return;
                }
                // All that are open are woken when a person opened the executor.
                if let Some(keeper) = keeper
                    && !keeper.trusts().await
                {
                    return;
                }
                if let Some(looking) = looking {
                    looking.before(&id).await;
                }
                one.await;
            }
        };
        turns.run(woken, stop, drive).await;
    }
}

/// Whether this process still holds its role. One that was taken over asks nothing more, for an answer could not be recorded
/// and the question may write a mark. Epochs only rise, so it stays `over`.
async fn leads(store: &SqliteStore, me: &Me, over: &AtomicBool) -> bool {
    if over.load(Ordering::Relaxed) {
        return false;
    }
    match store.leader(me.role).await {
        Ok(Some(leader)) if leader.epoch != me.epoch => {
            let (role, holder) = (me.role.as_str(), leader.holder);
            tracing::error!(
                role,
                holder,
                mine = me.epoch.0,
                theirs = leader.epoch.0,
                "ANOTHER PROCESS TOOK THIS ROLE OVER: nothing is driven here any more"
            );
            over.store(true, Ordering::Relaxed);
            false
        }
        // What cannot be read now, the drive itself says.
        Ok(_) | Err(_) => true,
    }
}

async fn one(me: Me, rules: RuleBook, store: SqliteStore, outside: Outside, id: IncidentId, panics: u32) {
    let rules = rules.now().await;
    if panics >= PATIENCE
        && let Err(error) = hand_over(&store, &me, &rules, outside.clock.now(), &id, panics).await
    {
        tracing::error!(incident = %id, role = me.role.as_str(), %error, "nobody could be told yet; it is tried again");
    }
    let world = RoleWorld::new(outside);
    if let Err(error) = drive(&id, &me, &rules, &store, &world).await {
        tracing::error!(incident = %id, role = me.role.as_str(), %error, "an incident could not be driven; it is tried again");
    }
}

/// An incident whose drive panicked again and again goes to a person. Repeating it tells nobody twice.
async fn hand_over(
    store: &SqliteStore,
    me: &Me,
    rules: &Rules,
    now: Timestamp,
    id: &IncidentId,
    panics: u32,
) -> Result<(), StoreError> {
    let incident = store.load(id).await?;
    let (fence, actor) = (Some((me.role, me.epoch)), me.actor.clone());
    match give_up(&incident.phase, me.role, panics) {
        GiveUp::Record(event) => {
            let append = advance(Some(&incident), id, vec![event], fence, actor, now, rules)?;
            store.append(append).await.map(drop)
        }
        GiveUp::Tell => {
            let key = format!("{id}:{}:broken", incident.revision.0);
            let outbox = vec![Message { key, body: MessageBody::Page { incident: id.clone() } }];
            let append = SystemAppend { fence, actor, at: now, events: Vec::new(), outbox };
            store.append_system(append).await.map(drop)
        }
        GiveUp::Leave => Ok(()),
    }
}

#[cfg(test)]
mod tests;
