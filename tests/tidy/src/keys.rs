//! A page names only values that the chart takes, and settings that the daemon reads.

use crate::{File, Tree, Violation};
use serde_json::Value;
use std::collections::BTreeSet;

const RULE: &str = "keys";

/// What the chart takes.
pub const SCHEMA: &str = "charts/nightshift/values.schema.json";
/// Every setting of the daemon, each once.
pub const EXAMPLE: &str = "daemon/assets/nightshift.example.yaml";
/// Pages beside those of `docs/`.
pub const PAGES: &[&str] = &[
    "README.md",
    "SECURITY.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "charts/nightshift/templates/NOTES.txt",
];

/// Every `a.b` in code whose first word is a section of either, and every `--set a.b=`, exists.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let (Some(schema), Some(example)) = (tree.file(SCHEMA), tree.file(EXAMPLE)) else { return Vec::new() };
    let Ok(schema) = serde_json::from_str::<Value>(&schema.text) else {
        return vec![Violation::new(RULE, SCHEMA, 0, "is not JSON", "mend it")];
    };
    let settings = settings(&example.text);
    let known = |key: &str| settings.contains(key) || takes(&schema, key);
    let begins = |key: &str| key.split('.').next().is_some_and(known);
    let pages = tree.files.iter().filter(|file| is_page(file));
    let mut found = Vec::new();
    for page in pages {
        for (at, line) in page.text.lines().enumerate() {
            let quoted = quoted(line).filter(|key| begins(key) && !known(key));
            let set = set(line).filter(|key| !takes(&schema, key));
            for key in quoted.chain(set) {
                let instead = "name what the chart's values or the example configuration have";
                let what = format!("{key} is no value and no setting");
                found.push(Violation::new(RULE, &page.path, at + 1, what, instead));
            }
        }
    }
    found
}

/// Written by hand, and for people who install.
fn is_page(file: &File) -> bool {
    let page = file.path.strip_prefix("docs/").is_some_and(|name| !name.contains('/'));
    PAGES.contains(&file.path.as_str()) || page && file.path.strip_suffix(".md").is_some()
}

/// Each `a.b.c` that stands in code alone.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    let words = line.split('`').skip(1).step_by(2);
    words.filter(|word| {
        let parts = word.split('.');
        let good = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
        let file = ["yaml", "md", "rs", "json", "db"].iter().any(|end| word.ends_with(&format!(".{end}")));
        word.contains('.') && parts.clone().all(good) && !file
    })
}

/// Each key of `--set key=`.
fn set(line: &str) -> impl Iterator<Item = &str> {
    let after = line.split("--set ").skip(1).chain(line.split("--set-string ").skip(1));
    after.filter_map(|rest| Some(rest.trim_start().split_once('=')?.0)).filter(|key| !key.contains(' '))
}

/// Whether a value of this path passes the schema.
fn takes(schema: &Value, key: &str) -> bool {
    let Some((first, rest)) = key.split_once('.').map(|(f, r)| (f, Some(r))).or(Some((key, None))) else {
        return false;
    };
    let below = |node: &Value| rest.is_none_or(|rest| takes(node, rest));
    if let Some(node) = schema.pointer(&format!("/properties/{first}")) {
        return below(node);
    }
    match (schema.get("items"), schema.get("additionalProperties")) {
        (Some(items), _) => takes(items, key),
        (None, Some(any @ Value::Object(_))) => below(any) || takes(any, key),
        (None, Some(Value::Bool(open))) => *open,
        (None, _) => schema.get("properties").is_none() && schema.get("type").is_some_and(|t| t == "object"),
    }
}

/// Every path of the example configuration; what stands behind `#: ` counts.
fn settings(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut above: Vec<(usize, String)> = Vec::new();
    for line in text.lines() {
        let line = line.strip_prefix("#:").map_or(line, |rest| rest.strip_prefix(' ').unwrap_or(rest));
        let line = line.split(" #").next().unwrap_or_default();
        let inside = line.trim_start().trim_start_matches("- ");
        let Some((name, rest)) = inside.split_once(':').filter(|(name, _)| is_name(name)) else { continue };
        let depth = line.len() - inside.len();
        above.retain(|(at, _)| *at < depth);
        let names = above.iter().map(|(_, name)| name.as_str());
        let path = names.chain([name]).collect::<Vec<_>>().join(".");
        for part in rest.split(['{', ',']) {
            if let Some((below, _)) = part.trim().split_once(':').filter(|(below, _)| is_name(below)) {
                found.insert(format!("{path}.{below}"));
            }
        }
        above.push((depth, name.to_owned()));
        found.insert(path);
    }
    found
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}
