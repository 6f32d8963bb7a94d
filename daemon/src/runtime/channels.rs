//! The channels and the table of routes, as configured.

use crate::config;
use crate::network::{Network, NetworkError};
use crate::notify::heartbeat::Heartbeat;
use crate::notify::outbound::{Destination, DestinationError, Limits, Outbound, OutboundError};
use crate::notify::reach::Reach;
use crate::notify::{Channel, Way, mail, pagerduty, slack, webhook};
use nightshift_engine::route::{Default as Fallback, Table};
use nightshift_model::Seconds;
use secrecy::SecretString;
use std::path::PathBuf;
use std::sync::Arc;
use zeroize::Zeroizing;

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
    /// A mail address.
    #[error("`{name}` names an address that is none: {what}")]
    Address {
        /// The channel.
        name: String,
        /// Which, and why.
        what: String,
    },
    /// Its mail server.
    #[error("the mail server of `{name}` cannot be used")]
    Server {
        /// The channel.
        name: String,
        /// What is wrong.
        #[source]
        source: mail::ServerError,
    },
    /// The file of a secret.
    #[error("{path}, which the channel `{name}` needs, cannot be read")]
    Secret {
        /// The channel.
        name: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A token of another kind.
    #[error("{path}, which the channel `{name}` needs, holds no token that begins with {prefix}")]
    Token {
        /// The channel.
        name: String,
        /// The file.
        path: PathBuf,
        /// How such a token begins.
        prefix: &'static str,
    },
    /// The client.
    #[error(transparent)]
    Client(#[from] OutboundError),
    /// The proxy, or the authorities.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

/// Everything that tells people.
#[derive(Debug)]
pub struct Voices {
    /// The channels.
    pub channels: Vec<Channel>,
    /// Who hears of what.
    pub table: Table,
    /// The heartbeat, and how often it beats.
    pub heartbeat: Option<(Heartbeat, Seconds)>,
}

/// Every channel hears everything.
impl From<Vec<Channel>> for Voices {
    fn from(channels: Vec<Channel>) -> Self {
        let names = channels.iter().map(|channel| channel.name.clone()).collect();
        let table = Table { routes: Vec::new(), default: Fallback::Everyone { channels: names } };
        Self { channels, table, heartbeat: None }
    }
}

/// Channels and routes of the configuration.
///
/// # Errors
/// [`ChannelError`] names the channel.
pub fn voices(notify: &config::Notify, network: &config::Network) -> Result<Voices, ChannelError> {
    let network = Network::load(network.ca_file.as_deref())?;
    let heartbeat = notify.heartbeat.as_ref().map(|beat| Ok((heartbeat(beat, &network)?, beat.every)));
    let heartbeat = heartbeat.transpose().map_err(|error: ChannelError| error)?;
    Ok(Voices { channels: channels(notify, &network)?, table: notify.table(), heartbeat })
}

/// The heartbeat of the configuration.
///
/// # Errors
/// [`ChannelError`].
pub fn heartbeat(beat: &config::Heartbeat, network: &Network) -> Result<Heartbeat, ChannelError> {
    let name = "heartbeat";
    let address = secret(name, &beat.url_file)?;
    let outbound = Outbound::new(Limits::default(), network)?;
    Heartbeat::new(outbound, &address, reach(beat.allow_private)).map_err(at(name))
}

/// The channels of the configuration.
///
/// # Errors
/// [`ChannelError`] names the channel.
pub fn channels(notify: &config::Notify, network: &Network) -> Result<Vec<Channel>, ChannelError> {
    let mail = notify.mail.iter().map(|mail| mail_server(mail, network));
    // Each client holds every root certificate of the machine: none is made for nobody.
    let posts = [notify.webhooks.len(), notify.slack.len(), notify.slack_apps.len(), notify.pagerduty.len()];
    if posts == [0; 4] {
        return mail.collect();
    }
    let outbound = Outbound::new(Limits::default(), network)?;
    let hooks = notify.webhooks.iter().map(|hook| webhook(&outbound, hook));
    let slack = notify.slack.iter().map(|channel| slack_channel(&outbound, channel));
    let apps = notify.slack_apps.iter().map(|app| slack_app(&outbound, app));
    let pagers = notify.pagerduty.iter().map(|pager| pagerduty_service(&outbound, pager));
    hooks.chain(slack).chain(apps).chain(pagers).chain(mail).collect()
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

fn slack_app(outbound: &Outbound, app: &config::SlackApp) -> Result<Channel, ChannelError> {
    let name = app.name.clone();
    let token = |path: &std::path::Path, prefix: &'static str| {
        let text = Zeroizing::new(secret(&name, path)?);
        let plain = text.len() <= 256 && text.bytes().all(|b| b.is_ascii_graphic());
        if text.starts_with(prefix) && plain {
            Ok(SecretString::from(text.as_str()))
        } else {
            Err(ChannelError::Token { name: name.clone(), path: path.to_owned(), prefix })
        }
    };
    let tokens = slack::Tokens {
        bot: token(&app.bot_token_file, "xoxb-")?,
        app: token(&app.app_token_file, "xapp-")?,
    };
    let api = (app.api.as_str(), reach(app.allow_private));
    let made = slack::App::new(outbound.clone(), api, &tokens, &app.channel, app.mention.clone());
    let way = Way::SlackApp(Arc::new(made.map_err(at(&name))?));
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

fn mail_server(mail: &config::Mail, network: &Network) -> Result<Channel, ChannelError> {
    let name = mail.name.clone();
    let wrong = |what: String| ChannelError::Address { name: name.clone(), what };
    let addresses = mail::Addresses::parse(&mail.from, &mail.to).map_err(wrong)?;
    let server = mail.host_and_port().ok_or_else(|| wrong(mail.server.clone()))?;
    let authority = mail.ca_file.as_ref().map(|path| secret(&name, path)).transpose()?;
    let credential = match (&mail.username, &mail.password_file) {
        (Some(username), Some(path)) => {
            let password = secret(&name, path)?.into();
            Some(mail::Credential { username: username.clone(), password })
        }
        (None, _) | (_, None) => None,
    };
    let authorities: Vec<&[u8]> = authority.iter().map(String::as_bytes).chain(network.pem()).collect();
    let server = mail::Server::new(server, mail.tls, reach(mail.allow_private), &authorities, credential)
        .map_err(|source| ChannelError::Server { name: name.clone(), source })?;
    let way = Way::Mail(Box::new(mail::Mail::new(server, addresses)));
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
