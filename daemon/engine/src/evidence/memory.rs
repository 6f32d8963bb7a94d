//! A container's memory in the template, and everything that bounds a larger limit: nodes, LimitRanges, quotas, a
//! VerticalPodAutoscaler. Whatever of these cannot be read leaves the whole question open.

use super::answer::{Refusal, items, list, number, object, text, word};
use super::{get, list_of, path_of};
use crate::quantity::{MIB, bytes};
use crate::seal::is_ready;
use nightshift_model::effect::Accept;
use nightshift_model::evidence::{Ceiling, MemoryFacts};
use nightshift_model::{Kind, NotChecked, ObjectRef, Observed, RawPart, Read};
use serde_json::Value;

/// Nodes asked for: at some 15 KB each a fifth of the budget. The largest of these is a lower bound of the largest.
const NODES: &str = "50";
/// Objects asked for of each other kind.
const LIMIT: &str = "100";

pub(super) fn reads(target: &ObjectRef) -> Vec<Read> {
    let list = |api: &str, plural: &str| {
        get(list_of(api, &target.namespace, plural), &[("limit", LIMIT)], Accept::Json)
    };
    let reads = [
        get(path_of(target), &[], Accept::Json),
        get(Some("/api/v1/nodes".to_owned()), &[("limit", NODES)], Accept::Json),
        list("/api/v1", "limitranges"),
        list("/api/v1", "resourcequotas"),
        list("/apis/autoscaling.k8s.io/v1", "verticalpodautoscalers"),
    ];
    let complete = reads.iter().all(|r| !r.is_empty());
    reads.into_iter().flatten().filter(|_| complete).collect()
}

pub(super) fn observe(parts: &[RawPart], target: &ObjectRef, container: &str) -> Result<Observed, Refusal> {
    let workload = object(parts, 0, &target.name, &target.uid)?;
    let containers = list(&workload, "/spec/template/spec/containers");
    let Some((index, found)) = containers.iter().enumerate().find(|(_, c)| text(c, "/name") == container)
    else {
        let what = "the template has no container of that name that serves (init containers do not count)";
        return Err((NotChecked::NotFound, what.to_owned()));
    };
    let own = Own {
        limit: text(found, "/resources/limits/memory"),
        request: text(found, "/resources/requests/memory"),
        others: containers
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != index)
            .filter_map(|(_, c)| bytes(text(c, "/resources/limits/memory")))
            .fold(0, u64::saturating_add),
        pods: pods(&workload, target),
        surge: surge(&workload, target),
    };
    let largest_node = items(parts, 1)?.iter().filter(|n| takes_pods(n)).filter_map(allocatable).max();
    let mut ceilings: Vec<Ceiling> = items(parts, 2)?.iter().flat_map(|range| own.range(range)).collect();
    ceilings.extend(items(parts, 3)?.iter().flat_map(|quota| own.quota(quota)));
    // Without the custom resource there is none: 404.
    let vpas = match items(parts, 4) {
        Err((NotChecked::NotFound, _)) => Vec::new(),
        other => other?,
    };
    let vpa = vpas.iter().find(|vpa| sets(vpa, target)).map(|vpa| word(text(vpa, "/metadata/name")));
    let said = |text: &str| Some(word(text)).filter(|text| !text.is_empty());
    Ok(Observed::Memory(MemoryFacts {
        container: word(container),
        index: u32::try_from(index).unwrap_or(u32::MAX),
        limit: said(own.limit),
        request: said(own.request),
        largest_node: largest_node.unwrap_or(0),
        ceilings,
        vpa,
    }))
}

/// The container's own numbers, and how many pods a rollout adds.
struct Own<'a> {
    limit: &'a str,
    request: &'a str,
    /// Limits of the pod's other containers.
    others: u64,
    pods: u64,
    surge: u64,
}

impl Own<'_> {
    /// Whether the request goes along: it equals the limit, or is left to it.
    fn follows(&self) -> bool {
        self.request.is_empty() || bytes(self.request) == bytes(self.limit)
    }

    fn range(&self, range: &Value) -> Vec<Ceiling> {
        let by = word(&format!("LimitRange {}", text(range, "/metadata/name")));
        let one = |item: &Value| {
            let max = || amount(item, "/max", "memory");
            match text(item, "/type") {
                "Container" => [max(), self.ratio(item)].into_iter().flatten().min(),
                "Pod" => max().map(|most| most.saturating_sub(self.others)),
                _ => None,
            }
        };
        let all = list(range, "/spec/limits").iter().filter_map(one);
        all.map(|bytes| Ceiling { by: by.clone(), bytes }).collect()
    }

    /// `maxLimitRequestRatio`: how far above its request a limit may be.
    fn ratio(&self, item: &Value) -> Option<u64> {
        let ratio = item.pointer("/maxLimitRequestRatio")?.get("memory")?.as_str().unwrap_or_default();
        if self.follows() {
            return None;
        }
        // In units of 2^20, so that a fraction counts; what cannot be read allows nothing.
        let times = bytes(&format!("{ratio}Mi")).unwrap_or(0);
        let most = u128::from(bytes(self.request)?) * u128::from(times) / u128::from(MIB);
        Some(u64::try_from(most).unwrap_or(u64::MAX))
    }

    /// What a quota leaves while every pod is replaced and the surge stands beside them.
    fn quota(&self, quota: &Value) -> Vec<Ceiling> {
        let by = word(&format!("ResourceQuota {}", text(quota, "/metadata/name")));
        let names: &[&str] =
            if self.follows() { &["limits.memory", "requests.memory", "memory"] } else { &["limits.memory"] };
        let one = |name: &&str| {
            let hard = amount(quota, "/status/hard", name).or_else(|| amount(quota, "/spec/hard", name))?;
            let used = amount(quota, "/status/used", name).unwrap_or(0);
            let now = bytes(self.limit).unwrap_or(0).saturating_mul(self.pods);
            Some(hard.saturating_sub(used).saturating_add(now) / (self.pods + self.surge).max(1))
        };
        names.iter().filter_map(one).map(|bytes| Ceiling { by: by.clone(), bytes }).collect()
    }
}

/// The amount of a name in a map; what cannot be read counts as nothing.
fn amount(value: &Value, map: &str, name: &str) -> Option<u64> {
    let found = value.pointer(map)?.get(name)?;
    Some(found.as_str().and_then(bytes).unwrap_or(0))
}

fn pods(workload: &Value, target: &ObjectRef) -> u64 {
    if target.kind == Kind::DaemonSet {
        return u64::from(number(workload, "/status/desiredNumberScheduled"));
    }
    workload.pointer("/spec/replicas").map_or(1, |_| u64::from(number(workload, "/spec/replicas")))
}

/// Pods beyond the wanted ones during a rollout.
fn surge(workload: &Value, target: &ObjectRef) -> u64 {
    if target.kind != Kind::Deployment || text(workload, "/spec/strategy/type") == "Recreate" {
        return 0;
    }
    let said = workload.pointer("/spec/strategy/rollingUpdate/maxSurge");
    if let Some(count) = said.and_then(Value::as_u64) {
        return count;
    }
    let percent = said.and_then(Value::as_str).and_then(|s| s.strip_suffix('%')?.parse::<u64>().ok());
    pods(workload, target).saturating_mul(percent.unwrap_or(25)).div_ceil(100)
}

fn takes_pods(node: &Value) -> bool {
    let barred = list(node, "/spec/taints").iter().any(|t| text(t, "/effect") != "PreferNoSchedule");
    is_ready(node) && !barred && node.pointer("/spec/unschedulable") != Some(&Value::Bool(true))
}

fn allocatable(node: &Value) -> Option<u64> {
    amount(node, "/status/allocatable", "memory")
}

/// Whether a VerticalPodAutoscaler writes the workload's resources; one that only recommends does not.
fn sets(vpa: &Value, target: &ObjectRef) -> bool {
    let of = |field: &str| text(vpa, &format!("/spec/targetRef/{field}"));
    let same = of("kind") == target.kind.as_str() && of("name") == target.name;
    same && text(vpa, "/spec/updatePolicy/updateMode") != "Off"
}
