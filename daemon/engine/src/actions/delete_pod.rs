//! Deletes one pod, and nothing else: its controller makes a new one.

use super::{ActionFile, Right};
use crate::evidence::{pods::owned, selector, text};
use crate::execute::pods_of;
use crate::seal::{is_ready, items, object};
use nightshift_model::effect::{Accept, RawPart, Read};
use nightshift_model::plan::Inverse;
use nightshift_model::{ActionKind, ObjectRef, Recovered};
use serde_json::{Value, json};

/// What it is.
pub static FILE: ActionFile = ActionFile {
    kind: ActionKind::DeletePod,
    version: 1,
    event: "DeletedPod",
    rights: &[
        Right { group: "", resource: "pods", verbs: &["delete", "get", "list"] },
        Right { group: "policy", resource: "poddisruptionbudgets", verbs: &["list"] },
    ],
    apart: true,
    doc: "Deletes one named pod with one DELETE that carries the uid and the resourceVersion that were looked at last, and \
          the pod's own grace period. What else bears that name, or changed in the meantime, is not deleted. No mark is \
          written first: the pod takes it along, and the request guards itself. The exact options are sealed.\n\n\
          **Proposed only** for one pod of several, while every other one of the workload is Ready and of the current revision; of \
          two pods, only if nightshift has seen both Ready. That alone is not enough: the pod must have something that a new one \
          has not. It hangs, so that its readiness probe fails though it was Ready since its containers were started; or it \
          crash-loops, was Ready before, and keeps an `emptyDir`, which a restart of the container does not empty, and neither \
          a claim nor a host path, which the new pod would find again (and it is no DaemonSet's, whose new pod runs on the same \
          node); or it was left behind by a StatefulSet of the policy `OrderedReady`, which went back to another revision and \
          waits for the broken pod.\n\n\
          **A delete asks no disruption budget**, unlike an eviction, so the executor asks: what an eviction would be \
          refused is refused here.\n\n\
          **Refused:** a pod without a ReplicaSet, StatefulSet or DaemonSet that makes a new one (a Job's, a static or a bare one); \
          one that is being deleted or has ended; one without a Ready sibling, unless a person asks for it and it is not Ready \
          itself; a budget that is or would be violated, or could not be read; a node that has problems of its own.\n\n\
          **Hazards:** what the pod keeps is gone: memory, `emptyDir`, logs. The same node may be chosen again.\n\n\
          **An answer that is lost:** a pod that still stands there untouched was not deleted; one that is on its way out \
          was; of one that is gone nobody can tell whose request it was, so a person is asked and nothing is sent again.\n\n\
          **Undone by:** nothing. The controller makes a new pod; the old one does not come back.",
};

/// Kinds of owners that make a new pod in place of a deleted one.
const MAKERS: [&str; 3] = ["ReplicaSet", "StatefulSet", "DaemonSet"];
/// What the kubelet writes on the mirror of a static pod.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// The options of the request, as they are sealed.
pub(super) fn options(target: &ObjectRef) -> Value {
    json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": target.uid}})
}

/// The bytes that are sent: the sealed options, and the version that was rechecked as a second precondition.
///
/// # Errors
/// Without a version, or when the sealed options are none.
pub(crate) fn framed(sealed: &str, version: &str) -> Result<Vec<u8>, String> {
    let mut options: Value = serde_json::from_str(sealed).unwrap_or(Value::Null);
    let preconditions = options.get_mut("preconditions").and_then(Value::as_object_mut);
    let preconditions = preconditions.ok_or("the sealed body holds no options of a delete")?;
    if version.is_empty() {
        return Err("the version that was rechecked is not known".to_owned());
    }
    preconditions.insert("resourceVersion".to_owned(), version.into());
    Ok(options.to_string().into_bytes())
}

/// The bytes of the preview. A DELETE with a body takes `dryRun` from there alone: in the query it would be overlooked, and
/// the pod deleted. Source: `DeleteResource` in k8s.io/apiserver `pkg/endpoints/handlers/delete.go`.
pub(crate) fn rehearsal(target: &ObjectRef) -> Vec<u8> {
    let mut options = options(target);
    if let Some(fields) = options.as_object_mut() {
        fields.insert("dryRun".to_owned(), json!(["All"]));
    }
    options.to_string().into_bytes()
}

/// What the preconditions rest on: the workload's pods, and the namespace's disruption budgets.
pub(super) fn around(target: &ObjectRef, selector: &str) -> Vec<Read> {
    let budgets = Read::Get {
        path: format!("/apis/policy/v1/namespaces/{}/poddisruptionbudgets", target.namespace),
        query: vec![("limit".to_owned(), "500".to_owned())],
        accept: Accept::Json,
    };
    vec![pods_of(&target.namespace, selector), budgets]
}

/// Whether the pod may be deleted as it stands.
///
/// # Errors
/// One sentence that says what forbids it.
pub(super) fn fits(
    (target, workload, alone): (&ObjectRef, &ObjectRef, bool),
    live: &Value,
    around: &[RawPart],
) -> Result<(), String> {
    let uid = text(live, "/metadata/uid");
    if uid != target.uid {
        return Err(format!("{target} was replaced: uid {uid}, approved was {}", target.uid));
    }
    if live.pointer("/metadata/deletionTimestamp").is_some() {
        return Err(format!("{target} is being deleted"));
    }
    let maker = maker(live).ok_or_else(|| format!("{target} has no controller that would make a new one"))?;
    if !MAKERS.contains(&text(maker, "/kind")) || !owned(live, workload) {
        let (kind, name) = (text(maker, "/kind"), text(maker, "/name"));
        let who = crate::text::visible(&format!("{kind} {name}"), 120);
        return Err(format!("{target} is controlled by {who}, and not by {workload}"));
    }
    if live.pointer("/metadata/annotations").is_some_and(|a| a.get(MIRROR).is_some()) {
        return Err(format!("{target} is the mirror of a static pod: the kubelet would only show it again"));
    }
    if matches!(text(live, "/status/phase"), "Succeeded" | "Failed") {
        return Err(format!("{target} has ended: its controller has replaced it already"));
    }
    let [pods, budgets] = around else { return Err("what is around the pod was not looked at".to_owned()) };
    siblings(target, alone, live, pods)?;
    within_budgets(target, live, budgets)
}

fn maker(pod: &Value) -> Option<&Value> {
    let owners = pod.pointer("/metadata/ownerReferences")?.as_array()?;
    owners.iter().find(|owner| owner.get("controller") == Some(&Value::Bool(true)))
}

/// Another pod of the same controller must serve.
fn siblings(target: &ObjectRef, alone: bool, live: &Value, pods: &RawPart) -> Result<(), String> {
    let list = object(pods, "the pods of the workload")?;
    let all = items(&list, "the pods of the workload")?;
    let same = |pod: &&Value| maker(pod).map(|m| text(m, "/uid")) == maker(live).map(|m| text(m, "/uid"));
    let stays = |pod: &&Value| pod.pointer("/metadata/deletionTimestamp").is_none();
    let other = |pod: &&Value| text(pod, "/metadata/uid") != target.uid;
    let serving = all.iter().filter(same).filter(stays).filter(other).filter(|pod| is_ready(pod)).count();
    match (serving, is_ready(live)) {
        (0, true) => Err(format!("{target} is the only pod of its workload that is Ready")),
        (0, false) if !alone => Err(format!("no other pod beside {target} is Ready")),
        _ => Ok(()),
    }
}

/// What the API server would refuse an eviction. Source: k8s.io/kubernetes `pkg/registry/core/pod/storage/eviction.go`.
fn within_budgets(target: &ObjectRef, live: &Value, budgets: &RawPart) -> Result<(), String> {
    let list = object(budgets, "the disruption budgets")?;
    let all = items(&list, "the disruption budgets")?;
    if text(live, "/status/phase") == "Pending" {
        return Ok(());
    }
    let labels = live.pointer("/metadata/labels");
    for budget in all.iter().filter(|b| selector::matches(b.pointer("/spec/selector"), labels)) {
        let number = |pointer: &str| budget.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
        let name = crate::text::visible(text(budget, "/metadata/name"), 120);
        let (healthy, desired) = (number("/status/currentHealthy"), number("/status/desiredHealthy"));
        if !is_ready(live) {
            let always = text(budget, "/spec/unhealthyPodEvictionPolicy") == "AlwaysAllow";
            if always || (desired > 0 && healthy >= desired) {
                continue;
            }
        }
        if number("/status/observedGeneration") < number("/metadata/generation") {
            return Err(format!("PodDisruptionBudget {name} has not been counted yet"));
        }
        if number("/status/disruptionsAllowed") < 1 {
            return Err(format!(
                "PodDisruptionBudget {name} does not let {target} go: {healthy} healthy, {desired} wanted"
            ));
        }
    }
    Ok(())
}

/// The difference that people see: the pod, and then none.
pub(super) fn change(target: &ObjectRef) -> (Value, Value) {
    (json!({"metadata": {"name": target.name, "uid": target.uid}}), json!({}))
}

/// Whether the dry run answered for this very pod.
pub(super) fn answers(target: &ObjectRef, after: &Value) -> bool {
    text(after, "/metadata/uid") == target.uid
}

/// What became of a request whose answer was lost, from one look at the pod. It bars nothing: a request that is still on its
/// way can only do to this pod what was approved, and not to another one.
pub(crate) fn found(target: &ObjectRef, part: &RawPart) -> Recovered {
    let gone = || Recovered::Unknown {
        why: format!("{target} is gone, and nobody can tell whether by this request"),
    };
    if matches!(part, RawPart::Body { status: 404, .. }) {
        return gone();
    }
    let live = match object(part, &format!("{target}")) {
        Ok(live) => live,
        Err(why) => return Recovered::Unknown { why },
    };
    if text(&live, "/metadata/uid") != target.uid {
        return gone();
    }
    if live.pointer("/metadata/deletionTimestamp").is_none() {
        return Recovered::NotApplied;
    }
    Recovered::Applied { resource_version: text(&live, "/metadata/resourceVersion").to_owned() }
}

/// What a person would type for the same.
pub fn by_hand(target: &ObjectRef) -> String {
    format!("kubectl -n {} delete pod {}", target.namespace, target.name)
}

/// There is none.
pub fn inverse() -> Inverse {
    Inverse {
        action: None,
        sentence:
            "There is nothing to take back: the controller makes a new pod, and the old one does not return."
                .to_owned(),
    }
}

#[cfg(test)]
mod tests;
