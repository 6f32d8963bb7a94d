//! What each identity must be allowed to do, and why: the source of docs/permissions.md and docs/rbac, and of every
//! other place that names a right.

mod page;

pub use page::page;

use crate::actions::{ACTIONS, ActionFile, Right};
use crate::vote_object::MANIFEST;
use nightshift_model::{ActionKind, Reason};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Where a right is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// In the namespaces that are watched (responder) or acted in (executor).
    Namespaces,
    /// In the whole cluster: the objects have no namespace, or live in one that is not known beforehand.
    Cluster,
}

/// One right with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// The right.
    pub right: Right,
    /// Where.
    pub reach: Reach,
    /// Whether nightshift does its work without it. What is then not known is told as *not checked*.
    pub optional: bool,
    /// What it is for.
    pub why: &'static str,
    /// The detectors that alone ask for it; with all of them off it is not needed. None: it is needed whatever is off.
    pub only_for: &'static [Reason],
}

impl Need {
    /// Whether it is needed while some detectors are off.
    pub fn is_needed(&self, off: impl Fn(Reason) -> bool) -> bool {
        self.only_for.is_empty() || self.only_for.iter().any(|reason| !off(*reason))
    }
}

const fn need(
    group: &'static str,
    resource: &'static str,
    verbs: &'static [&'static str],
    reach: Reach,
    why: &'static str,
) -> Need {
    Need { right: Right { group, resource, verbs }, reach, optional: false, why, only_for: &[] }
}

const fn optional(need: Need) -> Need {
    Need { optional: true, ..need }
}

/// Optional too, and of no use without one of these detectors.
const fn only_for(reasons: &'static [Reason], need: Need) -> Need {
    Need { only_for: reasons, ..optional(need) }
}

use Reach::{Cluster, Namespaces};

/// The responder: it reads, and that is all.
pub const RESPONDER: &[Need] = &[
    need(
        "",
        "namespaces",
        &["get"],
        Cluster,
        "its uid names the cluster in every approval; whether a namespace asks for silence",
    ),
    optional(need("", "namespaces", &["list", "watch"], Cluster, "namespaces that do not go away")),
    need("", "nodes", &["get", "list", "watch"], Cluster, "conditions of the nodes that pods run on"),
    need("", "pods", &["list", "watch"], Namespaces, "what crashes, and whether it stopped"),
    need("", "events", &["list", "watch"], Namespaces, "what kubelet and controllers say about it"),
    need("apps", "deployments", &["get", "list", "watch"], Namespaces, "the workload and its rollout"),
    need("apps", "replicasets", &["list", "watch"], Namespaces, "revisions, and which of them was healthy"),
    optional(need(
        "apps",
        "statefulsets",
        &["get", "list", "watch"],
        Namespaces,
        "replicas in order; the owner of a pod that an alert names; whether it asks for silence",
    )),
    optional(need(
        "apps",
        "daemonsets",
        &["get", "list", "watch"],
        Namespaces,
        "the same, one on every node",
    )),
    optional(need("batch", "jobs", &["get", "list", "watch"], Namespaces, "work that failed for good")),
    optional(need(
        "batch",
        "cronjobs",
        &["list", "watch"],
        Namespaces,
        "work that fails every time, does not start, or piles up",
    )),
    optional(need(
        "apps",
        "controllerrevisions",
        &["list"],
        Namespaces,
        "revisions of StatefulSets and DaemonSets, and what going back would change",
    )),
    optional(need("", "pods/log", &["get"], Namespaces, "the last words of the container that crashed")),
    optional(need(
        "autoscaling",
        "horizontalpodautoscalers",
        &["list", "watch"],
        Namespaces,
        "who else sets the replicas, and whether it can",
    )),
    optional(need(
        "policy",
        "poddisruptionbudgets",
        &["list", "watch"],
        Namespaces,
        "how many pods may be missing",
    )),
    optional(need(
        "",
        "persistentvolumeclaims",
        &["list", "watch"],
        Namespaces,
        "volumes that pods wait for",
    )),
    only_for(
        &[Reason::QuotaExhausted, Reason::FailedCreate],
        need("", "resourcequotas", &["list", "watch"], Namespaces, "what refuses pods before they exist"),
    ),
    optional(need("", "services", &["list", "watch"], Namespaces, "who should answer")),
    optional(need(
        "discovery.k8s.io",
        "endpointslices",
        &["list", "watch"],
        Namespaces,
        "whether anybody does",
    )),
    only_for(
        &[Reason::BackendMissing],
        need(
            "networking.k8s.io",
            "ingresses",
            &["list", "watch"],
            Namespaces,
            "what sends requests to a Service that is not there",
        ),
    ),
    only_for(
        &[Reason::ClaimPending],
        need(
            "storage.k8s.io",
            "storageclasses",
            &["list", "watch"],
            Cluster,
            "why a volume claim is not bound",
        ),
    ),
    only_for(
        &[Reason::WebhookUnavailable, Reason::FailedCreate],
        need(
            "admissionregistration.k8s.io",
            "validatingwebhookconfigurations",
            &["list", "watch"],
            Cluster,
            "webhooks that refuse everything because nobody answers",
        ),
    ),
    only_for(
        &[Reason::WebhookUnavailable, Reason::FailedCreate],
        need(
            "admissionregistration.k8s.io",
            "mutatingwebhookconfigurations",
            &["list", "watch"],
            Cluster,
            "the same",
        ),
    ),
    only_for(
        &[Reason::ApiServiceUnavailable, Reason::FailedGetMetrics, Reason::Terminating],
        need(
            "apiregistration.k8s.io",
            "apiservices",
            &["list", "watch"],
            Cluster,
            "aggregated APIs that do not answer",
        ),
    ),
    optional(need("", "limitranges", &["list"], Namespaces, "how much memory a container may be given")),
    optional(need(
        "autoscaling.k8s.io",
        "verticalpodautoscalers",
        &["list"],
        Namespaces,
        "whether somebody else sets that",
    )),
    optional(need(
        "argoproj.io",
        "applications",
        &["get"],
        Cluster,
        "whether Argo CD would put the fields back, and the commit to revert",
    )),
    optional(need("kustomize.toolkit.fluxcd.io", "kustomizations", &["get"], Cluster, "the same for Flux")),
];

/// The executor, whatever it executes; an action's own rights stand in its file.
pub const EXECUTOR: &[Need] = &[
    need(
        "",
        "namespaces",
        &["get"],
        Cluster,
        "it acts in the cluster that people approved for, and in no namespace that is being deleted",
    ),
    need("", "nodes", &["list"], Cluster, "with more than one node not Ready, or unseen, it writes nothing"),
    optional(need(
        "events.k8s.io",
        "events",
        &["create"],
        Namespaces,
        "one Kubernetes Event per action: `kubectl describe` tells what was done",
    )),
];

/// Both, where people vote by objects of the cluster: each counts what it read itself.
pub const VOTES: &[Need] = &[
    need("nightshift.dev", "votes", &["list"], Namespaces, "what people decided with their kubeconfigs"),
    need(
        "admissionregistration.k8s.io",
        "validatingadmissionpolicies",
        &["get"],
        Cluster,
        "whether the policy stands that holds a vote to its user; else none counts",
    ),
    need(
        "admissionregistration.k8s.io",
        "validatingadmissionpolicybindings",
        &["get"],
        Cluster,
        "the same: a policy without its binding does nothing",
    ),
];

/// The responder alone, there: who opened a visit may read what the person may see.
pub const VISITS: &[Need] = &[need(
    "nightshift.dev",
    "visits",
    &["get"],
    Cluster,
    "who reads the sealed plan with `kubectl nightshift`",
)];

/// The responder alone, with the countersign: one object, by its name.
pub const CERTIFICATE: Need = need(
    "admissionregistration.k8s.io",
    "validatingwebhookconfigurations",
    &["get", "patch"],
    Cluster,
    "only the webhook of its own lock, by name: whether it still meets the executor alone, and which certificate it trusts",
);

/// Verbs that change nothing.
pub const READING: &[&str] = &["get", "list", "watch"];

/// Everything that the executor needs: its own rights and those of every action that is not switched off, each once.
pub fn executor(off: &[ActionKind]) -> Vec<Need> {
    let mut needs = EXECUTOR.to_vec();
    // What a cluster can do without comes last: of a right that both need, the one that is needed counts.
    let kept_in = |apart: bool| {
        ACTIONS.iter().filter(move |action| action.apart == apart && !off.contains(&action.kind))
    };
    for (action, right) in
        kept_in(false).chain(kept_in(true)).flat_map(|a| a.rights.iter().map(move |r| (a, r)))
    {
        if !needs.iter().any(|need| need.right == *right) {
            let why = if action.apart {
                "an action needs it that a cluster can do without"
            } else {
                "an action needs it"
            };
            needs.push(Need { right: *right, reach: Namespaces, optional: action.apart, why, only_for: &[] });
        }
    }
    needs
}

/// Every right that the executor needs in a namespace it may act in; those of actions that stand apart are not among them.
fn acting() -> Vec<Right> {
    let own = EXECUTOR.iter().filter(|n| n.reach == Namespaces).map(|n| n.right);
    own.chain(ACTIONS.iter().filter(|a| !a.apart).flat_map(|a| a.rights).copied()).collect()
}

/// The role that is bound in every namespace that the executor may act in.
const EXECUTOR_ROLE: &str = "nightshift-executor";

/// Name of the role that holds what one action needs.
fn role_of(action: &ActionFile) -> String {
    format!("{EXECUTOR_ROLE}-{}", action.kind)
}

/// Every role of docs/rbac/executor.yaml that is bound in a namespace: the one for all, and those of actions of their own.
pub fn executor_roles() -> Vec<String> {
    let apart = ACTIONS.iter().filter(|action| action.apart).map(|action| role_of(action));
    std::iter::once(EXECUTOR_ROLE.to_owned()).chain(apart).collect()
}

const MARKER: &str = "@generated by nightshift-engine: UPDATE_EXPECT=1 cargo test -p nightshift-engine";

/// docs/rbac/responder.yaml: the read-only account, complete.
pub fn responder_yaml() -> String {
    let everywhere: Vec<Right> = RESPONDER.iter().map(|need| need.right).collect();
    format!(
        "# {MARKER}\n\
         # The read-only account. It is all that `mode: observe` needs.\n\
         apiVersion: v1\nkind: Namespace\nmetadata:\n  name: nightshift\n---\n\
         apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: nightshift-responder\n  namespace: nightshift\n\
         automountServiceAccountToken: false\n---\n\
         {}---\n{}",
        role("nightshift-responder", &everywhere),
        bound("nightshift-responder", "nightshift-responder"),
    )
}

/// charts/nightshift/files/rights.yaml: the responder's rights one by one, from which the chart renders its roles.
pub fn chart_yaml() -> String {
    let mut yaml = format!(
        "# {MARKER}\n# What the responder may read: the chart renders the roles from it. A right whose `for` names detectors is\n\
         # left out when all of them are off; one whose `part` is switched off in `rbac` is left out too.\nrights:\n"
    );
    for need in RESPONDER {
        let Right { group, resource, verbs } = need.right;
        let reach = match need.reach {
            Namespaces => "namespaces",
            Cluster => "cluster",
        };
        let _ = write!(
            yaml,
            "  - {{group: \"{group}\", resource: {resource}, verbs: [{}], reach: {reach}",
            verbs.join(", ")
        );
        if !need.only_for.is_empty() {
            let names: Vec<&str> = need.only_for.iter().map(|reason| reason.as_str()).collect();
            let _ = write!(yaml, ", for: [{}]", names.join(", "));
        }
        if let Some((_, part)) = PARTS.iter().find(|(of, _)| *of == resource) {
            let _ = write!(yaml, ", part: {part}");
        }
        yaml.push_str("}\n");
    }
    yaml.push_str(
        "# What the executor may do, in the namespaces that it may act in or in the cluster. A right whose `for` names actions is\n\
         # left out when all of them are switched off.\nexecutor:\n",
    );
    for need in EXECUTOR {
        executor_line(&mut yaml, need.right, need.reach, &[]);
    }
    let mut listed: Vec<Right> = Vec::new();
    for right in ACTIONS.iter().flat_map(|action| action.rights) {
        if !listed.contains(right) {
            listed.push(*right);
            let of = ACTIONS.iter().filter(|action| action.rights.contains(right));
            executor_line(&mut yaml, *right, Namespaces, &of.map(|action| action.kind).collect::<Vec<_>>());
        }
    }
    yaml
}

fn executor_line(yaml: &mut String, right: Right, reach: Reach, actions: &[ActionKind]) {
    let Right { group, resource, verbs } = right;
    let reach = match reach {
        Namespaces => "namespaces",
        Cluster => "cluster",
    };
    let verbs = verbs.join(", ");
    let _ = write!(yaml, "  - {{group: \"{group}\", resource: {resource}, verbs: [{verbs}], reach: {reach}");
    if !actions.is_empty() {
        let names: Vec<&str> = actions.iter().map(|action| action.as_str()).collect();
        let _ = write!(yaml, ", for: [{}]", names.join(", "));
    }
    yaml.push_str("}\n");
}

/// Rights that the chart lets somebody leave out by name: the evidence that they bring is then *not checked*.
const PARTS: &[(&str, &str)] = &[
    ("pods/log", "podLogs"),
    ("applications", "argoCd"),
    ("kustomizations", "flux"),
    ("verticalpodautoscalers", "verticalPodAutoscalers"),
];

/// docs/rbac/executor.yaml: the account of `mode: approve`, bound nowhere but for the cluster's name and its nodes.
pub fn executor_yaml() -> String {
    let cluster: Vec<Right> =
        EXECUTOR.iter().filter(|need| need.reach != Namespaces).map(|need| need.right).collect();
    let mut yaml = format!(
        "# {MARKER}\n\
         # The account that writes. Bind the role nightshift-executor in each namespace that it may act in:\n\
         #   kubectl -n shop create rolebinding nightshift-executor \\\n\
         #     --clusterrole=nightshift-executor --serviceaccount=nightshift:nightshift-executor\n\
         apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: nightshift-executor\n  namespace: nightshift\n\
         automountServiceAccountToken: false\n---\n\
         {}---\n{}---\n{}",
        role("nightshift-executor-cluster", &cluster),
        bound("nightshift-executor-cluster", "nightshift-executor"),
        role(EXECUTOR_ROLE, &acting()),
    );
    for action in ACTIONS.iter().filter(|action| action.apart) {
        let own = role(&role_of(action), action.rights);
        let _ = write!(
            yaml,
            "---\n# Only for {}; bind it like the one above, or leave it out.\n{own}",
            action.kind
        );
    }
    yaml
}

/// docs/rbac/votes.yaml: all that votes with Kubernetes identity need, for the accounts of the other two files.
pub fn votes_yaml() -> String {
    let rights = |needs: &[Need]| -> Vec<Right> { needs.iter().map(|need| need.right).collect() };
    let bind =
        |role: &str, account: &str| bound(role, account).replacen(role, &format!("{role}-{account}"), 1);
    let (both, visits) = ("nightshift-votes", "nightshift-visits");
    format!(
        "# {MARKER}\n{MANIFEST}---\n{}---\n{}---\n{}---\n{}---\n{}",
        role(both, &rights(VOTES)),
        bind(both, "nightshift-responder"),
        bind(both, "nightshift-executor"),
        role(visits, &rights(VISITS)),
        bind(visits, "nightshift-responder"),
    )
}

/// charts/nightshift/files/votes.yaml: the same, as the chart renders it.
pub fn chart_votes_yaml() -> String {
    format!("# {MARKER}\n{MANIFEST}")
}

/// A ClusterRole with one rule for each (group, verbs), its resources together.
fn role(name: &str, rights: &[Right]) -> String {
    let mut verbs: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for right in rights {
        verbs.entry((right.group, right.resource)).or_default().extend(right.verbs);
    }
    let mut rules: BTreeMap<(&str, Vec<&str>), Vec<&str>> = BTreeMap::new();
    for ((group, resource), verbs) in verbs {
        rules.entry((group, verbs.into_iter().collect())).or_default().push(resource);
    }
    let mut yaml = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: {name}\nrules:\n"
    );
    for ((group, verbs), resources) in rules {
        let _ = writeln!(
            yaml,
            "  - apiGroups: [\"{group}\"]\n    resources: [{}]\n    verbs: [{}]",
            resources.join(", "),
            verbs.join(", ")
        );
    }
    yaml
}

fn bound(role: &str, account: &str) -> String {
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata:\n  name: {role}\n\
         roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: ClusterRole\n  name: {role}\n\
         subjects:\n  - kind: ServiceAccount\n    name: {account}\n    namespace: nightshift\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect_file;

    #[test]
    fn the_manifests_are_the_committed_ones() {
        expect_file!["../../../docs/rbac/responder.yaml"].assert_eq(&responder_yaml());
        expect_file!["../../../docs/rbac/executor.yaml"].assert_eq(&executor_yaml());
        expect_file!["../../../docs/rbac/votes.yaml"].assert_eq(&votes_yaml());
        expect_file!["../../../charts/nightshift/files/votes.yaml"].assert_eq(&chart_votes_yaml());
        expect_file!["../../../charts/nightshift/files/rights.yaml"].assert_eq(&chart_yaml());
    }

    #[test]
    fn a_right_is_needed_as_long_as_one_of_its_detectors_is_asked() {
        let of = |resource: &str| RESPONDER.iter().find(|n| n.right.resource == resource).copied().unwrap();
        let quotas = of("resourcequotas");
        assert!(quotas.is_needed(|_| false));
        assert!(quotas.is_needed(|reason| reason == Reason::QuotaExhausted));
        assert!(!quotas.is_needed(|reason| quotas.only_for.contains(&reason)));
        assert!(of("pods").is_needed(|_| true));
        assert!(RESPONDER.iter().all(|need| need.optional || need.only_for.is_empty()));
        for (resource, _) in PARTS {
            assert!(of(resource).optional, "{resource}");
        }
    }

    #[test]
    fn the_responder_only_reads_and_nobody_reads_secrets() {
        let mut verbs = RESPONDER.iter().chain(VOTES).chain(VISITS).flat_map(|n| n.right.verbs);
        assert!(verbs.all(|verb| READING.contains(verb)));
        let all =
            RESPONDER.iter().chain(VOTES).chain(VISITS).chain(EXECUTOR).map(|n| n.right).chain(acting());
        for right in all {
            let forbidden = ["secrets", "configmaps", "pods/exec", "pods/attach", "serviceaccounts/token"];
            assert!(!forbidden.contains(&right.resource), "{right:?}");
            assert!(!right.resource.contains('*') && !right.verbs.contains(&"*"), "{right:?}");
        }
    }
}
