//! Sentences about one Deployment, and what is left out of them.

use super::*;
use crate::plan::testing::{Known as Case, incident, known, pod, revision};
use crate::samples::at;
use nightshift_model::ObjectRef;
use nightshift_model::evidence::{ChangeLine, FieldWriter, GitOpsOwner};
use nightshift_model::incident::Began;

fn line(second: u64, sort: ChangeSort, kind: &str, name: &str, what: &str) -> ChangeLine {
    let namespace = if kind == "Node" { "" } else { "shop" };
    let object = ObjectRef::new(Kind::parse(kind), namespace, name, "");
    ChangeLine { at: at(second), sort, object, what: what.to_owned(), by: None }
}

fn told(known: &Case) -> Vec<String> {
    before(&incident(known), WINDOW).into_iter().map(|b| b.sentence).collect()
}

#[test]
fn a_rollout_says_what_differs_when_and_by_whom() {
    assert_eq!(
        told(&known()),
        [
            "Revision 2 (app cart:1 -> cart:2) was rolled out 40s before",
            "Revision 1 was rolled out 17m20s before",
        ]
    );
    let mut by = known();
    by.workload.written_by = Some(FieldWriter { manager: "kubectl-set".to_owned(), at: Some(at(1001)) });
    by.workload.gitops =
        Some(GitOpsOwner::ArgoCd { application: "shop".to_owned(), namespace: String::new() });
    by.workload.change_cause = Some("release 2".to_owned());
    assert_eq!(
        told(&by)[0],
        "Revision 2 (app cart:1 -> cart:2) was rolled out 40s before, by kubectl-set (Argo CD Application shop; change \
         cause: release 2)"
    );
    // The same image: what else differs, from the earlier template to the newest.
    let mut same = known();
    same.revisions = vec![revision(2, 1000), revision(1, 0)];
    same.revisions[0].images = same.revisions[1].images.clone();
    same.changes[0].path = "/spec/template/spec/containers/app/resources/limits/memory".to_owned();
    assert_eq!(
        told(&same)[0],
        "Revision 2 (spec/containers/app/resources/limits/memory 1 -> 2) was rolled out 40s before"
    );
    // A template that is kept came back: no revision was made then.
    let mut back = known();
    back.workload.written_by =
        Some(FieldWriter { manager: "kubectl-rollout".to_owned(), at: Some(at(1030)) });
    back.revisions[0].created = Some(at(100));
    assert_eq!(told(&back)[0], "Deployment shop/cart was written 10s before, by kubectl-rollout");
}

#[test]
fn only_what_concerns_the_workload_and_came_before_is_told() {
    let mut all = known();
    all.pods = vec![pod("cart-h2-x", "h2", false)];
    all.changes_around = vec![
        ChangeLine {
            by: Some("kubectl-edit (Argo CD Application shop)".to_owned()),
            ..line(800, ChangeSort::Config, "ConfigMap", "app-config", "was changed")
        },
        line(810, ChangeSort::Bound, "ResourceQuota", "team", "was created"),
        line(820, ChangeSort::Scaled, "HorizontalPodAutoscaler", "another", "scaled (New size: 5)"),
        line(830, ChangeSort::Node, "Node", "node-1", "said NodeNotReady"),
        line(840, ChangeSort::Node, "Node", "node-9", "said NodeNotReady"),
        line(850, ChangeSort::Node, "Node", "node-9", "joined the cluster"),
        line(
            860,
            ChangeSort::Crashed,
            "Pod",
            "cart-h1-x",
            "had a container that failed again and again (4 times)",
        ),
        line(
            870,
            ChangeSort::Crashed,
            "Pod",
            "cart-api-h1-x",
            "had a container that failed again and again (4 times)",
        ),
        line(880, ChangeSort::Incident, "Service", "db", "has an incident of its own, NoEndpoints"),
        line(890, ChangeSort::Incident, "Node", "node-9", "has an incident of its own, NodeNotReady"),
        line(1041, ChangeSort::Config, "ConfigMap", "later", "was changed"),
    ];
    assert_eq!(
        told(&all),
        [
            "Revision 2 (app cart:1 -> cart:2) was rolled out 40s before",
            "Service db has an incident of its own, NoEndpoints, since 2m40s before",
            "Pod cart-h1-x had a container that failed again and again (4 times) 3m before",
            "Node node-9 joined the cluster 3m10s before",
            "Node node-1 said NodeNotReady 3m30s before",
            "ResourceQuota team was created 3m50s before",
            "ConfigMap app-config was changed 4m before, by kubectl-edit (Argo CD Application shop)",
            "Revision 1 was rolled out 17m20s before",
        ]
    );
    // Crashes of what is broken are the fault itself.
    let began = Some(Began { at: at(1000), template_hash: "h1".to_owned() });
    let own = Case { began, ..all };
    assert!(!told(&own).iter().any(|sentence| sentence.contains("cart-h1-x")));
    let all = own;
    // Counted from the beginning of the trouble, and no further back than the window.
    let began = Case { began: Some(Began { at: at(805), template_hash: "h2".to_owned() }), ..all };
    let short = before(&incident(&began), Seconds(60));
    assert_eq!(short.len(), 1);
    assert_eq!(short[0].at, at(800));
}

#[test]
fn without_a_workload_nothing_is_told() {
    let mut nothing = incident(&known());
    nothing.evidence.clear();
    assert_eq!(before(&nothing, WINDOW), []);
}
