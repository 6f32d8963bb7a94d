//! Objects, their resourceVersions, and the log of changes that watches read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;

use crate::kind::{Key, Kind};
use crate::value::{digest, put};

/// Changes that stay readable; a watch from an older resourceVersion answers 410.
const WINDOW: usize = 20_000;

/// One change of one object. `after` is `None` when it was deleted; `last` is its final state with the
/// resourceVersion of the deletion.
pub(crate) struct Change {
    pub(crate) rv: u64,
    pub(crate) key: Key,
    pub(crate) before: Option<Arc<Value>>,
    pub(crate) after: Option<Arc<Value>>,
    pub(crate) last: Arc<Value>,
}

pub(crate) struct Store {
    objects: BTreeMap<Key, Arc<Value>>,
    log: VecDeque<Change>,
    /// resourceVersion of the newest write.
    pub(crate) rv: u64,
    /// A watch from below this resourceVersion has a gap.
    pub(crate) floor: u64,
    seed: u64,
    ids: u64,
}

impl Store {
    pub(crate) fn new(seed: u64) -> Self {
        Self { objects: BTreeMap::new(), log: VecDeque::new(), rv: 100, floor: 100, seed, ids: 0 }
    }

    /// A fresh random-looking hexadecimal text of 64 digits.
    pub(crate) fn chance(&mut self, what: &str) -> String {
        self.ids += 1;
        digest(&[&self.seed.to_string(), what, &self.ids.to_string()])
    }

    /// A fresh UID in the form of a version 4 UUID.
    pub(crate) fn uid(&mut self) -> String {
        let hex = self.chance("uid");
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        format!("{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30))
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(key)
    }

    /// Objects of a kind in name order; of one namespace when given.
    pub(crate) fn scan<'a>(
        &'a self,
        kind: &Kind,
        ns: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> {
        let from = kind.key(ns.unwrap_or(""), "");
        let kind = *kind;
        self.objects
            .range(from..)
            .take_while(move |(key, _)| key.is(&kind) && ns.is_none_or(|ns| key.ns == ns))
    }

    /// Writes an object under the next resourceVersion.
    pub(crate) fn put(&mut self, key: Key, mut object: Value) -> Arc<Value> {
        self.rv += 1;
        put(&mut object, &["metadata", "resourceVersion"], self.rv.to_string());
        let object = Arc::new(object);
        let before = self.objects.insert(key.clone(), object.clone());
        self.record(Change { rv: self.rv, key, before, after: Some(object.clone()), last: object.clone() });
        object
    }

    /// Removes an object; returns its last state.
    pub(crate) fn remove(&mut self, key: &Key) -> Option<Arc<Value>> {
        let before = self.objects.remove(key)?;
        self.rv += 1;
        let mut last = Value::clone(&before);
        put(&mut last, &["metadata", "resourceVersion"], self.rv.to_string());
        let last = Arc::new(last);
        self.record(Change {
            rv: self.rv,
            key: key.clone(),
            before: Some(before),
            after: None,
            last: last.clone(),
        });
        Some(last)
    }

    fn record(&mut self, change: Change) {
        self.log.push_back(change);
        while self.log.len() > WINDOW {
            self.floor = self.log.pop_front().map_or(self.floor, |dropped| dropped.rv);
        }
    }

    /// Forgets every earlier resourceVersion: each one handed out so far is now too old.
    pub(crate) fn compact(&mut self) {
        self.rv += 1;
        self.floor = self.rv;
        self.log.clear();
    }

    /// Changes after a resourceVersion, oldest first.
    pub(crate) fn changes(&self, after: u64) -> impl Iterator<Item = &Change> {
        self.log.range(self.log.partition_point(|change| change.rv <= after)..)
    }

    /// The objects of a kind as they stood at a resourceVersion; `None` when that is too old.
    pub(crate) fn snapshot(
        &self,
        kind: &Kind,
        ns: Option<&str>,
        rv: u64,
    ) -> Option<BTreeMap<Key, Arc<Value>>> {
        if rv < self.floor {
            return None;
        }
        let mut objects: BTreeMap<_, _> = self.scan(kind, ns).map(|(k, v)| (k.clone(), v.clone())).collect();
        for change in self.log.iter().rev().take_while(|change| change.rv > rv) {
            if change.key.is(kind) && ns.is_none_or(|ns| change.key.ns == ns) {
                match &change.before {
                    Some(before) => objects.insert(change.key.clone(), before.clone()),
                    None => objects.remove(&change.key),
                };
            }
        }
        Some(objects)
    }
}
