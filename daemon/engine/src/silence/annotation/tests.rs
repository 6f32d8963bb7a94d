use super::*;
use crate::samples::{at, target};
use nightshift_model::{Role, SilenceId};
use serde_json::json;

const NIGHTSHIFT: Actor = Actor::Nightshift(Role::Responder);

fn annotated(value: &Value) -> Value {
    json!({"metadata": {"name": "cart", "annotations": {ANNOTATION: value}}})
}

fn kinds(events: &[SystemEvent]) -> Vec<&'static str> {
    events.iter().map(SystemEvent::kind).collect()
}

/// Folds what was recorded.
fn after(mut known: System, events: &[SystemEvent], now: u64) -> System {
    for event in events {
        known.fold(at(now), event);
    }
    known
}

#[test]
fn a_time_is_read_and_everything_else_is_said() {
    let now = at(0);
    let until = (now + nightshift_model::Seconds(3600)).to_string();
    assert_eq!(said(&annotated(&json!(until)), now), Said::Until(at(3600)));
    assert_eq!(said(&annotated(&json!(format!(" {until}\n"))), now), Said::Until(at(3600)));
    let zoned = "2036-03-01T02:00:00+01:00".parse::<Timestamp>().unwrap();
    assert_eq!(
        said(&annotated(&json!("2036-03-01T02:00:00+01:00")), zoned - nightshift_model::Seconds(9)),
        Said::Until(zoned)
    );
    for nothing in
        [json!({}), json!({"metadata": {"annotations": {"other": "x"}}}), annotated(&json!(now.to_string()))]
    {
        assert_eq!(said(&nothing, now), Said::Nothing, "{nothing}");
    }
    let late = (now + LONGEST + nightshift_model::Seconds(1)).to_string();
    for (value, part) in [
        (json!("tomorrow"), "`tomorrow` is not a time"),
        (json!("2h"), "`2h` is not a time"),
        (json!("2026-03-01T02:00:00"), "is not a time"),
        (json!(""), "`` is not a time"),
        (json!(7), "is not a time"),
        (json!("\u{1b}[31mx"), "is not a time"),
        (json!(late), "is more than 30 days away"),
    ] {
        let Said::Unread(why) = said(&annotated(&value), now) else { panic!("{value}") };
        assert!(why.contains(part) && !why.contains('\u{1b}'), "{value}: {why}");
    }
    let long = said(&annotated(&json!("9".repeat(5_000))), now);
    assert!(matches!(long, Said::Unread(why) if why.len() < 200));
}

#[test]
fn a_workload_and_its_namespace_are_asked_and_no_pod() {
    let names = |scope: &ObjectRef| places(scope).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&target()), ["Deployment shop/cart", "Namespace shop"]);
    assert_eq!(
        names(&ObjectRef::new(Kind::StatefulSet, "shop", "db", "")),
        ["StatefulSet shop/db", "Namespace shop"]
    );
    assert_eq!(names(&ObjectRef::new(Kind::Pod, "shop", "bare", "")), ["Namespace shop"]);
    assert_eq!(names(&ObjectRef::new(Kind::Namespace, "", "shop", "")), ["Namespace shop"]);
    assert!(names(&ObjectRef::new(Kind::Node, "", "n1", "")).is_empty());
}

#[test]
fn the_history_follows_the_annotation() {
    let (cart, until) = (target(), Said::Until(at(3600)));
    let none = System::default();
    let added = changes(&cart, &until, &none, &NIGHTSHIFT, at(0));
    assert_eq!(kinds(&added), ["silence-added"]);
    let known = after(none, &added, 0);
    assert_eq!(known.silences[0].source, Source::Annotation);
    assert_eq!(changes(&cart, &until, &known, &NIGHTSHIFT, at(60)), [], "it is known");
    let moved = changes(&cart, &Said::Until(at(7200)), &known, &NIGHTSHIFT, at(60));
    assert_eq!(kinds(&moved), ["silence-ended", "silence-added"]);
    assert_eq!(after(known.clone(), &moved, 60).silences.len(), 1);
    let gone = changes(&cart, &Said::Nothing, &known, &NIGHTSHIFT, at(60));
    assert_eq!(kinds(&gone), ["silence-ended"]);
    assert_eq!(changes(&cart, &Said::Nothing, &known, &NIGHTSHIFT, at(3600)), [], "it was over by itself");
    // Taken away and put back.
    let known = after(known, &gone, 60);
    assert_eq!(kinds(&changes(&cart, &until, &known, &NIGHTSHIFT, at(90))), ["silence-added"]);
    // Of another object nothing is ended.
    let bank = ObjectRef::new(Kind::Deployment, "bank", "cart", "");
    assert_eq!(changes(&bank, &Said::Nothing, &after(known, &added, 91), &NIGHTSHIFT, at(95)), []);
}

#[test]
fn what_a_person_ended_stays_ended_until_the_annotation_says_another_time() {
    let cart = target();
    let added = changes(&cart, &Said::Until(at(3600)), &System::default(), &NIGHTSHIFT, at(0));
    let known = after(System::default(), &added, 0);
    let silence: SilenceId = known.silences[0].id.clone();
    let known = after(known, &[SystemEvent::SilenceEnded { silence, by: Actor::Operator }], 10);
    assert_eq!(changes(&cart, &Said::Until(at(3600)), &known, &NIGHTSHIFT, at(20)), []);
    assert_eq!(
        kinds(&changes(&cart, &Said::Until(at(3601)), &known, &NIGHTSHIFT, at(20))),
        ["silence-added"]
    );
}

#[test]
fn what_is_no_silence_is_told_once_and_silences_nothing() {
    let cart = target();
    let bad = Said::Unread("`2h` is not a time".to_owned());
    let told = changes(&cart, &bad, &System::default(), &NIGHTSHIFT, at(0));
    assert_eq!(kinds(&told), ["silence-unread"]);
    let known = after(System::default(), &told, 0);
    assert!(known.silences.is_empty());
    assert_eq!(changes(&cart, &bad, &known, &NIGHTSHIFT, at(30)), []);
    let mended = changes(&cart, &Said::Until(at(3600)), &known, &NIGHTSHIFT, at(60));
    assert_eq!(kinds(&mended), ["silence-added", "silence-unread"]);
    assert!(after(known, &mended, 60).unread.is_empty());
    // A good one that turns bad is none any more.
    let good = after(
        System::default(),
        &changes(&cart, &Said::Until(at(3600)), &System::default(), &NIGHTSHIFT, at(0)),
        0,
    );
    assert_eq!(kinds(&changes(&cart, &bad, &good, &NIGHTSHIFT, at(60))), ["silence-ended", "silence-unread"]);
}

#[test]
fn there_is_an_end_to_the_list() {
    let mut full = System::default();
    let by = Actor::Operator;
    let of = |n: usize| nightshift_model::Selector::Namespace(format!("n{n}"));
    full.silences =
        (0..MOST).map(|n| Silence::new(of(n), at(0), at(100), "x", by.clone()).unwrap()).collect();
    assert_eq!(
        kinds(&changes(&target(), &Said::Until(at(50)), &full, &NIGHTSHIFT, at(1))),
        ["silence-unread"]
    );
    assert_eq!(
        kinds(&changes(&target(), &Said::Until(at(500)), &full, &NIGHTSHIFT, at(100))),
        ["silence-added"]
    );
}
