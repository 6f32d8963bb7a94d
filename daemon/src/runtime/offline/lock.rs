//! The lock at the API server, for `check`: what is asked of it, whether the countersign is trusted, and a trial of the whole.

use super::mode;
use super::probe::Cluster;
use crate::clock::Clock;
use crate::cluster::{Access, ClientError, Reader, Writer, webhook_ca};
use crate::config::Config;
use crate::runtime::closings::lock::{SelfTest, Wanted};
use nightshift_engine::lock::policy::{Names, conditions};
pub use nightshift_engine::lock::probe::{UNASKED, cause};
use nightshift_engine::lock::webhook::{Step, step};
pub use nightshift_engine::lock::{LockMode, Locks};
use nightshift_model::Epoch;
use std::time::Duration;

/// A question that takes longer counts as not answered.
const DEADLINE: Duration = Duration::from_secs(5);

/// What is asked of the lock; `None` where the configuration has none.
pub fn wanted(config: &Config) -> Option<Wanted> {
    config.countersign.as_ref().map(|lock| Wanted { mode: lock.mode, name: lock.lock.clone() })
}

/// How the webhook stands at the API server.
///
/// # Errors
/// One sentence.
pub async fn webhook(config: &Config, access: &Access) -> Result<(), String> {
    let Some(lock) = &config.countersign else { return Err("`countersign` is not configured".to_owned()) };
    let reader = Reader::connect(access).await.map_err(|error| error.to_string())?;
    let stored = webhook_ca::read(&reader, &lock.lock, DEADLINE).await?;
    let names =
        Names { executor: lock.executor.clone(), home: String::new(), service: String::new(), port: 0 };
    match step(&stored, &conditions(&names), "")? {
        Step::Disarm(_) => {
            Err("it has no match conditions, so it meets everybody's writes: take it away".to_owned())
        }
        Step::Leave | Step::Trust(_) if stored.pointer("/webhooks/0/clientConfig/caBundle").is_none() => {
            Err("no certificate was put into it yet: does the responder run?".to_owned())
        }
        Step::Leave | Step::Trust(_) => Ok(()),
    }
}

/// What usually keeps an API server from the responder, here: by who runs the control plane, as far as the nodes tell.
pub async fn unreached(config: &Config, access: &Access) -> String {
    let provider = match Cluster::connect(access).await {
        Ok(cluster) => cluster.provider().await.ok().flatten(),
        Err(_) => None,
    };
    let port = config.countersign.as_ref().map_or(0, |lock| lock.listen.port());
    nightshift_detectors::plane::unreached(provider, port)
}

/// Tries the whole lock as the executor does, by dry runs.
///
/// # Errors
/// No client, or one sentence about the layer that does not hold.
pub async fn tried(
    config: &Config,
    access: &Access,
    wanted: Wanted,
    clock: Clock,
) -> Result<Result<Locks, String>, ClientError> {
    let (reader, writer) = (Reader::connect(access).await?, Writer::connect(access).await?);
    let test = SelfTest { reader, writer, clock, wanted, mode: mode(config), epoch: Epoch(1) };
    Ok(test.locks().await)
}
