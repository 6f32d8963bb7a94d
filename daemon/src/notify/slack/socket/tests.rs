//! What needs no connection; the rest is tried against a double of Slack in `tests/it/slack.rs`.

use super::*;

#[test]
fn an_address_leads_to_slack_and_nowhere_else() {
    let place = |url: &str| place(url, "slack.com", Reach::Public).map(|to| to.host().to_owned());
    assert_eq!(
        place("wss://wss-primary.slack.com/link/?ticket=canary").as_deref(),
        Ok("wss-primary.slack.com")
    );
    assert_eq!(place("wss://slack.com/link").as_deref(), Ok("slack.com"));
    for url in [
        "",
        "slack.com",
        "https://slack.com/link",
        "wss://evil.example/link",
        "wss://slack.com.evil.example/",
        "wss://notslack.com/",
        "ws://wss-primary.slack.com/",
        "wss://slack.com@evil.example/",
        "wss://u:p@slack.com/",
        "file:///etc/passwd",
    ] {
        let why = place(url).unwrap_err();
        assert!(!why.contains("canary"), "{why}");
    }
}

#[test]
fn what_was_heard_is_remembered_and_bounded() {
    let mut seen = Seen::default();
    seen.note("e1", "p1");
    assert!(seen.has("e1", "p9") && seen.has("e9", "p1") && !seen.has("e9", "p9"));
    for n in 0..2 * REMEMBERED {
        seen.note(&format!("e-{n}"), &format!("p-{n}"));
    }
    assert_eq!((seen.all.len(), seen.order.len()), (REMEMBERED, REMEMBERED));
    assert!(!seen.has("e1", "p1"));
}
