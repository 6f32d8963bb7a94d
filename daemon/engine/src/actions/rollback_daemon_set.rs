//! Rolls a DaemonSet back: the pod template of an earlier ControllerRevision returns, and nothing else.

use super::{ActionFile, Right};
use nightshift_model::ActionKind;

/// What it is.
pub static FILE: ActionFile = ActionFile {
    kind: ActionKind::RollbackDaemonSet,
    version: 1,
    event: "RolledBackDaemonSet",
    rights: &[
        Right { group: "apps", resource: "daemonsets", verbs: &["get", "list", "patch"] },
        Right { group: "apps", resource: "controllerrevisions", verbs: &["get"] },
        Right { group: "", resource: "pods", verbs: &["list"] },
        Right { group: "autoscaling", resource: "horizontalpodautoscalers", verbs: &["list"] },
    ],
    apart: false,
    doc: "Puts the pod template of the last revision that nightshift saw healthy back, or of one that a person asked for, \
          with one JSON Patch that tests the uid, the mark and the whole current template first. Sealed by reference to \
          the ControllerRevision's uid and the SHA-256 of the template in it: the template is never stored, because it \
          may hold secrets.\n\n\
          **What returns:** the pod template. **What does not:** the update strategy, ConfigMaps, Secrets, files that the \
          broken revision left on the nodes.\n\n\
          **How far it reaches:** every node that runs it. The controller replaces pods that are not available at once, \
          and the others as `maxUnavailable` allows, so a broken rollout that stopped at its first node is mended there \
          and touches nothing else.\n\n\
          **Refused:** the update strategy `OnDelete`, because the template would reach no pod; a DaemonSet that Argo CD \
          (self-heal), a Flux Kustomization or an operator owns; another service account, new Secret references or \
          privileges; a revision below `nightshift.dev/rollback-floor`; a current revision marked \
          `nightshift.dev/migrates: \"true\"`; a template that the API server would fill in otherwise than it was \
          recorded.\n\n\
          **Undone by:** the same action towards the revision that was current, as a new proposal with its own votes.",
};
