use super::*;
use Severity::{Critical, Warning};

fn at(second: u64) -> Timestamp {
    Timestamp::from_second(1_800_000_000) + Seconds(second)
}

/// Asks for one message each; what is single counts.
fn play(asked: &[(u64, &str, Severity, &str)]) -> Vec<Turn> {
    let budget = Budget::of(Manner::Page);
    let (mut sent, mut waiting, mut turns) = (Vec::new(), 0, Vec::new());
    for (second, owner, severity, incident) in asked {
        let turn = turn(&budget, &sent, waiting, (owner, *severity, incident), at(*second));
        match turn {
            Turn::Single => sent.push(Counted {
                at: at(*second),
                what: What::Single {
                    owner: (*owner).to_owned(),
                    severity: *severity,
                    incident: (*incident).to_owned(),
                },
            }),
            Turn::Listed => waiting += 1,
        }
        turns.push(turn);
    }
    turns
}

#[test]
fn three_go_out_by_themselves_two_of_one_owner_and_one_place_is_kept_for_what_is_critical() {
    use Turn::{Listed, Single};
    let turns = play(&[
        (0, "shop", Warning, "a"),
        (1, "shop", Warning, "b"),
        (2, "bank", Warning, "c"),
        (3, "bank", Warning, "d"),
        (4, "bank", Critical, "e"),
        (5, "shop", Critical, "f"),
    ]);
    assert_eq!(turns, [Single, Single, Single, Listed, Single, Listed]);
    // A noisy owner leaves the last place to another; while somebody waits, nobody passes but what is critical.
    let turns = play(&[
        (0, "shop", Warning, "a"),
        (1, "shop", Warning, "b"),
        (2, "shop", Warning, "c"),
        (3, "bank", Warning, "d"),
        (4, "bank", Critical, "e"),
    ]);
    assert_eq!(turns, [Single, Single, Listed, Listed, Single]);
    // An hour later the places are free again.
    assert_eq!(
        play(&[(0, "a", Warning, "a"), (1, "a", Warning, "b"), (3600, "a", Warning, "c")]),
        [Single; 3]
    );
}

#[test]
fn what_follows_about_an_incident_stays_in_its_thread_within_reason() {
    let mut asked: Vec<(u64, &str, Severity, &str)> = (0..4).map(|s| (s, "shop", Warning, "a")).collect();
    asked.extend([(5, "shop", Warning, "b"), (6, "bank", Warning, "c"), (7, "shop", Warning, "a")]);
    let turns = play(&asked);
    assert_eq!(turns[..6], [Turn::Single; 6], "four about one incident take one place");
    assert_eq!(turns[6], Turn::Listed, "a fifth in the hour is another message like all others");
}

#[test]
fn ten_thousand_incidents_are_at_most_five_pages() {
    for (severity, expected) in [(Warning, 3 + 1), (Critical, 4 + 1)] {
        let budget = Budget::of(Manner::Page);
        let (mut sent, mut waiting, mut since, mut singles, mut lists) = (Vec::new(), 0, None, 0, 0);
        for number in 0..10_000_u64 {
            let (owner, incident) = (format!("team-{}", number % 40), format!("inc-{number}"));
            let now = at(number / 4); // they come over 42 minutes, as fast as they can be explained
            let what = What::Single { owner: owner.clone(), severity, incident: incident.clone() };
            match turn(&budget, &sent, waiting, (&owner, severity, &incident), now) {
                Turn::Single => {
                    singles += 1;
                    sent.push(Counted { at: now, what });
                }
                Turn::Listed => {
                    waiting += 1;
                    since.get_or_insert(now);
                }
            }
            if let Some(first) = since
                && now >= list_at(&budget, &sent, (waiting, first), now)
            {
                sent.push(Counted { at: now, what: What::List { count: u32::try_from(waiting).unwrap() } });
                (waiting, since, lists) = (0, None, lists + 1);
            }
        }
        assert_eq!(singles + lists, expected, "{severity}: {singles} and {lists}");
        assert!(waiting > 9_000, "the rest waits for the next list: {waiting}");
    }
    assert!(Budget::of(Manner::Page).most() <= 6);
}

#[test]
fn lists_wait_for_others_then_for_their_hour() {
    let budget = Budget::of(Manner::Page);
    let list = |second: u64, count: u32| Counted { at: at(second), what: What::List { count } };
    let due = |sent: &[Counted], waiting: usize| list_at(&budget, sent, (waiting, at(100)), at(110));
    assert_eq!(due(&[], 1), at(160), "a minute is waited for others");
    assert_eq!(due(&[list(0, 2)], 3), at(1200), "two short lists an hour, apart");
    assert_eq!(due(&[list(0, 2), list(90, 2)], 3), at(3600));
    assert_eq!(due(&[list(0, 2)], 21), at(3600), "a storm's list is the only one");
    assert_eq!(due(&[list(0, 21)], 3), at(3600));
}

#[test]
fn a_list_is_fair_by_owner_and_begins_with_what_is_critical() {
    let waiting = vec![
        ("shop", Warning, 1),
        ("shop", Warning, 2),
        ("shop", Critical, 3),
        ("bank", Warning, 4),
        ("shop", Critical, 5),
        ("bank", Critical, 6),
    ];
    let order: Vec<i32> = fair(waiting, |one| (one.0, one.1)).into_iter().map(|one| one.2).collect();
    assert_eq!(order, [3, 6, 5, 1, 4, 2]);
}
