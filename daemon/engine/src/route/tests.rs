use super::*;
use jiff::civil::time;
use jiff::tz::TimeZone;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn about(severity: Severity, namespace: &str, proposal: Waiting) -> Situation {
    Situation { severity, namespace: namespace.to_owned(), proposal, at: at("2026-03-01T02:00:00Z") }
}

fn row() -> Route {
    Route { severity: None, namespaces: vec![], proposal: None, hours: None, page: vec![], post: vec![] }
}

fn table(routes: Vec<Route>) -> Table {
    let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    let default = Default::Careful {
        production: names(&["shop", "bank-*"]),
        pagers: names(&["pager"]),
        posts: names(&["chat", "mail"]),
    };
    Table { routes, default }
}

fn to(choice: &Choice) -> String {
    let one = |(channel, manner): &(String, Manner)| format!("{manner:?} {channel}");
    choice.to.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn without_a_row_only_what_is_critical_or_waits_in_production_pages() {
    use Severity::{Critical, Info, Warning};
    use Waiting::{Nothing, Proposal};
    let table = table(vec![]);
    let cases = [
        (Critical, "dev", Nothing, Because::Critical),
        (Critical, "", Nothing, Because::Critical),
        (Warning, "shop", Proposal, Because::Production),
        (Warning, "bank-eu", Proposal, Because::Production),
        (Info, "shop", Proposal, Because::Production),
        (Warning, "shop", Nothing, Because::Quiet),
        (Warning, "shopping", Proposal, Because::Quiet),
        (Warning, "", Proposal, Because::Quiet),
    ];
    for (severity, namespace, proposal, because) in cases {
        let choice = table.choose(&about(severity, namespace, proposal));
        assert_eq!(choice.because, because, "{severity} {namespace} {proposal:?}");
        let expected = if because == Because::Quiet {
            "Post chat, Post mail"
        } else {
            "Page pager, Post chat, Post mail"
        };
        assert_eq!(to(&choice), expected);
    }
}

#[test]
fn the_first_row_that_matches_counts_and_says_its_number() {
    let night = Hours {
        from: time(22, 0, 0, 0),
        until: time(7, 0, 0, 0),
        zone: TimeZone::get("Europe/Berlin").unwrap(),
    };
    let table = table(vec![
        Route { namespaces: vec!["dev-*".to_owned()], ..row() },
        Route {
            hours: Some(night),
            severity: Some(Severity::Critical),
            page: vec!["pager".to_owned()],
            post: vec!["pager".to_owned(), "chat".to_owned()],
            ..row()
        },
        Route { proposal: Some(Waiting::Proposal), post: vec!["chat".to_owned()], ..row() },
    ]);
    let choice = table.choose(&about(Severity::Critical, "dev-1", Waiting::Proposal));
    assert_eq!((to(&choice), choice.because), (String::new(), Because::Row(1)));
    // 02:00 in UTC is 03:00 in Berlin; a channel that pages is not posted to as well.
    let choice = table.choose(&about(Severity::Critical, "shop", Waiting::Nothing));
    assert_eq!((to(&choice), choice.because), ("Page pager, Post chat".to_owned(), Because::Row(2)));
    let day =
        Situation { at: at("2026-03-01T06:00:00Z"), ..about(Severity::Critical, "shop", Waiting::Proposal) };
    let choice = table.choose(&day);
    assert_eq!(choice.because, Because::Row(3));
    assert_eq!(choice.because.to_string(), "row 3 of notify.routes is the first that matches");
    let misses: Vec<Vec<String>> = table.routes.iter().map(|route| route.misses(&day)).collect();
    assert_eq!(misses[0], ["shop is not among dev-*"]);
    assert_eq!(misses[1], ["07:00 is outside 22:00 to 07:00 Europe/Berlin"]);
    assert!(misses[2].is_empty());
}

#[test]
fn hours_follow_the_zones_clock_over_its_changes() {
    let hours = Hours {
        from: time(2, 0, 0, 0),
        until: time(3, 0, 0, 0),
        zone: TimeZone::get("Europe/Berlin").unwrap(),
    };
    // The night on which 02:00 to 03:00 does not exist, and the one on which it comes twice.
    for (instant, holds) in [
        ("2026-03-29T00:59:59Z", false),
        ("2026-03-29T01:00:00Z", false),
        ("2026-10-25T00:30:00Z", true),
        ("2026-10-25T01:30:00Z", true),
        ("2026-10-25T02:00:00Z", false),
    ] {
        assert_eq!(hours.hold(at(instant)), holds, "{instant}");
    }
}

#[test]
fn rows_that_nothing_reaches_are_found() {
    let night = |zone: &str| Hours {
        from: time(22, 0, 0, 0),
        until: time(7, 0, 0, 0),
        zone: TimeZone::get(zone).unwrap(),
    };
    let late =
        Hours { from: time(23, 0, 0, 0), until: time(1, 0, 0, 0), zone: TimeZone::get("UTC").unwrap() };
    let ns = |names: &[&str]| Route { namespaces: names.iter().map(|n| (*n).to_owned()).collect(), ..row() };
    let cases: Vec<(&str, Route, Route, bool)> = vec![
        ("everything, then anything", row(), ns(&["shop"]), true),
        ("a narrower pattern behind a wider one", ns(&["shop-*"]), ns(&["shop-eu-*", "shop-1"]), true),
        ("one name outside", ns(&["shop-*"]), ns(&["shop-eu", "bank"]), false),
        ("a pattern behind a name", ns(&["shop"]), ns(&["shop*"]), false),
        ("all behind some", ns(&["shop"]), row(), false),
        (
            "more severe behind less",
            Route { severity: Some(Severity::Warning), ..row() },
            Route { severity: Some(Severity::Critical), ..row() },
            true,
        ),
        (
            "less severe behind more",
            Route { severity: Some(Severity::Critical), ..row() },
            Route { severity: Some(Severity::Warning), ..row() },
            false,
        ),
        (
            "with behind without",
            Route { proposal: Some(Waiting::Nothing), ..row() },
            Route { proposal: Some(Waiting::Proposal), ..row() },
            false,
        ),
        (
            "hours within hours",
            Route { hours: Some(night("UTC")), ..row() },
            Route { hours: Some(late.clone()), ..row() },
            true,
        ),
        (
            "hours of another zone",
            Route { hours: Some(night("Europe/Berlin")), ..row() },
            Route { hours: Some(late), ..row() },
            false,
        ),
    ];
    for (what, first, second, covered) in cases {
        let found = table(vec![first, second]).covered();
        let expected = if covered { vec![Covered { row: 2, by: 1 }] } else { vec![] };
        assert_eq!(found, expected, "{what}");
    }
}

#[test]
fn everyone_hears_everything_where_nothing_is_configured() {
    let default = Default::Everyone { channels: vec!["hook".to_owned(), "other".to_owned()] };
    let choice = Table { routes: vec![], default }.choose(&about(Severity::Info, "dev", Waiting::Nothing));
    assert_eq!((to(&choice), choice.because), ("Page hook, Page other".to_owned(), Because::Everyone));
}

#[test]
fn what_a_pager_has_already_is_posted_where_it_can_be() {
    let to = |list: &[(&str, Manner)]| Choice {
        to: list.iter().map(|(name, manner)| ((*name).to_owned(), *manner)).collect(),
        because: Because::Row(1),
    };
    let posts = |name: &str| name != "pager";
    let both = to(&[("pager", Manner::Page), ("hook", Manner::Page), ("chat", Manner::Post)]).posted(posts);
    let named: Vec<(&str, Manner)> = both.to.iter().map(|(name, manner)| (name.as_str(), *manner)).collect();
    assert_eq!((named, both.because), (vec![("hook", Manner::Post), ("chat", Manner::Post)], Because::Paged));
    let alone = to(&[("pager", Manner::Page)]);
    assert_eq!(alone.clone().posted(posts), alone, "somebody must have the link");
    let quiet = to(&[("chat", Manner::Post)]);
    assert_eq!(quiet.clone().posted(posts), quiet);
}
