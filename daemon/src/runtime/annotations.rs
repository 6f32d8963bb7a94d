//! Looks at annotations again and again, with the responder's identity.

use super::world::{Outside, READ_BYTES_CAP};
use crate::stages::annotations::{Annotations, EVERY};
use nightshift_engine::wire::{HttpWrite, Wire};
use nightshift_model::effect::{RawPart, Read};
use nightshift_model::{IncidentId, NotChecked, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A read that takes longer counts as not answered: an incident waits for it.
const DEADLINE: Duration = Duration::from_secs(3);

/// The stage with its outside.
#[derive(Clone)]
pub struct Looking {
    /// The responder's outside.
    pub outside: Outside,
    /// The stage.
    pub annotations: Arc<Annotations>,
}

impl Looking {
    /// Before an incident is worked on.
    pub async fn before(&self, id: &IncidentId) {
        if let Err(error) = self.annotations.before(&Gets(&self.outside), id).await {
            tracing::warn!(incident = %id, %error, "whether an annotation silences an incident could not be noted");
        }
    }

    /// Runs until stopped.
    pub async fn run(self, stop: CancellationToken) {
        let clock = self.outside.clock;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = clock.sleep_until(clock.now() + EVERY) => {}
            }
            if let Err(error) = self.annotations.turn(&Gets(&self.outside)).await {
                tracing::warn!(%error, "annotations could not be compared with the history; they are again soon");
            }
        }
    }
}

/// Reads of objects, and nothing else.
struct Gets<'a>(&'a Outside);

impl Wire for Gets<'_> {
    async fn read(&self, read: &Read) -> RawPart {
        let Read::Get { path, query, accept } = read else {
            return none("an annotation stands on an object");
        };
        self.0.reader.get(path, query, *accept, READ_BYTES_CAP, DEADLINE).await
    }

    async fn write(&self, _: &HttpWrite) -> RawPart {
        none("an annotation is only read")
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}

fn none(detail: &str) -> RawPart {
    RawPart::Failed { why: NotChecked::Forbidden, detail: detail.to_owned() }
}
