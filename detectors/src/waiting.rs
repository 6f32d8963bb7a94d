//! Containers that wait, for every detector whose reason is the kubelet's own word.

use crate::catalog::Looked;
use crate::earliest;
use crate::facts::{Container, EventFacts, PodFacts, Role, State};
use crate::look::Look;
use nightshift_model::{Cause, Kind, ObjectRef, Reason, Seconds, Timestamp};

/// A container that waits for a reason that is asked for.
pub(crate) struct Waits<'a> {
    /// Its pod.
    pub pod: &'a PodFacts,
    /// The container.
    pub container: &'a Container,
    /// The kubelet's words.
    pub message: &'a str,
    /// Since when it could have run: back and forth between two words does not begin it anew.
    pub since: Timestamp,
}

/// What is made of one container that waits.
pub(crate) struct Verdict {
    /// How long it may wait.
    pub grace: Seconds,
    /// Why it does.
    pub cause: Cause,
    /// In the cluster's own words.
    pub detail: String,
    /// What a person would fix instead of the scope.
    pub blames: Option<ObjectRef>,
}

/// The first such container of each pod, pods of the newest revision first.
pub(crate) fn waiting<'a>(at: &Look<'a>, reasons: &[&str]) -> Vec<Waits<'a>> {
    let mut all = Vec::new();
    for pod in at.staying() {
        let first = pod.containers.iter().find_map(|container| match &container.state {
            State::Waiting(wait) if reasons.contains(&&*wait.reason) => Some((container, &wait.message)),
            State::Waiting(_) | State::Running { .. } | State::Terminated(_) | State::Unknown => None,
        });
        if let Some((container, message)) = first {
            all.push(Waits { pod, container, message, since: could_run(at, pod, container) });
        }
    }
    all.sort_by_key(|waits| at.age_of(waits.pod).unwrap_or(at.sets.len()));
    all
}

/// One finding for all containers that have waited longer than they may.
pub(crate) fn report<'a>(
    at: &Look<'a>,
    reason: Reason,
    all: &[Waits<'a>],
    judge: impl Fn(&Waits<'a>) -> Verdict,
) -> Looked {
    let mut looked = Looked::default();
    let mut affected = 0;
    for waits in all {
        let verdict = judge(waits);
        let due = waits.since + verdict.grace;
        if due > at.now {
            looked.recheck_at = earliest(looked.recheck_at, Some(due));
            continue;
        }
        affected += 1;
        let finding = looked.finding.get_or_insert_with(|| {
            let mut finding = at.about_pod(reason, waits.pod, waits.since);
            finding.container = waits.container.name.to_string();
            finding.cause = verdict.cause;
            finding.detail = verdict.detail;
            finding.blames = verdict.blames;
            finding
        });
        finding.since = finding.since.min(waits.since);
        finding.affected = affected;
    }
    looked
}

/// Since when nothing but its own fault has kept a container from running: its pod is there and has its node, the init
/// containers before it have ended, and its last run too.
fn could_run(at: &Look<'_>, pod: &PodFacts, container: &Container) -> Timestamp {
    let ended = |c: &Container| match &c.state {
        State::Terminated(end) => end.finished,
        State::Running { .. } | State::Waiting(_) | State::Unknown => None,
    };
    let before = pod.containers.iter().take_while(|c| c.name != container.name);
    let before = before.filter(|c| c.role == Role::Init).filter_map(ended);
    let last = container.last.as_ref().and_then(|end| end.finished);
    placed_at(at, pod).into_iter().chain(before).chain(last).max().unwrap_or(at.now)
}

/// When a pod had its node: its containers could be made from then on.
pub(crate) fn placed_at(at: &Look<'_>, pod: &PodFacts) -> Option<Timestamp> {
    let scheduled = pod.scheduled.since.filter(|_| !pod.node.is_empty());
    pod.meta.created.max(scheduled).or_else(|| at.view.first_seen(&pod.meta.uid))
}

/// Events about a pod with one of these reasons.
pub(crate) fn events<'a>(
    at: &Look<'a>,
    pod: &PodFacts,
    reasons: &'static [&'static str],
) -> impl Iterator<Item = &'a EventFacts> + use<'a> {
    at.view.events_about(&pod.meta.uid).filter(move |event| reasons.contains(&&*event.reason))
}

/// The newest of them.
pub(crate) fn newest<'a>(events: impl Iterator<Item = &'a EventFacts>) -> Option<&'a EventFacts> {
    events.max_by(|a, b| (a.last, &a.meta.uid).cmp(&(b.last, &b.meta.uid)))
}

/// The ConfigMap, Secret or claim that a message says is not there, or lacks a key: blamed only by its own kind of
/// sentence, in the pod's own namespace, and if the name can be one.
pub(crate) fn missing(pod: &PodFacts, message: &str) -> Option<(Cause, Option<ObjectRef>)> {
    let blamed = |kind: &str, name: &str| {
        let kind = Kind::parse(kind);
        is_name(name).then(|| ObjectRef::new(kind, &pod.meta.namespace, name, ""))
    };
    let quoted = |before: &str| {
        let name = after(message, before)?.split_once('"')?;
        name.1.trim_start().starts_with("not found").then_some(name.0)
    };
    if let Some(name) = quoted("configmap \"") {
        return Some((Cause::MissingConfigMap, blamed("ConfigMap", name)));
    }
    if let Some(name) = quoted("secret \"") {
        return Some((Cause::MissingSecret, blamed("Secret", name)));
    }
    // couldn't find key K in Secret NAMESPACE/NAME
    if message.contains("couldn't find key ") {
        for kind in ["ConfigMap", "Secret"] {
            let Some(rest) = after(message, &format!(" in {kind} {}/", pod.meta.namespace)) else { continue };
            let name = rest.split([' ', ',', ';', ')']).next().unwrap_or_default();
            return Some((Cause::MissingKey, blamed(kind, name)));
        }
    }
    let key = ["references non-existent config key", "references non-existent secret key"];
    key.iter().any(|words| message.contains(words)).then_some((Cause::MissingKey, None))
}

/// What follows the first `mark`.
pub(crate) fn after<'t>(text: &'t str, mark: &str) -> Option<&'t str> {
    text.split_once(mark).map(|(_, rest)| rest)
}

/// Whether a text can be the name of an object.
pub(crate) fn is_name(text: &str) -> bool {
    let ends = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let within = |c: u8| ends(c) || c == b'-' || c == b'.';
    let bytes = text.as_bytes();
    (1..=253).contains(&bytes.len())
        && bytes.iter().all(|c| within(*c))
        && bytes.first().copied().is_some_and(ends)
        && bytes.last().copied().is_some_and(ends)
}

#[cfg(test)]
mod tests;
