//! Rolls a Deployment back: the pod template of an earlier ReplicaSet returns, and nothing else.

use super::{ActionFile, Right};
use nightshift_model::ActionKind;

/// What it is.
pub static FILE: ActionFile = ActionFile {
    kind: ActionKind::RollbackDeployment,
    version: 1,
    event: "RolledBack",
    rights: &[
        Right { group: "apps", resource: "deployments", verbs: &["get", "list", "patch"] },
        Right { group: "apps", resource: "replicasets", verbs: &["get"] },
        Right { group: "", resource: "pods", verbs: &["list"] },
        Right { group: "autoscaling", resource: "horizontalpodautoscalers", verbs: &["list"] },
    ],
    apart: false,
    doc: "Puts the pod template of the last revision that nightshift saw healthy back, or of one that a person asked for, with one JSON Patch that \
          tests the uid, the mark and the whole current template first. Sealed by reference to the ReplicaSet's uid \
          and the SHA-256 of its template: the template is never stored, because it may hold secrets.\n\n\
          **What returns:** the pod template. **What does not:** replicas, strategy, ConfigMaps, Secrets, volumes, \
          anything that the broken revision wrote.\n\n\
          **Refused:** a paused Deployment, a Deployment that Argo CD (self-heal) or a Flux Kustomization owns, an \
          operator's Deployment, another service account, new Secret references or privileges, a revision below \
          `nightshift.dev/rollback-floor`, a current revision marked `nightshift.dev/migrates: \"true\"`.\n\n\
          **Undone by:** the same action towards the revision that was current, as a new proposal with its own votes.",
};
