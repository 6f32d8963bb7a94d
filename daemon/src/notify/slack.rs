//! Slack, by incoming webhook: the address is the secret, the channel is fixed, and nothing that was written can be
//! changed. So every message names its incident and links to the page that shows how it stands now.
//!
//! An app in Socket Mode ([`App`], [`socket`]) changes what it wrote, and has buttons.

mod app;
mod blocks;
mod press;
pub mod socket;

pub use app::{App, Tokens};
pub use blocks::{Cut, Limits};
pub use press::{Press, Wish};

use super::outbound::{Destination, DestinationError, Incoming, Outbound};
use super::pace::{Pace, chain};
use super::reach::Reach;
use super::{Handed, Outgoing};
use crate::config::Mention;
use blocks::Keeps;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use nightshift_engine::text::visible_bytes;
use nightshift_model::Timestamp;

/// A Slack channel.
#[derive(Debug)]
pub struct Slack {
    outbound: Outbound,
    destination: Destination,
    mention: Option<Mention>,
    pace: Pace,
}

impl Slack {
    /// A channel behind an incoming webhook's address, which is a secret and never said.
    ///
    /// # Errors
    /// [`DestinationError`] without the address' path.
    pub fn new(
        outbound: Outbound,
        address: &str,
        reach: Reach,
        mention: Option<Mention>,
    ) -> Result<Self, DestinationError> {
        let destination = Destination::secret(address, reach)?;
        Ok(Self { outbound, destination, mention, pace: Pace::default() })
    }

    /// One attempt. Slack has no key for repeats: a lost answer may mean that a message stands there twice.
    pub async fn send(&self, message: &Outgoing, now: Timestamp) -> Handed {
        if let Some(pause) = self.pace.pause(now) {
            return pause;
        }
        let body = blocks::render(message, self.mention.as_ref(), &Limits::default(), Keeps::Fixed);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        match self.outbound.post(&self.destination, headers, Bytes::from(body.to_string())).await {
            Ok(answer) => self.read(&answer, now),
            Err(error) => Handed::Later { after: None, why: chain(&error) },
        }
    }

    /// Only 200 with the body `ok` means that it stands there. A wrong address may be mended before a day is over, so
    /// it is tried again; a message that Slack cannot read never gets better.
    fn read(&self, answer: &Incoming, now: Timestamp) -> Handed {
        let said = visible_bytes(&answer.body, 100);
        if answer.status == StatusCode::OK && said == "ok" {
            return Handed::Delivered;
        }
        let why = format!("{} answered {}: {said}", self.destination.host(), answer.status);
        if answer.status == StatusCode::BAD_REQUEST {
            return Handed::Never { why };
        }
        self.pace.refused(answer, why, now)
    }
}

#[cfg(test)]
mod tests;
