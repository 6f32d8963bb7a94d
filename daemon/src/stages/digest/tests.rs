#![allow(
    clippy::cloned_ref_to_slice_refs,
    clippy::float_cmp,
    clippy::format_collect,
    clippy::format_push_string,
    clippy::cast_precision_loss,
    clippy::needless_pass_by_value,
    clippy::single_element_loop,
    clippy::type_complexity,
    clippy::wildcard_enum_match_arm
)] // tables of small cases: clones and wildcards read better here
use super::*;
use crate::store::OpenMode;
use expect_test::expect_file;
use nightshift_model::history::QuietNight;
use nightshift_model::{Actor, Epoch, Role, SystemEvent};

fn berlin(hour: i8, minute: i8) -> Daily {
    Daily { at: Time::constant(hour, minute, 0, 0), zone: TimeZone::get("Europe/Berlin").unwrap() }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_time_that_does_not_exist_is_the_next_that_does_and_one_that_comes_twice_is_the_first() {
    let date = |d: &str| d.parse::<Date>().unwrap();
    let table = [
        (berlin(8, 0), "2026-03-28", "2026-03-28T07:00:00Z"),
        (berlin(8, 0), "2026-03-29", "2026-03-29T06:00:00Z"),
        (berlin(2, 30), "2026-03-28", "2026-03-28T01:30:00Z"),
        (berlin(2, 30), "2026-03-29", "2026-03-29T01:00:00Z"), // 03:00 CEST, where the clocks land
        (berlin(2, 0), "2026-03-29", "2026-03-29T01:00:00Z"),
        (berlin(2, 30), "2026-03-30", "2026-03-30T00:30:00Z"),
        (berlin(2, 30), "2026-10-25", "2026-10-25T00:30:00Z"), // CEST, not an hour later again
        (berlin(2, 30), "2026-10-26", "2026-10-26T01:30:00Z"),
    ];
    for (daily, day, instant) in table {
        assert_eq!(daily.on(date(day)), at(instant), "{:?} on {day}", daily.at);
    }
}

#[test]
fn every_day_has_one_window_and_they_meet() {
    let daily = berlin(2, 30);
    let mut now = at("2026-03-26T12:00:00Z");
    let mut before: Option<Timestamp> = None;
    for _ in 0..8 {
        let (_, from, to) = daily.last(now).unwrap();
        assert!(to <= now && before.is_none_or(|b| b == from), "{from} {to}");
        before = Some(to);
        now = daily.next(now);
        assert_eq!(daily.last(now).unwrap().2, now);
    }
    let half_hours = |day: &str| {
        let (_, from, to) = daily.last(at(day)).unwrap();
        to.since(from).0 / 1800
    };
    let lengths = [
        half_hours("2026-03-29T12:00:00Z"),
        half_hours("2026-03-30T12:00:00Z"),
        half_hours("2026-10-25T12:00:00Z"),
        half_hours("2026-10-26T12:00:00Z"),
    ];
    assert_eq!(lengths, [47, 47, 48, 50]);
}

/// The same nights as the engine's golden texts.
#[test]
fn the_page_is_told_from_the_same_digest() {
    for night in ["0", "3", "400"] {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/engine/testdata/digest/");
        let json = std::fs::read_to_string(format!("{folder}{night}/digest.json")).unwrap();
        let digest: Digest = serde_json::from_str(&json).unwrap();
        let html = html(&sheet(&digest)).unwrap();
        assert!(!html.contains("<img") && !html.contains("<script") && !html.contains("http:"));
        expect_file![format!("{folder}{night}/digest.html")].assert_eq(&html);
    }
}

#[test]
fn text_from_a_cluster_is_escaped() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/engine/testdata/digest/");
    let json = std::fs::read_to_string(format!("{folder}3/digest.json")).unwrap();
    let digest: Digest =
        serde_json::from_str(&json.replace("the schema was", "<script>alert(1)</script>")).unwrap();
    let html = html(&sheet(&digest)).unwrap();
    assert!(html.contains("&#60;script&#62;") && !html.contains("<script>"), "{html}");
}

#[tokio::test]
async fn a_digest_is_queued_once_a_date_and_told_from_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("history.db"), OpenMode::ReadWrite).await.unwrap();
    let stage = |store: SqliteStore| DigestStage {
        clock: Clock::scaled(at("2026-03-02T08:00:00Z"), 1),
        daily: berlin(8, 0),
        registry: Arc::default(),
        cluster: "prod-1".to_owned(),
        mode: Acting::Observe,
        queued: Mutex::new(None),
        verified: tokio::sync::Mutex::default(),
        store,
        fence: None,
    };
    let seen = |now: &str, event| SystemAppend {
        fence: None,
        actor: Actor::Operator,
        at: at(now),
        events: vec![event],
        outbox: Vec::new(),
    };
    let first = stage(store.clone());
    assert_eq!(first.queue(at("2026-03-01T06:59:00Z")).await.unwrap(), at("2026-03-01T07:00:00Z"));
    assert_eq!(store.outbox_next().await.unwrap(), None, "nothing was there to watch that night");

    let started = SystemEvent::Started { role: Role::Responder, epoch: Epoch(1), version: "0".to_owned() };
    store.append_system(seen("2026-03-01T10:00:00Z", started)).await.unwrap();
    let quiet = SystemEvent::Quiet { seen: QuietNight { rollouts: 2, self_healed: 1, ignored: 0 } };
    store.append_system(seen("2026-03-01T20:00:00Z", quiet)).await.unwrap();
    let now = at("2026-03-02T07:00:01Z");
    assert_eq!(first.queue(now).await.unwrap(), at("2026-03-03T07:00:00Z"));
    stage(store.clone()).queue(now).await.unwrap(); // after a restart
    let rows = store.outbox_take(now, Seconds(60), 10).await.unwrap().rows;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].message.key, "digest:2026-03-02");
    let MessageBody::Digest { from, to } = rows[0].message.body else { panic!("{rows:?}") };
    assert_eq!((from, to), (at("2026-03-01T07:00:00Z"), at("2026-03-02T07:00:00Z")));

    let digest = first.tell(from, to).await.unwrap();
    assert_eq!(
        (digest.verdict.healthy_rollouts, digest.verdict.self_healed, digest.quality.starts),
        (2, 1, 1)
    );
    assert!(matches!(digest.quality.audit, Audit::ChainOnly { rows: 2, .. }), "{:?}", digest.quality.audit);
    assert!(matches!(digest.quality.audit, Audit::ChainOnly { since: None, .. }), "all of it was read");

    let again = first.tell(from, to).await.unwrap().quality.audit;
    let Audit::ChainOnly { rows: 2, since: Some(walked), .. } = &again else { panic!("{again:?}") };
    assert_eq!(walked.rows, 2);
    assert!(
        again.sentence().contains("the first 2 rows were read at 2026-03-02T08:00"),
        "{}",
        again.sentence()
    );
    let anew = stage(store.clone()).tell(from, to).await.unwrap().quality.audit;
    assert!(matches!(anew, Audit::ChainOnly { since: None, .. }), "a start reads all of it");
    assert!(
        first.of("2026-03-03".parse().unwrap(), &|_| true).await.unwrap().is_none(),
        "that night is not over"
    );
}
