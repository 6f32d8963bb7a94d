//! Asks Alertmanager again and again, beside everything else: whether it answers holds nothing up.

use super::doors::wake_open;
use super::incidents::Waker;
use crate::alertmanager::{Alertmanager, Auth, Settings};
use crate::clock::Clock;
use crate::config;
use crate::network::Network;
use crate::stages::alertmanager::Comparing;
use crate::store::SqliteStore;
use nightshift_model::{Gap, Seconds};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// What the configuration says of it.
#[derive(Clone, Debug)]
pub struct Asking {
    /// Where and how.
    pub settings: Settings,
    /// How often.
    pub every: Seconds,
    /// Its receiver that sends to nightshift.
    pub receiver: String,
    /// Those that wake somebody.
    pub paging: Vec<String>,
}

impl Asking {
    /// From `alertmanager:`.
    pub fn of(config: &config::Alertmanager, network: &Network) -> Self {
        let auth = match (&config.bearer_token_file, &config.basic) {
            (Some(file), _) => Auth::Bearer(file.clone()),
            (None, Some(basic)) => {
                Auth::Basic { user: basic.user.clone(), password: basic.password_file.clone() }
            }
            (None, None) => Auth::None,
        };
        let timeout = Duration::from_secs(config.timeout.0);
        let (url, ca) = (config.url.clone(), config.ca_file.clone());
        let settings = Settings { url, ca, network: network.clone(), auth, timeout };
        let (receiver, paging) = (config.receiver.clone(), config.paging_receivers.clone());
        Self { settings, every: config.every, receiver, paging }
    }
}

/// The task.
pub struct Asks {
    /// The client.
    pub alertmanager: Alertmanager,
    /// The stage.
    pub comparing: Comparing,
    /// How often it is asked.
    pub every: Seconds,
    /// The clock.
    pub clock: Clock,
    /// The history.
    pub store: SqliteStore,
    /// Wakes the responder's incidents.
    pub waker: Waker,
    /// Notified when alerts were stored.
    pub arrived: Arc<Notify>,
    /// What readiness tells.
    pub gap: watch::Sender<Option<Gap>>,
}

impl Asks {
    /// Runs until stopped.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.look() => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep_until(self.clock.now() + self.every) => {}
            }
        }
    }

    async fn look(&mut self) {
        let (silences, alerts) = futures::join!(self.alertmanager.silences(), self.alertmanager.alerts());
        let why = silences.as_ref().err().or(alerts.as_ref().err()).cloned();
        let gap = why.map(|why| Gap { what: "Alertmanager".to_owned(), why });
        if let Some(gap) = &gap
            && self.gap.borrow().is_none()
        {
            tracing::warn!(why = gap.why, "Alertmanager does not answer");
        }
        self.gap.send_replace(gap);
        match self.comparing.silences(silences.as_deref().map_err(String::as_str)).await {
            Ok(true) => wake_open(&self.store, std::slice::from_ref(&self.waker)).await,
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "what Alertmanager silences could not be noted"),
        }
        match self.comparing.alerts(alerts).await {
            Ok(true) => self.arrived.notify_one(),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the alerts of Alertmanager could not be compared"),
        }
    }
}
