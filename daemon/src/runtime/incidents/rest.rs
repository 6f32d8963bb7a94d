//! Incidents whose drive panicked: each waits, longer every time, before it is driven again.

use nightshift_model::{IncidentId, Seconds, Timestamp};
use std::collections::BTreeMap;

/// Panics in a row after which a person is told.
pub(super) const PATIENCE: u32 = 3;
/// Incidents remembered. One more, and the one that would come up soonest is forgotten: it is then driven as if new.
const REMEMBERED: usize = 1_024;

/// What is remembered between drives that panicked; a drive that ends well is forgotten.
#[derive(Debug, Default)]
pub(super) struct Rests(BTreeMap<IncidentId, Rest>);

#[derive(Clone, Copy, Debug)]
struct Rest {
    panics: u32,
    /// `None` once its wait is over, until its drive has ended.
    until: Option<Timestamp>,
}

impl Rests {
    /// One more panic; says how many in a row, and how long it is left alone.
    pub(super) fn panicked(&mut self, id: IncidentId, now: Timestamp) -> (u32, Seconds) {
        let panics = self.panics(&id) + 1;
        let wait = Seconds(match panics {
            1 | PATIENCE => 5, // the next one after PATIENCE tells a person: soon
            2 => 30,
            _ => 600,
        });
        if self.0.len() >= REMEMBERED && !self.0.contains_key(&id) {
            let soonest = self.0.iter().min_by_key(|(_, rest)| rest.until).map(|(id, _)| id.clone());
            soonest.map(|id| self.0.remove(&id));
        }
        self.0.insert(id, Rest { panics, until: Some(now + wait) });
        (panics, wait)
    }

    /// How often in a row an incident's drive has panicked.
    pub(super) fn panics(&self, id: &IncidentId) -> u32 {
        self.0.get(id).map_or(0, |rest| rest.panics)
    }

    /// Whether it is left alone for now.
    pub(super) fn rests(&self, id: &IncidentId) -> bool {
        self.0.get(id).is_some_and(|rest| rest.until.is_some())
    }

    /// A drive ended well.
    pub(super) fn ended_well(&mut self, id: &IncidentId) {
        self.0.remove(id);
    }

    /// When the next wait is over.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.values().filter_map(|rest| rest.until).min()
    }

    /// Those whose wait is over.
    pub(super) fn over(&mut self, now: Timestamp) -> Vec<IncidentId> {
        let mut over = Vec::new();
        for (id, rest) in &mut self.0 {
            if rest.until.is_some_and(|until| until <= now) {
                rest.until = None;
                over.push(id.clone());
            }
        }
        over
    }
}
