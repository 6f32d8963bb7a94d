//! The channels and the table of routes, as configured.

use crate::config;
use crate::notify::outbound::{Destination, DestinationError, Limits, Outbound, OutboundError};
use crate::notify::reach::Reach;
use crate::notify::{Channel, Way, pagerduty, slack, webhook};
use nightshift_engine::route::{Default as Fallback, Table};
use std::path::PathBuf;

/// Why a channel cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// Its address.
    #[error("the channel `{name}` cannot be reached as configured")]
    Destination {
        /// The channel.
        name: String,
        /// What is wrong.
        #[source]
        source: DestinationError,
    },
    /// Its signing key.
    #[error("the key of the webhook `{name}` cannot be used")]
    Key {
        /// The channel.
        name: String,
        /// What is wrong.
        #[source]
        source: webhook::KeyError,
    },
    /// Its routing key.
    #[error("the routing key of `{name}` cannot be used")]
    RoutingKey {
        /// The channel.
        name: String,
        /// What is wrong.
        #[source]
        source: pagerduty::KeyError,
    },
    /// The file of a secret.
    #[error("{path}, a secret of the channel `{name}`, cannot be read")]
    Secret {
        /// The channel.
        name: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The client.
    #[error(transparent)]
    Client(#[from] OutboundError),
}

/// Everything that tells people.
#[derive(Debug)]
pub struct Voices {
    /// The channels.
    pub channels: Vec<Channel>,
    /// Who hears of what.
    pub table: Table,
}

/// Every channel hears everything.
impl From<Vec<Channel>> for Voices {
    fn from(channels: Vec<Channel>) -> Self {
        let names = channels.iter().map(|channel| channel.name.clone()).collect();
        let table = Table { routes: Vec::new(), default: Fallback::Everyone { channels: names } };
        Self { channels, table }
    }
}

/// Channels and routes of the configuration.
///
/// # Errors
/// [`ChannelError`] names the channel.
pub fn voices(notify: &config::Notify) -> Result<Voices, ChannelError> {
    Ok(Voices { channels: channels(notify)?, table: notify.table() })
}

/// The channels of the configuration.
///
/// # Errors
/// [`ChannelError`] names the channel.
pub fn channels(notify: &config::Notify) -> Result<Vec<Channel>, ChannelError> {
    let outbound = Outbound::new(Limits::default(), None)?;
    let hooks = notify.webhooks.iter().map(|hook| webhook(&outbound, hook));
    let slack = notify.slack.iter().map(|channel| slack_channel(&outbound, channel));
    let pagers = notify.pagerduty.iter().map(|pager| pagerduty_service(&outbound, pager));
    hooks.chain(slack).chain(pagers).collect()
}

fn webhook(outbound: &Outbound, hook: &config::Webhook) -> Result<Channel, ChannelError> {
    let name = hook.name.clone();
    let destination = Destination::new(&hook.url, reach(hook.allow_private)).map_err(at(&name))?;
    let keys = webhook::Keys::read(&hook.secret_file)
        .map_err(|source| ChannelError::Key { name: name.clone(), source })?;
    let way = Way::Webhook(Box::new(webhook::Webhook::new(outbound.clone(), destination, keys)));
    Ok(Channel { name, way })
}

fn slack_channel(outbound: &Outbound, channel: &config::Slack) -> Result<Channel, ChannelError> {
    let name = channel.name.clone();
    let address = secret(&name, &channel.url_file)?;
    let reach = reach(channel.allow_private);
    let made = slack::Slack::new(outbound.clone(), &address, reach, channel.mention.clone());
    let way = Way::Slack(Box::new(made.map_err(at(&name))?));
    Ok(Channel { name, way })
}

fn pagerduty_service(outbound: &Outbound, pager: &config::PagerDuty) -> Result<Channel, ChannelError> {
    let name = pager.name.clone();
    let destination = Destination::new(&pager.url, reach(pager.allow_private)).map_err(at(&name))?;
    let keys = pagerduty::Keys::read(&pager.routing_key_file)
        .map_err(|source| ChannelError::RoutingKey { name: name.clone(), source })?;
    let way = Way::PagerDuty(Box::new(pagerduty::PagerDuty::new(outbound.clone(), destination, keys)));
    Ok(Channel { name, way })
}

fn reach(allow_private: bool) -> Reach {
    if allow_private { Reach::Private } else { Reach::Public }
}

fn at(name: &str) -> impl FnOnce(DestinationError) -> ChannelError {
    let name = name.to_owned();
    move |source| ChannelError::Destination { name, source }
}

fn secret(name: &str, path: &std::path::Path) -> Result<String, ChannelError> {
    let text = std::fs::read_to_string(path);
    let failed = |source| ChannelError::Secret { name: name.to_owned(), path: path.to_owned(), source };
    text.map(|text| text.trim().to_owned()).map_err(failed)
}
