//! Migrations are numbered without gaps, built in as they stand, and never edited once committed.

use crate::source::{code_at, find};
use crate::{Tree, Violation};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write;

const RULE: &str = "migrations";

/// The file that builds the migrations in, one `include_str!` each.
pub const SCHEMA: &str = "daemon/src/store/schema.rs";

/// For every folder of migrations/: no gap in the numbers, the list in [`SCHEMA`] is the folder,
/// and `SHA256SUMS` holds.
pub fn check(tree: &Tree) -> Vec<Violation> {
    tree.entries("migrations")
        .iter()
        .filter(|e| !e.contains('.'))
        .flat_map(|backend| folder(tree, backend))
        .collect()
}

fn folder(tree: &Tree, backend: &str) -> Vec<Violation> {
    let folder = format!("migrations/{backend}");
    let names = scripts(tree, &folder);
    let mut found = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let number: String = name.chars().take_while(char::is_ascii_digit).collect();
        if number.parse() != Ok(at + 1) {
            let path = format!("{folder}/{name}");
            found.push(Violation::new(
                RULE,
                &path,
                0,
                format!("is not number {}", at + 1),
                "number from 1 without gaps",
            ));
            break;
        }
    }
    let built_in = built_in(tree, &folder);
    if tree.has("daemon/src/store") && built_in != names {
        let what = format!("builds in {built_in:?}, {folder} holds {names:?}");
        found.push(Violation::new(RULE, SCHEMA, 0, what, "one `include_str!` a file, in order"));
    }
    let path = format!("{folder}/SHA256SUMS");
    let sums = tree.file(&path).map_or("", |f| f.text.as_str());
    let committed: BTreeSet<&str> = sums.lines().collect();
    for name in &names {
        let line = sum(tree, &folder, name);
        if committed.contains(line.as_str()) {
            continue;
        }
        let known = committed.iter().any(|l| l.ends_with(&format!("  {name}")));
        let what = if known { "edited after it was committed" } else { "has no checksum" };
        let instead = if known {
            "undo the edit and add a new migration"
        } else {
            "run the tests once with TIDY_BLESS=1"
        };
        found.push(Violation::new(RULE, &format!("{folder}/{name}"), 0, what, instead));
    }
    for line in committed.iter().filter(|l| !names.iter().any(|n| l.ends_with(&format!("  {n}")))) {
        found.push(Violation::new(
            RULE,
            &path,
            0,
            format!("names no file: {line:?}"),
            "a migration is never removed",
        ));
    }
    found
}

/// `SHA256SUMS` of every backend with the lines of new files added: (path, content). A line that is there stays as
/// it is: to change a migration that no release has, delete its line by hand.
pub fn bless(tree: &Tree) -> Vec<(String, String)> {
    let one = |backend: &String| {
        let folder = format!("migrations/{backend}");
        let path = format!("{folder}/SHA256SUMS");
        let mut sums = tree.file(&path).map_or(String::new(), |f| f.text.clone());
        for name in scripts(tree, &folder) {
            if !sums.lines().any(|l| l.ends_with(&format!("  {name}"))) {
                sums += &sum(tree, &folder, &name);
                sums.push('\n');
            }
        }
        (path, sums)
    };
    tree.entries("migrations").iter().filter(|e| !e.contains('.')).map(one).collect()
}

fn scripts(tree: &Tree, folder: &str) -> Vec<String> {
    tree.entries(folder).into_iter().filter(|e| e.strip_suffix(".sql").is_some()).collect()
}

fn built_in(tree: &Tree, folder: &str) -> Vec<String> {
    let tokens = tree.file(SCHEMA).map(|f| f.tokens.as_slice()).unwrap_or_default();
    let literals = find(tokens, &["include_str", "!", "("]).filter_map(|at| {
        let text = tokens.get(at + 3).filter(|_| code_at(tokens, at + 2, "("))?;
        text.text.split_once(&format!("{folder}/")).map(|(_, name)| name.to_owned())
    });
    literals.collect()
}

/// One line as `sha256sum` writes it.
fn sum(tree: &Tree, folder: &str, name: &str) -> String {
    let text = tree.file(&format!("{folder}/{name}")).map_or("", |f| f.text.as_str());
    let mut line = String::new();
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(line, "{byte:02x}");
    }
    format!("{line}  {name}")
}
