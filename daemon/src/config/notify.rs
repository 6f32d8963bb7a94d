//! `notify:`.

use super::read::{Document, Problem};
use serde::{Deserialize, Deserializer, de};
use std::path::PathBuf;

/// Who is told, and when.
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notify {
    /// Endpoints that get every message, signed as Standard Webhooks describes.
    pub webhooks: Vec<Webhook>,
    /// When the morning digest goes out.
    pub digest: DigestTime,
}

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
    pub(super) fn check(&self, file: &Document, problems: &mut Vec<Problem>) {
        if jiff::tz::TimeZone::get(&self.digest.zone).is_err() {
            let what = format!("`{}` is not an IANA time zone such as Europe/Berlin", self.digest.zone);
            problems.push(file.problem("notify.digest.zone", what));
        }
        for (at, hook) in self.webhooks.iter().enumerate() {
            let mut wrong = |what: String| problems.push(file.problem("notify.webhooks", what));
            if hook.name.is_empty() || self.webhooks.iter().take(at).any(|other| other.name == hook.name) {
                wrong(format!("`{}` must be a name of its own", hook.name));
            }
            let Some(url) = url::Url::parse(&hook.url).ok().filter(url::Url::has_host) else {
                wrong(format!(
                    "{}: `{}` is not a URL such as https://hooks.example.com/x",
                    hook.name, hook.url
                ));
                continue;
            };
            if url.scheme() != "https" && !(url.scheme() == "http" && hook.allow_private) {
                wrong(format!(
                    "{}: the URL must be https; plain http is for private addresses, with `allow_private: true`",
                    hook.name
                ));
            }
        }
    }
}
