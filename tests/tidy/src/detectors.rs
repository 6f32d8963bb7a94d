//! A detector is its doc comment, its cases and its page: what a person reads on the pager was tested and written.

use crate::source::{Kind, closing, find, snake};
use crate::{File, Tree, Violation};
use std::collections::BTreeSet;

const RULE: &str = "detectors";

/// The static slice of all detectors.
pub const SLICE: &str = "detectors/src/catalog.rs";

/// Headings of a detector's doc comment; the catalogue page is made of them.
pub const HEADINGS: &[&str] = &["Meaning", "Impact", "Diagnosis", "Mitigation"];

/// Every detector of the slice has a file with [`HEADINGS`], cases (one of them negative) and a catalogue page, and
/// there is neither a detector nor a folder of cases beside the slice.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let Some(slice) = tree.file(SLICE) else {
        let missing =
            Violation::new(RULE, SLICE, 0, "missing", "list every detector in `pub static DETECTORS`");
        return if tree.just_begun("detectors/src") { Vec::new() } else { vec![missing] };
    };
    let listed = listed(slice);
    let mut found = Vec::new();
    if listed.is_empty() {
        found.push(Violation::new(
            RULE,
            SLICE,
            0,
            "no detector found",
            "`pub static DETECTORS: &[..] = &[&name::DETECTOR, ..]`",
        ));
    }
    for (name, line) in &listed {
        match home(tree, name) {
            None => found.push(Violation::new(
                RULE,
                SLICE,
                *line,
                format!("{name} has no file"),
                format!("write detectors/src/{name}.rs"),
            )),
            Some(file) => found.extend(headings(file)),
        }
        found.extend(cases(RULE, tree, "detectors/testdata", name));
        let page = |p: &String| p.starts_with("docs/catalogue/") && p.ends_with(&format!("/{name}.md"));
        if tree.has("docs/catalogue") && !tree.paths.iter().any(page) {
            let path = format!("docs/catalogue/detectors/{name}.md");
            found.push(Violation::new(RULE, &path, 0, "missing page", "generate the catalogue"));
        }
    }
    let names: BTreeSet<&str> = listed.iter().map(|(name, _)| name.as_str()).collect();
    for file in tree.under("detectors/src/").filter(|f| f.path != SLICE && !names.contains(module(f))) {
        if ["static", "const"].iter().any(|k| find(&file.shipped(), &[k, "DETECTOR"]).next().is_some()) {
            found.push(Violation::new(
                RULE,
                &file.path,
                0,
                "a detector that is not listed",
                format!("add it to {SLICE}"),
            ));
        }
    }
    for folder in
        tree.entries("detectors/testdata").iter().filter(|f| !f.contains('.') && !names.contains(f.as_str()))
    {
        let path = format!("detectors/testdata/{folder}");
        found.push(Violation::new(
            RULE,
            &path,
            0,
            "cases of no detector",
            format!("name the folder as in {SLICE}"),
        ));
    }
    found
}

/// A folder of cases has a positive one, and a negative one whose name begins with `negative`.
pub(crate) fn cases(rule: &'static str, tree: &Tree, testdata: &str, name: &str) -> Vec<Violation> {
    if !tree.has(testdata) {
        return Vec::new();
    }
    let folder = format!("{testdata}/{name}");
    let (negative, positive): (Vec<_>, Vec<_>) =
        tree.entries(&folder).into_iter().partition(|e| e.starts_with("negative"));
    let none =
        |what: &str, instead: &str| Violation::new(rule, &folder, 0, format!("no {what} case"), instead);
    let mut found = Vec::new();
    if positive.is_empty() {
        found.push(none("positive", "paste `kubectl get -o yaml` of the fault and what is expected"));
    }
    if negative.is_empty() {
        found.push(none("negative", "add `negative*`: what looks alike and must stay silent"));
    }
    found
}

/// Module names in the slice, with their lines, tolerant of layout and of a path in front.
fn listed(slice: &File) -> Vec<(String, usize)> {
    let tokens = slice.shipped();
    let Some(start) = find(&tokens, &["DETECTORS"]).next() else { return Vec::new() };
    let Some(equals) = (start..tokens.len()).find(|&i| tokens.get(i).is_some_and(|t| t.is("="))) else {
        return Vec::new();
    };
    let Some(open) = (equals..tokens.len()).find(|&i| tokens.get(i).is_some_and(|t| t.is("["))) else {
        return Vec::new();
    };
    let inside = tokens.get(open + 1..closing(&tokens, open)).unwrap_or_default();
    let names = inside.split(|t| t.is(",")).filter_map(|element| {
        let mut words = element.iter().rev().filter(|t| t.kind == Kind::Word);
        let last = words.next()?;
        Some(words.next().map_or_else(|| (snake(&last.text), last.line), |m| (m.text.clone(), m.line)))
    });
    names.collect()
}

fn module(file: &File) -> &str {
    let path = file.path.trim_end_matches(".rs").trim_end_matches("/mod");
    path.rsplit('/').next().unwrap_or_default()
}

fn home<'a>(tree: &'a Tree, name: &'a str) -> Option<&'a File> {
    tree.under("detectors/src/").find(|f| module(f) == name)
}

fn headings(file: &File) -> Vec<Violation> {
    let docs = file.text.lines().filter_map(|l| l.trim_start().strip_prefix("//")?.strip_prefix(['/', '!']));
    let docs: Vec<&str> = docs.map(|l| l.trim_start_matches([' ', '#', '*'])).collect();
    let missing = HEADINGS.iter().filter(|h| !docs.iter().any(|l| l.starts_with(*h)));
    let violation = |h: &&str| {
        Violation::new(
            RULE,
            &file.path,
            1,
            format!("no heading {h}"),
            format!("say `# {h}` in the doc comment"),
        )
    };
    missing.map(violation).collect()
}
