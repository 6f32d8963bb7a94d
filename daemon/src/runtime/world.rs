//! The outside of one role: the cluster as its identity sees it, Prometheus, the history, the clock.

use crate::clock::Clock;
use crate::cluster::events::{Notice, publish};
use crate::cluster::{Reader, Writer, actuate};
use crate::prometheus::{self, Prometheus};
use crate::store::{Filter, HistoryStore as _, SqliteStore};
use crate::telemetry::Metrics;
use nightshift_engine::actions;
use nightshift_engine::evidence::{BUDGET, Budget};
use nightshift_engine::since::{self, Look};
use nightshift_engine::vote_object::visit::Visit;
use nightshift_engine::wire::{HttpWrite, Wire};
use nightshift_engine::{Shell, World, vote_object};
use nightshift_model::effect::{RawPart, Read};
use nightshift_model::evidence::OtherIncident;
use nightshift_model::{
    Answer, Ask, NotChecked, ObjectRef, Plan, Proposal, Role, Seconds, Sent, Timestamp, Write,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bytes of one answer.
pub const READ_BYTES_CAP: usize = 2 << 20;
/// Other incidents that an investigation looks at, the newest.
const INCIDENTS: u32 = 50;
/// A read that takes longer counts as not answered.
const READ_DEADLINE: Duration = Duration::from_secs(10);
/// A write that takes longer may or may not have been carried out.
const WRITE_DEADLINE: Duration = Duration::from_secs(15);
/// What the executor may read in one drive: it lists the nodes before a write, at up to 25 KB each.
const ACTING: Budget = Budget { calls: 400, bytes: 256 << 20, seconds: Seconds(120) };

/// What every drive of a role shares.
#[derive(Clone)]
pub struct Outside {
    /// Reads with the role's identity.
    pub reader: Reader,
    /// Writes; the responder has none.
    pub writer: Option<Writer>,
    /// Where measurements come from.
    pub prometheus: Option<Arc<Prometheus>>,
    /// The history.
    pub store: SqliteStore,
    /// The clock.
    pub clock: Clock,
    /// This process, as Kubernetes Events name it.
    pub instance: Arc<str>,
    /// What is counted.
    pub metrics: Metrics,
}

/// The outside for one drive: a budget, and the wire under the engine's steps.
pub struct RoleWorld {
    shell: Shell<RoleWire>,
}

/// The wire of one drive.
struct RoleWire {
    outside: Outside,
    budget: Budget,
    calls: AtomicU64,
    bytes: AtomicU64,
    started: Duration,
}

impl RoleWorld {
    /// A world with a fresh budget.
    pub fn new(outside: Outside) -> Self {
        let started = outside.clock.monotonic();
        let budget = if outside.writer.is_some() { ACTING } else { BUDGET };
        let (calls, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { shell: Shell(RoleWire { outside, budget, calls, bytes, started }) }
    }
}

impl RoleWorld {
    /// What a sealed plan's objects look like now. Reads only.
    pub async fn since(&self, plan: &Plan) -> Look {
        since::look(&self.shell.0, plan).await
    }

    /// Who opened a visit. Reads only.
    ///
    /// # Errors
    /// Why it is none.
    pub async fn visit(&self, namespace: &str, name: &str) -> Result<Visit, String> {
        vote_object::visit::visit(&self.shell.0, namespace, name, self.shell.now()).await
    }
}

impl World for RoleWorld {
    async fn ask(&self, ask: &Ask) -> Answer {
        tracing::debug!(ask = ask.name(), "asking");
        let outside = &self.shell.0.outside;
        let role = if outside.writer.is_some() { Role::Executor } else { Role::Responder };
        outside.metrics.ask(ask.name(), role.as_str());
        self.shell.ask(ask).await
    }

    async fn send(&self, write: &Write) -> Sent {
        let sent = self.shell.send(write).await;
        tracing::info!(op = %write.mark.op, mark = %write.mark, sent = ?sent, "the one request of an operation was answered");
        if matches!(sent, Sent::Applied { .. }) {
            self.shell.0.announce(write).await;
        }
        sent
    }

    async fn look(&self, proposal: &Proposal) -> vote_object::Look {
        self.shell.look(proposal).await
    }

    fn now(&self) -> Timestamp {
        self.shell.now()
    }
}

impl RoleWire {
    /// Counts a read against the budget of this drive.
    fn admit(&self) -> Result<(), RawPart> {
        let budget = &self.budget;
        let over = |detail: String| RawPart::Failed { why: NotChecked::OverBudget, detail };
        if self.calls.fetch_add(1, Ordering::Relaxed) >= u64::from(budget.calls) {
            return Err(over(format!("{} calls", budget.calls)));
        }
        if self.bytes.load(Ordering::Relaxed) >= budget.bytes as u64 {
            return Err(over(format!("{} bytes", budget.bytes)));
        }
        let spent = self.outside.clock.monotonic().saturating_sub(self.started);
        if spent >= budget.seconds.duration() {
            return Err(over(format!("{}", budget.seconds)));
        }
        Ok(())
    }

    async fn healthy(&self, workload: &ObjectRef) -> RawPart {
        match self.outside.store.healthy_revisions(workload).await {
            Ok(list) => match serde_json::to_vec(&list) {
                Ok(body) => RawPart::Body { status: 200, body, cut: false },
                Err(error) => RawPart::Failed { why: NotChecked::Unreadable, detail: error.to_string() },
            },
            Err(error) => RawPart::Failed { why: NotChecked::Unreachable, detail: error.to_string() },
        }
    }

    /// What else is broken: a bounded list.
    async fn incidents(&self) -> RawPart {
        let some = Filter { limit: INCIDENTS, ..Filter::open() };
        let seen = match self.outside.store.each(&some, |open| OtherIncident::of(&open)).await {
            Ok(seen) => seen,
            Err(error) => {
                return RawPart::Failed { why: NotChecked::Unreachable, detail: error.to_string() };
            }
        };
        match serde_json::to_vec(&seen) {
            Ok(body) => RawPart::Body { status: 200, body, cut: false },
            Err(error) => RawPart::Failed { why: NotChecked::Unreadable, detail: error.to_string() },
        }
    }

    /// One Kubernetes Event per action: `kubectl describe` of the workload tells what was done.
    async fn announce(&self, write: &Write) {
        let Some(writer) = &self.outside.writer else { return };
        let action = &write.plan.action;
        let notice = Notice {
            about: action.workload().clone(),
            reason: actions::file(action.kind()).event.to_owned(),
            action: action.kind().as_str().to_owned(),
            note: format!("operation {}: {}", write.mark.op, write.plan.cause),
            warning: false,
        };
        if let Err(error) = publish(writer, &self.outside.instance, &notice, WRITE_DEADLINE).await {
            tracing::warn!(op = %write.mark.op, %error, "the action's Kubernetes Event was not written");
        }
    }
}

impl Wire for RoleWire {
    async fn read(&self, read: &Read) -> RawPart {
        if let Err(part) = self.admit() {
            return part;
        }
        let outside = &self.outside;
        let part = match read {
            Read::Get { path, query, accept } => {
                outside.reader.get(path, query, *accept, READ_BYTES_CAP, READ_DEADLINE).await
            }
            Read::Query { promql } => {
                prometheus::query(outside.prometheus.as_deref(), promql, None, READ_DEADLINE).await
            }
            Read::Healthy { workload } => self.healthy(workload).await,
            Read::Incidents => self.incidents().await,
        };
        if let RawPart::Body { body, .. } = &part {
            self.bytes.fetch_add(u64::try_from(body.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
        part
    }

    async fn write(&self, write: &HttpWrite) -> RawPart {
        match &self.outside.writer {
            Some(writer) => actuate::send(writer, write, WRITE_DEADLINE).await,
            None => {
                RawPart::Failed { why: NotChecked::Unreachable, detail: "this role has no writer".to_owned() }
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.outside.clock.now()
    }
}
