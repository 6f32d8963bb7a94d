//! Everything that the API server says it serves: read from the server, so that no list of ours can lack anything.

use super::Cluster;
use anyhow::Context as _;
use serde_json::Value;

/// One resource, or one part of one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Served {
    /// `/api/v1`, `/apis/apps/v1`.
    pub api: String,
    /// Empty for the core group.
    pub group: String,
    /// `pods`, `pods/exec`.
    pub name: String,
    /// What the server says can be done with it.
    pub verbs: Vec<String>,
}

/// Of every group in every version.
pub async fn served(cluster: &Cluster) -> anyhow::Result<Vec<Served>> {
    let texts = |list: &Value, pointer: &str| -> Vec<String> {
        let all = list.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
        all.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect()
    };
    let mut apis: Vec<(String, String)> = texts(&cluster.get("/api").await?.ok()?, "/versions")
        .into_iter()
        .map(|version| (String::new(), format!("/api/{version}")))
        .collect();
    let groups = cluster.get("/apis").await?.ok()?;
    for group in groups.get("groups").and_then(Value::as_array).context("no groups")? {
        let name = group.get("name").and_then(Value::as_str).context("a group without a name")?;
        for version in group.get("versions").and_then(Value::as_array).into_iter().flatten() {
            let version = version.get("groupVersion").and_then(Value::as_str).context("no version")?;
            apis.push((name.to_owned(), format!("/apis/{version}")));
        }
    }
    let mut found = Vec::new();
    for (group, api) in apis {
        let answer = cluster.get(&api).await?;
        // Kinds of a test beside this one come and go.
        if answer.status == http::StatusCode::NOT_FOUND {
            continue;
        }
        for resource in answer.ok()?.get("resources").and_then(Value::as_array).into_iter().flatten() {
            let name = resource.get("name").and_then(Value::as_str).context("a resource without a name")?;
            let (api, group, name) = (api.clone(), group.clone(), name.to_owned());
            found.push(Served { api, group, name, verbs: texts(resource, "/verbs") });
        }
    }
    Ok(found)
}
