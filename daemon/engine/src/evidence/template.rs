//! What a pod template asks for, as far as a rollback could change it.

use super::answer::{clean, entry, flag, list, text, word};
use crate::quantity;
use nightshift_model::evidence::Requests;
use serde_json::Value;
use std::collections::BTreeSet;

/// Most entries of one kind that are kept.
const MOST: usize = 50;

/// Init containers first.
fn containers(template: &Value) -> impl Iterator<Item = (&Value, bool)> {
    let init = list(template, "/spec/initContainers").iter().map(|c| (c, true));
    init.chain(list(template, "/spec/containers").iter().map(|c| (c, false)))
}

/// The service account, `default` when none is named.
pub(super) fn service_account(template: &Value) -> String {
    match (text(template, "/spec/serviceAccountName"), text(template, "/spec/serviceAccount")) {
        ("", "") => "default".to_owned(),
        ("", old) => word(old),
        (name, _) => word(name),
    }
}

/// `container=image`, init containers first.
pub(super) fn images(template: &Value) -> Vec<String> {
    // Each by itself: `auth=…` of a container named auth would read as a credential.
    let line = |c: &Value| format!("{}={}", word(text(c, "/name")), word(text(c, "/image")));
    containers(template).take(MOST).map(|(c, _)| line(c)).collect()
}

/// ConfigMaps and Secrets by name, as `ConfigMap name` and `Secret name`.
pub(super) fn references(template: &Value) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut add = |kind: &str, name: &str| {
        if !name.is_empty() {
            found.insert(word(&format!("{kind} {name}")));
        }
    };
    for (container, _) in containers(template) {
        for env in list(container, "/env") {
            add("ConfigMap", text(env, "/valueFrom/configMapKeyRef/name"));
            add("Secret", text(env, "/valueFrom/secretKeyRef/name"));
        }
        for source in list(container, "/envFrom") {
            add("ConfigMap", text(source, "/configMapRef/name"));
            add("Secret", text(source, "/secretRef/name"));
        }
    }
    for volume in list(template, "/spec/volumes") {
        add("ConfigMap", text(volume, "/configMap/name"));
        add("Secret", text(volume, "/secret/secretName"));
        add("Secret", text(volume, "/csi/nodePublishSecretRef/name"));
        for source in list(volume, "/projected/sources") {
            add("ConfigMap", text(source, "/configMap/name"));
            add("Secret", text(source, "/secret/name"));
        }
    }
    for secret in list(template, "/spec/imagePullSecrets") {
        add("Secret", text(secret, "/name"));
    }
    found.into_iter().take(MOST).collect()
}

/// Keys of ConfigMaps and Secrets without which a container does not start, as `ConfigMap name key`.
pub(super) fn keys(template: &Value) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut add = |kind: &str, source: &Value, name: &str, key: &str| {
        if !flag(source, "/optional") && !name.is_empty() && !key.is_empty() {
            found.insert(word(&format!("{kind} {name} {key}")));
        }
    };
    for (container, _) in containers(template) {
        for env in list(container, "/env") {
            for (kind, at) in
                [("ConfigMap", "/valueFrom/configMapKeyRef"), ("Secret", "/valueFrom/secretKeyRef")]
            {
                let Some(source) = env.pointer(at) else { continue };
                add(kind, source, text(source, "/name"), text(source, "/key"));
            }
        }
    }
    for volume in list(template, "/spec/volumes") {
        for source in std::iter::once(volume).chain(list(volume, "/projected/sources")) {
            for (kind, at, name) in [
                ("ConfigMap", "/configMap", "/name"),
                ("Secret", "/secret", "/secretName"),
                ("Secret", "/secret", "/name"),
            ] {
                let Some(source) = source.pointer(at) else { continue };
                for item in list(source, "/items") {
                    add(kind, source, text(source, name), text(item, "/key"));
                }
            }
        }
    }
    found.into_iter().take(MOST).collect()
}

/// What one pod asks of a node: all containers and sidecars at once, or the largest init container, with the overhead.
/// A request that is not written follows the limit.
pub(super) fn requests(template: &Value) -> Requests {
    let amount = |container: &Value, resource: &str| {
        let written = |of: &str| text(container, &format!("/resources/{of}/{resource}")).to_owned();
        let said = Some(written("requests")).filter(|t| !t.is_empty()).unwrap_or_else(|| written("limits"));
        let read = if resource == "cpu" { quantity::millis(&said) } else { quantity::bytes(&said) };
        read.unwrap_or(0)
    };
    let of = |resource: &str| {
        let (mut together, mut alone) = (0_u64, 0_u64);
        for (container, init) in containers(template) {
            let asks = amount(container, resource);
            if init && text(container, "/restartPolicy") != "Always" {
                alone = alone.max(together.saturating_add(asks));
            } else {
                together = together.saturating_add(asks);
            }
        }
        together.max(alone)
    };
    let more = |resource: &str| text(template, &format!("/spec/overhead/{resource}")).to_owned();
    Requests {
        cpu_milli: of("cpu").saturating_add(quantity::millis(&more("cpu")).unwrap_or(0)),
        memory: of("memory").saturating_add(quantity::bytes(&more("memory")).unwrap_or(0)),
    }
}

/// Host namespaces, privilege, added capabilities and host paths.
pub(super) fn privileges(template: &Value) -> Vec<String> {
    let mut found = BTreeSet::new();
    for name in ["hostNetwork", "hostPID", "hostIPC"] {
        if flag(template, &format!("/spec/{name}")) {
            found.insert(name.to_owned());
        }
    }
    for (container, _) in containers(template) {
        let name = text(container, "/name");
        if flag(container, "/securityContext/privileged") {
            found.insert(word(&format!("privileged {name}")));
        }
        for capability in list(container, "/securityContext/capabilities/add") {
            found.insert(word(&format!("capability {} {name}", capability.as_str().unwrap_or_default())));
        }
    }
    for volume in list(template, "/spec/volumes") {
        if volume.get("hostPath").is_some() {
            found.insert(word(&format!("hostPath {}", text(volume, "/hostPath/path"))));
        }
    }
    found.into_iter().take(MOST).collect()
}

/// Signs that the revision changes data which an older one may not read.
pub(super) fn migration_hints(template: &Value) -> Vec<String> {
    let mut hints = Vec::new();
    if entry(template, "/metadata/annotations", "nightshift.dev/migrates") == "true" {
        hints.push("annotation nightshift.dev/migrates".to_owned());
    }
    for (container, init) in containers(template) {
        let name = text(container, "/name");
        let says = |pointer: &str| list(container, pointer).iter().filter_map(Value::as_str).any(migrates);
        let what = if init && (migrates(name) || migrates(text(container, "/image"))) {
            "init container"
        } else if says("/command") {
            "command of container"
        } else if says("/args") {
            "arguments of container"
        } else {
            continue;
        };
        hints.push(clean(&format!("{what} {name}"), 100));
    }
    hints.truncate(MOST);
    hints
}

fn migrates(text: &str) -> bool {
    text.to_ascii_lowercase().contains("migrat")
}
