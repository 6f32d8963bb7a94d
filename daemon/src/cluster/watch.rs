//! The five kinds that are watched, as deltas for the view, and what is known of each watch.

mod board;
mod outlet;
#[cfg(test)]
mod tests;

pub use board::{Watch, WatchState};

use super::client::Reader;
use super::stream::{Stream, Timing, Watched};
use crate::clock::Clock;
use board::Place;
use nightshift_detectors::facts::{DeploymentFacts, EventFacts, NodeFacts, PodFacts, ReplicaSetFacts};
use nightshift_detectors::{Delta, Fact};
use nightshift_model::Kind;
use outlet::{FirstLists, Outlet};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Deltas that may wait for the view; a watch that is ahead of it waits too.
const WAITING: usize = 1_024;

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the names are Kubernetes' own
pub enum WatchKind {
    Nodes,
    Deployments,
    ReplicaSets,
    Pods,
    /// Events of type Warning.
    Warnings,
}

impl WatchKind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Nodes, Self::Deployments, Self::ReplicaSets, Self::Pods, Self::Warnings];

    /// The kind of the objects.
    pub fn kind(self) -> Kind {
        match self {
            Self::Nodes => Kind::Node,
            Self::Deployments => Kind::Deployment,
            Self::ReplicaSets => Kind::ReplicaSet,
            Self::Pods => Kind::Pod,
            Self::Warnings => Kind::Event,
        }
    }

    /// The plural: metric label, sentence, path.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nodes => "nodes",
            Self::Deployments => "deployments",
            Self::ReplicaSets => "replicasets",
            Self::Pods => "pods",
            Self::Warnings => "events",
        }
    }

    /// Path of the collection; an empty namespace is all of them.
    fn path(self, namespace: &str) -> String {
        let api = match self {
            Self::Deployments | Self::ReplicaSets => "/apis/apps/v1",
            Self::Pods | Self::Nodes | Self::Warnings => "/api/v1",
        };
        if namespace.is_empty() {
            format!("{api}/{}", self.name())
        } else {
            format!("{api}/namespaces/{namespace}/{}", self.name())
        }
    }

    fn query(self) -> Vec<(String, String)> {
        match self {
            Self::Warnings => vec![("fieldSelector".into(), "type=Warning".into())],
            Self::Pods | Self::Deployments | Self::ReplicaSets | Self::Nodes => Vec::new(),
        }
    }
}

/// One change, and which watch told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The watch's kind.
    pub kind: WatchKind,
    /// The change.
    pub delta: Delta,
}

/// The running watches.
#[derive(Debug)]
pub struct Watching {
    /// Changes, in order within a kind and namespace. Dropping it ends the watches.
    pub updates: mpsc::Receiver<Update>,
    /// One entry a watch; whoever waits is woken when a state changes, not when a line comes.
    pub coverage: watch::Receiver<Vec<Watch>>,
}

/// Starts all watches. No namespaces means all of them; nodes are always watched as a whole. `seed` spreads waits.
pub fn start(reader: &Reader, clock: Clock, timing: Timing, namespaces: &[String], seed: u64) -> Watching {
    let everywhere = [String::new()];
    let namespaces = if namespaces.is_empty() { &everywhere } else { namespaces };
    let places: Vec<Watch> = WatchKind::ALL
        .iter()
        .flat_map(|kind| {
            let namespaces = if *kind == WatchKind::Nodes { &everywhere } else { namespaces };
            namespaces.iter().map(|namespace| Watch::new(*kind, namespace))
        })
        .collect();
    let (board, coverage) = watch::channel(places.clone());
    let (tx, updates) = mpsc::channel(WAITING);
    let starter = Starter { reader, clock, timing, seed, board: Arc::new(board), tx };
    for kind in WatchKind::ALL {
        let mine: Vec<(usize, &Watch)> =
            places.iter().enumerate().filter(|(_, place)| place.kind == kind).collect();
        let first = FirstLists::new(mine.len());
        for (index, place) in mine {
            match kind {
                WatchKind::Nodes => starter.spawn(index, place, Fact::Node, &first),
                WatchKind::Deployments => starter.spawn(index, place, Fact::Deployment, &first),
                WatchKind::ReplicaSets => starter.spawn(index, place, Fact::ReplicaSet, &first),
                WatchKind::Pods => starter.spawn(index, place, Fact::Pod, &first),
                WatchKind::Warnings => starter.spawn(index, place, Fact::Event, &first),
            }
        }
    }
    Watching { updates, coverage }
}

struct Starter<'a> {
    reader: &'a Reader,
    clock: Clock,
    timing: Timing,
    seed: u64,
    board: Arc<watch::Sender<Vec<Watch>>>,
    tx: mpsc::Sender<Update>,
}

impl Starter<'_> {
    fn spawn<T: Watched>(&self, index: usize, place: &Watch, fact: fn(T) -> Fact, first: &FirstLists) {
        let stream = Stream {
            reader: self.reader.clone(),
            clock: self.clock,
            timing: self.timing,
            path: place.kind.path(&place.namespace),
            query: place.kind.query(),
            seed: self
                .seed
                .wrapping_add(u64::try_from(index).unwrap_or_default())
                .wrapping_mul(0x9E37_79B9_7F4A_7C15),
            sink: Outlet::new(self.tx.clone(), place, fact, first),
            tell: Place { board: Arc::clone(&self.board), index, clock: self.clock },
        };
        let tx = self.tx.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stream.run::<T>() => {}
                () = tx.closed() => {}
            }
        });
    }
}

macro_rules! watched {
    ($($facts:ty),*) => {$(
        impl Watched for Box<$facts> {
            fn version(&self) -> u64 {
                self.meta.version
            }
        }
    )*};
}
watched!(NodeFacts, DeploymentFacts, ReplicaSetFacts, PodFacts, EventFacts);
