//! Raises the memory limit of one container in a workload's pod template, and nothing else.

use super::{ActionFile, OF_ANY_WORKLOAD};
use crate::quantity::bytes;
use nightshift_model::measure::ClusterCondition;
use nightshift_model::plan::Inverse;
use nightshift_model::{Action, ActionKind, MemoryChange, ObjectRef, QuantityChange};
use serde_json::{Value, json};

/// What it is.
pub static FILE: ActionFile = ActionFile {
    kind: ActionKind::RaiseMemoryLimit,
    version: 1,
    event: "MemoryLimitSet",
    rights: OF_ANY_WORKLOAD,
    apart: false,
    doc: "Sets `resources.limits.memory` of one named container in the pod template, with one JSON Patch that tests \
          the uid, the mark, the container's name at its place and every old value first. A request that equals the limit \
          goes along, so that the pods keep their class of service; any other request stays. The exact bytes are sealed.\n\n\
          **The new limit** is twice the old one, or less where less is left: never beyond the policy's \
          `memory_limit_max_mib`, beyond a LimitRange, beyond what a ResourceQuota leaves for the rollout, or beyond \
          what the largest node has. Is less than a quarter more left, or did the container need more than would fit, nothing is proposed.\n\n\
          **Proposed only** where the kernel killed the container at its limit at least twice, each time within two minutes of \
          its start. A run that lasted longer looks like a leak or a peak: more memory would only put off the next kill, so a \
          person hears of it instead.\n\n\
          **Refused:** a container without a limit (then the node ran out), an init container, a workload that a \
          VerticalPodAutoscaler, an operator, Argo CD (self-heal) or a Flux Kustomization sets, a paused Deployment, the \
          update strategy `OnDelete` or a partition, a StatefulSet of policy `OrderedReady`, whose controller waits for the \
          killed pod, and whatever of these could not be read.\n\n\
          **Hazards:** every pod is replaced once. **Not changed:** other containers, CPU, replicas.\n\n\
          **Undone by:** the same action with both numbers exchanged, as a new proposal with its own votes.",
};

/// The field within which it writes.
pub const POINTERS: &[&str] = &["/spec/template"];

/// The limit may at most double, and its inverse at most halve it.
const FACTOR: u64 = 2;

/// Whether both numbers are quantities and no more than the hard limit apart.
///
/// # Errors
/// One sentence.
fn bounded(change: &QuantityChange, what: &str) -> Result<(), String> {
    let read =
        |text: &str| bytes(text).filter(|b| *b > 0).ok_or_else(|| format!("{what} `{text}` is no amount"));
    let (from, to) = (read(&change.from)?, read(&change.to)?);
    if from == to {
        return Err(format!("{what} {} is what stands there already", change.to));
    }
    let (less, more) = (from.min(to), from.max(to));
    if more > less.saturating_mul(FACTOR) {
        return Err(format!("{what} {} is more than {FACTOR} times from {}", change.to, change.from));
    }
    Ok(())
}

/// The whole patch: it follows from the action alone.
///
/// # Errors
/// Why no such patch may be made.
pub(super) fn operations(target: &ObjectRef, memory: &MemoryChange) -> Result<Vec<Value>, String> {
    bounded(&memory.limit, "the memory limit")?;
    if let Some(request) = &memory.request {
        bounded(request, "the memory request")?;
    }
    let at = |field: &str| format!("/spec/template/spec/containers/{}/{field}", memory.index);
    let test = |path: String, value: &str| json!({"op": "test", "path": path, "value": value});
    let replace = |path: String, value: &str| json!({"op": "replace", "path": path, "value": value});
    let (limit, request) = (at("resources/limits/memory"), at("resources/requests/memory"));
    let mut patch = vec![
        test("/metadata/uid".to_owned(), &target.uid),
        test(at("name"), &memory.container),
        test(limit.clone(), &memory.limit.from),
    ];
    patch.extend(memory.request.iter().map(|r| test(request.clone(), &r.from)));
    patch.push(replace(limit, &memory.limit.to));
    patch.extend(memory.request.iter().map(|r| replace(request.clone(), &r.to)));
    Ok(patch)
}

/// JSON pointers of what it sets.
pub(super) fn writes(memory: &MemoryChange) -> Vec<String> {
    let at = |of: &str| format!("/spec/template/spec/containers/{}/resources/{of}/memory", memory.index);
    std::iter::once(at("limits")).chain(memory.request.as_ref().map(|_| at("requests"))).collect()
}

/// The patch, once the live object is found to be what the action was made for.
pub(super) fn body(target: &ObjectRef, memory: &MemoryChange, live: &Value) -> Result<Vec<Value>, String> {
    let uid = live.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
    if uid != target.uid {
        return Err(format!("{target} was replaced: uid {uid}, approved was {}", target.uid));
    }
    let name = &memory.container;
    let container = at_its_place(memory, live).ok_or_else(|| {
        format!("container {name} of {target} is not at its place {} any more", memory.index)
    })?;
    // That it stands there already is told apart by whoever asks; a patch for it is still what was approved.
    if stands(memory, live) {
        return operations(target, memory);
    }
    let old = |of: &str| container.pointer(&format!("/resources/{of}/memory")).and_then(Value::as_str);
    let (limit, request) = (old("limits"), old("requests"));
    if limit != Some(&memory.limit.from) {
        let now = limit.unwrap_or("none");
        return Err(format!(
            "the memory limit of {name} is {now}, approved was to change {}",
            memory.limit.from
        ));
    }
    if let Some(change) = &memory.request
        && request != Some(&change.from)
    {
        let now = request.unwrap_or("none");
        return Err(format!("the memory request of {name} is {now}, approved was to change {}", change.from));
    }
    operations(target, memory)
}

fn at_its_place<'a>(memory: &MemoryChange, live: &'a Value) -> Option<&'a Value> {
    let containers = live.pointer("/spec/template/spec/containers")?.as_array()?;
    let container = containers.get(usize::try_from(memory.index).ok()?)?;
    (container.get("name")?.as_str()? == memory.container).then_some(container)
}

/// Whether the new limit, and the new request with it, stand on the workload.
pub(super) fn stands(memory: &MemoryChange, live: &Value) -> bool {
    let is = |of: &str, wanted: &str| {
        let now = at_its_place(memory, live)
            .and_then(|c| c.pointer(&format!("/resources/{of}/memory"))?.as_str())
            .and_then(bytes);
        now.is_some() && now == bytes(wanted)
    };
    is("limits", &memory.limit.to) && memory.request.as_ref().is_none_or(|r| is("requests", &r.to))
}

/// Where managedFields name the writer of what it writes.
pub(super) fn managed(memory: &MemoryChange) -> Vec<String> {
    let container = format!("k:{}", json!({"name": memory.container}));
    ["f:spec", "f:template", "f:spec", "f:containers", &container, "f:resources", "f:limits", "f:memory"]
        .map(str::to_owned)
        .to_vec()
}

/// What its write leaves.
pub(super) fn written(memory: &MemoryChange) -> ClusterCondition {
    ClusterCondition::MemoryLimitIs { container: memory.container.clone(), limit: memory.limit.to.clone() }
}

/// What a person would type for the same.
pub fn by_hand(target: &ObjectRef, memory: &MemoryChange) -> String {
    let request =
        memory.request.as_ref().map_or_else(String::new, |r| format!(" --requests=memory={}", r.to));
    format!(
        "kubectl -n {} set resources {}/{} -c {} --limits=memory={}{request}",
        target.namespace,
        target.kind.as_str().to_lowercase(),
        target.name,
        memory.container,
        memory.limit.to,
    )
}

/// The same action with its numbers exchanged.
pub fn inverse(target: &ObjectRef, memory: &MemoryChange) -> Inverse {
    let back = memory.reversed();
    Inverse {
        sentence: format!(
            "The limit {} can come back the same way, as a new proposal with its own votes. By hand: {}",
            back.limit.to,
            by_hand(target, &back)
        ),
        action: Some(Action::RaiseMemoryLimit { target: target.clone(), memory: back }),
    }
}

#[cfg(test)]
mod tests;
