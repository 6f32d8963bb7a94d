//! A Job that failed: how it ended, what was made of it before, and which of its pods ended last.

use super::answer::{Refusal, items, list, number, object, text, time, word};
use super::pods::owned;
use super::{get, list_of, path_of, segment, selector, template};
use crate::actions::re_run_job;
use nightshift_model::effect::Accept;
use nightshift_model::evidence::JobLine;
use nightshift_model::{Kind, ObjectRef, Observed, RawPart, Read};
use serde_json::Value;

/// Pods asked for: at some 20 KB each a quarter of the budget.
const LIMIT: &str = "50";

pub(super) fn reads(target: &ObjectRef) -> Vec<Read> {
    if target.kind != Kind::Job || !segment(&target.uid) || !segment(&target.namespace) {
        return Vec::new();
    }
    let of = format!("batch.kubernetes.io/controller-uid={}", target.uid);
    let pods = list_of("/api/v1", &target.namespace, "pods");
    let pods = get(pods, &[("labelSelector", &of), ("limit", LIMIT)], Accept::Json);
    let job = get(path_of(target), &[], Accept::Json);
    if job.is_empty() {
        return job;
    }
    job.into_iter().chain(re_run_job::around(target)).chain(pods).collect()
}

pub(super) fn observe(parts: &[RawPart], target: &ObjectRef) -> Result<Observed, Refusal> {
    let live = object(parts, 0, &target.name, &target.uid)?;
    let before = items(parts, 1)?;
    // That its pods cannot be read, or are gone, leaves what is known of the Job itself.
    let pods = items(parts, 2).unwrap_or_default();
    Ok(Observed::Job(JobLine {
        job: target.clone(),
        version: word(text(&live, "/metadata/resourceVersion")),
        selector: live.pointer("/spec/selector").map(selector::query).unwrap_or_default(),
        failed: word(re_run_job::failure(&live)),
        tries: number(&live, "/status/failed"),
        parallel: live.pointer("/spec/parallelism").map_or(1, |_| number(&live, "/spec/parallelism")),
        images: template::images(live.pointer("/spec/template").unwrap_or(&Value::Null)),
        idempotent: re_run_job::is_idempotent(&live),
        forbids: re_run_job::forbids(target, &live, &before).into_iter().map(|why| word(&why)).collect(),
        body: re_run_job::digest(target, &live),
        last_pod: last(&pods, target),
    }))
}

/// The pod whose main container ended last.
fn last(pods: &[Value], target: &ObjectRef) -> Option<ObjectRef> {
    let ended = |pod: &Value| {
        let statuses = list(pod, "/status/containerStatuses").iter();
        statuses.filter_map(|s| time(s, "/state/terminated/finishedAt")).max()
    };
    let mine = pods.iter().filter(|pod| owned(pod, target));
    let (_, pod) = mine.filter_map(|pod| Some((ended(pod)?, pod))).max_by_key(|(at, _)| *at)?;
    let get = |pointer: &str| word(text(pod, pointer));
    Some(ObjectRef::new(Kind::Pod, &target.namespace, &get("/metadata/name"), &get("/metadata/uid")))
}
