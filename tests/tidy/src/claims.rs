//! Each claim of the threat model names a test that tries it, and that test is there.

use crate::{File, Tree, Violation};

const RULE: &str = "claims";

/// The page whose claims are held.
pub const PAGE: &str = "docs/threat-model.md";
/// The last heading of a table of claims.
pub const PROOF: &str = "proven by";

/// Every row of such a table names a test, and every test that the page names exists: `` [`file::function`](path) ``.
pub fn check(tree: &Tree) -> Vec<Violation> {
    if !tree.has("docs") {
        return Vec::new();
    }
    let Some(page) = tree.file(PAGE) else {
        return vec![Violation::new(RULE, PAGE, 0, "missing", "write what each stolen credential can do")];
    };
    let (mut found, mut claims, mut table) = (Vec::new(), 0, false);
    for (at, line) in page.text.lines().enumerate() {
        let named = tests(line);
        table = line.starts_with('|') && (table || last_cell(line) == PROOF);
        let row = table && last_cell(line) != PROOF && !line.starts_with("|-");
        claims += usize::from(row);
        if row && tests(last_cell(line)).is_empty() && !last_cell(line).is_empty() {
            let instead = "name it as [`file.rs::function`](path)";
            found.push(Violation::new(RULE, PAGE, at + 1, "a claim without its test", instead));
        }
        for (name, path) in named {
            if let Some(what) = missing(tree, name, path) {
                let instead = "name a test that tries the claim, or take the claim out";
                found.push(Violation::new(RULE, PAGE, at + 1, what, instead));
            }
        }
    }
    if claims == 0 {
        found.push(Violation::new(RULE, PAGE, 0, "holds no claim", format!("a table that ends in {PROOF}")));
    }
    found
}

/// Text of the last cell of a row.
fn last_cell(line: &str) -> &str {
    let inside = line.trim().trim_end_matches('|');
    inside.rsplit('|').next().unwrap_or_default().trim()
}

/// (`file::function`, path) of each link in code.
fn tests(line: &str) -> Vec<(&str, &str)> {
    let links = line.split("[`").skip(1);
    let named = links.filter_map(|rest| {
        let (name, rest) = rest.split_once("`](")?;
        Some((name, rest.split_once(')')?.0))
    });
    named.filter(|(name, _)| name.contains("::")).collect()
}

/// What is wrong with a test that is named.
fn missing(tree: &Tree, name: &str, path: &str) -> Option<String> {
    let (file, function) = name.split_once("::")?;
    let place = path.trim_start_matches("../");
    if !place.ends_with(&format!("/{file}")) {
        return Some(format!("{name} is said to be in {place}"));
    }
    let Some(source) = tree.file(place) else { return Some(format!("{place} does not exist")) };
    (!is_test(source, function)).then(|| format!("{place} has no test {function}"))
}

/// Whether a function of this name is there and runs as a test.
fn is_test(source: &File, function: &str) -> bool {
    let head = format!("fn {function}(");
    let lines: Vec<&str> = source.text.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| line.contains(&head));
    let above = at.and_then(|at| lines.get(..at)).unwrap_or_default().iter().rev();
    let attributes: Vec<&&str> = above.take_while(|line| line.starts_with('#')).collect();
    attributes.iter().any(|line| line.contains("test")) && !attributes.iter().any(|l| l.contains("ignore"))
}
