//! The table itself: matching, explaining, and rows that nothing can reach.

use super::{Because, Choice, Situation, Waiting};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use nightshift_model::registry::matches;
use nightshift_model::{Manner, Severity, Timestamp};

/// One row. What is absent matches everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// This severe, or more.
    pub severity: Option<Severity>,
    /// Namespaces by name; a trailing `*` matches any ending. None means all.
    pub namespaces: Vec<String>,
    /// Whether a proposal must wait, or must not.
    pub proposal: Option<Waiting>,
    /// The time of day.
    pub hours: Option<Hours>,
    /// Who is woken.
    pub page: Vec<String>,
    /// Where it is written without waking anybody.
    pub post: Vec<String>,
}

/// A time of day, from and until, in a zone. Until before from lies on the next day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    /// From then on.
    pub from: Time,
    /// Until then, which is not part of it.
    pub until: Time,
    /// The IANA zone.
    pub zone: TimeZone,
}

/// What holds when no row matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Default {
    /// Every channel is paged about everything.
    Everyone {
        /// The channels.
        channels: Vec<String>,
    },
    /// Only what is critical, or a proposal that waits in production, pages; the rest is posted.
    Careful {
        /// Namespaces that count as production.
        production: Vec<String>,
        /// Who is woken.
        pagers: Vec<String>,
        /// Where everything is posted.
        posts: Vec<String>,
    },
}

/// `notify.routes` with what holds without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The rows, in their order.
    pub routes: Vec<Route>,
    /// What holds when none matches.
    pub default: Default,
}

/// A row that can never be the first that matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Covered {
    /// The row, from 1.
    pub row: usize,
    /// An earlier row that matches whatever it matches.
    pub by: usize,
}

impl Table {
    /// Where a message about this goes.
    pub fn choose(&self, about: &Situation) -> Choice {
        let hit = (1..).zip(&self.routes).find(|(_, route)| route.misses(about).is_empty());
        if let Some((number, route)) = hit {
            return choice(&route.page, &route.post, Because::Row(number));
        }
        match &self.default {
            Default::Everyone { channels } => choice(channels, &[], Because::Everyone),
            Default::Careful { production, pagers, posts } => {
                let inside = production.iter().any(|pattern| matches(pattern, &about.namespace));
                if about.severity == Severity::Critical {
                    choice(pagers, posts, Because::Critical)
                } else if inside && about.proposal == Waiting::Proposal {
                    choice(pagers, posts, Because::Production)
                } else {
                    choice(&[], posts, Because::Quiet)
                }
            }
        }
    }

    /// Rows that an earlier row takes everything from. Hours are compared within one zone only, so a row that is said
    /// to be reachable may still not be; a row that is said to be covered is.
    pub fn covered(&self) -> Vec<Covered> {
        let rows: Vec<(usize, &Route)> = (1..).zip(&self.routes).collect();
        rows.iter()
            .filter_map(|(row, route)| {
                let by = rows.iter().take_while(|(by, _)| by < row).find(|(_, before)| before.covers(route));
                by.map(|(by, _)| Covered { row: *row, by: *by })
            })
            .collect()
    }
}

fn choice(page: &[String], post: &[String], because: Because) -> Choice {
    let mut to: Vec<(String, Manner)> = Vec::new();
    let manners = page.iter().map(|c| (c, Manner::Page)).chain(post.iter().map(|c| (c, Manner::Post)));
    for (channel, manner) in manners {
        if !to.iter().any(|(known, _)| known == channel) {
            to.push((channel.clone(), manner));
        }
    }
    Choice { to, because }
}

impl Route {
    /// What keeps the row from matching, one clause each; none means it matches.
    pub fn misses(&self, about: &Situation) -> Vec<String> {
        let mut misses = Vec::new();
        if let Some(least) = self.severity
            && about.severity < least
        {
            misses.push(format!("{} is less than {least}", about.severity));
        }
        let namespace = &about.namespace;
        if !self.namespaces.is_empty() && !self.namespaces.iter().any(|p| matches(p, namespace)) {
            let named = if namespace.is_empty() { "no namespace" } else { namespace };
            misses.push(format!("{named} is not among {}", self.namespaces.join(", ")));
        }
        match (self.proposal, about.proposal) {
            (Some(Waiting::Proposal), Waiting::Nothing) => misses.push("no proposal waits".to_owned()),
            (Some(Waiting::Nothing), Waiting::Proposal) => misses.push("a proposal waits".to_owned()),
            (None, _)
            | (Some(Waiting::Proposal), Waiting::Proposal)
            | (Some(Waiting::Nothing), Waiting::Nothing) => {}
        }
        if let Some(hours) = &self.hours
            && !hours.hold(about.at)
        {
            misses.push(format!("{} is outside {hours}", hours.local(about.at).strftime("%H:%M")));
        }
        misses
    }

    /// Whether this matches whatever the other matches.
    fn covers(&self, other: &Self) -> bool {
        let severity = self.severity.is_none_or(|least| other.severity.is_some_and(|theirs| theirs >= least));
        let namespaces = self.namespaces.is_empty()
            || !other.namespaces.is_empty()
                && other.namespaces.iter().all(|p| self.namespaces.iter().any(|mine| within(p, mine)));
        let proposal = self.proposal.is_none() || self.proposal == other.proposal;
        let hours = match (&self.hours, &other.hours) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(theirs)) => mine.covers(theirs),
        };
        severity && namespaces && proposal && hours
    }
}

/// Whether every namespace that a pattern matches is matched by another.
fn within(pattern: &str, other: &str) -> bool {
    match (pattern.strip_suffix('*'), other.strip_suffix('*')) {
        (Some(head), Some(wider)) => head.starts_with(wider),
        (Some(_), None) => false,
        (None, _) => matches(other, pattern),
    }
}

impl Hours {
    /// Whether an instant lies in it.
    pub fn hold(&self, at: Timestamp) -> bool {
        self.include(self.local(at))
    }

    fn local(&self, at: Timestamp) -> Time {
        at.get().to_zoned(self.zone.clone()).time()
    }

    fn include(&self, time: Time) -> bool {
        if self.from < self.until {
            self.from <= time && time < self.until
        } else {
            time >= self.from || time < self.until
        }
    }

    fn covers(&self, other: &Self) -> bool {
        let minute = |m: i32| Time::midnight().wrapping_add(jiff::SignedDuration::from_mins(i64::from(m)));
        self.zone == other.zone && (0..24 * 60).map(minute).all(|t| !other.include(t) || self.include(t))
    }
}

impl std::fmt::Display for Hours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let zone = self.zone.iana_name().unwrap_or("UTC");
        write!(f, "{} to {} {zone}", self.from.strftime("%H:%M"), self.until.strftime("%H:%M"))
    }
}
