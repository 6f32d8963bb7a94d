//! A file holds one thing: 60 to 250 lines are aimed at, 400 is long, 700 is an error.

use crate::source::{closing, find};
use crate::tree::is_rust;
use crate::{File, Tree, Violation};

const RULE: &str = "sizes";

/// More lines than this fail.
pub const MOST: usize = 700;
/// More lines than this are worth a look; the test prints them.
pub const LONG: usize = 400;
/// Unit tests longer than this move to `<file>/tests.rs`.
pub const INLINE_TESTS: usize = 80;
/// The simulated cluster as a whole, its tests apart: lines of code, because its comments say what a real API server
/// does and are worth their room.
pub const SIM: usize = 5_000;

/// The limits above, for every Rust file that is not `// @generated`.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in rust(tree) {
        let lines = file.text.lines().count();
        if lines > MOST {
            let what = format!("{lines} lines (at most {MOST})");
            found.push(Violation::new(
                RULE,
                &file.path,
                0,
                what,
                "split it: one thing a file, named after it",
            ));
        }
        if let Some((line, count)) = inline_tests(file).filter(|(_, count)| *count > INLINE_TESTS) {
            let what = format!("{count} lines of unit tests inside the file (at most {INLINE_TESTS})");
            let home = format!("{}/tests.rs", file.path.trim_end_matches(".rs").trim_end_matches("/mod"));
            found.push(Violation::new(RULE, &file.path, line, what, format!("`mod tests;` and {home}")));
        }
    }
    let sim = rust(tree).filter(|f| f.path.starts_with("daemon/sim/") && !f.is_test());
    let total: usize = sim.map(|f| code_lines(&f.text) - inline_tests(f).map_or(0, |t| t.1)).sum();
    if total > SIM {
        let instead = "answer 501 naming the feature; fidelity beyond the contract test is the lab's work";
        found.push(Violation::new(
            RULE,
            "daemon/sim",
            0,
            format!("{total} lines of code (at most {SIM})"),
            instead,
        ));
    }
    found
}

/// Files over [`LONG`] lines, longest first, as lines to print.
pub fn long(tree: &Tree) -> Vec<String> {
    let mut long: Vec<(usize, &str)> =
        rust(tree).map(|f| (f.text.lines().count(), f.path.as_str())).collect();
    long.retain(|(lines, _)| *lines > LONG);
    long.sort_unstable_by(|a, b| b.cmp(a));
    long.into_iter().map(|(lines, path)| format!("{lines:5} {path}")).collect()
}

fn rust(tree: &Tree) -> impl Iterator<Item = &File> {
    let made = |f: &File| f.text.lines().next().is_some_and(|first| first.contains("@generated"));
    tree.files.iter().filter(move |f| is_rust(&f.path) && !made(f))
}

/// Lines that hold more than white space or a comment.
fn code_lines(text: &str) -> usize {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

/// Line and length of `mod tests { ... }`.
fn inline_tests(file: &File) -> Option<(usize, usize)> {
    let at = find(&file.tokens, &["mod", "tests", "{"]).next()?;
    let (first, last) = (file.tokens.get(at)?.line, file.tokens.get(closing(&file.tokens, at + 2))?.line);
    Some((first, last + 1 - first))
}
