//! Doubles of receivers for tests: an HTTP server that judges what arrives as the real one would.

use super::outbound::{Limits, Outbound};
use super::{Kind, Notice, Outgoing, Stand};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use nightshift_model::{IncidentId, Seconds, Severity, Timestamp};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// What a double answers with: status, headers, body.
pub(crate) type Answer = (u16, Vec<(&'static str, String)>, String);
/// Judges a request as the real receiver would.
pub(crate) type Judge = fn(&HeaderMap, &Value) -> Answer;

/// A receiver.
pub(crate) struct Double {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Value>>>,
    next: Arc<Mutex<VecDeque<Answer>>>,
}

#[derive(Clone)]
struct Inside {
    judge: Judge,
    seen: Arc<Mutex<Vec<Value>>>,
    next: Arc<Mutex<VecDeque<Answer>>>,
}

impl Double {
    /// Listens on loopback; `path` is where the secret would be.
    pub(crate) async fn open(path: &str, judge: Judge) -> Self {
        let (seen, next) = (Arc::default(), Arc::default());
        let inside = Inside { judge, seen: Arc::clone(&seen), next: Arc::clone(&next) };
        let app = Router::new().fallback(receive).with_state(inside);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{path}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, seen, next }
    }

    /// The next requests get these answers, whatever they say.
    pub(crate) fn answers(&self, answers: impl IntoIterator<Item = Answer>) {
        self.next.lock().unwrap().extend(answers);
    }

    /// What arrived and was taken.
    pub(crate) fn seen(&self) -> Vec<Value> {
        self.seen.lock().unwrap().clone()
    }
}

async fn receive(State(inside): State<Inside>, headers: HeaderMap, body: Bytes) -> Response {
    let json: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let forced = inside.next.lock().unwrap().pop_front();
    let (status, more, text) = forced.unwrap_or_else(|| (inside.judge)(&headers, &json));
    if (200..300).contains(&status) {
        inside.seen.lock().unwrap().push(json);
    }
    let mut response = (StatusCode::from_u16(status).unwrap(), text).into_response();
    for (name, value) in more {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

/// A client as the daemon's own.
pub(crate) fn outbound() -> Outbound {
    Outbound::new(Limits::default(), &crate::network::Network::default()).unwrap()
}

pub(crate) fn at(second: u64) -> Timestamp {
    "2026-03-01T02:00:00Z".parse::<Timestamp>().unwrap() + Seconds(second)
}

/// A notice about one incident.
pub(crate) fn notice(kind: Kind, stand: Stand) -> Notice {
    Notice {
        kind,
        stand,
        since: at(0),
        incident: IncidentId::from("inc-0123456789"),
        cluster: "prod-1".to_owned(),
        scope: "Deployment shop/cart".to_owned(),
        reason: Some("CrashLoopBackOff"),
        severity: Some(Severity::Critical),
        phase: "Escalated",
        title: "Needs you: CrashLoopBackOff in Deployment shop/cart".to_owned(),
        lines: vec!["No safe action: nothing fits".to_owned(), "prod-1 · critical".to_owned()],
        cause: None,
        risk: None,
        proposal: None,
        digest: None,
        ballot: None,
        expires_at: None,
        link: Some("https://nightshift.example.com/i/inc-0123456789".to_owned()),
        command: None,
    }
}

pub(crate) fn incident(kind: Kind, stand: Stand) -> Outgoing {
    Outgoing::Incident(Box::new(notice(kind, stand)))
}
