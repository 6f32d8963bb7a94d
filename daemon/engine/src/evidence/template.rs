//! What a pod template asks for, as far as a rollback could change it.

use super::answer::{clean, entry, flag, list, text, word};
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
