//! Whose turn it is: one drive per incident at a time, woken, repeated when woken meanwhile, and each on its own: a
//! drive that panics ends nothing but itself.

use super::rest::Rests;
use crate::clock::Clock;
use crate::telemetry::Metrics;
use nightshift_model::{IncidentId, Role};
use std::collections::{BTreeMap, HashMap, VecDeque};
use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

/// One role's turns.
pub(super) struct Turns {
    pub(super) role: Role,
    pub(super) at_once: usize,
    pub(super) hold: watch::Receiver<bool>,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
}

/// Whether an incident was woken again while it was driven.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    No,
    Yes,
}

/// Where every incident stands that the loop knows of.
#[derive(Default)]
struct Board {
    waiting: VecDeque<IncidentId>,
    running: BTreeMap<IncidentId, Again>,
    tasks: HashMap<Id, IncidentId>,
    rests: Rests,
}

impl Board {
    fn take(&mut self, id: IncidentId) {
        if self.rests.rests(&id) {
            // It comes up by itself when its wait is over.
        } else if let Some(again) = self.running.get_mut(&id) {
            *again = Again::Yes;
        } else if !self.waiting.contains(&id) {
            self.waiting.push_back(id);
        }
    }
}

impl Turns {
    /// Runs until stopped; drives that are under way reach a safe point first. `drive` gets the incident and how
    /// often in a row its drive has panicked.
    pub(super) async fn run<F, D>(
        mut self,
        mut woken: mpsc::Receiver<IncidentId>,
        stop: CancellationToken,
        drive: F,
    ) where
        F: Fn(IncidentId, u32) -> D,
        D: Future<Output = ()> + Send + 'static,
    {
        let mut board = Board::default();
        let mut tasks: JoinSet<()> = JoinSet::new();
        loop {
            while board.running.len() < self.at_once && !*self.hold.borrow_and_update() {
                let Some(id) = board.waiting.pop_front() else { break };
                board.running.insert(id.clone(), Again::No);
                let task = tasks.spawn(drive(id.clone(), board.rests.panics(&id)));
                board.tasks.insert(task.id(), id);
            }
            let (clock, rested) = (self.clock, board.rests.next());
            let rest_is_over = async {
                match rested {
                    Some(at) => clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                Ok(()) = self.hold.changed() => {}
                () = rest_is_over => {
                    for id in board.rests.over(clock.now()) {
                        board.take(id);
                    }
                }
                id = woken.recv() => match id {
                    Some(id) => board.take(id),
                    None => break,
                },
                Some(ended) = tasks.join_next_with_id(), if !tasks.is_empty() => {
                    let (task, panicked) = match ended {
                        Ok((task, ())) => (task, false),
                        Err(error) => (error.id(), true),
                    };
                    let Some(id) = board.tasks.remove(&task) else { continue };
                    let again = board.running.remove(&id);
                    if panicked {
                        self.panicked(&mut board, &id);
                    } else {
                        board.rests.ended_well(&id);
                        if again == Some(Again::Yes) {
                            board.waiting.push_back(id);
                        }
                    }
                }
            }
        }
        // A drive between intent and answer is not cut short: it ends when the answer is recorded.
        while tasks.join_next().await.is_some() {}
    }

    fn panicked(&self, board: &mut Board, id: &IncidentId) {
        let role = self.role.as_str();
        self.metrics.drive_panicked(role);
        let (panics, wait) = board.rests.panicked(id.clone(), self.clock.now());
        tracing::error!(
            incident = %id,
            role,
            panics,
            again_in = %wait,
            "driving an incident broke the program: it is left alone for a while, the others go on"
        );
    }
}
