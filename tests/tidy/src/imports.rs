//! Which module of the daemon may name which: `crate::` and `super::` paths against a table.

use crate::source::{Kind, Token, code_at};
use crate::{Tree, Violation};
use std::collections::BTreeSet;

const RULE: &str = "imports";

/// Modules that name nothing but themselves: `api` holds wire types only.
pub const ALONE: &[&str] = &["api"];

/// What every other module may use.
pub const EVERYONE: &[&str] = &["config", "clock", "network", "telemetry"];

/// Folders whose modules never name each other.
pub const APART: &[&str] = &["stages"];

/// Module, and what it may use beside itself and [`EVERYONE`]. A line for a module below adds to its parent's.
/// `"*"` is everything.
pub const ALLOWED: &[(&str, &[&str])] = &[
    ("api", &[]),
    ("clock", &[]),
    ("config", &[]),
    ("network", &[]),
    ("telemetry", &[]),
    // adapters: the outside world, each on its own
    ("advisor", &[]),
    ("alertmanager", &[]),
    ("bus", &[]),
    ("cluster", &[]),
    ("notify", &[]),
    ("prometheus", &[]),
    ("store", &[]),
    // one shell a step: they call adapters and speak wire types, never each other
    ("stages", &["advisor", "api", "bus", "cluster", "notify", "prometheus", "store"]),
    // doors
    ("http", &["api", "stages::intake", "stages::query", "stages::vote"]),
    ("cli", &["api", "demo", "runtime"]),
    ("demo", &["api", "runtime"]),
    // the demo's stage is a second wiring, around the simulated cluster instead of a configuration
    ("demo::stage", &["cluster", "http::gate", "notify", "prometheus", "stages", "store"]),
    ("demo::cluster", &["cluster"]), // `demo --kubeconfig` writes, through the one place that does
    // wiring
    ("runtime", &["*"]),
];

/// Every path from one module of daemon/src to another is one of [`ALLOWED`].
pub fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.under("daemon/src/").filter(|f| !f.is_test()) {
        let from = module(&file.path);
        let [top, ..] = from.as_slice() else { continue }; // lib.rs names everything, main.rs is a crate of its own
        if top == "main" {
            continue;
        }
        let mut said = BTreeSet::new();
        for (to, line) in targets(&file.shipped(), &from) {
            let name = to.join("::");
            if let Some(instead) = refusal(tree, &from, &to)
                && said.insert((name.clone(), line))
            {
                let what = format!("{} names crate::{name}", from.join("::"));
                found.push(Violation::new(RULE, &file.path, line, what, instead));
            }
        }
    }
    found
}

/// `daemon/src/http/gate/page.rs` as `[http, gate, page]`.
fn module(path: &str) -> Vec<String> {
    let inside = path.strip_prefix("daemon/src/").unwrap_or(path).trim_end_matches(".rs");
    let mut parts: Vec<String> = inside.split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod" || last == "lib") {
        parts.pop();
    }
    parts
}

/// Every path that starts at `crate` or climbs by `super`, in full, with its line.
fn targets(tokens: &[Token], from: &[String]) -> Vec<(Vec<String>, usize)> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let before = |code| at > 0 && code_at(tokens, at - 1, code);
        if code_at(tokens, at + 1, "::") && !before("::") && !before("in") {
            if code_at(tokens, at, "crate") {
                expand(tokens, at + 2, &[], &mut out);
            } else if code_at(tokens, at, "super") {
                let mut base = from.to_vec();
                while code_at(tokens, at, "super") && code_at(tokens, at + 1, "::") {
                    base.pop();
                    at += 2;
                }
                expand(tokens, at, &base, &mut out);
                continue;
            }
        }
        at += 1;
    }
    out
}

/// Reads one path or use-tree at `at`; returns the position after it.
fn expand(tokens: &[Token], mut at: usize, prefix: &[String], out: &mut Vec<(Vec<String>, usize)>) -> usize {
    let mut path = prefix.to_vec();
    let line = tokens.get(at).map_or(0, |t| t.line);
    loop {
        if code_at(tokens, at, "{") {
            at += 1;
            while at < tokens.len() && !code_at(tokens, at, "}") {
                at = if code_at(tokens, at, ",") {
                    at + 1
                } else {
                    expand(tokens, at, &path, out).max(at + 1)
                };
            }
            return at + 1;
        }
        match tokens.get(at) {
            Some(t) if t.kind == Kind::Word => path.push(t.text.clone()),
            _ => break,
        }
        at += 1;
        if !code_at(tokens, at, "::") {
            break;
        }
        at += 1;
    }
    if code_at(tokens, at, "as") {
        at += 2;
    }
    out.push((path, line));
    at
}

/// Why `from` may not name `to`, as what to do instead; `None` if it may.
fn refusal(tree: &Tree, from: &[String], to: &[String]) -> Option<String> {
    let (top, target) = (from.first()?, to.first()?);
    if top == target {
        let (mine, theirs) = (from.get(1)?, to.get(1)?);
        let sibling = tree.file(&format!("daemon/src/{top}/{theirs}.rs")).is_some()
            || tree.has(&format!("daemon/src/{top}/{theirs}"));
        let apart = APART.contains(&top.as_str()) && mine != theirs && sibling;
        let instead =
            format!("modules of {top} never name each other: chain them in engine, share in {top}/mod.rs");
        return apart.then_some(instead);
    }
    let path = |parts: &[String]| parts.join("::");
    let within = |whole: &str, part: &str| whole == part || whole.starts_with(&format!("{part}::"));
    if !ALLOWED.iter().any(|(name, _)| name == top) {
        return Some(format!(
            "`{top}` is new: give it a line in tests/tidy/src/imports.rs with a reason, and in ARCHITECTURE.md"
        ));
    }
    let mut allowed: Vec<&str> = if ALONE.contains(&top.as_str()) { Vec::new() } else { EVERYONE.to_vec() };
    allowed.extend(ALLOWED.iter().filter(|(name, _)| within(&path(from), name)).flat_map(|(_, uses)| *uses));
    let may = allowed.iter().any(|a| *a == "*" || within(&path(to), a));
    (!may)
        .then(|| format!("{top} may use {allowed:?}; pass the value in from runtime, or go through a stage"))
}
