//! Our own watch loop: one kind, straight from the bytes into small facts.
//!
//! kube-runtime's watcher neither falls back from streaming lists nor notices a dead stream before 295 s, and
//! typed objects cost 60 times the memory (reference/performance.md 2). The rules here:
//! streaming list with bookmarks; pages of 100 where the server cannot stream lists; a new list after 410, twice
//! 90 s of silence, or half a day; 403 is asked again every five minutes; 429 and 5xx wait as told or back off.
//! A list is bracketed by [`Change::Relisting`] and [`Change::Synced`], so whoever keeps the objects can drop what
//! was not named between them: nothing is lost, nothing doubled.

mod event;
mod lines;
mod phase;

use super::client::{Reader, request};
use super::exchange::{self, Trouble};
use crate::clock::Clock;
use event::Event;
use http::Response;
use kube::client::Body;
use lines::{Line, Lines};
use phase::{End, Machine, Phase, Report, Wait};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// Facts of one kind, decoded from watch lines.
pub trait Watched: DeserializeOwned + Send + 'static {
    /// Reads the object of a watch's line.
    ///
    /// # Errors
    /// Bytes that are no such line.
    fn read(line: &[u8]) -> Result<Self, serde_json::Error>;
    /// `metadata.resourceVersion` as a number; 0 when it is none, and then only bookmarks are resumed from.
    fn version(&self) -> u64;
}

/// What a stream says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<T> {
    /// A list begins: what is not named before `Synced` is gone.
    Relisting,
    /// The list is complete.
    Synced,
    /// The object is there, new or changed.
    Put(T),
    /// The object is gone; its last state.
    Gone(T),
}

/// The patience of a watch. Network waits are real time; back-offs follow the [`Clock`].
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// No line for so long: reconnect. Bookmarks come every minute.
    pub stall: Duration,
    /// The streamed list must end within this, else pages.
    pub sync: Duration,
    /// `timeoutSeconds`, give or take a tenth.
    pub life: Duration,
    /// First back-off.
    pub back_off: Duration,
    /// Longest back-off.
    pub back_off_most: Duration,
    /// Between two attempts at what is forbidden.
    pub forbidden: Duration,
    /// A list older than this is read again at the next good end of the watch.
    pub relist: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            stall: Duration::from_secs(90),
            sync: Duration::from_mins(1),
            life: Duration::from_mins(30),
            back_off: Duration::from_secs(1),
            back_off_most: Duration::from_secs(30),
            forbidden: Duration::from_mins(5),
            relist: Duration::from_hours(12),
        }
    }
}

/// A line longer than this is skipped; etcd holds objects below 1.5 MiB.
const LINE_CAP: usize = 4 << 20;
/// Objects a page.
const PAGE: usize = 100;
/// Bytes a page.
const PAGE_CAP: usize = 64 << 20;

/// What the loop tells about itself, for coverage and readiness.
pub(super) trait Tell: Send + 'static {
    /// A list is being read.
    fn syncing(&self);
    /// Everything is seen; `paged` when streaming lists do not work here.
    fn live(&self, paged: bool);
    /// 403.
    fn forbidden(&self);
    /// Not seen now.
    fn down(&self, why: String);
    /// A line came.
    fn line(&self);
    /// A line could not be used.
    fn skipped(&self);
}

/// Where changes go: `Err` when nobody listens any more.
pub(super) trait Sink<T>: Send + 'static {
    /// Waits while the receiver is full.
    fn send(&mut self, change: Change<T>) -> impl Future<Output = Result<(), Deaf>> + Send;
}

/// Nobody listens any more.
#[derive(Debug)]
pub(super) struct Deaf;

/// One collection to watch.
pub(super) struct Stream<S, L> {
    pub(super) reader: Reader,
    pub(super) clock: Clock,
    pub(super) timing: Timing,
    pub(super) path: String,
    /// Selectors.
    pub(super) query: Vec<(String, String)>,
    pub(super) seed: u64,
    pub(super) sink: S,
    pub(super) tell: L,
}

/// The state of one loop.
struct Run<S, L> {
    stream: Stream<S, L>,
    machine: Machine,
    /// resourceVersion of the last line.
    version: String,
    /// When the last list was complete, on the monotonic clock.
    listed: Duration,
}

impl<S, L: Tell> Stream<S, L> {
    /// Runs until nobody listens.
    pub(super) async fn run<T: Watched>(self)
    where
        S: Sink<T>,
    {
        let machine = Machine::new(self.seed);
        let mut run = Run { stream: self, machine, version: String::new(), listed: Duration::ZERO };
        while let Ok(end) = run.once::<T>().await {
            let age = run.stream.clock.monotonic().saturating_sub(run.listed);
            tracing::debug!(path = run.stream.path, ?end, "a watch request ended");
            let (Wait(wait), report) =
                run.machine.after(end, age > run.stream.timing.relist, &run.stream.timing);
            match report {
                Report::Keep => {}
                Report::Syncing => run.stream.tell.syncing(),
                Report::Forbidden => run.stream.tell.forbidden(),
                Report::Down(why) => run.stream.tell.down(why),
            }
            if !wait.is_zero() {
                run.stream.clock.sleep(wait).await;
            }
        }
    }
}

impl<S, L: Tell> Run<S, L> {
    /// One request, or one list of pages.
    async fn once<T: Watched>(&mut self) -> Result<End, Deaf>
    where
        S: Sink<T>,
    {
        let version = match &self.machine.phase {
            Phase::Pages => return self.pages::<T>().await,
            Phase::Stream => None,
            Phase::Follow { version } => Some(version.clone()),
        };
        let listing = version.is_none();
        if listing {
            self.stream.sink.send(Change::Relisting).await?;
        }
        let mut query = self.stream.query.clone();
        let mut ask = |name: &str, value: String| query.push((name.to_owned(), value));
        ask("watch", "true".into());
        ask("allowWatchBookmarks", "true".into());
        ask("timeoutSeconds", self.machine.life(&self.stream.timing).to_string());
        if let Some(version) = version {
            ask("resourceVersion", version);
        } else {
            ask("sendInitialEvents", "true".into());
            ask("resourceVersionMatch", "NotOlderThan".into());
        }
        let timing = self.stream.timing;
        let mut body = match tokio::time::timeout(timing.sync, self.open(&query)).await {
            Ok(Ok(response)) => response.into_body(),
            Ok(Err(end)) => return Ok(end),
            Err(_) if listing => return Ok(End::NeverSynced),
            Err(_) => return Ok(End::Silent),
        };
        let mut lines = Lines::new(LINE_CAP);
        if !listing && self.machine.trusts() {
            self.stream.tell.live(self.machine.paged);
        }
        if listing {
            let list = self.follow::<T>(&mut body, &mut lines, true);
            match tokio::time::timeout(timing.sync, list).await {
                Ok(Ok(None)) => {}
                Ok(Ok(Some(end))) => return Ok(end),
                Ok(Err(deaf)) => return Err(deaf),
                Err(_) => return Ok(End::NeverSynced),
            }
            self.synced::<T>().await?;
        }
        let end = self.follow::<T>(&mut body, &mut lines, false).await?;
        Ok(end.unwrap_or(End::Closed))
    }

    /// Sends a GET and hands out the open stream, or why there is none.
    async fn open(&self, query: &[(String, String)]) -> Result<Response<Body>, End> {
        let mut request = request(&self.stream.path, query, "application/json").map_err(End::Broken)?;
        // Compressed watches hold lines back, and kube's decoder stops at the first member.
        let identity = http::HeaderValue::from_static("identity");
        request.headers_mut().insert(http::header::ACCEPT_ENCODING, identity);
        let opened = exchange::open(self.stream.reader.client(), request).await;
        let response = opened.map_err(|trouble| match trouble {
            Trouble::NeverSent(why) | Trouble::Lost(why) => End::Broken(why),
        })?;
        let code = response.status().as_u16();
        if code == 200 {
            return Ok(response);
        }
        let retry_after = exchange::retry_after(&response);
        let body = exchange::take(response.into_body(), 64 << 10).await.bytes;
        let message = serde_json::from_slice::<Refusal>(&body).unwrap_or_default().message;
        Err(End::Status { code, retry_after, message })
    }

    /// Reads lines: until the list ends (`None`), or until the stream does.
    async fn follow<T: Watched>(
        &mut self,
        body: &mut Body,
        lines: &mut Lines,
        listing: bool,
    ) -> Result<Option<End>, Deaf>
    where
        S: Sink<T>,
    {
        loop {
            while let Some(line) = lines.next() {
                let event = match line {
                    Line::Whole(line) => event::read(line, T::read).map_err(|error| error.to_string()),
                    Line::TooLong => Err(format!("longer than {LINE_CAP} bytes")),
                };
                self.stream.tell.line();
                let (version, change) = match event {
                    Ok(Event::Put(object)) => (number(object.version()), Change::Put(object)),
                    Ok(Event::Gone(object)) => (number(object.version()), Change::Gone(object)),
                    Ok(Event::Bookmark { version, list_ends }) => {
                        self.at(version);
                        if listing && list_ends {
                            return Ok(None);
                        }
                        self.machine.bookmarked |= !listing;
                        continue;
                    }
                    Ok(Event::Error { code, message }) => {
                        return Ok(Some(End::Status { code, retry_after: None, message }));
                    }
                    Err(error) => {
                        tracing::warn!(path = self.stream.path, error, "a line of a watch was skipped");
                        self.stream.tell.skipped();
                        continue;
                    }
                };
                self.stream.sink.send(change).await?;
                self.at(version);
            }
            match tokio::time::timeout(self.stream.timing.stall, exchange::next_chunk(body)).await {
                Ok(Some(Ok(chunk))) => lines.push(&chunk),
                Ok(Some(Err(why))) => return Ok(Some(End::Broken(why))),
                Ok(None) => return Ok(Some(End::Closed)),
                Err(_) => return Ok(Some(End::Silent)),
            }
        }
    }

    /// A line of that version is done. It is a place to resume from, unless it stood inside a streamed list.
    fn at(&mut self, version: String) {
        self.machine.heard();
        if version.is_empty() {
            return;
        }
        if matches!(self.machine.phase, Phase::Follow { .. }) {
            self.machine.phase = Phase::Follow { version: version.clone() };
            self.stream.tell.live(self.machine.paged);
        }
        self.version = version;
    }

    async fn synced<T: Watched>(&mut self) -> Result<(), Deaf>
    where
        S: Sink<T>,
    {
        self.stream.sink.send(Change::Synced).await?;
        self.machine.phase = Phase::Follow { version: self.version.clone() };
        self.listed = self.stream.clock.monotonic();
        self.stream.tell.live(self.machine.paged);
        Ok(())
    }

    /// The whole collection, page by page.
    async fn pages<T: Watched>(&mut self) -> Result<End, Deaf>
    where
        S: Sink<T>,
    {
        self.stream.sink.send(Change::Relisting).await?;
        let mut token = String::new();
        loop {
            let mut query = self.stream.query.clone();
            query.push(("limit".into(), PAGE.to_string()));
            if !token.is_empty() {
                query.push(("continue".into(), token));
            }
            let page = tokio::time::timeout(self.stream.timing.sync, self.page::<T>(&query));
            let page = match page.await {
                Ok(Ok(page)) => page,
                Ok(Err(end)) => return Ok(end),
                Err(_) => return Ok(End::Broken("a page of the list did not come in time".into())),
            };
            self.machine.heard();
            self.stream.tell.line();
            for object in page.items.unwrap_or_default() {
                self.stream.sink.send(Change::Put(object)).await?;
            }
            self.version = page.metadata.resource_version;
            token = page.metadata.r#continue;
            if token.is_empty() {
                self.synced::<T>().await?;
                return Ok(End::Listed { version: self.version.clone() });
            }
        }
    }

    async fn page<T: Watched>(&self, query: &[(String, String)]) -> Result<Page<T>, End> {
        let taken = exchange::take(self.open(query).await?.into_body(), PAGE_CAP).await;
        if let Some(why) = taken.broken {
            return Err(End::Broken(why));
        }
        if taken.cut {
            return Err(End::Broken(format!("a page of the list is longer than {PAGE_CAP} bytes")));
        }
        serde_json::from_slice(&taken.bytes)
            .map_err(|error| End::Broken(format!("a page of the list: {error}")))
    }
}

fn number(version: u64) -> String {
    if version == 0 { String::new() } else { version.to_string() }
}

/// A Status object, as far as it is said on.
#[derive(Deserialize, Default)]
struct Refusal {
    #[serde(default)]
    message: String,
}

/// One page of a list.
#[derive(Deserialize)]
struct Page<T> {
    #[serde(default)]
    metadata: PageMeta,
    #[serde(default = "Option::default")]
    items: Option<Vec<T>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct PageMeta {
    #[serde(default)]
    resource_version: String,
    #[serde(default)]
    r#continue: String,
}
