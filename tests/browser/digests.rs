//! The digests by date: which there are, what is counted for whom, and how one gets further back.

use crate::fixture::{Night, start};
use http::StatusCode;
use nightshift::store::{HistoryStore as _, SystemAppend};
use nightshift_model::{Actor, Appended, Epoch, Role, Seconds, SystemEvent, Timestamp};

const DAY: u64 = 86_400;

/// A night of a nightshift that has run since then.
pub(crate) async fn since(at: Timestamp) -> Night {
    let night = Night::quiet().await;
    let started =
        SystemEvent::Started { role: Role::Responder, epoch: Epoch(1), version: "0.1.0".to_owned() };
    let append = SystemAppend {
        fence: None,
        actor: Actor::Nightshift(Role::Responder),
        at,
        events: vec![started],
        outbox: Vec::new(),
    };
    assert_eq!(night.store.append_system(append).await.unwrap(), Appended::Committed);
    night
}

#[tokio::test]
async fn each_day_since_the_first_night_has_its_digest_and_counts_what_the_reader_may_see() {
    let night = since(start() - Seconds(3 * DAY)).await;
    // The night that is told at eight on Monday: two for shop, one for bank. Tuesday's is not over yet.
    night.open("inc-a", "shop", "a", DAY + 3_600).await;
    night.open("inc-b", "shop", "b", DAY + 7_200).await;
    night.open("inc-c", "bank", "c", DAY + 7_200).await;
    night.open("inc-d", "shop", "d", 60).await;
    let counts = |text: &str| -> Vec<(String, String)> {
        let days = text.split("<a href=\"/digest/").skip(1);
        let one = |day: &str| {
            let count = day.split("class=\"count\">").nth(1).unwrap().split('<').next().unwrap();
            (day[..10].to_owned(), count.to_owned())
        };
        days.map(one).collect()
    };
    for (person, monday) in [("alice", "2 incidents opened"), ("dave", "1 incident opened")] {
        let mut browser = night.signed_in(person).await;
        let page = browser.get("/digests").await;
        let days = counts(&page.text);
        let wanted = [
            ("2026-03-02", monday),
            ("2026-03-01", "No incident opened"),
            ("2026-02-28", "No incident opened"),
        ];
        let wanted = wanted.map(|(date, count)| (date.to_owned(), count.to_owned()));
        assert_eq!(days, wanted, "{person}");
        assert!(page.text.contains("Sun 1 Mar, 08:00 CET to Mon 2 Mar, 08:00 CET"), "{}", page.text);
        assert_eq!(browser.get("/digest/2026-03-02").await.status, StatusCode::OK);
    }
    assert_eq!(night.stranger().get("/digests").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_list_is_bounded_goes_further_back_and_says_when_there_is_none() {
    let night = since(start() - Seconds(70 * DAY)).await;
    let mut alice = night.signed_in("alice").await;
    let (mut path, mut dates, mut pages) = ("/digests".to_owned(), Vec::new(), Vec::new());
    loop {
        let page = alice.get(&path).await.text;
        let found: Vec<String> =
            page.split("<a href=\"/digest/").skip(1).map(|d| d[..10].to_owned()).collect();
        pages.push(found.len());
        dates.extend(found);
        let Some(next) = page.split("href=\"/digests?before=").nth(1) else { break };
        path = format!("/digests?before={}", &next[..10]);
    }
    assert_eq!(pages, [30, 30, 10]);
    assert!(dates.is_sorted_by(|a, b| a > b), "newest first, and none twice: {dates:?}");

    let older = alice.get("/digests?before=2025-01-01").await;
    assert!(older.text.contains("There are no older digests."));
    for wrong in ["x", "2026-02-30", "%00", "-9999-01-01"] {
        let answer = alice.get(&format!("/digests?before={wrong}")).await;
        assert!(answer.text.contains("no such page") || answer.text.contains("no older"), "{wrong}");
        assert!(answer.status.is_client_error() || wrong.starts_with('-'), "{wrong}");
    }

    let night = since(start() - Seconds(60)).await;
    let mut alice = night.signed_in("alice").await;
    assert!(alice.get("/digests").await.text.contains("No digest is out yet"));
    let mut blind = night.signed_in("bot").await;
    assert_eq!(blind.get("/digests").await.status, StatusCode::OK, "a machine may look");
}
