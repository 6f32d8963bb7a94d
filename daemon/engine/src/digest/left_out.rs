//! How much of a night a reader was not shown: numbers, and nothing else of it.

use crate::digest::assemble::many;
use crate::digest::schema::{Audit, Digest, LeftOut};

impl Digest {
    /// This part of a night as a reader gets it, who may not see all of `whole`. Where the history is broken may name
    /// what the reader must not see; that it is broken is for everybody.
    #[must_use]
    pub fn part_of(mut self, whole: &Self) -> Self {
        let rest = |whole: usize, part: usize| u32::try_from(whole.saturating_sub(part)).unwrap_or(u32::MAX);
        let left = LeftOut {
            incidents: whole.verdict.incidents.saturating_sub(self.verdict.incidents),
            open: whole.verdict.open.saturating_sub(self.verdict.open),
            needs: rest(whole.needs_you.len(), self.needs_you.len()),
            gaps: rest(whole.quality.gaps.len(), self.quality.gaps.len()),
            undelivered: rest(whole.quality.undelivered.len(), self.quality.undelivered.len()),
            inventory: whole.watch.inventory.standing.saturating_sub(self.watch.inventory.standing),
        };
        if left != LeftOut::default() {
            self.left_out = Some(left);
            self.verdict.line = format!("For your namespaces alone: {}", self.verdict.line);
        }
        if let Audit::Broken { what } = &mut self.quality.audit {
            what.truncate(what.find(':').unwrap_or(what.len()));
        }
        self
    }
}

impl LeftOut {
    /// One line for the reader.
    pub fn sentence(&self) -> String {
        let parts = [
            (self.incidents, many(self.incidents, "incident", "incidents")),
            (self.open, format!("{} open", self.open)),
            (self.needs, many(self.needs, "thing that needs a person", "things that need a person")),
            (
                self.gaps,
                many(self.gaps, "place not watched or not written", "places not watched or not written"),
            ),
            (self.undelivered, many(self.undelivered, "message not delivered", "messages not delivered")),
            (self.inventory, format!("{} broken before first sight", self.inventory)),
        ];
        let parts: Vec<String> = parts.into_iter().filter(|(n, _)| *n > 0).map(|(_, text)| text).collect();
        format!(
            "Left out, because your roles do not cover their owners: {}. Healthy rollouts and crashes that healed are \
             known for the whole cluster only and are not counted here.",
            parts.join(", ")
        )
    }
}
