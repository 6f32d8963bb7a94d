//! Which kinds the API server has, and where they live: read from its own discovery.

use crate::lab::Cluster;
use anyhow::{Context as _, bail};
use serde_json::Value;
use std::sync::{Mutex, PoisonError};

/// A kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// `/api/v1` or `/apis/<group>/<version>`.
    pub base: String,
    /// `v1` or `<group>/<version>`.
    pub version: String,
    /// As in a manifest.
    pub kind: String,
    /// As in a path.
    pub plural: String,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
    /// Other names that people use.
    names: Vec<String>,
}

impl Resource {
    /// The path of its objects in a namespace.
    pub fn collection(&self, namespace: &str) -> String {
        if self.namespaced {
            format!("{}/namespaces/{namespace}/{}", self.base, self.plural)
        } else {
            format!("{}/{}", self.base, self.plural)
        }
    }
}

/// Every kind that is known so far.
#[derive(Debug, Default)]
pub struct Kinds {
    known: Mutex<Vec<Resource>>,
}

impl Kinds {
    /// The kind of a manifest.
    pub async fn of_manifest(&self, cluster: &Cluster, object: &Value) -> anyhow::Result<Resource> {
        let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (version, kind) = (text("apiVersion"), text("kind"));
        let is = |r: &&Resource| r.version == version && r.kind == kind;
        if let Some(found) = self.known.lock().unwrap_or_else(PoisonError::into_inner).iter().find(is) {
            return Ok(found.clone());
        }
        // One that was just defined: its own version is asked, not all there are.
        let base = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
        let new = served(cluster, &base).await?;
        if let Some(found) = new.iter().find(is) {
            let found = found.clone();
            self.known.lock().unwrap_or_else(PoisonError::into_inner).extend(new);
            return Ok(found);
        }
        bail!("the API server has no kind {version} {kind}")
    }

    /// The kind that a person means by `deployment`, `pods`, `pvc` or `rollouts.argoproj.io`.
    pub async fn of_word(&self, cluster: &Cluster, word: &str) -> anyhow::Result<Resource> {
        let (name, group) = word.split_once('.').unwrap_or((word, ""));
        self.find(cluster, word, |r| {
            r.names.iter().any(|n| n == name) && (group.is_empty() || r.version.starts_with(group))
        })
        .await
    }

    /// A kind may be newer than what is known: then the API server is asked again.
    async fn find(
        &self,
        cluster: &Cluster,
        what: &str,
        wanted: impl Fn(&Resource) -> bool,
    ) -> anyhow::Result<Resource> {
        for ask in [false, true] {
            if ask {
                let all = discover(cluster).await?;
                *self.known.lock().unwrap_or_else(PoisonError::into_inner) = all;
            }
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(found) = known.iter().find(|r| wanted(r)) {
                return Ok(found.clone());
            }
        }
        bail!("the API server has no kind {what}")
    }
}

async fn discover(cluster: &Cluster) -> anyhow::Result<Vec<Resource>> {
    let groups = cluster.get("/apis").await?.ok()?;
    let mut bases = vec!["/api/v1".to_owned()];
    for group in groups.get("groups").and_then(Value::as_array).into_iter().flatten() {
        // The preferred version first: a word means that one.
        let preferred = group.pointer("/preferredVersion/groupVersion").and_then(Value::as_str);
        let all = group.get("versions").and_then(Value::as_array).into_iter().flatten();
        let others = all
            .filter_map(|v| v.get("groupVersion").and_then(Value::as_str))
            .filter(|v| Some(*v) != preferred);
        bases.extend(preferred.into_iter().chain(others).map(|version| format!("/apis/{version}")));
    }
    let mut found = Vec::new();
    for base in bases {
        found.extend(served(cluster, &base).await?);
    }
    Ok(found)
}

/// The kinds of one version. An API whose server is away has none.
async fn served(cluster: &Cluster, base: &str) -> anyhow::Result<Vec<Resource>> {
    let Ok(list) = cluster.get(base).await?.ok() else { return Ok(Vec::new()) };
    let version = base.trim_start_matches("/apis/").trim_start_matches("/api/");
    let resources = list.get("resources").and_then(Value::as_array).context("no resources")?;
    Ok(resources.iter().filter_map(|entry| resource(entry, base, version)).collect())
}

fn resource(entry: &Value, base: &str, version: &str) -> Option<Resource> {
    let text = |field: &str| entry.get(field).and_then(Value::as_str).map(str::to_owned);
    let (plural, kind) = (text("name")?, text("kind")?);
    if plural.contains('/') {
        return None;
    }
    let short = entry.get("shortNames").and_then(Value::as_array).into_iter().flatten();
    let mut names: Vec<String> = short.filter_map(Value::as_str).map(str::to_owned).collect();
    names.extend([plural.clone(), kind.to_lowercase()]);
    names.extend(text("singularName").filter(|name| !name.is_empty()));
    Some(Resource {
        base: base.to_owned(),
        version: version.to_owned(),
        kind,
        plural,
        namespaced: entry.get("namespaced").and_then(Value::as_bool).unwrap_or(false),
        names,
    })
}
