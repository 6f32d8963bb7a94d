//! The GitOps object that owns the workload: where its manifests come from, and whether it reverts live edits.

use super::answer::{Refusal, flag, list, object, text, word};
use super::{get, list_of, segment};
use nightshift_model::effect::Accept;
use nightshift_model::evidence::{GitOpsOwner, GitSource};
use nightshift_model::{Observed, RawPart, Read};
use serde_json::Value;

/// Where Applications stand when the tracking id does not say.
const ARGO_NAMESPACE: &str = "argocd";

pub(super) fn reads(owner: &GitOpsOwner) -> Vec<Read> {
    let (api, namespace, plural, name) = match owner {
        GitOpsOwner::ArgoCd { application, namespace } => {
            let namespace = if namespace.is_empty() { ARGO_NAMESPACE } else { namespace.as_str() };
            ("/apis/argoproj.io/v1alpha1", namespace, "applications", application)
        }
        GitOpsOwner::FluxKustomization { name, namespace } => {
            ("/apis/kustomize.toolkit.fluxcd.io/v1", namespace.as_str(), "kustomizations", name)
        }
        GitOpsOwner::FluxHelmRelease { name, namespace } => {
            ("/apis/helm.toolkit.fluxcd.io/v2", namespace.as_str(), "helmreleases", name)
        }
    };
    let path = list_of(api, namespace, plural).filter(|_| segment(name));
    get(path.map(|path| format!("{path}/{name}")), &[], Accept::Json)
}

pub(super) fn observe(parts: &[RawPart], owner: &GitOpsOwner) -> Result<Observed, Refusal> {
    let name = match owner {
        GitOpsOwner::ArgoCd { application, .. } => application,
        GitOpsOwner::FluxKustomization { name, .. } | GitOpsOwner::FluxHelmRelease { name, .. } => name,
    };
    let live = object(parts, 0, name, "")?;
    Ok(Observed::GitOps(match owner {
        GitOpsOwner::ArgoCd { .. } => argo(&live, owner),
        GitOpsOwner::FluxKustomization { .. } => kustomization(&live, owner),
        GitOpsOwner::FluxHelmRelease { .. } => helm_release(&live, owner),
    }))
}

fn argo(live: &Value, owner: &GitOpsOwner) -> GitSource {
    // An Application has one `source` or several `sources`; the first one is named then.
    let none = Value::Null;
    let source =
        live.pointer("/spec/source").or_else(|| list(live, "/spec/sources").first()).unwrap_or(&none);
    let path = first(&[text(source, "/path"), text(source, "/chart")]);
    let synced = list(live, "/status/sync/revisions").first().and_then(Value::as_str).unwrap_or_default();
    let automated = live.pointer("/spec/syncPolicy/automated");
    let enabled = automated.is_some_and(|a| a.get("enabled").and_then(Value::as_bool).unwrap_or(true));
    GitSource {
        owner: owner.clone(),
        reverts: enabled && flag(live, "/spec/syncPolicy/automated/selfHeal"),
        repository: word(text(source, "/repoURL")),
        path: word(path),
        revision: word(first(&[
            text(live, "/status/sync/revision"),
            synced,
            text(source, "/targetRevision"),
        ])),
    }
}

fn kustomization(live: &Value, owner: &GitOpsOwner) -> GitSource {
    GitSource {
        owner: owner.clone(),
        reverts: !flag(live, "/spec/suspend"),
        repository: source_ref(live, "/spec/sourceRef"),
        path: word(text(live, "/spec/path")),
        revision: word(text(live, "/status/lastAppliedRevision")),
    }
}

fn helm_release(live: &Value, owner: &GitOpsOwner) -> GitSource {
    let chart = text(live, "/spec/chart/spec/chart");
    let installed = list(live, "/status/history").first().map_or("", |h| text(h, "/chartVersion"));
    GitSource {
        owner: owner.clone(),
        reverts: !flag(live, "/spec/suspend") && text(live, "/spec/driftDetection/mode") == "enabled",
        repository: if chart.is_empty() {
            source_ref(live, "/spec/chartRef")
        } else {
            source_ref(live, "/spec/chart/spec/sourceRef")
        },
        path: word(chart),
        revision: word(first(&[installed, text(live, "/status/lastAttemptedRevision")])),
    }
}

/// `GitRepository name`, with its namespace where that is said.
fn source_ref(live: &Value, at: &str) -> String {
    let part = |field: &str| text(live, &format!("{at}/{field}"));
    let (kind, namespace, name) = (part("kind"), part("namespace"), part("name"));
    word(&if namespace.is_empty() { format!("{kind} {name}") } else { format!("{kind} {namespace}/{name}") })
}

fn first<'a>(texts: &[&'a str]) -> &'a str {
    texts.iter().copied().find(|text| !text.is_empty()).unwrap_or_default()
}
