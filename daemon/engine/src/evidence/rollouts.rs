//! The revisions of a workload, newest first, and what going back to each would change: ReplicaSets of a Deployment,
//! ControllerRevisions of a StatefulSet or DaemonSet.

use super::answer::{Refusal, entry, flag, items, list, number, text, time, word};
use super::{get, list_of, template};
use crate::actions::revision::kept;
use crate::difference::{difference, shown};
use crate::normal::{self, template_digest};
use nightshift_model::effect::Accept;
use nightshift_model::evidence::{RevisionChange, RevisionLine, Rollouts};
use nightshift_model::{Kind, ObjectRef, Observed, RawPart, Read};
use serde_json::{Value, json};

/// Revisions asked for: `revisionHistoryLimit` is 10 unless somebody raised it.
const LIMIT: &str = "50";
/// Earlier revisions that are compared with the current one.
const COMPARED: usize = 5;

pub(super) fn reads(target: &ObjectRef, selector: &str) -> Vec<Read> {
    let (_, plural) = holder(&target.kind).api().unwrap_or_default();
    let path = list_of("/apis/apps/v1", &target.namespace, plural).filter(|_| !selector.is_empty());
    get(path, &[("labelSelector", selector), ("limit", LIMIT)], Accept::Json)
}

pub(super) fn observe(parts: &[RawPart], target: &ObjectRef) -> Result<Observed, Refusal> {
    let mut sets: Vec<(u64, Value)> = items(parts, 0)?
        .into_iter()
        .filter(|set| owned(set, target))
        .map(|set| (revision(&set, target), set))
        .collect();
    sets.sort_by_key(|(number, set)| (std::cmp::Reverse(*number), text(set, "/metadata/name").to_owned()));
    let current = sets.first().map(|(_, set)| pods(set));
    let changes = sets
        .iter()
        .skip(1)
        .take(COMPARED)
        .filter_map(|(number, set)| {
            let changes = shown(&difference(current.as_ref()?, &pods(set)));
            Some(RevisionChange { number: *number, changes })
        })
        .collect();
    let revisions = sets.iter().map(|(number, set)| line(*number, set, target)).collect();
    Ok(Observed::Rollouts(Rollouts { revisions, changes }))
}

/// What holds the templates of a kind of workload.
fn holder(kind: &Kind) -> Kind {
    if matches!(kind, Kind::StatefulSet | Kind::DaemonSet) {
        Kind::ControllerRevision
    } else {
        Kind::ReplicaSet
    }
}

/// Whether the workload controls it. What only carries its labels does not count.
fn owned(set: &Value, target: &ObjectRef) -> bool {
    list(set, "/metadata/ownerReferences").iter().any(|owner| {
        let same = if target.uid.is_empty() {
            text(owner, "/name") == target.name
        } else {
            text(owner, "/uid") == target.uid
        };
        same && flag(owner, "/controller") && text(owner, "/kind") == target.kind.as_str()
    })
}

fn revision(set: &Value, target: &ObjectRef) -> u64 {
    if holder(&target.kind) == Kind::ControllerRevision {
        return set.get("revision").and_then(Value::as_u64).unwrap_or(0);
    }
    entry(set, "/metadata/annotations", "deployment.kubernetes.io/revision").parse().unwrap_or(0)
}

/// The label that its pods bear. A StatefulSet's name the revision, a DaemonSet's bear its hash.
fn borne(set: &Value, target: &ObjectRef) -> String {
    if target.kind == Kind::StatefulSet {
        return word(text(set, "/metadata/name"));
    }
    let label = if target.kind == Kind::DaemonSet { "controller-revision-hash" } else { "pod-template-hash" };
    word(entry(set, "/metadata/labels", label))
}

/// The template's normal form, where it stands in the workload.
fn pods(set: &Value) -> Value {
    let template = kept(set).as_ref().map(normal::template);
    json!({"spec": {"template": template}})
}

fn line(revision_number: u64, set: &Value, target: &ObjectRef) -> RevisionLine {
    let template = kept(set).unwrap_or_default();
    let pods = &template;
    let name = word(text(set, "/metadata/name"));
    RevisionLine {
        replica_set: ObjectRef::new(
            holder(&target.kind),
            &target.namespace,
            &name,
            &word(text(set, "/metadata/uid")),
        ),
        number: revision_number,
        template_hash: borne(set, target),
        template: template_digest(pods),
        created: time(set, "/metadata/creationTimestamp"),
        images: template::images(pods),
        service_account: template::service_account(pods),
        replicas: number(set, "/spec/replicas"),
        ready: number(set, "/status/readyReplicas"),
        references: template::references(pods),
        migration_hints: template::migration_hints(pods),
        privileges: template::privileges(pods),
        keys: template::keys(pods),
        requests: template::requests(pods),
    }
}
