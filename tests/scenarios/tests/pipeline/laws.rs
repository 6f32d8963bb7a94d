//! Laws: whatever is killed, stopped or torn, and wherever, the one approved write happens once.

use nightshift_scenarios::timeline::Timeline;
use nightshift_scenarios::{Act, Machine, Outcome, Plan, Torn, When, play, play_with};
use proptest::prelude::*;
use std::fmt::Write as _;

/// The main scenario with short times.
const MAIN: &str = r#"
about: A rollout brings a crash loop; approved, executed, verified.
policy:
  healthy_after: 15s
  soak: { low: 30s, medium: 30s, high: 30s }
  soak_crash_loop: 30s
  settle: 5m
  measure_every: 30s
steps:
  - deploy: { name: web, image: "web:1", replicas: 1 }
  - start: all
  - advance: 1m
  - program: { image: "web:2", does: { exits: { after: 2, code: 1 } } }
  - set-image: { deployment: web, image: "web:2" }
  - wait-for: { phase: Proposed, within: 10m }
  - vote: { person: alice, decision: approve }
  - wait-for: { phase: Closed, within: 1h }
  - resume: {}
  - advance: 1m
expect: { phases: [Closed], pages: 1, updates: 1, writes: 1 }
"#;

/// The same for a request whose bytes are sealed themselves.
const MEMORY: &str = r#"
about: A container is killed at its memory limit; twice the limit is approved, written, verified.
policy:
  healthy_after: 15s
  soak: { low: 30s, medium: 30s, high: 30s }
  soak_crash_loop: 30s
  settle: 5m
  measure_every: 30s
steps:
  - deploy: { name: web, image: "web:1", replicas: 1, resources: { limits: { memory: 128Mi } } }
  - start: all
  - advance: 1m
  - program: { image: "web:1", does: { needs-memory: { mib: 200, after: 2 } } }
  - wait-for: { phase: Proposed, within: 10m }
  - vote: { person: alice, decision: approve }
  - wait-for: { phase: Closed, within: 1h }
  - resume: {}
  - advance: 1m
expect: { phases: [Closed], pages: 1, updates: 1, writes: 1 }
"#;

fn timeline(text: &str) -> Timeline {
    serde_saphyr::from_str(text).unwrap_or_else(|e| panic!("{e}"))
}

fn one_write(outcome: &Outcome, what: &str) {
    let fine = outcome.wrong.is_empty() && outcome.writes == 1 && outcome.phases == ["Closed"];
    assert!(fine, "{what}: {:?}\n{:?}\n{}", outcome.wrong, outcome.unexpected, outcome.transcript);
}

/// A blow of a kind at every place that matters, each in a run of its own.
fn every_blow(act: Act, both: bool, matters: impl Fn(&str) -> bool) -> usize {
    blows(MAIN, act, both, matters)
}

fn blows(text: &str, act: Act, both: bool, matters: impl Fn(&str) -> bool) -> usize {
    let timeline = timeline(text);
    let places = play(&timeline).places;
    let mut struck = 0;
    for (number, place) in (1_u64..).zip(&places).filter(|(_, place)| matters(place)) {
        let outcome = play_with(&timeline, |machine: &mut Machine| {
            machine.supervise();
            machine.plan(Plan { when: When::Number(number), act, both });
        });
        one_write(&outcome, &format!("{act:?} at place {number}, {place}, both: {both}"));
        struck += 1;
    }
    struck
}

#[test]
fn killed_at_every_place_writes_once() {
    assert!(every_blow(Act::Die, true, |_| true) > 50);
}

#[test]
fn killed_at_every_place_of_a_write_of_sealed_bytes_writes_once() {
    assert!(blows(MEMORY, Act::Die, true, |place| place.starts_with("executor")) > 10);
}

#[test]
fn an_executor_killed_alone_writes_once() {
    assert!(every_blow(Act::Die, false, |place| place.starts_with("executor")) > 10);
}

#[test]
fn an_executor_stopped_and_resumed_behind_a_newer_epoch_writes_once() {
    assert!(every_blow(Act::Stop, false, |place| place.starts_with("executor")) > 10);
}

#[test]
fn every_append_torn_with_and_without_effect_writes_once() {
    let timeline = timeline(MAIN);
    for number in 1..=play(&timeline).appends {
        for effect in [true, false] {
            let outcome = play_with(&timeline, |machine: &mut Machine| machine.tear(Torn { number, effect }));
            one_write(&outcome, &format!("append {number} torn, effect: {effect}"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn blows_and_tears_at_random_write_once(
        mut places in prop::collection::vec((1_u64..120, any::<bool>(), any::<bool>()), 1..4),
        torn in prop::option::of((1_u64..60, any::<bool>())),
    ) {
        places.sort_unstable();
        let outcome = play_with(&timeline(MAIN), |machine: &mut Machine| {
            machine.supervise();
            for (number, stop, both) in &places {
                let act = if *stop { Act::Stop } else { Act::Die };
                machine.plan(Plan { when: When::Number(*number), act, both: *both });
            }
            if let Some((number, effect)) = torn {
                machine.tear(Torn { number, effect });
            }
        });
        one_write(&outcome, &format!("{places:?} {torn:?}"));
    }
}

/// Both roles fall one after the other at one instant, and both are started again.
#[test]
fn two_blows_at_one_place_write_once() {
    for number in 40..70 {
        let outcome = play_with(&timeline(MAIN), |machine: &mut Machine| {
            machine.supervise();
            for _ in 0..2 {
                machine.plan(Plan { when: When::Number(number), act: Act::Die, both: false });
            }
        });
        one_write(&outcome, &format!("twice at {number}"));
    }
}

#[test]
fn the_same_seed_tells_the_same_story() {
    for seed in 0..3 {
        let text = format!("{MAIN}\nseed: {seed}\n");
        let (one, two) = (play(&timeline(&text)), play(&timeline(&text)));
        assert_eq!(one.transcript, two.transcript);
        one_write(&one, "without a blow");
    }
}

#[test]
fn a_hundred_healthy_rolling_updates_open_nothing() {
    let mut text = String::from(
        "about: A hundred healthy rolling updates.\nexpect: { phases: [], pages: 0, updates: 0, writes: 0 }\nsteps:\n  \
         - deploy: { name: web, image: \"web:0\", probe: true }\n  - start: all\n",
    );
    for n in 1..=100 {
        let _ = writeln!(text, "  - set-image: {{ deployment: web, image: \"web:{n}\" }}\n  - advance: 90s");
    }
    let outcome = play(&timeline(&text));
    assert!(outcome.wrong.is_empty() && outcome.unexpected.is_none(), "{}", outcome.transcript);
}
