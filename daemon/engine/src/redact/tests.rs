//! Planted secrets are all caught, ordinary lines stay as they are, and a second pass changes nothing.

use super::*;
use proptest::prelude::*;

/// One case a line; the secret stands between `«` and `»`. A `¦` keeps scanners of this repository quiet and is
/// taken out, `⏎` is a line feed.
const PLANTED: &str = include_str!("../../testdata/evidence/redact/planted.txt");
const ORDINARY: &str = include_str!("../../testdata/evidence/redact/ordinary.txt");

fn cases() -> impl Iterator<Item = (String, Vec<String>)> {
    PLANTED.lines().filter(|l| !l.is_empty() && !l.starts_with("# ")).map(|line| {
        let line = line.replace('¦', "").replace('⏎', "\n");
        let secrets =
            line.split('«').skip(1).filter_map(|s| s.split_once('»')).map(|(s, _)| s.to_owned()).collect();
        (line.replace(['«', '»'], ""), secrets)
    })
}

#[test]
fn every_planted_secret_is_caught() {
    let mut missed = Vec::new();
    for (line, secrets) in cases() {
        assert!(!secrets.is_empty(), "no secret marked in {line}");
        let done = redactor().redact(&line);
        if secrets.iter().any(|s| done.text.contains(s.as_str())) || done.count == 0 {
            missed.push(format!("{line}\n   -> {}", done.text));
        }
        assert!(redactor().has_secret(&line), "{line}");
        assert_eq!(redactor().redact(&done.text), Redacted { text: done.text.clone(), count: 0 });
    }
    assert!(missed.is_empty(), "{} missed:\n{}", missed.len(), missed.join("\n"));
    assert!(cases().count() > 100);
}

#[test]
fn what_stands_around_a_secret_stays() {
    let cases = [
        ("password=hunter2 user=bob", "password=[redacted:password] user=bob"),
        (r#"{"password":"a\"b","user":"bob"}"#, r#"{"password":"[redacted:password]","user":"bob"}"#),
        (r#"{\"token\":\"abc123def\",\"n\":1}"#, r#"{\"token\":\"[redacted:token]\",\"n\":1}"#),
        (
            "dial postgres://app:s3cr3t@db:5432/cart?x=1",
            "dial postgres://app:[redacted:url-password]@db:5432/cart?x=1",
        ),
        ("GET /v1?api_key=abcdef12&page=2", "GET /v1?api_key=[redacted:key]&page=2"),
        ("Authorization: Bearer abcdef1234567890", "Authorization: Bearer [redacted:authorization]"),
        ("{User:bob Password:hunter2}", "{User:bob Password:[redacted:password]}"),
        ("password=hunter2,user=bob", "password=[redacted:password],user=bob"),
    ];
    for (text, wanted) in cases {
        assert_eq!(redactor().redact(text), Redacted { text: wanted.to_owned(), count: 1 });
    }
}

#[test]
fn ordinary_lines_stay_as_they_are() {
    let mut touched = Vec::new();
    for line in ORDINARY.lines().filter(|l| !l.is_empty()) {
        let done = redactor().redact(line);
        if done.text != line {
            touched.push(format!("{line}\n   -> {}", done.text));
        }
    }
    assert!(touched.is_empty(), "{} touched:\n{}", touched.len(), touched.join("\n"));
    assert!(ORDINARY.lines().count() > 100);
}

#[test]
fn a_key_whose_ends_were_cut_off_is_still_a_key() {
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n";
    let label = ["PRIVATE", "KEY-----"].join(" ");
    for text in [
        format!("x\n-----BEGIN {label}\n{body}{body}"),
        format!("{body}{body}-----END RSA {label}\nafter"),
        format!("key: \"-----BEGIN EC {label}\\n{}\\n-----END EC {label}\\n\" next", body.trim()),
        format!("-----BEGIN {label}\n{body}{body}c2hvcnQ=\nordinary words follow"),
    ] {
        let done = redactor().redact(&text);
        assert!(!done.text.contains("MIIEvQ"), "{}", done.text);
        assert!(!done.text.contains("c2hvcnQ="), "{}", done.text);
        assert_eq!(done.count, 1);
    }
    let kept = redactor().redact(&format!("-----BEGIN {label}\n{body}c2hvcnQ=\nordinary words follow")).text;
    assert_eq!(kept, "[redacted:private-key]\nordinary words follow");
}

#[test]
fn an_endless_line_is_redacted_to_its_end() {
    for head in ["password: ", "Cookie: a=", "Authorization: Digest a=", "token=", "x-api-key: \""] {
        let joint = if head.ends_with('=') { "_" } else { " " };
        let once = redactor().redact(&format!("{head}{}", vec!["s3cr3t,x"; 20_000].join(joint)));
        assert!(!once.text.contains("s3cr3t"), "{head} {} bytes left", once.text.len());
        assert_eq!(redactor().redact(&once.text).count, 0, "{head}");
    }
}

/// Text that nearly is a secret, put together at random.
fn tricky() -> impl Strategy<Value = String> {
    let fragment = prop_oneof![
        prop::sample::select(vec![
            "password",
            "pwd",
            "token",
            "secret",
            "api_key",
            "auth",
            "pass",
            "sig",
            "authorization",
            "bearer ",
            "basic ",
            "cookie",
            "set-cookie",
            "://",
            "postgres://",
            "@tcp(",
            "-----BEGIN ",
            "-----END ",
            "PRIVATE KEY-----",
            "eyJ",
            "AKIA",
            "sk-",
            "ghp_",
            "xoxb-",
            "--",
            "[redacted:",
            "[redacted:token]",
            "]",
            "=",
            ": ",
            ":",
            "\"",
            "\\\"",
            "'",
            "\\",
            "@",
            "/",
            " ",
            "\n",
            ",",
            ";",
            "{",
            "}",
            "[",
            "<",
            ">",
            "&",
            "|",
            "$",
            "%",
            "é",
            "\u{0}",
        ])
        .prop_map(str::to_owned),
        "[a-zA-Z0-9]{0,24}",
        "[a-z]{1,6}[-=._][0-9]{0,3}",
    ];
    prop::collection::vec(fragment, 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]
    #[test]
    fn redacting_again_changes_nothing(text in tricky()) {
        let once = redactor().redact(&text);
        let twice = redactor().redact(&once.text);
        prop_assert_eq!(&twice.text, &once.text);
        prop_assert_eq!(twice.count, 0);
        prop_assert_eq!(once.count > 0, redactor().has_secret(&text));
        prop_assert!(!redactor().has_secret(&once.text));
    }

    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        let once = redactor().redact(&text);
        prop_assert_eq!(redactor().redact(&once.text).text, once.text);
    }
}
