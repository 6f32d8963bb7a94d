//! `testdata/<playbook>/<case>.yaml` is a situation and a target; `<case>.txt` says which playbook is selected, why the
//! others are not, and how its action would be verified. A case named `negative*` must not select the playbook.

use crate::yaml_files;
use expect_test::expect_file;
use nightshift_model::measure::{Check, ClusterCondition};
use nightshift_model::{ActionKind, Digest, Kind, ObjectRef, Policy, Risk, Seconds, VerificationSpec};
use nightshift_playbooks::schema::Plan;
use nightshift_playbooks::{Catalog, Situation, questions, select, verification};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    situation: Situation,
    target: ObjectRef,
    #[serde(default = "medium")]
    risk: Risk,
    #[serde(default)]
    longest_gap: Seconds,
    #[serde(default = "yes")]
    prometheus: bool,
    #[serde(default)]
    policy: Policy,
}

fn medium() -> Risk {
    Risk::Medium
}

fn yes() -> bool {
    true
}

#[test]
fn every_case_selects_and_verifies_as_written() {
    let catalog = Catalog::embedded();
    for playbook in catalog.iter().map(|playbook| playbook.name.as_str()) {
        for path in yaml_files(&format!("testdata/{playbook}")) {
            let name = path.file_stem().unwrap().to_str().unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            let case: Case = serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
            let (selected, said) = run(&catalog, &case);
            expect_file![path.with_extension("txt")].assert_eq(&said);
            assert_eq!(selected != playbook, name.starts_with("negative"), "{playbook}/{name}: {selected}");
        }
    }
}

fn run<'a>(catalog: &'a Catalog, case: &Case) -> (&'a str, String) {
    let selected = select(catalog, &case.situation);
    let playbook = selected.playbook;
    let mut lines = vec![format!("selected {}", playbook.name)];
    lines.extend(selected.passed_over.iter().map(|(name, why)| format!("not {name}: {why}")));
    lines.push(match &playbook.plan {
        Plan::Action(action) => format!("plan {action}"),
        Plan::Escalate(say) => format!("escalate: {say}"),
    });
    match questions(playbook, &case.target) {
        Ok(asked) => lines.extend(asked.iter().map(|q| format!("ask {}: {}", q.name, q.promql))),
        Err(error) => lines.push(format!("no questions: {error}")),
    }
    let spec = verification(
        playbook,
        &case.policy,
        case.risk,
        &case.target,
        &written(&playbook.plan),
        case.prometheus,
        case.longest_gap,
    );
    match spec {
        Ok(spec) => lines.extend(told(&spec)),
        Err(error) => lines.push(format!("no verification: {error}")),
    }
    (&playbook.name, lines.join("\n") + "\n")
}

/// What an action's write leaves, as a plan would say it.
fn written(plan: &Plan) -> ClusterCondition {
    match plan {
        Plan::Action(ActionKind::RaiseMemoryLimit) => {
            ClusterCondition::MemoryLimitIs { container: "app".to_owned(), limit: "256Mi".to_owned() }
        }
        Plan::Action(ActionKind::DeletePod) => {
            ClusterCondition::PodReplaced { pod: ObjectRef::new(Kind::Pod, "shop", "cart-1", "uid-pod") }
        }
        Plan::Action(ActionKind::ReRunJob) => {
            let job = ObjectRef::new(Kind::Job, "shop", "import-rerun-0a1b2c3d", "");
            ClusterCondition::JobComplete { job, of: "uid-job".to_owned() }
        }
        Plan::Action(ActionKind::Restart) => {
            let at = nightshift_model::Timestamp::from_second(1_772_330_400);
            ClusterCondition::RestartIs { at, template: Digest([7; 32]) }
        }
        Plan::Action(
            ActionKind::RollbackDaemonSet | ActionKind::RollbackDeployment | ActionKind::RollbackStatefulSet,
        )
        | Plan::Escalate(_) => ClusterCondition::TemplateIs { template: Digest([7; 32]) },
    }
}

fn told(spec: &VerificationSpec) -> Vec<String> {
    let VerificationSpec { soak, every, samples, deadline, max_age, measures, cluster_only } = spec;
    let mut lines =
        vec![format!("soak {soak}, every {every}, {samples} samples, deadline {deadline}, age {max_age}")];
    lines.extend(cluster_only.iter().map(|why| format!("cluster only: {why}")));
    for measure in measures {
        let red = if measure.red_first { " (red first)" } else { "" };
        lines.push(format!("measure {}{red}", measure.name));
        match &measure.check {
            Check::Query { promql, holds, threshold, fresh } => {
                lines.push(format!("  {promql} {} {threshold}", holds.sign()));
                lines.push(format!("  fresh {fresh}"));
            }
            Check::Cluster { condition, target } => {
                let said = match condition {
                    ClusterCondition::RolledOut => "rolled out".to_owned(),
                    ClusterCondition::NoRestarts => "no restarts".to_owned(),
                    ClusterCondition::TemplateIs { template } => format!("template is {}", template.short()),
                    ClusterCondition::MemoryLimitIs { container, limit } => {
                        format!("memory limit of {container} is {limit}")
                    }
                    ClusterCondition::PodReplaced { pod } => format!("{pod} is gone"),
                    ClusterCondition::JobComplete { job, of } => format!("{job} of {of} is complete"),
                    ClusterCondition::RestartIs { at, template } => {
                        format!("restarted at {at}, template {}", template.short())
                    }
                };
                lines.push(format!("  cluster: {said}, {target}"));
            }
        }
    }
    lines
}
