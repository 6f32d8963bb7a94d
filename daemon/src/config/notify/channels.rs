//! The channels, one struct a kind. What is secret is a file, a Slack address too: whoever has it writes there.

use super::Notify;
use crate::config::read::{Document, Problem};
use nightshift_model::Seconds;
use serde::{Deserialize, Deserializer, de};
use std::path::PathBuf;

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Its name in logs, metrics and the history.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// File with its own signing key, `whsec_` and base64 of 24 to 64 bytes; while receivers change over, the key
    /// before stands on a second line and signs too.
    pub secret_file: PathBuf,
    /// Whether it may be on a private address, and plain http there.
    #[serde(default)]
    pub allow_private: bool,
}

/// One Slack channel.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slack {
    /// Its name in logs, metrics and the history.
    pub name: String,
    /// File with the incoming webhook's address.
    pub url_file: PathBuf,
    /// Who is called by name when it pages; posts call nobody.
    #[serde(default)]
    pub mention: Option<Mention>,
    /// Whether it may be on a private address, and plain http there.
    #[serde(default)]
    pub allow_private: bool,
}

/// One channel of a Slack app in Socket Mode: its messages are kept up to date and have buttons.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackApp {
    /// Its name in logs, metrics and the history.
    pub name: String,
    /// The channel's id, `C…` or `G…`. The app must be a member of it.
    pub channel: String,
    /// File with the bot's token, `xoxb-…` with the scope `chat:write`.
    pub bot_token_file: PathBuf,
    /// File with the app-level token, `xapp-…` with the scope `connections:write`.
    pub app_token_file: PathBuf,
    /// Who is called by name when it pages; posts call nobody.
    #[serde(default)]
    pub mention: Option<Mention>,
    /// Where Slack's methods are, for doubles in tests.
    #[serde(default = "methods")]
    pub api: String,
    /// Whether it may be on a private address, and plain http there.
    #[serde(default)]
    pub allow_private: bool,
}

fn methods() -> String {
    "https://slack.com/api".to_owned()
}

/// Somebody in Slack: `here`, `channel`, a member `U…` or `W…`, a user group `S…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mention {
    /// Whoever of the channel is active.
    Here,
    /// Everybody of the channel.
    Channel,
    /// One member.
    Member(String),
    /// A user group.
    Group(String),
}

impl<'de> Deserialize<'de> for Mention {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let id = text.len() > 4 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        match text.as_str() {
            "here" => Ok(Self::Here),
            "channel" => Ok(Self::Channel),
            _ if id && text.starts_with(['U', 'W']) => Ok(Self::Member(text)),
            _ if id && text.starts_with('S') => Ok(Self::Group(text)),
            _ => Err(de::Error::custom(format!(
                "`{text}` is nobody in Slack: write here, channel, a member id U… or a user group id S…"
            ))),
        }
    }
}

/// One PagerDuty service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagerDuty {
    /// Its name in logs, metrics and the history.
    pub name: String,
    /// File with the integration's routing key, 32 characters; while it changes, the one before stands on a second
    /// line and closes what it opened.
    pub routing_key_file: PathBuf,
    /// Where events go, for accounts in the EU and for doubles in tests.
    #[serde(default = "events")]
    pub url: String,
    /// Whether it may be on a private address, and plain http there.
    #[serde(default)]
    pub allow_private: bool,
}

fn events() -> String {
    "https://events.pagerduty.com/v2/enqueue".to_owned()
}

/// One mail server, and who gets the mail.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// Its name in logs, metrics and the history.
    pub name: String,
    /// `host:port`, as in `smtp.example.com:587`.
    pub server: String,
    /// How the connection is encrypted.
    #[serde(default)]
    pub tls: MailTls,
    /// The sender.
    pub from: String,
    /// Who gets it.
    pub to: Vec<String>,
    /// For servers that want a name.
    #[serde(default)]
    pub username: Option<String>,
    /// File with its password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// PEM file with the authority that signed the server's certificate, beside those of the system.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whether the server may be on a private address.
    #[serde(default)]
    pub allow_private: bool,
}

/// How mail is encrypted on its way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// STARTTLS, or nothing is sent (port 587).
    #[default]
    Starttls,
    /// TLS from the first byte (port 465).
    Implicit,
    /// None: to a server on this machine only.
    Loopback,
}

/// An address that is told that nightshift works.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// File with the address.
    pub url_file: PathBuf,
    /// How often.
    #[serde(default = "minute")]
    pub every: Seconds,
    /// Whether it may be on a private address, and plain http there.
    #[serde(default)]
    pub allow_private: bool,
}

fn minute() -> Seconds {
    Seconds(60)
}

impl Mail {
    /// Host and port.
    pub fn host_and_port(&self) -> Option<(&str, u16)> {
        let (host, port) = self.server.rsplit_once(':')?;
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let port = port.parse().ok().filter(|port| *port > 0)?;
        (!host.is_empty() && !host.contains(['/', '@', ' '])).then_some((host, port))
    }
}

impl Notify {
    pub(super) fn check_channels(&self, file: &Document, problems: &mut Vec<Problem>) {
        for hook in &self.webhooks {
            url(file, ("notify.webhooks", &hook.name), &hook.url, hook.allow_private, problems);
        }
        for pager in &self.pagerduty {
            url(file, ("notify.pagerduty", &pager.name), &pager.url, pager.allow_private, problems);
        }
        for app in &self.slack_apps {
            url(file, ("notify.slack_apps", &app.name), &app.api, app.allow_private, problems);
            let plain = app.channel.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
            if !plain || app.channel.len() < 5 || !app.channel.starts_with(['C', 'G']) {
                let what = format!("{}: `{}` is no channel id, such as C0123ABCD", app.name, app.channel);
                problems.push(file.problem("notify.slack_apps", what));
            }
        }
        let kinds = [
            ("notify.webhooks", self.webhooks.len()),
            ("notify.slack", self.slack.len()),
            ("notify.slack_apps", self.slack_apps.len()),
            ("notify.pagerduty", self.pagerduty.len()),
            ("notify.mail", self.mail.len()),
        ];
        let fields = kinds.into_iter().flat_map(|(field, count)| std::iter::repeat_n(field, count));
        let names: Vec<(&str, &str)> = fields.zip(self.names()).collect();
        for (at, (field, name)) in names.iter().enumerate() {
            if name.is_empty() || names.iter().take(at).any(|(_, other)| other == name) {
                let what = format!("`{name}` must be a name of its own");
                problems.push(file.problem(field, what));
            }
        }
        for mail in &self.mail {
            let mut wrong = |what: String| {
                problems.push(file.problem("notify.mail", format!("{}: {what}", mail.name)));
            };
            if mail.host_and_port().is_none() {
                wrong(format!("`{}` is not a server such as smtp.example.com:587", mail.server));
            }
            if mail.to.is_empty() {
                wrong("nobody gets it: name somebody in `to`".to_owned());
            }
            for address in mail.to.iter().chain([&mail.from]) {
                let plain = address.bytes().all(|b| b.is_ascii_graphic());
                let parts = address.split_once('@');
                if !plain || !parts.is_some_and(|(who, host)| !who.is_empty() && !host.is_empty()) {
                    wrong(format!(
                        "`{}` is not an address such as oncall@example.com",
                        address.escape_debug()
                    ));
                }
            }
            if mail.username.is_some() != mail.password_file.is_some() {
                wrong("`username` and `password_file` belong together".to_owned());
            }
        }
        if let Some(beat) = &self.heartbeat
            && !(10..=3600).contains(&beat.every.0)
        {
            let what = format!("every {} is not between 10s and 1h", beat.every);
            problems.push(file.problem("notify.heartbeat.every", what));
        }
    }
}

fn url(
    file: &Document,
    (field, name): (&str, &str),
    text: &str,
    allow_private: bool,
    problems: &mut Vec<Problem>,
) {
    let mut wrong = |what: String| problems.push(file.problem(field, format!("{name}: {what}")));
    let Some(url) = url::Url::parse(text).ok().filter(url::Url::has_host) else {
        return wrong(format!("`{text}` is not a URL such as https://hooks.example.com/x"));
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && allow_private) {
        wrong(
            "the URL must be https; plain http is for private addresses, with `allow_private: true`"
                .to_owned(),
        );
    }
}
