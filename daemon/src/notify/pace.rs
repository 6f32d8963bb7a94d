//! Pauses that a receiver asked for, and what its refusals mean.

use super::Handed;
use super::outbound::Incoming;
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use nightshift_model::{Seconds, Timestamp};
use std::sync::Mutex;

/// Nobody is waited for longer than this, whatever `Retry-After` says.
const LONGEST_WAIT: Seconds = Seconds(3600);
/// Pause when a receiver asks for one and names no length.
const PAUSE: Seconds = Seconds(60);

/// Nothing is sent to a receiver before it said so.
#[derive(Debug)]
pub struct Pace {
    until: Mutex<Timestamp>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { until: Mutex::new(Timestamp::EPOCH) }
    }
}

impl Pace {
    /// What to say while a pause lasts.
    pub fn pause(&self, now: Timestamp) -> Option<Handed> {
        let until = self.until.lock().map_or(Timestamp::EPOCH, |until| *until);
        (now < until).then(|| Handed::Later {
            after: Some(until.since(now)),
            why: "the endpoint asked for a pause".to_owned(),
        })
    }

    /// A refusal: with a pause if the receiver is overloaded or says how long, else to be tried again as usual.
    pub fn refused(&self, answer: &Incoming, why: String, now: Timestamp) -> Handed {
        let throttled = [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::BAD_GATEWAY,
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::GATEWAY_TIMEOUT,
        ];
        if !throttled.contains(&answer.status) {
            return Handed::Later { after: None, why };
        }
        let wait = retry_after(&answer.headers, now).unwrap_or(PAUSE).min(LONGEST_WAIT);
        if let Ok(mut until) = self.until.lock() {
            *until = (*until).max(now + wait);
        }
        Handed::Later { after: Some(wait), why }
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
pub fn chain(error: &dyn std::error::Error) -> String {
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
