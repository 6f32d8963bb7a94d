//! One test a rule: nothing to say about the repository, something about a planted tree that breaks the rule, and
//! nothing about its clean twin.

mod catalogue;
mod code;
mod crates;
mod faults;
mod pages;

use nightshift_tidy::{AWAITED, RULES, Tree, migrations};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::{env, fs};

fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("tests/tidy stands two below the top").to_path_buf()
}

fn repository() -> &'static Tree {
    static TREE: OnceLock<Tree> = OnceLock::new();
    TREE.get_or_init(|| {
        let tree = Tree::read(&root()).expect("the repository can be read");
        if env::var_os("TIDY_BLESS").is_none() {
            return tree;
        }
        for (path, sums) in migrations::bless(&tree) {
            fs::write(root().join(path), sums).expect("SHA256SUMS can be written");
        }
        Tree::read(&root()).expect("the repository can be read")
    })
}

/// Runs a rule on the repository, on its clean twin, and on planted trees, each with the part of a message that it
/// must give rise to.
#[track_caller]
fn rule(name: &str, clean: &Tree, planted: &[(&str, Tree)]) {
    let (_, check) = RULES.iter().find(|(n, _)| *n == name).expect("the rule is in RULES");
    let lines = |tree: &Tree| check(tree).iter().map(|v| format!("  {v}")).collect::<Vec<_>>().join("\n");
    assert_eq!(lines(clean), "", "the clean twin breaks {name}");
    assert!(!planted.is_empty());
    for (expected, tree) in planted {
        let said = lines(tree);
        assert!(
            said.contains(expected),
            "a planted violation of {name} ({expected:?}) was not seen, only:\n{said}"
        );
        assert_eq!(said.lines().count(), 1, "{expected:?} is planted alone, but {name} says:\n{said}");
    }
    let said = lines(repository());
    assert!(
        said.is_empty(),
        "{} to fix, rule `{name}` (tests/tidy/src/{name}.rs says why):\n{said}",
        said.lines().count()
    );
}

fn tree(files: &[(&str, &str)]) -> Tree {
    Tree::planted(files)
}

/// The files with those of `more` put in their place or added.
fn with(base: &[(&str, &str)], more: &[(&str, &str)]) -> Tree {
    let kept = base.iter().filter(|(path, _)| !more.iter().any(|(new, _)| new == path));
    tree(&kept.chain(more).copied().collect::<Vec<_>>())
}

/// The files without those whose path contains `part`.
fn without(base: &[(&str, &str)], part: &str) -> Tree {
    tree(&base.iter().filter(|(path, _)| !path.contains(part)).copied().collect::<Vec<_>>())
}

#[test]
fn every_rule_has_a_test_and_a_module() {
    let here = [
        include_str!("crates.rs"),
        include_str!("code.rs"),
        include_str!("catalogue.rs"),
        include_str!("pages.rs"),
    ]
    .concat();
    for (name, _) in RULES {
        assert!(here.contains(&format!("fn {name}()")), "write a test for {name}");
        assert!(root().join(format!("tests/tidy/src/{name}.rs")).exists(), "{name} has no module");
    }
}

#[test]
fn awaited_folders_are_named() {
    for (folder, rules) in AWAITED.iter().filter(|(folder, _)| !repository().has(folder)) {
        println!("not bound yet: {folder} is empty (rules: {rules})");
    }
}
