//! The drives: at most one per incident and role at a time, woken by commits and timers.

use super::rules::RuleBook;
use super::world::{Outside, RoleWorld};
use crate::store::SqliteStore;
use nightshift_engine::drive;
use nightshift_model::IncidentId;
use nightshift_model::effect::Me;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

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
    pub async fn run(mut self, mut woken: mpsc::Receiver<IncidentId>, stop: CancellationToken) {
        let mut waiting: VecDeque<IncidentId> = VecDeque::new();
        let mut running: BTreeMap<IncidentId, Again> = BTreeMap::new();
        let mut tasks: JoinSet<IncidentId> = JoinSet::new();
        loop {
            while running.len() < self.at_once && !*self.hold.borrow_and_update() {
                let Some(id) = waiting.pop_front() else { break };
                running.insert(id.clone(), Again::No);
                tasks.spawn(one(
                    self.me.clone(),
                    self.rules.clone(),
                    self.store.clone(),
                    self.outside.clone(),
                    id,
                ));
            }
            tokio::select! {
                () = stop.cancelled() => break,
                Ok(()) = self.hold.changed() => {}
                id = woken.recv() => match id {
                    Some(id) => take(id, &mut waiting, &mut running),
                    None => break,
                },
                Some(ended) = tasks.join_next(), if !tasks.is_empty() => {
                    let Ok(id) = ended else {
                        // A drive that panicked is isolated: its incident is driven again by the sweep.
                        tracing::error!(role = self.me.role.as_str(), "a drive ended abnormally");
                        running.clear();
                        tasks.abort_all();
                        continue;
                    };
                    if running.remove(&id) == Some(Again::Yes) {
                        waiting.push_back(id);
                    }
                }
            }
        }
        // A drive between intent and answer is not cut short: it ends when the answer is recorded.
        while tasks.join_next().await.is_some() {}
    }
}

/// Whether an incident was woken again while it was driven.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    No,
    Yes,
}

fn take(id: IncidentId, waiting: &mut VecDeque<IncidentId>, running: &mut BTreeMap<IncidentId, Again>) {
    if let Some(again) = running.get_mut(&id) {
        *again = Again::Yes;
    } else if !waiting.iter().collect::<BTreeSet<_>>().contains(&id) {
        waiting.push_back(id);
    }
}

async fn one(me: Me, rules: RuleBook, store: SqliteStore, outside: Outside, id: IncidentId) -> IncidentId {
    let rules = rules.now().await;
    let world = RoleWorld::new(outside);
    if let Err(error) = drive(&id, &me, &rules, &store, &world).await {
        tracing::error!(incident = %id, role = me.role.as_str(), %error, "an incident could not be driven; it is tried again");
    }
    id
}
