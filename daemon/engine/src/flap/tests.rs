use super::*;
use crate::samples::{at, finding, rules, target};
use crate::{advance, next};
use nightshift_model::incident::Reopening;
use nightshift_model::{
    Actor, Epoch, Escalation, Finding, HistoryEvent, IncidentId, Outcome, Seconds, Written,
};

/// What an incident hears, and who is told.
struct Course {
    incident: Option<Incident>,
    rules: Rules,
}

impl Course {
    fn new() -> Self {
        Self { incident: None, rules: rules() }
    }

    fn hear(&mut self, second: u64, events: Vec<IncidentEvent>) -> (Vec<&'static str>, Vec<&'static str>) {
        let id = IncidentId::from("inc-1");
        let (by, now) = (Actor::Operator, at(second));
        let append = advance(self.incident.as_ref(), &id, events, None, by, now, &self.rules).unwrap();
        self.incident = append.snapshot;
        let kinds = append.events.iter().map(HistoryEvent::kind).collect();
        let told = append.outbox.iter().map(|message| match message.body {
            MessageBody::Page { .. } => "page",
            MessageBody::Update { .. } => "update",
            MessageBody::Wake { .. }
            | MessageBody::Progress { .. }
            | MessageBody::List { .. }
            | MessageBody::Instead { .. }
            | MessageBody::PolicyChanged { .. }
            | MessageBody::Digest { .. } => "other",
        });
        (kinds, told.collect())
    }

    /// Comes (back), waits for a person and heals a minute later: what was told at the beginning and at the end.
    fn round(&mut self, second: u64, severity: Severity) -> (Vec<&'static str>, Vec<&'static str>) {
        let scope = target();
        let found = Finding { severity, since: at(second), ..finding("2") };
        let begins = match &self.incident {
            None => IncidentEvent::Opened { cause: Finding::fingerprint(&scope, found.reason), scope },
            Some(_) => IncidentEvent::Reopened { why: Reopening::Relapse },
        };
        let findings = IncidentEvent::FindingsChanged { findings: vec![found] };
        let needs = IncidentEvent::Escalated { why: Escalation::SupersededTwice };
        let (_, first) = self.hear(second, vec![begins, findings, needs]);
        let gone = IncidentEvent::FindingsChanged { findings: Vec::new() };
        let (_, last) = self.hear(second + 60, vec![gone, IncidentEvent::Closed { why: Closure::Healed }]);
        (first, last)
    }

    fn next(&self, second: u64) -> Next {
        next(self.incident.as_ref().unwrap(), &self.rules, Epoch(0), at(second))
    }
}

const HOUR: u64 = 3600;

#[test]
fn the_third_return_is_told_as_flapping_and_then_nobody_is_told() {
    let mut course = Course::new();
    let warning = Severity::Warning;
    for second in [0, 600, 1200] {
        let told = course.round(second, warning);
        assert_eq!(told, (vec!["page"], vec!["update"]), "each of the first at {second}");
        assert!(course.incident.as_ref().unwrap().flap.is_none());
    }
    assert_eq!(
        course.round(1800, warning),
        (vec!["page"], Vec::new()),
        "once more, as one that comes and goes"
    );
    let flap = course.incident.as_ref().unwrap().flap.unwrap();
    assert_eq!((flap.told_at, flap.severity), (at(1800), warning));
    for second in [2400, 3000, 9000] {
        assert_eq!(course.round(second, warning), (Vec::new(), Vec::new()), "at {second}");
    }
    // It holds still for the whole window.
    assert_eq!(course.next(9100), Next::At(at(9000 + 6 * HOUR)));
    let steady = Next::Record(Role::Responder, vec![IncidentEvent::Steady]);
    assert_eq!(course.next(9000 + 6 * HOUR), steady);
    let (kinds, told) = course.hear(9000 + 6 * HOUR, vec![IncidentEvent::Steady]);
    assert_eq!((kinds, told), (vec!["steady"], vec!["update"]));
    assert_eq!(course.next(9001 + 6 * HOUR), Next::Nothing);
    assert_eq!(course.round(10_000 + 6 * HOUR, warning).0, ["page"], "the next one is news again");
}

#[test]
fn what_comes_back_seldom_is_told_each_time() {
    let mut course = Course::new();
    for second in (0..8).map(|n| n * 3 * HOUR) {
        assert_eq!(course.round(second, Severity::Warning).0, ["page"], "at {second}");
    }
    assert!(course.incident.unwrap().flap.is_none());
}

#[test]
fn what_hurts_more_is_told_once_more() {
    let mut course = Course::new();
    for n in 0..5 {
        course.round(n * 600, Severity::Warning);
    }
    assert_eq!(course.round(6000, Severity::Critical).0, ["page"]);
    assert_eq!(course.round(6600, Severity::Critical).0, [""; 0]);
    assert_eq!(course.round(7200, Severity::Warning).0, [""; 0]);
}

#[test]
fn what_was_written_and_not_proven_is_told_whatever_flaps() {
    let mut course = Course::new();
    for n in 0..5 {
        course.round(n * 600, Severity::Warning);
    }
    let mut i = course.incident.clone().unwrap();
    let outcome = Outcome::Failed { why: "w".to_owned(), reverted_by: None };
    i.written = Some(Written::Judged { at: at(3000), outcome: outcome.clone() });
    i.phase = Phase::Escalated { why: Escalation::NotVerified { outcome } };
    let page = || vec![Message { key: "k".to_owned(), body: MessageBody::Page { incident: i.id.clone() } }];
    let (said, event) = judge(&i, page(), &course.rules, at(3100));
    assert_eq!((said.len(), event), (1, None));
    let wake = MessageBody::Wake { role: Role::Executor, incident: i.id.clone() };
    let wake = vec![Message { key: "k".to_owned(), body: wake }];
    i.phase = Phase::Escalated { why: Escalation::SupersededTwice };
    assert_eq!(judge(&i, wake, &course.rules, at(3100)).0.len(), 1, "the other role is no person");
    assert_eq!(judge(&i, page(), &course.rules, at(3100)).0.len(), 0);
}

#[test]
fn the_numbers_are_the_configurations() {
    let mut course = Course::new();
    course.rules.noise.flapping.after = 2;
    course.rules.noise.flapping.within = Seconds(900);
    for (second, told) in [(0, 1), (600, 1), (1200, 1), (1800, 0), (4000, 0)] {
        assert_eq!(course.round(second, Severity::Warning).0.len(), told, "at {second}");
    }
}
