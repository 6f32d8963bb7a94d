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
    let line: Value = serde_json::from_slice(line).unwrap_or(Value::Null);
    let object = line.get("object").unwrap_or(&Value::Null);
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    match line.get("type").and_then(Value::as_str) {
        Some("ADDED" | "MODIFIED") => Fact::parse(kind, object.to_string().as_bytes())
            .map_or(Line::Nothing, |fact| Line::Delta(Delta::Applied(fact))),
        Some("DELETED") => Line::Delta(Delta::Deleted {
            kind: kind.clone(),
            uid: text("/metadata/uid"),
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name"),
        }),
        Some("BOOKMARK") if text("/metadata/annotations/k8s.io~1initial-events-end") == "true" => {
            Line::Delta(Delta::Synced { kind: kind.clone() })
        }
        Some("ERROR") => Line::Over,
        _ => Line::Nothing,
    }
}
