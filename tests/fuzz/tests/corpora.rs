//! The committed corpora, replayed: every input that was worth keeping still means what it meant.

use expect_test::expect_file;
use nightshift_fuzz::{TARGETS, Target};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Inputs of one target: few enough that a person can look at each.
const FILES: std::ops::RangeInclusive<usize> = 10..=99;
/// Bytes of one input. What is longer is tried by the doors' own tests.
const LONGEST: usize = 16_384;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn folder(target: &Target) -> PathBuf {
    top().join("corpus").join(target.name)
}

/// (name, bytes), by name.
fn corpus(target: &Target) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder(target)).expect("a corpus");
    let read = |path: PathBuf| {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        (name, fs::read(&path).expect("an input"))
    };
    let mut files: Vec<_> = entries.map(|entry| read(entry.expect("an entry").path())).collect();
    files.sort();
    files
}

/// `UPDATE_EXPECT=1` writes seeds and verdicts, as it does for every other expectation.
fn updates() -> bool {
    env::var_os("UPDATE_EXPECT").is_some()
}

#[test]
fn every_input_keeps_its_verdict() {
    for target in TARGETS {
        for (name, bytes) in (target.seeds)() {
            let path = folder(target).join(format!("seed-{name}"));
            if updates() {
                fs::create_dir_all(folder(target)).expect("a folder");
                fs::write(&path, &bytes).expect("a seed");
            }
            assert!(
                fs::read(&path).is_ok_and(|kept| kept == bytes),
                "{} is stale: UPDATE_EXPECT=1",
                path.display()
            );
        }
        let corpus = corpus(target);
        assert!(FILES.contains(&corpus.len()), "{}: {} inputs", target.name, corpus.len());
        let mut verdicts = String::new();
        for (name, bytes) in &corpus {
            assert!(bytes.len() <= LONGEST, "{}/{name} has {} bytes", target.name, bytes.len());
            let kind = name.split('-').next().unwrap_or_default();
            assert!(
                ["seed", "found", "cover"].contains(&kind),
                "{}/{name} says not why it is kept",
                target.name
            );
            writeln!(verdicts, "{name}: {}", (target.run)(bytes)).expect("text");
        }
        expect_file![top().join("corpus").join(format!("{}.txt", target.name))].assert_eq(&verdicts);
    }
}

/// Otherwise a target would be written and never run.
#[test]
fn every_target_has_its_program_and_its_corpus() {
    let expected: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    let manifest = fs::read_to_string(top().join("fuzz_targets/Cargo.toml")).expect("the programs' manifest");
    let bins = manifest.split("[[bin]]").skip(1).filter_map(|bin| bin.split('"').nth(1)).map(str::to_owned);
    assert_eq!(bins.collect::<BTreeSet<_>>(), expected);
    for name in &expected {
        let program =
            fs::read_to_string(top().join("fuzz_targets").join(format!("{name}.rs"))).expect("a program");
        assert!(
            program.contains(&format!("nightshift_fuzz::{name}(data)")),
            "{name} drives another function"
        );
    }
    let folders = fs::read_dir(top().join("corpus")).expect("corpora").map(|entry| entry.expect("an entry"));
    let folders = folders.filter(|entry| entry.path().is_dir());
    let folders: BTreeSet<String> = folders.map(|f| f.file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(folders, expected);
}

/// Otherwise what is fuzzed is not what ships.
#[test]
fn the_programs_use_the_versions_that_ship() {
    let lock = |path: &str| fs::read_to_string(top().join(path)).expect("a lock file");
    let packages = |text: &str| -> BTreeSet<String> {
        let pair = |package: &str| package.lines().take(2).collect::<Vec<_>>().join(" ");
        text.split("[[package]]\n").skip(1).map(pair).collect()
    };
    let ours = packages(&lock("../../Cargo.lock"));
    let own = ["arbitrary", "libfuzzer-sys", "nightshift-fuzz-targets"];
    let own = |package: &String| own.iter().any(|name| package.contains(&format!("\"{name}\"")));
    let theirs = packages(&lock("fuzz_targets/Cargo.lock"));
    let other: Vec<&String> =
        theirs.iter().filter(|package| !ours.contains(*package) && !own(package)).collect();
    assert!(other.is_empty(), "cp Cargo.lock tests/fuzz/fuzz_targets/, and build there once: {other:?}");
}
