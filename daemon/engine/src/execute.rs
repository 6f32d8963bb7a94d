//! The executor's steps: preview, recheck, claim, send, recover. Each reads and writes through [`Wire`] and
//! answers with what it saw.

use crate::actions::{self, delete_pod, get, re_run_job};
use crate::protocol::{self, bytes, frame, mark_on, written_by_us};
use crate::seal::object;
use crate::wire::{HttpWrite, Wire};
use crate::{namespace, nodes};
use nightshift_model::effect::{Accept, RawPart, Read};
use nightshift_model::{
    Action, Draft, LiveTarget, Mark, NotChecked, ObjectRef, OpId, Plan, Preview, Recovered, Request, Sealed,
    Sent, Write,
};
use serde_json::Value;

/// Reads target and source and dry-runs the draft's request.
pub async fn preview<W: Wire>(wire: &W, draft: &Draft, op: &OpId) -> Preview {
    let (target, source) = target_and_source(wire, &draft.action).await;
    let autoscalers = autoscalers(wire, &draft.action).await;
    let namespace = wire.read(&namespace::read(&draft.action.target().namespace)).await;
    let around = around(wire, &draft.action, &draft.selector).await;
    let preview = dry_run(wire, &draft.action, &target, source.as_ref(), op).await;
    Preview { target, source, autoscalers, namespace, around, preview }
}

/// Re-reads everything that the approval rested on, and dry-runs again.
pub async fn recheck<W: Wire>(wire: &W, plan: &Plan) -> LiveTarget {
    let (target, source) = target_and_source(wire, &plan.action).await;
    let name = &plan.action.target().namespace;
    let pods = wire.read(&pods_of(name, &plan.preconditions.selector)).await;
    let namespace = wire.read(&namespace::read(name)).await;
    let autoscalers = autoscalers(wire, &plan.action).await;
    let nodes = nodes::look(wire).await;
    let around = around(wire, &plan.action, &plan.preconditions.selector).await;
    let preview = dry_run(wire, &plan.action, &target, source.as_ref(), &plan.op).await;
    LiveTarget { target, source, pods, autoscalers, namespace, around, nodes, preview, at: wire.now() }
}

/// The executor never sends a request that it did not build itself: a stored one must be exactly what the typed
/// action yields.
fn own(plan: &Plan) -> Result<(), String> {
    let same = crate::seal::request(&plan.action)? == plan.request;
    same.then_some(()).ok_or_else(|| "the stored request is not the one that the action yields".to_owned())
}

/// How often a claim is tried against a target whose status moves.
const CLAIMS: u32 = 5;

/// Sets the mark on the target, unless a newer attempt of the same operation has been there: a process that was
/// stopped for a while must not take a target back from the one that replaced it.
pub async fn claim<W: Wire>(wire: &W, plan: &Plan, mark: &Mark) -> Sent {
    if let Err(why) = own(plan) {
        return Sent::NotSent { why };
    }
    if !plan.action.marks() {
        return Sent::NotSent { why: "no mark belongs on what it is done to".to_owned() };
    }
    let mut last = Sent::NotSent { why: "the target does not stand still".to_owned() };
    for _ in 0..CLAIMS {
        let live = match object(&read(wire, get(plan.action.target())).await, "the target") {
            Ok(live) => live,
            Err(why) => return Sent::NotSent { why },
        };
        if let Some(newer) = mark_on(&live).filter(|stands| protocol::outranks(stands, mark)) {
            let newer = crate::text::visible(newer, 100);
            return Sent::NotSent { why: format!("a newer attempt has claimed the target ({newer})") };
        }
        last = protocol::sent(&wire.write(&request(plan, protocol::claim(plan, &live, mark))).await);
        // Something moved between the look and the claim; nothing was written.
        if !matches!(last, Sent::Refused { status: 409 | 422, .. }) {
            return last;
        }
    }
    last
}

/// Sends the one request of an operation. A body sealed by reference is built from the live object and compared
/// with the sealed hash first; a mismatch or a failed GET is [`Sent::NotSent`].
pub async fn send<W: Wire>(wire: &W, write: &Write) -> Sent {
    let plan = &write.plan;
    if let Err(why) = own(plan) {
        return Sent::NotSent { why };
    }
    if let Action::ReRunJob { target, version, body } = &plan.action {
        return create(wire, plan, &re_run_job::Approved { target, version, body: *body }).await;
    }
    let operations = match &plan.request.body {
        Sealed::Bytes(text) if !plan.action.marks() => {
            return match delete_pod::framed(text, &write.version) {
                Ok(body) => protocol::sent(&wire.write(&request(plan, body)).await),
                Err(why) => Sent::NotSent { why },
            };
        }
        Sealed::Bytes(text) => match serde_json::from_str::<Vec<Value>>(text) {
            Ok(operations) => operations,
            Err(_) => return Sent::NotSent { why: "the sealed body is not a JSON Patch".to_owned() },
        },
        Sealed::Reference { .. } => {
            let (target, source) = target_and_source(wire, &plan.action).await;
            match build(plan, &target, source.as_ref()) {
                Ok(operations) => operations,
                Err(why) => return Sent::NotSent { why },
            }
        }
    };
    protocol::sent(&wire.write(&request(plan, bytes(&frame(&operations, &write.mark)))).await)
}

/// Makes the one object of an operation. That its name is taken by this very operation means that an earlier request, whose
/// answer was lost, has made it.
async fn create<W: Wire>(wire: &W, plan: &Plan, approved: &re_run_job::Approved<'_>) -> Sent {
    let live = object(&read(wire, get(approved.target)).await, "the target");
    let body = live.and_then(|live| re_run_job::framed(approved, &live, &re_run_job::done(&plan.op)));
    let sent = match body {
        Ok(body) => protocol::sent(&wire.write(&request(plan, body)).await),
        Err(why) => return Sent::NotSent { why },
    };
    if !matches!(sent, Sent::Refused { status: 409, .. }) {
        return sent;
    }
    match look_for(wire, plan, approved.target).await {
        Recovered::Applied { resource_version } => Sent::Applied { status: 409, resource_version },
        Recovered::NotApplied | Recovered::Absent | Recovered::Unknown { .. } => sent,
    }
}

/// Looks for the Job that an operation makes.
async fn look_for<W: Wire>(wire: &W, plan: &Plan, failed: &ObjectRef) -> Recovered {
    re_run_job::found(failed, &plan.op, &read(wire, get(&re_run_job::made(failed))).await)
}

/// Finds out what became of a request, and bars any late one by raising the mark, where there is one.
pub async fn recover<W: Wire>(wire: &W, plan: &Plan, stale: &Mark, fresh: &Mark) -> Recovered {
    if let Err(why) = own(plan) {
        return Recovered::Unknown { why };
    }
    if let Action::DeletePod { target, .. } = &plan.action {
        return delete_pod::found(target, &read(wire, get(target)).await);
    }
    if let Action::ReRunJob { target, .. } = &plan.action {
        return look_for(wire, plan, target).await;
    }
    match look(plan, stale, &read(wire, get(plan.action.target())).await) {
        Look::Found(found) => return found,
        Look::Reclaim(live) => {
            let answer = wire.write(&request(plan, protocol::reclaim(plan, &live, stale, fresh))).await;
            match protocol::sent(&answer) {
                Sent::Applied { .. } => return Recovered::NotApplied,
                Sent::Refused { .. } => {} // something moved in between: look once more
                Sent::NotSent { why } | Sent::Unknown { why } => return Recovered::Unknown { why },
            }
        }
    }
    match look(plan, stale, &read(wire, get(plan.action.target())).await) {
        Look::Found(found) => found,
        Look::Reclaim(_) => Recovered::Unknown { why: "the target does not stand still".to_owned() },
    }
}

/// What a look at the target says about a lost request.
enum Look {
    Found(Recovered),
    Reclaim(Value),
}

fn look(plan: &Plan, stale: &Mark, part: &RawPart) -> Look {
    if matches!(part, RawPart::Body { status: 404, .. }) {
        return Look::Found(Recovered::Absent);
    }
    let live = match object(part, "the target") {
        Ok(live) => live,
        Err(why) => return Look::Found(Recovered::Unknown { why }),
    };
    let text = |pointer: &str| live.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    if text("/metadata/uid") != plan.preconditions.uid {
        return Look::Found(Recovered::Absent);
    }
    let mark = mark_on(&live);
    let stands = actions::stands(&plan.action, &live);
    if mark == Some(stale.done().as_str()) || (stands && written_by_us(plan, &live)) {
        return Look::Found(Recovered::Applied { resource_version: text("/metadata/resourceVersion") });
    }
    let old = crate::normal::spec_digest(&live, plan.preconditions.autoscaled) == plan.preconditions.spec;
    if mark == Some(stale.to_string().as_str()) && old {
        return Look::Reclaim(live);
    }
    let why = match (mark, stands) {
        (None, true) => format!(
            "{} stands there, but our mark is gone: somebody else may have written it",
            actions::subject(&plan.action)
        ),
        (None, false) => "our mark is gone: somebody replaced the object".to_owned(),
        (Some(_), _) if old => "the target carries a mark that this operation did not set".to_owned(),
        (Some(_), _) => "the target was changed by somebody else".to_owned(),
    };
    Look::Found(Recovered::Unknown { why })
}

/// LIST of a workload's pods.
pub(crate) fn pods_of(namespace: &str, selector: &str) -> Read {
    Read::Get {
        path: format!("/api/v1/namespaces/{namespace}/pods"),
        query: vec![
            ("labelSelector".to_owned(), selector.to_owned()),
            ("limit".to_owned(), "500".to_owned()),
        ],
        accept: Accept::Json,
    }
}

async fn target_and_source<W: Wire>(wire: &W, action: &Action) -> (RawPart, Option<RawPart>) {
    let target = read(wire, get(action.target())).await;
    let source = match actions::source(action) {
        Some(source) => Some(read(wire, get(source)).await),
        None => None,
    };
    (target, source)
}

async fn autoscalers<W: Wire>(wire: &W, action: &Action) -> RawPart {
    if !actions::scaled(action) {
        return RawPart::Failed {
            why: NotChecked::NotConfigured,
            detail: "no matter of this action".to_owned(),
        };
    }
    let path =
        format!("/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers", action.target().namespace);
    wire.read(&Read::Get { path, query: vec![("limit".to_owned(), "500".to_owned())], accept: Accept::Json })
        .await
}

async fn around<W: Wire>(wire: &W, action: &Action, selector: &str) -> Vec<RawPart> {
    let mut parts = Vec::new();
    for read in actions::around(action, selector) {
        parts.push(wire.read(&read).await);
    }
    parts
}

async fn dry_run<W: Wire>(
    wire: &W,
    action: &Action,
    target: &RawPart,
    source: Option<&RawPart>,
    op: &OpId,
) -> RawPart {
    let built = object(target, "the target").and_then(|live| {
        if let Action::DeletePod { target, .. } = action {
            return Ok(delete_pod::rehearsal(target));
        }
        if let Action::ReRunJob { target, version, body } = action {
            let approved = re_run_job::Approved { target, version, body: *body };
            return re_run_job::framed(&approved, &live, &re_run_job::rehearsed(op));
        }
        let source = source.map(|part| object(part, "the earlier revision")).transpose()?;
        Ok(protocol::preview(&actions::body(action, &live, source.as_ref())?, &live, op))
    });
    let (body, request) = match built.and_then(|body| Ok((body, crate::seal::request(action)?))) {
        Ok(both) => both,
        Err(detail) => return RawPart::Failed { why: NotChecked::Unreadable, detail },
    };
    let mut query = query(action);
    query.push(("dryRun".to_owned(), "All".to_owned()));
    let Request { method, path, content_type, .. } = request;
    wire.write(&HttpWrite { method, path, query, content_type, body }).await
}

fn build(plan: &Plan, target: &RawPart, source: Option<&RawPart>) -> Result<Vec<Value>, String> {
    let live = object(target, "the target")?;
    let source = source.map(|part| object(part, "the earlier revision")).transpose()?;
    if crate::normal::spec_digest(&live, plan.preconditions.autoscaled) != plan.preconditions.spec {
        return Err("the target's spec is no longer the one that was approved".to_owned());
    }
    actions::body(&plan.action, &live, source.as_ref())
}

fn request(plan: &Plan, body: Vec<u8>) -> HttpWrite {
    HttpWrite {
        method: plan.request.method.clone(),
        path: plan.request.path.clone(),
        query: query(&plan.action),
        content_type: plan.request.content_type.clone(),
        body,
    }
}

/// A delete has no field manager.
fn query(action: &Action) -> Vec<(String, String)> {
    match action {
        Action::DeletePod { .. } => Vec::new(),
        Action::RollbackDaemonSet { .. }
        | Action::RollbackDeployment { .. }
        | Action::RollbackStatefulSet { .. }
        | Action::RaiseMemoryLimit { .. }
        | Action::Restart { .. }
        | Action::ReRunJob { .. } => {
            vec![("fieldManager".to_owned(), actions::FIELD_MANAGER.to_owned())]
        }
    }
}

async fn read<W: Wire>(wire: &W, read: Option<Read>) -> RawPart {
    match read {
        Some(read) => wire.read(&read).await,
        None => {
            RawPart::Failed { why: NotChecked::Unreadable, detail: "the object has no address".to_owned() }
        }
    }
}

#[cfg(test)]
mod tests;
