//! The history checker: what the cluster accepted, joined with what the history says (faults.md, *How to test* 6).
//!
//! - I1: every effective write has exactly one grant, the sealed content, and lies within the grant's time;
//! - I2: an operation takes effect at most once;
//! - I3: no write of an older epoch after a newer one has claimed;
//! - I5: each incident that needs a person is paged, under keys of its own;
//! - I6, I8: the chain is whole, states move along legal edges only, and every snapshot is the fold of its events;
//! - I10: the responder writes nothing, the executor nothing but marks, granted writes and Kubernetes Events.

use anyhow::{Context as _, ensure};
use nightshift::store::{Filter, HistoryStore as _, OpenMode, SqliteStore, audit};
use nightshift_engine::Store as _;
use nightshift_engine::actions::restart;
use nightshift_engine::normal::template_digest;
use nightshift_model::history::Row;
use nightshift_model::{
    Action, Grant, HistoryEvent, Incident, IncidentEvent, IncidentId, Mark, MessageBody, Phase, Plan, Sealed,
    Seconds, Stream, SystemEvent, Timestamp,
};
use nightshift_sim::{Accepted, Method};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The annotation that carries marks, as a JSON Patch names it.
const CLAIM: &str = "/metadata/annotations/nightshift.dev~1claim";

/// What a night left behind.
#[derive(Debug)]
pub struct Told {
    /// All incidents, newest first.
    pub incidents: Vec<Incident>,
    /// The incidents that people were paged about, once a page.
    pub pages: Vec<IncidentId>,
    /// Kinds of nightshift's own events, in order.
    pub system: Vec<String>,
    /// Rolling updates that went well, as the digest counts them.
    pub rollouts: u32,
}

/// One granted operation, as the history tells it.
struct Granted {
    plan: Plan,
    grants: Vec<Grant>,
    marks: Vec<(Timestamp, Mark)>,
}

/// Checks a history that nobody writes any more against what the cluster accepted.
pub async fn check(file: &Path, accepted: &[Accepted], now: Timestamp) -> anyhow::Result<Told> {
    let store = SqliteStore::open(file, OpenMode::ReadWrite).await?;
    let report = audit::verify(&store, 0, &audit::Held::default()).await?;
    ensure!(report.problems.is_empty(), "I6/I8: {:?}", report.problems);

    let mut incidents = Vec::new();
    let mut operations = BTreeMap::new();
    for snapshot in store.snapshots(&Filter::newest(10_000)).await? {
        let fold = store.load(&snapshot.id).await?;
        ensure!(fold == snapshot, "the snapshot of {} is not its fold", snapshot.id);
        operations.extend(granted(&store, &snapshot.id).await?);
        incidents.push(snapshot);
    }
    writes(accepted, &operations)?;

    let hold = Seconds(1_000_000);
    let mut keys = BTreeSet::new();
    let mut pages = Vec::new();
    for row in store.outbox_take(now + hold, hold, 100_000).await?.rows {
        if let MessageBody::Page { incident } = row.message.body {
            ensure!(keys.insert(row.message.key.clone()), "I5: {} was paged twice", row.message.key);
            pages.push(incident);
        }
    }
    let system = store.system_events(&[]).await?;
    // What was sent already waits no more; the history says where it went.
    let routed = |row: &Row| match &row.event {
        HistoryEvent::System(SystemEvent::Routed { incident, to, .. }) if !to.is_empty() => {
            Some(incident.clone())
        }
        HistoryEvent::System(_) | HistoryEvent::Incident(_) => None,
    };
    let told: BTreeSet<IncidentId> = system.iter().filter_map(routed).collect();
    for incident in &incidents {
        let needs = matches!(incident.phase, Phase::Escalated { .. } | Phase::Proposed { .. });
        let heard = pages.contains(&incident.id) || told.contains(&incident.id);
        ensure!(!needs || heard, "I5: nobody was told of {}", incident.id);
    }
    let quiet = |event: &HistoryEvent| {
        if let HistoryEvent::System(SystemEvent::Quiet { seen }) = event { seen.rollouts } else { 0 }
    };
    let rollouts = system.iter().map(|row| quiet(&row.event)).sum();
    let system = system.iter().map(|row| row.event.kind().to_owned()).collect();
    store.close().await;
    Ok(Told { incidents, pages, system, rollouts })
}

async fn granted(store: &SqliteStore, id: &IncidentId) -> anyhow::Result<Vec<(String, Granted)>> {
    let mut found: Vec<(String, Granted)> = Vec::new();
    for row in store.stream_events(&Stream::Incident(id.clone())).await? {
        let HistoryEvent::Incident(event) = row.event else { continue };
        if let IncidentEvent::Sealed { proposal } = event {
            let plan = proposal.plan().clone();
            found.push((plan.op.0.clone(), Granted { plan, grants: Vec::new(), marks: Vec::new() }));
        } else if let IncidentEvent::Granted { grant } = event {
            let (_, granted) = found.last_mut().context("a grant without a proposal")?;
            ensure!(grant.proposal == granted.plan.proposal, "a grant for another proposal");
            granted.grants.push(grant);
        } else if let IncidentEvent::Claimed { mark } | IncidentEvent::Recovered { mark, .. } = event {
            let (_, granted) = found.last_mut().context("a claim without a proposal")?;
            granted.marks.push((row.at, mark));
        }
    }
    Ok(found)
}

fn writes(accepted: &[Accepted], operations: &BTreeMap<String, Granted>) -> anyhow::Result<()> {
    let mut effective: BTreeSet<String> = BTreeSet::new();
    for write in accepted {
        ensure!(write.user != crate::house::RESPONDER, "I10: the responder wrote {}", write.path);
        let announces = write.method == Method::Post && write.path.ends_with("/events");
        if write.user != crate::house::EXECUTOR || announces {
            continue;
        }
        let at = Timestamp::new(write.at);
        let patch: Vec<Value> =
            serde_json::from_slice(&write.body).context("a write that is no JSON Patch")?;
        let marks = patch.iter().filter(|op| text(op, "path") == CLAIM);
        let last = marks.map(|op| text(op, "value")).next_back().context("a write without a mark")?;
        let Some(op) = last.strip_prefix("done:") else {
            let mark = Mark::parse(last).map_err(anyhow::Error::msg)?;
            let granted = operations.get(mark.op.as_str()).context("a mark of an unknown operation")?;
            current(granted, &mark, at)?;
            let others = patch.iter().filter(|op| text(op, "op") != "test" && text(op, "path") != CLAIM);
            let map = |op: &&Value| text(op, "path") == "/metadata/annotations";
            ensure!(others.clone().all(|op| map(&op)), "I1: a mark that changes more: {patch:?}");
            continue;
        };
        let granted = operations.get(op).with_context(|| format!("I1: no operation {op}"))?;
        let [grant] = granted.grants.as_slice() else {
            anyhow::bail!("I1: {} grants for {op}", granted.grants.len())
        };
        ensure!(grant.at <= at && at < grant.until, "I1: {op} was written outside its grant");
        ensure!(write.path == granted.plan.request.path, "I1: {op} was written to {}", write.path);
        content(&granted.plan, &patch)?;
        let tested = patch.iter().filter(|op| text(op, "path") == CLAIM && text(op, "op") == "test");
        let tested = tested.map(|op| text(op, "value")).next().context("I3: no mark is tested")?;
        current(granted, &Mark::parse(tested).map_err(anyhow::Error::msg)?, at)?;
        ensure!(!write.changed || effective.insert(op.to_owned()), "I2: {op} took effect twice");
    }
    Ok(())
}

/// I3: nothing later than this mark had been claimed when the write was accepted.
fn current(granted: &Granted, mark: &Mark, at: Timestamp) -> anyhow::Result<()> {
    let newer = granted.marks.iter().find(|(when, other)| *when < at && other.epoch > mark.epoch);
    ensure!(newer.is_none(), "I3: {mark} was accepted at {at}, after {newer:?}");
    Ok(())
}

/// I1: the one value that is written is the one whose hash was sealed.
fn content(plan: &Plan, patch: &[Value]) -> anyhow::Result<()> {
    let Sealed::Reference { value, .. } = &plan.request.body else { return Ok(()) };
    if let Action::Restart { at, .. } = &plan.action {
        let same = restart::is_sealed(patch, *at, *value);
        ensure!(same, "I1: another restart than the sealed one was written");
        return Ok(());
    }
    let changes: Vec<&Value> =
        patch.iter().filter(|op| text(op, "op") != "test" && text(op, "path") != CLAIM).collect();
    let [change] = changes.as_slice() else { anyhow::bail!("I1: {} changes in one write", changes.len()) };
    let written = change.get("value").map(template_digest);
    ensure!(written == Some(*value), "I1: another value than the sealed one was written");
    Ok(())
}

fn text<'a>(operation: &'a Value, name: &str) -> &'a str {
    operation.get(name).and_then(Value::as_str).unwrap_or_default()
}
