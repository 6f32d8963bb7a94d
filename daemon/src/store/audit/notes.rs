//! Checkpoints against the rows that they cover: stored ones, and notes that were kept elsewhere.

use super::{Checkpoints, Held, Last};
use crate::store::checkpoint::Stored;
use nightshift_engine::merkle::Tree;
use nightshift_engine::note::{Checkpoint, Note, Signed, Vkey};
use nightshift_model::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// A root that must come out when so many rows went by.
#[derive(Clone)]
struct Expected {
    root: Digest,
    /// The hash of the last of them; a note does not say it.
    tip: Option<Digest>,
    source: Source,
}

#[derive(Clone)]
enum Source {
    Stored,
    /// Where it was kept, and whether a key that was given signed it.
    External(String, Signed),
}

/// The tree over the rows that went by, and what must come out of it.
pub(super) struct Notes {
    log_id: String,
    vkeys: Vec<Vkey>,
    tree: Tree,
    expected: BTreeMap<u64, Vec<Expected>>,
    told: Checkpoints,
    /// Names and ids of keys that signed something and were not given.
    strangers: BTreeSet<String>,
}

/// What a note says, judged: the sentence is a problem.
type Judged = Result<(Checkpoint, Signed), String>;

impl Notes {
    /// The second value holds what is wrong with the notes from elsewhere themselves.
    pub(super) fn new(log_id: &str, held: &Held) -> (Self, Vec<String>) {
        let mut notes = Self {
            log_id: log_id.to_owned(),
            vkeys: held.vkeys.clone(),
            tree: Tree::default(),
            expected: BTreeMap::new(),
            told: Checkpoints::default(),
            strangers: BTreeSet::new(),
        };
        let mut faults = Vec::new();
        for (place, note) in &held.notes {
            match notes.judge(note) {
                Ok((checkpoint, signed)) => {
                    let source = Source::External(place.clone(), signed);
                    notes.expect(checkpoint.size, Expected { root: checkpoint.root, tip: None, source });
                }
                Err(what) => faults.push(format!("the note {place} {what}")),
            }
        }
        faults.extend(notes.settle(0, &Digest([0; 32])));
        (notes, faults)
    }

    fn judge(&mut self, note: &Note) -> Judged {
        let checkpoint = note.checkpoint().map_err(|error| format!("is no checkpoint: {error}"))?;
        if !checkpoint.is_of(&self.log_id) {
            return Err(format!("is of another history: {}", checkpoint.origin));
        }
        let mut signed = Signed::Absent;
        for key in &self.vkeys {
            match note.signed_by(key) {
                Signed::Good => signed = Signed::Good,
                Signed::Bad => {
                    return Err(format!("does not carry the signature of key {} that it claims", key.id()));
                }
                Signed::Absent => {}
            }
        }
        if signed == Signed::Absent {
            self.strangers.extend(note.signatures.iter().map(|s| s.id.to_string()));
        }
        Ok((checkpoint, signed))
    }

    fn expect(&mut self, size: u64, expected: Expected) {
        self.expected.entry(size).or_default().push(expected);
    }

    /// The next stored one, by size, before the rows that it covers went by. The answer is what is wrong with it.
    pub(super) fn stored(&mut self, stored: &Stored) -> Option<String> {
        let note = Note::parse(&stored.note).map_err(|error| format!("is no note: {error}"));
        let judged = note.and_then(|note| {
            let keys = note.signatures.iter().map(|s| s.id.to_string()).collect();
            self.judge(&note).map(|judged| (judged, keys))
        });
        let ((checkpoint, signed), keys) = match judged {
            Ok(judged) => judged,
            Err(what) => return Some(format!("the checkpoint of {} rows {what}", stored.size)),
        };
        if checkpoint.size != stored.size || checkpoint.root != stored.root {
            return Some(format!(
                "the checkpoint of {} rows has columns that say something else than it",
                stored.size
            ));
        }
        if signed == Signed::Good {
            self.told.signed += 1;
        }
        self.told.last = Some(Last { size: stored.size, root: stored.root, keys, at: stored.at });
        let expected = Expected { root: stored.root, tip: Some(stored.tip), source: Source::Stored };
        if stored.size < self.tree.size() {
            return Some(format!("the checkpoint of {} rows was not there in its turn", stored.size));
        }
        self.expect(stored.size, expected);
        None
    }

    /// Goes on behind rows that went by before.
    pub(super) fn go_on(&mut self, tree: Tree, told: Checkpoints) {
        (self.tree, self.told) = (tree, told);
    }

    /// Over all rows that went by.
    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// A row. The answer is what does not come out.
    pub(super) fn row(&mut self, seq: u64, ts: &str, hash: &Digest) -> Vec<String> {
        let covered = self.told.last.as_ref().map_or(0, |last| last.size);
        if seq < covered {
            self.told.tail_since = None;
        } else if self.told.tail_since.is_none() {
            self.told.tail_since = ts.parse().ok();
        }
        self.hash(hash)
    }

    /// A row by its hash alone.
    pub(super) fn hash(&mut self, hash: &Digest) -> Vec<String> {
        self.tree.row(hash);
        self.settle(self.tree.size(), hash)
    }

    fn settle(&mut self, size: u64, tip: &Digest) -> Vec<String> {
        let Some(list) = self.expected.remove(&size) else { return Vec::new() };
        let root = self.tree.root();
        let mut faults = Vec::new();
        for expected in list {
            let same = expected.root == root && expected.tip.is_none_or(|kept| kept == *tip);
            match expected.source {
                Source::Stored if same => self.told.stored += 1,
                Source::Stored => faults.push(format!(
                    "the first {size} rows are not those of their checkpoint: its root is {}, theirs is {}",
                    expected.root.short(),
                    root.short()
                )),
                Source::External(_, Signed::Good) if same => self.told.external += 1,
                Source::External(..) if same => {} // nobody vouches for it
                Source::External(place, _) => faults.push(format!(
                    "the first {size} rows are not those of the note {place}: its root is {}, theirs is {}",
                    expected.root.short(),
                    root.short()
                )),
            }
        }
        faults
    }

    /// What is left: checkpoints of more rows than there are, and what could not be checked.
    pub(super) fn end(mut self) -> (Checkpoints, Vec<String>, Vec<String>) {
        let rows = self.tree.size();
        let mut faults = Vec::new();
        for (size, list) in &self.expected {
            for expected in list {
                let place = match &expected.source {
                    Source::Stored => "a checkpoint beside them".to_owned(),
                    Source::External(place, _) => format!("the note {place}"),
                };
                faults.push(format!("there are {rows} rows, {place} covers {size}: the end was cut off"));
            }
        }
        let covered = self.told.last.as_ref().map_or(0, |last| last.size);
        self.told.tail = rows.saturating_sub(covered);
        let mut missing = Vec::new();
        if !self.strangers.is_empty() {
            let ids = self.strangers.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            let what =
                if self.vkeys.is_empty() { "no key was given with --vkey" } else { "other keys were given" };
            missing.push(format!("signatures of key {ids} were not verified: {what}"));
        }
        (self.told, faults, missing)
    }
}

#[cfg(test)]
mod tests;
