//! What the hour's budget held back for one channel, in one message.

use super::ledger::{Held, List};
use super::route::kind;
use super::{Done, Outbox, To};
use crate::notify::notice::list_line;
use crate::notify::{ListNotice, Outgoing};
use crate::store::{HistoryStore as _, OutboxRow};
use nightshift_engine::StoreError;
use nightshift_engine::digest::words;
use nightshift_engine::route::budget::fair;
use nightshift_model::{Manner, Phase, SystemEvent};

/// Incidents that a list names.
const NAMED: usize = 10;
/// Incidents that are looked up to find them: some are over by the time of the list.
const LOOKED_UP: usize = 50;

impl Outbox {
    /// Tells the list when its time has come.
    pub(super) async fn list(
        &self,
        row: &OutboxRow,
        channel: &str,
        manner: Manner,
    ) -> Result<(), StoreError> {
        let key = &row.message.key;
        let now = self.clock.now();
        let (held, fresh) = match self.ledger(|ledger| ledger.list(key, channel, manner, now)).await? {
            List::Empty => return self.store.outbox_sent(row.id).await,
            List::At(at) => return self.store.outbox_retry(row.id, at, "it gathers what comes").await,
            List::Now(held, fresh) => (held, fresh),
        };
        if let Some(event) = fresh {
            self.record(vec![event]).await?;
        }
        let Some(known) = self.notifier.channels().iter().find(|known| known.name == channel) else {
            let (message, why) = (key.clone(), "the channel is no longer configured".to_owned());
            let lost = SystemEvent::Undelivered { message, channel: channel.to_owned(), why: why.clone() };
            self.record(vec![lost]).await?;
            return self.store.outbox_failed(row.id, &why).await;
        };
        let link = (self.mint)(None, channel.to_owned()).await;
        let notice = &self.told_together(held, manner, link).await?;
        let to = vec![To { channel: known, kind: kind(manner), thread: None }];
        let render = |_, _| async move { Outgoing::List(Box::new(notice.clone())) };
        match self.deliver(row, to, None, render).await? {
            Done::Told | Done::Lost => self.ledger(|ledger| ledger.list_done(key)).await,
            Done::Waiting => Ok(()),
        }
    }

    async fn told_together(
        &self,
        held: Vec<Held>,
        manner: Manner,
        link: Option<String>,
    ) -> Result<ListNotice, StoreError> {
        // An incident may wait with several messages: it is named once.
        let mut seen = std::collections::BTreeSet::new();
        let mut once = held;
        once.retain(|one| seen.insert(one.incident.clone()));
        let count = u32::try_from(once.len()).unwrap_or(u32::MAX);
        let mut lines = Vec::new();
        let (mut over, mut quiet) = (0, 0);
        for one in fair(once, |one| (one.owner.as_str(), one.severity)).into_iter().take(LOOKED_UP) {
            if lines.len() == NAMED {
                break;
            }
            let incident = self.store.snapshot(&one.incident).await?;
            if incident.hush.is_some() && !incident.phase.is_unproven() {
                quiet += 1;
            } else if matches!(incident.phase, Phase::Closed { .. }) {
                over += 1;
            } else {
                lines.push(list_line(&incident));
            }
        }
        let named = u32::try_from(lines.len()).unwrap_or(u32::MAX);
        let more = count.saturating_sub(named).saturating_sub(over).saturating_sub(quiet);
        if over > 0 {
            lines.push(format!("{over} of those looked at are over already"));
        }
        if more > 0 {
            lines.push(format!("and {more} more; the page and the digest have all of them"));
        }
        let needs = match manner {
            Manner::Page => "need you",
            Manner::Post => "to read",
        };
        let one = if count == 1 { "incident" } else { "incidents" };
        Ok(ListNotice {
            kind: kind(manner),
            cluster: words::visible(&self.cluster),
            title: format!("{count} more {one} {needs}"),
            lines,
            count,
            command: link.is_none().then(|| "nightshift incidents".to_owned()),
            link,
        })
    }
}
