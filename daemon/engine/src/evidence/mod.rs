//! The diagnosis tools: which requests a question makes, and what its raw answers say.
//!
//! Every tool is a file with two functions, `reads` and `observe`. Tools are scoped and read-only; Secrets are
//! never asked for, ConfigMaps never with their data. All text of an answer is redacted, capped and made visible
//! here, before anything else sees it.

mod answer;
mod changes;
pub(crate) mod dependencies;
mod disruption;
mod events;
mod gitops;
mod healthy;
mod job;
mod memory;
mod node;
pub(crate) mod pods;
mod previous_log;
mod query;
mod rollouts;
pub(crate) mod selector;
mod service;
mod template;
mod workload;
mod writer;

pub(crate) use answer::text;
use answer::{Refusal, clean};
use nightshift_model::effect::Accept;
use nightshift_model::{
    Evidence, EvidenceRequest, Got, NotChecked, ObjectRef, Observed, Raw, Read, Seconds, Timestamp, Tool,
};

/// What one round of questions may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Requests.
    pub calls: u32,
    /// Bytes of answers.
    pub bytes: usize,
    /// Time from the first request on.
    pub seconds: Seconds,
}

/// The budget of one incident's investigation; what goes beyond it is not checked, and says so.
pub const BUDGET: Budget = Budget { calls: 40, bytes: 4 << 20, seconds: Seconds(30) };

/// Longest description of a source.
const SOURCE: usize = 400;

/// The requests of a question, in order. None when it cannot be asked: a name in it is none of Kubernetes'.
pub fn reads(request: &EvidenceRequest) -> Vec<Read> {
    match &request.tool {
        Tool::Workload { target } => workload::reads(target),
        Tool::Pods { target, selector } => pods::reads(target, selector),
        Tool::PreviousLog { pod, container } => previous_log::reads(pod, container),
        Tool::Log { pod, container } => previous_log::present(pod, container),
        Tool::Service { namespace, host } => service::reads(namespace, host),
        Tool::Events { about } => events::reads(about),
        Tool::Rollouts { target, selector } => rollouts::reads(target, selector),
        Tool::Node { name } => node::reads(name),
        Tool::Job { target } => job::reads(target),
        Tool::Disruption { target } => disruption::reads(target),
        Tool::Memory { target, .. } => memory::reads(target),
        Tool::GitOps { owner } => gitops::reads(owner),
        Tool::Changes { target, config_maps } => changes::reads(target, config_maps),
        Tool::Healthy { target } => healthy::reads(target),
        Tool::Query { promql, .. } => query::reads(promql),
    }
}

/// Reads the raw answers to a question. Never fails: what cannot be read is evidence of its own.
pub fn read(request: &EvidenceRequest, raw: &Raw, at: Timestamp) -> Evidence {
    let asked = reads(request);
    let got = if asked.is_empty() {
        Err((
            NotChecked::Unreadable,
            "a name in the question is empty or not one that Kubernetes gives".to_owned(),
        ))
    } else {
        observe(&request.tool, raw)
    };
    Evidence {
        id: request.id,
        tool: request.tool.clone(),
        source: source(&request.tool, &asked),
        at,
        got: match got {
            Ok(observed) => Got::Facts(observed),
            Err((why, detail)) => Got::NotChecked { why, detail },
        },
    }
}

fn observe(tool: &Tool, raw: &Raw) -> Result<Observed, Refusal> {
    let parts = raw.parts.as_slice();
    match tool {
        Tool::Workload { target } => workload::observe(parts, target),
        Tool::Pods { target, .. } => pods::observe(parts, target),
        Tool::PreviousLog { .. } => previous_log::observe(parts),
        Tool::Log { .. } => previous_log::observe_present(parts),
        Tool::Service { namespace, host } => service::observe(parts, namespace, host),
        Tool::Events { .. } => events::observe(parts),
        Tool::Rollouts { target, .. } => rollouts::observe(parts, target),
        Tool::Node { name } => node::observe(parts, name),
        Tool::Job { target } => job::observe(parts, target),
        Tool::Disruption { target } => disruption::observe(parts, target),
        Tool::Memory { target, container } => memory::observe(parts, target, container),
        Tool::GitOps { owner } => gitops::observe(parts, owner),
        Tool::Changes { target, config_maps } => Ok(changes::observe(parts, target, config_maps)),
        Tool::Healthy { target } => healthy::observe(parts, target),
        Tool::Query { .. } => query::observe(parts),
    }
}

/// Where the answers come from, as a person would type it.
fn source(tool: &Tool, asked: &[Read]) -> String {
    if let Tool::PreviousLog { pod, container } | Tool::Log { pod, container } = tool {
        let previous = if matches!(tool, Tool::Log { .. }) { "" } else { " --previous" };
        return clean(&format!("log {}/{} {container}{previous}", pod.namespace, pod.name), SOURCE);
    }
    let all: Vec<String> = asked.iter().map(one_source).collect();
    clean(&all.join(", "), SOURCE)
}

fn one_source(read: &Read) -> String {
    match read {
        Read::Get { path, query, .. } if query.is_empty() => format!("GET {path}"),
        Read::Get { path, query, .. } => {
            let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("GET {path}?{}", query.join("&"))
        }
        Read::Query { promql } => format!("query {promql}"),
        Read::Healthy { workload } => format!("history of {workload}"),
        Read::Incidents => "open incidents".to_owned(),
    }
}

/// A GET, if its path can be built from names that Kubernetes gives.
fn get(path: Option<String>, query: &[(&str, &str)], accept: Accept) -> Vec<Read> {
    let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    path.map(|path| Read::Get { path, query, accept }).into_iter().collect()
}

/// Path of an object, if its names may stand in one.
fn path_of(object: &ObjectRef) -> Option<String> {
    let namespaced = object.namespace.is_empty() || segment(&object.namespace);
    (namespaced && segment(&object.name)).then(|| object.path()).flatten()
}

/// Path of a namespace's objects of one kind.
fn list_of(api: &str, namespace: &str, plural: &str) -> Option<String> {
    segment(namespace).then(|| format!("{api}/namespaces/{namespace}/{plural}"))
}

/// Whether a name may be a segment of a path: names also come from annotations, which anybody may write.
pub(crate) fn segment(name: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    name.len() <= 253
        && edge(name.as_bytes().first())
        && edge(name.as_bytes().last())
        && !name.contains("..")
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
}

#[cfg(test)]
mod tests;
