//! A double of Slack as far as an app in Socket Mode needs it, with Slack's real limits: what breaks one is remembered.

use anyhow::Context as _;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

/// The bot's token.
pub const BOT: &str = "xoxb-c4nary-bot-9Qf2";
/// The app's.
pub const APP: &str = "xapp-c4nary-app-7Lw5";
/// The one channel.
pub const CHANNEL: &str = "C0123SHOP";
/// How soon Slack wants a word.
const WORD: Duration = Duration::from_secs(3);

/// A message as it stands.
#[derive(Clone, Debug)]
pub struct Stands {
    /// Its name.
    pub ts: String,
    /// The message whose thread it is in.
    pub thread: Option<String>,
    /// As it was written last.
    pub body: Value,
    /// How often it was changed.
    pub changes: usize,
}

/// What an answer is in place of the real one: status, `Retry-After`, body.
pub type Instead = (u16, Option<u32>, Value);

enum Command {
    Say(String),
    Cut,
}

#[derive(Default)]
struct Inside {
    calls: Vec<String>,
    instead: BTreeMap<String, VecDeque<Instead>>,
    tickets: BTreeSet<String>,
    links: String,
    messages: Vec<Stands>,
    whispers: Vec<Value>,
    broken: Vec<String>,
    lines: Vec<mpsc::UnboundedSender<Command>>,
    waiting: BTreeMap<String, oneshot::Sender<()>>,
    count: u64,
}

/// The double.
#[derive(Clone)]
pub struct Slack {
    /// Where its methods are.
    pub api: String,
    inside: Arc<Mutex<Inside>>,
}

impl Slack {
    /// Opens it on loopback.
    ///
    /// # Errors
    /// When nothing can be listened on.
    pub async fn open() -> anyhow::Result<Self> {
        let (methods, links) =
            (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
        let inside = Arc::new(Mutex::new(Inside {
            links: format!("ws://{}", links.local_addr()?),
            ..Inside::default()
        }));
        let slack = Self { api: format!("http://{}/api", methods.local_addr()?), inside };
        let app = Router::new().route("/api/{method}", post(called)).with_state(slack.clone());
        tokio::spawn(async move { axum::serve(methods, app).await });
        let answering = slack.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = links.accept().await {
                tokio::spawn(answering.clone().line(stream));
            }
        });
        Ok(slack)
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next calls of a method are answered so.
    pub fn instead(&self, method: &str, answers: impl IntoIterator<Item = Instead>) {
        self.lock().instead.entry(method.to_owned()).or_default().extend(answers);
    }

    /// Every method that was called.
    pub fn calls(&self, method: &str) -> usize {
        self.lock().calls.iter().filter(|one| *one == method).count()
    }

    /// The messages of the channel itself.
    pub fn messages(&self) -> Vec<Stands> {
        self.lock().messages.iter().filter(|m| m.thread.is_none()).cloned().collect()
    }

    /// What stands in the thread below one.
    pub fn thread(&self, ts: &str) -> Vec<Stands> {
        self.lock().messages.iter().filter(|m| m.thread.as_deref() == Some(ts)).cloned().collect()
    }

    /// Somebody takes a message away.
    pub fn take_away(&self, ts: &str) {
        self.lock().messages.retain(|m| m.ts != ts);
    }

    /// What single members were told: who, and what.
    pub fn whispers(&self) -> Vec<(String, String)> {
        let text =
            |body: &Value, name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        self.lock().whispers.iter().map(|body| (text(body, "user"), text(body, "text"))).collect()
    }

    /// Every limit that was broken.
    pub fn broken(&self) -> Vec<String> {
        self.lock().broken.clone()
    }

    /// How many connections there are.
    pub fn lines(&self) -> usize {
        self.lock().lines.iter().filter(|line| !line.is_closed()).count()
    }

    /// Says something on the newest connection.
    pub fn say(&self, text: impl Into<String>) -> bool {
        let newest = self.lock().lines.last().cloned();
        newest.is_some_and(|line| line.send(Command::Say(text.into())).is_ok())
    }

    /// Cuts the newest connection without a word.
    pub fn cut(&self) {
        if let Some(line) = self.lock().lines.last() {
            let _ = line.send(Command::Cut);
        }
    }

    /// Somebody presses a button. Whether it was acknowledged as soon as Slack wants it.
    pub async fn press(&self, envelope: &str, user: &str, button: (&str, &str), stamp: &str) -> bool {
        let payload = json!({"type": "block_actions", "user": {"id": user}, "channel": {"id": CHANNEL},
            "actions": [{"action_id": button.0, "value": button.1, "action_ts": stamp, "type": "button"}]});
        self.tell(envelope, &payload).await
    }

    /// Tells any payload.
    pub async fn tell(&self, envelope: &str, payload: &Value) -> bool {
        let (word, had) = oneshot::channel();
        self.lock().waiting.insert(envelope.to_owned(), word);
        let said = json!({"type": "interactive", "envelope_id": envelope, "accepts_response_payload": false,
            "payload": payload});
        self.say(said.to_string()) && matches!(tokio::time::timeout(WORD, had).await, Ok(Ok(())))
    }

    /// The value of a button of a message.
    pub fn button(message: &Stands, action: &str) -> Option<String> {
        let blocks = message.body.get("blocks")?.as_array()?;
        let mut all = blocks.iter().filter_map(|b| b.get("elements")?.as_array()).flatten();
        let found = all.find(|e| e.get("action_id").and_then(Value::as_str) == Some(action))?;
        found.get("value").or_else(|| found.get("url")).and_then(Value::as_str).map(str::to_owned)
    }

    /// One connection: the handshake, for a ticket that is good once, then what it is told to say.
    async fn line(self, stream: TcpStream) -> Option<()> {
        let (mut stream, head) = head(stream).await?;
        let ticket = head.split_once("ticket=")?.1.split(' ').next()?.to_owned();
        if !self.lock().tickets.remove(&ticket) {
            stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await.ok()?;
            return None;
        }
        let key = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim().to_owned())
        })?;
        let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
        let accept = STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()));
        let agreed = format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
        );
        stream.write_all(agreed.as_bytes()).await.ok()?;
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        socket.send(Message::text(json!({"type": "hello", "num_connections": 1}).to_string())).await.ok()?;
        let (line, mut commands) = mpsc::unbounded_channel();
        self.lock().lines.push(line);
        loop {
            tokio::select! {
                command = commands.recv() => match command? {
                    Command::Say(text) => socket.send(Message::text(text)).await.ok()?,
                    Command::Cut => return Some(()),
                },
                frame = socket.next() => if let Message::Text(text) = frame?.ok()? {
                    let said: Value = serde_json::from_str(&text).ok()?;
                    let envelope = said.get("envelope_id").and_then(Value::as_str)?;
                    if let Some(word) = self.lock().waiting.remove(envelope) {
                        let _ = word.send(());
                    }
                },
            }
        }
    }
}

async fn head(mut stream: TcpStream) -> Option<(TcpStream, String)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 8_192 {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok().map(|head| (stream, head))
}

async fn called(
    State(slack): State<Slack>,
    Path(method): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let mut inside = slack.lock();
    inside.calls.push(method.clone());
    if let Some((status, after, body)) = inside.instead.get_mut(&method).and_then(VecDeque::pop_front) {
        let mut answer = (StatusCode::from_u16(status).unwrap_or_default(), body.to_string()).into_response();
        if let Some(after) = after {
            answer.headers_mut().insert("retry-after", after.into());
        }
        return answer;
    }
    let body: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
    let answered = inside.answer(&method, &headers, &body).unwrap_or_else(|error| {
        if error != "message_not_found" {
            inside.broken.push(format!("{method}: {error}: {body}"));
        }
        json!({"ok": false, "error": error})
    });
    answered.to_string().into_response()
}

impl Inside {
    fn answer(&mut self, method: &str, headers: &HeaderMap, body: &Value) -> Result<Value, &'static str> {
        let token = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let wanted = if method == "apps.connections.open" { APP } else { BOT };
        if token != format!("Bearer {wanted}") {
            return Err(if token.contains("xapp-") { "not_allowed_token_type" } else { "invalid_auth" });
        }
        self.count += 1;
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        if method == "apps.connections.open" {
            let ticket = format!("t{}", self.count);
            self.tickets.insert(ticket.clone());
            return Ok(json!({"ok": true, "url": format!("{}/link/?ticket={ticket}", self.links)}));
        }
        if text("channel") != Some(CHANNEL) {
            return Err("channel_not_found");
        }
        fits(body)?;
        match method {
            "chat.postMessage" => {
                let thread = text("thread_ts").map(str::to_owned);
                if thread.as_ref().is_some_and(|ts| !self.messages.iter().any(|m| m.ts == *ts)) {
                    return Err("thread_not_found");
                }
                let ts = format!("1772330400.{:06}", self.count);
                self.messages.push(Stands { ts: ts.clone(), thread, body: body.clone(), changes: 0 });
                Ok(json!({"ok": true, "channel": CHANNEL, "ts": ts}))
            }
            "chat.update" => {
                let found = self.messages.iter_mut().find(|m| Some(m.ts.as_str()) == text("ts"));
                let found = found.ok_or("message_not_found")?;
                found.body = body.clone();
                found.changes += 1;
                Ok(json!({"ok": true, "channel": CHANNEL, "ts": found.ts}))
            }
            "chat.postEphemeral" => {
                text("user").filter(|user| user.starts_with('U')).ok_or("user_not_in_channel")?;
                self.whispers.push(body.clone());
                Ok(json!({"ok": true, "message_ts": "1772330400.000001"}))
            }
            _ => Err("unknown_method"),
        }
    }
}

/// Slack's limits of a message (block-kit), counted in characters.
fn fits(body: &Value) -> Result<(), &'static str> {
    let long = |text: Option<&Value>, most: usize| {
        let text = text.and_then(Value::as_str).unwrap_or_default();
        !(1..=most).contains(&text.chars().count())
    };
    if long(body.get("text"), 40_000) {
        return Err("no_text");
    }
    let blocks = body.get("blocks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if blocks.len() > 50 {
        return Err("invalid_blocks");
    }
    for block in blocks {
        let at = |path: &str| block.pointer(path);
        let elements = at("/elements").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let fits = match at("/type").and_then(Value::as_str) {
            Some("header") => !long(at("/text/text"), 150),
            Some("section") => !long(at("/text/text"), 3_000),
            Some("context") => {
                (1..=10).contains(&elements.len()) && !elements.iter().any(|e| long(e.get("text"), 3_000))
            }
            Some("actions") => {
                (1..=25).contains(&elements.len())
                    && elements.iter().all(|e| {
                        let missing = |path: &str, most| e.pointer(path).is_some_and(|v| long(Some(v), most));
                        !long(e.pointer("/text/text"), 75)
                            && !long(e.get("action_id"), 255)
                            && !missing("/value", 2_000)
                            && !missing("/url", 3_000)
                            && !missing("/confirm/title/text", 100)
                            && !missing("/confirm/text/text", 300)
                            && !missing("/confirm/confirm/text", 30)
                            && !missing("/confirm/deny/text", 30)
                    })
            }
            _ => false,
        };
        if !fits {
            return Err("invalid_blocks");
        }
    }
    if !blocks.is_empty() && body.get("unfurl_links") != Some(&Value::Bool(false)) {
        return Err("links would be opened by Slack");
    }
    Ok(())
}

/// The files of the two tokens, and the lines of the configuration that name them.
///
/// # Errors
/// When they cannot be written.
pub fn configuration(folder: &std::path::Path, slack: &Slack) -> anyhow::Result<String> {
    std::fs::write(folder.join("bot.token"), format!("{BOT}\n")).context("the bot's token")?;
    std::fs::write(folder.join("app.token"), format!("{APP}\n")).context("the app's token")?;
    Ok(format!(
        "notify:
  slack_apps:
    - name: chat
      channel: {CHANNEL}
      bot_token_file: bot.token
      app_token_file: app.token
      mention: here
      api: \"{}\"
      allow_private: true
",
        slack.api
    ))
}
