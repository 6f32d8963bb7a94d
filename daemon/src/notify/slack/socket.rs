//! Socket Mode: a connection that goes out, over which Slack tells who pressed what. Nothing listens for it.
//!
//! Slack wants a word within three seconds for everything it tells, so a press is acknowledged first and dealt with after;
//! it may tell things twice, and ends the connection every few hours.

use super::app::{App, read};
use super::press::{self, Press};
use crate::clock::Clock;
use crate::notify::Handed;
use crate::notify::outbound::{Destination, Outbound};
use crate::notify::pace::{Pace, chain};
use crate::notify::reach::Reach;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{SinkExt as _, StreamExt as _};
use http::HeaderMap;
use nightshift_engine::text::visible;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_util::sync::CancellationToken;
use url::Url;

/// Answers a press with a few words for whoever pressed.
pub type Answer = Arc<dyn Fn(Press) -> BoxFuture<'static, String> + Send + Sync>;

/// Bytes of what Slack tells at once: a payload holds the whole message that was pressed.
const LARGEST: usize = 256 * 1024;
/// Presses that wait; with more, Slack is not answered, and says so to whoever pressed.
const WAITING: usize = 64;
/// Presses remembered, so that one told twice is one.
const REMEMBERED: usize = 1_024;

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Slack pings every few seconds; a connection that is silent for so long is dead.
    pub idle: Duration,
    /// After the first failure; it doubles.
    pub first: Duration,
    /// But not beyond this.
    pub longest: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(60),
            first: Duration::from_secs(1),
            longest: Duration::from_secs(120),
        }
    }
}

/// The connection of one app.
pub struct Socket {
    app: Arc<App>,
    answer: Answer,
    clock: Clock,
    patience: Patience,
    pace: Pace,
}

/// Why a connection ended.
#[derive(Debug)]
enum End {
    /// Slack wants another one, or the line was cut after it had worked.
    Again(String),
    /// It could not be had.
    Failed(String, Option<Duration>),
    /// We stop.
    Stopped,
}

#[derive(Deserialize)]
struct Envelope {
    r#type: String,
    #[serde(default)]
    envelope_id: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    payload: Value,
}

impl Socket {
    /// The connection of an app, with whoever answers presses.
    pub fn new(app: Arc<App>, answer: Answer, clock: Clock, patience: Patience) -> Self {
        Self { app, answer, clock, patience, pace: Pace::default() }
    }

    /// Stays connected until it is stopped; presses under way are finished.
    pub async fn run(&self, stop: &CancellationToken) {
        let (told, presses) = mpsc::channel(WAITING);
        tokio::join!(self.stay(told, stop), self.deal(presses));
    }

    async fn stay(&self, told: mpsc::Sender<Press>, stop: &CancellationToken) {
        let mut seen = Seen::default();
        let mut failures = 0_u32;
        loop {
            let wait = match self.once(&told, &mut seen, stop).await {
                End::Stopped => return,
                End::Again(why) => {
                    tracing::info!(why, channel = self.app.channel, "Slack's connection is made anew");
                    failures = 0;
                    self.patience.first
                }
                End::Failed(why, after) => {
                    tracing::warn!(
                        why,
                        channel = self.app.channel,
                        "no connection to Slack: its buttons do nothing now"
                    );
                    let doubled = self.patience.first.saturating_mul(1 << failures.min(10));
                    failures = failures.saturating_add(1);
                    doubled.min(self.patience.longest).max(after.unwrap_or_default())
                }
            };
            tokio::select! { () = stop.cancelled() => return, () = self.clock.sleep_real(wait) => {} }
        }
    }

    /// One connection, from its opening to its end.
    async fn once(&self, told: &mpsc::Sender<Press>, seen: &mut Seen, stop: &CancellationToken) -> End {
        let opening = async {
            let place = self.address().await?;
            let mut key = [0; 16];
            getrandom::fill(&mut key).map_err(|e| End::Failed(format!("no chance: {e}"), None))?;
            let opened = self.app.outbound.socket(&place, key).await;
            opened.map_err(|e| End::Failed(chain(&e), None))
        };
        let opened =
            tokio::select! { () = stop.cancelled() => return End::Stopped, opened = opening => opened };
        let stream = match opened {
            Ok(stream) => stream,
            Err(end) => return end,
        };
        let config = WebSocketConfig::default().max_message_size(Some(LARGEST)).max_frame_size(Some(LARGEST));
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await;
        let mut greeted = Greeted::No;
        loop {
            let next = tokio::time::timeout(self.patience.idle, socket.next());
            let frame = tokio::select! {
                () = stop.cancelled() => {
                    let _ = tokio::time::timeout(self.patience.first, socket.close(None)).await;
                    return End::Stopped;
                }
                frame = next => frame,
            };
            let text = match frame {
                Ok(Some(Ok(Message::Text(text)))) => text,
                Ok(Some(Ok(
                    Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_),
                ))) => continue,
                Ok(Some(Ok(Message::Close(_))) | None) => return greeted.end("Slack closed it"),
                Ok(Some(Err(error))) => return greeted.end(&chain(&error)),
                Err(_) => return greeted.end("Slack fell silent"),
            };
            let Ok(envelope) = serde_json::from_str::<Envelope>(&text) else { continue };
            match envelope.r#type.as_str() {
                "hello" => greeted = Greeted::Yes,
                "disconnect" => {
                    let why = visible(envelope.reason.as_deref().unwrap_or("no reason"), 60);
                    // Switched off by somebody: it is asked for again, and not at once.
                    return if why == "link_disabled" {
                        End::Failed(
                            "Socket Mode is switched off for the app".to_owned(),
                            Some(self.patience.longest),
                        )
                    } else {
                        End::Again(why)
                    };
                }
                _ => {
                    if let Some(id) = envelope.envelope_id
                        && let Err(end) = self.hear(&mut socket, &id, &envelope.payload, told, seen).await
                    {
                        return end;
                    }
                }
            }
        }
    }

    /// Acknowledges what Slack tells, then hands a press on. What finds no room is not acknowledged.
    async fn hear(
        &self,
        socket: &mut WebSocketStream<reqwest::Upgraded>,
        id: &str,
        payload: &Value,
        told: &mpsc::Sender<Press>,
        seen: &mut Seen,
    ) -> Result<(), End> {
        let press = press::read(payload, &self.app.channel).filter(|(_, once)| !seen.has(id, once));
        let Some((press, once)) = press else { return acknowledge(socket, id, self.patience.idle).await };
        let Ok(room) = told.try_reserve() else { return Ok(()) };
        acknowledge(socket, id, self.patience.idle).await?;
        seen.note(id, &once);
        room.send(press);
        Ok(())
    }

    async fn deal(&self, mut presses: mpsc::Receiver<Press>) {
        while let Some(press) = presses.recv().await {
            let user = press.user.clone();
            let said = (self.answer)(press).await;
            if let Err(why) = self.app.whisper(&user, &said, self.clock.now()).await {
                tracing::warn!(why, user, "whoever pressed a button in Slack was not told what became of it");
            }
        }
    }

    /// Asks where to connect to. The address is good for one connection and a short while.
    async fn address(&self) -> Result<Destination, End> {
        let (outbound, to): (&Outbound, &Destination) = (&self.app.outbound, &self.app.connect);
        let now = self.clock.now();
        let answer = outbound.post(to, HeaderMap::new(), Bytes::new()).await;
        let answer = answer.map_err(|e| End::Failed(chain(&e), None))?;
        let said = read(&answer, to.host(), &self.pace, now).map_err(|missed| match missed.handed() {
            Handed::Later { after, why } => End::Failed(why, after.map(|s| Duration::from_secs(s.0))),
            Handed::Never { why } => End::Failed(why, None),
            Handed::Delivered | Handed::Threaded(_) => End::Failed("no address".to_owned(), None),
        })?;
        let url = said.get("url").and_then(Value::as_str).unwrap_or_default();
        place(url, to.host(), self.app.reach).map_err(|why| End::Failed(why, None))
    }
}

/// Where an address of Slack leads: to the host that it came from or one below it, and encrypted. Slack's answer chooses no other.
fn place(url: &str, home: &str, reach: Reach) -> Result<Destination, String> {
    let refused = || "Slack named an address that is not its own".to_owned();
    let parsed = Url::parse(url).map_err(|_| refused())?;
    let host = parsed.host_str().unwrap_or_default();
    if host != home && !host.ends_with(&format!(".{home}")) {
        return Err(refused());
    }
    let rest = url.split_once("://").map(|(_, rest)| rest).unwrap_or_default();
    let scheme = match parsed.scheme() {
        "wss" => "https",
        "ws" => "http",
        _ => return Err(refused()),
    };
    Destination::secret(&format!("{scheme}://{rest}"), reach).map_err(|error| chain(&error))
}

async fn acknowledge(
    socket: &mut WebSocketStream<reqwest::Upgraded>,
    id: &str,
    patience: Duration,
) -> Result<(), End> {
    let word = Message::text(json!({"envelope_id": id}).to_string());
    match tokio::time::timeout(patience, socket.send(word)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(End::Again(chain(&error))),
        Err(_) => Err(End::Again("Slack takes no answer".to_owned())),
    }
}

/// Whether Slack said hello: a connection that never worked counts as a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Greeted {
    No,
    Yes,
}

impl Greeted {
    fn end(self, why: &str) -> End {
        match self {
            Self::No => End::Failed(why.to_owned(), None),
            Self::Yes => End::Again(why.to_owned()),
        }
    }
}

/// What was heard, by envelope and by press.
#[derive(Debug, Default)]
struct Seen {
    order: VecDeque<String>,
    all: BTreeSet<String>,
}

impl Seen {
    fn has(&self, envelope: &str, once: &str) -> bool {
        self.all.contains(envelope) || self.all.contains(once)
    }

    fn note(&mut self, envelope: &str, once: &str) {
        for one in [envelope, once] {
            if self.all.insert(one.to_owned()) {
                self.order.push_back(one.to_owned());
            }
        }
        while self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.all.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests;
