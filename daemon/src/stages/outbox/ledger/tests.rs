use super::*;
use nightshift_engine::route::Because;
use nightshift_model::ThreadState;

fn at(second: u64) -> Timestamp {
    Timestamp::from_second(1_800_000_000) + Seconds(second)
}

fn choice(to: &[(&str, Manner)]) -> Choice {
    let to = to.iter().map(|(channel, manner)| ((*channel).to_owned(), *manner)).collect();
    Choice { to, because: Because::Critical }
}

/// Asks, and lets the ledger hear what would be written down.
fn ask(ledger: &mut Ledger, number: u64, second: u64, choice: &Choice) -> (Vec<Told>, SystemEvent) {
    let (message, incident) = (format!("inc-{number}:1"), IncidentId(format!("inc-{number}")));
    let severity = Severity::Warning;
    let asked = Asked { message: &message, incident: &incident, owner: "shop", severity };
    let to = ledger.route(&asked, choice, at(second)).unwrap_err();
    let why = choice.because.to_string();
    let event =
        SystemEvent::Routed { message, incident, owner: "shop".to_owned(), severity, to: to.clone(), why };
    ledger.hear(at(second), &event);
    (to, event)
}

#[test]
fn a_message_goes_where_it_was_written_down_whatever_holds_later() {
    let mut ledger = Ledger::default();
    let (told, _) = ask(&mut ledger, 1, 0, &choice(&[("pager", Manner::Page), ("chat", Manner::Post)]));
    let incident = IncidentId::from("inc-1");
    let asked = Asked { message: "inc-1:1", incident: &incident, owner: "x", severity: Severity::Info };
    assert_eq!(ledger.route(&asked, &choice(&[]), at(9999)), Ok(told));
    assert_eq!(ledger.told(&incident).unwrap(), ["chat", "pager"]);
    assert_eq!(ledger.told(&IncidentId::from("inc-2")), None, "of whom nothing is known");
}

#[test]
fn what_is_over_the_hour_waits_for_one_list_and_a_restart_forgets_nothing() {
    let mut ledger = Ledger::default();
    let pages = choice(&[("pager", Manner::Page)]);
    let mut events = Vec::new();
    for number in 0..6 {
        let first = ledger.opens_list("pager", Manner::Page);
        let (told, event) = ask(&mut ledger, number, number, &pages);
        let turn = if number < 2 { Turn::Single } else { Turn::Listed };
        assert_eq!(told[0].turn, turn, "{number}: two of one owner, then together");
        assert_eq!(first, number <= 2, "{number}: the first that waits brings the list");
        events.push((number, event));
    }
    assert!(ledger.told(&IncidentId::from("inc-5")).unwrap().is_empty(), "it was not told by itself");
    let mut again = Ledger::default();
    for (second, event) in &events {
        again.hear(at(*second), event);
    }
    for ledger in [&mut ledger, &mut again] {
        assert_eq!(ledger.list("l", "pager", Manner::Page, at(30)), List::At(at(62)), "a minute is waited");
        let List::Now(held, Some(event)) = ledger.list("l", "pager", Manner::Page, at(62)) else { panic!() };
        assert_eq!(held.len(), 4);
        ledger.hear(at(62), &event);
        assert_eq!(
            ledger.list("l", "pager", Manner::Page, at(70)),
            List::Now(held, None),
            "the same on a retry"
        );
        assert_eq!(ledger.list("m", "pager", Manner::Page, at(70)), List::Empty);
        ledger.list_done("l");
        assert_eq!(ledger.list("l", "pager", Manner::Page, at(70)), List::Empty);
    }
}

#[test]
fn what_could_not_be_written_down_waits_for_no_list() {
    let mut ledger = Ledger::default();
    let pages = choice(&[("pager", Manner::Page)]);
    (0..3).for_each(|number| drop(ask(&mut ledger, number, number, &pages)));
    assert!(!ledger.opens_list("pager", Manner::Page));
    ledger.take_back("inc-2:1");
    assert!(ledger.opens_list("pager", Manner::Page));
}

#[test]
fn threads_are_kept_an_incident_and_channel() {
    let mut ledger = Ledger::default();
    let thread = Thread { address: "a".to_owned(), key: "k".to_owned(), state: ThreadState::Open };
    let (channel, incident) = ("pager".to_owned(), IncidentId::from("inc-1"));
    let event = SystemEvent::ThreadChanged { channel, incident: incident.clone(), thread: thread.clone() };
    ledger.hear(at(0), &event);
    assert_eq!(ledger.thread(&incident, "pager"), Some(thread));
    assert_eq!(ledger.thread(&incident, "other"), None);
}

#[test]
fn memory_is_bounded() {
    let mut ledger = Ledger::default();
    let nobody = choice(&[]);
    for number in 0..INCIDENTS as u64 + 10 {
        ask(&mut ledger, number, number, &nobody);
    }
    assert!(ledger.incidents.len() <= INCIDENTS && ledger.routed.len() <= INCIDENTS);
    assert!(ledger.told(&IncidentId(format!("inc-{}", INCIDENTS + 9))).is_some(), "the newest is known");
    assert!(ledger.told(&IncidentId::from("inc-0")).is_none());
}
