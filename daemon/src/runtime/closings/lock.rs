//! Whether the lock at the API server holds, tried by the executor itself at start and every minute: dry runs that must be
//! refused, each by its own layer.

use super::Board;
use crate::clock::Clock;
use crate::cluster::{Reader, Writer, actuate};
use nightshift_engine::closed::Look;
use nightshift_engine::lock::probe::{met, probes, verdict};
use nightshift_engine::lock::{LockMode, Locks};
use nightshift_engine::marks::KINDS;
use nightshift_engine::rules::Mode;
use nightshift_model::effect::{Accept, RawPart};
use nightshift_model::{ClosedBy, Epoch, Kind, ObjectRef, Seconds};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often it is tried.
const EVERY: Seconds = Seconds(60);
/// How often while it does not hold.
const AGAIN: Seconds = Seconds(5);
/// One dry run: the API server itself waits 5 s for the countersign.
const DEADLINE: Duration = Duration::from_secs(10);
/// Bytes of a list of one object's metadata.
const LIST_MAX: usize = 256 << 10;
/// Workloads of a kind that are looked at for one that nobody deletes.
const LISTED: &str = "20";

/// What is wanted of the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// How much of it.
    pub mode: LockMode,
    /// The name of its objects at the API server.
    pub name: String,
}

/// Tries the lock with the executor's credential.
pub struct SelfTest {
    /// Finds something to try it on.
    pub reader: Reader,
    /// Sends the dry runs.
    pub writer: Writer,
    /// The pace.
    pub clock: Clock,
    /// What is wanted.
    pub wanted: Wanted,
    /// Where it may act.
    pub mode: Mode,
    /// The executor's epoch.
    pub epoch: Epoch,
}

impl SelfTest {
    /// Before it was tried.
    pub fn untried() -> Look {
        Look::closed("the lock at the API server was not tried yet")
    }

    /// One look.
    pub async fn look(&self) -> Look {
        match self.locks().await {
            Ok(locks) => {
                Look { despite: locks.short().map(str::to_owned).into_iter().collect(), ..Look::default() }
            }
            Err(why) => Look::closed(why),
        }
    }

    /// How many locks hold.
    ///
    /// # Errors
    /// One sentence that names the layer that does not.
    pub async fn locks(&self) -> Result<Locks, String> {
        let (namespace, workload) = self.somewhere().await;
        let mut answers = Vec::new();
        for probe in probes(&namespace, workload.as_ref(), self.epoch, self.clock.now()) {
            let part = actuate::send(&self.writer, &probe.write, DEADLINE).await;
            answers.push((probe, met(&self.wanted.name, &part)));
        }
        verdict(self.wanted.mode, &self.wanted.name, &answers)
    }

    /// Tries it now, and then again and again.
    pub async fn run(self, board: Arc<Board>, stop: CancellationToken) {
        loop {
            let look = self.look().await;
            let rest = if look.places.is_empty() { EVERY } else { AGAIN };
            board.put(ClosedBy::Lock, look).await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep_real(rest.duration()) => {}
            }
        }
    }

    /// A namespace in which it may act, and a workload there, if there is any.
    async fn somewhere(&self) -> (String, Option<ObjectRef>) {
        let named: Vec<&str> = self.mode.named().collect();
        for namespace in &named {
            for kind in &KINDS {
                if let Some(workload) = self.one(kind, namespace).await {
                    return ((*namespace).to_owned(), Some(workload));
                }
            }
        }
        (named.first().copied().unwrap_or("default").to_owned(), None)
    }

    async fn one(&self, kind: &Kind, namespace: &str) -> Option<ObjectRef> {
        let (api, plural) = kind.api()?;
        let path = format!("{api}/namespaces/{namespace}/{plural}");
        let limit = [("limit".to_owned(), LISTED.to_owned())];
        let part = self.reader.get(&path, &limit, Accept::Metadata, LIST_MAX, DEADLINE).await;
        let RawPart::Body { status: 200, body, .. } = part else { return None };
        let list: serde_json::Value = serde_json::from_slice(&body).ok()?;
        let items = list.get("items")?.as_array()?;
        let stays = items.iter().find(|item| item.pointer("/metadata/deletionTimestamp").is_none())?;
        let text =
            |pointer: &str| stays.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default();
        Some(ObjectRef::new(kind.clone(), namespace, text("/metadata/name"), text("/metadata/uid")))
    }
}
