//! Standard Webhooks 1.0: a signed POST that any receiver can check with a stock library.

mod sign;

pub use sign::{KeyError, Keys};

use super::outbound::{Destination, Incoming, Outbound};
use super::pace::{Pace, chain};
use super::{Handed, Outgoing};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use nightshift_model::Timestamp;
use serde::Serialize;
use std::sync::atomic::{AtomicBool, Ordering};

/// One endpoint.
#[derive(Debug)]
pub struct Webhook {
    outbound: Outbound,
    destination: Destination,
    keys: Keys,
    /// 410: the receiver wants nothing more. Until restart.
    gone: AtomicBool,
    pace: Pace,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    timestamp: Timestamp,
    data: &'a Outgoing,
}

impl Webhook {
    /// An endpoint that is signed for with its own keys.
    pub fn new(outbound: Outbound, destination: Destination, keys: Keys) -> Self {
        Self { outbound, destination, keys, gone: AtomicBool::new(false), pace: Pace::default() }
    }

    /// One attempt. `id` is the same for every attempt at one message.
    pub async fn send(&self, id: &str, message: &Outgoing, now: Timestamp) -> Handed {
        if self.gone.load(Ordering::Relaxed) {
            return Handed::Never {
                why: "the endpoint answered 410 Gone; nothing is sent until restart".to_owned(),
            };
        }
        if let Some(pause) = self.pace.pause(now) {
            return pause;
        }
        let body = match serde_json::to_vec(&Body { r#type: message.kind(), timestamp: now, data: message }) {
            Ok(body) => Bytes::from(body),
            Err(error) => {
                return Handed::Never { why: format!("the message cannot be written as JSON: {error}") };
            }
        };
        let id = id.replace('.', "-"); // a dot separates the parts of what is signed
        let Ok(headers) = self.headers(&id, now, &body) else {
            return Handed::Never { why: "the message's key is no header value".to_owned() };
        };
        match self.outbound.post(&self.destination, headers, body).await {
            Ok(answer) => self.read(&answer, now),
            Err(error) => Handed::Later { after: None, why: chain(&error) },
        }
    }

    fn headers(
        &self,
        id: &str,
        now: Timestamp,
        body: &[u8],
    ) -> Result<HeaderMap, http::header::InvalidHeaderValue> {
        let second = now.get().as_second();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("webhook-id", HeaderValue::from_str(id)?);
        headers.insert("webhook-timestamp", HeaderValue::from(second));
        headers.insert("webhook-signature", HeaderValue::from_str(&self.keys.signatures(id, second, body))?);
        Ok(headers)
    }

    fn read(&self, answer: &Incoming, now: Timestamp) -> Handed {
        let status = answer.status;
        let why = format!("{} answered {status}", self.destination.host());
        if status.is_success() {
            return Handed::Delivered;
        }
        if status == StatusCode::GONE {
            self.gone.store(true, Ordering::Relaxed);
            return Handed::Never { why: format!("{why}; nothing is sent until restart") };
        }
        self.pace.refused(answer, why, now)
    }
}

#[cfg(test)]
mod tests;
