//! Watches: streaming lists, bookmarks, resuming, 410.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Sim;
use crate::api::{ApiRequest, Reply, WatchId, WatchPoll};
use crate::failure::Failure;
use crate::fault::Fault;
use crate::kind::Kind;
use crate::read::render;
use crate::route::Route;
use crate::selector::Selector;
use crate::store::Change;
use crate::value::{after, put};

/// Seconds that a watch lives when the client names no `timeoutSeconds`.
const LIFE: i64 = 1800;
/// Seconds between two bookmarks.
const BOOKMARK: i64 = 60;

/// One open stream.
pub(crate) struct Watch {
    kind: Kind,
    ns: Option<String>,
    selector: Selector,
    cursor: u64,
    pending: Vec<Value>,
    bookmark_at: Option<Timestamp>,
    ends_at: Timestamp,
    hung: bool,
    ended: bool,
}

impl Sim {
    /// Opens a watch. A resourceVersion that is too old is told in the stream, as the real server does.
    pub(crate) fn watch(
        &mut self,
        request: &ApiRequest,
        route: &Route,
        hung: bool,
    ) -> Result<Reply, Failure> {
        let selector = match route.name.as_str() {
            "" => Selector::parse(request.param("labelSelector"), request.param("fieldSelector"))?,
            name => Selector::parse(None, Some(&format!("metadata.name={name}")))?,
        };
        let initial = request.param("sendInitialEvents").map(|_| request.flag("sendInitialEvents"));
        if initial.is_some() {
            if self.faults.contains(&Fault::NoWatchList) {
                let why =
                    "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled";
                return Err(Failure::options("sendInitialEvents", why));
            }
            if request.param("resourceVersionMatch") != Some("NotOlderThan") {
                let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
                return Err(Failure::options("resourceVersionMatch", why));
            }
        } else if request.param("resourceVersionMatch").is_some() {
            let why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            return Err(Failure::options("resourceVersionMatch", why));
        }
        // The watch cache answers this one, and calls it an internal error without a reason.
        let from = self.version(request).map_err(|failure| match failure.code {
            400 => Failure::new(500, "", failure.message),
            _ => failure,
        })?;
        let bookmarks = request.flag("allowWatchBookmarks");
        let seconds =
            request.param("timeoutSeconds").and_then(|s| s.parse().ok()).filter(|s| *s > 0).unwrap_or(LIFE);
        let mut watch = Watch {
            kind: route.kind,
            ns: (!route.ns.is_empty()).then(|| route.ns.clone()),
            selector,
            cursor: self.store.rv,
            pending: Vec::new(),
            bookmark_at: bookmarks.then(|| after(self.clock, BOOKMARK)),
            ends_at: after(self.clock, seconds),
            hung,
            ended: false,
        };
        if initial.unwrap_or(from == 0) {
            for (_, object) in self.store.scan(&watch.kind, watch.ns.as_deref()) {
                if watch.selector.matches(object) {
                    watch.pending.push(json!({"type": "ADDED", "object": render(&watch.kind, object)}));
                }
            }
            if initial == Some(true) && bookmarks {
                let mut mark = watch.bookmark(self.store.rv);
                put(&mut mark, &["object", "metadata", "annotations", "k8s.io/initial-events-end"], "true");
                watch.pending.push(mark);
            }
        } else if from > 0 {
            watch.cursor = from;
        }
        let id = WatchId(self.next_watch);
        self.next_watch += 1;
        self.watches.insert(id, watch);
        Ok(Reply::Watch(id))
    }

    /// Takes what a watch has to say. Unknown and ended watches are `Closed`.
    pub fn poll_watch(&mut self, id: WatchId, now: Timestamp) -> WatchPoll {
        let Some(watch) = self.watches.get_mut(&id) else { return WatchPoll::Closed };
        if watch.hung {
            return WatchPoll::Lines(Vec::new());
        }
        if watch.ended {
            self.watches.remove(&id);
            return WatchPoll::Closed;
        }
        let mut events = std::mem::take(&mut watch.pending);
        if watch.cursor < self.store.floor {
            let message = format!("too old resource version: {} ({})", watch.cursor, self.store.floor);
            events.push(json!({"type": "ERROR", "object": Failure::expired(message).status()}));
            watch.ended = true;
        } else {
            events.extend(self.store.changes(watch.cursor).filter_map(|change| watch.event(change)));
            watch.cursor = self.store.rv;
            let over = now >= watch.ends_at;
            if watch.bookmark_at.is_some_and(|at| now >= at || over) {
                events.push(watch.bookmark(watch.cursor));
                watch.bookmark_at = Some(after(now, BOOKMARK));
            }
            watch.ended = over;
        }
        if watch.ended && events.is_empty() {
            self.watches.remove(&id);
            return WatchPoll::Closed;
        }
        let line = |event: Value| {
            let mut line = event.to_string().into_bytes();
            line.push(b'\n');
            line
        };
        WatchPoll::Lines(events.into_iter().map(line).collect())
    }

    /// The client has gone.
    pub fn close_watch(&mut self, id: WatchId) {
        self.watches.remove(&id);
    }
}

impl Watch {
    fn bookmark(&self, rv: u64) -> Value {
        json!({"type": "BOOKMARK", "object": {"kind": self.kind.kind, "apiVersion": self.kind.api_version(),
            "metadata": {"resourceVersion": rv.to_string()}}})
    }

    /// How a change looks through the selector: an object may enter or leave it.
    fn event(&self, change: &Change) -> Option<Value> {
        if !change.key.is(&self.kind) || self.ns.as_ref().is_some_and(|ns| *ns != change.key.ns) {
            return None;
        }
        let inside =
            |object: &Option<Arc<Value>>| object.as_ref().is_some_and(|object| self.selector.matches(object));
        let kind = match (inside(&change.before), inside(&change.after)) {
            (false, false) => return None,
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
        };
        Some(json!({"type": kind, "object": render(&self.kind, &change.last)}))
    }
}
