//! Standard Webhooks 1.0: a signed POST that any receiver can check with a stock library.

mod sign;

pub use sign::{KeyError, Keys};

use super::outbound::{Destination, Incoming, Outbound};
use super::{Handed, Outgoing};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use nightshift_model::{Seconds, Timestamp};
use serde::Serialize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Nobody is waited for longer than this, whatever `Retry-After` says.
const LONGEST_WAIT: Seconds = Seconds(3600);
/// Pause when a receiver asks for one and names no length.
const PAUSE: Seconds = Seconds(60);

/// One endpoint.
#[derive(Debug)]
pub struct Webhook {
    outbound: Outbound,
    destination: Destination,
    keys: Keys,
    /// 410: the receiver wants nothing more. Until restart.
    gone: AtomicBool,
    /// Nothing is sent before.
    paused_until: Mutex<Timestamp>,
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
        let paused_until = Mutex::new(Timestamp::EPOCH);
        Self { outbound, destination, keys, gone: AtomicBool::new(false), paused_until }
    }

    /// One attempt. `id` is the same for every attempt at one message.
    pub async fn send(&self, id: &str, message: &Outgoing, now: Timestamp) -> Handed {
        if self.gone.load(Ordering::Relaxed) {
            return Handed::Never {
                why: "the endpoint answered 410 Gone; nothing is sent until restart".to_owned(),
            };
        }
        let until = self.paused_until.lock().map_or(Timestamp::EPOCH, |until| *until);
        if now < until {
            return Handed::Later {
                after: Some(until.since(now)),
                why: "the endpoint asked for a pause".to_owned(),
            };
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
        let throttled = [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::BAD_GATEWAY,
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::GATEWAY_TIMEOUT,
        ];
        if status == StatusCode::GONE {
            self.gone.store(true, Ordering::Relaxed);
            return Handed::Never { why: format!("{why}; nothing is sent until restart") };
        }
        if throttled.contains(&status) {
            let wait = retry_after(&answer.headers, now).unwrap_or(PAUSE).min(LONGEST_WAIT);
            if let Ok(mut until) = self.paused_until.lock() {
                *until = (*until).max(now + wait);
            }
            return Handed::Later { after: Some(wait), why };
        }
        Handed::Later { after: None, why }
    }
}

/// Seconds or an HTTP date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Seconds> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Seconds(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Timestamp::new(date).since(now))
}

/// An error and what caused it, each said once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests;
