//! Is the target still what was approved, and still broken? Judged right before the claim.

use crate::actions;
use crate::difference::difference_digest;
use crate::normal::spec_digest;
use crate::seal::{autoscaled, is_ready, object};
use crate::{namespace, nodes};
use nightshift_model::finding::Reason;
use nightshift_model::{Action, LiveFacts, LiveTarget, Plan, Seconds, Timestamp};
use serde_json::Value;

/// Compares what the executor read with what was sealed. `symptom` is what must still be seen: `None` for what a person
/// asked for, which no symptom stands behind.
///
/// # Errors
/// One sentence that says what differs.
pub fn recheck(
    plan: &Plan,
    symptom: Option<Reason>,
    live: &LiveTarget,
    symptom_within: Seconds,
) -> Result<LiveFacts, String> {
    let target = plan.action.target();
    let now = object(&live.target, &format!("{target}"))?;
    let text = |pointer: &str| now.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    if text("/metadata/uid") != plan.preconditions.uid {
        return Err(format!("{target} was deleted and created again since the approval"));
    }
    if now.pointer("/metadata/deletionTimestamp").is_some() {
        return Err(format!("{target} is being deleted"));
    }
    let autoscaled = autoscaled(&live.autoscalers, &plan.action) || plan.preconditions.autoscaled;
    if spec_digest(&now, plan.preconditions.autoscaled) != plan.preconditions.spec {
        let hint = if autoscaled && !plan.preconditions.autoscaled {
            " (an autoscaler owns its replicas now)"
        } else {
            ""
        };
        return Err(format!("{target} was changed since the approval{hint}: its spec differs"));
    }
    if actions::stands(&plan.action, &now) {
        return Err(format!("{} stands on the target already", actions::subject(&plan.action)));
    }
    let source = live.source.as_ref().map(|part| object(part, "the earlier revision")).transpose()?;
    actions::fits(&plan.action, &now, source.as_ref(), &live.around)?;
    match symptom {
        None => {}
        Some(reason) => symptom_stands(&plan.action, reason, &live.pods, live.at, symptom_within)?,
    }
    namespace::stays(&live.namespace, &target.namespace)?;
    nodes::calm(&live.nodes)?;
    let after = object(&live.preview, "the dry run")?;
    if !actions::answers(&plan.action, &after) {
        return Err("the dry run answers something else than was asked for".to_owned());
    }
    let resource_version = text("/metadata/resourceVersion").to_owned();
    let (before, after) = actions::change(&plan.action, now, after);
    let difference = difference_digest(&before, &after);
    if difference != plan.difference {
        return Err("the dry run answers another difference than the one that was approved".to_owned());
    }
    Ok(LiveFacts { uid: plan.preconditions.uid.clone(), resource_version, difference, at: live.at })
}

/// Seen by the executor itself: what was wrong when the plan was made is wrong now.
///
/// # Errors
/// That it is gone, or cannot be seen.
pub(crate) fn symptom_stands(
    action: &Action,
    reason: Reason,
    pods: &nightshift_model::RawPart,
    now: Timestamp,
    within: Seconds,
) -> Result<(), String> {
    // That the Job has failed is read from the Job itself, before this: its pods may be gone.
    if let Action::ReRunJob { .. } = action {
        return Ok(());
    }
    let mut staying = staying(pods)?;
    if let Action::DeletePod { target, .. } = action {
        staying.retain(|pod| pod.pointer("/metadata/uid").and_then(Value::as_str) == Some(&target.uid));
    }
    if matches!(reason, Reason::CrashLoopBackOff | Reason::OOMKilled) {
        return crash_looping(&staying, now, within);
    }
    if staying.is_empty() || !staying.iter().all(is_ready) {
        return Ok(());
    }
    let who = if action.marks() { "every pod" } else { "the pod" };
    Err(format!("the symptom is gone ({reason}): {who} is Ready"))
}

/// The target's pods that nobody deletes.
fn staying(pods: &nightshift_model::RawPart) -> Result<Vec<Value>, String> {
    let list = object(pods, "the target's pods")?;
    let mut items = list.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    items.retain(|pod| pod.pointer("/metadata/deletionTimestamp").is_none());
    Ok(items)
}

/// A container waits in a crash loop, or ended within the last two back-off periods.
/// A container that happens to be running between two crashes still counts.
fn crash_looping(staying: &[Value], now: Timestamp, within: Seconds) -> Result<(), String> {
    let containers = staying.iter().flat_map(|pod| {
        ["initContainerStatuses", "containerStatuses"]
            .iter()
            .filter_map(|list| pod.get("status")?.get(*list)?.as_array())
            .flatten()
            .collect::<Vec<_>>()
    });
    let broken = |status: &&Value| {
        let waiting = status.pointer("/state/waiting/reason").and_then(Value::as_str);
        let restarts = status.get("restartCount").and_then(Value::as_u64).unwrap_or(0);
        let gap = Seconds((10_u64 << restarts.saturating_sub(1).min(5)).min(300) * 2);
        let ended = ["/lastState/terminated/finishedAt", "/state/terminated/finishedAt"]
            .iter()
            .filter_map(|p| status.pointer(p)?.as_str()?.parse::<Timestamp>().ok())
            .max();
        waiting == Some("CrashLoopBackOff")
            || (restarts > 0 && ended.is_some_and(|at| now.since(at) <= within.max(gap)))
    };
    let mut all = containers.peekable();
    if all.peek().is_none() {
        return Err("the symptom cannot be seen: the target has no pods".to_owned());
    }
    all.any(|s| broken(&s))
        .then_some(())
        .ok_or_else(|| "the symptom is gone: no container crash-loops any more".to_owned())
}
