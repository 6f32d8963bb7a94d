//! That persons, policy or playbooks changed since the start before: told once, where things are written, and never by
//! a page.

use super::Outbox;
use super::deliver::To;
use crate::notify::notice::policy_notice;
use crate::notify::{Channel, Heard, Kind, Outgoing};
use crate::store::{HistoryStore as _, OutboxRow};
use nightshift_engine::StoreError;
use nightshift_engine::policy_change::changes;
use nightshift_engine::route::{Situation, Waiting};
use nightshift_model::history::Row;
use nightshift_model::{Epoch, HistoryEvent, PolicyFacts, Severity, SystemEvent};

impl Outbox {
    /// Tells what the responder of that epoch found changed.
    pub(super) async fn policy_changed(&self, row: &OutboxRow, epoch: Epoch) -> Result<(), StoreError> {
        let noted = self.store.system_events(&["policy-noted"]).await?;
        let (before, after) = around(&noted, epoch);
        let changes = &changes(before, after);
        let to = self.posts().into_iter().map(|channel| To { channel, kind: Kind::Post, thread: None });
        let render = |channel: &'_ Channel, _| {
            let name = channel.name.clone();
            async move {
                let link = (self.mint)(None, name).await;
                Outgoing::Policy(Box::new(policy_notice(&self.cluster, changes.clone(), link)))
            }
        };
        self.deliver(row, to.collect(), None, render).await.map(drop)
    }

    /// Where the table posts what is not about one incident. A change of who may decide must reach somebody, so where
    /// the table leads to nothing but pagers it goes where the digest goes.
    fn posts(&self) -> Vec<&Channel> {
        let about = Situation {
            severity: Severity::Info,
            namespace: String::new(),
            proposal: Waiting::Nothing,
            at: self.clock.now(),
        };
        let choice = self.table.choose(&about);
        let able = || self.notifier.channels().iter().filter(|channel| channel.hears(Heard::Post));
        let chosen: Vec<&Channel> =
            able().filter(|channel| choice.to.iter().any(|(name, _)| *name == channel.name)).collect();
        if chosen.is_empty() { able().collect() } else { chosen }
    }
}

/// What was noted before that epoch, and in it.
fn around(noted: &[Row], epoch: Epoch) -> (Option<&PolicyFacts>, Option<&PolicyFacts>) {
    let place = noted.iter().position(|row| row.epoch == Some(epoch));
    let after = place.and_then(|place| noted.get(place));
    let before = place.and_then(|place| noted.get(..place)).and_then(<[Row]>::last);
    (before.and_then(facts), after.and_then(facts))
}

fn facts(row: &Row) -> Option<&PolicyFacts> {
    let HistoryEvent::System(SystemEvent::PolicyNoted { facts, .. }) = &row.event else { return None };
    Some(facts)
}
