//! Channels from the configuration.

use super::outbound::{Destination, DestinationError, Limits, Outbound, OutboundError};
use super::reach::Reach;
use super::webhook::{KeyError, Keys, Webhook};
use super::{Channel, Way};
use crate::config;

/// Why a channel cannot be used. Nothing starts then: who is not told does not know it.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// No client can be made.
    #[error(transparent)]
    Client(#[from] OutboundError),
    /// The URL is refused.
    #[error("notify.webhooks: {name}")]
    Destination {
        /// The endpoint's name.
        name: String,
        /// Why.
        #[source]
        source: DestinationError,
    },
    /// The signing key is not usable.
    #[error("notify.webhooks: {name}")]
    Key {
        /// The endpoint's name.
        name: String,
        /// Why.
        #[source]
        source: KeyError,
    },
}

/// Every configured channel.
///
/// # Errors
/// [`SetupError`] names the endpoint.
pub fn channels(notify: &config::Notify) -> Result<Vec<Channel>, SetupError> {
    if notify.webhooks.is_empty() {
        return Ok(Vec::new()); // no client, no TLS roots needed
    }
    let outbound = Outbound::new(Limits::default(), None)?;
    notify
        .webhooks
        .iter()
        .map(|hook| {
            let name = || hook.name.clone();
            let reach = if hook.allow_private { Reach::Private } else { Reach::Public };
            let destination = Destination::new(&hook.url, reach)
                .map_err(|source| SetupError::Destination { name: name(), source })?;
            let keys =
                Keys::read(&hook.secret_file).map_err(|source| SetupError::Key { name: name(), source })?;
            let webhook = Webhook::new(outbound.clone(), destination, keys);
            Ok(Channel { name: name(), way: Way::Webhook(Box::new(webhook)) })
        })
        .collect()
}
