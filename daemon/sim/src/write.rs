//! Create, update and delete: the one way in which objects change, for requests and controllers alike.
//! Order of checks as in k8s.io/apiserver `registry/generic/registry/store.go`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::Sim;
use crate::failure::{Cause, Failure};
use crate::kind::{DEPLOYMENT, Generation, JOB, Key, Kind, NAMESPACE, NODE, POD, Replace};
use crate::managed::{self, By};
use crate::rules;
use crate::value::{after, copy, digest, int, list, put, remove, stamp, suffix, text};

/// Metadata that only the API server sets.
const KEPT: &[&str] = &[
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
];

impl Sim {
    /// Stores a new object. The namespace stands in its metadata.
    pub(crate) fn create(&mut self, kind: &Kind, mut object: Value, by: &By) -> Result<Arc<Value>, Failure> {
        rules::decodes(kind, &object)?;
        if !text(&object, "/metadata/resourceVersion").is_empty() {
            let message = "resourceVersion should not be set on objects to be created";
            return Err(Failure::new(500, "InternalError", message));
        }
        let ns = text(&object, "/metadata/namespace").to_owned();
        if kind.namespaced && self.store.get(&NAMESPACE.key("", &ns)).is_none() {
            return Err(Failure::not_found(&NAMESPACE, &ns));
        }
        let prefix = text(&object, "/metadata/generateName").to_owned();
        if text(&object, "/metadata/name").is_empty() && !prefix.is_empty() {
            let chance = self.store.chance("name");
            put(&mut object, &["metadata", "name"], prefix + &suffix(&[&chance], 5));
        }
        let name = text(&object, "/metadata/name").to_owned();
        if name.is_empty() {
            let cause = Cause {
                message: "Required value: name or generateName is required".into(),
                ..Cause::required("metadata.name")
            };
            return Err(Failure::invalid(kind, "", &[cause]));
        }
        for key in KEPT {
            remove(&mut object, "/metadata", key);
        }
        if kind.status && *kind != NODE {
            remove(&mut object, "", "status");
        }
        put(&mut object, &["kind"], kind.kind);
        put(&mut object, &["apiVersion"], kind.api_version());
        rules::normalise(kind, &mut object);
        if *kind == POD {
            let qos = quality(&object);
            put(&mut object, &["status"], json!({"phase": "Pending", "qosClass": qos}));
        }
        let key = kind.key(&ns, &name);
        let uid = if by.dry_run { as_uid(&digest(&["dry-run", &ns, &name])) } else { self.store.uid() };
        if *kind == JOB {
            rules::generate_selector(&mut object, &uid, &name)?;
        }
        rules::validate(kind, &object)?;
        if self.store.get(&key).is_some() {
            return Err(Failure::already_exists(kind, &name));
        }
        put(&mut object, &["metadata", "uid"], uid);
        put(&mut object, &["metadata", "creationTimestamp"], stamp(self.clock));
        if kind.generation != Generation::Never {
            put(&mut object, &["metadata", "generation"], 1);
        }
        managed::record(None, &mut object, by, self.clock);
        if by.dry_run {
            return Ok(Arc::new(object));
        }
        let stored = self.store.put(key.clone(), object);
        self.changed(&key, None, Some(&stored));
        Ok(stored)
    }

    /// Replaces an object. Answers the stored (or, in a dry run, the would-be) object and whether it moved.
    pub(crate) fn update(
        &mut self,
        kind: &Kind,
        key: &Key,
        mut new: Value,
        by: &By,
    ) -> Result<(Arc<Value>, bool), Failure> {
        let Some(old) = self.store.get(key).cloned() else { return Err(Failure::not_found(kind, &key.name)) };
        rules::decodes(kind, &new)?;
        let version = text(&new, "/metadata/resourceVersion");
        if version.is_empty() && kind.replace != Replace::Unconditional {
            let cause =
                Cause::invalid("metadata.resourceVersion", &json!(0), "must be specified for an update");
            return Err(Failure::invalid(kind, &key.name, &[cause]));
        }
        if !version.is_empty() && version != text(&old, "/metadata/resourceVersion") {
            return Err(Failure::modified(kind, &key.name));
        }
        let uid = text(&new, "/metadata/uid");
        if !uid.is_empty() && uid != text(&old, "/metadata/uid") {
            let cause = Cause::invalid("metadata.uid", &json!(uid), "field is immutable");
            return Err(Failure::invalid(kind, &key.name, &[cause]));
        }
        if by.subresource == Some("status") {
            let mut kept = Value::clone(&old);
            copy(&new, &mut kept, &["status"]);
            copy(&new, &mut kept, &["metadata", "annotations"]);
            new = kept;
        } else if kind.status {
            copy(&old, &mut new, &["status"]);
        }
        for field in KEPT {
            copy(&old, &mut new, &["metadata", field]);
        }
        rules::normalise(kind, &mut new);
        if new == *old {
            return Ok((old, false));
        }
        rules::validate(kind, &new)?;
        if by.subresource.is_none() {
            rules::validate_change(kind, &old, &new)?;
            rules::count_template(kind, &old, &mut new);
        }
        if by.subresource != Some("status") && respecified(kind, &old, &new) {
            put(&mut new, &["metadata", "generation"], int(&old, "/metadata/generation").unwrap_or(0) + 1);
        }
        managed::record(Some(&old), &mut new, by, self.clock);
        if by.dry_run {
            return Ok((Arc::new(new), true));
        }
        Ok((self.commit(key, &old, new), true))
    }

    /// A controller's read-modify-write; a missing object or a refusal is nothing to it.
    pub(crate) fn edit(&mut self, kind: &Kind, key: &Key, by: &By, change: impl FnOnce(&mut Value)) -> bool {
        let Some(old) = self.store.get(key) else { return false };
        let mut new = Value::clone(old);
        change(&mut new);
        self.update(kind, key, new, by).is_ok_and(|(_, moved)| moved)
    }

    /// The write itself, past every check. The scheduler binds with it: a pod's spec is closed to plain updates.
    pub(crate) fn commit(&mut self, key: &Key, old: &Arc<Value>, new: Value) -> Arc<Value> {
        let stored = self.store.put(key.clone(), new);
        self.changed(key, Some(old), Some(&stored));
        let leaving = stored.pointer("/metadata/deletionTimestamp").is_some();
        if leaving && !key.is(&POD) && list(&stored, "/metadata/finalizers").is_empty() {
            self.forget(key);
        }
        stored
    }

    /// Deletes an object: pods get their grace period, finalizers hold back. Answers the object while it still
    /// stands, `None` when it is gone.
    pub(crate) fn delete(&mut self, key: &Key, grace: Option<i64>, by: &By) -> Option<Arc<Value>> {
        let old = self.store.get(key).cloned()?;
        let seconds = match grace {
            Some(seconds) => seconds,
            None if key.is(&POD) => int(&old, "/spec/terminationGracePeriodSeconds").unwrap_or(30),
            None => 0,
        };
        let bound = key.is(&POD) && !text(&old, "/spec/nodeName").is_empty();
        let ended = matches!(text(&old, "/status/phase"), "Failed" | "Succeeded");
        let graceful = bound && !ended && seconds > 0;
        if !graceful && list(&old, "/metadata/finalizers").is_empty() {
            if !by.dry_run {
                self.forget(key);
            }
            return None;
        }
        if old.pointer("/metadata/deletionTimestamp").is_some() {
            return Some(old);
        }
        let mut new = Value::clone(&old);
        put(&mut new, &["metadata", "deletionTimestamp"], stamp(after(self.clock, seconds)));
        put(&mut new, &["metadata", "deletionGracePeriodSeconds"], seconds);
        if let Some(generation) = int(&old, "/metadata/generation") {
            put(&mut new, &["metadata", "generation"], generation + 1);
        }
        if by.dry_run {
            return Some(Arc::new(new));
        }
        Some(self.commit(key, &old, new))
    }

    /// Removes an object for good; its dependents follow.
    pub(crate) fn forget(&mut self, key: &Key) {
        if let Some(last) = self.store.remove(key) {
            self.changed(key, Some(&last), None);
        }
    }
}

/// True when a write moves the generation.
fn respecified(kind: &Kind, old: &Value, new: &Value) -> bool {
    let body = |object: &Value| {
        let mut object = object.clone();
        remove(&mut object, "", "metadata");
        remove(&mut object, "", "status");
        object
    };
    let notes = "/metadata/annotations";
    match kind.generation {
        Generation::Never => false,
        Generation::Spec => body(old) != body(new),
        Generation::SpecOrAnnotations => body(old) != body(new) || old.pointer(notes) != new.pointer(notes),
    }
}

fn as_uid(hex: &str) -> String {
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30))
}

/// Quality-of-service class by the first two rules of the API: nothing set, or everything equal.
fn quality(pod: &Value) -> &'static str {
    let (mut any, mut equal) = (false, true);
    for container in list(pod, "/spec/containers") {
        let (requests, limits) =
            (container.pointer("/resources/requests"), container.pointer("/resources/limits"));
        any |= requests.is_some() || limits.is_some();
        let complete =
            ["cpu", "memory"].iter().all(|key| limits.is_some_and(|limits| limits.get(key).is_some()));
        equal &= complete && (requests.is_none() || requests == limits);
    }
    match (any, equal) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

/// True for the kinds that a `scale` subresource serves here.
pub(crate) fn scales(kind: &Kind) -> bool {
    *kind == DEPLOYMENT || *kind == crate::kind::REPLICA_SET
}
