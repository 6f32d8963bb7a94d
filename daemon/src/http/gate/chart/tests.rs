use super::*;
use nightshift_model::Seconds;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_second(1_800_000_000) + Seconds(seconds)
}

fn look(seconds: u64, mark: Mark, number: Option<f64>) -> Look {
    Look { at: at(seconds), mark, number }
}

fn series(looks: Vec<Look>) -> Series<'static> {
    Series {
        name: "unavailable",
        looks,
        threshold: Some(0.0),
        write: Some(at(20)),
        between: Between::Unknown,
    }
}

fn drawn(looks: Vec<Look>) -> ChartView {
    draw("c", &series(looks), &TimeZone::UTC).unwrap()
}

#[test]
fn red_becomes_green_with_a_gap_between() {
    use Mark::{Fails, Holds, NoData};
    let chart = drawn(vec![
        look(0, Fails, Some(3.0)),
        look(15, Fails, Some(3.0)),
        look(30, NoData, None),
        look(45, Holds, Some(0.0)),
        look(60, Holds, Some(0.0)),
    ]);
    assert_eq!((chart.fails.len(), chart.holds.len(), chart.lines.len()), (2, 2, 2), "no line over the gap");
    assert_eq!((chart.top.as_str(), chart.bottom.as_str()), ("3", "0"));
    assert_eq!(chart.threshold.as_deref(), Some("68.0"), "on the ground");
    assert_eq!(chart.write.as_deref(), Some("130.7"), "a third of the way");
    for part in
        ["3 (fails) at", "0 (holds) at", "5 looks, 1 without data", "threshold 0", "the write took effect"]
    {
        assert!(chart.told.contains(part), "{part}: {}", chart.told);
    }
}

#[test]
fn what_has_no_number_is_drawn_by_its_mark() {
    let chart = drawn(vec![look(0, Mark::Fails, None), look(10, Mark::Holds, None)]);
    assert_eq!((chart.top.as_str(), chart.bottom.as_str(), chart.threshold), ("holds", "fails", None));
    assert_eq!(chart.holds, [("312.0".to_owned(), "12.0".to_owned())]);
    assert!(chart.write.is_none(), "the write lies outside");
}

#[test]
fn what_stays_until_it_changes_is_drawn_in_steps() {
    let looks = vec![look(0, Mark::Fails, Some(3.0)), look(10, Mark::Holds, Some(0.0))];
    let steps = Series { between: Between::Unchanged, ..series(looks) };
    let chart = draw("c", &steps, &TimeZone::UTC).unwrap();
    assert_eq!(chart.lines, ["40.0,12.0 312.0,12.0 312.0,68.0"]);
}

#[test]
fn too_little_and_bad_numbers_are_no_chart() {
    for looks in [vec![], vec![look(0, Mark::Holds, Some(1.0))]] {
        assert!(draw("c", &series(looks), &TimeZone::UTC).is_none());
    }
    let bad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300, f64::MIN_POSITIVE];
    for number in bad {
        let chart = drawn(vec![look(0, Mark::Fails, Some(number)), look(0, Mark::Holds, Some(1.0))]);
        let all = format!("{:?}", chart.lines) + &chart.fails.concat() + &chart.told;
        assert!(!all.contains("NaN") && !all.contains("inf"), "{number}: {all}");
    }
}

#[test]
fn a_long_night_is_thinned_and_keeps_the_worst() {
    let mut looks: Vec<Look> = (0..10_000).map(|n| look(n, Mark::Holds, Some(0.0))).collect();
    looks[5_000] = look(5_000, Mark::Fails, Some(9.0));
    let chart = drawn(looks);
    assert!(chart.holds.len() + chart.fails.len() <= MARKS);
    assert_eq!((chart.fails.len(), chart.top.as_str()), (1, "9"), "one bad look among ten thousand is seen");
    assert!(chart.told.contains("10000 looks") && chart.told.contains("the worst of"));
}
