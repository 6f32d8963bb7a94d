//! Every folder under `cases/`: its timeline is played and must tell the story of its transcript.
//!
//! `UPDATE_EXPECT=1` writes the transcripts anew; `NIGHTSHIFT_CASE=<part of a name>` plays some of them only. What a
//! timeline expects, and the invariants, hold either way.

use nightshift_scenarios::play;
use nightshift_scenarios::timeline::Timeline;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// The folder of cases.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

/// A case by name.
pub(crate) fn load(name: &str) -> Timeline {
    let file = folder().join(name).join("timeline.yaml");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

fn check(name: &str) -> Result<(), String> {
    let timeline = load(name);
    let outcome = play(&timeline);
    expect_test::expect_file![folder().join(name).join("transcript.txt")].assert_eq(&outcome.transcript);
    let wrong: Vec<String> = outcome.wrong.into_iter().chain(outcome.unexpected).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

#[test]
fn every_case() {
    let only = std::env::var("NIGHTSHIFT_CASE").unwrap_or_default();
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .expect("cases/ is there")
        .map(|entry| entry.expect("cases/ can be read").file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains(&only))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no case is called `{only}`");
    let mut failed = Vec::new();
    for name in &names {
        match catch_unwind(AssertUnwindSafe(|| check(name))) {
            Ok(Ok(())) => {}
            Ok(Err(why)) => failed.push(format!("{name}: {why}")),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map_or("(see above)", String::as_str);
                failed.push(format!("{name}: {text}"));
            }
        }
    }
    assert!(failed.is_empty(), "{} of {} cases:\n{}", failed.len(), names.len(), failed.join("\n\n"));
}
