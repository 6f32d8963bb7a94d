//! Asks Prometheus again and again which volumes are short of room, beside everything else.

use crate::clock::Clock;
use crate::prometheus::Prometheus;
use nightshift_detectors::Params;
use nightshift_detectors::volumes::{Volumes, questions};
use nightshift_model::effect::RawPart;
use nightshift_model::{Seconds, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often it is asked.
const EVERY: Seconds = Seconds(60);
/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// The task.
pub(super) struct Rooms {
    /// The client.
    pub(super) prometheus: Arc<Prometheus>,
    /// The clock.
    pub(super) clock: Clock,
    /// Thresholds.
    pub(super) params: Params,
    /// The last whole answer. One that does not come leaves it as it was: the view sees how old it is.
    pub(super) told: watch::Sender<Volumes>,
}

impl Rooms {
    /// Runs until stopped.
    pub(super) async fn run(self, stop: CancellationToken) {
        let questions = questions(&self.params);
        let mut silent = false;
        loop {
            let asked = tokio::select! {
                () = stop.cancelled() => return,
                asked = self.ask(&questions) => asked,
            };
            match asked {
                Ok(volumes) => {
                    silent = false;
                    self.told.send_replace(volumes);
                }
                Err(why) if !silent => {
                    silent = true;
                    self.told.send_if_modified(|volumes| volumes.at.is_none()); // the first look waits no longer
                    tracing::warn!(%why, "Prometheus does not say which volumes are nearly full");
                }
                Err(_) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep_until(self.clock.now() + EVERY) => {}
            }
        }
    }

    async fn ask(&self, [bytes, inodes, filling]: &[String; 3]) -> Result<Volumes, String> {
        let at = self.clock.now();
        let answers = [self.one(bytes).await?, self.one(inodes).await?, self.one(filling).await?];
        Volumes::read(&answers, at)
    }

    async fn one(&self, promql: &str) -> Result<Vec<u8>, String> {
        read(self.prometheus.query(promql, None::<Timestamp>, DEADLINE).await)
    }
}

/// The body of an answer, Prometheus' own word on what is wrong included.
fn read(part: RawPart) -> Result<Vec<u8>, String> {
    match part {
        RawPart::Body { cut: true, .. } => Err("the answer is too long".to_owned()),
        RawPart::Body { status: 401 | 403, .. } => Err("permission was refused".to_owned()),
        RawPart::Body { body, .. } => Ok(body),
        RawPart::Failed { why, detail } => Err(format!("{}: {detail}", why.clause())),
    }
}
