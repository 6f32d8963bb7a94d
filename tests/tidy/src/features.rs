//! Every version and every feature stands in the top Cargo.toml; members add none. Otherwise what is built
//! depends on which package is built.

use crate::{File, Tree, Violation};

const RULE: &str = "features";

/// Keys of a dependency that belong into the top Cargo.toml.
pub const CENTRAL: &[&str] = &["version", "features", "default-features", "path", "git", "registry"];

/// A member's dependency lines say `workspace = true` and nothing of [`CENTRAL`].
pub fn check(tree: &Tree) -> Vec<Violation> {
    let members = tree.file("Cargo.toml").map(members).unwrap_or_default();
    let manifests = members.iter().filter_map(|m| tree.file(&format!("{m}/Cargo.toml")));
    manifests.flat_map(manifest).collect()
}

fn members(top: &File) -> Vec<String> {
    let list = top
        .text
        .split_once("\nmembers")
        .and_then(|(_, rest)| rest.split_once(']'))
        .map_or("", |(list, _)| list);
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

fn manifest(file: &File) -> Vec<Violation> {
    let mut found = Vec::new();
    let (mut section, mut own) = ("", false);
    for (at, line) in file.text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_matches(['[', ']']);
            own = section.contains("dependencies.");
            continue;
        }
        if line.is_empty() || !section.contains("dependencies") {
            continue;
        }
        let shared = line.contains("workspace");
        let keys = line.split(['{', ',', '.']).map(|part| part.split('=').next().unwrap_or_default().trim());
        let bad: Vec<&str> = keys.filter(|key| CENTRAL.contains(key)).collect();
        if !bad.is_empty() || (!shared && !own) {
            let what = format!("dependency line `{line}` says more than `workspace = true`");
            let instead = "write version and features into [workspace.dependencies] of the top Cargo.toml";
            found.push(Violation::new(RULE, &file.path, at + 1, what, instead));
        }
    }
    found
}
