//! How many messages one channel gets in an hour. What is over goes out together, in one list.
//!
//! A storm of ten thousand incidents is at most five pages: three by themselves, one that is kept for what is
//! critical, and one list. The digest tells all of them anyway.

use nightshift_model::{Manner, Seconds, Severity, Timestamp, Turn};

/// The window in which messages are counted.
pub const HOUR: Seconds = Seconds(3600);
/// A list that names more incidents than this is a storm's: the hour gets no second one.
pub const STORM: u32 = 20;
/// Before the first list of an hour others are waited for, so that it is worth being read.
pub const GATHER: Seconds = Seconds(60);
/// Messages about one incident that stand in its thread and count for nothing, within the hour.
pub const THREAD: usize = 4;

/// The numbers for one manner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Messages by themselves.
    pub singles: usize,
    /// Of them, for one owner at most: the last is another owner's.
    pub one_owner: usize,
    /// On top of them, kept for what is critical.
    pub critical: usize,
    /// Lists.
    pub lists: usize,
    /// Between two lists.
    pub apart: Seconds,
}

impl Budget {
    /// The numbers in force.
    pub fn of(manner: Manner) -> Self {
        match manner {
            Manner::Page => Self { singles: 3, one_owner: 2, critical: 1, lists: 2, apart: Seconds(1200) },
            Manner::Post => Self { singles: 20, one_owner: 12, critical: 5, lists: 5, apart: Seconds(600) },
        }
    }

    /// The most messages in an hour.
    pub fn most(&self) -> usize {
        self.singles + self.critical + self.lists
    }
}

/// One message that a channel got, or is about to get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// When.
    pub at: Timestamp,
    /// What it was.
    pub what: What,
}

/// What a message was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// About one incident.
    Single {
        /// Whose.
        owner: String,
        /// How much it hurts.
        severity: Severity,
        /// The incident's id.
        incident: String,
    },
    /// A list of so many.
    List {
        /// How many.
        count: u32,
    },
}

/// Whether a message about an incident goes out by itself or in the next list. `sent` is what the channel got in
/// this manner, `waiting` how many messages wait for its list already: while some do, only what is critical passes.
pub fn turn(
    budget: &Budget,
    sent: &[Counted],
    waiting: usize,
    (owner, severity, incident): (&str, Severity, &str),
    now: Timestamp,
) -> Turn {
    let singles: Vec<(&str, Severity, &str)> = recent(sent, now)
        .filter_map(|counted| match &counted.what {
            What::Single { owner, severity, incident } => {
                Some((owner.as_str(), *severity, incident.as_str()))
            }
            What::List { .. } => None,
        })
        .collect();
    // An incident that was told has its thread: what follows belongs there, within reason.
    let thread = singles.iter().filter(|(_, _, told)| *told == incident).count();
    if (1..THREAD).contains(&thread) {
        return Turn::Single;
    }
    let mut first: Vec<(&str, Severity)> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for (owner, severity, told) in &singles {
        if !seen.contains(told) {
            seen.push(told);
            first.push((owner, *severity));
        }
    }
    let mine = first.iter().filter(|(theirs, _)| *theirs == owner).count();
    if waiting == 0 && first.len() < budget.singles && mine < budget.one_owner {
        return Turn::Single;
    }
    // What is critical may use any place that is left, and the one that is kept for it.
    if severity == Severity::Critical && first.len() < budget.singles + budget.critical {
        return Turn::Single;
    }
    Turn::Listed
}

/// When the next list may go out, for so many messages that wait, the first since `since`.
pub fn list_at(
    budget: &Budget,
    sent: &[Counted],
    (waiting, since): (usize, Timestamp),
    now: Timestamp,
) -> Timestamp {
    let lists: Vec<(Timestamp, u32)> = recent(sent, now)
        .filter_map(|counted| match counted.what {
            What::List { count } => Some((counted.at, count)),
            What::Single { .. } => None,
        })
        .collect();
    let gathered = since + GATHER;
    let Some(last) = lists.iter().map(|(at, _)| *at).max() else { return gathered };
    let storm =
        u32::try_from(waiting).unwrap_or(u32::MAX) > STORM || lists.iter().any(|(_, count)| *count > STORM);
    let free = if storm {
        last + HOUR
    } else if lists.len() >= budget.lists {
        lists.iter().map(|(at, _)| *at).min().unwrap_or(last) + HOUR
    } else {
        last + budget.apart
    };
    gathered.max(free)
}

/// Fair by owner: what is critical first, then one of each owner in turn, in the order in which they came.
pub fn fair<T>(mut waiting: Vec<T>, about: impl Fn(&T) -> (&str, Severity)) -> Vec<T> {
    let mut seen: std::collections::BTreeMap<(String, Severity), usize> = std::collections::BTreeMap::new();
    let mut keyed: Vec<((std::cmp::Reverse<Severity>, usize), T)> = Vec::with_capacity(waiting.len());
    for one in waiting.drain(..) {
        let (owner, severity) = about(&one);
        let round = seen.entry((owner.to_owned(), severity)).or_default();
        let key = (std::cmp::Reverse(severity), *round);
        *round += 1;
        keyed.push((key, one));
    }
    keyed.sort_by_key(|(key, _)| *key); // stable: within a round, in the order in which they came
    keyed.into_iter().map(|(_, one)| one).collect()
}

fn recent(sent: &[Counted], now: Timestamp) -> impl Iterator<Item = &Counted> {
    sent.iter().filter(move |counted| now < counted.at + HOUR)
}

#[cfg(test)]
mod tests;
