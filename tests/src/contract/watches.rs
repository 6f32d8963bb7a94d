//! What watches and paged lists rest on: the streamed list with its bookmark, resuming, 410, pages.

use crate::lab::Cluster;
use anyhow::{Context as _, bail};
use futures::StreamExt as _;
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// A line of a watch comes within this, or the server has nothing to say.
const QUIET: Duration = Duration::from_secs(3);

/// What a server did, as lines that two servers can be compared by.
pub async fn observe(server: &Cluster, namespace: &str) -> anyhow::Result<Vec<String>> {
    let maps = format!("/api/v1/namespaces/{namespace}/configmaps");
    for name in ["w-a", "w-b", "w-c"] {
        server.create(&maps, &map(name)).await?;
    }
    let selected = format!("{maps}?labelSelector=contract%3Dwatch");
    let mut said = Vec::new();

    // Pages: three objects, two at a time; what is made between the pages is not in the second one.
    let first = server.get(&format!("{selected}&limit=2")).await?.ok()?;
    said.push(format!("first page: {}", page(&first)));
    server.create(&maps, &map("w-d")).await?;
    let token = first.pointer("/metadata/continue").and_then(Value::as_str).context("no continue token")?;
    let second = server.get(&format!("{selected}&limit=2&continue={token}")).await?.ok()?;
    said.push(format!("second page: {}", page(&second)));
    let same = version(&first) == version(&second);
    said.push(format!("both pages are of one version: {same}"));

    // The streamed list.
    let streaming =
        "watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
    let (status, lines) = watch(server, &format!("{selected}&{streaming}"), 5).await?;
    said.push(format!("streamed list: {status} {}", told(&lines)));
    let end = lines.last().and_then(|line| line.pointer("/object/metadata/resourceVersion")).cloned();
    let end = end.as_ref().and_then(Value::as_str).context("no version in the bookmark")?;

    // Resuming there: only what came since, and what left the selector is told as deleted.
    server.create(&maps, &map("w-e")).await?;
    let changed = json!({"data": {"a": "2"}}).to_string();
    let merge = "application/merge-patch+json";
    server.send(Method::PATCH, &format!("{maps}/w-a"), Some((merge, changed))).await?.ok()?;
    let unlabelled = json!({"metadata": {"labels": {"contract": "other"}}}).to_string();
    server.send(Method::PATCH, &format!("{maps}/w-b"), Some((merge, unlabelled))).await?.ok()?;
    server.send(Method::DELETE, &format!("{maps}/w-c"), None).await?.ok()?;
    let (status, lines) = watch(server, &format!("{selected}&watch=true&resourceVersion={end}"), 4).await?;
    said.push(format!("resumed: {status} {}", told(&lines)));

    // Without a version: the state first, then changes, no bookmark.
    let (status, lines) = watch(server, &format!("{selected}&watch=true"), 3).await?;
    said.push(format!("watch from now: {status} {}", told(&lines)));
    let asked = format!("{selected}&watch=true&sendInitialEvents=true");
    said.push(format!("streamed list without its match: {}", refused(server, &asked).await?));
    let asked = format!("{selected}&watch=true&resourceVersionMatch=NotOlderThan&resourceVersion=1");
    said.push(format!("match without a streamed list: {}", refused(server, &asked).await?));
    let asked = format!("{selected}&watch=true&resourceVersion=abc");
    said.push(format!("a version that is none: {}", refused(server, &asked).await?));
    Ok(said)
}

/// What a watch from version 1 says when that is no longer kept.
pub async fn too_old(server: &Cluster, namespace: &str) -> anyhow::Result<String> {
    let collection = format!("/apis/argoproj.io/v1alpha1/namespaces/{namespace}/applications");
    let target = format!("{collection}?watch=true&resourceVersion=1");
    let (status, lines) = watch(server, &target, 1).await?;
    Ok(format!("{status} {}", told(&lines)))
}

fn map(name: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"contract": "watch"}}, "data": {"a": "1"}})
}

fn version(list: &Value) -> Option<&str> {
    list.pointer("/metadata/resourceVersion").and_then(Value::as_str)
}

fn page(list: &Value) -> String {
    let names: Vec<&str> = list
        .get("items")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|item| item.pointer("/metadata/name").and_then(Value::as_str))
        .collect();
    let typed = list.pointer("/items/0/kind").is_some();
    let more = list.pointer("/metadata/continue").and_then(Value::as_str).is_some_and(|t| !t.is_empty());
    let left = list.pointer("/metadata/remainingItemCount");
    format!("{} {names:?}, items with a kind: {typed}, more: {more}, left: {left:?}", list["kind"])
}

/// Type, kind, name, and the mark of the list's end; of errors the status' code and reason.
fn told(lines: &[Value]) -> String {
    let text = |line: &Value, pointer: &str| {
        line.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let one = |line: &Value| {
        if text(line, "/type") == "ERROR" {
            return format!("ERROR {} {}", line["object"]["code"], text(line, "/object/reason"));
        }
        let end = line.pointer("/object/metadata/annotations/k8s.io~1initial-events-end");
        format!(
            "{} {} {}{}",
            text(line, "/type"),
            text(line, "/object/kind"),
            text(line, "/object/metadata/name"),
            end.map(|v| format!("initial-events-end={v}")).unwrap_or_default()
        )
    };
    lines.iter().map(one).collect::<Vec<_>>().join("; ")
}

async fn refused(server: &Cluster, target: &str) -> anyhow::Result<String> {
    let (status, lines) = watch(server, target, 1).await?;
    let object = lines.first().cloned().unwrap_or_default();
    // Go reads an empty reason and none alike.
    let reason = object.get("reason").and_then(Value::as_str).unwrap_or_default();
    Ok(format!("{status} {} {reason}", object["kind"]))
}

/// The first lines of a watch, until there are as many as wanted or none comes any more.
async fn watch(server: &Cluster, target: &str, wanted: usize) -> anyhow::Result<(u16, Vec<Value>)> {
    let answer = server.open(target).await?;
    let status = answer.status().as_u16();
    let mut stream = answer.bytes_stream();
    let (mut rest, mut lines) = (Vec::new(), Vec::new());
    while lines.len() < wanted {
        match tokio::time::timeout(QUIET, stream.next()).await {
            Err(_) => break,
            Ok(None) => {
                if !rest.is_empty() {
                    lines.push(serde_json::from_slice(&rest)?);
                }
                break;
            }
            Ok(Some(Err(error))) => bail!("the stream broke: {error}"),
            Ok(Some(Ok(bytes))) => rest.extend_from_slice(&bytes),
        }
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            lines.push(serde_json::from_slice(&line)?);
        }
    }
    Ok((status, lines))
}
