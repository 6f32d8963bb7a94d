//! The digest as plain text: a screen of a phone on top, then detail.

use crate::digest::schema::{Digest, Need};
use crate::digest::sections::{inventory, sections};
use std::fmt::Write as _;

/// Lines of the top, at most.
const TOP: usize = 12;
/// Entries of one section; the JSON has all of them.
const SHOWN: usize = 40;
/// No screen is narrower.
const NARROWEST: usize = 32;

/// Top and detail, wrapped to `width` columns. Ends with a line feed.
pub fn text(digest: &Digest, width: usize) -> String {
    let width = width.max(NARROWEST);
    let mut text = top(digest, width);
    for section in sections(digest) {
        let _ = writeln!(text, "\n{}", cut(&section.title, width));
        for entry in section.entries.iter().take(SHOWN) {
            item(&mut text, &entry.lines, width);
        }
        if section.entries.len() > SHOWN {
            item(&mut text, &[format!("and {} more", section.entries.len() - SHOWN)], width);
        }
    }
    text
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
    foot.extend(inventory(digest));
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

/// A bullet; further lines are indented.
fn item(text: &mut String, lines: &[String], width: usize) {
    for (at, line) in lines.iter().enumerate() {
        for row in wrap(line, width, if at == 0 { "- " } else { "  " }, "  ") {
            let _ = writeln!(text, "{row}");
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
