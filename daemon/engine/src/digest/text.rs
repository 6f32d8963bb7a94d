//! The digest as plain text: a screen of a phone on top, then detail.

use crate::digest::assemble::many;
use crate::digest::schema::{AfterFix, Count, Deed, Digest, Found, Need, NotDone, Stat};
use crate::digest::words;
use std::fmt::Write as _;

/// Lines of the top, at most.
const TOP: usize = 12;
/// Entries of one section; the JSON has all of them.
const SHOWN: usize = 40;
/// No screen is narrower.
const NARROWEST: usize = 32;

/// Top and detail, wrapped to `width` columns. Ends with a line feed.
pub fn text(digest: &Digest, width: usize) -> String {
    let mut out = Out { text: top(digest, width), width: width.max(NARROWEST) };
    needs(&mut out, &digest.needs_you);
    did(&mut out, &digest.did);
    did_not(&mut out, &digest.did_not);
    watch(&mut out, digest);
    trend(&mut out, digest);
    quality(&mut out, digest);
    out.text
}

/// What fits a phone: at most 12 lines of `width` columns. Ends with a line feed.
pub fn top(digest: &Digest, width: usize) -> String {
    let width = width.max(NARROWEST);
    let head = format!(
        "nightshift · {} · {} to {} {}",
        digest.cluster, digest.from.local, digest.to.local, digest.zone
    );
    let mut lines = wrap(&head, width, "", "");
    lines.truncate(2);
    let mut verdict = wrap(&digest.verdict.line, width, "", "");
    verdict.truncate(4);
    lines.append(&mut verdict);
    let mut foot = Vec::new();
    if !digest.did.is_empty() || !digest.did_not.is_empty() {
        let proven = digest.did.iter().filter(|d| d.outcome == "Successful").count();
        foot.push(format!("did {} ({proven} proven), did not {}", digest.did.len(), digest.did_not.len()));
    }
    if digest.watch.inventory.standing > 0 || digest.watch.inventory.cleared > 0 {
        foot.push(inventory(digest));
    }
    let holes = digest.quality.gaps.len() + digest.quality.untold.len();
    let gaps = if holes == 0 { String::new() } else { format!("{holes} not watched; ") };
    foot.push(format!("{gaps}{}", digest.quality.audit.brief()));
    let room = TOP.saturating_sub(lines.len() + foot.len());
    let more = digest.needs_you.len() > room;
    let listed = if more { room.saturating_sub(1) } else { digest.needs_you.len() };
    lines.extend(digest.needs_you.iter().take(listed).map(|need| format!("! {}", brief(need))));
    if more {
        lines.push(format!("! and {} more", digest.needs_you.len() - listed));
    }
    lines.append(&mut foot);
    lines.iter().fold(String::new(), |mut text, line| {
        text.push_str(&cut(line, width));
        text.push('\n');
        text
    })
}

/// A need in one line, the most important first.
fn brief(need: &Need) -> String {
    match &need.proposal {
        Some(p) => format!("vote in {}: {} ({} risk)", p.expires_in, p.action, p.risk),
        None => need.what.clone(),
    }
}

fn inventory(digest: &Digest) -> String {
    let inventory = digest.watch.inventory;
    let cleared = if inventory.cleared == 0 {
        String::new()
    } else {
        format!(", {} healed or changed", inventory.cleared)
    };
    format!("{} broken before first sight{cleared}", inventory.standing)
}

fn needs(out: &mut Out, needs: &[Need]) {
    out.section("Needs you now", needs, |need| {
        let owner = need.owner.as_ref().map(|o| format!(" · owner {o}")).unwrap_or_default();
        let incident = need.incident.as_ref().map(|i| format!(" · {i}")).unwrap_or_default();
        let mut lines = vec![
            need.what.clone(),
            format!("{} since {}{owner}{incident}", need.severity, need.since.local),
        ];
        if let Some(p) = &need.proposal {
            lines.push(format!("{}, {} risk", p.action, p.risk));
            lines.push(format!("digest {} · expires {} (in {})", p.digest, p.expires.local, p.expires_in));
        }
        lines.push(format!("next: {}", need.next));
        lines
    });
}

fn did(out: &mut Out, did: &[Deed]) {
    out.section("What it did", did, |deed| {
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
        lines
    });
}

fn did_not(out: &mut Out, list: &[NotDone]) {
    out.section("What it did not do", list, |entry| {
        let action = entry.action.clone().unwrap_or_else(|| format!("act on {}", entry.scope));
        vec![
            format!("{} {action}: {}", entry.at.local, words::reason(entry.reason)),
            format!("{} · {}", entry.why, entry.incident),
        ]
    });
}

fn watch(out: &mut Out, digest: &Digest) {
    out.section("Watching", &digest.watch.items, |item| {
        vec![format!("{} until {}: {}", item.scope, item.until.local, item.trigger)]
    });
    out.section("Came back", &digest.watch.relapses, |relapse| {
        let after = match relapse.after_fix {
            AfterFix::Verified => "a proven fix",
            AfterFix::Unaided => "it had gone away",
        };
        vec![format!("{} {}, {} after {after}", relapse.at.local, relapse.scope, relapse.after)]
    });
}

fn trend(out: &mut Out, digest: &Digest) {
    let trend = &digest.trend;
    let against = match trend.days {
        0 => "no earlier day to compare with".to_owned(),
        n => format!("beside the median of {}", many(n, "day", "days")),
    };
    out.heading(&format!("Trend ({against})"));
    let counts: Vec<String> = trend.counts.iter().map(count).collect();
    out.item(&[counts.join(" · ")]);
    let measured: Vec<&Stat> = trend.durations.iter().filter(|s| s.n > 0).collect();
    for stat in &measured {
        out.item(&[duration(stat)]);
    }
    if measured.is_empty() {
        out.item(&["no duration ended in this window".to_owned()]);
    }
    let l = &trend.ledger;
    out.item(&[format!(
        "proposals: {} sealed, {} approved, {} denied, {} expired, {} superseded, {} aborted · writes: {} verified, {} not",
        l.sealed, l.approved, l.denied, l.expired, l.superseded, l.aborted, l.verified, l.not_verified
    )]);
    if trend.noise > 0 {
        let n = many(trend.noise, "incident", "incidents");
        out.item(&[format!("noise: {n} healed untouched within 10m")]);
    }
    for r in &trend.repeated {
        let days = many(r.days, "day", "days");
        out.item(&[format!("keeps coming: {}, {} times on {days}", r.what, r.times)]);
    }
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

fn quality(out: &mut Out, digest: &Digest) {
    let quality = &digest.quality;
    out.heading("Data quality");
    out.capped(&quality.gaps, |gap| vec![words::visible(&gap.to_string())]);
    out.capped(&quality.untold, |untold| vec![format!("not told in full: {untold}")]);
    out.capped(&quality.unanswered, |u| {
        let times = many(u.times, "time", "times");
        vec![format!("not checked {times}: {}, because {}", u.what, u.why)]
    });
    out.capped(&quality.undelivered, |m| {
        vec![format!("not delivered {}: {} to {}, because {}", m.at.local, m.message, m.channel, m.why)]
    });
    if quality.starts > 0 {
        out.item(&[format!("nightshift started {}", many(quality.starts, "time", "times"))]);
    }
    out.item(&[format!("not checked: {}", digest.upcoming.not_checked.join(", "))]);
    out.item(&[quality.audit.sentence()]);
}

struct Out {
    text: String,
    width: usize,
}

impl Out {
    fn heading(&mut self, heading: &str) {
        let _ = writeln!(self.text, "\n{}", cut(heading, self.width));
    }

    /// A bullet; further lines are indented.
    fn item(&mut self, lines: &[String]) {
        for (at, line) in lines.iter().enumerate() {
            let first = if at == 0 { "- " } else { "  " };
            for row in wrap(line, self.width, first, "  ") {
                let _ = writeln!(self.text, "{row}");
            }
        }
    }

    fn capped<T>(&mut self, items: &[T], lines: impl Fn(&T) -> Vec<String>) {
        for item in items.iter().take(SHOWN) {
            self.item(&lines(item));
        }
        if items.len() > SHOWN {
            self.item(&[format!("and {} more", items.len() - SHOWN)]);
        }
    }

    /// Nothing at all when there is nothing to say.
    fn section<T>(&mut self, heading: &str, items: &[T], lines: impl Fn(&T) -> Vec<String>) {
        if !items.is_empty() {
            self.heading(heading);
            self.capped(items, lines);
        }
    }
}

/// Breaks at spaces; a word longer than the line stands alone, whole, so that ids can be copied.
fn wrap(text: &str, width: usize, first: &str, rest: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::replace(&mut line, rest.to_owned()));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    lines.push(line);
    lines
}

/// One line of at most `width` characters.
fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let mut cut: String = line.chars().take(width - 1).collect();
    cut.push('…');
    cut
}
