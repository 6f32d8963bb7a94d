//! The contract with the API server: one table of requests, put to the simulated and to the real one.
//!
//! `want` is what a real API server (1.35.4) answered; rows are those of the write protocol, and what the watches
//! and lists rest on. Whoever answers differently, in status, reason, fields that changed or owners of fields, is
//! wrong: the simulator, or our knowledge.

mod rows;
pub mod watches;

pub use rows::ROWS;

use crate::lab::{Cluster, within};
use anyhow::{Context as _, ensure};
use http::Method;
use nightshift_model::{Kind, ObjectRef};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// One request about a workload of its own, which has no pods and stands still.
#[derive(Debug)]
pub struct Row {
    /// The workload's kind.
    pub kind: &'static str,
    /// What is asked, for people.
    pub name: &'static str,
    /// The method.
    pub method: &'static str,
    /// Behind the workload's path: a subresource, a query. Begins with `=` when it is a whole path.
    pub target: &'static str,
    /// The type of the body.
    pub content: &'static str,
    /// The body. `$uid`, `$rv`, `$stale`, `$name`, `$ns` and `$template` stand for the object's own.
    pub body: &'static str,
    /// Status and reason of the Status object.
    pub want: (u16, &'static str),
    /// Whether the simulator says 501 instead: it does not know this request, and says so.
    pub unknown_to_sim: bool,
}

/// What a server answered to a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The status.
    pub status: u16,
    /// `reason` of the Status object; empty for objects.
    pub reason: String,
    /// What differs in the stored object, and what stands there now; without status, version and owners.
    pub changed: BTreeSet<String>,
    /// Whether the stored object has a new resourceVersion.
    pub moved: bool,
    /// Managers that own something, with their subresource.
    pub managers: BTreeSet<String>,
}

/// Puts every row to a server. `namespace` must exist.
pub async fn observe(server: &Cluster, namespace: &str) -> anyhow::Result<Vec<Observed>> {
    let mut all = Vec::new();
    for (n, row) in ROWS.iter().enumerate() {
        let name = format!("row-{n}");
        all.push(one(server, namespace, &name, row).await.with_context(|| row.name)?);
    }
    Ok(all)
}

/// Every disagreement of what was observed with the table.
pub fn against_table(all: &[Observed], simulated: bool) -> Vec<String> {
    let wanted = |row: &Row| if simulated && row.unknown_to_sim { (501, "NotImplemented") } else { row.want };
    let pairs = ROWS.iter().zip(all);
    pairs
        .filter(|(row, seen)| wanted(row) != (seen.status, seen.reason.as_str()))
        .map(|(row, seen)| {
            format!("{}: wanted {:?}, got ({}, {:?})", row.name, wanted(row), seen.status, seen.reason)
        })
        .collect()
}

/// Every disagreement of two servers.
pub fn between(sim: &[Observed], real: &[Observed]) -> Vec<String> {
    let rows = ROWS.iter().zip(sim).zip(real).filter(|((row, _), _)| !row.unknown_to_sim);
    rows.filter(|((_, sim), real)| sim != real)
        .map(|((row, sim), real)| format!("{}:\n  sim  {sim:?}\n  real {real:?}", row.name))
        .collect()
}

async fn one(server: &Cluster, namespace: &str, name: &str, row: &Row) -> anyhow::Result<Observed> {
    let object = ObjectRef::new(Kind::parse(row.kind), namespace, name, "");
    let path = object.path().context("no path")?;
    let (collection, _) = path.rsplit_once('/').context("no collection")?;
    let manifest = manifest(row.kind, namespace, name);
    let made = server.create(&format!("{collection}?fieldManager=maker"), &manifest).await?;
    // A second version, so that the first one is stale.
    let touch = json!({"metadata": {"labels": {"touched": "yes"}}}).to_string();
    let touched = (Some(("application/merge-patch+json", touch)), format!("{path}?fieldManager=toucher"));
    server.send(Method::PATCH, &touched.1, touched.0).await?.ok()?;
    let before = settled(server, &path).await?;

    let text = |object: &Value, pointer: &str| {
        object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let fill = |template: &str| {
        template
            .replace("$uid", &text(&before, "/metadata/uid"))
            .replace("$rv", &text(&before, "/metadata/resourceVersion"))
            .replace("$stale", &text(&made, "/metadata/resourceVersion"))
            .replace("$template", &before.pointer("/spec/template").unwrap_or(&Value::Null).to_string())
            .replace("$name", name)
            .replace("$ns", namespace)
    };
    let target = match row.target.strip_prefix('=') {
        Some(whole) => fill(whole),
        None => format!("{path}{}", fill(row.target)),
    };
    let body = (!row.content.is_empty()).then(|| (row.content, fill(row.body)));
    let answer = server.send(row.method.parse()?, &target, body).await?;
    let after = server.get(&path).await?;
    let after = if after.status.is_success() { after.body } else { Value::Null };
    let mut changed = BTreeSet::new();
    differences(&visible(&before), &visible(&after), "", &mut changed);
    let failed = answer.body.get("kind").and_then(Value::as_str) == Some("Status");
    Ok(Observed {
        status: answer.status.as_u16(),
        reason: if failed { text(&answer.body, "/reason") } else { String::new() },
        changed,
        moved: text(&before, "/metadata/resourceVersion") != text(&after, "/metadata/resourceVersion"),
        managers: managers(&after),
    })
}

/// Waits until the controllers have nothing more to write to an object.
async fn settled(server: &Cluster, path: &str) -> anyhow::Result<Value> {
    within(Duration::from_secs(30), "an object that stands still", async || {
        let first = server.get(path).await?.ok()?;
        let seen = |o: &Value, p: &str| o.pointer(p).and_then(Value::as_u64);
        // A Job's controller does not say what it has seen.
        let counts = first.get("kind").and_then(Value::as_str) != Some("Job");
        if counts && seen(&first, "/status/observedGeneration") != seen(&first, "/metadata/generation") {
            return Ok(None);
        }
        nightshift::clock::Clock::wall().sleep_real(Duration::from_millis(150)).await;
        let second = server.get(path).await?.ok()?;
        Ok((first == second).then_some(second))
    })
    .await
}

/// Sets a field of an object.
fn put(object: &mut Value, field: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
}

/// A workload that makes no pods.
fn manifest(kind: &str, namespace: &str, name: &str) -> Value {
    if kind == "Job" {
        let container = json!({"name": "app", "image": "localhost:5000/app:1"});
        return json!({
            "apiVersion": "batch/v1", "kind": kind, "metadata": {"name": name, "namespace": namespace},
            "spec": {"suspend": true, "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
        });
    }
    let container =
        json!({"name": "app", "image": "localhost:5000/app:1", "env": [{"name": "A", "value": "1"}]});
    let mut pod = json!({"containers": [container]});
    let mut spec = json!({"selector": {"matchLabels": {"app": name}}});
    let more = match kind {
        "StatefulSet" => json!({"replicas": 0, "serviceName": name}),
        // No node bears this label.
        "DaemonSet" => {
            put(&mut pod, "nodeSelector", json!({"nightshift.dev/contract": "nowhere"}));
            json!({})
        }
        _ => json!({"replicas": 0, "paused": true}),
    };
    put(&mut spec, "template", json!({"metadata": {"labels": {"app": name}}, "spec": pod}));
    for (field, value) in more.as_object().into_iter().flatten() {
        put(&mut spec, field, value.clone());
    }
    json!({
        "apiVersion": "apps/v1", "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "annotations": {"nightshift.dev/claim": "old:1.1"}},
        "spec": spec,
    })
}

/// An object without what every write moves, and what controllers write by themselves.
fn visible(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
        if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("resourceVersion");
            metadata.remove("managedFields");
        }
    }
    object
}

fn differences(before: &Value, after: &Value, at: &str, out: &mut BTreeSet<String>) {
    match (before, after) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
                let (x, y) = (a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null));
                differences(x, y, &format!("{at}/{}", key.replace('/', "~1")), out);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (n, (x, y)) in a.iter().zip(b).enumerate() {
                differences(x, y, &format!("{at}/{n}"), out);
            }
        }
        (a, b) if a != b => {
            out.insert(if at.is_empty() { "gone".to_owned() } else { format!("{at} = {b}") });
        }
        _ => {}
    }
}

/// Who owns what, as far as the write protocol asks: spec, template, the mark.
fn managers(object: &Value) -> BTreeSet<String> {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    let field =
        |entry: &Value, name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    entries
        .into_iter()
        .flatten()
        .filter(|entry| field(entry, "subresource") != "status")
        .map(|entry| {
            let owns = [
                ("template", "/fieldsV1/f:spec/f:template"),
                ("replicas", "/fieldsV1/f:spec/f:replicas"),
                ("mark", "/fieldsV1/f:metadata/f:annotations/f:nightshift.dev~1claim"),
            ];
            let owned: Vec<_> =
                owns.iter().filter(|(_, p)| entry.pointer(p).is_some()).map(|(name, _)| *name).collect();
            format!("{} {} {:?}", field(entry, "manager"), field(entry, "subresource"), owned)
        })
        .collect()
}

/// Fails with every disagreement.
pub fn agree(what: &str, disagreements: &[String]) -> anyhow::Result<()> {
    ensure!(disagreements.is_empty(), "{what}:\n{}", disagreements.join("\n"));
    Ok(())
}

#[cfg(test)]
mod tests;
