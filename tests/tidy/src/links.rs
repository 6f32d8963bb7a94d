//! A page that points at a file or a heading points at one that is there.

use crate::{File, Tree, Violation};

const RULE: &str = "links";

/// Every relative link of every Markdown page leads somewhere.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let pages = tree.files.iter().filter(|f| f.path.strip_suffix(".md").is_some());
    pages
        .flat_map(|page| links(page).into_iter().filter_map(|(line, link)| dead(tree, page, line, link)))
        .collect()
}

/// Line and target of each `](target)` outside code.
fn links(page: &File) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut code = false;
    for (line, text) in page.text.lines().enumerate() {
        if text.trim_start().starts_with("```") {
            code = !code;
        }
        if code {
            continue;
        }
        let starts = text.match_indices("](").map(|(at, sign)| at + sign.len());
        let ends = |start: usize| text.get(start..)?.split_once(')').map(|(target, _)| target);
        found.extend(starts.filter_map(ends).map(|target| (line + 1, target)));
    }
    found.retain(|(_, target)| !target.contains("://") && !target.starts_with("mailto:"));
    found
}

fn dead(tree: &Tree, page: &File, line: usize, link: &str) -> Option<Violation> {
    let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
    let path = if target.is_empty() { page.path.clone() } else { resolve(&page.path, target) };
    let what = if !tree.paths.contains(&path) && !tree.has(&path) {
        format!("{path} does not exist")
    } else if !anchor.is_empty() && tree.file(&path).is_some_and(|file| !headings(file).any(|h| h == anchor))
    {
        format!("{path} has no heading #{anchor}")
    } else {
        return None;
    };
    Some(Violation::new(RULE, &page.path, line, what, "name what is there, or take the link out"))
}

/// A relative path from the top of the repository.
fn resolve(page: &str, target: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// Headings as they are linked to: lower case, spaces as `-`, without other signs.
fn headings(file: &File) -> impl Iterator<Item = String> {
    let titles = file.text.lines().filter(|l| l.starts_with('#')).map(|l| l.trim_start_matches('#').trim());
    titles.map(|title| {
        let kept = title.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
    })
}
