//! The marks in the cluster, read before the executor takes its epoch.

use crate::clock::Clock;
use crate::cluster::Reader;
use crate::store::{HistoryStore as _, SqliteStore};
use nightshift_engine::StoreError;
use nightshift_engine::marks::{self, Found, Verdict};
use nightshift_model::effect::Read;
use nightshift_model::{Epoch, Kind, Role};
use std::collections::BTreeSet;
use std::time::Duration;

/// Bytes of one page.
const BYTES: usize = 8 << 20;
/// A page that takes longer counts as not answered.
const DEADLINE: Duration = Duration::from_secs(10);
/// 100,000 workloads a namespace.
const PAGES: usize = 200;
/// How often a namespace is tried, and the pause between two tries.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// What the marks of the namespaces say about the history.
///
/// # Errors
/// Those of the store. A kind that cannot be read in a namespace is held back there as a whole.
pub async fn look(
    reader: &Reader,
    store: &SqliteStore,
    clock: Clock,
    namespaces: &[String],
) -> Result<Verdict, StoreError> {
    let ours = store.leader(Role::Executor).await?.map_or(Epoch(0), |leader| leader.epoch);
    let (mut found, mut unread) = (Vec::new(), Vec::new());
    for namespace in namespaces {
        for kind in &marks::KINDS {
            match patiently(reader, clock, kind, namespace).await {
                Ok(marks) => found.extend(marks),
                Err(why) => unread.push(marks::unread(kind, namespace, &why)),
            }
        }
    }
    let mut known = BTreeSet::new();
    for proposal in found.iter().filter_map(|one| marks::proposal(&one.text)) {
        if store.incident_of(&proposal).await?.is_some() {
            known.insert(proposal);
        }
    }
    let mut verdict = marks::judge(&found, &known, ours);
    verdict.held.extend(unread);
    Ok(verdict)
}

async fn patiently(
    reader: &Reader,
    clock: Clock,
    kind: &Kind,
    namespace: &str,
) -> Result<Vec<Found>, String> {
    let mut last = String::new();
    for attempt in 0..TRIES {
        if attempt > 0 {
            clock.sleep_real(PAUSE).await;
        }
        match whole(reader, kind, namespace).await {
            Ok(found) => return Ok(found),
            Err(why) => last = why,
        }
    }
    Err(last)
}

async fn whole(reader: &Reader, kind: &Kind, namespace: &str) -> Result<Vec<Found>, String> {
    let (mut all, mut next) = (Vec::new(), String::new());
    for _ in 0..PAGES {
        let Some(Read::Get { path, query, accept }) = marks::read(kind, namespace, &next) else { break };
        let (found, more) = marks::page(kind, &reader.get(&path, &query, accept, BYTES, DEADLINE).await)?;
        all.extend(found);
        next = more;
        if next.is_empty() {
            return Ok(all);
        }
    }
    Err("there are too many workloads".to_owned())
}
