//! Rules across the fields of one playbook: what a schema cannot say.

use crate::bind::already_matched;
use crate::promql;
use crate::schema::{Condition, Measure, Parameter, Plan, Playbook, Verify, WantedCause, When};
use crate::shape::Fault;
use crate::tree::{Places, under};
use nightshift_model::{ActionKind, Kind};
use std::collections::{BTreeMap, BTreeSet};

impl When {
    /// Whether nothing is asked, so that everything fits.
    pub fn fits_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// Conditions that the action's own write brings about for a while: alone they prove nothing. A fresh pod's restart
/// counter is flat during its first back-off, and the template is what was written.
pub(crate) fn own_write_satisfies(action: ActionKind) -> &'static [Condition] {
    match action {
        ActionKind::RollbackDaemonSet | ActionKind::RollbackDeployment | ActionKind::RollbackStatefulSet => {
            &[Condition::NoRestarts, Condition::TemplateIs]
        }
        ActionKind::RaiseMemoryLimit => &[Condition::NoRestarts, Condition::LimitIs],
        ActionKind::DeletePod => &[Condition::NoRestarts, Condition::PodReplaced],
        ActionKind::Restart => &[Condition::NoRestarts, Condition::RestartIs],
        // A Job that was made has not ended yet.
        ActionKind::ReRunJob => &[],
    }
}

/// The kinds of workload that an action is for.
pub(crate) fn writes(action: ActionKind) -> &'static [Kind] {
    match action {
        ActionKind::RollbackDaemonSet => &[Kind::DaemonSet],
        ActionKind::RollbackDeployment => &[Kind::Deployment],
        ActionKind::RollbackStatefulSet => &[Kind::StatefulSet],
        ActionKind::RaiseMemoryLimit | ActionKind::DeletePod | ActionKind::Restart => {
            &[Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet]
        }
        ActionKind::ReRunJob => &[Kind::Job],
    }
}

/// Whether a condition says anything about what an action leaves.
fn fits(action: ActionKind, condition: Condition) -> bool {
    match condition {
        Condition::RolledOut | Condition::NoRestarts => action != ActionKind::ReRunJob,
        Condition::JobComplete => action == ActionKind::ReRunJob,
        Condition::TemplateIs | Condition::LimitIs | Condition::PodReplaced | Condition::RestartIs => {
            own_write_satisfies(action).contains(&condition)
        }
    }
}

/// Whether a measure can prove an action: the action's own write does not satisfy it.
pub(crate) fn proves(action: ActionKind, measure: &Measure) -> bool {
    match measure {
        Measure::Query(_) => true,
        Measure::Cluster(m) => !own_write_satisfies(action).contains(&m.cluster),
    }
}

/// Whether a measure speaks about the target.
fn of_target(measure: &Measure) -> bool {
    match measure {
        Measure::Query(m) => !m.bind.is_empty(),
        Measure::Cluster(_) => true,
    }
}

/// Every rule that the playbook breaks.
pub(crate) fn faults(playbook: &Playbook, file: &str, places: &Places) -> Vec<Fault> {
    let mut rules = Rules { places, found: Vec::new() };
    rules.name(playbook, file);
    for (at, question) in playbook.investigate.iter().enumerate() {
        rules.bind(&question.query, &question.bind, &format!("investigate[{at}]"));
    }
    rules.unique(playbook.investigate.iter().map(|q| q.name.as_str()), "investigate");
    match (&playbook.plan, &playbook.verify) {
        (Plan::Action(action), Some(verify)) => {
            rules.when(*action, &playbook.when);
            rules.verify(*action, verify);
        }
        (Plan::Action(action), None) => {
            rules.when(*action, &playbook.when);
            rules.fault("plan.action", "an action without `verify`", "say how it is proven, red first");
        }
        (Plan::Escalate(_), Some(_)) => {
            rules.fault(
                "verify",
                "nothing is done, so nothing is to prove",
                "remove `verify`, or plan an action",
            );
        }
        (Plan::Escalate(_), None) => {}
    }
    rules.found
}

struct Rules<'a> {
    places: &'a Places,
    found: Vec<Fault>,
}

impl Rules<'_> {
    fn fault(&mut self, path: &str, what: impl Into<String>, next: impl Into<String>) {
        let place = self.places.get(path);
        self.found.push(Fault { place, path: path.to_owned(), what: what.into(), next: next.into() });
    }

    fn name(&mut self, playbook: &Playbook, file: &str) {
        let base = file.rsplit('/').next().unwrap_or(file);
        let stem = base.strip_suffix(".yaml");
        if stem != Some(playbook.name.as_str()) {
            let what = format!("`{}` is not the name of the file {base}", playbook.name);
            self.fault("name", what, format!("name the file {}.yaml", playbook.name));
        }
    }

    fn when(&mut self, action: ActionKind, when: &When) {
        let kinds = writes(action);
        // One pod of several is broken only where a controller keeps several, which are these kinds.
        let any = when.kind.is_none() && when.cause == WantedCause::OnePod && action == ActionKind::DeletePod;
        if !any && !when.kind.as_ref().is_some_and(|kind| kinds.contains(kind)) {
            let kinds = kinds.iter().map(Kind::as_str).collect::<Vec<_>>().join(" or a ");
            let what = format!("{action} writes a {kinds}, and `when` does not ask for one");
            self.fault(
                "when.kind",
                what,
                format!("write `kind: {}`", kinds.replace(" or a ", "` or `kind: ")),
            );
        }
        // That a rollout brought it is reason enough: whatever it is, the earlier template did not have it.
        // And of one pod among healthy ones, that the others are as they should be.
        if when.reason.is_none() && !matches!(when.cause, WantedCause::Rollout | WantedCause::OnePod) {
            self.fault("when.reason", "an action for every reason", "name the reason that it mends");
        }
    }

    fn verify(&mut self, action: ActionKind, verify: &Verify) {
        const ALL: &str = "verify.measures";
        self.unique(verify.measures.iter().map(Measure::name), ALL);
        for (at, measure) in verify.measures.iter().enumerate() {
            let path = format!("{ALL}[{at}]");
            if let Measure::Query(m) = measure {
                self.bind(&m.query, &m.bind, &path);
            }
            if let Measure::Cluster(m) = measure
                && !fits(action, m.cluster)
            {
                let what = format!("{} says nothing about what {action} leaves", m.cluster.as_str());
                self.fault(&under(&path, "cluster"), what, "take the measure out");
            }
            if measure.red_first() && !of_target(measure) {
                let what = "it must fail before the action, but does not speak about the target";
                self.fault(
                    &under(&path, "red_first"),
                    what,
                    "bind a label to the target, or leave `red_first` out",
                );
            }
        }
        if !verify.measures.iter().any(|m| proves(action, m)) {
            let what = format!("{action} satisfies every one of these by its own write");
            self.fault(ALL, what, "add a measure of what users get, such as replicas available");
        } else if !verify.measures.iter().any(|m| m.red_first() && proves(action, m)) {
            let what = "no measure that must fail before the action";
            self.fault(
                ALL,
                what,
                "mark with `red_first: true` one that shows the fault and that the write alone does not turn",
            );
        }
    }

    fn bind(&mut self, query: &str, bind: &BTreeMap<String, Parameter>, path: &str) {
        let Ok(mut expr) = promql::read(query) else { return };
        let selectors = promql::selectors(&mut expr);
        for label in bind.keys() {
            let path = under(&under(path, "bind"), label);
            if !promql::is_label(label) {
                self.fault(
                    &path,
                    format!("`{label}` is not a label"),
                    "write a label of the metric, as in namespace",
                );
            } else if selectors.iter().any(|s| already_matched(s, label)) {
                let what = format!("the query matches the label `{label}` already");
                self.fault(&path, what, "take it out of the query, or out of `bind`");
            }
        }
    }

    fn unique<'n>(&mut self, names: impl Iterator<Item = &'n str>, path: &str) {
        let mut seen = BTreeSet::new();
        for (at, name) in names.enumerate() {
            if !seen.insert(name) {
                let what = format!("a second `{name}`");
                self.fault(&format!("{path}[{at}]"), what, "give each its own name");
            }
        }
    }
}
