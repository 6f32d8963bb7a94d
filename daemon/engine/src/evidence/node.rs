//! Conditions of the node that a pod runs on.

use super::answer::{Refusal, flag, list, object, text, word};
use super::{get, path_of};
use crate::seal::is_ready;
use nightshift_model::effect::Accept;
use nightshift_model::evidence::NodeFacts;
use nightshift_model::{Kind, ObjectRef, Observed, RawPart, Read};
use serde_json::Value;

/// Most problems that are kept.
const PROBLEMS: usize = 20;

pub(super) fn reads(name: &str) -> Vec<Read> {
    get(path_of(&ObjectRef::new(Kind::Node, "", name, "")), &[], Accept::Json)
}

pub(super) fn observe(parts: &[RawPart], name: &str) -> Result<Observed, Refusal> {
    let node = object(parts, 0, name, "")?;
    let conditions = list(&node, "/status/conditions");
    let ready = is_ready(&node);
    let cordoned = flag(&node, "/spec/unschedulable");
    let taints = list(&node, "/spec/taints").iter().filter(|t| text(t, "/effect") != "PreferNoSchedule");
    let problems = conditions
        .iter()
        .filter_map(problem)
        .chain(taints.map(|t| word(&format!("taint {}:{}", text(t, "/key"), text(t, "/effect")))))
        .take(PROBLEMS)
        .collect();
    let images = u32::try_from(list(&node, "/status/images").len()).unwrap_or(u32::MAX);
    Ok(Observed::Node(NodeFacts { name: word(name), ready, cordoned, problems, images }))
}

/// A condition that is not as it should be: Ready must be True, all others False.
fn problem(condition: &Value) -> Option<String> {
    let (kind, status) = (text(condition, "/type"), text(condition, "/status"));
    let good = if kind == "Ready" { "True" } else { "False" };
    let line = format!("{kind}={status} {}", text(condition, "/reason"));
    (status != good).then(|| word(line.trim_end()))
}
