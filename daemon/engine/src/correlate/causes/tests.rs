//! One cause with many symptoms is one incident; two causes are two.
#![allow(clippy::cloned_ref_to_slice_refs)] // tables of small cases

use super::*;
use crate::correlate::{Correlated, correlate, correlate_host};
use crate::samples::{at, finding};
use nightshift_model::apply::Place as At;
use nightshift_model::{Cause, Closure, Ids, IncidentEvent, Reason, Revision};

fn object(kind: Kind, name: &str) -> ObjectRef {
    let namespace = if kind == Kind::Node { "" } else { "shop" };
    ObjectRef::new(kind, namespace, name, &format!("uid-{name}"))
}

fn deployment(name: &str) -> ObjectRef {
    object(Kind::Deployment, name)
}

/// As a detector blames it: by name.
fn config_map() -> ObjectRef {
    ObjectRef::new(Kind::Other("ConfigMap".to_owned()), "shop", "settings", "")
}

fn found(reason: Reason, blames: Option<ObjectRef>) -> Finding {
    Finding { reason, blames, template_hash: String::new(), container: String::new(), ..finding("") }
}

fn missing() -> Finding {
    Finding {
        cause: Cause::MissingConfigMap,
        ..found(Reason::CreateContainerConfigError, Some(config_map()))
    }
}

/// What the stage does, in its smallest form: looks, and looks again, until nobody asks for more.
struct Stage {
    causes: Causes,
    ids: Ids,
    incidents: Vec<Incident>,
    said: std::collections::BTreeMap<ObjectRef, Vec<Finding>>,
    due: std::collections::BTreeMap<ObjectRef, Timestamp>,
    /// Events so far, of all incidents.
    events: usize,
}

impl Stage {
    fn new() -> Self {
        let (causes, ids) = (Causes::default(), Ids::new(7));
        let (incidents, said, due) = Default::default();
        Self { causes, ids, incidents, said, due, events: 0 }
    }

    fn named(&self, scope: &ObjectRef) -> Vec<Incident> {
        self.incidents.iter().filter(|i| i.scope.same_name(scope)).cloned().collect()
    }

    fn record(&mut self, changes: Vec<Correlated>, second: u64) {
        for change in changes {
            let mut incident = self.incidents.iter().find(|i| i.id == change.id).cloned();
            for event in &change.events {
                self.events += 1;
                let revision = incident.as_ref().map_or(Revision(1), |i| i.revision.next());
                let place = At { id: change.id.clone(), revision, at: at(second) };
                incident = Some(Incident::apply(incident.as_ref(), &place, event).unwrap());
            }
            let mut incident = incident.unwrap();
            // The driver closes what is gone.
            if incident.findings.is_empty() && !matches!(incident.phase, Phase::Closed { .. }) {
                let place =
                    At { id: incident.id.clone(), revision: incident.revision.next(), at: at(second) };
                let healed = IncidentEvent::Closed { why: Closure::Healed };
                incident = Incident::apply(Some(&incident), &place, &healed).unwrap();
            }
            self.incidents.retain(|i| i.id != incident.id);
            self.incidents.push(incident);
        }
    }

    /// These scopes show this from now on.
    fn turn(&mut self, second: u64, changed: &[(ObjectRef, Vec<Finding>)]) {
        let mut touched: BTreeSet<ObjectRef> = changed.iter().map(|(scope, _)| scope.clone()).collect();
        self.said.extend(changed.iter().cloned());
        touched.extend(self.due.iter().filter(|(_, due)| **due <= at(second)).map(|(s, _)| s.clone()));
        for round in 0.. {
            assert!(round < 4, "it does not come to rest: {touched:?}");
            for scope in std::mem::take(&mut touched) {
                self.due.remove(&scope);
                let findings = self.said.get(&scope).cloned().unwrap_or_default();
                touched.extend(self.causes.see(&scope, &findings, at(second)));
                let asked = self.causes.asks(&scope);
                let open: Vec<Open> =
                    asked.iter().flat_map(|o| self.named(o)).filter_map(|i| Open::of(&i)).collect();
                let (place, again) = self.causes.place(&scope, &open, at(second));
                touched.extend(again);
                let own = match place {
                    Place::Waits(until) => {
                        self.due.insert(scope, until);
                        continue;
                    }
                    Place::Own => findings,
                    Place::Below(_) => Vec::new(),
                };
                if !self.causes.is_host(&scope) {
                    let known = self.named(&scope);
                    let changes = correlate(&known, &scope, &own, &[], at(second), &mut self.ids);
                    self.record(changes, second);
                }
            }
            if touched.is_empty() {
                break;
            }
        }
        for host in self.causes.hosts() {
            let known = self.named(&host);
            let (own, below) = self.causes.of(&host);
            let changes = correlate_host(&known, &host, (&own, &below), at(second), &mut self.ids);
            self.record(changes, second);
        }
    }

    /// Scope and number of scopes below of every open incident.
    fn open(&self) -> Vec<(String, u32)> {
        let open = self.incidents.iter().filter(|i| !matches!(i.phase, Phase::Closed { .. }));
        let mut open: Vec<(String, u32)> = open.map(|i| (i.scope.name.clone(), i.below.total)).collect();
        open.sort();
        open
    }
}

fn is(names: &[(&str, u32)]) -> Vec<(String, u32)> {
    names.iter().map(|(name, below)| ((*name).to_owned(), *below)).collect()
}

#[test]
fn one_config_map_that_breaks_five_deployments_is_one_incident() {
    let mut stage = Stage::new();
    for (second, name) in [(0, "a"), (1, "b"), (3, "c"), (6, "d"), (9, "e")] {
        stage.turn(second, &[(deployment(name), vec![missing()])]);
        assert!(stage.open().is_empty(), "nothing is told before it is known what it is");
    }
    stage.turn(10, &[]);
    assert_eq!(stage.open(), is(&[("settings", 5)]));
    let incident = &stage.incidents[0];
    let symptom = incident.symptom.as_ref().unwrap();
    assert_eq!((symptom.reason, symptom.affected), (Reason::CreateContainerConfigError, 5));
    assert_eq!(incident.below.shown.iter().map(|l| l.scope.name.as_str()).collect::<String>(), "abcde");
    // What follows at the same scopes goes with it, and a late one joins.
    let stuck = found(Reason::ProgressDeadlineExceeded, None);
    let events = stage.events;
    stage.turn(600, &[(deployment("a"), vec![missing(), stuck])]);
    assert_eq!((stage.open(), stage.events), (is(&[("settings", 5)]), events));
    stage.turn(700, &[(deployment("f"), vec![missing()])]);
    assert_eq!(stage.open(), is(&[("settings", 6)]));
    // They go one by one; the last still stands in the same incident, and ends it.
    for name in ["a", "b", "c", "d", "e"] {
        stage.turn(800, &[(deployment(name), Vec::new())]);
    }
    assert_eq!(stage.open(), is(&[("settings", 1)]));
    stage.turn(801, &[(deployment("f"), Vec::new())]);
    assert!(stage.open().is_empty());
    assert_eq!(stage.incidents.len(), 1);
}

#[test]
fn the_first_alone_has_its_own_incident_and_later_ones_are_below_it() {
    let mut stage = Stage::new();
    stage.turn(0, &[(deployment("a"), vec![missing()])]);
    stage.turn(10, &[]);
    assert_eq!(stage.open(), is(&[("a", 0)]));
    stage.turn(60, &[(deployment("b"), vec![missing()])]);
    stage.turn(61, &[(deployment("c"), vec![missing()])]);
    assert_eq!(stage.open(), is(&[("a", 2)]));
    // The first is repaired: what stays is told.
    stage.turn(100, &[(deployment("a"), Vec::new())]);
    stage.turn(101, &[(deployment("b"), vec![missing()]), (deployment("c"), vec![missing()])]);
    assert_eq!(
        stage.open().iter().map(|(_, below)| below + 1).sum::<u32>(),
        2 + u32::from(stage.open().len() == 1),
        "{:?}",
        stage.open()
    );
}

#[test]
fn a_dead_node_takes_in_what_only_its_pods_show_and_lets_the_last_go() {
    let node = object(Kind::Node, "n1");
    let dead = vec![found(Reason::NodeNotReady, None)];
    let unready = || vec![found(Reason::ReplicasUnavailable, Some(ObjectRef::new(Kind::Node, "", "n1", "")))];
    let mut stage = Stage::new();
    let many: Vec<_> = (0..30).map(|n| (deployment(&format!("d{n:02}")), unready())).collect();
    stage.turn(0, &many);
    assert!(stage.open().is_empty());
    // The node's own finding ends the wait.
    stage.turn(20, &[(node.clone(), dead)]);
    assert_eq!(stage.open(), is(&[("n1", 30)]));
    assert_eq!(stage.incidents[0].symptom.as_ref().unwrap().reason, Reason::NodeNotReady);
    assert!(stage.events <= 3, "{} events for one fault", stage.events);
    // It is back, and one workload does not come back with it.
    let well: Vec<_> = (1..30).map(|n| (deployment(&format!("d{n:02}")), Vec::new())).collect();
    stage.turn(100, &well);
    let alone = vec![found(Reason::ReplicasUnavailable, None)];
    stage.turn(101, &[(node, Vec::new()), (deployment("d00"), alone)]);
    assert!(stage.open().is_empty(), "until a moment ago the node was why");
    stage.turn(161, &[]);
    assert_eq!(stage.open(), is(&[("d00", 0)]));
    assert_eq!(stage.incidents.len(), 2);
}

/// The refused controllers sleep on after the quota is free: what is left of the fault is told on its own.
#[test]
fn when_the_cause_is_gone_and_one_symptom_stays_that_one_opens() {
    let quota = object(Kind::ResourceQuota, "compute");
    let refused = vec![found(Reason::FailedCreate, Some(quota.clone()))];
    let mut stage = Stage::new();
    stage.turn(0, &[(quota.clone(), vec![found(Reason::QuotaExhausted, None)])]);
    stage.turn(1, &[(deployment("a"), refused)]);
    assert_eq!(stage.open(), is(&[("compute", 1)]), "at once: the quota has a finding of its own");
    stage.turn(50, &[(quota, Vec::new())]);
    assert!(stage.open().is_empty());
    stage.turn(109, &[]);
    assert!(stage.open().is_empty(), "it has a minute of its own");
    stage.turn(110, &[]);
    assert_eq!(stage.open(), is(&[("a", 0)]));
}

/// A quota is deleted, and for a moment its workload blames nobody.
#[test]
fn what_is_well_soon_after_its_explanation_went_opens_nothing() {
    let quota = object(Kind::ResourceQuota, "compute");
    let refused = |blames| vec![found(Reason::FailedCreate, blames)];
    let mut stage = Stage::new();
    stage.turn(0, &[(quota.clone(), vec![found(Reason::QuotaExhausted, None)])]);
    stage.turn(
        1,
        &[(deployment("a"), refused(Some(quota.clone()))), (deployment("b"), refused(Some(quota.clone())))],
    );
    assert_eq!(stage.open(), is(&[("compute", 2)]));
    stage
        .turn(50, &[(quota, Vec::new()), (deployment("a"), refused(None)), (deployment("b"), refused(None))]);
    assert!(stage.open().is_empty(), "nobody is told of what it left behind yet");
    stage.turn(80, &[(deployment("a"), Vec::new())]);
    // One that does not blame another from the first is told at once.
    stage.turn(81, &[(deployment("c"), refused(None))]);
    assert_eq!(stage.open(), is(&[("c", 0)]));
    stage.turn(110, &[]);
    assert_eq!(stage.open(), is(&[("b", 0), ("c", 0)]));
}

#[test]
fn a_service_is_below_the_workload_that_it_selects() {
    let service = object(Kind::Service, "web");
    let ingress = object(Kind::Ingress, "site");
    let empty = vec![found(Reason::NoEndpoints, Some(deployment("a")))];
    let behind = vec![found(Reason::BackendMissing, Some(service.clone()))];
    let mut stage = Stage::new();
    stage.turn(0, &[(service.clone(), empty.clone()), (ingress.clone(), behind.clone())]);
    assert!(stage.open().is_empty());
    stage.turn(30, &[(deployment("a"), vec![found(Reason::CrashLoopBackOff, None)])]);
    assert_eq!(stage.open(), is(&[("a", 2)]), "whatever leads there");
    // A workload that shows nothing of its own: the Service is told.
    let mut stage = Stage::new();
    stage.turn(0, &[(service, empty), (ingress, behind)]);
    stage.turn(60, &[]);
    assert_eq!(stage.open(), is(&[("web", 1)]));
}

#[test]
fn two_independent_faults_stay_two_and_a_scope_with_an_incident_keeps_it() {
    let mut stage = Stage::new();
    let crash = vec![found(Reason::CrashLoopBackOff, None)];
    stage.turn(
        0,
        &[(deployment("a"), crash.clone()), (deployment("b"), vec![found(Reason::ImagePullBackOff, None)])],
    );
    assert_eq!(stage.open(), is(&[("a", 0), ("b", 0)]));
    let other = ObjectRef { name: "other".to_owned(), ..config_map() };
    let another = Finding { blames: Some(other), ..missing() };
    stage.turn(1, &[(deployment("c"), vec![missing()]), (deployment("d"), vec![another])]);
    stage.turn(11, &[]);
    assert_eq!(stage.open(), is(&[("a", 0), ("b", 0), ("c", 0), ("d", 0)]), "two objects are two causes");
    // What is added to an incident stays there, whatever it blames.
    let both = vec![missing(), crash[0].clone()];
    stage.turn(12, &[(deployment("a"), both)]);
    assert_eq!(stage.open(), is(&[("a", 0), ("b", 0), ("c", 0), ("d", 0)]));
}

/// Whoever blames itself, or each other, blames nobody: nothing is lost and nothing spins.
#[test]
fn blame_that_goes_in_a_circle_is_told_once() {
    let mut stage = Stage::new();
    let blames = |name: &str| vec![found(Reason::NoEndpoints, Some(deployment(name)))];
    stage.turn(0, &[(deployment("a"), blames("a"))]);
    assert_eq!(stage.open(), is(&[("a", 0)]));
    stage.turn(1, &[(deployment("b"), blames("c")), (deployment("c"), blames("b"))]);
    stage.turn(100, &[]);
    let told: u32 = stage.open().iter().map(|(_, below)| below + 1).sum();
    assert_eq!(told, 3, "{:?}", stage.open());
}

#[test]
fn a_storm_is_one_incident_with_a_list_that_ends() {
    let mut stage = Stage::new();
    let many: Vec<_> = (0..500).map(|n| (deployment(&format!("d{n:03}")), vec![missing()])).collect();
    stage.turn(0, &many);
    stage.turn(10, &[]);
    assert_eq!(stage.open(), is(&[("settings", 500)]));
    assert_eq!(stage.incidents[0].below.shown.len(), nightshift_model::below::SHOWN);
    assert_eq!(stage.incidents[0].below.more(), 400);
}

/// A new process knows the incidents and looks at every scope anew: it writes nothing.
#[test]
fn a_restart_changes_nothing() {
    let mut stage = Stage::new();
    let all: Vec<_> = ["a", "b", "c"].map(|name| (deployment(name), vec![missing()])).into();
    stage.turn(0, &all);
    stage.turn(10, &[]);
    let events = stage.events;
    stage.causes = Causes::default();
    stage.causes.again(&config_map());
    stage.turn(20, &all);
    stage.turn(40, &[]);
    assert_eq!((stage.open(), stage.events), (is(&[("settings", 3)]), events));
    // What vanished meanwhile is gone.
    stage.causes = Causes::default();
    stage.causes.again(&config_map());
    stage.said.clear();
    stage.turn(50, &[]);
    assert!(stage.open().is_empty());
}
