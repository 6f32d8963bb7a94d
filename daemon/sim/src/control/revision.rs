//! ControllerRevisions: the history of StatefulSets and DaemonSets. Old ones are kept, whatever the limit says.
//! Source: k8s.io/kubernetes `pkg/controller/history`.

use serde_json::{Value, json};

use super::{owner, owner_reference};
use crate::Sim;
use crate::kind::CONTROLLER_REVISION;
use crate::managed::By;
use crate::value::{canonical, int, put, suffix, text};

const MANAGER: &str = "kube-controller-manager";
/// The label that pods bear: of a StatefulSet the revision's name, of a DaemonSet its hash.
pub(super) const BORNE: &str = "controller-revision-hash";

impl Sim {
    /// Name and hash of the revision of a workload's present template: found and made the newest, or made.
    pub(super) fn snapshot(&mut self, workload: &Value, label: &str) -> Option<(String, String)> {
        let mut template = workload.pointer("/spec/template")?.clone();
        put(&mut template, &["$patch"], "replace");
        let data = json!({"spec": {"template": template}});
        let (ns, uid) = (text(workload, "/metadata/namespace"), text(workload, "/metadata/uid"));
        let all: Vec<_> = self
            .store
            .scan(&CONTROLLER_REVISION, Some(ns))
            .filter(|(_, one)| owner(one).is_some_and(|owner| text(owner, "/uid") == uid))
            .map(|(key, one)| (key.clone(), one.clone()))
            .collect();
        let number = |one: &Value| int(one, "/revision").unwrap_or(0);
        let newest = all.iter().map(|(_, one)| number(one)).max().unwrap_or(0);
        if let Some((key, found)) = all.iter().find(|(_, one)| one.get("data") == Some(&data)) {
            if number(found) < newest {
                self.edit(&CONTROLLER_REVISION, key, &By::controller(MANAGER), |one| {
                    put(one, &["revision"], newest + 1);
                });
            }
            let labels = found.pointer("/metadata/labels");
            let hash = labels.and_then(|all| all.get(label)?.as_str()).unwrap_or_default().to_owned();
            return Some((key.name.clone(), hash));
        }
        let hash = suffix(&[&canonical(&data), uid], 10);
        let name = format!("{}-{hash}", text(workload, "/metadata/name"));
        let mut labels =
            workload.pointer("/spec/template/metadata/labels").cloned().unwrap_or_else(|| json!({}));
        put(&mut labels, &[label], hash.as_str());
        let mut made = json!({"metadata": {"name": name, "namespace": ns, "labels": labels,
            "ownerReferences": [owner_reference(workload)]}, "data": data, "revision": newest + 1});
        crate::value::copy(workload, &mut made, &["metadata", "annotations"]);
        self.create(&CONTROLLER_REVISION, made, &By::controller(MANAGER)).ok()?;
        Some((name, hash))
    }
}

/// A pod of a workload's template.
pub(super) fn member(workload: &Value, name: &str, revision: &str) -> Value {
    let mut pod = workload.pointer("/spec/template").cloned().unwrap_or_default();
    put(&mut pod, &["metadata", "name"], name);
    put(&mut pod, &["metadata", "namespace"], text(workload, "/metadata/namespace"));
    put(&mut pod, &["metadata", "ownerReferences"], json!([owner_reference(workload)]));
    put(&mut pod, &["metadata", "labels", BORNE], revision);
    pod
}
