//! Looks again and again for votes that people cast as objects of the cluster, with the responder's identity.

use super::world::{Outside, RoleWorld};
use crate::stages::vote::object::Objects;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between two turns. A turn asks nothing while no proposal is open.
const EVERY: Duration = Duration::from_secs(3);

/// Runs until stopped.
pub(super) async fn run(mut objects: Objects, outside: Outside, stop: CancellationToken) {
    let clock = outside.clock;
    loop {
        if let Err(error) = objects.turn(|| RoleWorld::new(outside.clone())).await {
            tracing::warn!(%error, "votes in the cluster could not be compared with the history; they are again soon");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_real(EVERY) => {}
        }
    }
}
