//! Evicted: the kubelet evicts a workload's pods for what they use, and their successors too.
//!
//! # Meaning
//! Two pods of one owner were evicted within half an hour, the later one made after the earlier had gone: the successor does
//! the same. Pods that are evicted together, once, and replaced are no finding, nor are those that a drain evicts. Counted by
//! owner: a Deployment whose pods fill their scratch space makes a new one every few seconds, without any back-off. A
//! process that ends well on SIGTERM leaves an evicted pod Succeeded; then the Event Evicted tells. A StatefulSet's evicted
//! pod is deleted at once and comes back under its name: the last that went are remembered.
//!
//! # Impact
//! Everything in flight is lost each time. Evicted pods stay in the list until somebody or the garbage collector removes them.
//!
//! # Diagnosis
//! The message names the resource and the limit: `Usage of EmptyDir volume ... exceeds the limit`, `Pod ephemeral local storage
//! usage exceeds the total limit of containers`, or `The node was low on resource`, which is the node's fault and hits
//! whoever uses more than it has requested.
//!
//! # Mitigation
//! Find what is written: logs to a file, a cache without a bound, uploads. Raise `ephemeral-storage` or `sizeLimit` if the need is
//! real. Low on the node: requests that tell the truth, and a look at what else fills the disk.

use crate::catalog::{Detector, Looked};
use crate::facts::{PodFacts, State};
use crate::look::Look;
use crate::params::Params;
use crate::waiting::{events, newest};
use nightshift_model::{Cause, Finding, Kind, ObjectRef, Reason, Timestamp};

/// The detector.
#[derive(Debug)]
pub struct Evicted;

/// One eviction.
struct Eviction<'a> {
    pod: &'a PodFacts,
    at: Timestamp,
    message: &'a str,
}

impl Detector for Evicted {
    fn reason(&self) -> Reason {
        Reason::Evicted
    }

    fn source(&self) -> &'static str {
        include_str!("evicted.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![("Evictions belong together within", params.evicted_window.to_string())]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let window = at.params.evicted_window;
        let pods = at.pods.iter().copied().chain(at.view.departed(&at.scope.uid));
        let mut all: Vec<Eviction<'_>> = pods.filter_map(|pod| eviction(at, pod)).collect();
        all.retain(|eviction| at.now.since(eviction.at) < window);
        all.sort_by_key(|eviction| eviction.at);
        let (Some(first), Some(last)) = (all.first(), all.last()) else { return Looked::default() };
        let repeated = all.iter().any(|next| next.pod.meta.created.is_some_and(|made| made >= first.at));
        if !repeated {
            return Looked::default();
        }
        let finding = Finding {
            cause: cause(last.message),
            detail: last.message.trim().to_owned(),
            blames: last.message.starts_with("The node was low on resource").then(|| node(last.pod)),
            affected: u32::try_from(all.len()).unwrap_or(u32::MAX),
            ..at.about_pod(Reason::Evicted, last.pod, first.at)
        };
        Looked { recheck_at: Some(last.at + window), ..Looked::found(finding) }
    }
}

/// A pod's node: it has too little for all.
fn node(pod: &PodFacts) -> ObjectRef {
    ObjectRef::new(Kind::Node, "", &pod.node, "")
}

/// Whether and when the kubelet evicted a pod.
fn eviction<'a>(at: &Look<'a>, pod: &'a PodFacts) -> Option<Eviction<'a>> {
    let over = pod.is_leaving();
    if over && &*pod.reason == "Evicted" {
        let ended = pod.containers.iter().filter_map(|c| match &c.state {
            State::Terminated(end) => end.finished,
            State::Running { .. } | State::Waiting(_) | State::Unknown => None,
        });
        let when = ended.max().or(pod.ready.since).or_else(|| at.view.first_seen(&pod.meta.uid))?;
        return Some(Eviction { pod, at: when, message: &pod.message });
    }
    let event = newest(events(at, pod, &["Evicted"]).filter(|_| over))?;
    // What evicts through the API on purpose writes the same word, with the name of who did it.
    let by_kubelet = cause(&event.message) != Cause::Unknown;
    by_kubelet.then_some(Eviction { pod, at: event.last?, message: &event.message })
}

/// The class of an eviction, by the kubelet's fixed sentences.
pub(crate) fn cause(message: &str) -> Cause {
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if message.starts_with("The node was low on resource: memory") {
        Cause::NodeMemory
    } else if says(&["Usage of EmptyDir volume", "phemeral local storage usage exceeds"])
        || says(&["low on resource: ephemeral-storage", "exceeded its local ephemeral storage limit"])
        || says(&["low on resource: nodefs", "low on resource: imagefs"])
    {
        Cause::EphemeralStorage
    } else {
        Cause::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Fact;
    use crate::view::{Delta, View};
    use crate::{Detection, detect};
    use nightshift_model::Seconds;
    use serde_json::json;

    fn pod(uid: &str, created: i64, evicted: Option<i64>) -> Fact {
        let time = |second: i64| Timestamp::from_second(second).to_string();
        let status = match evicted {
            None => json!({"phase": "Running"}),
            Some(at) => json!({
                "phase": "Failed", "reason": "Evicted",
                "message": "Usage of EmptyDir volume \"cache\" exceeds the limit \"1Mi\". ",
                "containerStatuses": [{"name": "app", "state": {"terminated": {"exitCode": 137, "finishedAt": time(at)}}}],
            }),
        };
        let pod = json!({
            "metadata": {
                "name": "queue-0", "namespace": "shop", "uid": uid, "creationTimestamp": time(created),
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "queue", "uid": "set", "controller": true}],
            },
            "spec": {"containers": [{"name": "app", "image": "app"}]},
            "status": status,
        });
        Fact::parse(&Kind::Pod, pod.to_string().as_bytes()).unwrap()
    }

    fn look(view: &View, now: i64) -> Detection {
        let set = ObjectRef::new(Kind::StatefulSet, "shop", "queue", "set");
        detect(view, &set, Timestamp::from_second(now), &Params::default())
    }

    #[test]
    fn a_stateful_sets_pod_that_is_evicted_again_under_its_name_is_found() {
        let mut view = View::default();
        let mut comes_and_goes = |uid: &str, created: i64, evicted: i64| {
            let now = Timestamp::from_second(evicted + 1);
            view.apply(Delta::Applied(pod(uid, created, None)), now);
            view.apply(Delta::Applied(pod(uid, created, Some(evicted))), now);
            let gone = ObjectRef::new(Kind::Pod, "shop", "queue-0", uid);
            let ObjectRef { kind, uid, namespace, name } = gone;
            view.apply(Delta::Deleted { kind, uid, namespace, name }, now);
            look(&view, evicted + 2).findings
        };
        assert_eq!(comes_and_goes("one", 1000, 1010), [], "once is replaced");
        let found = comes_and_goes("two", 1012, 1022);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].reason, found[0].cause, found[0].affected),
            (Reason::Evicted, Cause::EphemeralStorage, 2)
        );
        let later = Timestamp::from_second(1022) + Params::default().evicted_window;
        assert_eq!(look(&view, (later + Seconds(1)).get().as_second()).findings, [], "long ago");
    }
}
