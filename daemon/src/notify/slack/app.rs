//! A Slack app's channel: one message an incident, changed as the incident goes on, with a thread below it that says what
//! happened. Slack has no key for repeats: after a lost answer a message may stand there twice.

use super::blocks::{self, Keeps, Limits};
use super::press::buttons;
use crate::config::Mention;
use crate::notify::outbound::{Destination, DestinationError, Incoming, Outbound};
use crate::notify::pace::{Pace, chain};
use crate::notify::reach::Reach;
use crate::notify::{Handed, Kind, Notice, Outgoing, Stand};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use nightshift_engine::text::visible;
use nightshift_model::{Thread, ThreadState, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};

/// Answers after which a message never gets better.
const NEVER: [&str; 6] = [
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_too_long",
    "msg_blocks_too_long",
    "no_text",
    "invalid_arguments",
];
/// Answers that say that there is no message to change any more.
const GONE: [&str; 3] = ["message_not_found", "cant_update_message", "edit_window_closed"];

/// The two tokens of an app. Debug says neither.
#[derive(Debug)]
pub struct Tokens {
    /// `xoxb-…`: writes.
    pub bot: SecretString,
    /// `xapp-…`: opens connections.
    pub app: SecretString,
}

/// A channel of a Slack app.
#[derive(Debug)]
pub struct App {
    pub(super) outbound: Outbound,
    post: Destination,
    update: Destination,
    whisper: Destination,
    pub(super) connect: Destination,
    pub(super) reach: Reach,
    pub(super) channel: String,
    mention: Option<Mention>,
    pace: Pace,
}

/// Why a call brought nothing.
pub(super) enum Missed {
    /// There is no such message any more.
    Gone(String),
    /// Anything else.
    Handed(Handed),
}

impl App {
    /// A channel behind an app's tokens. `api` is where Slack's methods are.
    ///
    /// # Errors
    /// [`DestinationError`].
    pub fn new(
        outbound: Outbound,
        (api, reach): (&str, Reach),
        tokens: &Tokens,
        channel: &str,
        mention: Option<Mention>,
    ) -> Result<Self, DestinationError> {
        let method = |name: &str, token: &SecretString| {
            use secrecy::ExposeSecret as _;
            let to = Destination::new(&format!("{}/{name}", api.trim_end_matches('/')), reach)?;
            let value = SecretString::from(format!("Bearer {}", token.expose_secret()));
            Ok(to.with_credential(AUTHORIZATION, value))
        };
        Ok(Self {
            post: method("chat.postMessage", &tokens.bot)?,
            update: method("chat.update", &tokens.bot)?,
            whisper: method("chat.postEphemeral", &tokens.bot)?,
            connect: method("apps.connections.open", &tokens.app)?,
            outbound,
            reach,
            channel: channel.to_owned(),
            mention,
            pace: Pace::default(),
        })
    }

    /// One attempt. `thread` is the message about this incident, if one stands there.
    pub async fn send(&self, message: &Outgoing, thread: Option<&Thread>, now: Timestamp) -> Handed {
        if let Some(pause) = self.pace.pause(now) {
            return pause;
        }
        let mut body =
            blocks::render(message, self.mention.as_ref(), &Limits::default().without(1), Keeps::Current);
        let Outgoing::Incident(notice) = message else {
            return self.put(body, now).await.map_or_else(Missed::handed, |_| Handed::Delivered);
        };
        if let (Some(row), Some(blocks)) =
            (buttons(notice), body.get_mut("blocks").and_then(Value::as_array_mut))
        {
            blocks.push(row);
        }
        match thread.filter(|thread| thread.address == self.channel) {
            Some(thread) => self.change(notice, body, thread, now).await,
            None => self.begin(notice, body, now).await,
        }
    }

    /// The incident's message.
    async fn begin(&self, notice: &Notice, body: Value, now: Timestamp) -> Handed {
        match self.put(body, now).await {
            Ok(ts) => {
                Handed::Threaded(Thread { address: self.channel.clone(), key: ts, state: state(notice) })
            }
            Err(missed) => missed.handed(),
        }
    }

    /// The message as it stands now, and below it what happened.
    async fn change(&self, notice: &Notice, body: Value, thread: &Thread, now: Timestamp) -> Handed {
        let mut changed = body.clone();
        insert(&mut changed, "ts", &thread.key);
        match self.call(&self.update, changed, now).await {
            Ok(_) => {}
            Err(Missed::Gone(_)) => return self.begin(notice, body, now).await, // somebody took it away
            Err(missed) => return missed.handed(),
        }
        if notice.kind != Kind::Progress {
            let mut reply = blocks::reply(notice, self.mention.as_ref(), &Limits::default());
            insert(&mut reply, "thread_ts", &thread.key);
            if let Err(missed) = self.put(reply, now).await {
                return missed.handed();
            }
        }
        Handed::Threaded(Thread { state: state(notice), ..thread.clone() })
    }

    /// A few words that only one member sees.
    pub(super) async fn whisper(&self, user: &str, text: &str, now: Timestamp) -> Result<(), String> {
        let body = json!({"user": user, "text": blocks::plain_text(text), "mrkdwn": false});
        match self.call(&self.whisper, body, now).await.map_err(Missed::handed) {
            Ok(_) | Err(Handed::Delivered | Handed::Threaded(_)) => Ok(()),
            Err(Handed::Later { why, .. } | Handed::Never { why }) => Err(why),
        }
    }

    async fn put(&self, body: Value, now: Timestamp) -> Result<String, Missed> {
        let said = self.call(&self.post, body, now).await?;
        let named = said.get("ts").and_then(Value::as_str).filter(|ts| ts.len() <= 32);
        let none =
            || Handed::Later { after: None, why: "Slack did not name the message that it took".to_owned() };
        named.map(str::to_owned).ok_or_else(|| Missed::Handed(none()))
    }

    async fn call(&self, to: &Destination, mut body: Value, now: Timestamp) -> Result<Value, Missed> {
        insert(&mut body, "channel", &self.channel);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        match self.outbound.post(to, headers, Bytes::from(body.to_string())).await {
            Ok(answer) => read(&answer, to.host(), &self.pace, now),
            Err(error) => Err(Missed::Handed(Handed::Later { after: None, why: chain(&error) })),
        }
    }
}

/// Slack says 200 to almost everything: only `ok: true` in it means that it was done.
pub(super) fn read(answer: &Incoming, host: &str, pace: &Pace, now: Timestamp) -> Result<Value, Missed> {
    if answer.status != StatusCode::OK {
        return Err(Missed::Handed(pace.refused(answer, format!("{host} answered {}", answer.status), now)));
    }
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    if said.get("ok") == Some(&Value::Bool(true)) {
        return Ok(said);
    }
    let error = said.get("error").and_then(Value::as_str).unwrap_or("no answer that can be read");
    let why = format!("{host} answered {}", visible(error, 100));
    if GONE.contains(&error) {
        return Err(Missed::Gone(why));
    }
    if NEVER.contains(&error) {
        return Err(Missed::Handed(Handed::Never { why }));
    }
    // A token, a channel or a membership may be mended before a day is over.
    Err(Missed::Handed(Handed::Later { after: None, why }))
}

impl Missed {
    pub(super) fn handed(self) -> Handed {
        match self {
            Self::Gone(why) => Handed::Later { after: None, why },
            Self::Handed(handed) => handed,
        }
    }
}

fn insert(body: &mut Value, name: &str, value: &str) {
    if let Some(body) = body.as_object_mut() {
        body.insert(name.to_owned(), value.into());
    }
}

fn state(notice: &Notice) -> ThreadState {
    match notice.stand {
        Stand::Open => ThreadState::Open,
        Stand::UnderWay => ThreadState::Acknowledged,
        Stand::Over | Stand::Ended => ThreadState::Resolved,
    }
}
