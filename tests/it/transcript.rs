//! `nightshift demo --unattended`, as a reader of the README sees it. Refresh with `UPDATE_EXPECT=1`.

use expect_test::expect_file;
use nightshift_tests::house::program;
use regex::Regex;

/// What differs from run to run, and what stands in its place.
const VARIES: &[(&str, &str)] = &[
    (r"http://127\.0\.0\.1:\d+", "http://127.0.0.1:PORT"),
    (r"(/p/pro-[a-z0-9]+|/signin)/[A-Za-z0-9_-]{20,}", "$1/TOKEN"),
    (r"\b(inc|pro)-[a-z0-9]{10}\b", "$1-ID"),
    (r"digest [0-9a-f]{4}( [0-9a-f]{4}){4,}", "digest DIGEST"),
    (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIMESTAMP"),
    (r"(?m)^\d\d:\d\d:\d\d", "HH:MM:SS"),
    (r"\b\d\d:\d\d(:\d\d)?\b", "HH:MM"),
    (r"\b(checkout|cart|search|mailer)-[a-z0-9]{10}(-[a-z0-9]{5})?\b", "$1-POD"),
    (r"over \d+ looks", "over N looks"),
    (r"\b\d+ pieces of evidence", "N pieces of evidence"),
    // Which of the pods was caught in which moment of its loop.
    (r"(RED|ok) \([^)]*\)( +->)?", "$1 (SEEN)$2"),
    (r" +->", " ->"),
    (r"\b(\d+[hms])+\b", "DURATION"), // `1m` is a minute to the second
    (r"(?s)signed: \d+ rows, root.{1,60}?key\s[0-9a-f]{8}(;\sthe\sfirst.{1,99}?added)?", "signed: SO MUCH"),
    (r"\b\d+ rows", "N rows"),
    (r"\b\d+ signed", "N signed"),
    (r"tip [0-9a-f]{4}( [0-9a-f]{4}){4}", "tip DIGEST"),
    (r"no-restarts: \S+ \S.* ->", "no-restarts: SEEN ->"),
    (r"rolled-out: .* ->", "rolled-out: SEEN ->"),
];

fn normal(text: &str) -> anyhow::Result<String> {
    let mut text = text.to_owned();
    for (pattern, instead) in VARIES {
        text = Regex::new(pattern)?.replace_all(&text, *instead).into_owned();
    }
    Ok(text)
}

#[test]
fn the_unattended_demo_tells_its_story() -> anyhow::Result<()> {
    let told = program::command()?.args(["demo", "--unattended"]).output()?;
    let errors = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{errors}");
    assert_eq!(errors, "", "a demo that goes well has nothing to complain about");
    expect_file!["demo.txt"].assert_eq(&normal(&String::from_utf8(told.stdout)?)?);
    Ok(())
}
