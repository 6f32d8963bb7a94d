//! One thing, one word (ARCHITECTURE.md, words), and nothing in a file that is not for its readers.

use crate::source::{Kind, variants};
use crate::{File, Tree, Violation};

const RULE: &str = "words";

/// Parts of names that our own words replace: (part, in place of which).
pub const SYNONYMS: &[(&str, &str)] =
    &[("ticket", "proposal or incident"), ("remediator", "executor"), ("fixer", "executor")];

/// The states, and only these: (enum, variants).
pub const STATES: &[(&str, &[&str])] = &[
    (
        "Phase",
        &["Investigating", "Drafted", "Proposed", "Granted", "Executing", "Verifying", "Escalated", "Closed"],
    ),
    ("Operation", &["Claimed", "Sending", "Applied", "NotApplied", "Unknown"]),
    ("OperationState", &["Claimed", "Sending", "Applied", "NotApplied", "Unknown"]),
    ("Outcome", &["Successful", "Failed", "Inconclusive", "Error"]),
];

/// Where [`STATES`] bind: our nouns and our wire types (a Pod's own phase is another matter).
pub const STATE_PLACES: &[&str] = &["daemon/model/src/", "daemon/src/api/"];

/// Never in a file of ours: (word, instead). Written in halves, for this file is read too.
pub const NEVER: &[(&str, &str)] = &[
    (concat!("/wo", "rk/"), "name the path from the top of the repository"),
    (concat!("TO", "DO"), "do it, or say in an issue what is open"),
    (concat!("FIX", "ME"), "fix it, or say in an issue what is open"),
    (concat!("XX", "X"), "do it, or say in an issue what is open"),
    (concat!("lo", "rem"), "write the text"),
    (concat!("crates", ".io"), "name the package, not where it was fetched"),
    (concat!("npmjs", ".org"), "name the package, not where it was fetched"),
    (concat!("py", "pi.org"), "name the package, not where it was fetched"),
    (concat!("pythonhosted", ".org"), "name the package, not where it was fetched"),
    (concat!("proxy.golang", ".org"), "name the module, not where it was fetched"),
    (concat!("sum.golang", ".org"), "name the module, not where it was fetched"),
];

/// Written by tools, with names that are not ours.
pub const EXEMPT: &[&str] = &["Cargo.lock", "go.sum", "go.mod", "package-lock.json"];

/// Names without synonyms, states as agreed, files without left-overs.
pub fn check(tree: &Tree) -> Vec<Violation> {
    tree.files.iter().flat_map(|file| [names(file), states(file), never(file)].concat()).collect()
}

fn names(file: &File) -> Vec<Violation> {
    let declares = ["struct", "enum", "trait", "type", "fn", "mod", "const", "static"];
    let mut found = Vec::new();
    for pair in file.tokens.windows(2) {
        let [keyword, name] = pair else { continue };
        if keyword.kind != Kind::Word || !declares.contains(&keyword.text.as_str()) || name.kind != Kind::Word
        {
            continue;
        }
        let lower = name.text.to_lowercase();
        if let Some((_, word)) = SYNONYMS.iter().find(|(part, _)| lower.contains(part)) {
            found.push(Violation::new(
                RULE,
                &file.path,
                name.line,
                format!("`{}` is not our word", name.text),
                format!("say {word}"),
            ));
        }
    }
    found
}

fn states(file: &File) -> Vec<Violation> {
    let mut found = Vec::new();
    for (name, agreed) in STATES.iter().filter(|_| STATE_PLACES.iter().any(|p| file.path.starts_with(p))) {
        let Some(actual) = variants(&file.tokens, name) else { continue };
        let line = actual.first().map_or(0, |v| v.1);
        let mut actual: Vec<&str> = actual.iter().map(|v| v.0.as_str()).collect();
        let mut expected = agreed.to_vec();
        actual.sort_unstable();
        expected.sort_unstable();
        if actual != expected {
            let what = format!("enum {name} has {actual:?}");
            found.push(Violation::new(
                RULE,
                &file.path,
                line,
                what,
                format!("exactly {agreed:?}: there are no other state words"),
            ));
        }
    }
    found
}

fn never(file: &File) -> Vec<Violation> {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    if EXEMPT.contains(&name) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (word, instead) in NEVER {
        let hits =
            file.text.lines().enumerate().filter(|(_, line)| line.contains(word) && stands_alone(line, word));
        found.extend(
            hits.map(|(at, _)| Violation::new(RULE, &file.path, at + 1, format!("says {word:?}"), *instead)),
        );
    }
    found
}

/// True if `word` stands in `line` as a word or a path of its own, not as a part of a longer one.
fn stands_alone(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|l| l.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|l| l.chars().next());
        let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let path = word.starts_with('/');
        let other = if path { before.is_some_and(|c| "~-.*}".contains(c)) } else { joins(after) };
        !joins(before) && !other
    })
}
