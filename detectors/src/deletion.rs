//! Objects, namespaces among them, that are being deleted and do not go. Pods have rules of their own.

use crate::catalog::Looked;
use crate::facts::{ApiServiceFacts, Condition, Fact, Facts, NamespaceFacts, Truth};
use crate::look::Look;
use nightshift_model::{Cause, Finding, Kind, ObjectRef, Reason, Seconds, Severity};
use std::sync::Arc;

/// Finalizers that wait for dependents: those are reported, not what waits for them.
const WAITS_FOR_DEPENDENTS: &[&str] = &["foregroundDeletion", "orphan"];

/// Keeps a claim while a pod uses it, as it should.
const CLAIM_IN_USE: &str = "kubernetes.io/pvc-protection";

/// While it may be as it should: how soon it is looked at again.
const AGAIN: Seconds = Seconds(60);

/// Looks at one scope that is not a pod.
pub(crate) fn objects(at: &Look<'_>) -> Looked {
    if matches!(at.scope.kind, Kind::Pod | Kind::Event | Kind::EndpointSlice) {
        return Looked::default();
    }
    match at.view.get(at.scope) {
        Some(Fact::Namespace(namespace)) => of_namespace(at, namespace),
        Some(fact) => of_object(at, fact),
        None => Looked::default(),
    }
}

fn of_object(at: &Look<'_>, fact: &Fact) -> Looked {
    let meta = fact.meta();
    let Some(since) = meta.deleting else { return Looked::default() };
    let waits: Vec<&Arc<str>> =
        meta.finalizers.iter().filter(|name| !WAITS_FOR_DEPENDENTS.contains(&&***name)).collect();
    let around = at.view.by_name::<NamespaceFacts>("", &meta.namespace);
    if waits.is_empty() || around.is_some_and(NamespaceFacts::is_going) {
        return Looked::default();
    }
    let used = || at.view.pods_in(&meta.namespace).any(|pod| pod.claims.contains(&meta.name));
    if fact.kind() == Kind::PersistentVolumeClaim
        && waits.iter().all(|name| &***name == CLAIM_IN_USE)
        && used()
    {
        return Looked::later(at.now + AGAIN);
    }
    let grace = if fact.kind() == Kind::Node { at.params.slow_deletion } else { at.params.deletion };
    let due = since + grace;
    if at.now < due {
        return Looked::later(due);
    }
    let names: Vec<&str> = waits.iter().map(|name| &***name).collect();
    Looked::found(Finding {
        cause: Cause::Finalizer,
        detail: format!("nobody removes finalizer {}", names.join(", ")),
        ..at.finding(Reason::Terminating, Severity::Warning, since)
    })
}

fn of_namespace(at: &Look<'_>, namespace: &NamespaceFacts) -> Looked {
    let Some(since) = namespace.meta.deleting else { return Looked::default() };
    let held = |name: &str| namespace.holds.iter().find(|(own, _)| &**own == name).map(|(_, hold)| hold);
    let finalizers = held("NamespaceFinalizersRemaining").map(|hold| (Cause::Finalizer, hold, None));
    let discovery = || {
        let hold = held("NamespaceDeletionDiscoveryFailure")?;
        Some((Cause::Dependency, hold, broken_api(at)))
    };
    let content = || held("NamespaceDeletionContentFailure").map(|hold| (Cause::Unknown, hold, None));
    let told: Option<(Cause, &Condition, Option<ObjectRef>)> = finalizers.or_else(discovery).or_else(content);
    // Without one of these it is still at work: pods may end slowly.
    let due = since + if told.is_some() { at.params.deletion } else { at.params.slow_deletion };
    if at.now < due {
        return Looked::later(due);
    }
    let rest = held("NamespaceContentRemaining").map(|hold| (Cause::Unknown, hold, None));
    let (cause, words, blames) = match told.or(rest) {
        Some((cause, hold, blames)) => (cause, hold.message.to_string(), blames),
        None => (Cause::Unknown, String::new(), None),
    };
    let finding = at.finding(Reason::Terminating, Severity::Warning, since);
    Looked::found(Finding { cause, detail: words, blames, ..finding })
}

/// An aggregated API that does not answer: discovery fails with it.
fn broken_api(at: &Look<'_>) -> Option<ObjectRef> {
    let mut broken = at.view.all::<ApiServiceFacts>("").filter(|api| api.available.status == Truth::False);
    broken.next().map(Facts::object)
}
