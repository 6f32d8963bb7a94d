//! What a pod template may not gain by any write of the executor, whatever was approved: another service account, Secrets,
//! host namespaces, privilege, host paths. One table; the policy's expressions are made of it too.

use super::Refusal;
use serde_json::Value;
use std::collections::BTreeSet;

/// Fields of the pod spec that stay as they are.
pub const SAME: &[&str] = &["serviceAccountName", "serviceAccount"];

/// Something of which a template may have as much as before, and no more.
pub struct Power {
    /// In a refusal, before the name of what is new.
    pub what: &'static str,
    /// Where its names stand.
    pub places: &'static [Place],
}

/// Where names stand in a pod spec.
pub enum Place {
    /// A switch of the pod spec itself: its own name counts while it is on.
    Switch(&'static str),
    /// Entries of a list of the pod spec, and a path in each.
    Each(&'static str, &'static str),
    /// Entries of a list within the entries of a list of the pod spec, and a path in each.
    Within(&'static str, &'static str, &'static str),
    /// A switch of each container: the container's name counts while it is on.
    ContainerSwitch(&'static str),
    /// Entries of a list of each container, and a path in each. An empty path is the entry itself.
    InContainer(&'static str, &'static str),
}

/// The lists that hold containers.
pub const CONTAINERS: &[&str] = &["containers", "initContainers"];

/// Everything of which there may not be more.
pub static POWERS: &[Power] = &[
    Power {
        what: "Secret",
        places: &[
            Place::InContainer("env", "valueFrom.secretKeyRef.name"),
            Place::InContainer("envFrom", "secretRef.name"),
            Place::Each("volumes", "secret.secretName"),
            Place::Each("volumes", "csi.nodePublishSecretRef.name"),
            Place::Within("volumes", "projected.sources", "secret.name"),
            Place::Each("imagePullSecrets", "name"),
        ],
    },
    Power {
        what: "namespace of the node",
        places: &[Place::Switch("hostNetwork"), Place::Switch("hostPID"), Place::Switch("hostIPC")],
    },
    Power { what: "privileged container", places: &[Place::ContainerSwitch("securityContext.privileged")] },
    Power { what: "capability", places: &[Place::InContainer("securityContext.capabilities.add", "")] },
    Power { what: "path of the node", places: &[Place::Each("volumes", "hostPath.path")] },
];

/// Whether a pod template has no more power than the one that it replaces.
///
/// # Errors
/// [`Refusal::MorePower`] names what is new.
pub fn no_more(before: &Value, after: &Value) -> Result<(), Refusal> {
    let more = |what: String| Err(Refusal::MorePower { what });
    let spec = |template: &Value| template.get("spec").cloned().unwrap_or(Value::Null);
    let (before, after) = (spec(before), spec(after));
    for field in SAME {
        if before.get(field) != after.get(field) {
            return more((*field).to_owned());
        }
    }
    for power in POWERS {
        let known = names(&before, power.places);
        if let Some(new) = names(&after, power.places).difference(&known).next() {
            return more(format!("{} {new}", power.what));
        }
    }
    Ok(())
}

fn names(spec: &Value, places: &[Place]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let containers = || CONTAINERS.iter().flat_map(|list| entries(spec, list));
    for place in places {
        match place {
            Place::Switch(name) if on(spec, name) => {
                found.insert((*name).to_owned());
            }
            Place::Switch(_) => {}
            Place::Each(list, path) => found.extend(entries(spec, list).filter_map(|e| text(e, path))),
            Place::Within(list, inner, path) => found
                .extend(entries(spec, list).flat_map(|e| entries(e, inner)).filter_map(|e| text(e, path))),
            Place::ContainerSwitch(path) => {
                found.extend(containers().filter(|c| on(c, path)).filter_map(|c| text(c, "name")));
            }
            Place::InContainer(list, path) => {
                found.extend(containers().flat_map(|c| entries(c, list)).filter_map(|e| text(e, path)));
            }
        }
    }
    found.remove("");
    found
}

fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').filter(|part| !part.is_empty()).try_fold(value, |at, part| at.get(part))
}

fn entries<'a>(value: &'a Value, path: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    at(value, path).and_then(Value::as_array).into_iter().flatten()
}

fn on(value: &Value, path: &str) -> bool {
    at(value, path).and_then(Value::as_bool).unwrap_or(false)
}

fn text(value: &Value, path: &str) -> Option<String> {
    at(value, path)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests;
