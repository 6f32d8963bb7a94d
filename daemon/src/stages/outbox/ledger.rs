//! Who was told what: the fold of the history's own rows about messages, kept in memory.
//!
//! Everything in it is written down first and read again at start, so a crash forgets nothing.

use nightshift_engine::route::Choice;
use nightshift_engine::route::budget::{Budget, Counted, HOUR, What, list_at, turn};
use nightshift_model::history::Row;
use nightshift_model::{
    HistoryEvent, IncidentId, Manner, Seconds, Severity, SystemEvent, Thread, Timestamp, Told, Turn,
};
use std::collections::{BTreeMap, BTreeSet};

/// The rows that it is made of.
pub(super) const KINDS: [&str; 3] = ["routed", "listed", "thread-changed"];
/// How far back they are read at start: an incident that was told longer ago is told as if it were new.
pub(super) const REACH: Seconds = Seconds(7 * 86_400);
/// Incidents that are remembered; of more, the longest untold are forgotten.
const INCIDENTS: usize = 20_000;

/// The fold.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Where each message goes.
    routed: BTreeMap<String, Vec<Told>>,
    /// What each incident has at the channels.
    incidents: BTreeMap<IncidentId, Known>,
    /// What each channel got within the hour.
    sent: BTreeMap<Place, Vec<Counted>>,
    /// What waits for each channel's next list.
    held: BTreeMap<Place, Vec<Held>>,
    /// What each list stands for.
    lists: BTreeMap<String, Vec<Held>>,
}

type Place = (String, Manner);

#[derive(Debug, Default)]
struct Known {
    at: Option<Timestamp>,
    messages: Vec<String>,
    channels: BTreeSet<String>,
    threads: BTreeMap<String, Thread>,
}

/// One message that waits for a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) incident: IncidentId,
    pub(super) owner: String,
    pub(super) severity: Severity,
    message: String,
    since: Timestamp,
}

/// What a list row has to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum List {
    /// Nothing waits.
    Empty,
    /// Not yet.
    At(Timestamp),
    /// Now, of these, and this must be written down first if it is not yet.
    Now(Vec<Held>, Option<SystemEvent>),
}

/// What is asked for one message.
pub(super) struct Asked<'a> {
    pub(super) message: &'a str,
    pub(super) incident: &'a IncidentId,
    pub(super) owner: &'a str,
    pub(super) severity: Severity,
}

impl Ledger {
    /// From the rows of the history, in their order.
    pub(super) fn of(rows: &[Row]) -> Self {
        let mut ledger = Self::default();
        for row in rows {
            if let HistoryEvent::System(event) = &row.event {
                ledger.hear(row.at, event);
            }
        }
        ledger
    }

    /// Takes in what is written down.
    pub(super) fn hear(&mut self, at: Timestamp, event: &SystemEvent) {
        if let SystemEvent::Routed { message, incident, owner, severity, to, .. } = event {
            let known = self.incidents.entry(incident.clone()).or_default();
            known.at = Some(at);
            known.messages.push(message.clone());
            for told in to {
                let place = (told.channel.clone(), told.manner);
                match told.turn {
                    Turn::Single => {
                        known.channels.insert(told.channel.clone());
                        let (owner, incident) = (owner.clone(), incident.to_string());
                        let what = What::Single { owner, severity: *severity, incident };
                        count(self.sent.entry(place).or_default(), Counted { at, what });
                    }
                    Turn::Listed => self.held.entry(place).or_default().push(Held {
                        incident: incident.clone(),
                        owner: owner.clone(),
                        severity: *severity,
                        message: message.clone(),
                        since: at,
                    }),
                }
            }
            self.routed.insert(message.clone(), to.clone());
            self.trim();
        }
        if let SystemEvent::Listed { message, channel, manner, count: listed } = event {
            let place = (channel.clone(), *manner);
            let held = self.held.remove(&place).unwrap_or_default();
            let what = What::List { count: *listed };
            count(self.sent.entry(place).or_default(), Counted { at, what });
            self.lists.insert(message.clone(), held);
        }
        if let SystemEvent::ThreadChanged { channel, incident, thread } = event {
            let known = self.incidents.entry(incident.clone()).or_default();
            known.threads.insert(channel.clone(), thread.clone());
        }
    }

    /// Where a message goes, as it was written down, or as it must be written down now.
    pub(super) fn route(
        &self,
        asked: &Asked<'_>,
        choice: &Choice,
        now: Timestamp,
    ) -> Result<Vec<Told>, Vec<Told>> {
        if let Some(known) = self.routed.get(asked.message) {
            return Ok(known.clone());
        }
        let told = choice.to.iter().map(|(channel, manner)| {
            let place = (channel.clone(), *manner);
            let sent = self.sent.get(&place).map_or(&[][..], Vec::as_slice);
            let waiting = self.held.get(&place).map_or(0, Vec::len);
            let about = (asked.owner, asked.severity, asked.incident.as_str());
            let turn = turn(&Budget::of(*manner), sent, waiting, about, now);
            Told { channel: channel.clone(), manner: *manner, turn }
        });
        Err(told.collect())
    }

    /// Whether nothing waits for a channel's list yet: then whoever comes first brings the list's own row.
    pub(super) fn opens_list(&self, channel: &str, manner: Manner) -> bool {
        self.held.get(&(channel.to_owned(), manner)).is_none_or(Vec::is_empty)
    }

    /// What a list's row has to do.
    pub(super) fn list(&self, message: &str, channel: &str, manner: Manner, now: Timestamp) -> List {
        if let Some(held) = self.lists.get(message) {
            return List::Now(held.clone(), None);
        }
        let place = (channel.to_owned(), manner);
        let held = self.held.get(&place).cloned().unwrap_or_default();
        let Some(first) = held.first() else { return List::Empty };
        let sent = self.sent.get(&place).map_or(&[][..], Vec::as_slice);
        let at = list_at(&Budget::of(manner), sent, (held.len(), first.since), now);
        if now < at {
            return List::At(at);
        }
        let count = u32::try_from(held.len()).unwrap_or(u32::MAX);
        let (message, channel) = (message.to_owned(), channel.to_owned());
        List::Now(held, Some(SystemEvent::Listed { message, channel, manner, count }))
    }

    /// The channels that heard of an incident by itself; `None` when nothing is known of it.
    pub(super) fn told(&self, incident: &IncidentId) -> Option<Vec<String>> {
        let known = self.incidents.get(incident)?;
        Some(known.channels.iter().cloned().collect())
    }

    /// How an incident's thread stands at a channel.
    pub(super) fn thread(&self, incident: &IncidentId, channel: &str) -> Option<Thread> {
        self.incidents.get(incident)?.threads.get(channel).cloned()
    }

    /// Takes a message back that could not be written down. What it was counted for runs out by itself.
    pub(super) fn take_back(&mut self, message: &str) {
        self.routed.remove(message);
        for held in self.held.values_mut() {
            held.retain(|one| one.message != message);
        }
    }

    /// A list was told, or given up.
    pub(super) fn list_done(&mut self, message: &str) {
        self.lists.remove(message);
    }

    fn trim(&mut self) {
        if self.incidents.len() <= INCIDENTS {
            return;
        }
        let mut times: Vec<Option<Timestamp>> = self.incidents.values().map(|known| known.at).collect();
        times.sort_unstable();
        let Some(oldest) = times.get(INCIDENTS / 10).copied() else { return };
        let forgotten: Vec<IncidentId> =
            self.incidents.iter().filter(|(_, k)| k.at <= oldest).map(|(id, _)| id.clone()).collect();
        for id in forgotten {
            for message in self.incidents.remove(&id).into_iter().flat_map(|known| known.messages) {
                self.routed.remove(&message);
            }
        }
    }
}

/// Adds one and forgets what no longer counts.
fn count(sent: &mut Vec<Counted>, one: Counted) {
    let now = one.at;
    sent.retain(|counted| now < counted.at + HOUR);
    sent.push(one);
}

#[cfg(test)]
mod tests;
