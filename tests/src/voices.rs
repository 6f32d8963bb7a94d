//! Slack, PagerDuty and whoever hears the heart, on one port of this machine. They refuse what the real ones would
//! refuse of a well-meant message, and remember when they heard the rest.

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use http::StatusCode;
use nightshift::clock::Clock;
use nightshift_model::Timestamp;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What must never be told: an address' path, a routing key, another address' path.
pub const SECRETS: [&str; 3] = ["c4nary-slack-4kQ9", "c4naryPagerKeyc4naryPagerKey0000", "c4nary-heart-7bW2"];

/// Bytes of one event, as PagerDuty takes them.
const EVENT_BYTES: usize = 512 * 1024;
/// Characters of a name that events share.
const DEDUP_CHARS: usize = 255;
/// Characters of a summary.
const SUMMARY_CHARS: usize = 1024;
/// Characters of a post.
const TEXT_CHARS: usize = 40_000;
/// Blocks of a post.
const BLOCKS: usize = 50;

/// Something that was said, and when.
#[derive(Clone, Debug)]
pub struct Said {
    /// When it arrived.
    pub at: Timestamp,
    /// Where.
    pub path: String,
    /// What.
    pub body: Value,
}

/// What was heard and refused.
#[derive(Default)]
struct Ear {
    heard: Vec<Said>,
    refused: Vec<String>,
    lose: u32,
}

/// The receivers; they end with this value.
pub struct Voices {
    url: String,
    ear: Arc<Mutex<Ear>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Voices {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Voices {
    /// Opens them. So many of the pager's first events are lost to a 500.
    ///
    /// # Errors
    /// When nothing can be listened on.
    pub async fn open(lose: u32) -> anyhow::Result<Self> {
        let ear = Arc::new(Mutex::new(Ear { lose, ..Ear::default() }));
        let app = Router::new().route("/{*path}", post(hear)).with_state(Arc::clone(&ear));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { url, ear, task })
    }

    /// `notify:` of a configuration that speaks to them; the secrets are written into a folder.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn notify(&self, folder: &Path, production: &[&str]) -> anyhow::Result<Value> {
        let [slack, pager, heart] = SECRETS;
        let url = &self.url;
        for (name, text) in [
            ("slack.url", format!("{url}/services/{slack}\n")),
            ("pager.key", format!("{pager}\n")),
            ("heart.url", format!("{url}/ping/{heart}\n")),
        ] {
            std::fs::write(folder.join(name), text).with_context(|| name.to_owned())?;
        }
        Ok(json!({
            "slack": [{"name": "chat", "url_file": folder.join("slack.url"), "allow_private": true}],
            "pagerduty": [{
                "name": "pager", "routing_key_file": folder.join("pager.key"), "url": format!("{url}/v2/enqueue"),
                "allow_private": true,
            }],
            "production": production,
            "heartbeat": {"url_file": folder.join("heart.url"), "every": "10s", "allow_private": true},
        }))
    }

    /// `notify:` of a configuration with a webhook beside them, and nothing but it and the pager routed.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn hook(&self, folder: &Path) -> anyhow::Result<Value> {
        let mut notify = self.notify(folder, &[])?;
        let key = folder.join("hook.key");
        std::fs::write(&key, format!("whsec_{}\n", "c4nary0hook0key0".repeat(2)))?;
        let url = format!("{}/hook", self.url);
        let hook = json!([{"name": "hook", "url": url, "secret_file": key, "allow_private": true}]);
        let fields = notify.as_object_mut().context("notify")?;
        fields.insert("webhooks".to_owned(), hook);
        fields.insert("routes".to_owned(), json!([{"page": ["pager"], "post": ["hook"]}]));
        Ok(notify)
    }

    /// What the webhook got, by its type.
    pub fn hooked(&self, kind: &str) -> Vec<Value> {
        let of_kind = |said: &Said| text(&said.body, "type") == kind;
        let data = |said: Said| said.body.get("data").cloned().unwrap_or_default();
        self.at("hook").into_iter().filter(of_kind).map(data).collect()
    }

    /// Everything that was said anywhere, as text.
    pub fn all(&self) -> String {
        self.ear().heard.iter().map(|said| said.body.to_string()).collect()
    }

    fn ear(&self) -> MutexGuard<'_, Ear> {
        self.ear.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn at(&self, path: &str) -> Vec<Said> {
        self.ear().heard.iter().filter(|said| said.path.contains(path)).cloned().collect()
    }

    /// The pager's events.
    pub fn events(&self) -> Vec<Said> {
        self.at("enqueue")
    }

    /// What they ask of the pager, in order.
    pub fn actions(&self) -> Vec<String> {
        let action = |said: &Said| text(&said.body, "event_action").to_owned();
        self.events().iter().map(action).collect()
    }

    /// When the pager was first asked for something.
    pub fn acted(&self, action: &str) -> Option<Timestamp> {
        self.events().iter().find(|said| text(&said.body, "event_action") == action).map(|said| said.at)
    }

    /// Posts in Slack, by their text.
    pub fn posts(&self) -> Vec<String> {
        self.at("services").iter().map(|said| text(&said.body, "text").to_owned()).collect()
    }

    /// How often the heart beat.
    pub fn beats(&self) -> usize {
        self.at("ping").len()
    }

    /// What was refused, and why. Events that were lost on purpose are none.
    pub fn refused(&self) -> Vec<String> {
        self.ear().refused.clone()
    }
}

async fn hear(State(ear): State<Arc<Mutex<Ear>>>, uri: http::Uri, body: Bytes) -> (StatusCode, String) {
    let mut ear = ear.lock().unwrap_or_else(PoisonError::into_inner);
    let pager = uri.path().contains("enqueue");
    if pager && ear.lose > 0 {
        ear.lose -= 1;
        return (StatusCode::INTERNAL_SERVER_ERROR, SECRETS[1].to_owned());
    }
    let json: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let judged = match uri.path() {
        path if path.contains("enqueue") => event(&json, body.len()),
        path if path.contains("services") => message(&json),
        _ => Ok(()),
    };
    if let Err(why) = judged {
        ear.refused.push(format!("{}: {why}", uri.path()));
        return (StatusCode::BAD_REQUEST, why.to_owned());
    }
    ear.heard.push(Said { at: Clock::wall().now(), path: uri.path().to_owned(), body: json });
    (if pager { StatusCode::ACCEPTED } else { StatusCode::OK }, "ok".to_owned())
}

fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    body.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// Events API v2.
fn event(body: &Value, bytes: usize) -> Result<(), &'static str> {
    let summary = body.pointer("/payload/summary").and_then(Value::as_str).unwrap_or_default();
    let severity = body.pointer("/payload/severity").and_then(Value::as_str).unwrap_or_default();
    let name = text(body, "dedup_key").chars().count();
    let trigger = text(body, "event_action") == "trigger";
    let wrong = [
        (bytes > EVENT_BYTES, "the event is too large"),
        (text(body, "routing_key") != SECRETS[1], "the routing key is not known"),
        (!matches!(text(body, "event_action"), "trigger" | "acknowledge" | "resolve"), "no such action"),
        (name == 0 || name > DEDUP_CHARS, "the dedup key is missing or too long"),
        (
            trigger && !(1..=SUMMARY_CHARS).contains(&summary.chars().count()),
            "the summary is missing or too long",
        ),
        (trigger && !matches!(severity, "critical" | "error" | "warning" | "info"), "no such severity"),
    ];
    wrong.into_iter().find(|(bad, _)| *bad).map_or(Ok(()), |(_, why)| Err(why))
}

/// An incoming webhook.
fn message(body: &Value) -> Result<(), &'static str> {
    let said = text(body, "text").chars().count();
    let blocks = body.get("blocks").and_then(Value::as_array).map_or(0, Vec::len);
    let wrong = [
        (said == 0 && blocks == 0, "no_text"),
        (said > TEXT_CHARS, "msg_too_long"),
        (blocks > BLOCKS, "invalid_blocks"),
    ];
    wrong.into_iter().find(|(bad, _)| *bad).map_or(Ok(()), |(_, why)| Err(why))
}
