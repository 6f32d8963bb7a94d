//! docs/faults.md: what can go wrong, what is expected then, and which test tries it. Written from docs/faults.tsv;
//! UPDATE_EXPECT=1 writes the page anew. A test that is named there must exist.

use crate::{repository, root};
use expect_test::expect_file;
use std::fmt::Write as _;

struct Fault<'a> {
    number: &'a str,
    fault: &'a str,
    expected: &'a str,
    covered: Vec<&'a str>,
    missing: &'a str,
}

/// A heading, or a fault.
enum Line<'a> {
    Group(&'a str),
    Fault(Fault<'a>),
}

fn lines(text: &str) -> Vec<Line<'_>> {
    text.lines().skip(1).map(line).collect()
}

fn line(line: &str) -> Line<'_> {
    if let Some(group) = line.strip_prefix("# ") {
        return Line::Group(group);
    }
    let mut cells = line.split('\t');
    let mut cell = || cells.next().unwrap_or_default();
    let [number, fault, expected, covered, missing] = [cell(), cell(), cell(), cell(), cell()];
    assert_eq!(line.matches('\t').count(), 4, "docs/faults.tsv: five cells a line: {line}");
    let covered = covered.split(' ').filter(|c| !c.is_empty()).collect();
    Line::Fault(Fault { number, fault, expected, covered, missing })
}

/// `path::test` as a link; `scenario:name` as a link to its folder. Both must exist.
fn link(covered: &str) -> String {
    if let Some(name) = covered.strip_prefix("scenario:") {
        let folder = format!("tests/scenarios/cases/{name}");
        assert!(repository().has(&folder), "docs/faults.tsv names {folder}, which does not exist");
        return format!("[scenario {name}](../{folder})");
    }
    let (path, test) = covered.split_once("::").expect("path::test");
    let text = repository().file(path).map(|file| file.text.as_str()).unwrap_or_default();
    assert!(text.contains(&format!("fn {test}(")), "docs/faults.tsv names {covered}, which does not exist");
    format!("[{}](../{path})", test.replace('_', " "))
}

fn page(text: &str) -> String {
    let mut out = String::from(
        "<!-- @generated from docs/faults.tsv: UPDATE_EXPECT=1 cargo test -p nightshift-tidy -->\n\
         # Faults\n\n\
         What can go wrong, what nightshift then does, and which test tries it. *Not yet* means that no test tries \
         it, not that it is known to fail.\n",
    );
    let (mut whole, mut part, mut none) = (0, 0, 0);
    let mut body = String::new();
    for line in lines(text) {
        let fault = match line {
            Line::Group(group) => {
                let _ =
                    write!(body, "\n## {group}\n\n| | fault | expected | tried by |\n|---|---|---|---|\n");
                continue;
            }
            Line::Fault(fault) => fault,
        };
        let links: Vec<String> = fault.covered.iter().map(|c| link(c)).collect();
        match (links.is_empty(), fault.missing.is_empty()) {
            (false, true) => whole += 1,
            (false, false) => part += 1,
            (true, empty) => {
                assert!(
                    !empty,
                    "docs/faults.tsv: fault {} says neither what tries it nor what is missing",
                    fault.number
                );
                none += 1;
            }
        }
        let missing = if fault.missing.is_empty() { String::new() } else { format!("*{}*", fault.missing) };
        let tried: Vec<String> = links.into_iter().chain(Some(missing).filter(|m| !m.is_empty())).collect();
        let _ = writeln!(
            body,
            "| {} | {} | {} | {} |",
            fault.number,
            fault.fault,
            fault.expected,
            tried.join("; ")
        );
    }
    let _ = writeln!(
        out,
        "\n{} faults: {whole} tried, {part} tried in part, {none} not yet or not applicable.",
        whole + part + none
    );
    out + &body
}

#[test]
fn the_page_of_faults_is_the_committed_one() {
    let source = repository().file("docs/faults.tsv").expect("docs/faults.tsv is there");
    expect_file![root().join("docs/faults.md")].assert_eq(&page(&source.text));
}
