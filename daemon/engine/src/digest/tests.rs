mod nights;

use super::*;
use expect_test::expect_file;
use nights::{Fate, Night, RELAPSED, window};
use nightshift_model::apply::Place;
use nightshift_model::{Phase, Seconds, SystemEvent};
use proptest::prelude::*;
use serde_json::json;

fn registry() -> Registry {
    serde_json::from_value(json!({"owners": [{"name": "team-shop", "namespaces": ["shop*"]}]})).unwrap()
}

fn audit() -> Audit {
    Audit::ChainOnly { rows: 812, tip: nightshift_model::digest("test", b"tip"), since: None }
}

fn signed() -> Audit {
    let of = |name: &[u8]| nightshift_model::digest("test", name);
    let keys = vec!["c74f20a3".to_owned(), "0badc0de".to_owned()];
    Audit::Signed { rows: 812, tip: of(b"tip"), size: 800, root: of(b"root"), keys, since: None }
}

fn told(night: &Night) -> Digest {
    digest(&night.rows, &[], &window(), &registry(), audit())
}

fn golden(night: &Night, folder: &str) -> Digest {
    let audit = if folder == "3" { signed() } else { audit() };
    let digest = digest(&night.rows, &[], &window(), &registry(), audit);
    let json = format!("{}\n", serde_json::to_string_pretty(&digest).unwrap());
    assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest, "the JSON reads back");
    expect_file![format!("../../testdata/digest/{folder}/digest.json")].assert_eq(&json);
    expect_file![format!("../../testdata/digest/{folder}/digest.txt")].assert_eq(&text(&digest, 80));
    expect_file![format!("../../testdata/digest/{folder}/phone.txt")].assert_eq(&top(&digest, 44));
    digest
}

#[test]
fn a_closed_executor_stands_before_everything_else_until_somebody_adopts() {
    let mut night = Night::quiet();
    night.incident(20, Fate::Waiting);
    night.system(60, SystemEvent::AuditClosed { why: "the history shrank".to_owned() });
    let digest = told(&night);
    let first = &digest.needs_you[0];
    assert_eq!(
        (first.kind, first.severity),
        (NeedKind::ExecutorClosed, nightshift_model::Severity::Critical)
    );
    assert!(text(&digest, 80).contains("the executor is closed, so nothing is executed: the history shrank"));
    let (signed, found) = ("9 rows".to_owned(), "3 rows".to_owned());
    night.system(70, SystemEvent::AuditAdopted { signed, found, because: "restored".to_owned() });
    assert!(told(&night).needs_you.iter().all(|need| need.kind != NeedKind::ExecutorClosed));
}

#[test]
fn a_night_without_incidents_is_one_line_of_proof_that_somebody_watched() {
    let digest = golden(&Night::quiet(), "0");
    assert_eq!(digest.verdict.healthy_rollouts, 12);
    assert_eq!(digest.watch.inventory, InventoryLine { standing: 2, cleared: 1 });
}

#[test]
fn three_incidents() {
    let mut night = Night::quiet();
    night.incident(20, Fate::Waiting);
    night.incident(5, Fate::Fixed);
    night.incident(12, Fate::Denied);
    let digest = golden(&night, "3");
    assert_eq!((digest.verdict.incidents, digest.verdict.open, digest.verdict.waiting), (3, 2, 1));
    let kinds: Vec<_> = digest.needs_you.iter().map(|n| n.kind).collect();
    assert_eq!(kinds, [NeedKind::Vote, NeedKind::Escalated]);
    assert_eq!(digest.did.len(), 1);
}

#[test]
fn four_hundred_incidents_still_fit_a_phone_on_top() {
    let night = Night::of(400);
    let digest = golden(&night, "400");
    assert_eq!(digest.verdict.incidents, 400 + night.count(RELAPSED));
    for width in [32, 44, 80, 200] {
        let top = top(&digest, width);
        assert!(top.lines().count() <= 12, "{width}: {top}");
        assert!(top.lines().all(|line| line.chars().count() <= width), "{width}: {top}");
    }
}

#[test]
fn in_mode_observe_it_says_what_it_would_have_proposed() {
    let mut night = Night::quiet();
    night.incident(1, Fate::Drafted);
    let observe = Window { mode: Acting::Observe, ..window() };
    let digest = digest(&night.rows, &[], &observe, &registry(), audit());
    assert_eq!(digest.needs_you[0].kind, NeedKind::WouldHaveProposed);
    assert_eq!(digest.did_not[0].reason, NotDoneReason::Observing);
    assert!(digest.did_not[0].why.starts_with("would have proposed: "), "{:?}", digest.did_not);
    assert!(told(&night).needs_you.is_empty(), "in mode approve a draft is about to be sealed");
}

#[test]
fn what_only_alerts_say_is_called_that_and_a_silent_watchdog_is_an_intake_gap() {
    let mut night = Night::quiet();
    night.incident(1, Fate::Told);
    let digest = told(&night);
    let need = &digest.needs_you[0];
    assert!(need.what.starts_with("alert WatchdogMissing on "), "{}", need.what);
    assert!(
        need.what.ends_with("[alerts: WatchdogMissing, ApiSlow (2 firing, 1 resolved)]"),
        "{}",
        need.what
    );
    let gap = &digest.quality.gaps[0];
    assert_eq!(gap.what, "alerts (intake gap)");
    assert!(
        gap.why.starts_with("the Watchdog alert was silent since ") && gap.why.ends_with("and is still"),
        "{gap}"
    );
    assert!(text(&digest, 80).contains("intake gap"));
}

#[test]
fn what_cannot_be_told_is_said() {
    let mut night = Night::of(2);
    night.rows.retain(|row| row.revision.0 != 3);
    night.system_all(["undelivered", "gap", "kill-switch"]);
    let audit = Audit::Broken { what: "row 7: hash".to_owned() };
    let digest = digest(&night.rows, &[], &window(), &registry(), audit);
    assert_eq!(digest.quality.untold.len(), 2);
    assert_eq!(digest.quality.undelivered.len(), 1);
    assert_eq!(digest.quality.gaps.len(), 1);
    assert_eq!(digest.needs_you[0].kind, NeedKind::KillSwitch);
    assert!(digest.verdict.line.contains("1 message NOT DELIVERED"), "{}", digest.verdict.line);
    assert!(text(&digest, 80).contains("THE HISTORY WAS CHANGED"));
}

#[test]
fn an_incident_from_before_is_told_from_its_fold() {
    let mut night = Night::default();
    night.incident(1, Fate::Waiting);
    let fold = nights::fold(&night.rows);
    let digest = digest(&[], &[fold], &window(), &registry(), audit());
    assert_eq!((digest.verdict.incidents, digest.verdict.open), (1, 1));
    assert_eq!(digest.needs_you.len(), 1);
    assert_eq!(digest.needs_you[0].owner.as_deref(), Some("team-shop"));
}

#[test]
fn earlier_days_give_a_median_and_what_keeps_coming() {
    let mut night = Night::default();
    for day in 0..5 {
        night.shifted(Seconds(86_400 * day), |n| n.incident(7, Fate::Healed));
    }
    let window = Window { known_from: window().from - Seconds(7 * 86_400), ..window() };
    let digest = digest(&night.rows, &[], &window, &registry(), audit());
    assert_eq!(digest.trend.days, 7);
    assert_eq!((digest.trend.counts[0].now, digest.trend.counts[0].median), (1, Some(1)));
    assert_eq!((digest.trend.repeated[0].times, digest.trend.repeated[0].days), (5, 5));
    assert_eq!(digest.trend.noise, 1);
}

#[test]
fn pages_within_half_an_hour_wake_once_and_days_do_not_count() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let span = (at("2026-02-28T12:00:00Z"), at("2026-03-01T12:00:00Z"));
    let pages = [
        "2026-02-28T14:00:00Z",
        "2026-02-28T21:00:00Z",
        "2026-02-28T21:20:00Z",
        "2026-02-28T21:49:00Z",
        "2026-03-01T02:00:00Z",
        "2026-03-01T07:00:00Z",
    ]
    .map(at);
    assert_eq!(trend::sleep_interruptions(&pages, span, &window()), 2, "22:00 to 22:49 and 03:00 in Berlin");
}

/// One pass by reference says the same as the fold.
#[test]
fn every_story_stands_where_its_fold_stands() {
    let night = Night::of(60);
    let mut streams: BTreeMap<&IncidentId, BTreeMap<u64, &Row>> = BTreeMap::new();
    for row in &night.rows {
        if let Stream::Incident(id) = &row.stream {
            streams.entry(id).or_default().insert(row.revision.0, row);
        }
    }
    for (id, rows) in streams {
        for upto in 1..=rows.len() {
            let part: BTreeMap<u64, &Row> = rows.iter().take(upto).map(|(k, v)| (*k, *v)).collect();
            let fold = part.values().fold(None, |before: Option<Incident>, row| {
                let HistoryEvent::Incident(event) = &row.event else { panic!("{row:?}") };
                let place = Place { id: id.clone(), revision: row.revision, at: row.at };
                Some(Incident::apply(before.as_ref(), &place, event).unwrap())
            });
            let fold = fold.unwrap();
            let story = tell(id, part.values().copied().collect()).unwrap();
            let from_fold = Story::of(&fold);
            assert_eq!(format!("{:?}", story.standing), format!("{:?}", from_fold.standing), "{id} {upto}");
            assert_eq!(story.symptom, from_fold.symptom);
            assert_eq!(story.open(), !matches!(fold.phase, Phase::Closed { .. }));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn the_order_in_which_streams_interleave_does_not_matter(count in 1_usize..40, seed in any::<u64>()) {
        let mut night = Night::of(count);
        let before = told(&night);
        let mut state = seed;
        let mut keyed: Vec<_> = std::mem::take(&mut night.rows)
            .into_iter()
            .map(|row| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33, row)
            })
            .collect();
        keyed.sort_by_key(|(key, _)| *key);
        night.rows = keyed.into_iter().map(|(_, row)| row).collect();
        prop_assert_eq!(told(&night), before);
    }
}
