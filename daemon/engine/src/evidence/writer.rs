//! Who wrote an object, as far as it says itself: managedFields, GitOps marks, the Helm release.

use super::answer::{entry, list, text, time, word};
use super::segment;
use nightshift_model::evidence::GitOpsOwner;
use nightshift_model::{ObjectRef, Timestamp};
use serde_json::Value;

pub(super) const ANNOTATIONS: &str = "/metadata/annotations";
const LABELS: &str = "/metadata/labels";
/// Our own field managers begin so.
pub(super) const OURS: &str = "nightshift";

/// When an object was written last, and by whom. What only moves its status does not count.
pub(super) fn written(object: &Value, target: &ObjectRef) -> Option<(Timestamp, Option<String>)> {
    let entries = list(object, "/metadata/managedFields").iter();
    let newest = entries
        .filter(|e| text(e, "/subresource").is_empty() && time(e, "/time").is_some())
        .max_by_key(|e| time(e, "/time"));
    let created = time(object, "/metadata/creationTimestamp");
    let at = newest.and_then(|e| time(e, "/time")).max(created)?;
    let manager = newest.map(|e| word(text(e, "/manager"))).filter(|m| !m.is_empty());
    let owner = gitops(object, target).map(|o| o.to_string());
    let owner = owner.or_else(|| helm(object, target).map(|release| format!("Helm release {release}")));
    let by = match (manager, owner) {
        (Some(manager), Some(owner)) => Some(format!("{manager} ({owner})")),
        (manager, owner) => manager.or(owner),
    };
    Some((at, by))
}

/// The GitOps object that proves to own it: Argo CD by a tracking id of this very object, Flux by its labels.
pub(super) fn gitops(live: &Value, target: &ObjectRef) -> Option<GitOpsOwner> {
    if let Some(owner) = argo(entry(live, ANNOTATIONS, "argocd.argoproj.io/tracking-id"), target) {
        return Some(owner);
    }
    let labelled = |system: &str| {
        let name = entry(live, LABELS, &format!("{system}.toolkit.fluxcd.io/name"));
        let namespace = entry(live, LABELS, &format!("{system}.toolkit.fluxcd.io/namespace"));
        (segment(name) && segment(namespace)).then(|| (name.to_owned(), namespace.to_owned()))
    };
    if let Some((name, namespace)) = labelled("kustomize") {
        return Some(GitOpsOwner::FluxKustomization { name, namespace });
    }
    labelled("helm").map(|(name, namespace)| GitOpsOwner::FluxHelmRelease { name, namespace })
}

/// Reads `<app>:<group>/<kind>:<namespace>/<name>`. A copied manifest carries a foreign id: that is no proof, and
/// neither is the label `app.kubernetes.io/instance`.
fn argo(tracking_id: &str, target: &ObjectRef) -> Option<GitOpsOwner> {
    let mut fields = tracking_id.splitn(3, ':');
    let (app, kind, object) = (fields.next()?, fields.next()?, fields.next()?);
    // The core group is written as nothing: `shop:/ConfigMap:shop/env`.
    let group =
        if target.kind.api().is_some_and(|(api, _)| api.starts_with("/apis/apps")) { "apps" } else { "" };
    let this_kind = kind == format!("{group}/{}", target.kind);
    let this_object = object == format!("{}/{}", target.namespace, target.name);
    // Applications outside Argo CD's own namespace are written `namespace_name`.
    let (namespace, application) = app.split_once('_').unwrap_or(("", app));
    let named = segment(application) && (namespace.is_empty() || segment(namespace));
    (this_kind && this_object && named)
        .then(|| GitOpsOwner::ArgoCd { application: application.to_owned(), namespace: namespace.to_owned() })
}

pub(super) fn helm(live: &Value, target: &ObjectRef) -> Option<String> {
    let name = entry(live, ANNOTATIONS, "meta.helm.sh/release-name");
    let managed = entry(live, LABELS, "app.kubernetes.io/managed-by") == "Helm";
    let namespace = match entry(live, ANNOTATIONS, "meta.helm.sh/release-namespace") {
        "" => &target.namespace,
        said => said,
    };
    (managed && !name.is_empty()).then(|| word(&format!("{namespace}/{name}")))
}
