//! `notify:`.

mod channels;
mod routes;

pub use channels::{Heartbeat, Mail, MailTls, Mention, PagerDuty, Slack, SlackApp, Webhook};
pub use routes::{DigestOnly, RouteRow, Window};

use super::read::{Document, Problem};
use serde::{Deserialize, Deserializer, de};

/// Who is told, how loudly, and when.
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notify {
    /// Endpoints that get signed messages, as Standard Webhooks describes.
    pub webhooks: Vec<Webhook>,
    /// Slack channels, by incoming webhook.
    pub slack: Vec<Slack>,
    /// Slack channels, by an app in Socket Mode.
    pub slack_apps: Vec<SlackApp>,
    /// PagerDuty services, by Events API v2.
    pub pagerduty: Vec<PagerDuty>,
    /// Mail, by SMTP.
    pub mail: Vec<Mail>,
    /// Namespaces in which a waiting proposal wakes somebody when no route says otherwise; a trailing `*` matches any
    /// ending.
    pub production: Vec<String>,
    /// Who hears of what, and how loudly. The first row that matches counts.
    pub routes: Vec<RouteRow>,
    /// An address that is told regularly that nightshift works: whoever misses it wakes somebody.
    pub heartbeat: Option<Heartbeat>,
    /// When the morning digest goes out.
    pub digest: DigestTime,
}

/// When the digest goes out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DigestTime {
    /// The time of day, as in `08:00`.
    pub at: At,
    /// The IANA time zone, as in `Europe/Berlin`. When clocks go forward over `at`, the digest goes out at the next
    /// minute that exists; when they go back, once, at the first.
    pub zone: String,
}

/// A time of day with minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At(pub jiff::civil::Time);

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let wrong = || de::Error::custom(format!("`{text}` is not a time of day such as \"08:00\""));
        let (hour, minute) = text.split_once(':').filter(|(_, m)| m.len() == 2).ok_or_else(wrong)?;
        let (hour, minute) = (hour.parse().map_err(|_| wrong())?, minute.parse().map_err(|_| wrong())?);
        jiff::civil::Time::new(hour, minute, 0, 0).map(Self).map_err(|_| wrong())
    }
}

impl Default for DigestTime {
    fn default() -> Self {
        Self { at: At(jiff::civil::time(8, 0, 0, 0)), zone: "UTC".to_owned() }
    }
}

impl DigestTime {
    /// The zone; UTC when it is unknown, which loading refuses.
    pub fn time_zone(&self) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::get(&self.zone).unwrap_or(jiff::tz::TimeZone::UTC)
    }
}

impl Notify {
    /// Every channel's name, in the order of the file: webhooks, Slack, Slack apps, PagerDuty, mail.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let hooks = self.webhooks.iter().map(|c| c.name.as_str());
        let slack = self.slack.iter().map(|c| c.name.as_str());
        let pagers = self.pagerduty.iter().map(|c| c.name.as_str());
        let apps = self.slack_apps.iter().map(|c| c.name.as_str());
        hooks.chain(slack).chain(apps).chain(pagers).chain(self.mail.iter().map(|c| c.name.as_str()))
    }

    /// Every path in it, to be read as relative to the file.
    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut std::path::PathBuf> {
        let hooks = self.webhooks.iter_mut().map(|c| &mut c.secret_file);
        let slack = self.slack.iter_mut().map(|c| &mut c.url_file);
        let pagers = self.pagerduty.iter_mut().map(|c| &mut c.routing_key_file);
        let mail = self.mail.iter_mut().flat_map(|c| [&mut c.password_file, &mut c.ca_file]).flatten();
        let beat = self.heartbeat.iter_mut().map(|c| &mut c.url_file);
        let apps = self.slack_apps.iter_mut().flat_map(|c| [&mut c.bot_token_file, &mut c.app_token_file]);
        hooks.chain(slack).chain(apps).chain(pagers).chain(mail).chain(beat)
    }

    pub(super) fn check(&self, file: &Document, problems: &mut Vec<Problem>) {
        if jiff::tz::TimeZone::get(&self.digest.zone).is_err() {
            let what = format!("`{}` is not an IANA time zone such as Europe/Berlin", self.digest.zone);
            problems.push(file.problem("notify.digest.zone", what));
        }
        self.check_channels(file, problems);
        self.check_routes(file, problems);
    }
}
