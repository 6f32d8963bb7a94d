//! Silences as a person sees them: in force, to come, and over lately.

use super::{Reader, Reads};
use crate::store::HistoryStore as _;
use nightshift_engine::drive::StoreError;
use nightshift_model::{Actor, HistoryEvent, Seconds, Selector, Silence, SystemEvent, Timestamp};

/// How long one that is over is shown.
const LATELY: Seconds = Seconds(7 * 86_400);
/// How many of those, newest first.
const MOST_OVER: usize = 50;

/// All that a reader may see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Silences {
    /// In force; what ends first is first.
    pub active: Vec<Silence>,
    /// To come; what begins first is first.
    pub upcoming: Vec<Silence>,
    /// Over lately; the last is first.
    pub over: Vec<Over>,
}

/// One that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over {
    /// The silence.
    pub silence: Silence,
    /// Since when.
    pub at: Timestamp,
    /// Who ended it; `None` when its time had come.
    pub by: Option<Actor>,
}

impl Reads {
    /// The silences that a reader may see. One of a kind of fault is everybody's: it keeps everybody's quiet.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn silences(&self, reader: &Reader) -> Result<Silences, StoreError> {
        let now = self.clock.now();
        let rows = self.store.system_events(&["silence-added", "silence-ended"]).await?;
        let events = rows.iter().filter_map(|row| match &row.event {
            HistoryEvent::System(event) => Some((row.at, event)),
            HistoryEvent::Incident(_) => None,
        });
        let mut all = sorted(events, now);
        let shown = |silence: &Silence| match &silence.of {
            Selector::Namespace(namespace)
            | Selector::Workload { namespace, .. }
            | Selector::Object { namespace, .. } => reader.sees(namespace),
            Selector::Reason(_) => true,
        };
        all.active.retain(shown);
        all.upcoming.retain(shown);
        all.over.retain(|over| shown(&over.silence));
        all.over.truncate(MOST_OVER);
        Ok(all)
    }
}

/// What the events of silences add up to.
#[expect(clippy::wildcard_enum_match_arm)] // a fold of two kinds out of a growing list
fn sorted<'a>(events: impl Iterator<Item = (Timestamp, &'a SystemEvent)>, now: Timestamp) -> Silences {
    let mut all = Silences::default();
    let mut known: Vec<Silence> = Vec::new();
    for (at, event) in events {
        match event {
            SystemEvent::SilenceAdded { silence } => {
                known.retain(|other| other.id != silence.id);
                known.push(silence.clone());
            }
            SystemEvent::SilenceEnded { silence, by } => {
                if let Some(found) = known.iter().position(|other| other.id == *silence) {
                    all.over.push(Over { silence: known.remove(found), at, by: Some(by.clone()) });
                }
            }
            _ => {}
        }
    }
    for silence in known {
        if silence.until <= now {
            all.over.push(Over { at: silence.until, silence, by: None });
        } else if silence.from > now {
            all.upcoming.push(silence);
        } else {
            all.active.push(silence);
        }
    }
    all.over.retain(|over| now.since(over.at) < LATELY);
    all.over.sort_by_key(|over| std::cmp::Reverse(over.at));
    all.active.sort_by_key(|silence| silence.until);
    all.upcoming.sort_by_key(|silence| silence.from);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_is_to_come_then_in_force_then_over_for_a_week() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second);
        let make = |name: &str, from, until| {
            let of = Selector::Namespace(name.to_owned());
            Silence::new(of, at(from), at(until), "x", Actor::Operator).unwrap()
        };
        let (first, second, third) = (make("a", 0, 100), make("b", 50, 90), make("c", 0, 200));
        let ended = SystemEvent::SilenceEnded { silence: third.id.clone(), by: Actor::Operator };
        let added = |silence: &Silence| SystemEvent::SilenceAdded { silence: silence.clone() };
        let events =
            [(at(0), added(&first)), (at(0), added(&second)), (at(0), added(&third)), (at(20), ended)];
        let seen = |now| {
            let all = sorted(events.iter().map(|(at, event)| (*at, event)), at(now));
            let names =
                |list: &[Silence]| list.iter().map(|s| s.of.to_string()).collect::<Vec<_>>().join(",");
            let over = all.over.iter().map(|over| format!("{} {}", over.silence.of, over.by.is_some()));
            (names(&all.active), names(&all.upcoming), over.collect::<Vec<_>>().join(","))
        };
        let told = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(seen(20), told("namespace a", "namespace b", "namespace c true"));
        assert_eq!(seen(50), told("namespace b,namespace a", "", "namespace c true"));
        assert_eq!(seen(90), told("namespace a", "", "namespace b false,namespace c true"));
        assert_eq!(seen(20 + 7 * 86_400), told("", "", "namespace a false,namespace b false"));
        assert_eq!(seen(100 + 7 * 86_400), told("", "", ""));
    }
}
