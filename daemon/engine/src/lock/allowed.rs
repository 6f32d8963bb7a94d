//! What the executor may ask the API server to change: read off the actions' own files, so that the roles, the policy and the
//! countersign cannot disagree.

use super::Operation;
use crate::actions::{self, ACTIONS, Right};
use crate::permissions::EXECUTOR;
use nightshift_model::ActionKind;

/// Where nothing of ours ever writes, beside our own namespace.
pub const SYSTEM: &[&str] = &["kube-system", "kube-public", "kube-node-lease"];
/// Questions about one's own rights: they change nothing, and neither policy nor countersign sees them.
pub const REVIEWS: &[&str] = &["selfsubjectaccessreviews", "selfsubjectrulesreviews"];
/// The group of those questions.
pub const REVIEWS_GROUP: &str = "authorization.k8s.io";
/// Annotations of a workload that a write may move: our mark, and the number that the API server counts up by itself.
pub const MOVING: &[&str] = &[actions::CLAIM, "deprecated.daemonset.template.generation"];
/// What else of `metadata` moves with every write.
pub const COUNTERS: &[&str] = &["annotations", "generation", "managedFields", "resourceVersion"];

/// One kind of write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// API group; empty for core.
    pub group: &'static str,
    /// Resource, plural; never a subresource.
    pub resource: &'static str,
    /// What is done.
    pub operation: Operation,
    /// What for.
    pub purpose: Purpose,
}

/// What a write is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An action, or its preview, or the mark before it. Of an update these fields of the object may differ, and no others.
    Act {
        /// Which actions.
        actions: Vec<ActionKind>,
        /// JSON pointers.
        fields: Vec<&'static str>,
    },
    /// The Kubernetes Event that tells of an action.
    Tell,
}

impl Allowed {
    /// As the policy writes it: `UPDATE apps/deployments`.
    pub fn words(&self) -> String {
        words(self.operation, self.group, self.resource, "")
    }
}

/// One kind of write in words.
pub fn words(operation: Operation, group: &str, resource: &str, subresource: &str) -> String {
    let sub = if subresource.is_empty() { String::new() } else { format!("/{subresource}") };
    format!("{} {group}/{resource}{sub}", operation.as_str())
}

/// The whole list.
pub fn allowed() -> Vec<Allowed> {
    let mut list: Vec<Allowed> = Vec::new();
    for action in ACTIONS {
        for (right, operation) in writes(action.rights) {
            let fields = if operation == Operation::Update { actions::fields(action.kind) } else { &[] };
            let same = |one: &&mut Allowed| {
                (one.group, one.resource, one.operation) == (right.group, right.resource, operation)
            };
            if let Some(Allowed { purpose: Purpose::Act { actions, fields: known }, .. }) =
                list.iter_mut().find(same)
            {
                actions.push(action.kind);
                known.extend(fields);
                known.sort_unstable();
                known.dedup();
            } else {
                let purpose = Purpose::Act { actions: vec![action.kind], fields: fields.to_vec() };
                list.push(Allowed { group: right.group, resource: right.resource, operation, purpose });
            }
        }
    }
    let own: Vec<Right> = EXECUTOR.iter().map(|need| need.right).collect();
    list.extend(writes(&own).map(|(right, operation)| Allowed {
        group: right.group,
        resource: right.resource,
        operation,
        purpose: Purpose::Tell,
    }));
    list
}

/// The rights that change something, as the API server names what is done with them.
fn writes(rights: &[Right]) -> impl Iterator<Item = (Right, Operation)> {
    rights
        .iter()
        .flat_map(|right| right.verbs.iter().filter_map(|verb| Operation::of_verb(verb).map(|o| (*right, o))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permissions::{READING, executor};

    #[test]
    fn the_list_is_what_the_roles_grant_and_nothing_else() {
        let told: Vec<String> = allowed().iter().map(Allowed::words).collect();
        assert_eq!(
            told,
            [
                "UPDATE apps/deployments",
                "UPDATE apps/statefulsets",
                "UPDATE apps/daemonsets",
                "DELETE /pods",
                "CREATE batch/jobs",
                "CREATE events.k8s.io/events",
            ]
        );
        for need in executor(&[]) {
            for verb in need.right.verbs {
                let named = Operation::of_verb(verb).is_some_and(|operation| {
                    let words = words(operation, need.right.group, need.right.resource, "");
                    told.contains(&words)
                });
                assert!(named || READING.contains(verb), "{verb} {}", need.right.resource);
            }
        }
    }

    #[test]
    fn of_a_workload_only_a_field_right_below_its_spec_may_differ() {
        for one in allowed() {
            let Purpose::Act { actions, fields } = &one.purpose else { continue };
            assert!(!actions.is_empty(), "{}", one.words());
            assert_eq!(!fields.is_empty(), one.operation == Operation::Update, "{}", one.words());
            // The policy compares whole fields of `spec`.
            for field in fields {
                let name = field.strip_prefix("/spec/").unwrap();
                assert!(name.chars().all(|c| c.is_ascii_alphabetic()), "{field}");
            }
        }
    }
}
