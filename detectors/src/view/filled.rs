//! What Prometheus said of the volumes' room.

use super::View;
use crate::facts::{ClaimFacts, Facts};
use crate::volumes::{Short, Shortage, Volumes};
use nightshift_model::{ObjectRef, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The last answer, and since when each volume has been short in that way.
#[derive(Debug, Default)]
pub(super) struct Filled {
    at: Option<Timestamp>,
    short: BTreeMap<(String, String), (Short, Timestamp)>,
}

impl View {
    /// Takes an answer in. Returns the claims that it touches: those it tells of, and those it tells of no more.
    pub fn fill(&mut self, volumes: Volumes, now: Timestamp) -> Vec<ObjectRef> {
        let before = std::mem::take(&mut self.filled.short);
        let since = |place: &(String, String), of: Shortage| {
            before.get(place).filter(|(short, _)| short.of == of).map_or(now, |(_, since)| *since)
        };
        let short = volumes.short.into_iter().map(|(place, short)| {
            let since = since(&place, short.of);
            (place, (short, since))
        });
        self.filled = Filled { at: volumes.at, short: short.collect() };
        let places = before.keys().chain(self.filled.short.keys());
        let claims = places.filter_map(|(namespace, name)| self.by_name::<ClaimFacts>(namespace, name));
        claims.map(Facts::object).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// How the volume of a claim is short of room, since when, and when that was asked.
    pub fn short_volume(&self, claim: &ClaimFacts) -> Option<(Short, Timestamp, Timestamp)> {
        let asked = self.filled.at?;
        let place = (claim.meta.namespace.to_string(), claim.meta.name.to_string());
        self.filled.short.get(&place).map(|(short, since)| (*short, *since, asked))
    }
}
