//! Every command line of ours that a page shows is one that the program takes.

use super::super::{Cli, kubectl};
use clap::Parser as _;
use clap::error::ErrorKind;
use std::path::{Path, PathBuf};

/// A command line, and where it stands.
struct Shown {
    place: String,
    words: Vec<String>,
    /// In a sentence, where the rest may be left to the reader.
    inline: bool,
}

/// Pages that are written by hand, and what the chart says after an install.
fn pages() -> Vec<PathBuf> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found: Vec<PathBuf> = std::fs::read_dir(top.join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .collect();
    found.sort();
    found.extend(
        ["README.md", "SECURITY.md", "CONTRIBUTING.md", "charts/nightshift/templates/NOTES.txt"]
            .map(|name| top.join(name)),
    );
    found
}

/// A page's lines with what the chart fills in, and with lines that go on joined.
fn lines(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (at, line) in text.lines().enumerate() {
        let mut line = line.to_owned();
        while let Some((before, (_, after))) =
            line.split_once("{{").and_then(|(before, rest)| Some((before.to_owned(), rest.split_once("}}")?)))
        {
            line = format!("{before}alice{after}");
        }
        let more = line.strip_suffix('\\').map(str::to_owned);
        let part = more.clone().unwrap_or(line);
        match found.last_mut().filter(|_| goes_on) {
            Some((_, last)) => last.push_str(&part),
            None => found.push((at + 1, part)),
        }
        goes_on = more.is_some();
    }
    found
}

/// The words of a shell's line until a comment, a pipe, a redirection or the next command.
fn words(line: &str) -> Vec<String> {
    let (mut found, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, '|' | '>' | ';' | '&') => break,
            (None, c) if c.is_whitespace() => found.extend(word.take()),
            (Some(_) | None, c) => word.get_or_insert_default().push(c),
        }
    }
    found.extend(word);
    found
}

/// What follows the program's name in a line of code, if it is called there.
fn called(line: &str) -> Option<&str> {
    let line = line.trim_start().trim_start_matches("$ ");
    let starts = ["nightshift ", "kubectl nightshift ", "cargo run -- "];
    if starts.iter().any(|start| line.starts_with(start)) {
        return Some(line);
    }
    line.split_once(" -- /").map(|(_, call)| call).filter(|call| call.starts_with("nightshift "))
}

fn shown(path: &Path) -> Vec<Shown> {
    let text = std::fs::read_to_string(path).unwrap();
    let (mut found, mut code) = (Vec::new(), false);
    for (at, line) in lines(&text) {
        let place = format!("{}:{at}", path.file_name().unwrap().to_string_lossy());
        if line.trim_start().starts_with("```") {
            code = !code;
            continue;
        }
        if code || line.starts_with("    ") {
            let call = called(&line).filter(|_| !line.contains("$(nightshift"));
            found.extend(call.map(|call| Shown { place: place.clone(), words: words(call), inline: false }));
        }
        if !code {
            let quoted = line.split('`').skip(1).step_by(2).filter_map(called);
            found.extend(quoted.map(|call| Shown { place: place.clone(), words: words(call), inline: true }));
        }
    }
    found
}

/// Something in capitals or in brackets that the reader replaces.
fn stands_for_something(word: &str) -> bool {
    let capitals = word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase() || c == '-');
    capitals || word.starts_with('<') || word.contains('…') || word.contains("...")
}

/// Why the program does not take it.
fn refused(shown: &Shown) -> Option<String> {
    let rest = match shown.words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["kubectl", "nightshift", ..] => &shown.words[1..],
        ["cargo", "run", "--", ..] => &shown.words[2..],
        _ => &shown.words[..],
    };
    // `nightshift ...` stands for all of them.
    if rest.get(1).is_some_and(|word| stands_for_something(word)) {
        return None;
    }
    let plugin = shown.words.first().is_some_and(|first| first == "kubectl");
    let error =
        if plugin { kubectl::Plugin::try_parse_from(rest).err() } else { Cli::try_parse_from(rest).err() }?;
    let placeholder = rest.iter().any(|word| stands_for_something(word));
    let fine = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
        ErrorKind::ValueValidation => placeholder,
        ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => shown.inline,
        _ => false,
    };
    (!fine).then(|| format!("{}: {}\n{error}", shown.place, shown.words.join(" ")))
}

#[test]
fn every_command_line_of_the_pages_is_taken() {
    let all: Vec<Shown> = pages().iter().flat_map(|page| shown(page)).collect();
    let wrong: Vec<String> = all.iter().filter_map(refused).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let (inline, whole) = (all.iter().filter(|s| s.inline).count(), all.iter().filter(|s| !s.inline).count());
    assert!(inline > 30 && whole > 30, "{inline} and {whole} are seen: the pages are not read");
}

#[test]
fn what_the_program_does_not_take_is_seen() {
    let of = |line: &str, inline| {
        let call = called(line).unwrap();
        refused(&Shown { place: String::new(), words: words(call), inline })
    };
    for good in [
        "nightshift incidents | jq .",
        "kubectl -n nightshift exec nightshift-0 -c executor -- /nightshift audit adopt --because 'a # b' --config x",
        "nightshift audit verify --vkey KEY    # the public half",
        "kubectl nightshift approve pro-4k2m9x0qd7",
        "cargo run -- demo --unattended",
    ] {
        assert_eq!(of(good, false), None, "{good}");
    }
    for bad in [
        "nightshift incident",
        "nightshift check --everything",
        "nightshift approve",
        "kubectl nightshift approve pro-a --token x",
        "nightshift incidents --limit many",
    ] {
        assert!(of(bad, false).is_some(), "{bad}");
    }
    assert_eq!(of("nightshift approve", true), None, "a sentence may leave the rest out");
    assert!(of("nightshift aprove", true).is_some());
    assert_eq!(called("see nightshift run"), None);
}
