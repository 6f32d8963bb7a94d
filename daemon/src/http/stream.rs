//! An incident's events as they come (server-sent events), for its pages and for programs. Every stream is bounded, looks
//! again who reads before it says anything, and ends with the session, after a while, or with the program.

use crate::api::incident::EVENT_STREAM;
use crate::clock::Clock;
use crate::stages::query::Reads;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use nightshift_model::history::Row;
use nightshift_model::{Digest, IncidentId};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

/// Streams at a time, of everybody.
pub const STREAMS: usize = 128;
/// Streams at a time of one session or token: browsers open six connections to one place, and pages need some.
pub const STREAMS_EACH: usize = 4;
/// A rest after something was written: more of it may come.
const REST: Duration = Duration::from_millis(200);
/// Where a reader says how far it has read.
const LAST_EVENT_ID: &str = "last-event-id";

/// How a stream passes its time.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// A line that says nothing, so that whoever stands between sees that the stream lives.
    beat: Duration,
    /// Between two looks whether the reader may still read.
    check: Duration,
    /// Between two looks at the history when this process wrote nothing: another one may have.
    look: Duration,
    /// Then it ends; the reader comes again, and is asked again who it is.
    lasts: Duration,
}

impl Pace {
    const SHIPPED: Self = Self {
        beat: Duration::from_secs(15),
        check: Duration::from_secs(5),
        look: Duration::from_secs(2),
        lasts: Duration::from_secs(1800),
    };
}

/// Why there is no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoStream {
    /// This session or token has enough of them.
    Yours,
    /// All places are taken.
    All,
}

/// Whether the reader may still read.
pub type May = Box<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// What a stream is about.
pub struct Feed {
    /// The incident.
    pub incident: IncidentId,
    /// Revision up to which the reader knows; `None` is what means nothing here.
    pub after: Option<u64>,
    /// Asked again and again.
    pub may: May,
    /// Name, if it has one, and one line for a row.
    pub say: fn(&Row) -> (Option<&'static str>, String),
}

/// The places for streams.
#[derive(Clone)]
pub struct Streams {
    reads: Reads,
    clock: Clock,
    stop: CancellationToken,
    pace: Pace,
    room: Arc<Semaphore>,
    each: Arc<Mutex<BTreeMap<Digest, usize>>>,
}

/// A place that is taken until it is dropped.
pub struct Seat {
    caller: Digest,
    each: Arc<Mutex<BTreeMap<Digest, usize>>>,
    _all: OwnedSemaphorePermit,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = each.get_mut(&self.caller) {
            *taken -= 1;
            if *taken == 0 {
                each.remove(&self.caller);
            }
        }
    }
}

impl Streams {
    /// Places for streams that end with `stop`.
    pub fn new(reads: Reads, clock: Clock, stop: CancellationToken) -> Self {
        Self {
            reads,
            clock,
            stop,
            pace: Pace::SHIPPED,
            room: Arc::new(Semaphore::new(STREAMS)),
            each: Arc::default(),
        }
    }

    /// Takes a place.
    ///
    /// # Errors
    /// [`NoStream`].
    pub fn take(&self, caller: Digest) -> Result<Seat, NoStream> {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        if each.get(&caller).is_some_and(|taken| *taken >= STREAMS_EACH) {
            return Err(NoStream::Yours);
        }
        let all = Arc::clone(&self.room).try_acquire_owned().map_err(|_| NoStream::All)?;
        *each.entry(caller).or_default() += 1;
        drop(each);
        Ok(Seat { caller, each: Arc::clone(&self.each), _all: all })
    }

    /// The answer that goes on.
    pub fn open(&self, seat: Seat, feed: Feed) -> Response {
        let now = self.clock.monotonic();
        let course = Course {
            commits: self.reads.commits(),
            reads: self.reads.clone(),
            clock: self.clock,
            stop: self.stop.clone(),
            pace: self.pace,
            feed,
            last: None,
            began: now,
            said: now,
            checked: now,
            _seat: seat,
        };
        let body = Body::from_stream(stream::unfold(course, Course::next));
        let mut answer = Response::new(body);
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
        // Proxies that collect answers before they pass them on know this header.
        headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        answer
    }
}

/// How far a reader says it has read: the header of a reader that comes again, else what it was asked with.
/// `Some(None)` when that is no number.
pub fn known(headers: &HeaderMap, asked: Option<&str>) -> Option<Option<u64>> {
    let header = headers.get(LAST_EVENT_ID).map(|line| line.to_str().unwrap_or("?"));
    header.or(asked).map(|text| text.parse().ok())
}

/// One stream.
struct Course {
    reads: Reads,
    clock: Clock,
    stop: CancellationToken,
    pace: Pace,
    commits: Option<watch::Receiver<u64>>,
    feed: Feed,
    /// Revision that was said last; `None` before anything was said.
    last: Option<u64>,
    began: Duration,
    said: Duration,
    checked: Duration,
    _seat: Seat,
}

type Piece = Result<Bytes, Infallible>;

impl Course {
    /// The next piece; `None` ends it, and the reader comes again if it may.
    async fn next(mut self) -> Option<(Piece, Self)> {
        loop {
            let now = self.clock.monotonic();
            if self.stop.is_cancelled() || now.saturating_sub(self.began) > self.pace.lasts {
                return None;
            }
            let rows = self.reads.rows_after(&self.feed.incident, self.last.unwrap_or(0)).await.ok()?;
            if !rows.is_empty() || now.saturating_sub(self.checked) >= self.pace.check {
                if !(self.feed.may)().await {
                    return None;
                }
                self.checked = now;
            }
            let text = match self.last {
                None => Some(self.first(&rows)),
                Some(_) if rows.is_empty() => None,
                Some(_) => Some(self.say(&rows)),
            };
            let beat = now.saturating_sub(self.said) >= self.pace.beat;
            if let Some(text) = text.or_else(|| beat.then(|| ":\n\n".to_owned())) {
                self.said = now;
                return Some((Ok(text.into()), self));
            }
            self.wait().await;
        }
    }

    /// What is said at once: how soon to come again, and what is new to the reader. One who knows more than there is, or
    /// nothing that means anything, is told to begin anew.
    fn first(&mut self, rows: &[Row]) -> String {
        let newest = rows.last().map_or(0, |row| row.revision.0);
        let mut text = "retry: 3000\n\n".to_owned();
        if let Some(after) = self.feed.after.filter(|after| *after <= newest) {
            self.last = Some(after);
            let new = rows.partition_point(|row| row.revision.0 <= after);
            text.push_str(&self.say(rows.get(new..).unwrap_or_default()));
        } else {
            self.last = Some(newest);
            let _ = write!(text, "id: {newest}\nevent: reset\ndata: {{\"revision\":{newest}}}\n\n");
        }
        text
    }

    fn say(&mut self, rows: &[Row]) -> String {
        let mut text = String::new();
        for row in rows {
            let (name, line) = (self.feed.say)(row);
            let _ = writeln!(text, "id: {}", row.revision.0);
            if let Some(name) = name {
                let _ = writeln!(text, "event: {name}");
            }
            let _ = write!(text, "data: {line}\n\n");
            self.last = Some(row.revision.0);
        }
        text
    }

    /// Until there may be something to say.
    async fn wait(&mut self) {
        let committed = async {
            match &mut self.commits {
                Some(commits) => match commits.changed().await {
                    Ok(()) => self.clock.sleep_real(REST).await,
                    Err(_) => std::future::pending().await, // the store is closed
                },
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = committed => {}
            () = self.clock.sleep_real(self.pace.look) => {}
        }
    }
}

#[cfg(test)]
mod tests;
