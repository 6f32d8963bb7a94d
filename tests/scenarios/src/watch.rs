//! The responder's watches over the simulated cluster: lines become deltas, deltas become the view.

use crate::wire::user;
use crate::world::Cluster;
use nightshift_detectors::{Delta, Fact, View};
use nightshift_model::{Kind, ObjectRef, Role};
use nightshift_sim::{ApiRequest, Method, Reply, WatchId, WatchPoll};
use serde_json::Value;
use std::collections::BTreeSet;

/// What one process of the responder knows of the cluster.
#[derive(Default)]
pub(crate) struct Watching {
    pub(crate) view: View,
    streams: Vec<(Kind, Option<WatchId>)>,
}

impl Watching {
    pub(crate) fn new() -> Self {
        let streams = Fact::KINDS.iter().map(|kind| (kind.clone(), None)).collect();
        Self { view: View::default(), streams }
    }

    /// Takes in whatever the watches say. Returns the scopes that changed.
    pub(crate) fn poll(&mut self, cluster: &mut Cluster) -> BTreeSet<ObjectRef> {
        let mut touched = BTreeSet::new();
        if !cluster.reachable {
            return touched;
        }
        for (kind, stream) in &mut self.streams {
            // A stream that ended is opened once more in the same look.
            for _ in 0..2 {
                let Some(id) = stream.or_else(|| open(cluster, kind)) else { break };
                if stream.replace(id).is_none() {
                    self.view.apply(Delta::Relisting { kind: kind.clone() }, cluster.now);
                }
                let WatchPoll::Lines(lines) = cluster.sim.poll_watch(id, cluster.now.get()) else {
                    *stream = None;
                    continue;
                };
                for line in lines {
                    match delta(kind, &line) {
                        Line::Delta(delta) => touched.extend(self.view.apply(delta, cluster.now)),
                        Line::Nothing => {}
                        Line::Over => *stream = None,
                    }
                }
                if stream.is_some() {
                    break;
                }
            }
        }
        touched
    }

    /// The process is gone, and its connections with it.
    pub(crate) fn close(self, cluster: &mut Cluster) {
        for (_, stream) in self.streams {
            if let Some(id) = stream {
                cluster.sim.close_watch(id);
            }
        }
    }
}

fn open(cluster: &mut Cluster, kind: &Kind) -> Option<WatchId> {
    let (api, plural) = kind.api()?;
    let query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let request = ApiRequest::new(Method::Get, &format!("{api}/{plural}?{query}"), user(Role::Responder));
    match cluster.sim.handle(&request, cluster.now.get()) {
        Reply::Watch(id) => Some(id),
        Reply::Once(_) => None,
    }
}

enum Line {
    Delta(Delta),
    Nothing,
    Over,
}

fn delta(kind: &Kind, line: &[u8]) -> Line {
    let Some((word, bytes)) = split(line) else { return Line::Nothing };
    if matches!(word, b"ADDED" | b"MODIFIED") {
        return Fact::parse(kind, bytes).map_or(Line::Nothing, |fact| Line::Delta(Delta::Applied(fact)));
    }
    let object: Value = serde_json::from_slice(bytes).unwrap_or(Value::Null);
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    match word {
        b"DELETED" => Line::Delta(Delta::Deleted {
            kind: kind.clone(),
            uid: text("/metadata/uid"),
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name"),
        }),
        b"BOOKMARK" if text("/metadata/annotations/k8s.io~1initial-events-end") == "true" => {
            Line::Delta(Delta::Synced { kind: kind.clone() })
        }
        b"ERROR" => Line::Over,
        _ => Line::Nothing,
    }
}

/// Type and object of a line, cut out of its bytes: the simulator writes the object first. Reading every line twice
/// was a fifth of a run.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    const TYPE: &[u8] = b",\"type\":\"";
    let rest = line.strip_prefix(b"{\"object\":")?.strip_suffix(b"\"}\n")?;
    let at = rest.windows(TYPE.len()).rposition(|part| part == TYPE)?;
    Some((rest.get(at + TYPE.len()..)?, rest.get(..at)?))
}
