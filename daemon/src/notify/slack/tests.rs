use super::*;
use crate::notify::double::{Answer, Double, at, incident, notice, outbound};
use crate::notify::notice::policy_notice;
use crate::notify::{DigestNotice, Kind, ListNotice, Stand};
use nightshift_model::Seconds;
use serde_json::Value;

const PATH: &str = "/services/T0/B0/canary-of-the-address";

/// What Slack's own types allow (block-kit), counted in characters.
fn judge(_: &http::HeaderMap, body: &Value) -> Answer {
    let bad = |why: &str| (400, vec![], format!("invalid_payload: {why}"));
    let texts = |text: &Value, most: usize| {
        let text = text["text"].as_str().unwrap_or_default();
        (1..=most).contains(&text.chars().count())
    };
    let Some(blocks) = body["blocks"].as_array() else { return (400, vec![], "no_text".to_owned()) };
    if blocks.is_empty() || blocks.len() > 50 {
        return bad("blocks");
    }
    if !(1..=40_000).contains(&body["text"].as_str().unwrap_or_default().chars().count()) {
        return bad("text");
    }
    for block in blocks {
        let fits = match block["type"].as_str().unwrap_or_default() {
            "header" => block["text"]["type"] == "plain_text" && texts(&block["text"], 150),
            "section" => texts(&block["text"], 3000),
            "context" => {
                let elements = block["elements"].as_array().cloned().unwrap_or_default();
                (1..=10).contains(&elements.len()) && elements.iter().all(|e| texts(e, 3000))
            }
            _ => false,
        };
        if !fits {
            return bad(&block.to_string());
        }
    }
    (200, vec![], "ok".to_owned())
}

async fn channel(mention: Option<Mention>) -> (Double, Slack) {
    let double = Double::open(PATH, judge).await;
    let slack = Slack::new(outbound(), &double.url, Reach::Private, mention).unwrap();
    (double, slack)
}

/// Every text that Slack would parse, without the links and mentions of our own making.
fn texts(body: &Value) -> Vec<String> {
    let mut out = vec![body["text"].as_str().unwrap().to_owned()];
    for block in body["blocks"].as_array().unwrap() {
        let elements = block["elements"].as_array().cloned().unwrap_or_default();
        out.extend(
            elements.iter().chain([&block["text"]]).filter_map(|t| t["text"].as_str()).map(str::to_owned),
        );
    }
    out
}

#[tokio::test]
async fn a_page_says_what_is_wrong_calls_whom_it_must_and_unfurls_nothing() {
    let (double, slack) = channel(Some(Mention::Group("S0123ABC".to_owned()))).await;
    assert_eq!(slack.send(&incident(Kind::Page, Stand::Open), at(0)).await, Handed::Delivered);
    assert_eq!(slack.send(&incident(Kind::Update, Stand::Over), at(1)).await, Handed::Delivered);
    let [page, update] = double.seen().try_into().unwrap();
    assert_eq!((&page["unfurl_links"], &page["unfurl_media"]), (&Value::Bool(false), &Value::Bool(false)));
    let all = texts(&page).join("\n");
    for part in [
        "Needs you: CrashLoopBackOff in Deployment shop/cart",
        "No safe action",
        "<!subteam^S0123ABC>",
        "<https://nightshift.example.com/i/inc-0123456789|How it stands now>",
        "inc-0123456789",
    ] {
        assert!(all.contains(part), "{part}\n{all}");
    }
    assert!(!texts(&update).join("\n").contains("subteam"), "only a page calls somebody");
}

#[tokio::test]
async fn nothing_in_a_text_calls_anybody_or_becomes_a_link() {
    let (double, slack) = channel(None).await;
    let mut hostile = notice(Kind::Page, Stand::Open);
    hostile.title = "<!channel> & <@U123> <https://evil.example.com|click>".to_owned();
    hostile.lines = vec!["<!here> fine &lt;!everyone&gt; <#C1>".to_owned()];
    hostile.cluster = "<!subteam^S1>".to_owned();
    hostile.link = Some("https://nightshift.example.com/p/x?a=1&b=<!here>|x".to_owned());
    assert_eq!(slack.send(&Outgoing::Incident(Box::new(hostile)), at(0)).await, Handed::Delivered);
    let [body] = double.seen().try_into().unwrap();
    let link = "<https://nightshift.example.com/p/x?a=1&amp;b=%3C!here%3E%7Cx|How it stands now>";
    for text in texts(&body) {
        assert!(text == link || !text.contains(['<', '>']), "{text}");
        let bare = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
        assert!(!bare.contains('&'), "{text}");
    }
    let all = texts(&body).join("\n");
    assert!(all.contains("&lt;!channel&gt; &amp; &lt;@U123&gt;"), "{all}");
    assert!(all.contains("&amp;lt;!everyone&amp;gt;"), "what was escaped before is shown as it was: {all}");
}

#[tokio::test]
async fn what_is_too_long_is_cut_and_links_to_the_rest() {
    let (double, slack) = channel(None).await;
    let mut long = notice(Kind::Page, Stand::Open);
    long.title = "<".repeat(600);
    long.lines = (0..400).map(|n| format!("{n} {}", "&".repeat(200))).collect();
    let digest = Outgoing::Digest(Box::new(DigestNotice {
        cluster: "prod-1".to_owned(),
        title: "3 incidents".to_owned(),
        lines: vec!["x".repeat(5000); 80],
        sections: Vec::new(),
        from: at(0),
        to: at(1),
        needs_you: 1,
        link: Some("https://nightshift.example.com/digest".to_owned()),
        command: None,
    }));
    let list = Outgoing::List(Box::new(ListNotice {
        kind: Kind::Page,
        cluster: String::new(),
        title: String::new(),
        lines: vec![String::new(); 3],
        count: 3,
        link: None,
        command: Some("nightshift incidents".to_owned()),
    }));
    let changes = vec!["<!channel> & more".repeat(100); 30];
    let policy = Outgoing::Policy(Box::new(policy_notice("prod-1", changes, None)));
    for message in [Outgoing::Incident(Box::new(long)), digest, list, policy] {
        assert_eq!(slack.send(&message, at(0)).await, Handed::Delivered, "{}", message.kind());
    }
    let seen = double.seen();
    for body in &seen[..2] {
        let all = texts(body).join("\n");
        assert!(all.contains("was cut at Slack's limit") && all.contains("<https://"), "{all}");
        assert!(body.to_string().len() < 20 * 1024, "{}", body.to_string().len());
        assert!(texts(body).iter().all(|t| !t.ends_with("&am") && !t.ends_with("&l…")), "no entity is cut");
    }
    assert!(texts(&seen[2]).join("\n").contains("nightshift incidents"));
    let policy = texts(&seen[3]).join("\n");
    assert!(policy.contains("&lt;!channel&gt;") && !policy.contains("<!"), "{policy}");
}

#[tokio::test]
async fn refusals_mean_what_slack_means_by_them() {
    let (double, slack) = channel(None).await;
    let page = incident(Kind::Page, Stand::Open);
    double.answers([
        (200, vec![], "invalid_token".to_owned()),
        (400, vec![], "invalid_blocks".to_owned()),
        (404, vec![], "no_service".to_owned()),
        (410, vec![], "channel_is_archived".to_owned()),
        (302, vec![("location", "http://169.254.169.254/latest/meta-data".to_owned())], String::new()),
        (429, vec![("retry-after", "30".to_owned())], "rate_limited".to_owned()),
    ]);
    let later = |handed: &Handed, says: &str| matches!(handed, Handed::Later { after: None, why } if why.contains(says));
    let handed = slack.send(&page, at(0)).await;
    assert!(later(&handed, "200 OK: invalid_token"), "200 with an error is a failure: {handed:?}");
    let handed = slack.send(&page, at(1)).await;
    assert!(matches!(handed, Handed::Never { ref why } if why.contains("invalid_blocks")), "{handed:?}");
    for says in ["no_service", "channel_is_archived", "302"] {
        let handed = slack.send(&page, at(2)).await;
        assert!(later(&handed, says), "{handed:?}");
    }
    let handed = slack.send(&page, at(3)).await;
    assert!(matches!(handed, Handed::Later { after: Some(Seconds(30)), .. }), "{handed:?}");
    let handed = slack.send(&page, at(13)).await;
    assert!(
        matches!(handed, Handed::Later { after: Some(Seconds(20)), .. }),
        "no request meanwhile: {handed:?}"
    );
    assert!(double.seen().iter().all(|body| body.is_null() || body["blocks"].is_array()));
    assert_eq!(slack.send(&page, at(33)).await, Handed::Delivered);
}

#[tokio::test]
async fn the_address_is_in_no_error_and_in_no_debug_text() {
    let (double, slack) = channel(None).await;
    assert!(!format!("{slack:?}").contains("canary"), "{slack:?}");
    double.answers([(500, vec![], "boom".to_owned())]);
    let handed = slack.send(&incident(Kind::Page, Stand::Open), at(0)).await;
    assert!(!format!("{handed:?}").contains("canary"), "{handed:?}");
    let gone = Slack::new(outbound(), &format!("http://127.0.0.1:9{PATH}"), Reach::Private, None).unwrap();
    let handed = gone.send(&incident(Kind::Page, Stand::Open), at(0)).await;
    assert!(
        matches!(handed, Handed::Later { .. }) && !format!("{handed:?}").contains("canary"),
        "{handed:?}"
    );
    for bad in
        ["canary", "http://hooks.slack.com/canary", "https://169.254.169.254/canary", "https://?canary"]
    {
        let error = Slack::new(outbound(), bad, Reach::Public, None).unwrap_err().to_string();
        assert!(!error.contains("canary"), "{error}");
    }
}
