use super::*;
use crate::facts::{Fact, Spec, Termination};
use crate::tests::make::{
    at, backs_off, deployment, end, ends, pod, ready, replica_set, runs, scope, unready, waits,
};
use crate::view::Delta;
use crate::view::View;

fn look(pods: &[PodFacts], second: i64) -> Looked {
    let mut view = View::default();
    let owners: [Fact; 3] =
        [deployment("cart", 2, 1).into(), replica_set("cart", 1, 1).into(), replica_set("cart", 2, 1).into()];
    for fact in owners.into_iter().chain(pods.iter().cloned().map(Fact::from)) {
        view.apply(Delta::Applied(fact), at(0));
    }
    CrashLoopBackOff.look(&Look::new(&view, &scope("cart"), at(second), &Params::default()))
}

/// A pod that exits `exits` times after `length` seconds each, by the kubelet's back-off; the second of the last exit.
fn crashing(exits: u32, length: i64) -> (PodFacts, i64) {
    let mut p = pod("cart", 2, 0, 0);
    let mut second = 0;
    for n in 0..exits {
        if n > 1 {
            backs_off(&mut p);
            second += i64::try_from(Params::default().backoff(n - 1).0).unwrap();
        }
        runs(&mut p, second);
        ends(&mut p, 1, second, second + length);
        second += length;
    }
    (p, second)
}

#[test]
fn three_restarts_are_a_finding_at_once_and_two_wait() {
    for (exits, finding, recheck) in
        [(1, false, false), (2, false, false), (3, false, true), (4, true, false)]
    {
        let (mut p, exit) = crashing(exits, 1);
        assert_eq!(p.containers[0].restarts, exits - 1);
        for shown in 0..2 {
            let seen = look(std::slice::from_ref(&p), exit);
            assert_eq!(seen.finding.is_some(), finding, "{exits} exits, shown {shown}");
            assert_eq!(seen.recheck_at, recheck.then(|| at(exit + 30)), "{exits} exits, shown {shown}");
            backs_off(&mut p);
        }
    }
    let (p, exit) = crashing(4, 1);
    assert_eq!(exit, 10 + 20 + 4);
    let finding = look(&[p], exit).finding.unwrap();
    assert_eq!((finding.severity, finding.affected, finding.since), (Severity::Critical, 1, at(0)));
    assert_eq!(finding.exit.unwrap().class, ExitClass::Application);
}

#[test]
fn after_two_restarts_it_has_thirty_seconds_to_be_ready() {
    let (mut p, exit) = crashing(3, 25);
    backs_off(&mut p);
    assert!(look(&[p.clone()], exit + 29).finding.is_none());
    assert!(look(&[p.clone()], exit + 30).finding.is_some(), "still down");
    runs(&mut p, exit + 20);
    assert_eq!(look(&[p.clone()], exit + 29).recheck_at, Some(at(exit + 30)));
    assert!(look(&[p.clone()], exit + 30).finding.is_some(), "up, and not Ready");
    let mut good = p.clone();
    ready(&mut good, exit + 29);
    assert_eq!(look(&[good], exit + 40), Looked::default());
    let mut late = p;
    ready(&mut late, exit + 50);
    let seen = look(&[late], exit + 60);
    assert!(seen.finding.is_some(), "it was a finding already");
    assert_eq!(seen.recheck_at, Some(at(exit + 650)));
}

#[test]
fn a_slow_start_that_outlives_its_crashes_is_none() {
    let (mut p, exit) = crashing(3, 2);
    runs(&mut p, exit + 20);
    for later in [0, 29, 30, 31, 500] {
        assert!(look(&[p.clone()], exit + later).finding.is_none(), "{later}");
    }
}

#[test]
fn running_clears_nothing_and_ten_minutes_ready_do() {
    let (mut p, exit) = crashing(5, 1);
    runs(&mut p, exit + 80);
    assert!(look(&[p.clone()], exit + 5000).finding.is_some(), "never Ready since");
    ready(&mut p, exit + 90);
    let seen = look(&[p.clone()], exit + 689);
    assert!(seen.finding.is_some());
    assert_eq!(seen.recheck_at, Some(at(exit + 690)));
    assert_eq!(look(&[p.clone()], exit + 690), Looked::default());
    let mut failing = p.clone();
    failing.containers[0].ready = false;
    unready(&mut failing, exit + 200);
    assert!(look(&[failing.clone()], exit + 900).finding.is_some(), "Ready for two minutes only");
    unready(&mut failing, exit + 1200);
    assert!(look(&[failing], exit + 1300).finding.is_none(), "another fault, long after");
    ends(&mut p, 1, exit + 80, exit + 400);
    assert!(look(&[p.clone()], exit + 400).finding.is_some(), "again");
}

#[test]
fn an_exit_after_a_long_ready_run_is_a_first_one() {
    let mut p = pod("cart", 2, 0, 0);
    p.containers[0].restarts = 7;
    ready(&mut p, 10);
    ends(&mut p, 139, 5, 9000);
    assert_eq!(look(&[p.clone()], 9000), Looked::default());
    runs(&mut p, 9001);
    assert_eq!(look(&[p.clone()], 9005), Looked::default());
    ends(&mut p, 139, 9001, 9006);
    assert!(look(&[p.clone()], 9006).finding.is_some(), "and the next one is not");
    let mut never = pod("cart", 2, 0, 0);
    never.containers[0].restarts = 7;
    ends(&mut never, 1, 5, 9000);
    assert!(look(&[never], 9000).finding.is_some(), "a long run that was never Ready forgets nothing");
}

#[test]
fn a_lost_exit_is_not_the_programs() {
    let mut p = pod("cart", 2, 0, 0);
    p.containers[0].restarts = 5;
    p.containers[0].last = Some(Box::new(Termination { reason: "Unknown".into(), ..end(255, 5, 30) }));
    runs(&mut p, 40);
    assert_eq!(look(&[p.clone()], 60), Looked::default());
    p.containers[0].last = None;
    waits(&mut p, "CrashLoopBackOff");
    let finding = look(&[p], 60).finding.unwrap();
    assert_eq!((finding.exit, finding.since), (None, at(0)), "the kubelet says that it loops");
}

#[test]
fn the_newest_revision_is_shown_first_and_others_serving_make_it_a_warning() {
    let (p, exit) = crashing(4, 1);
    let older = |i: u32| PodFacts { meta: pod("cart", 1, i, 0).meta, ..p.clone() };
    let named = |i: u32| PodFacts { meta: pod("cart", 2, i, 0).meta, ..p.clone() };
    let finding = look(&[older(0), named(2), named(1)], exit).finding.unwrap();
    assert_eq!((finding.object.name.as_str(), finding.template_hash.as_str()), ("cart-2-1", "hash2"));
    assert_eq!((finding.affected, finding.severity), (3, Severity::Critical));
    let mut good = pod("cart", 1, 9, 0);
    runs(&mut good, 1);
    ready(&mut good, 2);
    assert_eq!(look(&[p, good], exit).finding.unwrap().severity, Severity::Warning);
}

#[test]
fn the_restart_policy_decides_whether_a_restart_is_due() {
    let table = [
        (Role::Main, RestartPolicy::Always, 0, true),
        (Role::Main, RestartPolicy::OnFailure, 0, false),
        (Role::Main, RestartPolicy::OnFailure, 1, true),
        (Role::Main, RestartPolicy::Never, 1, false),
        (Role::Sidecar, RestartPolicy::Never, 0, true),
        (Role::Init, RestartPolicy::Always, 0, false),
        (Role::Init, RestartPolicy::Always, 1, true),
        (Role::Init, RestartPolicy::Never, 1, false),
    ];
    for (role, policy, code, due) in table {
        let c = Container {
            spec: Spec { role, ..Spec::default() }.into(),
            state: State::Terminated(Box::new(end(code, 0, 1))),
            ..Container::default()
        };
        assert_eq!(is_restart_due(&c, policy), due, "{role:?} {policy:?} {code}");
    }
}
