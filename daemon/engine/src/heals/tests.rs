use super::*;
use crate::samples::{at, finding, rules, target};
use nightshift_model::apply::Place;
use nightshift_model::incident::Reopening;
use nightshift_model::noise::SelfHeal;
use nightshift_model::{Finding, IncidentId, PersonId, Revision, Severity};

#[allow(clippy::needless_pass_by_value)] // an event is made for the one call
fn heard(before: Option<&Incident>, second: u64, event: IncidentEvent) -> Incident {
    let revision = before.map_or(Revision(1), |i| i.revision.next());
    let place = Place { id: IncidentId::from("inc-1"), revision, at: at(second) };
    Incident::apply(before, &place, &event).unwrap()
}

fn open(severity: Severity, rate: Option<BaseRate>) -> Incident {
    let scope = target();
    let found = Finding { severity, ..finding("2") };
    let cause = Finding::fingerprint(&scope, found.reason);
    let i = heard(None, 0, IncidentEvent::Opened { scope, cause });
    let i = heard(Some(&i), 0, IncidentEvent::FindingsChanged { findings: vec![found] });
    match rate {
        Some(rate) => heard(Some(&i), 0, IncidentEvent::BaseRate { rate }),
        None => i,
    }
}

#[allow(clippy::unnecessary_wraps)] // as it is compared
fn rate_of(cases: u32, alone: u32, within: u64) -> Option<BaseRate> {
    Some(BaseRate { cases, alone, within: Seconds(within) })
}

#[test]
fn the_rate_is_counted_and_nine_of_ten_were_gone_within_its_time() {
    assert_eq!(rate(&[]), None);
    let alone = |seconds: u64| (true, Seconds(seconds));
    assert_eq!(rate(&[(false, Seconds(9))]), rate_of(1, 0, 0));
    let ten: Vec<_> = (1..=10).map(|n| alone(n * 10)).collect();
    assert_eq!(rate(&ten), rate_of(10, 10, 90), "the slowest of ten is left out");
    assert_eq!(rate(&ten[..5]), rate_of(5, 5, 50), "of few none is");
    let mixed = [&ten[..7], &[(false, Seconds(9000)); 3]].concat();
    assert_eq!(rate(&mixed), rate_of(10, 7, 70));
}

#[test]
fn it_waits_only_for_what_mostly_heals_soon_and_does_not_hurt() {
    let well = rate_of(5, 4, 240);
    for (severity, rate, second, expected, why) in [
        (Severity::Warning, well, 10, Some(240), "as long as that mostly took"),
        (Severity::Warning, well, 240, None, "the time is over"),
        (Severity::Critical, well, 10, None, "nothing serves"),
        (Severity::Warning, None, 10, None, "no case is known"),
        (Severity::Warning, rate_of(4, 4, 240), 10, None, "too few cases"),
        (Severity::Warning, rate_of(10, 6, 240), 10, None, "too seldom"),
        (Severity::Warning, rate_of(10, 7, 240), 10, Some(240), "just often enough"),
        (Severity::Warning, rate_of(10, 10, 601), 10, None, "too slow to wait for"),
        (Severity::Info, rate_of(10, 10, 600), 10, Some(600), "the longest wait"),
    ] {
        assert_eq!(waits(&open(severity, rate), &rules(), at(second)), expected.map(at), "{why}");
    }
    let never = SelfHeal { wait: Seconds(0), ..SelfHeal::default() };
    let mut rules = rules();
    rules.noise.self_heal = never;
    assert_eq!(waits(&open(Severity::Warning, rate_of(9, 9, 0)), &rules, at(0)), None);
}

#[test]
fn a_person_who_asks_does_not_wait() {
    let i = open(Severity::Warning, rate_of(5, 5, 240));
    let over =
        heard(Some(&i), 5, IncidentEvent::Escalated { why: nightshift_model::Escalation::SupersededTwice });
    let asked = Reopening::Asked { person: PersonId::from("alice") };
    let asked = heard(Some(&over), 9, IncidentEvent::Reopened { why: asked });
    assert_eq!(waits(&asked, &rules(), at(10)), None);
}

#[test]
fn what_comes_back_has_its_time_anew() {
    let i = open(Severity::Warning, rate_of(5, 5, 240));
    let gone = heard(Some(&i), 20, IncidentEvent::FindingsChanged { findings: Vec::new() });
    let over = heard(Some(&gone), 20, IncidentEvent::Closed { why: Closure::Healed });
    let back = heard(Some(&over), 500, IncidentEvent::Reopened { why: Reopening::Relapse });
    let found = IncidentEvent::FindingsChanged { findings: vec![finding("2")] };
    let back = heard(Some(&back), 500, found);
    assert_eq!(waits(&back, &rules(), at(501)), Some(at(740)));
}

#[test]
fn a_case_is_what_ends_by_itself_or_by_somebodys_doing() {
    let i = open(Severity::Warning, None);
    let case = |before: &Incident, why: Closure| {
        let event = IncidentEvent::Closed { why };
        let after = heard(Some(before), 90, event.clone());
        ended(&[HistoryEvent::Incident(event)], &after).map(|case| (case.alone, case.took))
    };
    assert_eq!(case(&i, Closure::Healed), Some((true, Seconds(90))));
    let ended_by = Closure::ByPerson { person: PersonId::from("alice"), note: String::new() };
    assert_eq!(case(&i, ended_by), Some((false, Seconds(90))));
    assert_eq!(case(&i, Closure::Deleted), None, "it went with its object");
    assert_eq!(case(&i, Closure::Resolved), None);
    let had = heard(Some(&i), 10, IncidentEvent::Acknowledged { person: PersonId::from("alice") });
    assert_eq!(case(&had, Closure::Healed), Some((false, Seconds(90))), "somebody had it");
    let closed = heard(Some(&i), 90, IncidentEvent::Closed { why: Closure::Healed });
    let beside =
        HistoryEvent::Incident(IncidentEvent::AlertsChanged { alerts: nightshift_model::Alerts::default() });
    assert_eq!(ended(&[beside], &closed), None, "it was over before");
}
