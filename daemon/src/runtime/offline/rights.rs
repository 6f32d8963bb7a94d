//! What each role must be allowed to do, in RBAC's words.

use crate::cluster::WatchKind;
pub use crate::cluster::review::{Right, Verdict, excess};
use nightshift_engine::actions::ACTIONS;

/// A right and the API server's word on it.
pub type Asked = (Right, Verdict);

/// What the diagnosis reads besides what is watched: (verb, group, resource).
const READS: &[(&str, &str, &str)] = &[
    ("get", "apps", "deployments"),
    ("get", "", "pods/log"),
    ("list", "autoscaling", "horizontalpodautoscalers"),
    ("list", "policy", "poddisruptionbudgets"),
];

/// Read once in the whole cluster.
const CLUSTER_READS: &[(&str, &str, &str)] = &[("get", "", "namespaces"), ("get", "", "nodes")];

/// What the responder needs in some namespaces; none means all.
pub fn responder(namespaces: &[String]) -> Vec<Right> {
    let mut rights = Vec::new();
    for kind in WatchKind::ALL {
        let group = match kind {
            WatchKind::Deployments | WatchKind::ReplicaSets => "apps",
            WatchKind::Nodes | WatchKind::Pods | WatchKind::Warnings => "",
        };
        for verb in ["list", "watch"] {
            let right = Right::new(verb, group, kind.name());
            if kind == WatchKind::Nodes {
                rights.push(right);
            } else {
                within(&mut rights, &right, namespaces);
            }
        }
    }
    for (verb, group, resource) in READS {
        within(&mut rights, &Right::new(verb, group, resource), namespaces);
    }
    rights.extend(CLUSTER_READS.iter().map(|(verb, group, resource)| Right::new(verb, group, resource)));
    rights
}

/// What the executor needs for every action in each namespace, and beside it.
pub fn executor(namespaces: &[String]) -> Vec<Right> {
    let mut rights: Vec<Right> = vec![Right::new("get", "", "namespaces"), Right::new("list", "", "nodes")];
    for namespace in namespaces {
        for right in ACTIONS.iter().flat_map(|action| action.rights) {
            for verb in right.verbs {
                let right = Right::new(verb, right.group, right.resource).within(namespace);
                if !rights.contains(&right) {
                    rights.push(right);
                }
            }
        }
    }
    rights
}

fn within(rights: &mut Vec<Right>, right: &Right, namespaces: &[String]) {
    if namespaces.is_empty() {
        rights.push(right.clone());
    }
    rights.extend(namespaces.iter().map(|namespace| right.clone().within(namespace)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_asked_for_as_a_whole_and_pods_by_namespace() {
        let told: Vec<String> = responder(&["shop".to_owned()]).iter().map(ToString::to_string).collect();
        assert!(told.contains(&"watch nodes".to_owned()), "{told:?}");
        assert!(told.contains(&"list pods in shop".to_owned()), "{told:?}");
        assert!(told.contains(&"watch deployments.apps in shop".to_owned()), "{told:?}");
        assert!(!told.iter().any(|right| right.contains("secret")), "{told:?}");
    }

    #[test]
    fn the_executor_needs_what_its_actions_need_and_writes_nothing_everywhere() {
        let rights = executor(&["shop".to_owned(), "bank".to_owned()]);
        let everywhere = rights.iter().filter(|right| right.namespace.is_empty());
        assert!(everywhere.clone().all(|right| ["get", "list"].contains(&right.verb.as_str())));
        assert!(everywhere.clone().any(|right| right.to_string() == "list nodes"));
        assert!(rights.iter().any(|right| right.to_string() == "patch deployments.apps in bank"));
    }
}
