//! From what one stream says to deltas of the view.
//!
//! The view's brackets speak about a whole kind. A stream over one namespace of several therefore keeps the names
//! of what it has told, and says by itself what a new list no longer names.

use super::{Update, Watch, WatchKind};
use crate::cluster::stream::{Change, Deaf, Sink};
use nightshift_detectors::{Delta, Fact};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;

/// Counts the first lists of a kind that are still missing.
#[derive(Clone, Debug)]
pub(super) struct FirstLists(Arc<AtomicUsize>);

impl FirstLists {
    pub(super) fn new(streams: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(streams)))
    }

    /// One more is complete; whether it was the last.
    fn complete(&self) -> bool {
        self.0.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

/// Where one stream's changes go.
pub(super) struct Outlet<T> {
    tx: mpsc::Sender<Update>,
    kind: WatchKind,
    fact: fn(T) -> Fact,
    part: Option<Part>,
}

/// What one namespace's stream has told.
#[derive(Debug)]
struct Part {
    /// Namespace and name by uid.
    told: BTreeMap<Arc<str>, (Arc<str>, Arc<str>)>,
    /// While a list is read: uids that it has not named yet.
    unseen: BTreeSet<Arc<str>>,
    /// Until the first list is complete.
    first: Option<FirstLists>,
}

impl<T> Outlet<T> {
    pub(super) fn new(
        tx: mpsc::Sender<Update>,
        place: &Watch,
        fact: fn(T) -> Fact,
        first: &FirstLists,
    ) -> Self {
        let part = (!place.namespace.is_empty()).then(|| Part {
            told: BTreeMap::new(),
            unseen: BTreeSet::new(),
            first: Some(first.clone()),
        });
        Self { tx, kind: place.kind, fact, part }
    }

    fn deltas(&mut self, change: Change<T>) -> Vec<Delta> {
        let kind = self.kind.kind();
        let change = match change {
            Change::Relisting => Change::Relisting,
            Change::Synced => Change::Synced,
            Change::Put(object) => Change::Put((self.fact)(object)),
            Change::Gone(object) => Change::Gone((self.fact)(object)),
        };
        match (&mut self.part, change) {
            (None, Change::Relisting) => vec![Delta::Relisting { kind }],
            (None, Change::Synced) => vec![Delta::Synced { kind }],
            (Some(part), Change::Relisting) => {
                part.unseen = part.told.keys().cloned().collect();
                Vec::new()
            }
            (Some(part), Change::Synced) => {
                let unseen = std::mem::take(&mut part.unseen);
                let mut deltas: Vec<Delta> = unseen
                    .iter()
                    .filter_map(|uid| {
                        let (namespace, name) = part.told.remove(uid)?;
                        Some(deleted(kind.clone(), uid, &namespace, &name))
                    })
                    .collect();
                if part.first.take().is_some_and(|first| first.complete()) {
                    deltas.push(Delta::Synced { kind });
                }
                deltas
            }
            (part, Change::Put(fact)) => {
                if let Some(part) = part {
                    let meta = fact.meta();
                    part.unseen.remove(&meta.uid);
                    part.told
                        .entry(meta.uid.clone())
                        .or_insert_with(|| (meta.namespace.clone(), meta.name.clone()));
                }
                vec![Delta::Applied(fact)]
            }
            (part, Change::Gone(fact)) => {
                let meta = fact.meta();
                if let Some(part) = part {
                    part.unseen.remove(&meta.uid);
                    part.told.remove(&meta.uid);
                }
                vec![deleted(kind, &meta.uid, &meta.namespace, &meta.name)]
            }
        }
    }
}

fn deleted(kind: nightshift_model::Kind, uid: &str, namespace: &str, name: &str) -> Delta {
    Delta::Deleted { kind, uid: uid.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() }
}

impl<T: Send + 'static> Sink<T> for Outlet<T> {
    async fn send(&mut self, change: Change<T>) -> Result<(), Deaf> {
        for delta in self.deltas(change) {
            self.tx.send(Update { kind: self.kind, delta }).await.map_err(|_| Deaf)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nightshift_model::Kind;

    fn fact(name: &str) -> Fact {
        let json = format!(r#"{{"metadata":{{"namespace":"a","name":"{name}","uid":"u-{name}"}}}}"#);
        Fact::parse(&Kind::Pod, json.as_bytes()).unwrap()
    }

    fn outlet(namespace: &str, first: &FirstLists) -> Outlet<Fact> {
        let (tx, _) = mpsc::channel(1);
        Outlet::new(tx, &Watch::new(WatchKind::Pods, namespace), |fact| fact, first)
    }

    #[test]
    fn a_stream_over_everything_passes_the_brackets_on() {
        let mut outlet = outlet("", &FirstLists::new(1));
        assert_eq!(outlet.deltas(Change::Relisting), [Delta::Relisting { kind: Kind::Pod }]);
        assert_eq!(outlet.deltas(Change::Put(fact("x"))), [Delta::Applied(fact("x"))]);
        assert_eq!(outlet.deltas(Change::Synced), [Delta::Synced { kind: Kind::Pod }]);
        assert_eq!(outlet.deltas(Change::Gone(fact("x"))), [deleted(Kind::Pod, "u-x", "a", "x")]);
    }

    #[test]
    fn a_stream_over_one_namespace_speaks_for_its_own_objects_only() {
        let first = FirstLists::new(2);
        let (mut one, mut other) = (outlet("a", &first), outlet("b", &first));
        for change in [Change::Relisting, Change::Put(fact("x")), Change::Put(fact("y"))] {
            one.deltas(change);
        }
        assert_eq!(one.deltas(Change::Synced), [], "the other namespace is missing");
        assert_eq!(other.deltas(Change::Relisting), []);
        assert_eq!(other.deltas(Change::Synced), [Delta::Synced { kind: Kind::Pod }]);

        one.deltas(Change::Gone(fact("y")));
        one.deltas(Change::Relisting);
        one.deltas(Change::Put(fact("z")));
        one.deltas(Change::Relisting); // the list broke off and begins again
        one.deltas(Change::Put(fact("z")));
        assert_eq!(one.deltas(Change::Synced), [deleted(Kind::Pod, "u-x", "a", "x")]);
        assert_eq!(other.deltas(Change::Synced), []);
    }
}
