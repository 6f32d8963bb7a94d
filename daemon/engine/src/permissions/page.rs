//! docs/permissions.md: feature by feature, which verbs and why.

use super::Reach::{Cluster, Namespaces};
use super::{CERTIFICATE, EXECUTOR, MARKER, Need, RESPONDER, VISITS, VOTES, role_of};
use crate::actions::{ACTIONS, ActionFile, Right};
use std::fmt::Write as _;

/// What an action needs a right for: (resource, verb that tells it apart, why).
const WHY: &[(&str, &str, &str)] = &[
    ("pods", "delete", "the one pod: looked at, and deleted by its uid"),
    ("pods", "list", "whether the symptom still stands, right before the write"),
    ("deployments", "patch", "the target: read anew, and changed by one patch that carries its mark"),
    ("statefulsets", "patch", "the target: read anew, and changed by one patch that carries its mark"),
    ("daemonsets", "patch", "the target: read anew, and changed by one patch that carries its mark"),
    ("replicasets", "get", "the template that returns, compared by its hash"),
    ("controllerrevisions", "get", "the template that returns, compared by its hash"),
    ("horizontalpodautoscalers", "list", "who else sets the replicas: that may differ from what was sealed"),
    ("poddisruptionbudgets", "list", "budgets are kept, though a DELETE asks none"),
    ("jobs", "create", "the failed Job, read anew, and its one copy"),
];

/// What a right of an action is for.
fn why(right: &Right) -> &'static str {
    let fits =
        |(resource, verb, _): &&(&str, &str, &str)| right.resource == *resource && right.verbs.contains(verb);
    WHY.iter().find(fits).map_or("", |(_, _, why)| why)
}

/// Roles for people, where votes are objects: (role, API group, resource, verbs, why).
const PEOPLE: &[(&str, &str, &str, &str, &str)] = &[
    (
        "nightshift-approver",
        "nightshift.dev",
        "votes",
        "create, get, list",
        "in each namespace where they decide",
    ),
    (
        "nightshift-visitor",
        "nightshift.dev",
        "visits",
        "create",
        "in nightshift's namespace: to read what is to be decided",
    ),
    ("nightshift-visitor", "core", "pods", "list", "to find nightshift's Pod"),
    (
        "nightshift-visitor",
        "core",
        "pods/portforward",
        "get, create",
        "to reach it; not needed with `--server`",
    ),
];

/// docs/permissions.md.
pub fn page() -> String {
    let mut page = format!(
        "<!-- {MARKER} -->\n\
         # Permissions\n\n\
         Two identities. The **responder** watches, explains, serves the gate and proves; it changes nothing, [one object of \
         the lock](#the-lock-at-the-api-server) aside. The **executor** exists in `mode: approve` only, in the namespaces that \
         `actions.namespaces` names (or in all, by `actions.cluster_wide`), and closes itself while its account may do more than this page says.\n\n\
         | feature | rights |\n|---|---|\n\
         | watch, explain, tell | [responder](#responder) |\n\
         | act, in the namespaces that you name | [executor](#executor), and each action that is not switched off: {actions} |\n\
         | the lock at the API server | [one object](#the-lock-at-the-api-server) |\n\
         | votes by kubectl | [both, and people](#votes-with-kubernetes-identity) |\n\n\
         `nightshift check` asks the API server about them verb by verb, and names \
         each that is missing. A right that is *optional* may be left out: what is then not known is told as *not checked*, never guessed.\n\n\
         **Never asked for, not even to read:** Secrets, the data of ConfigMaps, `pods/exec`, `pods/attach`, \
         `nodes/proxy`, `serviceaccounts/token`, impersonation, wildcards, `*/scale`.\n\n\
         ## Responder\n\n\
         The chart renders it; without Helm apply [rbac/responder.yaml](rbac/responder.yaml).\n\n",
        actions = actions(),
    );
    table(&mut page, RESPONDER);
    page.push_str(
        "\nNot in the manifest: `get` of `configmaps`. With it an incident says when each ConfigMap that the workload refers \
         to was changed, and by whom. nightshift asks for their metadata only, but RBAC cannot grant metadata alone, so whoever \
         grants it grants their data too. Without it the incident says that they were not seen. A Secret's change is never seen.\n\
         \nWatching a few namespaces only (`cluster.namespaces`)? Bind the rows marked *watched namespaces* by a \
         RoleBinding in each of them, and the others by the ClusterRoleBinding.\n\n\
         ## Executor\n\n\
         The chart renders it; without Helm apply [rbac/executor.yaml](rbac/executor.yaml) and bind it in each namespace that it may \
         act in; never by a ClusterRoleBinding. Some actions have a role of their own: without it their preview is refused, and the \
         incident goes to a person.\n\n",
    );
    table(&mut page, EXECUTOR);
    for action in ACTIONS {
        let _ = writeln!(
            page,
            "\n### {name}\n\nSee [the action]({link}).{apart}\n\n| API group | resource | verbs | why |\n|---|---|---|---|",
            name = action.kind,
            link = link(action),
            apart = if action.apart { format!(" Its role is `{}`.", role_of(action)) } else { String::new() },
        );
        for right in action.rights {
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} |",
                group(right.group),
                right.resource,
                right.verbs.join(", "),
                why(right)
            );
        }
    }
    page.push_str(
        "\n## The lock at the API server\n\n\
         The chart installs it in `mode: approve`; without Helm apply [rbac/lock.yaml](rbac/lock.yaml). Policy and webhook need no \
         right while they work. The responder alone needs, unless `countersign.mode` is `policy`:\n\n",
    );
    table(&mut page, &[CERTIFICATE]);
    page.push_str(
        "\nRBAC knows objects and no fields, and no admission policy may guard this one: who holds the responder can rewrite that \
         webhook ([what that means](threat-model.md#the-responders-container)).\n\n\
         ## Votes with Kubernetes identity\n\n\
         Only where the registry names Kubernetes users; the chart installs it with `kubernetesVotes.enabled`, without Helm apply \
         [rbac/votes.yaml](rbac/votes.yaml): the kinds, the policy, and a \
         role bound to both identities; [how](approve-with-kubectl.md). Both need:\n\n",
    );
    table(&mut page, VOTES);
    page.push_str("\nThe responder alone needs:\n\n");
    table(&mut page, VISITS);
    page.push_str("\nPeople need, bound by you:\n\n| role | API group | resource | verbs | why |\n|---|---|---|---|---|\n");
    for (role, group, resource, verbs, why) in PEOPLE {
        let _ = writeln!(page, "| `{role}` | {group} | {resource} | {verbs} | {why} |");
    }
    page.push_str(
        "\nA `patch` of a pod template equals running code in that namespace: whoever holds this credential could do \
         more than nightshift does. What holds it back: [threat model](threat-model.md#the-executors-token).\n",
    );
    page
}

/// Each action by its name, which leads to its rights.
fn actions() -> String {
    let names: Vec<String> = ACTIONS.iter().map(|action| format!("[{0}](#{0})", action.kind)).collect();
    names.join(", ")
}

fn table(page: &mut String, needs: &[Need]) {
    page.push_str("| API group | resource | verbs | where | | why |\n|---|---|---|---|---|---|\n");
    for need in needs {
        let place = match need.reach {
            Namespaces if needs == EXECUTOR => "namespaces it may act in",
            Namespaces => "watched namespaces",
            Cluster => "cluster",
        };
        let optional = if need.optional { "optional" } else { "" };
        let _ = writeln!(
            page,
            "| {} | {} | {} | {place} | {optional} | {} |",
            group(need.right.group),
            need.right.resource,
            need.right.verbs.join(", "),
            need.why
        );
    }
}

fn group(name: &str) -> &str {
    if name.is_empty() { "core" } else { name }
}

fn link(action: &ActionFile) -> String {
    format!("catalogue/actions/{}.md", crate::actions::doc::module(action.kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::policy::{NAME, objects, shipped};
    use crate::vote_object::MANIFEST;
    use expect_test::expect_file;

    #[test]
    fn the_page_is_the_committed_one() {
        expect_file!["../../../../docs/permissions.md"].assert_eq(&page());
    }

    #[test]
    fn every_right_of_an_action_has_its_reason() {
        for action in ACTIONS {
            for right in action.rights {
                assert!(!why(right).is_empty(), "{}: {right:?}", action.kind);
            }
        }
        for (resource, verb, _) in WHY {
            let used = |right: &Right| right.resource == *resource && right.verbs.contains(verb);
            assert!(ACTIONS.iter().any(|a| a.rights.iter().any(used)), "{resource}: nobody asks for it");
        }
    }

    #[test]
    fn what_the_lock_and_people_need_is_what_the_manifests_grant() {
        let rules = objects(NAME, &shipped()).into_iter().find_map(|o| o.get("rules").cloned());
        let Right { group, resource, verbs } = CERTIFICATE.right;
        let told = serde_json::json!([{
            "apiGroups": [group], "resources": [resource], "resourceNames": [NAME], "verbs": verbs,
        }]);
        assert_eq!(rules, Some(told));
        for (role, group, resource, verbs, _) in PEOPLE {
            let core = if *group == "core" { "\"\"" } else { group };
            let rule = format!("apiGroups: [{core}]\n    resources: [{resource}]\n    verbs: [{verbs}]");
            let mut parts = MANIFEST.split("\n---\n");
            let holds = |part: &str| part.contains(&format!("name: {role}\n")) && part.contains(&rule);
            assert!(parts.any(holds), "{role}: {rule}");
        }
    }
}
