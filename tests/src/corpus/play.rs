//! Plays the steps of a case in its namespace.

use super::case::Case;
use super::kinds::{Kinds, Resource};
use super::step::{Drain, Exec, Is, Patch, Pick, Scale, Step, Until};
use super::{manifest, nodes};
use crate::lab::{Cluster, within};
use anyhow::{Context as _, bail, ensure};
use http::{Method, StatusCode};
use nightshift::clock::Clock;
use nightshift_model::{Seconds, Timestamp};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::process::Command;

/// How long objects may take to go.
const GOING: Duration = Duration::from_mins(2);
/// A kind that was just defined, or a webhook that was just registered, may be served a little later.
const SERVED: Duration = Duration::from_mins(1);

/// A case on the cluster.
#[derive(Debug)]
pub struct Play<'a> {
    /// The API server as its administrator.
    pub cluster: &'a Cluster,
    /// Its kinds.
    pub kinds: &'a Kinds,
    /// The case.
    pub case: &'a Case,
    /// Its namespace.
    pub namespace: &'a str,
    /// When each step that changes something began.
    pub acts: Vec<Timestamp>,
    /// Objects outside the namespace, to be deleted afterwards.
    made: Vec<String>,
}

impl<'a> Play<'a> {
    /// A case to be played.
    pub fn new(cluster: &'a Cluster, kinds: &'a Kinds, case: &'a Case, namespace: &'a str) -> Self {
        Self { cluster, kinds, case, namespace, acts: Vec::new(), made: Vec::new() }
    }

    /// Plays every step, in order.
    pub async fn steps(&mut self) -> anyhow::Result<()> {
        self.cluster.namespace(self.namespace).await?;
        let case = self.case;
        self.each(&case.told.steps).await
    }

    /// Plays the rounds over and over until that time. Says how many.
    pub async fn rounds(&mut self, until: Timestamp) -> anyhow::Result<usize> {
        let (case, mut count) = (self.case, 0);
        while Clock::wall().now() < until {
            count += 1;
            self.each(&case.told.rounds).await.with_context(|| format!("round {count}"))?;
        }
        Ok(count)
    }

    async fn each(&mut self, steps: &[serde_saphyr::Spanned<Step>]) -> anyhow::Result<()> {
        for (step, number) in steps.iter().zip(1..) {
            if step.value.acts() {
                self.acts.push(Clock::wall().now());
            }
            self.step(&step.value)
                .await
                .with_context(|| format!("step {number}, line {}", step.referenced.line()))?;
        }
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> anyhow::Result<()> {
        match step {
            Step::Apply(file) => self.apply(&file.0).await,
            Step::Until(until) => self.until(until).await,
            Step::Patch(patch) => self.patch(patch).await,
            Step::Delete(pick) => self.delete(pick).await,
            Step::Wait(length) => {
                Clock::wall().sleep_real(length.duration()).await;
                Ok(())
            }
            Step::Scale(Scale { object, to }) => {
                let target = self.path(&object.0).await?;
                let body = json!({"spec": {"replicas": to}}).to_string();
                let body = Some(("application/merge-patch+json", body));
                self.cluster.send(Method::PATCH, &target, body).await?.ok().map(|_| ())
            }
            Step::Restart(name) => self.kubectl(&["rollout", "restart", &name.0]).await,
            Step::Undo(name) => self.kubectl(&["rollout", "undo", &name.0]).await,
            Step::Evict(pick) => {
                for pod in self.picked(pick).await? {
                    self.evict(self.namespace, &pod).await?;
                }
                Ok(())
            }
            Step::Exec(Exec { object, command }) => {
                let mut words = vec!["exec", object.0.as_str(), "--"];
                words.extend(command.iter().map(String::as_str));
                self.kubectl(&words).await
            }
            Step::Cordon(node) => nodes::cordon(self.cluster, &node.0, true).await,
            Step::Uncordon(node) => nodes::cordon(self.cluster, &node.0, false).await,
            Step::Drain(drain) => self.drain(drain).await,
            Step::Freeze(node) => nodes::freeze(&node.0, true).await,
            Step::Thaw(node) => nodes::freeze(&node.0, false).await,
            Step::Taint(taint) => {
                let wanted = json!({"key": taint.key, "value": taint.value, "effect": taint.effect});
                nodes::taint(self.cluster, &taint.node.0, Some(wanted)).await
            }
            Step::Untaint(node) => nodes::taint(self.cluster, &node.0, None).await,
        }
    }

    async fn apply(&mut self, file: &str) -> anyhow::Result<()> {
        let path = self.case.folder.join(file);
        let text = manifest::past(&std::fs::read_to_string(&path)?, Clock::wall().now());
        let text = self.with_uids(&text.replace(manifest::PLACE, self.namespace)).await?;
        let objects = manifest::read(&text, self.namespace)
            .map_err(|(line, what)| anyhow::anyhow!("{}:{line}: {what}", path.display()))?;
        for mut object in objects {
            let name =
                object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let kind = within(SERVED, "the kind is served", async || {
                Ok(self.kinds.of_manifest(self.cluster, &object).await.ok())
            });
            let kind = kind.await.with_context(|| format!("the kind of {name}"))?;
            let target = format!("{}/{name}", kind.collection(self.place(&object)));
            if kind.namespaced {
                if let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                    meta.entry("namespace").or_insert_with(|| json!(self.namespace));
                }
                if self.place(&object) == manifest::SYSTEM {
                    ensure!(self.case.told.alone, "{name} is in {}: `alone: true`", manifest::SYSTEM);
                    self.made.push(target.clone());
                }
            } else {
                let own = name.contains(self.namespace) || self.case.told.alone;
                ensure!(
                    own,
                    "{} {name} is of the whole cluster: its name must contain {}",
                    kind.kind,
                    manifest::PLACE
                );
                self.made.push(target.clone());
            }
            self.cluster
                .apply(&target, &object)
                .await
                .with_context(|| format!("apply {} {name}", kind.kind))?;
        }
        Ok(())
    }

    /// Puts uids for `{{uid of kind/name}}`, as a controller writes them that owns what it makes.
    async fn with_uids(&self, text: &str) -> anyhow::Result<String> {
        let mut parts = text.split("{{uid of ");
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (object, rest) = part.split_once("}}").context("`{{uid of` without its end")?;
            let found = self.objects(object, "").await?;
            let uid = found.first().and_then(|o| o.pointer("/metadata/uid")).and_then(Value::as_str);
            out.extend([uid.with_context(|| format!("there is no {object}"))?, rest]);
        }
        Ok(out)
    }

    /// The namespace of an object: the case's own, or another whose name begins with it.
    fn place<'b>(&'b self, object: &'b Value) -> &'b str {
        object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or(self.namespace)
    }

    async fn kind(&self, object: &str) -> anyhow::Result<(Resource, String)> {
        let (kind, name) = object.split_once('/').unwrap_or((object, ""));
        let name = name.replace(manifest::PLACE, self.namespace);
        Ok((self.kinds.of_word(self.cluster, kind).await?, name))
    }

    /// The path of a named object.
    async fn path(&self, object: &str) -> anyhow::Result<String> {
        let (kind, name) = self.kind(object).await?;
        Ok(format!("{}/{name}", kind.collection(self.namespace)))
    }

    /// The objects that are meant, those that exist.
    async fn objects(&self, object: &str, selector: &str) -> anyhow::Result<Vec<Value>> {
        let (kind, name) = self.kind(object).await?;
        let collection = kind.collection(self.namespace);
        if !name.is_empty() {
            let answer = self.cluster.get(&format!("{collection}/{name}")).await?;
            return if answer.status == StatusCode::NOT_FOUND {
                Ok(Vec::new())
            } else {
                Ok(vec![answer.ok()?])
            };
        }
        let selector =
            selector.replace(manifest::PLACE, self.namespace).replace('=', "%3D").replace(',', "%2C");
        let list = self.cluster.get(&format!("{collection}?labelSelector={selector}")).await?.ok()?;
        Ok(list.get("items").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    async fn until(&self, until: &Until) -> anyhow::Result<()> {
        let what = format!("{} {}: {:?}", until.object, until.selector, until.is);
        within(until.within.duration(), &what, async || {
            let found = self.objects(&until.object, &until.selector).await?;
            let so = match &until.is {
                Is::Gone => found.is_empty(),
                Is::Equals(path, wanted) => {
                    let wanted = wanted.replace(manifest::PLACE, self.namespace);
                    found.iter().any(|o| path.read(o).contains(&wanted))
                }
                Is::AtLeast(path, least) => {
                    let reaches = |text: &String| text.parse::<i64>().is_ok_and(|n| n >= *least);
                    found.iter().any(|o| path.read(o).iter().any(reaches))
                }
            };
            if !so {
                Clock::wall().sleep_real(Duration::from_millis(400)).await;
            }
            Ok(so.then_some(()))
        })
        .await
    }

    async fn patch(&self, patch: &Patch) -> anyhow::Result<()> {
        let mut target = self.path(&patch.object.0).await?;
        if !patch.subresource.is_empty() {
            target = format!("{target}/{}", patch.subresource);
        }
        let body = patch.body.to_string().replace(manifest::PLACE, self.namespace);
        let body = manifest::past(&body, Clock::wall().now());
        let target = format!("{target}?fieldManager=kubectl-patch");
        self.cluster
            .send(Method::PATCH, &target, Some((patch.content.as_str(), body)))
            .await?
            .ok()
            .map(|_| ())
    }

    /// The names of the objects that are meant; at least one must exist.
    async fn picked(&self, pick: &Pick) -> anyhow::Result<Vec<String>> {
        let found = self.objects(&pick.object, &pick.selector).await?;
        ensure!(!found.is_empty(), "there is no {} {}", pick.object, pick.selector);
        let name = |o: &Value| o.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned);
        Ok(found.iter().filter_map(name).collect())
    }

    async fn delete(&self, pick: &Pick) -> anyhow::Result<()> {
        let (kind, _) = self.kind(&pick.object).await?;
        let collection = kind.collection(self.namespace);
        let options = json!({"propagationPolicy": "Background"}).to_string();
        let mut uids = Vec::new();
        for name in self.picked(pick).await? {
            let target = format!("{collection}/{name}");
            let body = Some(("application/json", options.clone()));
            let live = self.cluster.get(&target).await?.body;
            uids.push((target.clone(), live.pointer("/metadata/uid").cloned()));
            self.cluster.send(Method::DELETE, &target, body).await?.ok()?;
        }
        for (target, uid) in uids.iter().filter(|_| pick.wait) {
            within(GOING, &format!("{target} is gone"), async || {
                let answer = self.cluster.get(target).await?;
                let other = answer.body.pointer("/metadata/uid").cloned() != *uid;
                Ok((answer.status == StatusCode::NOT_FOUND || other).then_some(()))
            })
            .await?;
        }
        Ok(())
    }

    /// Asks for an eviction; true when it was granted.
    async fn evict(&self, namespace: &str, pod: &str) -> anyhow::Result<bool> {
        let eviction = json!({
            "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"name": pod, "namespace": namespace},
        });
        let target = format!("/api/v1/namespaces/{namespace}/pods/{pod}/eviction");
        let body = Some(("application/json", eviction.to_string()));
        let answer = self.cluster.send(Method::POST, &target, body).await?;
        match answer.status {
            StatusCode::TOO_MANY_REQUESTS => Ok(false),
            StatusCode::NOT_FOUND => Ok(true),
            _ => answer.ok().map(|_| true),
        }
    }

    async fn drain(&self, drain: &Drain) -> anyhow::Result<()> {
        let node = &drain.node.0;
        nodes::cordon(self.cluster, node, true).await?;
        let done = within(drain.within.duration(), &format!("{node} is drained"), async || {
            let target = format!("/api/v1/pods?fieldSelector=spec.nodeName%3D{node}");
            let list = self.cluster.get(&target).await?.ok()?;
            let pods = list.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
            let mut left = 0;
            for pod in pods.iter().filter(|pod| stays_out(pod)) {
                left += 1;
                let text = |path: &str| pod.pointer(path).and_then(Value::as_str).unwrap_or_default();
                if pod.pointer("/metadata/deletionTimestamp").is_none() {
                    self.evict(text("/metadata/namespace"), text("/metadata/name")).await?;
                }
            }
            if left > 0 {
                Clock::wall().sleep_real(Duration::from_secs(2)).await;
            }
            Ok((left == 0).then_some(()))
        })
        .await;
        match (done, drain.blocked) {
            (Ok(()), false) | (Err(_), true) => Ok(()),
            (Ok(()), true) => bail!("{node} was to be blocked, and is drained"),
            (Err(why), false) => Err(why),
        }
    }

    async fn kubectl(&self, words: &[&str]) -> anyhow::Result<()> {
        let ended = Command::new("kubectl").args(["-n", self.namespace]).args(words).output().await?;
        ensure!(
            ended.status.success(),
            "kubectl {}: {}",
            words.join(" "),
            String::from_utf8_lossy(&ended.stderr)
        );
        Ok(())
    }

    /// Takes everything away again. Finalizers of the case's own objects hold nothing up.
    pub async fn clean(&self) -> anyhow::Result<()> {
        // Volumes and classes go when their claims are gone; before that a claim would have lost its volume, or have no class.
        let kept = |target: &&String| {
            ["/persistentvolumes/", "/storageclasses/"].iter().any(|kind| target.contains(kind))
        };
        let (stores, others): (Vec<&String>, Vec<&String>) = self.made.iter().rev().partition(kept);
        for target in others {
            self.remove(target).await?;
            self.let_go(target).await?;
        }
        self.cluster.remove_namespace(self.namespace).await?;
        for target in stores {
            self.remove(target).await?;
        }
        let own = self
            .case
            .told
            .steps
            .iter()
            .filter_map(|s| if let Step::Apply(file) = &s.value { Some(file.0.as_str()) } else { None });
        for file in own {
            let text = std::fs::read_to_string(self.case.folder.join(file))?;
            for object in manifest::read(&text, self.namespace).unwrap_or_default() {
                let Ok(kind) = self.kinds.of_manifest(self.cluster, &object).await else { continue };
                if kind.plural == "persistentvolumes" {
                    continue;
                }
                let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
                self.let_go(&format!("{}/{name}", kind.collection(self.place(&object)))).await?;
            }
        }
        Ok(())
    }

    async fn remove(&self, target: &str) -> anyhow::Result<()> {
        let answer = self.cluster.send(Method::DELETE, target, None).await?;
        let gone = answer.status.is_success() || answer.status == StatusCode::NOT_FOUND;
        ensure!(gone, "{target}: {}", answer.body);
        Ok(())
    }

    async fn let_go(&self, target: &str) -> anyhow::Result<()> {
        let live = self.cluster.get(target).await?;
        let held = live.body.pointer("/metadata/finalizers").and_then(Value::as_array);
        let leaving = live.body.pointer("/metadata/deletionTimestamp").is_some();
        if live.status.is_success() && leaving && held.is_some_and(|f| !f.is_empty()) {
            let body = json!({"metadata": {"finalizers": null}}).to_string();
            self.cluster.send(Method::PATCH, target, Some(("application/merge-patch+json", body))).await?;
        }
        Ok(())
    }

    /// When the fault began, for an incident that opened at a time: with the last change before it.
    pub fn began(acts: &[Timestamp], opened: Timestamp) -> Option<Timestamp> {
        acts.iter().rev().find(|at| **at <= opened + Seconds(1)).or(acts.first()).copied()
    }
}

/// Pods that a drain evicts: those of cases, but not of DaemonSets, and not those that have ended.
fn stays_out(pod: &Value) -> bool {
    let owner = pod.pointer("/metadata/ownerReferences/0/kind").and_then(Value::as_str);
    let phase = pod.pointer("/status/phase").and_then(Value::as_str);
    let namespace = pod.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
    let there = owner != Some("DaemonSet") && !matches!(phase, Some("Succeeded" | "Failed"));
    there && nodes::is_a_cases(namespace)
}
