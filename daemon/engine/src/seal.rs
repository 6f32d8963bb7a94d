//! From a draft and its preview to the exact bytes that people approve.

use crate::actions::{self, FIELD_MANAGER};
use crate::difference::{difference, difference_digest, shown};
use crate::normal::{normal, spec_digest};
use crate::rules::Rules;
use nightshift_model::effect::RawPart;
use nightshift_model::plan::{PLAN_VERSION, Preconditions};
use nightshift_model::{
    Action, Actor, Draft, Incident, OpId, Plan, Preview, Proposal, Request, Role, Timestamp,
};
use serde_json::Value;

/// Seals a draft, or says why it cannot be sealed.
///
/// # Errors
/// One sentence.
pub fn seal(
    incident: &Incident,
    draft: &Draft,
    op: &OpId,
    preview: &Preview,
    rules: &Rules,
    now: Timestamp,
) -> Result<Proposal, String> {
    let target = draft.action.target();
    let live = object(&preview.target, &format!("{target}"))?;
    if live.pointer("/metadata/deletionTimestamp").is_some() {
        return Err(format!("{target} is being deleted"));
    }
    crate::namespace::stays(&preview.namespace, &target.namespace)?;
    let source = preview.source.as_ref().map(|part| object(part, "the earlier revision")).transpose()?;
    actions::fits(&draft.action, &live, source.as_ref(), &preview.around)?;
    if actions::stands(&draft.action, &live) {
        return Err(format!("{} stands on the target already", actions::subject(&draft.action)));
    }
    let after = object(&preview.preview, "the dry run")?;
    if !actions::answers(&draft.action, &after) {
        return Err(
            "the API server would make something else of it than was asked: a webhook or a new default \
                    changes the template"
                .to_owned(),
        );
    }
    let autoscaled = autoscaled(&preview.autoscalers, &draft.action);
    let spec = spec_digest(&live, autoscaled);
    let generation = live.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
    let (before, after) = actions::change(&draft.action, live, after);
    let proposer = incident.asked_by.clone().map_or(Actor::Nightshift(Role::Responder), Actor::Person);
    let plan = Plan {
        version: PLAN_VERSION,
        cluster: rules.cluster.clone(),
        incident: incident.id.clone(),
        proposal: op.proposal(),
        op: op.clone(),
        playbook: draft.playbook.clone(),
        action_version: actions::file(draft.action.kind()).version,
        request: request(&draft.action)?,
        action: draft.action.clone(),
        shown: shown(&difference(&normal(&before), &normal(&after))),
        difference: difference_digest(&before, &after),
        preconditions: Preconditions {
            uid: target.uid.clone(),
            spec,
            generation,
            autoscaled,
            selector: draft.selector.clone(),
        },
        blast: draft.blast,
        cause: draft.cause.clone(),
        hazards: draft.hazards.clone(),
        risk: draft.risk,
        verification: draft.verification.clone(),
        inverse: draft.inverse.clone(),
        policy: rules.policy,
        evidence: draft.evidence.clone(),
        proposer,
        wish: incident.wished().cloned(),
        not_after: now + rules.registry.policy.open_for.get(draft.risk),
    };
    Ok(Proposal::seal(plan, now))
}

/// The literal request of an action. Responder and executor each build it themselves; a
/// stored one is only ever compared with it.
///
/// # Errors
/// When the target has no address, or the action may not be carried out.
pub fn request(action: &Action) -> Result<Request, String> {
    let target = action.target();
    let mut path = target.path().ok_or_else(|| format!("{target} has no address"))?;
    let body = actions::sealed(action)?;
    let (method, content_type) = match action {
        Action::DeletePod { .. } => ("DELETE", "application/json"),
        Action::ReRunJob { .. } => {
            // What is made is sent to where all of its kind are.
            path.truncate(path.rfind('/').unwrap_or(0));
            ("POST", "application/json")
        }
        Action::RollbackDaemonSet { .. }
        | Action::RollbackDeployment { .. }
        | Action::RollbackStatefulSet { .. }
        | Action::RaiseMemoryLimit { .. }
        | Action::Restart { .. } => ("PATCH", "application/json-patch+json"),
    };
    Ok(Request {
        method: method.to_owned(),
        path,
        content_type: content_type.to_owned(),
        field_manager: FIELD_MANAGER.to_owned(),
        body,
    })
}

/// Reads an object out of an answer.
pub(crate) fn object(part: &RawPart, what: &str) -> Result<Value, String> {
    match part {
        RawPart::Body { status, body, cut: false } if (200..300).contains(status) => {
            serde_json::from_slice(body).map_err(|_| format!("{what}: the answer is not JSON"))
        }
        RawPart::Body { cut: true, .. } => Err(format!("{what}: the answer is too large")),
        RawPart::Body { status, body, .. } => {
            Err(format!("{what}: {}", crate::protocol::status(*status, body).sentence()))
        }
        RawPart::Failed { why, detail } if detail.is_empty() => Err(format!("{what}: {}", why.clause())),
        RawPart::Failed { why, detail } => Err(format!("{what}: {} ({detail})", why.clause())),
    }
}

/// Whether condition Ready of a pod or a node is True. A kubelet that is silent leaves it Unknown, and what is new has none:
/// neither is Ready.
pub(crate) fn is_ready(object: &Value) -> bool {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    conditions.is_some_and(|all| all.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"))
}

/// The items of a list. Of an empty list of metadata the API server says `"items": null`.
pub(crate) fn items<'a>(list: &'a Value, what: &str) -> Result<&'a [Value], String> {
    let is_list = list.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match list.get("items") {
        Some(Value::Array(items)) => Ok(items),
        Some(Value::Null) if is_list => Ok(&[]),
        _ => Err(format!("{what}: the answer is no list")),
    }
}

/// Whether an autoscaler owns the target's replicas. Not knowing counts as not owned: then replicas are compared too.
pub(crate) fn autoscaled(part: &RawPart, action: &Action) -> bool {
    let Ok(list) = object(part, "the autoscalers") else { return false };
    let target = action.target();
    let scales = |hpa: &Value| {
        let field = |name: &str| hpa.pointer(&format!("/spec/scaleTargetRef/{name}")).and_then(Value::as_str);
        field("kind") == Some(target.kind.as_str()) && field("name") == Some(&target.name)
    };
    items(&list, "the autoscalers").is_ok_and(|items| items.iter().any(scales))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_action_is_one_request_to_one_address() {
        use nightshift_model::{
            ActionKind, Digest, Kind, MemoryChange, ObjectRef, QuantityChange, RevisionRef,
        };
        let object = |kind| ObjectRef::new(kind, "shop", "x", "uid-x");
        let (template, digest) = (Digest([7; 32]), Digest([8; 32]));
        let quantity = QuantityChange { from: "64Mi".to_owned(), to: "128Mi".to_owned() };
        let memory = MemoryChange { container: "app".to_owned(), index: 0, limit: quantity, request: None };
        let back = |kind: Kind| {
            let replica_set = object(Kind::ReplicaSet);
            let to = RevisionRef { replica_set, number: 1, template, images: Vec::new(), healthy_at: None };
            Action::rollback(object(kind), to).unwrap()
        };
        let (deployment, pod) = (object(Kind::Deployment), object(Kind::Pod));
        let apps = |plural: &str| ("PATCH", format!("/apis/apps/v1/namespaces/shop/{plural}/x"));
        let table = [
            (Action::RaiseMemoryLimit { target: deployment.clone(), memory }, apps("deployments")),
            (back(Kind::DaemonSet), apps("daemonsets")),
            (back(Kind::Deployment), apps("deployments")),
            (back(Kind::StatefulSet), apps("statefulsets")),
            (
                Action::DeletePod { target: pod, workload: deployment.clone(), alone: false },
                ("DELETE", "/api/v1/namespaces/shop/pods/x".to_owned()),
            ),
            (Action::Restart { target: deployment, at: Timestamp::EPOCH, template }, apps("deployments")),
            (
                Action::ReRunJob { target: object(Kind::Job), version: "7".to_owned(), body: digest },
                ("POST", "/apis/batch/v1/namespaces/shop/jobs".to_owned()),
            ),
        ];
        let kinds: Vec<ActionKind> = table.iter().map(|(action, _)| action.kind()).collect();
        assert_eq!(kinds, ActionKind::ALL);
        for (action, (method, path)) in table {
            let made = request(&action).unwrap();
            assert_eq!((made.method.as_str(), &made.path), (method, &path), "{action:?}");
        }
    }

    #[test]
    fn an_empty_list_of_metadata_has_null_for_its_items() {
        let empty = json!({"kind": "PartialObjectMetadataList", "metadata": {}, "items": null});
        assert_eq!(items(&empty, "x"), Ok(&[][..]));
        assert_eq!(items(&json!({"kind": "NodeList", "items": [1]}), "x").map(<[Value]>::len), Ok(1));
        for bad in
            [json!({"kind": "Deployment"}), json!({"items": null}), json!({"kind": "NodeList", "items": {}})]
        {
            assert_eq!(items(&bad, "x"), Err("x: the answer is no list".to_owned()), "{bad}");
        }
    }
}
