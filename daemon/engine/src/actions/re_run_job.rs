//! Makes a failed Job anew: a copy of it under another name, once. The failed one stays as it is.

use super::{ActionFile, Right};
use crate::actions::CLAIM;
use crate::evidence::text;
use crate::normal::normal;
use crate::protocol::mark_on;
use crate::seal::{items, object};
use nightshift_model::effect::{Accept, RawPart, Read};
use nightshift_model::measure::ClusterCondition;
use nightshift_model::plan::Inverse;
use nightshift_model::rerun::{self, IDEMPOTENT, RERUN_OF};
use nightshift_model::{ActionKind, Digest, Epoch, Kind, Mark, ObjectRef, OpId, Recovered, digest_of};
use serde_json::{Map, Value, json};

/// What it is.
pub static FILE: ActionFile = ActionFile {
    kind: ActionKind::ReRunJob,
    version: 1,
    event: "ReranJob",
    rights: &[
        Right { group: "batch", resource: "jobs", verbs: &["create", "get", "list"] },
        Right { group: "", resource: "pods", verbs: &["list"] },
    ],
    apart: true,
    doc: "Makes one new Job with one POST: a copy of the failed one, with the label `nightshift.dev/rerun-of` (the uid of the \
          failed one) and a name that follows from that uid. A name can be taken once, so a Job is made anew once at most, \
          however often the request arrives. Sealed by reference to the failed Job's uid and resourceVersion and the SHA-256 of \
          the copy: the copy itself is never stored, because it may hold secrets. The failed Job is not written.\n\n\
          **Copied:** the spec, with the pod template, and the Job's labels. **Left out:** the selector and the four labels that \
          the Job controller sets, every annotation of the Job itself, and the labels by which Helm, Argo CD and Flux know their \
          own.\n\n\
          **Proposed only** for a Job that used its retries up (BackoffLimitExceeded) and on which its owner has set the annotation \
          `nightshift.dev/idempotent: \"true\"`: its work may be done twice. Not where the next run would end as the last one did: a \
          container that was out of memory, or whose program cannot be started.\n\n\
          **Refused:** a Job that anything else controls (a CronJob makes the next one itself, and its concurrency policy counts \
          no copy; a workflow engine has a way of its own); one that is suspended, that has a pod left that runs, or that sets \
          its own selector; one that was made anew before; one that is such a copy itself.\n\n\
          **Hazards:** what the failed run did is done again. The failed Job stays, and alerts that count failed Jobs fire until \
          somebody deletes it.\n\n\
          **An answer that is lost:** a Job of that name with our mark was made by this request; where none is, it was not, and \
          one that arrives late can only take the same name.\n\n\
          **Undone by:** nothing. What the new Job did stays done; `kubectl delete job` stops one that still runs.",
};

/// Labels that the API server and the Job controller set on a Job's pods, and on a Job without labels of its own.
const GENERATED: [&str; 4] =
    ["controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"];
/// Labels by which a tool knows what it made. What it did not make must not bear them: it might be removed.
const OF_TOOLS: [&str; 2] = ["app.kubernetes.io/managed-by", "app.kubernetes.io/instance"];
/// The same, by what they begin with or what stands before their slash.
const OF_TOOLS_DOMAINS: [&str; 3] = ["argocd.argoproj.io", "helm.sh", "toolkit.fluxcd.io"];

/// The Job that is made for a failed one.
pub fn made(target: &ObjectRef) -> ObjectRef {
    ObjectRef::new(Kind::Job, &target.namespace, &rerun::name(&target.name, &target.uid), "")
}

/// The copy, without the mark. Made of the failed Job, and again of what a dry run answers: both must yield the same.
fn copy(target: &ObjectRef, job: &Value) -> Value {
    let own = |labels: Option<&Value>| -> Map<String, Value> {
        let all = labels.and_then(Value::as_object).cloned().unwrap_or_default();
        all.into_iter().filter(|(key, _)| !GENERATED.contains(&key.as_str())).collect()
    };
    let mut labels = own(job.pointer("/metadata/labels"));
    labels.retain(|key, _| !is_of_a_tool(key));
    labels.insert(RERUN_OF.to_owned(), json!(target.uid));
    let mut spec = job.get("spec").cloned().unwrap_or(Value::Null);
    if let Some(fields) = spec.as_object_mut() {
        fields.remove("selector");
    }
    if let Some(template) = spec.pointer_mut("/template/metadata").and_then(Value::as_object_mut) {
        let kept = own(template.get("labels"));
        template.insert("labels".to_owned(), kept.into());
    }
    let made = made(target);
    normal(&json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": made.name, "namespace": made.namespace, "labels": labels},
        "spec": spec,
    }))
}

fn is_of_a_tool(key: &str) -> bool {
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    let of = |tool: &str| domain == tool || domain.strip_suffix(tool).is_some_and(|d| d.ends_with('.'));
    OF_TOOLS.contains(&key) || OF_TOOLS_DOMAINS.iter().any(|tool| of(tool))
}

/// SHA-256 of the copy.
pub fn digest(target: &ObjectRef, job: &Value) -> Digest {
    digest_of("nightshift/rerun/v1", &copy(target, job))
}

/// What the preconditions rest on: Jobs that were made of this one before.
pub(crate) fn around(target: &ObjectRef) -> Vec<Read> {
    vec![Read::Get {
        path: format!("/apis/batch/v1/namespaces/{}/jobs", target.namespace),
        query: vec![
            ("labelSelector".to_owned(), format!("{RERUN_OF}={}", target.uid)),
            ("limit".to_owned(), "1".to_owned()),
        ],
        accept: Accept::Metadata,
    }]
}

/// Whether its owner says that its work may be done twice.
pub(crate) fn is_idempotent(job: &Value) -> bool {
    let said = job.pointer("/metadata/annotations").and_then(|all| all.get(IDEMPOTENT));
    said.and_then(Value::as_str) == Some("true")
}

/// The reason of its condition Failed; empty while it has not failed.
pub(crate) fn failure(job: &Value) -> &str {
    condition(job, "Failed").map_or("", |c| match text(c, "/reason") {
        "" => "Failed",
        reason => reason,
    })
}

fn condition<'a>(job: &'a Value, kind: &str) -> Option<&'a Value> {
    let all = job.pointer("/status/conditions").and_then(Value::as_array)?;
    all.iter().find(|c| text(c, "/type") == kind && text(c, "/status") == "True")
}

/// What of a Job, and of those that were made of it, forbids to make it anew, whatever its owner says.
pub(crate) fn forbids(target: &ObjectRef, job: &Value, before: &[Value]) -> Vec<String> {
    let mut no = Vec::new();
    if let Some(owner) = job.pointer("/metadata/ownerReferences").and_then(|all| all.get(0)) {
        let (kind, name) = (text(owner, "/kind"), text(owner, "/name"));
        let who = crate::text::visible(&format!("{kind} {name}"), 120);
        no.push(format!("{who} makes {target}, and makes the next one itself"));
    }
    if !text(job, "/metadata/labels/nightshift.dev~1rerun-of").is_empty() {
        no.push(format!("{target} was made anew already: it is a copy of one that failed"));
    }
    if let Some(one) = before.first() {
        let name = crate::text::visible(text(one, "/metadata/name"), 120);
        no.push(format!("{target} was made anew before, as {name}"));
    }
    let flag = |pointer: &str| job.pointer(pointer).and_then(Value::as_bool).unwrap_or(false);
    if flag("/spec/suspend") {
        no.push(format!("{target} is suspended"));
    }
    if flag("/spec/manualSelector") {
        no.push(format!("{target} sets its own selector, which two Jobs must not share"));
    }
    let count = |pointer: &str| job.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let left = count("/status/active") + count("/status/terminating");
    if left > 0 {
        no.push(format!("{target} has pods that have not ended: {left}"));
    }
    no
}

/// What was approved.
pub(crate) struct Approved<'a> {
    pub(crate) target: &'a ObjectRef,
    pub(crate) version: &'a str,
    pub(crate) body: Digest,
}

/// Whether the failed Job, and what was made of it, is what was approved.
///
/// # Errors
/// One sentence that says what forbids it.
pub(super) fn fits(approved: &Approved<'_>, live: &Value, around: &[RawPart]) -> Result<(), String> {
    let target = approved.target;
    let uid = text(live, "/metadata/uid");
    if uid != target.uid {
        return Err(format!("{target} was replaced: uid {uid}, approved was {}", target.uid));
    }
    if live.pointer("/metadata/deletionTimestamp").is_some() {
        return Err(format!("{target} is being deleted"));
    }
    if text(live, "/metadata/resourceVersion") != approved.version {
        return Err(format!("{target} was written since it was looked at"));
    }
    if failure(live).is_empty() {
        return Err(format!("{target} has not failed"));
    }
    if !is_idempotent(live) {
        return Err(not_declared(target));
    }
    let [before] = around else { return Err("whether it was made anew before was not looked at".to_owned()) };
    let list = object(before, "the Jobs that were made of it")?;
    let before = items(&list, "the Jobs that were made of it")?;
    if let Some(why) = forbids(target, live, before).into_iter().next() {
        return Err(why);
    }
    if digest(target, live) != approved.body {
        return Err(format!("a copy of {target} would be another Job than the one that was approved"));
    }
    Ok(())
}

/// What is said where nobody knows whether the work may be done twice.
pub fn not_declared(target: &ObjectRef) -> String {
    format!("no annotation {IDEMPOTENT}: \"true\" on {target} says that its work may be done twice")
}

/// The bytes that are sent, with the mark on them.
///
/// # Errors
/// When the copy is not the approved one.
pub(crate) fn framed(approved: &Approved<'_>, live: &Value, mark: &str) -> Result<Vec<u8>, String> {
    let target = approved.target;
    if text(live, "/metadata/uid") != target.uid
        || text(live, "/metadata/resourceVersion") != approved.version
    {
        return Err(format!("{target} is no longer the one that was approved"));
    }
    let mut body = copy(target, live);
    if digest_of("nightshift/rerun/v1", &body) != approved.body {
        return Err(format!("a copy of {target} would be another Job than the one that was approved"));
    }
    if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("annotations".to_owned(), json!({CLAIM: mark}));
    }
    Ok(body.to_string().into_bytes())
}

/// The mark of a preview: a dry run stores nothing.
pub(crate) fn rehearsed(op: &OpId) -> String {
    Mark { op: op.clone(), epoch: Epoch(0), attempt: 0 }.to_string()
}

/// The mark that the new Job bears.
pub(crate) fn done(op: &OpId) -> String {
    Mark::first(op.clone(), Epoch(0)).done()
}

/// Takes the mark off what was sent.
pub fn unframed(body: &Value) -> Value {
    normal(body)
}

/// Whether what was sent is the copy that was sealed, and nothing else.
pub fn is_sealed(body: &Value, sealed: Digest) -> bool {
    let marks = body.pointer("/metadata/annotations").and_then(Value::as_object);
    marks.is_some_and(|all| all.len() == 1 && all.contains_key(CLAIM))
        && digest_of("nightshift/rerun/v1", &unframed(body)) == sealed
}

/// Whether a dry run answered with the copy that was asked for.
pub(super) fn answers(target: &ObjectRef, body: Digest, after: &Value) -> bool {
    let made = made(target);
    text(after, "/metadata/name") == made.name && digest(target, after) == body
}

/// The difference that people see: a Job that is not there, and then is.
pub(super) fn change(target: &ObjectRef) -> (Value, Value) {
    let made = made(target);
    (json!({}), json!({"metadata": {"name": made.name, "labels": {RERUN_OF: target.uid}}}))
}

/// What its write leaves.
pub(super) fn written(target: &ObjectRef) -> ClusterCondition {
    ClusterCondition::JobComplete { job: made(target), of: target.uid.clone() }
}

/// What became of a request whose answer was lost, from one look at the name. Where it is free nothing was made, and a
/// request that is still on its way and the next one can only take it once.
pub(crate) fn found(target: &ObjectRef, op: &OpId, part: &RawPart) -> Recovered {
    if matches!(part, RawPart::Body { status: 404, .. }) {
        return Recovered::NotApplied;
    }
    let made = made(target);
    let live = match object(part, &format!("{made}")) {
        Ok(live) => live,
        Err(why) => return Recovered::Unknown { why },
    };
    if mark_on(&live) == Some(done(op).as_str()) {
        return Recovered::Applied { resource_version: text(&live, "/metadata/resourceVersion").to_owned() };
    }
    Recovered::Unknown { why: format!("{made} is there, and bears no mark of this operation") }
}

/// What a person types for the same.
pub fn by_hand(target: &ObjectRef) -> String {
    let ObjectRef { namespace, name, .. } = target;
    format!(
        "kubectl -n {namespace} get job {name} -o json | jq 'del(.spec.selector, .spec.template.metadata.labels)' | \
         kubectl replace --force -f -"
    )
}

/// There is none.
pub fn inverse(target: &ObjectRef) -> Inverse {
    let made = made(target);
    Inverse {
        action: None,
        sentence: format!(
            "What the new Job does cannot be taken back. While it runs it can be stopped: kubectl -n {} delete job {}",
            made.namespace, made.name
        ),
    }
}

#[cfg(test)]
mod tests;
