//! Rolls a StatefulSet back: the pod template of an earlier ControllerRevision returns, and nothing else.

use super::{ActionFile, Right};
use nightshift_model::ActionKind;

/// What it is.
pub static FILE: ActionFile = ActionFile {
    kind: ActionKind::RollbackStatefulSet,
    version: 1,
    event: "RolledBackStatefulSet",
    rights: &[
        Right { group: "apps", resource: "statefulsets", verbs: &["get", "list", "patch"] },
        Right { group: "apps", resource: "controllerrevisions", verbs: &["get"] },
        Right { group: "", resource: "pods", verbs: &["list"] },
        Right { group: "autoscaling", resource: "horizontalpodautoscalers", verbs: &["list"] },
    ],
    apart: false,
    doc: "Puts the pod template of the last revision that nightshift saw healthy back, or of one that a person asked for, \
          with one JSON Patch that tests the uid, the mark and the whole current template first. Sealed by reference to \
          the ControllerRevision's uid and the SHA-256 of the template in it: the template is never stored, because it \
          may hold secrets. kubectl sends a strategic merge patch instead, which can test nothing, and replaces all \
          annotations.\n\n\
          **What returns:** the pod template. **What does not:** replicas, volume claim templates, claims and what the \
          broken revision wrote to them, ConfigMaps, Secrets.\n\n\
          **One pod that is not Ready holds everything up.** Under the policy `OrderedReady`, the default, the controller \
          waits for a broken pod before it touches any other, also after the template was put back; the pod has to be \
          deleted by hand (kubernetes/kubernetes#67250). So with `OrderedReady` and a pod that is not Ready nothing is \
          proposed, and a person gets both commands: undo, then delete that pod. Under `Parallel` the controller \
          replaces the broken pod itself, highest ordinal first.\n\n\
          **Refused:** that; the update strategy `OnDelete` or a partition, because the template would not reach every \
          pod; a StatefulSet that Argo CD (self-heal), a Flux Kustomization or an operator owns; another service account, \
          new Secret references or privileges; a revision below `nightshift.dev/rollback-floor`; a current revision \
          marked `nightshift.dev/migrates: \"true\"`; a template that the API server would fill in otherwise than it was \
          recorded.\n\n\
          **Undone by:** the same action towards the revision that was current, as a new proposal with its own votes. \
          It is refused while a pod is not Ready under `OrderedReady`, like the first.",
};
