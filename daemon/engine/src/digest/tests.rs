mod nights;

use super::*;
use expect_test::expect_file;
use nights::{Fate, Night, RELAPSED, window};
use nightshift_model::apply::Place;
use nightshift_model::{Closure, Phase, Seconds, SystemEvent, Written};
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
fn silences_that_end_within_a_day_are_told_soonest_first() {
    use nightshift_model::{Actor, Selector, Silence};
    let mut night = Night::quiet();
    let to = window().to;
    let silence = |name: &str, until: Timestamp, because: &str| {
        let of = Selector::Namespace(name.to_owned());
        Silence::new(of, window().from, until, because, Actor::Operator).unwrap()
    };
    let all = [
        silence("later", to + Seconds(7_200), "a move\u{1b}[31m"),
        silence("soon", to + Seconds(1), "x"),
        silence("a-day", to + Seconds(86_400), "x"),
        silence("beyond", to + Seconds(86_401), "x"),
        silence("over", to, "x"),
        silence("ended", to + Seconds(60), "x"),
    ];
    let ended = all[5].id.clone();
    for silence in all {
        night.system(60, SystemEvent::SilenceAdded { silence });
    }
    night.system(70, SystemEvent::SilenceEnded { silence: ended, by: Actor::Operator });
    let digest = told(&night);
    let of: Vec<&str> = digest.upcoming.silences.iter().map(|s| s.of.as_str()).collect();
    assert_eq!(of, ["namespace soon", "namespace later", "namespace a-day"]);
    let text = text(&digest, 120);
    let upcoming = text.split("Upcoming").nth(1).unwrap();
    assert!(upcoming.contains("silence of namespace soon ends: x (operator)"), "{upcoming}");
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn what_is_ignored_is_told_with_its_reason_and_how_much_there_was() {
    use nightshift_model::history::QuietNight;
    use nightshift_model::{Ignored, Selector};
    let entry = |n: u32| Ignored::new(Selector::Namespace(format!("n{n}")), "play").unwrap();
    let mut night = Night::quiet();
    night.system(60, SystemEvent::IgnoreChanged { entries: (0..22).map(entry).collect() });
    night.system(70, SystemEvent::IgnoreChanged { entries: vec![entry(7)] });
    night.system(80, SystemEvent::Quiet { seen: QuietNight { ignored: 3, ..QuietNight::default() } });
    night.system(90, SystemEvent::Quiet { seen: QuietNight { ignored: 1, ..QuietNight::default() } });
    let line = "ignored by the configuration: namespace n7 (play); 4 findings or alerts opened nothing";
    assert!(text(&told(&night), 120).contains(line), "{}", text(&told(&night), 120));
    night.system(95, SystemEvent::IgnoreChanged { entries: (0..22).map(entry).collect() });
    assert!(text(&told(&night), 2_000).contains("namespace n19 (play), 2 more; 4 findings"));
    night.system(96, SystemEvent::IgnoreChanged { entries: Vec::new() });
    assert!(text(&told(&night), 120).contains("ignored by the configuration: nothing any more; 4 findings"));
    assert!(!text(&told(&Night::quiet()), 120).contains("ignored"));
}

#[test]
fn a_changed_policy_is_one_line_of_what_differs_between_the_ends_of_the_night() {
    use nightshift_model::PolicyFacts;
    let of = |names: &str| nightshift_model::digest("test", names.as_bytes());
    let noted = |names: &[&str]| {
        let persons: serde_json::Map<String, serde_json::Value> =
            names.iter().map(|name| ((*name).to_owned(), json!(["role all"]))).collect();
        let facts: PolicyFacts = serde_json::from_value(json!({"person": persons})).unwrap();
        SystemEvent::PolicyNoted { policy: of(&names.concat()), facts }
    };
    let changed = |before: Option<&str>, after: &str| SystemEvent::PolicyChanged {
        before: before.map(of),
        after: of(after),
    };
    let line = |night: &Night| {
        let text = text(&told(night), 2_000);
        text.lines().find(|line| line.contains("playbooks or mode changed")).map(str::to_owned)
    };
    let mut night = Night::quiet();
    night.system(10, changed(None, "alice"));
    night.system(10, noted(&["alice"]));
    assert_eq!(line(&night), None, "the first start of all changes nothing");
    night.system(60, changed(Some("alice"), "alicebob"));
    night.system(60, noted(&["alice", "bob"]));
    night.system(70, changed(Some("alicebob"), "bob"));
    night.system(70, noted(&["bob"]));
    let said = line(&night).unwrap();
    assert!(said.contains("changed 2 times, last "), "{said}");
    assert!(
        said.ends_with("void: person alice removed; it was: role all; person bob added: role all"),
        "{said}"
    );
    let many: Vec<String> = (0..30).map(|n| format!("p{n:02}")).collect();
    night.system(80, changed(Some("bob"), "many"));
    night.system(80, noted(&many.iter().map(String::as_str).collect::<Vec<_>>()));
    assert!(line(&night).unwrap().ends_with("; and 23 more"), "{:?}", line(&night));
    // Somebody with some namespaces hears that it changed, and not what persons of others may do.
    let mut part = Night::quiet();
    part.system(60, changed(Some("alice"), "bob"));
    assert!(line(&part).unwrap().ends_with("so votes on what was open are void"), "{:?}", line(&part));
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

/// The next event of the one incident of a night.
fn then(night: &mut Night, later: u64, event: IncidentEvent) {
    let last = night.rows.iter().rfind(|r| r.stream != Stream::System).unwrap().clone();
    let (revision, at) = (last.revision.next(), last.at + Seconds(later));
    night.rows.push(Row { revision, at, event: HistoryEvent::Incident(event), ..last });
}

fn gone() -> IncidentEvent {
    IncidentEvent::FindingsChanged { findings: Vec::new() }
}

#[test]
fn a_symptom_that_goes_after_a_write_without_proof_is_never_told_as_healed() {
    let mut night = Night::default();
    night.incident(1, Fate::NotVerified);
    then(&mut night, 60, gone());
    let incident = nights::fold(&night.rows);
    let rules = crate::samples::rules();
    let nightshift_model::Next::Record(_, events) =
        crate::next(&incident, &rules, nightshift_model::Epoch(0), incident.changed_at)
    else {
        panic!("{:?}", incident.phase)
    };
    let [IncidentEvent::Closed { why: why @ Closure::GoneSince { written: Written::Judged { .. } } }] =
        &events[..]
    else {
        panic!("{events:?}")
    };
    let said = words::closure(why);
    assert!(said.contains("not proven (Failed") && !said.contains("nothing was written"), "{said}");
    assert!(words::closure(&Closure::Healed).contains("nothing was written"));
    then(&mut night, 1, events[0].clone());
    let digest = told(&night);
    assert_eq!((digest.needs_you.len(), digest.trend.noise, digest.trend.ledger.not_verified), (0, 0, 1));
    then(&mut night, 600, IncidentEvent::Reopened { why: nightshift_model::incident::Reopening::Relapse });
    assert_eq!(told(&night).watch.relapses[0].after_fix, AfterFix::Unproven);
}

#[test]
fn what_a_person_ended_while_it_stood_is_in_the_digest_until_it_goes_away() {
    let mut night = Night::default();
    night.incident(1, Fate::Unknown);
    assert_eq!(told(&night).needs_you[0].next, "look at the target, then end the incident");
    let why = Closure::ByPerson { person: "bob".into(), note: "the revert is there".into() };
    then(&mut night, 60, IncidentEvent::Closed { why });
    let left = words::left_behind(&nights::fold(&night.rows)).join(" ");
    assert!(left.contains("nobody can tell whether the write took effect"), "{left}");
    let digest = told(&night);
    assert!(digest.needs_you.is_empty());
    assert!(text(&digest, 200).contains("CrashLoopBackOff still stands; ended by bob: the revert is there"));
    then(&mut night, 60, gone());
    assert!(told(&night).watch.ended.is_empty());
}

#[test]
fn a_query_that_went_unanswered_is_told_by_its_name() {
    let mut night = Night::default();
    night.incident(1, Fate::Waiting);
    let incident = nights::fold(&night.rows);
    let mut evidence = incident.evidence[0].clone();
    evidence.tool = nightshift_model::Tool::Query {
        name: "unavailable-replicas".to_owned(),
        promql: "sum(kube_deployment_status_replicas_unavailable{namespace=\"shop\"})".to_owned(),
    };
    evidence.source = "query sum(kube_deployment_status_replicas_unavailable{namespace=\"shop\"})".to_owned();
    assert_eq!(assemble::asked(&evidence), "Prometheus query unavailable-replicas");
    let target = incident.scope.clone();
    evidence.tool = nightshift_model::Tool::Memory { target, container: "app".to_owned() };
    assert_eq!(assemble::asked(&evidence), "Prometheus query for the memory of container app");
    evidence.tool = incident.evidence[0].tool.clone();
    assert_eq!(assemble::asked(&evidence), evidence.source);
}

#[test]
fn what_detection_could_not_see_is_in_the_digest() {
    let mut night = Night::default();
    night.incident(1, Fate::Waiting);
    let before = told(&night).quality.unanswered.len();
    let gap = nightshift_model::Gap { what: "watch nodes".into(), why: "403 Forbidden".into() };
    for _ in 0..2 {
        then(&mut night, 1, IncidentEvent::Unchecked { gaps: vec![gap.clone()] });
    }
    let digest = told(&night);
    assert_eq!(digest.quality.unanswered.len(), before + 1);
    assert!(text(&digest, 200).contains("not checked 1 time: watch nodes, because 403 Forbidden"));
}

#[test]
fn a_part_of_a_night_says_in_numbers_what_it_leaves_out() {
    let mut night = Night::of(24);
    night.system_all(["undelivered", "gap", "kill-switch"]);
    let whole = told(&night);
    assert_eq!(whole.clone().part_of(&whole), whole, "whoever sees everything gets the whole");

    night.rows.retain(|row| row.stream == Stream::System);
    let broken = Audit::Broken { what: "row 7: incident inc-x of shop".to_owned() };
    let none = digest(&night.rows, &[], &window(), &registry(), broken).part_of(&whole);
    let left = none.left_out.unwrap();
    assert_eq!((left.incidents, left.open), (whole.verdict.incidents, whole.verdict.open));
    assert_eq!(left.needs as usize, whole.needs_you.len() - 1, "the kill switch is for everybody");
    assert_eq!(none.quality.audit, Audit::Broken { what: "row 7".to_owned() });
    assert!(none.verdict.line.starts_with("For your namespaces alone: "), "{}", none.verdict.line);
    let said = left.sentence();
    assert!(said.contains("26 incidents, 20 open") && !said.contains("inc-"), "{said}");
    assert!(!said.contains("before first sight"), "{said}");
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
