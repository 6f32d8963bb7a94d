//! Autoscalers that scale the workload, and disruption budgets that cover its pods.

use super::answer::{Refusal, items, number, object, text, word};
use super::{get, list_of, path_of, selector};
use nightshift_model::effect::Accept;
use nightshift_model::evidence::Disruption;
use nightshift_model::{ObjectRef, Observed, RawPart, Read};
use serde_json::Value;

/// Objects asked for of each kind.
const LIMIT: &str = "100";

pub(super) fn reads(target: &ObjectRef) -> Vec<Read> {
    let list = |api: &str, plural: &str| {
        get(list_of(api, &target.namespace, plural), &[("limit", LIMIT)], Accept::Json)
    };
    let reads = [
        get(path_of(target), &[], Accept::Json),
        list("/apis/autoscaling/v2", "horizontalpodautoscalers"),
        list("/apis/policy/v1", "poddisruptionbudgets"),
    ];
    let complete = reads.iter().all(|r| !r.is_empty());
    reads.into_iter().flatten().filter(|_| complete).collect()
}

pub(super) fn observe(parts: &[RawPart], target: &ObjectRef) -> Result<Observed, Refusal> {
    let workload = object(parts, 0, &target.name, &target.uid)?;
    let labels = workload.pointer("/spec/template/metadata/labels");
    let autoscalers = items(parts, 1)?.iter().filter(|a| scales(a, target)).map(autoscaler).collect();
    let covers = |budget: &&Value| selector::matches(budget.pointer("/spec/selector"), labels);
    let all = items(parts, 2)?;
    let covering: Vec<&Value> = all.iter().filter(covers).collect();
    let broken = covering.iter().filter(|b| is_broken(b)).map(|b| word(text(b, "/metadata/name"))).collect();
    let budgets = covering.into_iter().map(budget).collect();
    Ok(Observed::Disruption(Disruption { autoscalers, budgets, broken }))
}

fn scales(autoscaler: &Value, target: &ObjectRef) -> bool {
    let wanted = |field: &str| text(autoscaler, &format!("/spec/scaleTargetRef/{field}"));
    let group = wanted("apiVersion").split('/').next();
    group == Some("apps") && wanted("kind") == target.kind.as_str() && wanted("name") == target.name
}

fn autoscaler(autoscaler: &Value) -> String {
    let least =
        autoscaler.pointer("/spec/minReplicas").map_or(1, |_| number(autoscaler, "/spec/minReplicas"));
    let most = number(autoscaler, "/spec/maxReplicas");
    word(&format!("{} {least}-{most}", text(autoscaler, "/metadata/name")))
}

/// Whether it wants more healthy pods than there are. Then even a pod that is not Ready must stay, unless it says otherwise.
fn is_broken(budget: &Value) -> bool {
    let short = number(budget, "/status/currentHealthy") < number(budget, "/status/desiredHealthy");
    short && text(budget, "/spec/unhealthyPodEvictionPolicy") != "AlwaysAllow"
}

fn budget(budget: &Value) -> String {
    let allowed = number(budget, "/status/disruptionsAllowed");
    word(&format!("{} disruptionsAllowed={allowed}", text(budget, "/metadata/name")))
}
