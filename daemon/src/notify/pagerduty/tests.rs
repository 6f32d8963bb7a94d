use super::*;
use crate::notify::double::{Answer, Double, at, incident, notice, outbound};
use crate::notify::reach::Reach;
use crate::notify::{DigestNotice, Kind, ListNotice, Stand};
use nightshift_model::{Seconds, ThreadState};
use serde_json::Value;

const KEY: &str = "0123456789abcdef0123456789ABCDEF";
const OLD: &str = "ffffffffffffffffffffffffffffffff";

/// What the Events API v2 documents as required and as largest.
fn judge(_: &http::HeaderMap, event: &Value) -> Answer {
    let length = |v: &Value| v.as_str().map_or(0, |text| text.chars().count());
    let bad = |why: &str| (400, vec![], format!("{{\"status\":\"invalid event\",\"errors\":[\"{why}\"]}}"));
    if event.to_string().len() >= 64 * 1024 {
        return bad("too large");
    }
    if length(&event["routing_key"]) != 32 {
        return bad("routing_key");
    }
    if !(1..=255).contains(&length(&event["dedup_key"])) {
        return bad("dedup_key");
    }
    match event["event_action"].as_str().unwrap_or_default() {
        "acknowledge" | "resolve" => {}
        "trigger" => {
            let payload = &event["payload"];
            let severities = ["critical", "error", "warning", "info"];
            if !(1..=1024).contains(&length(&payload["summary"])) || length(&payload["source"]) == 0 {
                return bad("payload");
            }
            if !severities.contains(&payload["severity"].as_str().unwrap_or_default()) {
                return bad("severity");
            }
            if !payload["custom_details"].is_object() {
                return bad("custom_details");
            }
        }
        _ => return bad("event_action"),
    }
    (202, vec![], "{\"status\":\"success\"}".to_owned())
}

async fn pager(keys: &str) -> (Double, PagerDuty) {
    let double = Double::open("/v2/enqueue", judge).await;
    let destination = Destination::new(&double.url, Reach::Private).unwrap();
    (double, PagerDuty::new(outbound(), destination, Keys::parse(keys).unwrap()))
}

fn thread(handed: Handed) -> Thread {
    match handed {
        Handed::Threaded(thread) => thread,
        other @ (Handed::Delivered | Handed::Later { .. } | Handed::Never { .. }) => panic!("{other:?}"),
    }
}

fn actions(double: &Double) -> Vec<String> {
    double.seen().iter().map(|e| e["event_action"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn one_incident_is_one_alert_that_is_opened_acknowledged_and_resolved() {
    let (double, pager) = pager(KEY).await;
    let opened = thread(pager.send(&incident(Kind::Page, Stand::Open), "k:1", None, at(0)).await);
    assert_eq!((opened.key.as_str(), opened.state), ("nightshift:prod-1:inc-0123456789", ThreadState::Open));
    let progress = incident(Kind::Progress, Stand::UnderWay);
    let taken = thread(pager.send(&progress, "k:2", Some(&opened), at(1)).await);
    assert_eq!(taken.state, ThreadState::Acknowledged);
    assert_eq!(pager.send(&progress, "k:3", Some(&taken), at(2)).await, Handed::Delivered, "once is enough");
    let over = thread(pager.send(&incident(Kind::Update, Stand::Over), "k:4", Some(&taken), at(3)).await);
    assert_eq!(over.state, ThreadState::Resolved);
    assert_eq!(actions(&double), ["trigger", "acknowledge", "resolve"]);
    assert!(double.seen().iter().all(|e| e["dedup_key"] == "nightshift:prod-1:inc-0123456789"));
    let trigger = &double.seen()[0];
    assert_eq!(trigger["payload"]["summary"], "[prod-1] Needs you: CrashLoopBackOff in Deployment shop/cart");
    assert_eq!(trigger["payload"]["severity"], "critical");
    assert_eq!(trigger["links"][0]["href"], "https://nightshift.example.com/i/inc-0123456789");
    // It broke again: the same name begins a new alert.
    let again = thread(pager.send(&incident(Kind::Page, Stand::Open), "k:5", Some(&over), at(4)).await);
    assert_eq!(again.state, ThreadState::Open);
}

#[tokio::test]
async fn what_is_not_proven_is_a_note_and_stays_open() {
    let (double, pager) = pager(KEY).await;
    let opened = thread(pager.send(&incident(Kind::Page, Stand::Open), "k:1", None, at(0)).await);
    let taken = Thread { state: ThreadState::Acknowledged, ..opened.clone() };
    // Failed, inconclusive, denied, expired: the incident is Escalated. Ended by hand: nothing was proven.
    for (message, before) in [
        (incident(Kind::Page, Stand::Open), &opened),
        (incident(Kind::Page, Stand::Open), &taken),
        (incident(Kind::Update, Stand::Ended), &opened),
    ] {
        let after = thread(pager.send(&message, "k:2", Some(before), at(1)).await);
        assert_eq!(&after, before, "a note changes nothing");
    }
    assert_eq!(actions(&double), ["trigger"; 4]);
}

#[tokio::test]
async fn nobody_is_woken_by_what_is_over_posted_or_a_digest() {
    let (double, pager) = pager(KEY).await;
    let digest = Outgoing::Digest(Box::new(DigestNotice {
        cluster: "prod-1".to_owned(),
        title: "Quiet night.".to_owned(),
        lines: Vec::new(),
        sections: Vec::new(),
        from: at(0),
        to: at(1),
        needs_you: 0,
        link: None,
        command: None,
    }));
    for message in [
        incident(Kind::Page, Stand::Over), // a page that comes late
        incident(Kind::Update, Stand::Over),
        incident(Kind::Update, Stand::Ended),
        incident(Kind::Progress, Stand::UnderWay),
        incident(Kind::Post, Stand::Open),
        digest,
        Outgoing::Policy(Box::new(crate::notify::notice::policy_notice("prod-1", Vec::new(), None))),
    ] {
        assert_eq!(pager.send(&message, "k", None, at(0)).await, Handed::Delivered, "{}", message.kind());
    }
    assert_eq!(double.seen().len(), 0);
}

#[tokio::test]
async fn an_alert_is_closed_with_the_key_that_opened_it() {
    let (_double, before) = pager(OLD).await;
    let opened = thread(before.send(&incident(Kind::Page, Stand::Open), "k:1", None, at(0)).await);
    let over = incident(Kind::Update, Stand::Over);
    let (double, both) = pager(&format!("{KEY}\n{OLD}\n")).await;
    thread(both.send(&over, "k:2", Some(&opened), at(1)).await);
    thread(both.send(&incident(Kind::Page, Stand::Open), "k:3", None, at(2)).await);
    assert_eq!(double.seen()[0]["routing_key"], OLD);
    assert_eq!(double.seen()[1]["routing_key"], KEY, "what is new opens with the new key");
    let (double, rotated) = pager(KEY).await;
    let handed = rotated.send(&over, "k:2", Some(&opened), at(1)).await;
    assert!(matches!(handed, Handed::Never { ref why } if why.contains("close it by hand")), "{handed:?}");
    assert_eq!(double.seen().len(), 0, "PagerDuty would drop it silently");
}

#[tokio::test]
async fn events_stay_within_the_limits_and_say_what_they_left_out() {
    let (double, pager) = pager(KEY).await;
    let mut long = notice(Kind::Page, Stand::Open);
    long.cluster = "c".repeat(400);
    long.title = "t".repeat(3000);
    long.scope = String::new();
    long.lines = vec!["x".repeat(300); 500];
    thread(pager.send(&Outgoing::Incident(Box::new(long)), "k", None, at(0)).await);
    let list = ListNotice {
        kind: Kind::Page,
        cluster: "prod-1".to_owned(),
        title: "9996 more incidents need you".to_owned(),
        lines: vec!["one".to_owned()],
        count: 9996,
        link: None,
        command: Some("nightshift incidents".to_owned()),
    };
    let list = Outgoing::List(Box::new(list));
    thread(pager.send(&list, "list:pager:page:inc-1:3", None, at(0)).await);
    let seen = double.seen();
    assert_eq!(seen[0]["payload"]["custom_details"]["cut"], "480 more lines stand on the page");
    assert!(seen[0]["dedup_key"].as_str().unwrap().ends_with(":inc-0123456789"), "{}", seen[0]["dedup_key"]);
    assert!(seen[0].to_string().len() < 20 * 1024);
    assert_eq!(seen[1]["payload"]["custom_details"]["incidents"], 9996);
}

#[tokio::test]
async fn answers_mean_what_pagerduty_means_by_them_and_the_key_is_never_said() {
    let (double, pager) = pager(KEY).await;
    let page = incident(Kind::Page, Stand::Open);
    double.answers([
        (400, vec![], format!("{{\"errors\":[\"no service for {KEY}\"]}}")),
        (429, vec![], String::new()),
        (500, vec![], KEY.to_owned()),
        (200, vec![], "ok".to_owned()),
        (307, vec![("location", "http://169.254.169.254/".to_owned())], String::new()),
    ]);
    let handed = pager.send(&page, "k", None, at(0)).await;
    assert!(
        matches!(handed, Handed::Never { ref why } if why.contains("400") && !why.contains(KEY)),
        "{handed:?}"
    );
    let handed = pager.send(&page, "k", None, at(1)).await;
    assert!(matches!(handed, Handed::Later { after: Some(Seconds(60)), .. }), "{handed:?}");
    assert!(matches!(
        pager.send(&page, "k", None, at(30)).await,
        Handed::Later { after: Some(Seconds(31)), .. }
    ));
    for second in [61, 62, 63] {
        let handed = pager.send(&page, "k", None, at(second)).await;
        let fine = matches!(handed, Handed::Later { after: None, ref why } if !why.contains(KEY));
        assert!(fine, "anything but 202 is a failure: {handed:?}");
    }
    thread(pager.send(&page, "k", None, at(64)).await);
    assert!(!format!("{pager:?}").contains(KEY));
}

#[test]
fn keys_are_read_and_refused_without_being_said() {
    for (text, says) in [
        ("", "must hold one"),
        ("short-canary", "line 1"),
        (&format!("{KEY}\ncanary"), "line 2"),
        (&format!("{KEY}\n{OLD}\n{KEY}"), "must hold one"),
    ] {
        let error = Keys::parse(text).unwrap_err().to_string();
        assert!(error.contains(says) && !error.contains("canary"), "{error}");
    }
    assert!(Keys::parse(&format!("  {KEY}  \n\n")).is_ok());
}
