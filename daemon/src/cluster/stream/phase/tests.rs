use super::*;

fn follow() -> Machine {
    Machine { phase: Phase::Follow { version: "7".into() }, ..Machine::new(1) }
}

fn status(code: u16) -> End {
    End::Status { code, retry_after: None, message: String::new() }
}

fn step(machine: &mut Machine, end: End) -> (Duration, Report) {
    let (wait, report) = machine.after(end, false, &Timing::default());
    (wait.0, report)
}

#[test]
fn a_server_without_streaming_lists_is_read_in_pages_until_restart() {
    for end in [status(400), status(422), End::NeverSynced] {
        let mut machine = Machine::new(1);
        assert_eq!(step(&mut machine, end), (Duration::ZERO, Report::Syncing));
        assert_eq!(machine.phase, Phase::Pages);
        step(&mut machine, End::Listed { version: "9".into() });
        assert_eq!(machine.phase, Phase::Follow { version: "9".into() });
        step(&mut machine, status(410));
        assert_eq!(machine.phase, Phase::Pages, "not asked again");
    }
}

#[test]
fn a_version_that_is_too_old_means_a_new_list_at_once_and_then_with_patience() {
    let mut machine = follow();
    assert_eq!(step(&mut machine, status(410)), (Duration::ZERO, Report::Syncing));
    assert_eq!(machine.phase, Phase::Stream);
    assert!(step(&mut machine, status(410)).0 >= Duration::from_secs(1));
}

#[test]
fn silence_of_a_server_that_sends_no_bookmarks_means_a_new_list_and_no_gap() {
    let mut machine = follow();
    assert_eq!(step(&mut machine, End::Silent), (Duration::ZERO, Report::Keep));
    assert_eq!(machine.phase, Phase::Stream);
    assert!(machine.trusts());
}

#[test]
fn silence_reconnects_and_twice_means_a_new_list() {
    let follow = || Machine { bookmarked: true, ..follow() };
    let mut machine = follow();
    assert!(matches!(step(&mut machine, End::Silent), (Duration::ZERO, Report::Down(_))));
    assert_eq!(machine.phase, Phase::Follow { version: "7".into() });
    step(&mut machine, End::Silent);
    assert_eq!(machine.phase, Phase::Stream);
    let mut machine = follow();
    step(&mut machine, End::Silent);
    machine.heard();
    step(&mut machine, End::Silent);
    assert_eq!(machine.phase, Phase::Follow { version: "7".into() });
}

#[test]
fn refusals_wait_and_never_spin() {
    let mut machine = follow();
    let (wait, report) = step(&mut machine, status(403));
    assert!(wait >= Duration::from_mins(5) && report == Report::Forbidden);
    assert_eq!(machine.phase, Phase::Stream);

    let mut machine = follow();
    let told = End::Status { code: 429, retry_after: Some(Duration::from_secs(8)), message: String::new() };
    let (wait, _) = step(&mut machine, told);
    assert!((8.0..=10.0).contains(&wait.as_secs_f64()), "{wait:?}");

    for end in [End::Broken("refused".into()), status(500), status(503), status(401), status(404)] {
        let mut machine = follow();
        let mut last = Duration::ZERO;
        for _ in 0..10 {
            last = step(&mut machine, end.clone()).0;
            assert!(last >= Duration::from_secs(1) && last <= Duration::from_secs(30), "{last:?}");
        }
        assert_eq!(last, Duration::from_secs(30));
        assert!(matches!(machine.phase, Phase::Follow { .. }), "what was seen is kept");
    }
}

#[test]
fn a_good_end_resumes_at_once_and_a_stale_list_is_read_again() {
    let mut machine = follow();
    assert_eq!(step(&mut machine, End::Closed), (Duration::ZERO, Report::Keep));
    assert!(step(&mut machine, End::Closed).0 >= Duration::from_secs(1), "closed twice without a line");
    machine.heard();
    assert_eq!(machine.after(End::Closed, true, &Timing::default()).1, Report::Syncing);
    assert_eq!(machine.phase, Phase::Stream);
}

#[test]
fn a_version_from_the_future_ends_in_a_new_list() {
    let mut machine = follow();
    for _ in 0..3 {
        step(&mut machine, status(504));
    }
    assert_eq!(machine.phase, Phase::Stream);
}

#[test]
fn lives_are_spread() {
    let mut machine = Machine::new(42);
    let lives: std::collections::BTreeSet<u64> = (0..50).map(|_| machine.life(&Timing::default())).collect();
    assert!(lives.len() > 20 && lives.iter().all(|life| (1620..=1980).contains(life)), "{lives:?}");
}
