//! PagerDuty, by Events API v2: one incident is one alert there, named by its `dedup_key`.
//!
//! It is opened when a person is needed, acknowledged when a person decided, and resolved only when the fix was proven
//! or the fault went away by itself. Everything else is a note: the alert stays open, because somebody is needed.

mod event;
mod key;

pub use event::Limits;
pub use key::{KeyError, Keys};

use super::outbound::{Destination, Incoming, Outbound};
use super::pace::{Pace, chain};
use super::{Handed, Outgoing};
use bytes::Bytes;
use event::Step;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use nightshift_engine::text::visible_bytes;
use nightshift_model::{Thread, Timestamp};

/// A PagerDuty service.
#[derive(Debug)]
pub struct PagerDuty {
    outbound: Outbound,
    destination: Destination,
    keys: Keys,
    pace: Pace,
}

impl PagerDuty {
    /// A service behind its integration's key.
    pub fn new(outbound: Outbound, destination: Destination, keys: Keys) -> Self {
        Self { outbound, destination, keys, pace: Pace::default() }
    }

    /// One attempt. Repeats are harmless: the alert's name is the same, and so is what it says.
    pub async fn send(
        &self,
        message: &Outgoing,
        key: &str,
        thread: Option<&Thread>,
        now: Timestamp,
    ) -> Handed {
        if let Some(pause) = self.pace.pause(now) {
            return pause;
        }
        let step = match event::step(message, key, thread) {
            Step::Nothing => return Handed::Delivered,
            step @ (Step::Trigger(_) | Step::Acknowledge(_) | Step::Resolve(_)) => step,
        };
        // An alert is changed with the key that opened it; with another one PagerDuty drops the event silently.
        let opened =
            thread.filter(|t| t.key == step.name() && t.state != nightshift_model::ThreadState::Resolved);
        let Some((address, routing)) = self.keys.find(opened.map(|t| t.address.as_str())) else {
            return Handed::Never {
                why:
                    "the alert was opened with a routing key that is no longer in the file: close it by hand"
                        .to_owned(),
            };
        };
        let body = event::render(&step, message, routing, &Limits::default());
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match self.outbound.post(&self.destination, headers, Bytes::from(body.to_string())).await {
            Ok(answer) if answer.status == StatusCode::ACCEPTED => Handed::Threaded(Thread {
                address: address.to_owned(),
                key: step.name().to_owned(),
                state: step.leaves(opened),
            }),
            Ok(answer) => self.read(&answer, now),
            Err(error) => Handed::Later { after: None, why: chain(&error) },
        }
    }

    /// 400 says that the event is wrong, and it would be wrong again.
    fn read(&self, answer: &Incoming, now: Timestamp) -> Handed {
        let said = visible_bytes(&answer.body, 200);
        let why = format!("{} answered {}: {said}", self.destination.host(), answer.status);
        if answer.status == StatusCode::BAD_REQUEST {
            return Handed::Never { why: self.keys.without(&why) };
        }
        self.pace.refused(answer, self.keys.without(&why), now)
    }
}

#[cfg(test)]
mod tests;
