//! The digest as sentences, in the order of reading: what text, page and mail lay out.

use crate::digest::assemble::many;
use crate::digest::schema::{
    AfterFix, Count, Deed, Digest, Ending, Found, Need, NotDone, PolicyChange, Relapse, Stat,
};
use crate::digest::words;
use nightshift_model::{IncidentId, ProposalId};
use std::fmt::Write as _;

/// One part of the digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// What stands in it; never empty.
    pub entries: Vec<Entry>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The first says it, the others say more.
    pub lines: Vec<String>,
    /// What it is about.
    pub about: About,
}

/// What an entry is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// The night as a whole.
    Night,
    /// An incident.
    Incident(IncidentId),
    /// A proposal that waits.
    Proposal(ProposalId),
}

/// Every section that has something to say.
pub fn sections(digest: &Digest) -> Vec<Section> {
    let all = [
        section("Needs you now", digest.needs_you.iter().map(need)),
        section("What it did", digest.did.iter().map(deed)),
        section("What it did not do", digest.did_not.iter().map(not_done)),
        section("Watching", watching(digest)),
        section("Came back", digest.watch.relapses.iter().map(relapse)),
        section("Upcoming", digest.upcoming.silences.iter().map(ending)),
        trend(digest),
        section("Data quality", quality(digest)),
    ];
    all.into_iter().filter(|s| !s.entries.is_empty()).collect()
}

fn section(title: &str, entries: impl Iterator<Item = Entry>) -> Section {
    Section { title: title.to_owned(), entries: entries.collect() }
}

fn night(line: String) -> Entry {
    Entry { lines: vec![line], about: About::Night }
}

fn need(need: &Need) -> Entry {
    let owner = need.owner.as_ref().map(|o| format!(" · owner {o}")).unwrap_or_default();
    let incident = need.incident.as_ref().map(|i| format!(" · {i}")).unwrap_or_default();
    let has = need.held_by.as_ref().map(|p| format!(" · {} has it", words::visible(p.as_str())));
    let quiet = need.silenced.as_ref().map(|until| format!(" · silenced until {}", until.local));
    let has = has.unwrap_or_default() + &quiet.unwrap_or_default();
    let mut lines = vec![
        need.what.clone(),
        format!("{} since {}{owner}{has}{incident}", need.severity, need.since.local),
    ];
    if let Some(p) = &need.proposal {
        lines.push(format!("{}, {} risk", p.action, p.risk));
        lines.push(format!("digest {} · expires {} (in {})", p.digest, p.expires.local, p.expires_in));
    }
    lines.push(format!("next: {}", need.next));
    let about = match (&need.proposal, &need.incident) {
        (Some(p), _) => About::Proposal(p.id.clone()),
        (None, Some(incident)) => About::Incident(incident.clone()),
        (None, None) => About::Night,
    };
    Entry { lines, about }
}

fn deed(deed: &Deed) -> Entry {
    let approvers: Vec<String> = deed.approvers.iter().map(|p| words::visible(p.as_str())).collect();
    let found = match deed.found {
        Found::Answered => "",
        Found::Recovered => " · found by recovery",
    };
    let why = if deed.why.is_empty() { String::new() } else { format!(": {}", deed.why) };
    let mut lines = vec![
        format!("{} {}: {}{why}", deed.at.local, deed.action, deed.outcome),
        format!("approved by {} · digest {} · {}{found}", approvers.join(", "), deed.digest, deed.incident),
    ];
    for m in &deed.measures {
        let read = |value: &Option<String>| value.clone().unwrap_or_else(|| "not measured".to_owned());
        lines.push(format!("{}: {} -> {}", m.measure, read(&m.before), read(&m.after)));
    }
    lines.push(format!("undo: {}", deed.inverse));
    Entry { lines, about: About::Incident(deed.incident.clone()) }
}

fn not_done(entry: &NotDone) -> Entry {
    let action = entry.action.clone().unwrap_or_else(|| format!("act on {}", entry.scope));
    let lines = vec![
        format!("{} {action}: {}", entry.at.local, words::reason(entry.reason)),
        format!("{} · {}", entry.why, entry.incident),
    ];
    Entry { lines, about: About::Incident(entry.incident.clone()) }
}

fn watching(digest: &Digest) -> impl Iterator<Item = Entry> {
    let watched = digest.watch.items.iter().map(|item| Entry {
        lines: vec![format!("{} until {}: {}", item.scope, item.until.local, item.trigger)],
        about: About::Incident(item.incident.clone()),
    });
    let ended = digest.watch.ended.iter().map(|ended| Entry {
        lines: vec![format!("{}: {} ({})", ended.scope, ended.what, ended.at.local)],
        about: About::Incident(ended.incident.clone()),
    });
    watched.chain(ended).chain(inventory(digest).map(night))
}

/// What was broken before first sight, in one line.
pub(super) fn inventory(digest: &Digest) -> Option<String> {
    let inventory = digest.watch.inventory;
    let cleared = match inventory.cleared {
        0 => String::new(),
        n => format!(", {n} healed or changed"),
    };
    (inventory.standing + inventory.cleared > 0)
        .then(|| format!("{} broken before first sight{cleared}", inventory.standing))
}

fn ending(ending: &Ending) -> Entry {
    night(format!(
        "{} silence of {} ends: {} ({}) · {}",
        ending.until.local, ending.of, ending.because, ending.by, ending.id
    ))
}

fn relapse(relapse: &Relapse) -> Entry {
    let after = match relapse.after_fix {
        AfterFix::Verified => "a proven fix",
        AfterFix::Unaided => "it had gone away",
        AfterFix::Deleted => "its object had been deleted",
        AfterFix::Unproven => "it had gone away after an unproven write",
        AfterFix::Ended => "a person had ended it",
    };
    let line = if relapse.times > 1 {
        format!(
            "{} comes and goes: {} times, last at {}; told once",
            relapse.scope, relapse.times, relapse.at.local
        )
    } else {
        format!("{} {}, {} after {after}", relapse.at.local, relapse.scope, relapse.after)
    };
    Entry { lines: vec![line], about: About::Incident(relapse.incident.clone()) }
}

fn trend(digest: &Digest) -> Section {
    let trend = &digest.trend;
    let title = match trend.days {
        0 => "Trend (no earlier day to compare with)".to_owned(),
        n => format!("Trend (beside the median of {})", many(n, "day", "days")),
    };
    let counts: Vec<String> = trend.counts.iter().map(count).collect();
    let mut lines = vec![counts.join(" · ")];
    lines.extend(trend.durations.iter().filter(|s| s.n > 0).map(duration));
    let l = &trend.ledger;
    if *l != crate::digest::Ledger::default() {
        lines.push(format!(
            "proposals: {} sealed, {} approved, {} denied, {} expired, {} superseded, {} aborted · writes: {} \
             verified, {} not",
            l.sealed, l.approved, l.denied, l.expired, l.superseded, l.aborted, l.verified, l.not_verified
        ));
    }
    if trend.noise > 0 {
        let n = many(trend.noise, "incident", "incidents");
        lines.push(format!("noise: {n} healed untouched within 10m"));
    }
    for r in &trend.repeated {
        lines.push(format!("keeps coming: {}, {} times on {}", r.what, r.times, many(r.days, "day", "days")));
    }
    Section { title, entries: lines.into_iter().map(night).collect() }
}

fn count(count: &Count) -> String {
    let median = count.median.map(|m| format!(" (usually {m})")).unwrap_or_default();
    format!("{} {}{median}", count.what, count.now)
}

fn duration(stat: &Stat) -> String {
    let mut line = format!("{} ({})", stat.name, stat.meaning);
    let parts = [("median", stat.median), ("p90", stat.p90), ("mean", stat.mean)];
    let parts: Vec<String> = parts.iter().filter_map(|(n, v)| v.map(|v| format!("{n} {v}"))).collect();
    let _ = write!(line, ": {}, n {}", parts.join(", "), stat.n);
    line
}

fn policy(change: &PolicyChange) -> String {
    let times = if change.times > 1 { format!("{} times, last ", change.times) } else { String::new() };
    let more = (change.more > 0).then(|| format!("and {} more", change.more));
    let what: Vec<String> = change.changes.iter().cloned().chain(more).collect();
    let what = if what.is_empty() { String::new() } else { format!(": {}", what.join("; ")) };
    let at = &change.at.local;
    format!(
        "persons, policy, playbooks or mode changed {times}{at}, so votes on what was open are void{what}"
    )
}

fn quality(digest: &Digest) -> impl Iterator<Item = Entry> {
    let quality = &digest.quality;
    let mut lines: Vec<String> = quality.gaps.iter().map(|gap| words::visible(&gap.to_string())).collect();
    lines.extend(quality.untold.iter().map(|untold| format!("not told in full: {untold}")));
    lines.extend(
        quality.unanswered.iter().map(|u| {
            format!("not checked {}: {}, because {}", many(u.times, "time", "times"), u.what, u.why)
        }),
    );
    lines.extend(
        quality.undelivered.iter().map(|m| {
            format!("not delivered {}: {} to {}, because {}", m.at.local, m.message, m.channel, m.why)
        }),
    );
    if quality.listed > 0 {
        lines.push(format!(
            "{} over the hour's budget went out in {}; the incidents stand above",
            many(quality.listed, "message", "messages"),
            many(quality.lists, "list", "lists"),
        ));
    }
    let ignoring = &digest.upcoming.ignoring;
    if !ignoring.is_empty() {
        let what =
            if ignoring.what.is_empty() { "nothing any more".to_owned() } else { ignoring.what.join(", ") };
        let n = many(ignoring.findings, "finding or alert", "findings or alerts");
        lines.push(format!("ignored by the configuration: {what}; {n} opened nothing"));
    }
    lines.extend(quality.policy.as_ref().map(policy));
    if quality.starts > 0 {
        lines.push(format!("nightshift started {}", many(quality.starts, "time", "times")));
    }
    lines.push(format!("not checked: {}", digest.upcoming.not_checked.join(", ")));
    lines.push(quality.audit.sentence());
    lines.into_iter().map(night)
}
