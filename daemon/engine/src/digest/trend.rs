//! How the night compares: counts beside earlier days, durations, the ledger, what keeps coming.

use crate::digest::Window;
use crate::digest::night::Night;
use crate::digest::schema::{Count, Ledger, Repeated, Stat, Trend};
use crate::digest::stats::{median, stat};
use crate::digest::story::{Ended, Episode, Story};
use nightshift_model::{Escalation, IncidentId, Outcome, Seconds, Timestamp, Withdrawal};
use std::collections::{BTreeMap, BTreeSet};

const DAY: u64 = 86_400;
const DAYS: u64 = 7;
/// What heals within this, untouched, was noise.
const NOISE: Seconds = Seconds(600);
/// Pages this close together wake somebody once.
const BURST: Seconds = Seconds(1800);
/// Local hours in which people sleep: from 22:00 until 08:00.
const SLEEP_FROM: i8 = 22;
const SLEEP_TO: i8 = 8;

pub(super) fn trend(
    stories: &BTreeMap<&IncidentId, Story<'_>>,
    pages: &[Timestamp],
    night: &Night<'_>,
    window: &Window,
) -> Trend {
    let began: Vec<Timestamp> = stories.values().flat_map(|s| s.episodes.iter().map(|e| e.began)).collect();
    let earlier: Vec<(Timestamp, Timestamp)> = (1..=DAYS)
        .map(|day| (window.from - Seconds(DAY * day), window.to - Seconds(DAY * day)))
        .take_while(|(from, _)| *from >= window.known_from)
        .collect();
    let here = (window.from, window.to);
    let count = |what: &str, count: &dyn Fn((Timestamp, Timestamp)) -> u32| {
        let before: Vec<u64> = earlier.iter().map(|w| u64::from(count(*w))).collect();
        let median = median(&before).and_then(|m| u32::try_from(m).ok());
        Count { what: what.to_owned(), now: count(here), median }
    };
    Trend {
        days: u32::try_from(earlier.len()).unwrap_or(0),
        counts: vec![
            count("incidents", &|w| number(within(&began, w))),
            count("pages", &|w| number(within(pages, w))),
            count("sleep interruptions", &|w| sleep_interruptions(pages, w, window)),
        ],
        durations: durations(stories, night, window),
        ledger: ledger(stories, window),
        noise: number(episodes(stories).filter(|(_, e)| noise(e, window))),
        repeated: repeated(stories, window),
    }
}

/// How many.
pub(super) fn number(items: impl Iterator) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}

fn within(times: &[Timestamp], (from, to): (Timestamp, Timestamp)) -> impl Iterator<Item = &Timestamp> {
    times.iter().filter(move |at| from <= **at && **at < to)
}

fn episodes<'s, 'a>(
    stories: &'s BTreeMap<&IncidentId, Story<'a>>,
) -> impl Iterator<Item = (&'s Story<'a>, &'s Episode)> {
    stories.values().flat_map(|s| s.episodes.iter().map(move |e| (s, e)))
}

/// Pages at night, those within half an hour of the one before counted once. `pages` is in order.
pub(super) fn sleep_interruptions(pages: &[Timestamp], span: (Timestamp, Timestamp), window: &Window) -> u32 {
    let mut before: Option<Timestamp> = None;
    let mut times = 0;
    for at in within(pages, span) {
        let hour = at.get().to_zoned(window.zone.clone()).hour();
        if !(SLEEP_TO..SLEEP_FROM).contains(&hour) {
            if before.is_none_or(|b| at.since(b) > BURST) {
                times += 1;
            }
            before = Some(*at);
        }
    }
    times
}

fn durations(stories: &BTreeMap<&IncidentId, Story<'_>>, night: &Night<'_>, window: &Window) -> Vec<Stat> {
    let (mut found, mut acted, mut mitigated, mut resolved) = (vec![], vec![], vec![], vec![]);
    for story in stories.values() {
        let told = night.told.get(story.id.as_str());
        for (at, episode) in story.episodes.iter().enumerate() {
            let until = story.episodes.get(at + 1).map_or(u64::MAX, |next| next.from_revision);
            let first = told.and_then(|t| t.range(episode.from_revision..until).map(|(_, at)| *at).min());
            let started = episode.started();
            let take = |list: &mut Vec<u64>, end: Option<Timestamp>, begin: Option<Timestamp>| {
                if let (Some(end), Some(begin)) = (end, begin)
                    && window.holds(end)
                {
                    list.push(end.since(begin).0);
                }
            };
            take(&mut found, first, Some(started));
            take(&mut acted, episode.first_act, first);
            take(&mut mitigated, episode.verified, Some(started));
            take(&mut resolved, episode.ended.map(|(at, _)| at), Some(started));
        }
    }
    let decided: Vec<u64> = stories
        .values()
        .flat_map(|s| &s.sealed)
        .filter_map(|s| {
            let denied =
                s.withdrawn.filter(|(_, why)| matches!(why, Withdrawal::Denied { .. })).map(|(at, _)| at);
            let end = s.granted.or(denied).filter(|at| window.holds(*at))?;
            Some(end.since(s.at).0)
        })
        .collect();
    vec![
        stat("MTTD", "start of the fault to first message", &found),
        stat("MTTA", "first message to a person's first act", &acted),
        stat("decision", "proposal sealed to decided", &decided),
        stat("MTTM", "start of the fault to proven fix", &mitigated),
        stat("MTTR", "start of the fault to its end", &resolved),
    ]
}

fn ledger(stories: &BTreeMap<&IncidentId, Story<'_>>, window: &Window) -> Ledger {
    let mut ledger = Ledger::default();
    for sealed in stories.values().flat_map(|s| &s.sealed) {
        ledger.sealed += u32::from(window.holds(sealed.at));
        ledger.approved += u32::from(sealed.granted.is_some_and(|at| window.holds(at)));
        if let Some((at, why)) = sealed.withdrawn
            && window.holds(at)
        {
            match why {
                Withdrawal::Denied { .. } => ledger.denied += 1,
                Withdrawal::Expired => ledger.expired += 1,
                Withdrawal::TargetChanged { .. } if sealed.granted.is_some() => ledger.aborted += 1,
                Withdrawal::Superseded
                | Withdrawal::TargetChanged { .. }
                | Withdrawal::PolicyChanged
                | Withdrawal::Stopped
                | Withdrawal::ByPerson { .. } => ledger.superseded += 1,
            }
        }
    }
    for (at, why) in stories.values().flat_map(|s| &s.escalations) {
        let aborted = match why {
            Escalation::GrantExpired | Escalation::RecheckFailed { .. } | Escalation::NotApplied { .. } => {
                true
            }
            Escalation::NoPlan { .. }
            | Escalation::Refused { .. }
            | Escalation::NotSealed { .. }
            | Escalation::Denied { .. }
            | Escalation::Expired { .. }
            | Escalation::SupersededTwice
            | Escalation::Broken { .. }
            | Escalation::NotVerified { .. } => false,
        };
        ledger.aborted += u32::from(aborted && window.holds(*at));
    }
    for (at, deed) in stories.values().flat_map(Story::writes) {
        if window.holds(at) {
            ledger.verified += u32::from(deed.outcome == Some(&Outcome::Successful));
            ledger.not_verified += u32::from(deed.outcome.is_some_and(|o| *o != Outcome::Successful));
        }
    }
    ledger
}

fn noise(episode: &Episode, window: &Window) -> bool {
    episode.first_act.is_none()
        && episode.ended.is_some_and(|(at, how)| {
            how == Ended::Healed && window.holds(at) && at.since(episode.began) < NOISE
        })
}

fn repeated(stories: &BTreeMap<&IncidentId, Story<'_>>, window: &Window) -> Vec<Repeated> {
    let mut faults: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
    for (story, episode) in episodes(stories) {
        if window.to - Seconds(DAY * DAYS) <= episode.began && episode.began < window.to {
            faults.entry(story.trouble()).or_default().push(episode.began);
        }
    }
    let mut repeated: Vec<Repeated> = faults
        .into_iter()
        .filter_map(|(what, times)| {
            let days: BTreeSet<_> =
                times.iter().map(|at| at.get().to_zoned(window.zone.clone()).date()).collect();
            let lately = times.iter().filter(|at| window.to.since(**at) <= Seconds(DAY)).count();
            let (days, times) = (number(days.iter()), number(times.iter()));
            (days >= 3 || lately >= 3).then_some(Repeated { what, times, days })
        })
        .collect();
    repeated.sort_by(|a, b| b.times.cmp(&a.times).then_with(|| a.what.cmp(&b.what)));
    repeated.truncate(5);
    repeated
}
