//! Generated pages are committed and say so; that they are fresh is tested where their generator is.

use crate::{Tree, Violation};

const RULE: &str = "generated";

/// What a generated file says within its first [`HEAD`] lines.
pub const MARKER: &str = "@generated";
/// How many lines are looked at.
pub const HEAD: usize = 5;

/// Committed generated files.
pub const FILES: &[&str] = &[
    "docs/matrix.md",      // (phase x event), by daemon/model
    "docs/permissions.md", // verbs by action, by daemon/engine
    "docs/faults.md",      // faults and what is expected, by tests
    "docs/benchmarks.md",  // what it costs beside peers, by tests/bench/run
    "daemon/openapi.json", // paths and wire types under /v1, by daemon
];

/// Folders in which every page is generated.
pub const FOLDERS: &[&str] = &["docs/catalogue/"];

/// Pages that quote a file whole: (page, file).
pub const QUOTES: &[(&str, &str)] = &[("README.md", "daemon/assets/nightshift.example.yaml")];

/// Every one of [`FILES`] exists, all of them carry the marker, and what is quoted is quoted as it is.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for path in FILES.iter().filter(|p| tree.has("docs") && tree.file(p).is_none()) {
        found.push(Violation::new(RULE, path, 0, "missing", "run its generator and commit the result"));
    }
    let listed = tree
        .files
        .iter()
        .filter(|f| FILES.contains(&f.path.as_str()) || FOLDERS.iter().any(|d| f.path.starts_with(d)));
    for file in listed.filter(|f| !f.text.lines().take(HEAD).any(|l| l.contains(MARKER))) {
        let instead = format!("let the generator write `{MARKER} by <command>` into the first lines");
        found.push(Violation::new(RULE, &file.path, 1, "does not say that it is generated", instead));
    }
    for (page, quoted) in QUOTES {
        let (Some(page), Some(file)) = (tree.file(page), tree.file(quoted)) else { continue };
        if !page.text.contains(file.text.trim_end()) {
            let what = format!("does not quote {quoted} as it is");
            found.push(Violation::new(RULE, &page.path, 0, what, "copy the file into the page anew"));
        }
    }
    found
}
